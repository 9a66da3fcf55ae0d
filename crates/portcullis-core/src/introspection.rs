//! Introspection answers (RFC 7662): the issuer's word about a token we cannot read.
//!
//! An answer is judged by the same function and the same [`Expectation`] as a signed token. Three things
//! differ. What the answer leaves out may be known from the question. An issuer answers about refresh
//! tokens as well, and some about ID tokens, so whatever tells them apart is looked at. And an answer that
//! is no answer is the issuer's fault and not the caller's, so that nobody is told that his token is bad
//! because an issuer is.

use std::sync::Arc;

use crate::bearer::TokenHash;
use crate::json::{Document, Flaw, Item};
use crate::time::UnixTime;
use crate::token::{Expectation, Origin, Refusal, VerifiedToken, accept};

/// Longer answers are refused unread.
pub const MAX_ANSWER: usize = 64 * 1024;

/// What an introspection answer comes to, where it is not a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The token is not accepted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The answer says nothing about the token: the issuer's fault, and no verdict.
    #[error("the introspection answer is unusable: {0}")]
    Answer(BadAnswer),
}

/// Why an answer says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadAnswer {
    /// Longer than [`MAX_ANSWER`].
    #[error("longer than {MAX_ANSWER} bytes")]
    TooLong,
    /// Not the one JSON object everybody would read.
    #[error("not a strict JSON object: {0}")]
    Json(Flaw),
    /// No `active`, or one that is not a boolean (RFC 7662 section 2.2 requires it).
    #[error("no boolean member active")]
    Active,
}

/// Judges the body of a successful introspection response.
///
/// The caller has asked `expectation`'s issuer, over an authenticated channel, about the token that was
/// `presented`.
pub fn judge(
    answer: &[u8],
    presented: TokenHash,
    expectation: &Arc<Expectation>,
    now: UnixTime,
) -> Result<VerifiedToken, Failure> {
    let (claims, is_active) = read(answer).map_err(Failure::Answer)?;
    if !is_active {
        return Err(Failure::Refused(Refusal::Inactive));
    }
    Ok(accept(claims, expectation, now, presented, Origin::Introspected)?)
}

/// Whether the answer says that the token is active: all there is to ask about a token that was verified by
/// its signature, and may have been revoked since.
pub fn is_active(answer: &[u8]) -> Result<bool, BadAnswer> {
    read(answer).map(|(_, is_active)| is_active)
}

fn read(answer: &[u8]) -> Result<(Document, bool), BadAnswer> {
    if answer.len() > MAX_ANSWER {
        return Err(BadAnswer::TooLong);
    }
    let claims = Document::read(answer.to_vec()).map_err(BadAnswer::Json)?;
    let is_active = claims.root().get("active").and_then(Item::as_bool);
    Ok((claims, is_active.ok_or(BadAnswer::Active)?))
}
