//! One public key: a JWK (RFC 7517, RFC 7518 section 6, RFC 8037) parsed once and kept.
//!
//! Parsing a key costs about as much as verifying with it, so every algorithm a key may be used with
//! has its parsed form, and the table of these forms is also the answer to which algorithms those are:
//! there is no way to verify with a key under an algorithm it was not admitted for.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::small_order;
use super::{Algorithm, Thumbprint, Unusable};
use crate::json::{Document, Flaw, Item};

/// Why a signature was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum VerifyError {
    /// The key is not for this algorithm.
    #[error("the key is not for this algorithm")]
    Algorithm,
    /// The signature is not as long as algorithm and key make it.
    #[error("the signature has the wrong length")]
    Length,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
}

/// A key that may verify signatures.
pub struct PublicKey {
    kid: Option<String>,
    /// Never empty; one entry for each algorithm this key may be used with.
    forms: Vec<(Algorithm, ParsedPublicKey)>,
    signature_len: usize,
    thumbprint: Thumbprint,
}

impl PublicKey {
    /// Reads one JWK document.
    pub fn from_jwk(document: &[u8]) -> Result<Self, Unusable> {
        match Document::read(document.to_vec()) {
            Ok(document) => Self::from_members(document.root()),
            Err(Flaw::NotAnObject) => Err(Unusable::NotAnObject),
            Err(flaw) => Err(Unusable::Json(flaw)),
        }
    }

    pub(crate) fn from_members(jwk: Item<'_>) -> Result<Self, Unusable> {
        if !jwk.is_object() {
            return Err(Unusable::NotAnObject);
        }
        let kty = text(jwk, "kty")?.ok_or(Unusable::Missing("kty"))?;
        refuse_secrets(kty, jwk)?;
        let read = match kty {
            "RSA" => rsa,
            "EC" => ec,
            "OKP" => okp,
            _ => return Err(Unusable::UnknownType),
        };
        refuse_other_purposes(jwk)?;
        let kid = text(jwk, "kid")?.map(str::to_owned);
        let only = match text(jwk, "alg")? {
            None => None,
            Some(name) => Some(Algorithm::from_name(name).ok_or(Unusable::Algorithm)?),
        };
        read(jwk, kid, only)
    }

    /// Its name in the set, where it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether signatures of this algorithm may be verified with this key.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.form(algorithm).is_some()
    }

    /// The RFC 7638 thumbprint.
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// Verifies `signature` over `message`. ECDSA signatures are r and s side by side, never DER.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        let form = self.form(algorithm).ok_or(VerifyError::Algorithm)?;
        if signature.len() != self.signature_len {
            return Err(VerifyError::Length);
        }
        // Hashed here: behind the library's door for messages a hash takes longer.
        let verified = match algorithm.digest() {
            Some(digest) => form.verify_digest_sig(&digest::digest(digest, message), signature),
            None => form.verify_sig(message, signature),
        };
        verified.map_err(|_| VerifyError::Signature)
    }

    fn form(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.forms.iter().find(|(a, _)| *a == algorithm).map(|(_, form)| form)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> =
            self.forms.iter().map(|(algorithm, _)| algorithm.as_str()).collect();
        f.debug_struct("PublicKey")
            .field("kid", &self.kid)
            .field("algorithms", &algorithms)
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

fn refuse_secrets(kty: &str, jwk: Item<'_>) -> Result<(), Unusable> {
    if kty == "oct" {
        return Err(Unusable::Symmetric);
    }
    // RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037 section 2.
    match ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
        .into_iter()
        .find(|name| jwk.get(name).is_some())
    {
        Some(name) => Err(Unusable::Private(name)),
        None => Ok(()),
    }
}

/// `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3): absent means any purpose.
fn refuse_other_purposes(jwk: Item<'_>) -> Result<(), Unusable> {
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(Unusable::Use);
    }
    if let Some(operations) = jwk.get("key_ops") {
        let operations = operations.items().ok_or(Unusable::MemberType("key_ops"))?;
        let operations: Option<Vec<_>> = operations.map(Item::as_str).collect();
        let operations = operations.ok_or(Unusable::MemberType("key_ops"))?;
        if !operations.contains(&"verify") {
            return Err(Unusable::KeyOps);
        }
    }
    Ok(())
}

