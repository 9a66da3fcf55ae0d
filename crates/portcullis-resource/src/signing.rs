//! A private key of ours, to show who we are at an issuer (`private_key_jwt`, RFC 7523).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use portcullis_core::id::{ClientId, Issuer};
use portcullis_core::jws::Algorithm;
use portcullis_core::secret::Secret;
use portcullis_oauth::client_auth::{Assertion, SignedAssertion, SigningKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::clock::Clock;

/// Why a key cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// No PEM block `PRIVATE KEY` (PKCS #8).
    #[error("not a private key in PEM (PKCS #8, \"BEGIN PRIVATE KEY\")")]
    Pem,
    /// The key is not one for this algorithm.
    #[error("the key cannot sign with {0}")]
    Algorithm(Algorithm),
}

/// The key could not sign, or there were no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signing failed")]
pub struct SigningFailed;

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// A key that signs assertions of one client.
pub struct AssertionKey {
    pair: Pair,
    algorithm: Algorithm,
    kid: Option<String>,
    clock: Arc<dyn Clock>,
    random: SystemRandom,
}

impl AssertionKey {
    /// Reads a private key (PKCS #8, in PEM) that signs by this algorithm and goes by this `kid`.
    #[expect(clippy::disallowed_methods, reason = "the one random source of this crate")]
    pub fn from_pem(
        pem: &Secret,
        algorithm: Algorithm,
        kid: Option<&str>,
        clock: Arc<dyn Clock>,
    ) -> Result<AssertionKey, BadKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose().as_bytes());
        let der = der.map_err(|_| BadKey::Pem)?;
        let der = der.secret_pkcs8_der();
        let pair = match algorithm {
            Algorithm::ES256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Pair::Ecdsa)
            }
            Algorithm::ES384 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der).map(Pair::Ecdsa)
            }
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed25519),
            Algorithm::RS256 | Algorithm::PS256 => RsaKeyPair::from_pkcs8(der).map(Pair::Rsa),
            other => return Err(BadKey::Algorithm(other)),
        };
        let pair = pair.map_err(|_| BadKey::Algorithm(algorithm))?;
        let kid = kid.map(str::to_owned);
        Ok(AssertionKey { pair, algorithm, kid, clock, random: SystemRandom::new() })
    }

    /// An assertion that `client` asks this issuer for something now, good for one request.
    pub fn assert(
        &self,
        client: &ClientId,
        issuer: &Issuer,
    ) -> Result<SignedAssertion, SigningFailed> {
        let mut unique = [0; 16];
        self.random.fill(&mut unique).map_err(|_| SigningFailed)?;
        let key = SigningKey { algorithm: self.algorithm, kid: self.kid.as_deref() };
        let assertion = Assertion::new(client, issuer, key, unique, self.clock.now());
        let signature = self.sign(assertion.signing_input())?;
        Ok(assertion.signed(&signature))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&self.random, message).map_err(|_| SigningFailed)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding = match self.algorithm {
                    Algorithm::PS256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256 as &dyn aws_lc_rs::signature::RsaEncoding,
                };
                pair.sign(padding, &self.random, message, &mut signature)
                    .map_err(|_| SigningFailed)?;
                Ok(signature)
            }
        }
    }
}

/// The algorithm, and never the key.
impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
