//! Two ways to keep upstream connections: hyper-util's pool, and a stack of idle connections.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::Result;
use crate::wire::PATH;

/// Idle connections that are kept.
const MAX_IDLE: usize = 256;

/// The server behind the proxy, and how it is reached.
#[expect(clippy::large_enum_variant, reason = "there is one for each thread")]
pub(crate) enum Upstream {
    Shared { client: Client<HttpConnector, Incoming>, uri: Uri },
    Own(Arc<Stack>),
}

impl Upstream {
    /// hyper-util's pooled client.
    pub(crate) fn shared(to: SocketAddr, vectored: bool, read_buffer: Option<usize>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(MAX_IDLE).http1_writev(vectored).set_host(false);
        if let Some(octets) = read_buffer {
            builder.http1_read_buf_exact_size(octets);
        }
        let uri = Uri::try_from(format!("http://{to}{PATH}")).unwrap_or_default();
        Upstream::Shared { client: builder.build(connector), uri }
    }

    /// Connections of our own.
    pub(crate) fn own(to: SocketAddr, vectored: bool, read_buffer: Option<usize>) -> Self {
        let mut builder = http1::Builder::new();
        builder.writev(vectored).read_buf_exact_size(read_buffer);
        Upstream::Own(Arc::new(Stack { to, builder, idle: Mutex::new(Vec::new()) }))
    }

    pub(crate) async fn send(&self, mut request: Request<Incoming>) -> Result<Response<Lent>> {
        match self {
            Upstream::Shared { client, uri } => {
                *request.uri_mut() = uri.clone();
                let response = client.request(request).await?;
                Ok(response.map(|body| Lent { body: Some(body), connection: None }))
            }
            Upstream::Own(stack) => {
                let mut sender = stack.take().await?;
                let response = sender.send_request(request).await?;
                let connection = Some((sender, Arc::clone(stack)));
                Ok(response.map(|body| Lent { body: Some(body), connection }))
            }
        }
    }
}

/// Idle connections, the one used last on top.
pub(crate) struct Stack {
    to: SocketAddr,
    builder: http1::Builder,
    idle: Mutex<Vec<SendRequest<Incoming>>>,
}

impl Stack {
    async fn take(&self) -> Result<SendRequest<Incoming>> {
        while let Some(mut sender) = self.pop() {
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let socket = TcpStream::connect(self.to).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = self.builder.handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn pop(&self) -> Option<SendRequest<Incoming>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, sender: SendRequest<Incoming>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE && !sender.is_closed() {
            idle.push(sender);
        }
    }
}

/// The body of an answer. Its connection goes back to the stack when it has been read to its end.
pub(crate) struct Lent {
    body: Option<Incoming>,
    connection: Option<(SendRequest<Incoming>, Arc<Stack>)>,
}

impl Lent {
    pub(crate) fn nothing() -> Self {
        Lent { body: None, connection: None }
    }

    fn return_if_ended(&mut self) {
        if self.is_end_stream()
            && let Some((sender, stack)) = self.connection.take()
        {
            stack.give_back(sender);
        }
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        self.return_if_ended();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}
