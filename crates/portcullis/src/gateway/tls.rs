//! TLS, in and out: files of certificates and keys, and what they come to.
//!
//! * [`Kept`] – the certificate of the listener, read again when its files change
//! * [`to_issuer`], [`to_upstream`] – whom to trust and who we are, when we connect

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use portcullis_resource::fetch::{self, NoTls, Tls};
use portcullis_resource::signing::BadKey;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{CertificateError, ClientConfig, CommonState, RootCertStore};

use super::changes::Changes;
use super::life::Ending;
use crate::config::gateway::ListenerTls;
use crate::config::issuer::Identity;
use crate::config::server::UpstreamTls;

/// Why something that the configuration names cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// A file cannot be read.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} holds no {what}", .path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// A certificate and a key that cannot be used together.
    #[error("{} with the key {}: {error}", .cert.display(), .key.display())]
    Pair {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        error: rustls::Error,
    },
    /// A URL that cannot be asked.
    #[error("{0:?} is no URL that can be asked")]
    Url(String),
    /// TLS cannot be set up so.
    #[error("TLS: {0}{way_out}", way_out = way_out(.0))]
    Tls(#[from] rustls::Error),
    /// A key cannot sign.
    #[error("issuers.{issuer}: private_key: {error}")]
    Key {
        /// Whose.
        issuer: String,
        /// Why.
        error: BadKey,
    },
}

/// The verifier of the platform has no error of its own for a machine without authorities, as containers are.
fn way_out(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::General(_) => {
            ": install the authorities of the system (ca-certificates), or name some by \"ca\" or SSL_CERT_FILE"
        }
        _ => "",
    }
}

impl From<NoTls> for Unusable {
    fn from(NoTls(error): NoTls) -> Self {
        Unusable::Tls(error)
    }
}

/// How HTTP/2 is agreed on (RFC 9113 section 3.2).
const HTTP2: &[u8] = b"h2";

/// HTTP/2 where the other side knows it.
fn protocols() -> Vec<Vec<u8>> {
    vec![HTTP2.to_vec(), b"http/1.1".to_vec()]
}

/// Whether both sides have settled on it.
pub(super) fn is_http2(connection: &CommonState) -> bool {
    connection.alpn_protocol() == Some(HTTP2)
}

/// What to do about a certificate that is refused, where its error does not say.
pub(super) fn mend(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(error) = next {
        // An input or output error hides the one within from `source`.
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = within.and_then(|within| within.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) = tls
            && other.to_string().contains("CaUsedAsEndEntity")
        {
            return Some(
                "the certificate is that of an authority: sign one by it, or make one with basicConstraints=CA:FALSE",
            );
        }
        next = error.source();
    }
    None
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The certificates of a file.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Unusable::Pem { path: path.to_owned(), what: "certificate" }),
    }
}

/// The private key of a file.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Unusable> {
    let pem = zeroize::Zeroizing::new(read(path)?);
    let bad = |_| Unusable::Pem { path: path.to_owned(), what: "private key" };
    PrivateKeyDer::from_pem_slice(&pem).map_err(bad)
}

fn read(path: &Path) -> Result<Vec<u8>, Unusable> {
    std::fs::read(path).map_err(|error| Unusable::File { path: path.to_owned(), error })
}

/// The authorities of a file.
fn authorities(path: &Path) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    for root in certificates(path)? {
        let unusable = |_| Unusable::Pem { path: path.to_owned(), what: "usable authority" };
        roots.add(root).map_err(unusable)?;
    }
    Ok(roots)
}

/// Towards an issuer: authorities of its own are trusted beside those of the machine.
pub(super) fn to_issuer(ca: Option<&Path>, identity: Option<&Identity>) -> Result<Tls, Unusable> {
    let roots = ca.map(certificates).transpose()?.unwrap_or_default();
    let identity = identity.map(shown).transpose()?;
    Ok(Tls { roots, identity })
}

/// Towards an upstream: where it has authorities of its own, no other speaks for it.
pub(super) fn to_upstream(tls: &UpstreamTls) -> Result<ClientConfig, Unusable> {
    let UpstreamTls { ca, identity } = tls;
    let mut config = match ca {
        None => to_issuer(None, identity.as_ref())?.into_config()?,
        Some(ca) => {
            let config = ClientConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()?
                .with_root_certificates(authorities(ca)?);
            match identity {
                None => config.with_no_client_auth(),
                Some(files) => {
                    let fetch::Identity { chain, key } = shown(files)?;
                    let unusable = |error| pair(&files.cert, &files.key, error);
                    config.with_client_auth_cert(chain, key).map_err(unusable)?
                }
            }
        }
    };
    config.alpn_protocols = protocols();
    Ok(config)
}

fn shown(Identity { cert, key }: &Identity) -> Result<fetch::Identity, Unusable> {
    Ok(fetch::Identity { chain: certificates(cert)?, key: private_key(key)? })
}

fn pair(cert: &Path, key: &Path, error: rustls::Error) -> Unusable {
    Unusable::Pair { cert: cert.to_owned(), key: key.to_owned(), error }
}

/// Reads the files of the listener, as they are now.
pub(super) fn load(files: &ListenerTls) -> Result<ServerConfig, Unusable> {
    let (chain, key) = (certificates(&files.cert)?, private_key(&files.key)?);
    let builder =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let unusable = |_| Unusable::Pem { path: path.clone(), what: "authority of clients" };
            let roots = Arc::new(authorities(path)?);
            // Tokens say whose they are: a certificate is one proof among others, and nobody has to bring it.
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .allow_unauthenticated()
                .build()
                .map_err(unusable)?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let unusable = |error| pair(&files.cert, &files.key, error);
    let mut config = builder.with_single_cert(chain, key).map_err(unusable)?;
    config.alpn_protocols = protocols();
    Ok(config)
}

/// The certificate of the listener, as its files are. One that cannot be used does not replace the one before it.
#[derive(Clone)]
pub(super) struct Kept(Arc<ArcSwap<ServerConfig>>);

impl Kept {
    /// Reads the files, and again when they change, until the gateway ends.
    pub(super) fn start(files: ListenerTls, ending: Ending) -> Result<Kept, Unusable> {
        let watched = watched(&files);
        let kept = Kept(Arc::new(ArcSwap::from_pointee(load(&files)?)));
        tokio::spawn(kept.clone().keep(files, watched, ending));
        Ok(kept)
    }

    /// What a new connection is taken with.
    pub(super) fn now(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }

    async fn keep(self, files: ListenerTls, mut changes: Changes, mut ending: Ending) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(Changes::INTERVAL) => {}
                () = ending.begun() => return,
            }
            if !changes.any() {
                continue;
            }
            match load(&files) {
                Ok(next) => {
                    tracing::info!("the certificate of the listener was read again");
                    self.0.store(Arc::new(next));
                }
                Err(error) => {
                    tracing::error!(%error, "the certificate of the listener stays as it was");
                }
            }
        }
    }
}

fn watched(ListenerTls { cert, key, client_ca }: &ListenerTls) -> Changes {
    let paths = [Some(cert), Some(key), client_ca.as_ref()];
    Changes::of(paths.into_iter().flatten().map(PathBuf::as_path))
}
