//! JSON Web Signatures in compact serialization (RFC 7515), read as narrowly as OAuth needs them.
//!
//! The format lets a token say how it wants to be verified: with which algorithm, whose key, which
//! extensions. Most token forgeries of the past were such wishes granted. So a [`Compact`] exists only
//! for a text that asks for nothing unusual; what is left to do is arithmetic with a key somebody else
//! chose. Everything here comes before any cryptography, and the lengths are checked first of all.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memchr_iter;

use crate::json::{At, Document, Flaw, Item};
pub use crate::keys::Algorithm;
use crate::keys::{PublicKey, Unusable, VerifyError};

/// Longer tokens are refused unread. HTTP servers commonly stop at 8 to 16 KiB of headers anyway.
pub const MAX_LENGTH: usize = 16 * 1024;

/// One of the three parts of a compact JWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The protected header.
    Header,
    /// The payload.
    Payload,
    /// The signature.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Header => "header",
            Part::Payload => "payload",
            Part::Signature => "signature",
        })
    }
}

/// Why a text is not a signature to rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Longer than [`MAX_LENGTH`].
    #[error("the token is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// Five parts: an encrypted token (RFC 7516).
    #[error("the token is encrypted (JWE)")]
    Encrypted,
    /// Not three parts.
    #[error("the token does not have three parts")]
    Parts,
    /// Padding, characters of another alphabet, or bits that encode nothing.
    #[error("the {0} is not canonical base64url")]
    Base64(Part),
    /// The header is not the one JSON object everybody would read.
    #[error("the header is not a strict JSON object: {0}")]
    Header(Flaw),
    /// A header parameter of the wrong JSON type.
    #[error("the header parameter {0} is of the wrong type")]
    ParameterType(&'static str),
    /// No `alg`.
    #[error("the header names no algorithm")]
    AlgorithmMissing,
    /// `alg` is `none` in some spelling: no signature at all.
    #[error("the token asks to be taken unsigned")]
    AlgorithmNone,
    /// An HMAC: whoever can verify could have signed, and a public key would serve as the secret.
    #[error("the token is authenticated with a symmetric algorithm")]
    AlgorithmSymmetric,
    /// Any other `alg` Portcullis does not implement.
    #[error("the algorithm is unknown")]
    AlgorithmUnknown,
    /// `crit`: an extension that must be understood, and none is (RFC 7515 section 4.1.11).
    #[error("the header demands an extension (crit)")]
    Critical,
    /// `b64`, the unencoded payload of RFC 7797.
    #[error("the header changes how the payload is encoded (b64)")]
    Unencoded,
    /// A token that brings the key to verify it with: `jwk`, `jku`, `x5c` or `x5u`.
    #[error("the header brings its own key ({0})")]
    KeyInHeader(&'static str),
    /// `enc` or `zip`, which mean something in encrypted tokens only.
    #[error("the header parameter {0} has no place in a signed token")]
    Encryption(&'static str),
    /// `cty` says that the payload is a token in turn (RFC 7519 section 5.2).
    #[error("the payload is another token")]
    Nested,
    /// A proof without the key it is to be verified with (RFC 9449 section 4.2).
    #[error("the header brings no key")]
    KeyMissing,
    /// The key a proof brings cannot be used.
    #[error("the key in the header cannot be used: {0}")]
    HeaderKey(Unusable),
    /// The key must not be used with this algorithm.
    #[error("the key is not for this algorithm")]
    KeyAlgorithm,
    /// The signature is not as long as algorithm and key make it.
    #[error("the signature has the wrong length")]
    SignatureLength,
    /// The signature is not one of this key over these bytes.
    #[error("the signature does not verify")]
    Signature,
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Algorithm => Refusal::KeyAlgorithm,
            VerifyError::Length => Refusal::SignatureLength,
            VerifyError::Signature => Refusal::Signature,
        }
    }
}

/// A compact JWS taken apart and decoded, its signature not yet verified.
pub struct Compact<'t> {
    signed: &'t str,
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// A header that has passed.
struct Header {
    members: Document,
    algorithm: Algorithm,
    typ: Option<At>,
    kid: Option<At>,
}

impl<'t> Compact<'t> {
    /// Takes a token apart. One that brings a key of its own is refused.
    pub fn parse(text: &'t str) -> Result<Self, Refusal> {
        Self::read(text, |header| match header.get("jwk") {
            None => Ok(()),
            Some(_) => Err(Refusal::KeyInHeader("jwk")),
        })
        .map(|(compact, ())| compact)
    }

    /// Takes a proof of possession apart, which must bring the public key it is signed with as `jwk`
    /// (RFC 7515 section 4.1.3, RFC 9449 section 4.2).
    ///
    /// That key proves nothing by itself: whoever calls this compares its thumbprint with one that an
    /// issuer vouched for.
    pub fn parse_with_jwk(text: &'t str) -> Result<(Self, PublicKey), Refusal> {
        Self::read(text, |header| match header.get("jwk") {
            None => Err(Refusal::KeyMissing),
            Some(jwk) if jwk.is_object() => {
                PublicKey::from_members(jwk).map_err(Refusal::HeaderKey)
            }
            Some(_) => Err(Refusal::ParameterType("jwk")),
        })
    }

