//! The certificate of the listener.

use std::sync::Arc;

use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{RootCertStore, crypto};

use super::issuers::{Unusable, certificates, private_key};
use crate::config::gateway::ListenerTls;

/// HTTP/2 where the client knows it.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Reads the files, as they are now.
pub(super) fn load(files: &ListenerTls) -> Result<ServerConfig, Unusable> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let (chain, key) = (certificates(&files.cert)?, private_key(&files.key)?);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(path)? {
                roots.add(root)?;
            }
            let unusable = || Unusable::Pem { path: path.clone(), what: "authority of clients" };
            // Tokens say whose they are: a certificate is one proof among others, and nobody has to bring it.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|_| unusable())?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}
