//! Both ends of TLS: servers that show a certificate, and connections that look at it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::authority::{Authority, Certified};
use crate::server::{Answer, Server};

impl Authority {
    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.der().into()).unwrap();
        roots
    }
}

impl Certified {
    fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (vec![self.der.clone().into()], PrivateKeyDer::try_from(self.key.clone()).unwrap())
    }
}

fn names(protocols: &[&str]) -> Vec<Vec<u8>> {
    protocols.iter().map(|name| name.as_bytes().to_vec()).collect()
}

impl Server {
    /// Shows this certificate, settles on one of these protocols (`h2`, `http/1.1`), and lets nobody in without a
    /// certificate of `clients`, where there is one.
    pub async fn tls(
        certified: &Certified,
        protocols: &[&str],
        clients: Option<&Authority>,
        answer: impl FnMut(&Request<Bytes>) -> Answer + Send + 'static,
    ) -> Server {
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(clients) => {
                let roots = Arc::new(clients.roots());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                config.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let (chain, key) = certified.parts();
        let mut config = config.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = names(protocols);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let address = "127.0.0.1:0".parse().unwrap();
        Server::serving("https", address, answer, move |stream, answering| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = service_fn(move |request| answering.clone().answer(request));
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            }
        })
        .await
    }
}

/// Connects to what is called so, trusting this authority alone, offers these protocols and shows a certificate
/// where there is one.
pub async fn connect(
    address: SocketAddr,
    name: &str,
    trusted: &Authority,
    protocols: &[&str],
    shown: Option<&Certified>,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    over(stream, name, trusted, protocols, shown).await
}

/// The same over a connection that is there.
pub async fn over(
    stream: TcpStream,
    name: &str,
    trusted: &Authority,
    protocols: &[&str],
    shown: Option<&Certified>,
) -> io::Result<TlsStream<TcpStream>> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted.roots());
    let mut config = match shown {
        None => config.with_no_client_auth(),
        Some(shown) => {
            let (chain, key) = shown.parts();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = names(protocols);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}
