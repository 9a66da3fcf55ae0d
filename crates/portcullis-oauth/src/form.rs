//! Bodies of `application/x-www-form-urlencoded`, which all requests to an authorization server have.

use std::fmt;

use bytes::Bytes;
use form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// A form on its way to an authorization server. What is in it is a secret more often than not, so it is
/// shown by the names of its members only, and wiped when it is dropped.
#[derive(Default)]
pub struct Form {
    body: Zeroizing<String>,
    names: Vec<&'static str>,
}

impl Form {
    /// With one more parameter. RFC 6749 section 3.2: none may stand twice, so whoever builds a request
    /// names each once.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        debug_assert!(!self.names.contains(&name), "{name} stands twice");
        if !self.names.is_empty() {
            self.body.push('&');
        }
        self.body.push_str(name);
        self.body.push('=');
        self.body.extend(byte_serialize(value.as_bytes()));
        self.names.push(name);
        self
    }

    /// The body to send.
    pub fn to_body(&self) -> Bytes {
        Bytes::copy_from_slice(self.body.as_bytes())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Form").field(&self.names).finish()
    }
}

/// A text in the encoding of forms, by itself.
pub(crate) fn encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(byte_serialize(text.as_bytes()).collect())
}
