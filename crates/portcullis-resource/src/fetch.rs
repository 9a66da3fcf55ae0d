//! Asking issuers: the one place that opens connections of our own.
//!
//! Every request has a deadline, every answer a length it may not pass, and no redirect is followed: it
//! would take credentials elsewhere, and an issuer publishes the URLs that it means. What a connection may
//! reach is decided at connect, on the address, so that no name can mean one thing when it is looked at and
//! another when it is used.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::Verifier;
use tower_service::Service;

use crate::screen::is_public;

/// How long requests may take, and how much an answer may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the whole answer is here.
    pub answer: Duration,
    /// The longest body, in bytes.
    pub length: usize,
    /// Whether documents may name hosts that are not at public addresses.
    pub private: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(10),
            length: 512 * 1024,
            private: false,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL cannot be asked.
    #[error("{0:?} is not a URL to ask")]
    Url(String),
    /// The connection failed; with the innermost reason.
    #[error("no connection to {url}: {reason}")]
    Connection {
        /// What was asked.
        url: String,
        /// Why it failed.
        reason: String,
    },
    /// The answer did not come in time.
    #[error("no answer from {url} within {} s", .after.as_secs_f32())]
    Timeout {
        /// What was asked.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// The answer is longer than it may be.
    #[error("the answer of {url} is longer than {limit} bytes")]
    TooLong {
        /// What was asked.
        url: String,
        /// The longest there may be.
        limit: usize,
    },
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// Its status; that it is a good one is for the reader to say.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Whom we trust beside the machine's own authorities, and who we are.
#[derive(Debug, Default)]
pub struct Tls {
    /// Certificates of further authorities.
    pub roots: Vec<CertificateDer<'static>>,
    /// What we show when asked for a certificate, and its key (RFC 8705).
    pub identity: Option<Identity>,
}

/// A certificate of ours: the chain from it upwards, and its key.
#[derive(Debug)]
pub struct Identity {
    /// From the certificate itself upwards.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

impl Tls {
    /// The configuration of connections that are trusted so.
    pub fn into_config(self) -> Result<ClientConfig, NoTls> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::new_with_extra_roots(self.roots, Arc::clone(&provider))?;
        // "Dangerous" is whatever verifier is brought along; this one is the platform's.
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        Ok(match self.identity {
            None => config.with_no_client_auth(),
            Some(Identity { chain, key }) => config.with_client_auth_cert(chain, key)?,
        })
    }
}

/// Connections to one issuer.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client<HttpsConnector<Screen>, Full<Bytes>>,
    limits: Limits,
}

/// No TLS can be had.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct NoTls(#[from] pub rustls::Error);

impl Fetcher {
    /// For the issuer on this host, which the operator named and which may be anywhere. Other hosts are
    /// named by documents, and asked only at public addresses.
    pub fn new(own_host: &str, limits: Limits) -> Result<Fetcher, NoTls> {
        Fetcher::with_tls(own_host, limits, Tls::default())
    }

    /// The same with other authorities, or a certificate of ours.
    pub fn with_tls(own_host: &str, limits: Limits, tls: Tls) -> Result<Fetcher, NoTls> {
        let tls = tls.into_config()?;
        let open = Open { host: bare(own_host).into(), private: limits.private };
        let mut tcp = HttpConnector::new_with_resolver(Resolver(open.clone()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limits.connect));
        let screen = Screen { tcp, open };
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(screen);
        Ok(Fetcher { client: Client::builder(TokioExecutor::new()).build(https), limits })
    }

    /// Asks for a document; where `etag` still names it, only for a word that it has not changed.
    pub async fn get(&self, url: &str, etag: Option<&HeaderValue>) -> Result<Answer, FetchError> {
        let request = Request::builder().method(Method::GET).uri(url);
        let mut request =
            request.body(Full::default()).map_err(|_| FetchError::Url(url.to_owned()))?;
        if let Some(etag) = etag {
            request.headers_mut().insert(header::IF_NONE_MATCH, etag.clone());
        }
        self.ask(url, request).await
    }

    /// Posts a form.
    pub async fn post(&self, form: &portcullis_oauth::Request) -> Result<Answer, FetchError> {
        let request = Request::builder().method(Method::POST).uri(form.url());
        let mut request = request
            .body(Full::new(form.body()))
            .map_err(|_| FetchError::Url(form.url().to_owned()))?;
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(authorization) = form.authorization() {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        self.ask(form.url(), request).await
    }

    async fn ask(
        &self,
        url: &str,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Answer, FetchError> {
        let has_scheme = matches!(request.uri().scheme_str(), Some("http" | "https"));
        if !has_scheme || request.uri().host().is_none() {
            return Err(FetchError::Url(url.to_owned()));
        }
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::ACCEPT, json);
        let limits = self.limits;
        let answer = tokio::time::timeout(limits.answer, async {
            let failed = |reason: &dyn std::error::Error| FetchError::Connection {
                url: url.to_owned(),
                reason: innermost(reason),
            };
            let answer = self.client.request(request).await.map_err(|error| failed(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, limits.length).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    FetchError::TooLong { url: url.to_owned(), limit: limits.length }
                } else {
                    failed(&*error)
                }
            })?;
            Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
        });
        let timeout = |_| FetchError::Timeout { url: url.to_owned(), after: limits.answer };
        answer.await.map_err(timeout)?
    }
}

/// The reason below the reasons, which is what an operator can act on.
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A host as it is looked up: an IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The address is not public, and the host is not the issuer's own.
#[derive(Debug, thiserror::Error)]
#[error("{host} is not at a public address, and not the issuer's own host")]
struct NotPublic {
    host: String,
}

/// What may be reached.
#[derive(Clone, Debug)]
struct Open {
    /// The issuer's own host, wherever it is.
    host: Arc<str>,
    /// Whether everything may.
    private: bool,
}

impl Open {
    fn admits(&self, host: &str, address: IpAddr) -> bool {
        self.private || is_public(address) || host.eq_ignore_ascii_case(&self.host)
    }
}

/// Refuses hosts that are written as addresses and not public; names are left to [`Resolver`].
#[derive(Clone, Debug)]
struct Screen {
    tcp: HttpConnector<Resolver>,
    open: Open,
}

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Screen {
    type Response = <HttpConnector<Resolver> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let host = bare(uri.host().unwrap_or_default());
        if host.parse().is_ok_and(|address: IpAddr| !self.open.admits(host, address)) {
            let refused = NotPublic { host: host.to_owned() };
            return Box::pin(async { Err(refused.into()) });
        }
        let connecting = self.tcp.call(uri);
        Box::pin(async { Ok(connecting.await?) })
    }
}

/// Looks names up, and of a name that is not the issuer's own leaves out what is not public.
#[derive(Clone, Debug)]
struct Resolver(Open);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let open = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let open: Vec<SocketAddr> =
                found.filter(|address| open.admits(name.as_str(), address.ip())).collect();
            if open.is_empty() {
                return Err(io::Error::other(NotPublic { host: name.as_str().to_owned() }));
            }
            Ok(open.into_iter())
        })
    }
}
