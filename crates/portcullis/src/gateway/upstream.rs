//! An MCP server over HTTP: a pool of connections, and one request for one permit.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use portcullis_core::error::Upstream as Failure;
use rustls::ClientConfig;

use crate::config::server::UpstreamTimeouts;

/// A connection nobody used for so long is closed: servers close theirs after a minute or so, and a request
/// should not meet that.
const IDLE: Duration = Duration::from_secs(30);

/// The head of an answer is no longer than this, and a stream that is held takes no more.
const HEAD: usize = 64 * 1024;

/// Connections to one upstream.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    answer: Duration,
}

impl Upstream {
    pub(super) fn new(url: Uri, tls: ClientConfig, timeouts: UpstreamTimeouts) -> Upstream {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(timeouts.connect));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(HEAD)
            .http2_max_header_list_size(HEAD as u32)
            .build(https);
        Upstream { client, url, answer: timeouts.answer }
    }

    /// Sends one request and waits for the head of its answer. It is sent once: what failed on the way may
    /// have arrived.
    pub(super) async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = headers;
        let answer = tokio::time::timeout(self.answer, self.client.request(request)).await;
        let response = answer.map_err(|_| Failure::Timeout)?;
        let response = response.map_err(|error| Failure::Unreachable(innermost(&error)))?;
        match response.status() {
            // It refuses us and not the client, who would look for a token that helps (RS-5).
            status @ (StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED) => {
                Err(Failure::Refused(status))
            }
            // Where it wants to have us instead is nowhere a client could go.
            status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                Err(Failure::Unusable(format!("it redirects with {status}")))
            }
            status if status.is_informational() => {
                Err(Failure::Unusable(format!("it switches protocols with {status}")))
            }
            _ => Ok(response),
        }
    }
}

/// Whether the body is a stream of events.
pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

/// The reason below the reasons, which is what an operator can act on.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
