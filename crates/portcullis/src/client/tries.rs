//! Whether the token of a request may be looked at, and what the look came to.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portcullis_core::error::Failure;
use portcullis_core::proof;
use portcullis_core::token::Refusal;
use portcullis_resource::stranger::{Behalf, Stranger};

use super::network;
use super::rate::Failures;

/// The credentials of one request, sent from an address.
///
/// Where their token is known to be good nothing is counted, unless the proof that comes with it is bad.
#[derive(Debug)]
pub struct Try<'a> {
    failures: Option<&'a Failures>,
    address: IpAddr,
    is_taken: AtomicBool,
}

impl<'a> Try<'a> {
    /// From that address, where failures are limited.
    pub fn of(failures: Option<&'a Failures>, address: IpAddr) -> Try<'a> {
        Try { failures, address, is_taken: AtomicBool::new(false) }
    }

    /// Notes what they came to. Whoever leaves before that has had the look.
    pub fn end(&self, failure: Option<&Failure>) {
        let Some(failures) = self.failures else { return };
        match (self.is_taken.swap(false, Ordering::Relaxed), failure.is_some_and(counts)) {
            (true, false) => failures.give_back(self.address),
            // An account that is full stays as it is.
            (false, true) => drop(failures.take(self.address)),
            (true, true) | (false, false) => {}
        }
    }
}

impl Stranger for Try<'_> {
    fn may_try(&self) -> Result<Behalf, Duration> {
        if let Some(failures) = self.failures {
            failures.take(self.address)?;
            self.is_taken.store(true, Ordering::Relaxed);
        }
        Ok(Behalf(network::number(self.address)))
    }
}

/// Whether a failure counts: where a token, or a proof for one, was looked at in vain. A request without a token
/// is how every client begins, and to be sent for a nonce is how a proof does. Every token expires, and one that
/// only has expired is no stranger's: that is looked at when the signature has been, or the issuer has said so.
pub fn counts(failure: &Failure) -> bool {
    match failure {
        Failure::Proof(refusal) => *refusal != proof::Refusal::NonceRequired,
        Failure::Token(refusal) => !matches!(refusal, Refusal::Expired(_)),
        Failure::UnknownIssuer => true,
        _ => false,
    }
}
