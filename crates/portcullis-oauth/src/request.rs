//! A request to an authorization server, as plain data for whoever has a connection.

use bytes::Bytes;
use http::HeaderValue;

use crate::form::Form;

/// A form to be posted, and how the client says who it is.
///
/// What comes back is JSON, so whoever sends it asks for `application/json`, and follows no redirect: it
/// would carry the credentials elsewhere.
#[derive(Debug)]
pub struct Request {
    pub(crate) url: String,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) form: Form,
}

impl Request {
    /// Where it goes: an endpoint as the issuer published it, byte for byte.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The `Authorization` header, marked as sensitive.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The body, of type `application/x-www-form-urlencoded`.
    pub fn body(&self) -> Bytes {
        self.form.to_body()
    }
}