fn rsa(jwk: Item<'_>, kid: Option<String>, only: Option<Algorithm>) -> Result<PublicKey, Unusable> {
    const FORMS: [(Algorithm, &RsaParameters); 6] = [
        (Algorithm::RS256, &signature::RSA_PKCS1_2048_8192_SHA256),
        (Algorithm::RS384, &signature::RSA_PKCS1_2048_8192_SHA384),
        (Algorithm::RS512, &signature::RSA_PKCS1_2048_8192_SHA512),
        (Algorithm::PS256, &signature::RSA_PSS_2048_8192_SHA256),
        (Algorithm::PS384, &signature::RSA_PSS_2048_8192_SHA384),
        (Algorithm::PS512, &signature::RSA_PSS_2048_8192_SHA512),
    ];
    let (n_text, n) = octets(jwk, "n")?;
    let (e_text, e) = octets(jwk, "e")?;
    refuse_weak_modulus(&n)?;
    refuse_weak_exponent(&e)?;
    let key = signature::RsaPublicKeyComponents { n: &n, e: &e };
    let forms = FORMS
        .into_iter()
        .filter(|(algorithm, _)| only.is_none_or(|only| only == *algorithm))
        .map(|(algorithm, parameters)| {
            let form = key.to_parsed_public_key(parameters).map_err(|_| Unusable::Modulus)?;
            Ok((algorithm, form))
        })
        .collect::<Result<_, _>>()?;
    let canonical = format!(r#"{{"e":"{e_text}","kty":"RSA","n":"{n_text}"}}"#);
    finish(kid, forms, n.len(), &canonical)
}

fn refuse_weak_modulus(n: &[u8]) -> Result<(), Unusable> {
    let (Some(first), Some(last)) = (n.first(), n.last()) else {
        return Err(Unusable::ModulusTooShort);
    };
    if *first == 0 || last % 2 == 0 {
        return Err(Unusable::Modulus);
    }
    // The first octet is not zero, so at most seven bits of it are leading zeros.
    match n.len() * 8 - first.leading_zeros() as usize {
        ..2048 => Err(Unusable::ModulusTooShort),
        2048..=8192 => Ok(()),
        _ => Err(Unusable::ModulusTooLong),
    }
}

fn refuse_weak_exponent(e: &[u8]) -> Result<(), Unusable> {
    let canonical = e.first().is_some_and(|first| *first != 0) && e.len() <= 5;
    let value = e.iter().fold(0_u64, |value, octet| (value << 8) | u64::from(*octet));
    if canonical && value >= 3 && value % 2 == 1 && value <= 1 << 32 {
        Ok(())
    } else {
        Err(Unusable::Exponent)
    }
}

fn ec(jwk: Item<'_>, kid: Option<String>, only: Option<Algorithm>) -> Result<PublicKey, Unusable> {
    let curve = text(jwk, "crv")?.ok_or(Unusable::Missing("crv"))?;
    let (algorithm, parameters, len): (_, &'static EcdsaVerificationAlgorithm, _) = match curve {
        "P-256" => (Algorithm::ES256, &signature::ECDSA_P256_SHA256_FIXED, 32),
        "P-384" => (Algorithm::ES384, &signature::ECDSA_P384_SHA384_FIXED, 48),
        "P-521" => (Algorithm::ES512, &signature::ECDSA_P521_SHA512_FIXED, 66),
        _ => return Err(Unusable::UnknownCurve),
    };
    if only.is_some_and(|only| only != algorithm) {
        return Err(Unusable::Algorithm);
    }
    let (x_text, x) = octets(jwk, "x")?;
    let (y_text, y) = octets(jwk, "y")?;
    if x.len() != len {
        return Err(Unusable::Coordinate("x"));
    }
    if y.len() != len {
        return Err(Unusable::Coordinate("y"));
    }
    // Uncompressed point of SEC 1 section 2.3.3; parsing it checks that the curve has it.
    let point = [[0x04].as_slice(), &x, &y].concat();
    let form = ParsedPublicKey::new(parameters, point).map_err(|_| Unusable::Point)?;
    let canonical = format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x_text}","y":"{y_text}"}}"#);
    finish(kid, vec![(algorithm, form)], 2 * len, &canonical)
}

fn okp(jwk: Item<'_>, kid: Option<String>, only: Option<Algorithm>) -> Result<PublicKey, Unusable> {
    match text(jwk, "crv")? {
        None => return Err(Unusable::Missing("crv")),
        Some("Ed25519") => {}
        Some(_) => return Err(Unusable::UnknownCurve),
    }
    if only.is_some_and(|only| only != Algorithm::EdDSA) {
        return Err(Unusable::Algorithm);
    }
    let (x_text, x) = octets(jwk, "x")?;
    if x.len() != 32 {
        return Err(Unusable::Coordinate("x"));
    }
    if small_order::is_small_order(&x) {
        return Err(Unusable::Point);
    }
    let form = ParsedPublicKey::new(&signature::ED25519, x).map_err(|_| Unusable::Point)?;
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x_text}"}}"#);
    finish(kid, vec![(Algorithm::EdDSA, form)], 64, &canonical)
}

fn finish(
    kid: Option<String>,
    forms: Vec<(Algorithm, ParsedPublicKey)>,
    signature_len: usize,
    canonical: &str,
) -> Result<PublicKey, Unusable> {
    if forms.is_empty() {
        return Err(Unusable::Algorithm);
    }
    let thumbprint = Thumbprint::of_canonical(canonical);
    Ok(PublicKey { kid, forms, signature_len, thumbprint })
}

fn text<'j>(jwk: Item<'j>, name: &'static str) -> Result<Option<&'j str>, Unusable> {
    match jwk.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(Unusable::MemberType(name)),
    }
}

/// A base64url member, as written and decoded. The decoding is strict, so that the text is the one the
/// thumbprint is made of.
fn octets<'j>(jwk: Item<'j>, name: &'static str) -> Result<(&'j str, Vec<u8>), Unusable> {
    let text = text(jwk, name)?.ok_or(Unusable::Missing(name))?;
    let octets = URL_SAFE_NO_PAD.decode(text).map_err(|_| Unusable::Base64(name))?;
    Ok((text, octets))
}
