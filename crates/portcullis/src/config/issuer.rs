//! Whose tokens are accepted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_core::id::{ClientId, Issuer};
use portcullis_core::jws::Algorithm;
use portcullis_core::secret::Secret;

use super::server::Name;

/// An issuer that servers may list. What its tokens must be is said for each pair of server and issuer, by
/// [`Accepted::expectation`](super::server::Accepted::expectation).
#[derive(Debug)]
pub struct TrustedIssuer {
    /// What the configuration calls it.
    pub name: Name,
    /// What it calls itself.
    pub issuer: Issuer,
    /// Where its keys are.
    pub jwks: KeySource,
    /// How long its keys are used when they cannot be fetched anew.
    pub stale: Duration,
    /// Certificates, PEM, that its servers may be signed by beside those of the platform.
    pub ca: Option<PathBuf>,
    /// Whether its documents may name hosts that are not of the public internet.
    pub allow_private: bool,
    /// How it is asked about a token, where it is.
    pub introspection: Option<Introspection>,
}

impl TrustedIssuer {
    /// The files that are read to reach it.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let auth = self.introspection.as_ref().map(|introspection| &introspection.auth);
        let identity = match auth {
            Some(ClientAuth::Certificate(identity)) => Some(identity),
            _ => None,
        };
        self.ca.as_deref().into_iter().chain(identity.into_iter().flat_map(Identity::files))
    }
}

/// Where keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Where the issuer's metadata says.
    Discovered,
    /// At this URL.
    At(String),
}

/// How an issuer is asked about a token (RFC 7662).
#[derive(Debug)]
pub struct Introspection {
    /// About which tokens.
    pub when: When,
    /// Where; `None` where the issuer's metadata says.
    pub endpoint: Option<String>,
    /// Who we are there.
    pub client_id: ClientId,
    /// What shows it.
    pub auth: ClientAuth,
    /// How long an answer is good for at most. [`Expectation`](portcullis_core::token::Expectation) knows it
    /// too.
    pub cache: Duration,
}

/// About which tokens an issuer is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Those that are no JWT. A JWT is judged by its signature, and that is final.
    Opaque,
    /// All: also a JWT that was found valid here, so that revocation is seen at once.
    Always,
}

/// What shows who we are. Exactly one of them, by construction.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientAuth {
    /// `none`: nothing.
    None,
    /// `client_secret_basic`.
    SecretBasic(Secret),
    /// `client_secret_post`.
    SecretPost(Secret),
    /// `private_key_jwt`.
    PrivateKey {
        /// PKCS #8 as PEM. That it is one, and for the algorithm, shows when it is read.
        key: Secret,
        /// The name by which the issuer knows it.
        kid: Option<String>,
        /// How to sign.
        algorithm: Algorithm,
    },
    /// `tls_client_auth`.
    Certificate(Identity),
}

/// A certificate of ours and its key, in files that are read when they are used, and again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The chain, PEM.
    pub cert: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

impl Identity {
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        [self.cert.as_path(), self.key.as_path()].into_iter()
    }
}
