//! Connecting to an upstream, with TLS where its URL says so.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::gateway::tls::is_http2;

/// Where an upstream is, and how it is reached.
pub(super) struct Connector {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    patience: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoConnection {
    #[error("no connection: {0}")]
    Io(#[from] io::Error),
    #[error("no connection within {} s", .0.as_secs_f32())]
    Timeout(Duration),
}

impl Connector {
    /// To the host of that URL, with TLS or without.
    pub(super) fn new(
        url: &Uri,
        tls: Option<ClientConfig>,
        patience: Duration,
    ) -> Result<Connector, InvalidDnsNameError> {
        let host = url.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = url.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        let tls = if let Some(tls) = tls {
            let name = ServerName::try_from(host.to_owned())?;
            Some((TlsConnector::from(Arc::new(tls)), name))
        } else {
            None
        };
        Ok(Connector { host: host.to_owned(), port, tls, patience })
    }

    pub(super) async fn connect(&self) -> Result<Connected, NoConnection> {
        match tokio::time::timeout(self.patience, self.reach()).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(NoConnection::Timeout(self.patience)),
        }
    }

    async fn reach(&self) -> io::Result<Connected> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Connected::Plain(stream),
            Some((tls, name)) => Connected::Tls(Box::new(tls.connect(name.clone(), stream).await?)),
        })
    }
}

/// A connection.
pub(super) enum Connected {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connected {
    /// Whether both sides have settled on HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        match self {
            Connected::Plain(_) => false,
            Connected::Tls(stream) => is_http2(stream.get_ref().1),
        }
    }
}

impl AsyncRead for Connected {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connected::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Connected::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connected {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Connected::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Connected::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connected::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Connected::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connected::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Connected::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
