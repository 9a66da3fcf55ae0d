//! The questions the harness puts to portcullis-core, one function each.
//!
//! The core has no modules to answer them yet: each function says [`NotJudged`] until it has, and a
//! run with vectors that were not judged fails.

/// What the core said.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "nothing answers yet; goes with the first answer")
)]
pub(super) enum Verdict {
    Accepted,
    Refused(String),
    /// Taken here and not readable by a lenient parser: no expectation allows that.
    Split,
}

/// Nobody was asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotJudged;

pub(super) type Judged = Result<Verdict, NotJudged>;

/// Does a token in compact serialization verify under a JWKS document?
///
/// To be: `jws::Compact::parse`, then `keys::KeySet::parse(keys).find(kid, alg)`, then `verify`.
pub(super) fn compact(_token: &str, _keys: &[u8]) -> Judged {
    Err(NotJudged)
}

/// Is the signature good for the message under this JWK and algorithm name?
///
/// To be: `keys::PublicKey::from_jwk(jwk)`, `allows(alg)`, `verify(alg, message, signature)`.
pub(super) fn signature(
    _jwk: &[u8],
    _algorithm: &str,
    _message: &[u8],
    _signature: &[u8],
) -> Judged {
    Err(NotJudged)
}

/// Is a JWK a public key that tokens may be verified with?
///
/// To be: `keys::PublicKey::from_jwk(jwk)`.
pub(super) fn key(_jwk: &[u8]) -> Judged {
    Err(NotJudged)
}

/// Is a text the one JSON value everybody would read?
///
/// To be: the strict reader of `portcullis_core::json`, through whatever is public of it.
pub(super) fn json(_text: &[u8]) -> Judged {
    Err(NotJudged)
}
