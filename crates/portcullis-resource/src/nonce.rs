//! Nonces for DPoP proofs (RFC 9449 section 9), which nobody has to remember.
//!
//! A proof that must hold a nonce of ours cannot be made ahead of time, by whoever had a moment with the key.
//! The nonce of a period follows from a key and the number of the period, so that every gateway with the key
//! gives out the same and takes what another one gave. A nonce is taken in its own period and the next one.

use std::fmt;

use aws_lc_rs::hmac;
use http::HeaderValue;
use portcullis_core::time::UnixTime;

/// How long a nonce is the current one, in seconds. It is good for as long again.
const PERIOD: u64 = 120;

/// Bytes of a nonce, of which each is two digits.
const LENGTH: usize = 16;

/// Makes nonces.
pub struct Nonces(hmac::Key);

/// The nonces that are taken at one moment.
pub(crate) struct Fresh([String; 2]);

impl Nonces {
    /// By this key, which whoever shares a resource has to share. It must come from a random source.
    pub fn new(key: &[u8; 32]) -> Nonces {
        Nonces(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    pub(crate) fn fresh(&self, now: UnixTime) -> Fresh {
        let period = now.as_secs() / PERIOD;
        Fresh([self.of(period), self.of(period.saturating_sub(1))])
    }

    /// The nonce that a client is told.
    pub(crate) fn current(&self, now: UnixTime) -> Option<HeaderValue> {
        HeaderValue::try_from(self.of(now.as_secs() / PERIOD)).ok()
    }

    fn of(&self, period: u64) -> String {
        let tag = hmac::sign(&self.0, &period.to_be_bytes());
        let digit = |nibble| char::from_digit(u32::from(nibble), 16);
        let bytes = tag.as_ref().iter().take(LENGTH);
        bytes.flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
    }
}

impl Fresh {
    pub(crate) fn as_strs(&self) -> [&str; 2] {
        self.0.each_ref().map(String::as_str)
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(..)")
    }
}
