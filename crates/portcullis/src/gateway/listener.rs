//! Connections of clients.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use portcullis_core::keys::CertificateThumbprint;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::Gateway;
use super::answer::{Answer, plain};
use super::drain::Draining;
use super::patient::{Patience, Patient, UnderWay};
use super::workers::Workers;
use crate::config::gateway::Limits;

/// A head has no more lines than this.
const HEADERS: usize = 100;

/// As much is read of a connection before it is clear what it speaks: nearly every first request as a whole.
const FIRST: usize = 2048;

/// How long to wait where no connection can be taken, for want of descriptors say.
const RECOVERY: Duration = Duration::from_millis(50);

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Its address.
    pub(super) address: IpAddr,
    /// The certificate it showed.
    pub(super) certificate: Option<CertificateThumbprint>,
}

/// Where clients connect.
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    /// Who serves them.
    pub(super) workers: Workers,
    /// With TLS, where it is there.
    pub(super) tls: Option<Arc<ArcSwap<rustls::ServerConfig>>>,
    pub(super) limits: Limits,
}

impl Listener {
    /// Takes connections until a moment after the gateway began to drain, and what is in the queue by then.
    pub(super) async fn run(self, gateway: Arc<Gateway>) {
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let versions = Arc::new(Versions::new(&self.limits));
        let mut draining = gateway.running.draining();
        let settled = draining.settled();
        tokio::pin!(settled);
        loop {
            let accepted = tokio::select! {
                biased;
                accepted = self.socket.accept() => accepted,
                () = settled.as_mut() => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "no connection can be taken");
                    tokio::time::sleep(RECOVERY).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                gateway.lasting.observer.metrics().connections_refused.count();
                continue;
            };
            // Whoever serves it waits for it as well.
            let Ok(stream) = stream.into_std() else { continue };
            let connection = Connection {
                gateway: Arc::clone(&gateway),
                versions: Arc::clone(&versions),
                limits: self.limits,
            };
            let tls = self.tls.clone();
            let counted = gateway.lasting.observer.metrics().connections.hold();
            self.workers.spawn(async move {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    connection.open(stream, address, tls).await;
                }
                drop((place, counted));
            });
        }
    }
}

/// How each version of HTTP is served.
struct Versions {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Versions {
    fn new(limits: &Limits) -> Versions {
        let (mut http1, mut http2) =
            (http1::Builder::new(), http2::Builder::new(TokioExecutor::new()));
        // Who waits for what is told by `Patient`, for both alike.
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_headers(HEADERS)
            .max_buf_size(limits.headers.max(8192));
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.headers).unwrap_or(u32::MAX))
            .max_concurrent_streams(limits.streams_per_connection)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20));
        Versions { http1, http2 }
    }
}

struct Connection {
    gateway: Arc<Gateway>,
    versions: Arc<Versions>,
    limits: Limits,
}

impl Connection {
    async fn open(
        self,
        stream: TcpStream,
        address: SocketAddr,
        tls: Option<Arc<ArcSwap<rustls::ServerConfig>>>,
    ) {
        // Answers are small and written whole: there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        let mut peer = Peer { address: address.ip().to_canonical(), certificate: None };
        let patience = self.limits.header_timeout;
        let Some(tls) = tls else {
            let mut stream = stream;
            return match tokio::time::timeout(patience, begin(&mut stream)).await {
                Ok(Ok((first, is_http2))) => self.serve(stream, first, is_http2, peer).await,
                Ok(Err(error)) => tracing::debug!(%error, "no request"),
                Err(_) => tracing::debug!("no request in time"),
            };
        };
        let handshake = TlsAcceptor::from(tls.load_full()).accept(stream);
        match tokio::time::timeout(patience, handshake).await {
            Ok(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                let shown = session.peer_certificates().and_then(<[_]>::first);
                peer.certificate = shown.map(|shown| CertificateThumbprint::of_der(shown));
                let is_http2 = session.alpn_protocol() == Some(b"h2");
                self.serve(stream, Bytes::new(), is_http2, peer).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
            Err(_) => tracing::debug!("no TLS in time"),
        }
    }

    /// `first` has been read already.
    async fn serve<I>(self, io: I, first: Bytes, is_http2: bool, peer: Peer)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let under_way = Arc::new(UnderWay::default());
        let patience = Patience {
            head: self.limits.header_timeout,
            idle: self.limits.idle_timeout,
            write: self.limits.write_timeout,
        };
        let io = Patient::new(io, first, is_http2, patience, Arc::clone(&under_way));
        let io = TokioIo::new(Box::pin(io));
        let mut draining = self.gateway.running.draining();
        let (gateway, peer) = (self.gateway, Arc::new(peer));
        let service = service_fn(move |request: http::Request<Incoming>| {
            let request_under_way = under_way.begin();
            let (gateway, peer) = (Arc::clone(&gateway), Arc::clone(&peer));
            async move {
                let mut response = gateway.answer(&peer, request).await;
                if !is_http2 && gateway.running.is_draining() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(|body| body.ends(request_under_way)))
            }
        });
        let ended = if is_http2 {
            let connection = pin!(self.versions.http2.serve_connection(io, service));
            // A frame says so at once.
            drive(connection, http2::Connection::graceful_shutdown, &mut draining, false).await
        } else {
            let connection = pin!(self.versions.http1.serve_connection(io, service));
            // Requests that were on their way by then have come, and their answers say it.
            drive(connection, http1::Connection::graceful_shutdown, &mut draining, true).await
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
    }
}

/// How HTTP/2 begins that nobody has agreed on before (RFC 9113 section 3.4). No request of HTTP/1 has that
/// method.
const PREFACE: &[u8] = b"PRI";

/// Reads until it is clear which version of HTTP the client speaks: what was read, and whether it is HTTP/2.
async fn begin(stream: &mut TcpStream) -> io::Result<(Bytes, bool)> {
    let mut first = Vec::with_capacity(FIRST);
    loop {
        let read = stream.read_buf(&mut first).await?;
        if first.len() >= PREFACE.len() || !PREFACE.starts_with(&first) || read == 0 {
            let is_http2 = first.starts_with(PREFACE);
            return Ok((first.into(), is_http2));
        }
    }
}

/// Drives a connection to its end. When the gateway drains it is told: at once, or a moment later.
async fn drive<C>(
    mut connection: Pin<&mut C>,
    shutdown: fn(Pin<&mut C>),
    draining: &mut Draining,
    later: bool,
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut is_told = draining.clone();
    let told = async { if later { draining.settled().await } else { draining.begun().await } };
    let mut told = pin!(told);
    let mut waits = false;
    let ended = poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        // It wakes this task once it has been polled: polled again for each request it would cost more than
        // much of what a request is for.
        if waits && !is_told.has_begun() {
            return Poll::Pending;
        }
        waits = true;
        told.as_mut().poll(cx).map(|()| None)
    });
    if let Some(ended) = ended.await {
        return ended;
    }
    shutdown(connection.as_mut());
    tokio::select! {
        ended = connection => ended,
        () = is_told.over() => Ok(()),
    }
}

/// There is nothing at that place.
pub(super) fn nowhere() -> Response<Answer> {
    plain(StatusCode::NOT_FOUND, "not found\n")
}
