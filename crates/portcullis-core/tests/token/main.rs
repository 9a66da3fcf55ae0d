//! Access tokens: what is accepted, and every reason for which one is not.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::needless_raw_string_hashes,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

use std::sync::Arc;
use std::time::Duration;

use portcullis_core::json::Flaw;
use portcullis_core::jws::{self, Algorithm};
use portcullis_core::keys::{KeySet, NoMatch};
use portcullis_core::scope::{Entitlements, Role, Scope, ScopeSet};
use portcullis_core::time::UnixTime;
use portcullis_core::token::{
    ClaimPath, Class, Confirmation, Expectation, InvalidPath, Refusal, Unverified, VerifiedToken,
    looks_like_jwt,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, Proof, Signer, TestKey, claims, claims_with, jwks};

mod examples;
mod grants;
mod looks;
mod purpose;
mod robustness;
mod validity;
mod vendors;

const SKEW: u64 = 30;

fn expectation() -> Expectation {
    expectation_of(ISSUER, AUDIENCE)
}

fn expectation_of(issuer: &str, resource: &str) -> Expectation {
    Expectation::new(issuer.parse().unwrap(), resource.parse().unwrap())
}

fn at(now: u64) -> UnixTime {
    UnixTime::from_secs(now)
}

fn path(names: &[&str]) -> ClaimPath {
    ClaimPath::new(names.iter().copied()).unwrap()
}

fn judge_at(now: u64, token: &str, expectation: Expectation) -> Result<VerifiedToken, Refusal> {
    let keys = KeySet::parse(expectation.issuer().clone(), &jwks(&TestKey::USABLE)).unwrap();
    Unverified::parse(token)?.verify(&keys, &Arc::new(expectation), at(now))
}

fn judge(token: &str, expectation: Expectation) -> Result<VerifiedToken, Refusal> {
    judge_at(NOW, token, expectation)
}

/// The baseline token with some claims changed, under the plain expectation.
fn with(changes: &Value) -> Result<VerifiedToken, Refusal> {
    judge(&signer().sign(&claims_with(changes)), expectation())
}

fn signer() -> Signer {
    Signer::new(TestKey::Ed25519)
}

/// A token of these exact payload octets, honestly signed.
fn payload(text: impl AsRef<[u8]>) -> Result<VerifiedToken, Refusal> {
    judge(&signer().sign_payload(text), expectation())
}
