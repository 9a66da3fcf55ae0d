//! Connections to one upstream: those of HTTP/1.1 lent out one by one, those of HTTP/2 shared by some.
//!
//! A pool of its own and not that of hyper-util: what it does beside this (many hosts, connections raced
//! against idle ones) costs about a tenth of nginx for each request (docs/PERFORMANCE.md).

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;

use super::connect::{Connector, NoConnection};
use crate::per_thread::PerThread;

/// Idle connections that are kept, by each thread.
const MOST_IDLE: usize = 64;

/// Streams of one HTTP/2 connection before another is opened: fewer than any server is content with. A request
/// that waits for a stream is not to wait for those of others to end.
const STREAMS: usize = 64;
/// HTTP/2 connections beyond which streams share them after all.
const MOST_SHARED: usize = 64;
/// What an answer may send that nobody has read yet, and what all of them may: one that nobody reads stops none.
const WINDOW: u32 = 256 << 10;
const ALL_WINDOWS: u32 = 1 << 30;

/// A connection nobody used for so long is closed: servers close theirs after a minute or so, and a request
/// should not meet that.
const IDLE: Duration = Duration::from_secs(30);

/// The head of an answer is no longer than this, and a stream that is held takes no more.
const HEAD: u16 = u16::MAX;
/// Nor has it more lines.
const HEADERS: usize = 100;

type Http1 = http1::SendRequest<Full<Bytes>>;
type Http2 = http2::SendRequest<Full<Bytes>>;

/// Connections to one upstream.
pub(super) struct Pool {
    connector: Connector,
    /// The whole of it, as HTTP/2 says it.
    url: Uri,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    /// Of each thread, which drives its own. The one used last is at the back.
    idle: PerThread<Mutex<VecDeque<(Http1, Instant)>>>,
    /// Whether there ever was one of these.
    is_http2: AtomicBool,
    shared: Mutex<Vec<Shared>>,
}

