//! A key made on the spot, for tokens that are nobody's: those of the demo, and of what is only explained.

use std::error::Error;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// An ES256 key that lives as long as the process.
pub(crate) struct MadeKey(EcdsaKeyPair);

impl MadeKey {
    /// Its name. Whoever can read the key set can read it there.
    pub(crate) const KID: &str = "made";

    pub(crate) fn generate() -> Result<Self, Box<dyn Error>> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        pair.map(MadeKey).map_err(|_| "no key could be made".into())
    }

    /// The public half as a JWK Set (RFC 7517).
    pub(crate) fn to_jwks(&self) -> Result<String, Box<dyn Error>> {
        // SEC 1 section 2.3.3: a byte that says "uncompressed", then both coordinates.
        let point = self.0.public_key().as_ref();
        let coordinates = point.get(1..).and_then(|both| both.split_at_checked(32));
        let (x, y) = coordinates.ok_or("the key has no coordinates")?;
        let key = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": MadeKey::KID,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        });
        Ok(json!({ "keys": [key] }).to_string())
    }

    /// Adds the signature to the first two parts of a token.
    pub(crate) fn sign(&self, input: &str) -> Result<String, Box<dyn Error>> {
        let signature = self.0.sign_digest(&digest(&SHA256, input.as_bytes()));
        let signature = signature.map_err(|_| "no token could be signed")?;
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
