//! A client that speaks TLS, and HTTP/2 where that was settled on.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use testkit::authority::{Authority, Certified};
use testkit::tls::connect;

/// Where the gateway says it is.
pub const PUBLIC: &str = "https://localhost:8443";

pub const BOTH: [&str; 2] = ["h2", "http/1.1"];

/// One connection.
pub struct Client {
    sender: Sender,
    /// What the gateway showed.
    pub shown: Vec<u8>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    pub async fn connect(
        address: SocketAddr,
        trusted: &Authority,
        protocols: &[&str],
        certificate: Option<&Certified>,
    ) -> io::Result<Client> {
        let stream = connect(address, "localhost", trusted, protocols, certificate).await?;
        let session = stream.get_ref().1;
        let shown = session.peer_certificates().unwrap()[0].to_vec();
        let is_http2 = session.alpn_protocol() == Some(b"h2");
        let stream = TokioIo::new(stream);
        let sender = if is_http2 {
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), stream).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Sender::Http1(sender)
        };
        Ok(Client { sender, shown })
    }

    /// Sends a request whose URI is a path.
    pub async fn ask(&mut self, mut request: Request<Bytes>) -> hyper::Result<Response<Bytes>> {
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                let host = HeaderValue::from_static("localhost:8443");
                request.headers_mut().insert("host", host);
                sender.ready().await?;
                sender.send_request(request.map(Full::new)).await?
            }
            Sender::Http2(sender) => {
                *request.uri_mut() = Uri::try_from(format!("{PUBLIC}{}", request.uri())).unwrap();
                sender.ready().await?;
                sender.send_request(request.map(Full::new)).await?
            }
        };
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }
}
