//! The questions the harness puts to portcullis-core, one function each.

use std::fmt::Display;

use portcullis_core::id::Issuer;
use portcullis_core::json;
use portcullis_core::jws::{Algorithm, Compact};
use portcullis_core::keys::{KeySet, PublicKey};

/// What the core said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Refused(String),
    /// Taken here and not readable by a lenient parser: no expectation allows that.
    Split,
}

fn verdict<T, E: Display>(result: Result<T, E>) -> Verdict {
    result.map_or_else(|refusal| Verdict::Refused(refusal.to_string()), |_| Verdict::Accepted)
}

/// Does a token in compact serialization verify under a JWKS document?
pub(super) fn compact(token: &str, keys: &[u8]) -> Verdict {
    let compact = match Compact::parse(token) {
        Ok(compact) => compact,
        Err(refusal) => return Verdict::Refused(refusal.to_string()),
    };
    // The vectors name no issuer; any one will do.
    let Ok(issuer) = Issuer::parse("https://vectors.example.com") else {
        return Verdict::Refused("no issuer".to_owned());
    };
    let keys = match KeySet::parse(issuer, keys) {
        Ok(keys) => keys,
        Err(error) => return Verdict::Refused(error.to_string()),
    };
    match keys.find(compact.kid(), compact.algorithm()) {
        Ok(key) => verdict(compact.verify(key)),
        Err(no_match) => Verdict::Refused(no_match.to_string()),
    }
}

/// Is the signature good for the message under this JWK and algorithm name?
pub(super) fn signature(jwk: &[u8], algorithm: &str, message: &[u8], signature: &[u8]) -> Verdict {
    let Some(algorithm) = Algorithm::from_name(algorithm) else {
        return Verdict::Refused(format!("no algorithm {algorithm}"));
    };
    match PublicKey::from_jwk(jwk) {
        Ok(key) => verdict(key.verify(algorithm, message, signature)),
        Err(unusable) => Verdict::Refused(unusable.to_string()),
    }
}

/// Is a JWK a public key that tokens may be verified with?
pub(super) fn key(jwk: &[u8]) -> Verdict {
    verdict(PublicKey::from_jwk(jwk))
}

/// Is a text the one JSON value everybody would read?
pub(super) fn json(text: &[u8]) -> Verdict {
    verdict(json::check(text))
}