/// An HTTP/2 connection. Each stream of it has a clone of `streams`.
struct Shared {
    sender: Http2,
    streams: Arc<()>,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoResponse {
    #[error(transparent)]
    Connection(#[from] NoConnection),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// A connection to send one request on.
enum Connection {
    Http1 { sender: Http1, is_used: bool },
    Http2 { sender: Http2, stream: Arc<()> },
}

impl Pool {
    pub(super) fn new(connector: Connector, url: Uri) -> Pool {
        let mut http1 = http1::Builder::new();
        // Requests are small: written as one, they are one copy and not several pieces.
        http1.writev(false).max_headers(HEADERS).max_buf_size(usize::from(HEAD));
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(u32::from(HEAD))
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(ALL_WINDOWS)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_while_idle(false);
        let (idle, shared) = (PerThread::default(), Mutex::default());
        let is_http2 = AtomicBool::new(false);
        Pool { connector, url, http1, http2, idle, is_http2, shared }
    }

    /// Sends a request once. Where a kept connection turns out to be closed before a byte of the request was
    /// written, another one is taken.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Lent>, NoResponse> {
        loop {
            match self.connection().await? {
                Connection::Http2 { mut sender, stream } => {
                    *request.uri_mut() = self.absolute(request.uri());
                    request.headers_mut().remove(HOST);
                    let response = sender.send_request(request).await?;
                    let on = Some(On::Http2 { _stream: stream });
                    return Ok(response.map(|body| Lent { body, on }));
                }
                Connection::Http1 { mut sender, is_used } => {
                    match sender.try_send_request(request).await {
                        Ok(response) => {
                            let on = Some(On::Http1 { sender, pool: Arc::clone(self) });
                            return Ok(response.map(|body| Lent { body, on }.settled()));
                        }
                        Err(mut error) => match error.take_message() {
                            Some(unsent) if is_used => request = unsent,
                            _ => return Err(error.into_error().into()),
                        },
                    }
                }
            }
        }
    }

    /// A path and query at this upstream.
    fn absolute(&self, target: &Uri) -> Uri {
        let mut parts = self.url.clone().into_parts();
        parts.path_and_query = target.path_and_query().cloned();
        Uri::from_parts(parts).unwrap_or_else(|_| self.url.clone())
    }

    async fn connection(&self) -> Result<Connection, NoResponse> {
        if let Some(connection) = self.share() {
            return Ok(connection);
        }
        while let Some(mut sender) = self.take() {
            if sender.ready().await.is_ok() {
                return Ok(Connection::Http1 { sender, is_used: true });
            }
        }
        // Seldom, and then it takes more room than all the rest.
        Box::pin(self.connect()).await
    }

    async fn connect(&self) -> Result<Connection, NoResponse> {
        let connected = self.connector.connect().await?;
        if connected.is_http2() {
            let (sender, connection) = self.http2.handshake(TokioIo::new(connected)).await?;
            tokio::spawn(connection);
            let streams = Arc::new(());
            let (shared, stream) = (Arc::clone(&streams), streams);
            self.shared().push(Shared { sender: sender.clone(), streams: shared });
            self.is_http2.store(true, Ordering::Relaxed);
            return Ok(Connection::Http2 { sender, stream });
        }
        let (mut sender, connection) = self.http1.handshake(TokioIo::new(connected)).await?;
        tokio::spawn(connection);
        sender.ready().await?;
        Ok(Connection::Http1 { sender, is_used: false })
    }

    /// A stream of the HTTP/2 connection that has fewest, unless another connection is better.
    fn share(&self) -> Option<Connection> {
        if !self.is_http2.load(Ordering::Relaxed) {
            return None;
        }
        let mut shared = self.shared();
        shared.retain(|connection| !connection.sender.is_closed());
        let is_full = shared.len() >= MOST_SHARED;
        let Shared { sender, streams } =
            shared.iter().min_by_key(|connection| Arc::strong_count(&connection.streams))?;
        // One is the connection's own.
        let has_room = Arc::strong_count(streams) <= STREAMS;
        (has_room || is_full)
            .then(|| Connection::Http2 { sender: sender.clone(), stream: Arc::clone(streams) })
    }

    fn shared(&self) -> MutexGuard<'_, Vec<Shared>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Http1> {
        let mut idle = self.idle()?;
        let (sender, since) = idle.pop_back()?;
        // If the one used last is too old, all others are older.
        if since.elapsed() >= IDLE {
            idle.clear();
            return None;
        }
        Some(sender)
    }

    fn give_back(&self, sender: Http1) {
        if sender.is_closed() {
            return;
        }
        let now = Instant::now();
        let Some(mut idle) = self.idle() else { return };
        while idle.len() >= MOST_IDLE || idle.front().is_some_and(|(_, since)| now - *since >= IDLE)
        {
            idle.pop_front();
        }
        idle.push_back((sender, now));
    }

    fn idle(&self) -> Option<MutexGuard<'_, VecDeque<(Http1, Instant)>>> {
        let idle = self.idle.here()?;
        Some(idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The body of an answer. Its connection is kept when it has been read to its end, and closed when it has not:
/// that is how upstream hears that nobody listens any more.
pub(in crate::gateway) struct Lent {
    body: Incoming,
    on: Option<On>,
}

/// What an answer comes on.
enum On {
    Http1 {
        sender: Http1,
        pool: Arc<Pool>,
    },
    /// Counted until it is dropped.
    Http2 {
        _stream: Arc<()>,
    },
}

impl On {
    /// The answer is over.
    fn end(self) {
        if let On::Http1 { sender, pool } = self {
            pool.give_back(sender);
        }
    }
}

impl Lent {
    fn settled(mut self) -> Lent {
        if self.body.is_end_stream()
            && let Some(on) = self.on.take()
        {
            on.end();
        }
        self
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let is_over = frame.is_none() || self.body.is_end_stream();
        if is_over && let Some(on) = self.on.take() {
            on.end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
