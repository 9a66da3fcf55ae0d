//! The fixed keys.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;

/// A key from `keys/`. TEST ONLY: anybody can read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestKey {
    /// RSA, 2048 bits.
    Rsa,
    /// Another RSA key of 2048 bits.
    RsaSecond,
    /// RSA, 1024 bits: too weak to be used.
    Rsa1024,
    /// EC on P-256.
    P256,
    /// Another EC key on P-256.
    P256Second,
    /// EC on P-384.
    P384,
    /// EC on P-521.
    P521,
    /// Ed25519.
    Ed25519,
}

impl TestKey {
    /// The keys Portcullis accepts.
    pub const USABLE: [TestKey; 7] = [
        TestKey::Rsa,
        TestKey::RsaSecond,
        TestKey::P256,
        TestKey::P256Second,
        TestKey::P384,
        TestKey::P521,
        TestKey::Ed25519,
    ];

    fn files(self) -> (&'static str, &'static str) {
        macro_rules! files {
            ($name:literal) => {
                (
                    include_str!(concat!("../keys/", $name, ".pem")),
                    include_str!(concat!("../keys/", $name, ".jwk.json")),
                )
            };
        }
        match self {
            TestKey::Rsa => files!("rsa"),
            TestKey::RsaSecond => files!("rsa-second"),
            TestKey::Rsa1024 => files!("rsa-1024"),
            TestKey::P256 => files!("p256"),
            TestKey::P256Second => files!("p256-second"),
            TestKey::P384 => files!("p384"),
            TestKey::P521 => files!("p521"),
            TestKey::Ed25519 => files!("ed25519"),
        }
    }

    /// The private key: PKCS #8 in PEM.
    pub fn private_pem(self) -> &'static str {
        self.files().0
    }

    /// The private key: PKCS #8 in DER.
    pub fn private_der(self) -> Vec<u8> {
        let body = self.private_pem().lines().skip_while(|line| !line.starts_with("-----BEGIN"));
        let body: String = body.filter(|line| !line.starts_with("-----")).collect();
        STANDARD.decode(body).unwrap()
    }

    /// The public key as a JWK with `kid`, and without `alg` and `use`.
    pub fn public_jwk(self) -> Value {
        serde_json::from_str(self.files().1).unwrap()
    }

    /// The `kid` in [`TestKey::public_jwk`].
    pub fn kid(self) -> String {
        self.public_jwk()["kid"].as_str().unwrap().to_owned()
    }

    /// The algorithm it signs with unless told otherwise.
    pub fn default_algorithm(self) -> &'static str {
        match self {
            TestKey::Rsa | TestKey::RsaSecond | TestKey::Rsa1024 => "RS256",
            TestKey::P256 | TestKey::P256Second => "ES256",
            TestKey::P384 => "ES384",
            TestKey::P521 => "ES512",
            TestKey::Ed25519 => "EdDSA",
        }
    }

    /// A raw signature in the form JWS wants.
    pub fn sign(self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let pem = self.private_pem().as_bytes();
        let (key, algorithm) = match algorithm {
            "HS256" => (EncodingKey::from_secret(pem), Algorithm::HS256),
            "ES512" => {
                #[expect(clippy::disallowed_methods, reason = "ECDSA takes no other source")]
                let random = SystemRandom::new();
                let key =
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, &self.private_der())
                        .unwrap();
                return key.sign(&random, message).unwrap().as_ref().to_vec();
            }
            "Ed25519" | "EdDSA" => (EncodingKey::from_ed_pem(pem).unwrap(), Algorithm::EdDSA),
            name if name.starts_with("ES") => {
                (EncodingKey::from_ec_pem(pem).unwrap(), name.parse().unwrap())
            }
            name => (EncodingKey::from_rsa_pem(pem).unwrap(), name.parse().unwrap()),
        };
        URL_SAFE_NO_PAD
            .decode(jsonwebtoken::crypto::sign(message, &key, algorithm).unwrap())
            .unwrap()
    }
}
