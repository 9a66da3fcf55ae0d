//! Asking an issuer about a token that only it can read, or that it may have revoked (RFC 7662).
//!
//! * [`Introspect`] – the seam: who is asked
//! * [`Introspection`] – an endpoint on the network
//! * [`Inquiry`] – asks about each token once at a time, and remembers for a moment which are not active
//! * `breaker` – an endpoint that fails is left alone for a while
//!
//! Good answers are kept by whoever keeps verified tokens, since both end alike.

mod breaker;
mod inquiry;
mod remote;

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use portcullis_core::secret::Secret;

pub use self::inquiry::Inquiry;
pub use self::remote::{ClientAuth, Endpoint, Introspection};
use crate::Unavailable;

/// Who knows about tokens that cannot be read here.
pub trait Introspect: Send + Sync {
    /// The body of a successful answer about this access token, to be judged.
    fn ask<'a>(&'a self, token: &'a Secret) -> Asking<'a>;
}

/// What [`Introspect::ask`] comes to.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Bytes, Unavailable>> + Send + 'a>>;

/// When an issuer is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// About tokens that cannot be read here.
    Opaque,
    /// About every token: one that is good by its signature may have been revoked.
    Always,
}
