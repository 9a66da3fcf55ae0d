//! The digests by which a token names the key its caller must show (RFC 7800).

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The RFC 7638 thumbprint of a key, by SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Reads the base64url form, as in `jkt` (RFC 9449 section 6.1).
    pub fn parse(text: &str) -> Option<Self> {
        decode_digest(text).map(Thumbprint)
    }

    /// Of a key in the canonical form of RFC 7638 section 3.
    pub(super) fn of_canonical(jwk: &str) -> Self {
        Thumbprint(sha256(jwk.as_bytes()))
    }

    /// The digest itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The base64url form.
impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

/// The SHA-256 thumbprint of a certificate, as in `x5t#S256` (RFC 8705 section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertificateThumbprint([u8; 32]);

impl CertificateThumbprint {
    /// Of a certificate in DER.
    pub fn of_der(certificate: &[u8]) -> Self {
        CertificateThumbprint(sha256(certificate))
    }

    /// Reads the base64url form.
    pub fn parse(text: &str) -> Option<Self> {
        decode_digest(text).map(CertificateThumbprint)
    }
}

/// The base64url form.
impl fmt::Display for CertificateThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for CertificateThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateThumbprint({self})")
    }
}

fn sha256(data: &[u8]) -> [u8; 32] {
    let mut octets = [0; 32];
    octets.copy_from_slice(digest(&SHA256, data).as_ref());
    octets
}

/// A SHA-256 digest from its base64url form, which has one spelling only.
fn decode_digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut digest) {
        Ok(32) => Some(digest),
        _ => None,
    }
}
