//! An issuer that cannot be asked.

use std::sync::Arc;
use std::time::Duration;

use portcullis_core::error::Failure;
use portcullis_core::id::Issuer;

/// An issuer cannot be asked right now: no verdict about any token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{issuer}: {reason}")]
pub struct Unavailable {
    /// Which.
    pub issuer: Issuer,
    /// Why, for the log.
    pub reason: Arc<str>,
    /// When to try again.
    pub retry_after: Duration,
}

/// RS-15.
impl From<Unavailable> for Failure {
    fn from(unavailable: Unavailable) -> Self {
        let retry_after = unavailable.retry_after;
        Failure::IssuerUnavailable { detail: unavailable.to_string(), retry_after }
    }
}
