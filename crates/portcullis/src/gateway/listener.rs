//! Connections of clients.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use http::{Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use portcullis_core::keys::CertificateThumbprint;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::Gateway;
use super::answer::{Answer, plain};
use super::drain::Draining;
use super::patient::{Patience, Patient, UnderWay};
use super::tls::{Kept, mend};
use crate::config::gateway::Limits;

/// A head has no more lines than this.
const HEADERS: usize = 100;

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
    /// With TLS, where it is there.
    pub(super) tls: Option<Kept>,
    pub(super) limits: Limits,
}

impl Listener {
    /// Takes connections until a moment after the gateway began to drain, and what is in the queue by then.
    pub(super) async fn run(self, gateway: Arc<Gateway>) {
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let server = Arc::new(server(&self.limits));
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
            let connection = Connection {
                gateway: Arc::clone(&gateway),
                server: Arc::clone(&server),
                limits: self.limits,
            };
            let tls = self.tls.clone();
            let counted = gateway.lasting.observer.metrics().connections.hold();
            tokio::spawn(async move {
                connection.open(stream, address, tls).await;
                drop((place, counted));
            });
        }
    }
}

type Server = auto::Builder<TokioExecutor>;

fn server(limits: &Limits) -> Server {
    let mut server = auto::Builder::new(TokioExecutor::new());
    // Who waits for what is told by `Patient`, for all versions alike.
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(HEADERS)
        .max_buf_size(limits.headers.max(8192));
    server
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.headers).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams_per_connection)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    server
}

struct Connection {
    gateway: Arc<Gateway>,
    server: Arc<Server>,
    limits: Limits,
}

impl Connection {
    async fn open(self, stream: TcpStream, address: SocketAddr, tls: Option<Kept>) {
        // Answers are small and written whole: there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        let mut peer = Peer { address: address.ip().to_canonical(), certificate: None };
        let Some(tls) = tls else {
            return self.serve(stream, peer).await;
        };
        let handshake = TlsAcceptor::from(tls.now()).accept(stream);
        match tokio::time::timeout(self.limits.header_timeout, handshake).await {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                peer.certificate = shown.map(|shown| CertificateThumbprint::of_der(shown));
                self.serve(stream, peer).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, mend = mend(&error), "no TLS"),
            Err(_) => tracing::debug!("no TLS in time"),
        }
    }

    async fn serve<I>(self, io: I, peer: Peer)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let under_way = Arc::new(UnderWay::default());
        let patience = Patience {
            head: self.limits.header_timeout,
            idle: self.limits.idle_timeout,
            write: self.limits.write_timeout,
        };
        let io = TokioIo::new(Box::pin(Patient::new(io, patience, Arc::clone(&under_way))));
        let mut draining = self.gateway.running.draining();
        let (gateway, peer) = (self.gateway, Arc::new(peer));
        let frames = Arc::new(AtomicBool::new(false));
        let has_frames = Arc::clone(&frames);
        let service = service_fn(move |request: http::Request<Incoming>| {
            let request_under_way = under_way.begin();
            let (gateway, peer) = (Arc::clone(&gateway), Arc::clone(&peer));
            let is_http2 = request.version() == Version::HTTP_2;
            has_frames.store(is_http2, Ordering::Relaxed);
            async move {
                let mut response = gateway.answer(&peer, request).await;
                if !is_http2 && gateway.running.is_draining() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(|body| body.ends(request_under_way)))
            }
        });
        let connection = self.server.serve_connection(io, service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = told(&mut draining, &frames) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = draining.over() => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
    }
}

/// Until a connection is told that the gateway drains: at once where it has a frame to say so, and else when
/// requests that were on their way by then have come. Their answers say it.
async fn told(draining: &mut Draining, frames: &AtomicBool) {
    draining.begun().await;
    if !frames.load(Ordering::Relaxed) {
        draining.settled().await;
    }
}

/// There is nothing at that place.
pub(super) fn nowhere() -> Response<Answer> {
    plain(StatusCode::NOT_FOUND, "not found\n")
}
