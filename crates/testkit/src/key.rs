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

    /// The thumbprint of a P-256 key (RFC 7638): the members that matter, in order.
    pub fn thumbprint(self) -> String {
        let jwk = self.public_jwk();
        let (x, y) = (jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap());
        crate::sha256_base64url(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#))
    }

    /// The public key: SPKI in DER.
    pub fn public_der(self) -> Vec<u8> {
        let jwk = self.public_jwk();
        let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        match self {
            TestKey::Ed25519 => {
                let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
                [&head[..], &member("x")].concat()
            }
            _ if jwk["kty"] == "RSA" => {
                let key = der(0x30, &[integer(&member("n")), integer(&member("e"))].concat());
                let bits = der(0x03, &[&[0][..], &key].concat());
                let oid =
                    [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0];
                der(0x30, &[der(0x30, &oid), bits].concat())
            }
            _ => {
                let curve: &[u8] = match jwk["crv"].as_str() {
                    Some("P-256") => &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
                    Some("P-384") => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
                    _ => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
                };
                let oid = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
                let point = [&[0, 4][..], &member("x"), &member("y")].concat();
                let algorithm = der(0x30, &[&oid[..], curve].concat());
                der(0x30, &[algorithm, der(0x03, &point)].concat())
            }
        }
    }

    /// The public key: SPKI in PEM.
    pub fn public_pem(self) -> String {
        crate::pem("PUBLIC KEY", &self.public_der())
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

/// A value with its tag and length (X.690).
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let length: Vec<u8> = length.iter().copied().skip_while(|byte| *byte == 0).collect();
    let short = value.len() < 128;
    let count = 0x80 | u8::try_from(length.len()).unwrap();
    let head = if short { length } else { [&[count][..], &length].concat() };
    [&[tag][..], &head, value].concat()
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
    der(0x02, &[sign, bytes].concat())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey};

    use super::TestKey;

    #[test]
    fn the_public_pem_is_that_of_the_private_key() {
        let rsa: fn(&[u8]) -> _ = DecodingKey::from_rsa_pem;
        for (key, read, algorithm) in [
            (TestKey::Rsa, rsa, Algorithm::RS256),
            (TestKey::P256, DecodingKey::from_ec_pem, Algorithm::ES256),
            (TestKey::P384, DecodingKey::from_ec_pem, Algorithm::ES384),
            (TestKey::Ed25519, DecodingKey::from_ed_pem, Algorithm::EdDSA),
        ] {
            let signature = crate::base64url(key.sign(key.default_algorithm(), b"message"));
            let read = read(key.public_pem().as_bytes()).unwrap();
            let verify = |message: &[u8]| {
                jsonwebtoken::crypto::verify(&signature, message, &read, algorithm).unwrap()
            };
            assert!(verify(b"message") && !verify(b"another"), "{key:?}");
        }
    }
}