    fn read<K>(
        text: &'t str,
        key: impl FnOnce(Item<'_>) -> Result<K, Refusal>,
    ) -> Result<(Self, K), Refusal> {
        if text.len() > MAX_LENGTH {
            return Err(Refusal::TooLong);
        }
        let (signed, header, payload, signature) = split(text)?;
        let header = Header::read(decode(header, Part::Header)?)?;
        let key = key(header.members.root())?;
        // Before decoding: text of any other length never becomes bytes, let alone input of a C library.
        let (shortest, longest) = header.algorithm.signature_octets();
        if !(encoded_len(shortest)..=encoded_len(longest)).contains(&signature.len()) {
            return Err(Refusal::SignatureLength);
        }
        let signature = decode(signature, Part::Signature)?;
        let payload = decode(payload, Part::Payload)?;
        Ok((Compact { signed, header, payload, signature }, key))
    }

    /// The algorithm the token says it is signed with.
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The `typ` header parameter, as written.
    pub fn typ(&self) -> Option<&str> {
        self.header.text(self.header.typ)
    }

    /// The `kid` header parameter: a name to look up among known keys, never a place to fetch from.
    pub fn kid(&self) -> Option<&str> {
        self.header.text(self.header.kid)
    }

    /// The payload. Whoever reads it before [`Compact::verify`] reads what a stranger wrote.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload, no longer kept here. Header and signature stay, so that verifying still works.
    pub(crate) fn take_payload(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.payload)
    }

    /// Verifies the signature over header and payload with `key`.
    pub fn verify(&self, key: &PublicKey) -> Result<(), Refusal> {
        key.verify(self.header.algorithm, self.signed.as_bytes(), &self.signature)
            .map_err(Refusal::from)
    }
}

/// Shows neither payload nor signature.
impl fmt::Debug for Compact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compact")
            .field("algorithm", &self.header.algorithm)
            .field("typ", &self.typ())
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}

impl Header {
    fn read(bytes: Vec<u8>) -> Result<Self, Refusal> {
        let members = Document::read(bytes).map_err(Refusal::Header)?;
        let (mut algorithm, mut typ, mut kid) = (None, None, None);
        for (name, value) in members.root().members() {
            match name {
                "alg" => algorithm = Some(text("alg", value)?),
                "typ" => typ = text("typ", value).map(|_| Some(value.place()))?,
                "kid" => kid = text("kid", value).map(|_| Some(value.place()))?,
                "cty" if is_type(text("cty", value)?, "jwt") => return Err(Refusal::Nested),
                "crit" => return Err(Refusal::Critical),
                "b64" => return Err(Refusal::Unencoded),
                "jku" => return Err(Refusal::KeyInHeader("jku")),
                "x5c" => return Err(Refusal::KeyInHeader("x5c")),
                "x5u" => return Err(Refusal::KeyInHeader("x5u")),
                "enc" => return Err(Refusal::Encryption("enc")),
                "zip" => return Err(Refusal::Encryption("zip")),
                // Unknown parameters are ignored where `crit` does not name them (section 4.2).
                _ => {}
            }
        }
        let algorithm = accepted_algorithm(algorithm.ok_or(Refusal::AlgorithmMissing)?)?;
        Ok(Header { members, algorithm, typ, kid })
    }

    fn text(&self, at: Option<At>) -> Option<&str> {
        self.members.at(at?).as_str()
    }
}

fn accepted_algorithm(name: &str) -> Result<Algorithm, Refusal> {
    Algorithm::from_name(name).ok_or_else(|| {
        if name.eq_ignore_ascii_case("none") {
            Refusal::AlgorithmNone
        } else if name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("HS")) {
            Refusal::AlgorithmSymmetric
        } else {
            Refusal::AlgorithmUnknown
        }
    })
}

fn text<'d>(name: &'static str, value: Item<'d>) -> Result<&'d str, Refusal> {
    value.as_str().ok_or(Refusal::ParameterType(name))
}

/// The signing input, and the three parts.
fn split(text: &str) -> Result<(&str, &str, &str, &str), Refusal> {
    let mut dots = memchr_iter(b'.', text.as_bytes());
    if let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next())
        && let Some((signed, signature)) = split_at_dot(text, second)
        && let Some((header, payload)) = split_at_dot(signed, first)
    {
        return Ok((signed, header, payload, signature));
    }
    match memchr_iter(b'.', text.as_bytes()).count() {
        4 => Err(Refusal::Encrypted),
        _ => Err(Refusal::Parts),
    }
}

fn split_at_dot(text: &str, dot: usize) -> Option<(&str, &str)> {
    Some((text.get(..dot)?, text.get(dot + 1..)?))
}

fn decode(text: &str, part: Part) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Base64(part))
}

/// The length of `octets` bytes in base64url without padding.
const fn encoded_len(octets: usize) -> usize {
    (octets * 4).div_ceil(3)
}

/// Whether a `typ` or `cty` is the media type `wanted`, given without `application/`. Media types ignore
/// case (RFC 7515 section 4.1.9).
pub(crate) fn is_type(found: &str, wanted: &str) -> bool {
    short_type(found).eq_ignore_ascii_case(wanted)
}

/// A media type without the prefix `application/`, which RFC 7515 section 4.1.9 lets be left out.
pub(crate) fn short_type(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    }
}
