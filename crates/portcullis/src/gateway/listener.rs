//! Connections of clients.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use portcullis_core::keys::CertificateThumbprint;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::unconstrained;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::Gateway;
use super::answer::{Answer, Sent, plain};
use super::life::Ending;
use super::patient::{Patience, Patient, UnderWay};
use super::slots::{Slot, Slots};
use super::tls::{Kept, is_http2, mend};
use super::workers::Workers;
use crate::config::gateway::Limits;
use crate::observe::metrics::Held;

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
    pub(super) tls: Option<Kept>,
    pub(super) limits: Limits,
}

impl Listener {
    /// Takes connections until a moment after the gateway began to drain, and what is in the queue by then.
    pub(super) async fn run(self, gateway: Arc<Gateway>) {
        let Limits { connections, connections_per_address, .. } = self.limits;
        let slots = Arc::new(Slots::new(connections, connections_per_address));
        let manner = Arc::new(Manner::new(&self.limits, self.tls));
        let mut ending = gateway.life.ending();
        let settled = ending.settled();
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
            // Behind a proxy there are many.
            let is_proxy = gateway.state.load().proxies.trusts(address.ip());
            let Some(slot) = slots.take((!is_proxy).then(|| address.ip())) else {
                gateway.lasting.observer.metrics().connections_refused.count();
                continue;
            };
            // Whoever serves it waits for it as well.
            let Ok(stream) = stream.into_std() else { continue };
            let connection = Box::new(Connection {
                gateway: Arc::clone(&gateway),
                manner: Arc::clone(&manner),
                ending: gateway.life.ending(),
                accepted: Instant::now(),
                counted: (slot, gateway.lasting.observer.metrics().connections.hold()),
            });
            self.workers.spawn(connection.open(stream, address));
        }
    }
}

/// How connections are served, all of them alike.
struct Manner {
    tls: Option<Kept>,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    patience: Patience,
}

impl Manner {
    fn new(limits: &Limits, tls: Option<Kept>) -> Manner {
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
        let patience = Patience {
            head: limits.header_timeout,
            idle: limits.idle_timeout,
            write: limits.write_timeout,
        };
        Manner { tls, http1, http2, patience }
    }
}

/// A connection, counted until it ends.
///
/// Thousands are held at once, each for hours: what only some of them need, and what all need for a moment
/// only, is in boxes of its own.
struct Connection {
    gateway: Arc<Gateway>,
    manner: Arc<Manner>,
    /// From the beginning: whoever has come is waited for.
    ending: Ending,
    accepted: Instant,
    counted: (Slot, Held),
}

/// What is left to do on a connection.
type Rest = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Connection {
    async fn open(self: Box<Self>, stream: std::net::TcpStream, address: SocketAddr) {
        let Ok(stream) = TcpStream::from_std(stream) else { return };
        // Answers are small and written whole: there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        let address = address.ip().to_canonical();
        if let Some(rest) = Box::pin(self.begun(stream, address)).await {
            rest.await;
        }
    }

    /// Until there is something to serve. That is waited for a moment only once the end has begun:
    /// nothing was asked yet, so nothing is lost.
    async fn begun(self: Box<Self>, stream: TcpStream, address: IpAddr) -> Option<Rest> {
        let mut ending = self.ending.clone();
        let begin: Pin<Box<dyn Future<Output = Option<Rest>> + Send>> =
            match self.manner.tls.clone() {
                None => Box::pin(self.begin(stream, address)),
                Some(tls) => Box::pin(self.begin_tls(tls.now(), stream, address)),
            };
        tokio::select! {
            biased;
            rest = begin => rest,
            () = ending.settled() => {
                tracing::debug!("no request before the end");
                None
            }
        }
    }

    /// Until it is clear which version of HTTP the client speaks.
    async fn begin(self: Box<Self>, mut stream: TcpStream, address: IpAddr) -> Option<Rest> {
        let deadline = self.accepted + self.manner.patience.head;
        match timeout_at(deadline, first(&mut stream)).await {
            Ok(Ok(first)) => {
                let is_http2 = first.starts_with(PREFACE);
                let peer = Peer { address, certificate: None };
                Some(self.serve(stream, first, is_http2, peer))
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "no request");
                None
            }
            Err(_) => {
                tracing::debug!("no request in time");
                None
            }
        }
    }

    async fn begin_tls(
        self: Box<Self>,
        tls: Arc<rustls::ServerConfig>,
        stream: TcpStream,
        address: IpAddr,
    ) -> Option<Rest> {
        let handshake = TlsAcceptor::from(tls).accept(stream);
        let deadline = self.accepted + self.manner.patience.head;
        match timeout_at(deadline, handshake).await {
            Ok(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                let shown = session.peer_certificates().and_then(<[_]>::first);
                let certificate = shown.map(|shown| CertificateThumbprint::of_der(shown));
                let is_http2 = is_http2(session);
                let peer = Peer { address, certificate };
                Some(self.serve(stream, Bytes::new(), is_http2, peer))
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, mend = mend(&error), "no TLS");
                None
            }
            Err(_) => {
                tracing::debug!("no TLS in time");
                None
            }
        }
    }

    /// `first` has been read already.
    fn serve<I>(self, io: I, first: Bytes, is_http2: bool, peer: Peer) -> Rest
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Connection { gateway, manner, ending, accepted, counted } = self;
        let under_way = Arc::new(UnderWay::new(is_http2));
        let begun = (accepted, first);
        let io = Patient::new(io, begun, is_http2, manner.patience, Arc::clone(&under_way));
        let io = TokioIo::new(Box::pin(io));
        let service = service(gateway, peer, is_http2, under_way);
        if is_http2 {
            let connection = Box::pin(manner.http2.serve_connection(io, service));
            let shutdown = http2::Connection::graceful_shutdown;
            Box::pin(drive(connection, shutdown, ending, is_http2, counted))
        } else {
            let connection = Box::pin(manner.http1.serve_connection(io, service));
            let shutdown = http1::Connection::graceful_shutdown;
            Box::pin(drive(connection, shutdown, ending, is_http2, counted))
        }
    }
}

