//! Why a key is not used: one variant for each thing that can be wrong with a JWK.

use crate::json::Flaw;

/// Why a key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unusable {
    /// The document is not the one JSON value everybody would read.
    #[error("not strict JSON: {0}")]
    Json(Flaw),
    /// Not a JSON object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A member is missing.
    #[error("the member {0} is missing")]
    Missing(&'static str),
    /// A member of the wrong JSON type.
    #[error("the member {0} is of the wrong type")]
    MemberType(&'static str),
    /// `kty` is `oct`: a shared secret in a public place.
    #[error("a symmetric key")]
    Symmetric,
    /// A private key in a public place. Its public half is no longer worth anything.
    #[error("a private key (member {0})")]
    Private(&'static str),
    /// A `kty` nobody told us about.
    #[error("an unknown key type")]
    UnknownType,
    /// A `crv` that does not belong to the key type, or that we do not know.
    #[error("an unknown curve")]
    UnknownCurve,
    /// `use` says it is for something else than signatures.
    #[error("not meant for signatures (use)")]
    Use,
    /// `key_ops` does not list `verify`.
    #[error("not meant for verifying (key_ops)")]
    KeyOps,
    /// `alg` does not go with the key type and curve.
    #[error("the algorithm does not go with the key")]
    Algorithm,
    /// A member that is not canonical base64url.
    #[error("the member {0} is not canonical base64url")]
    Base64(&'static str),
    /// A coordinate that is not as long as the curve makes it (RFC 7518 section 6.2.1.2).
    #[error("the coordinate {0} has the wrong length")]
    Coordinate(&'static str),
    /// No such point on the curve.
    #[error("not a point on the curve")]
    Point,
    /// An RSA modulus under 2048 bits.
    #[error("an RSA modulus of fewer than 2048 bits")]
    ModulusTooShort,
    /// An RSA modulus over 8192 bits, which costs its verifier more than it is worth.
    #[error("an RSA modulus of more than 8192 bits")]
    ModulusTooLong,
    /// An even modulus, or one with leading zero octets (RFC 7518 section 6.3.1.1 forbids them; they
    /// would give one key two thumbprints).
    #[error("not an RSA modulus")]
    Modulus,
    /// An RSA exponent that is 1 (every message would be its own signature), even, above 2³² or written
    /// with leading zeros.
    #[error("not an RSA exponent to trust")]
    Exponent,
    /// Another key of the set has the same `kid` and a common algorithm.
    #[error("another key has the same kid")]
    DuplicateKid,
}
