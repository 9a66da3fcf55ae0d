//! HTTP to one server of the operator's: one request, sent once. That a client's request has a permit is seen to in
//! `behind`.
//!
//! * `connect` – reaching it
//! * `pool` – connections that are kept

mod connect;
mod pool;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use portcullis_core::error::NoAnswer;
use portcullis_resource::fetch::innermost;

use self::connect::Connector;
pub(super) use self::pool::Lent;
use self::pool::Pool;
use super::tls::{Unusable, mend, to_upstream};
use crate::config::server::HttpUpstream;

/// One upstream.
pub(super) struct Upstream {
    pool: Arc<Pool>,
    /// Path and query, as HTTP/1.1 says them, and the host beside.
    target: Uri,
    host: HeaderValue,
    answer: Duration,
}

impl Upstream {
    pub(super) fn new(
        HttpUpstream { url, tls, timeouts, .. }: &HttpUpstream,
    ) -> Result<Upstream, Unusable> {
        let host = url.authority().map_or("", Authority::as_str);
        let name = url.to_string();
        let bad = || Unusable::Url(name.clone());
        let host = HeaderValue::from_str(host).map_err(|_| bad())?;
        // Where there is none, it needs no authorities either.
        let is_tls = url.scheme() == Some(&Scheme::HTTPS);
        let tls = is_tls.then(|| to_upstream(tls)).transpose()?;
        let connector = Connector::new(url, tls, timeouts.connect).map_err(|_| bad())?;
        let target = url.path_and_query().map_or("/", PathAndQuery::as_str);
        let target = Uri::try_from(target).map_err(|_| bad())?;
        let pool = Arc::new(Pool::new(connector, url.clone()));
        Ok(Upstream { pool, target, host, answer: timeouts.answer })
    }

    /// Sends one request and waits for the head of its answer. It is sent once: what failed on the way may
    /// have arrived. `target` is a path and query in place of the usual ones.
    pub(super) async fn send(
        &self,
        method: Method,
        target: Option<Uri>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Lent>, NoAnswer> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target.unwrap_or_else(|| self.target.clone());
        *request.headers_mut() = headers;
        request.headers_mut().insert(header::HOST, self.host.clone());
        let answer = tokio::time::timeout(self.answer, self.pool.send(request)).await;
        let response = answer.map_err(|_| NoAnswer::Timeout)?;
        let response = response.map_err(|error| NoAnswer::Unreachable(reason(&error)))?;
        match response.status() {
            // It refuses us and not the client, who would look for a token that helps (RS-5).
            status @ (StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED) => {
                Err(NoAnswer::Refused(status))
            }
            // Where it wants to have us instead is nowhere a client could go.
            status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                Err(NoAnswer::Unusable(format!("it redirects with {status}")))
            }
            status if status.is_informational() => {
                Err(NoAnswer::Unusable(format!("it switches protocols with {status}")))
            }
            _ => Ok(response),
        }
    }
}

/// What an operator can act on.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let reason = innermost(error);
    match mend(error) {
        None => reason,
        Some(mend) => format!("{reason}: {mend}"),
    }
}
