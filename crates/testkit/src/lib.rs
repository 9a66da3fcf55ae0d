//! Keys, an independent signer, hostile requests and readers of every manner for the tests of Portcullis.
//!
//! Nothing here uses Portcullis' own code: signatures come from `jsonwebtoken` (ES512, which it lacks,
//! from `aws-lc-rs`), and the compact form is put together here, so that a test can make every kind of
//! malformed token and a mistake on one side is not mirrored on the other.
//!
//! All keys are fixed, public and worthless: TEST ONLY.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::missing_panics_doc,
    reason = "test support: what is wrong here is wrong in a test"
)]

#[cfg(feature = "tls")]
pub mod authority;
pub mod hostile;
mod key;
pub mod lenient;
pub mod reference;
#[cfg(feature = "server")]
pub mod server;
mod signer;
#[cfg(feature = "tls")]
pub mod tls;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub use key::TestKey;
pub use signer::{Proof, Signer, read_signed};

/// The issuer of [`claims`].
pub const ISSUER: &str = "https://idp.example.com";

/// The audience of [`claims`].
pub const AUDIENCE: &str = "https://mcp.example.com/mcp";

/// The moment at which the tests take place: 2026-11-20T00:00:00Z.
pub const NOW: u64 = 1_795_132_800;

/// The claims of a valid access token (RFC 9068): issued a minute before [`NOW`], good for an hour.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "sub": "alice",
        "aud": AUDIENCE,
        "exp": NOW + 3540,
        "iat": NOW - 60,
        "jti": "5b1f7c1e-8c1d-4b1e-9a51-3f0f5f1f2f10",
        "client_id": "inspector",
        "scope": "files:read files:write",
    })
}

/// [`claims`] with some replaced, and those that are replaced by `null` left out.
pub fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

/// A JWK Set of the public halves of these keys.
pub fn jwks(keys: &[TestKey]) -> Vec<u8> {
    let keys: Vec<_> = keys.iter().map(|key| key.public_jwk()).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}

/// Base64url without padding.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// DER as text (RFC 7468).
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
    let lines: String = lines.collect();
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}

/// Three parts put together as they are.
pub fn compact(
    header_json: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
    signature: impl AsRef<[u8]>,
) -> String {
    [base64url(header_json), base64url(payload), base64url(signature)].join(".")
}

/// SHA-256 of a text in base64url, which is what `ath` is made of.
pub fn sha256_base64url(text: &str) -> String {
    base64url(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}