type Answered = Pin<Box<dyn Future<Output = Result<Response<Sent>, Infallible>> + Send>>;

/// Answers the requests of a connection.
fn service(
    gateway: Arc<Gateway>,
    peer: Peer,
    is_http2: bool,
    under_way: Arc<UnderWay>,
) -> impl Service<
    http::Request<Incoming>,
    Response = Response<Sent>,
    Error = Infallible,
    Future = Answered,
> {
    let peer = Arc::new(peer);
    service_fn(move |request| -> Answered {
        let request_under_way = under_way.begin();
        let (gateway, peer) = (Arc::clone(&gateway), Arc::clone(&peer));
        // Kept apart from the connection, which may be sending the answer for hours.
        Box::pin(async move {
            let mut response = gateway.answer(&peer, request).await;
            if !is_http2 && gateway.life.is_draining() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| body.ends(request_under_way)))
        })
    })
}

/// How HTTP/2 begins that nobody has agreed on before (RFC 9113 section 3.4). No request of HTTP/1 has that
/// method.
const PREFACE: &[u8] = b"PRI";

/// Reads until it is clear which version of HTTP the client speaks: what was read.
async fn first(stream: &mut TcpStream) -> io::Result<Bytes> {
    let mut first = Vec::with_capacity(FIRST);
    loop {
        let read = stream.read_buf(&mut first).await?;
        if first.len() >= PREFACE.len() || !PREFACE.starts_with(&first) || read == 0 {
            return Ok(first.into());
        }
    }
}

/// Drives a connection to its end. When the gateway drains it is told: at once where it has a frame to say so,
/// and else when requests that were on their way by then have come. Their answers say it.
async fn drive<C>(
    mut connection: Pin<Box<C>>,
    shutdown: fn(Pin<&mut C>),
    mut ending: Ending,
    is_http2: bool,
    counted: (Slot, Held),
) where
    C: Future<Output = hyper::Result<()>>,
{
    let ended = match until_draining(connection.as_mut(), &mut ending).await {
        Some(ended) => ended,
        None => Box::pin(drained(connection.as_mut(), shutdown, &mut ending, is_http2)).await,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
    drop(counted);
}

/// The end of a connection that is told.
async fn drained<C>(
    mut connection: Pin<&mut C>,
    shutdown: fn(Pin<&mut C>),
    ending: &mut Ending,
    is_http2: bool,
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    if !is_http2 {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = ending.settled() => {}
        }
    }
    shutdown(connection.as_mut());
    tokio::select! {
        ended = connection => ended,
        () = ending.over() => Ok(()),
    }
}

/// The end of a connection; none where the gateway begins to drain before.
async fn until_draining<C: Future>(
    mut connection: Pin<&mut C>,
    ending: &mut Ending,
) -> Option<C::Output> {
    let now = ending.clone();
    // What is polled once only must not be put off for having taken its turn.
    let mut begun = pin!(unconstrained(ending.begun()));
    let mut waits = false;
    poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        // Once polled it wakes this task; polled again for each request it would cost as much as a decision.
        if waits && !now.has_begun() {
            return Poll::Pending;
        }
        waits = true;
        begun.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// There is nothing at that place.
pub(super) fn nowhere() -> Response<Answer> {
    plain(StatusCode::NOT_FOUND, "not found\n")
}
