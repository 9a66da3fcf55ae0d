//! What operators and orchestrators ask: is it alive, is it ready, what has it done.
//!
//! On addresses of its own, so that nothing of it can be reached from where clients are. A page in a browser of
//! the operator's can reach them all the same, and reads the answers under a name that its owner lets point here
//! (DNS rebinding): hence `Host` is looked at, but for health, of which there is nothing to read.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Gateway;
use super::answer::{Answer, plain};
use crate::observe;

/// A scraper and an orchestrator need one each.
const CONNECTIONS: usize = 64;

/// For the head of a request, and for the next one.
const PATIENCE: Duration = Duration::from_secs(10);

const METRICS: HeaderValue = HeaderValue::from_static(observe::CONTENT_TYPE);

/// One address of these.
pub(super) struct AdminListener {
    pub(super) socket: TcpListener,
    /// From where it may be asked, and under which names beside addresses and `localhost`. Where there are no
    /// rules it is for health alone, which may be asked by everybody who gets here.
    pub(super) rules: Option<(Vec<IpNet>, Vec<Authority>)>,
}

impl AdminListener {
    /// Answers until it is aborted: whether the gateway drains is asked until the end.
    pub(super) async fn run(self, gateway: Arc<Gateway>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let (socket, rules) = (self.socket, Arc::new(self.rules));
        loop {
            let accepted = socket.accept().await;
            let Ok((stream, address)) = accepted else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let peer = address.ip().to_canonical();
            let allows = |(from, _): &(Vec<IpNet>, _)| from.iter().any(|net| net.contains(&peer));
            if !rules.as_ref().as_ref().is_none_or(allows) {
                tracing::warn!(address = %address.ip(), "not allowed to ask the admin listener");
                continue;
            }
            let (gateway, rules) = (Arc::clone(&gateway), Arc::clone(&rules));
            tokio::spawn(async move {
                let hosts = rules.as_ref().as_ref().map(|(_, hosts)| hosts.as_slice());
                serve(stream, &gateway, hosts).await;
                drop(place);
            });
        }
    }
}

async fn serve(stream: TcpStream, gateway: &Gateway, hosts: Option<&[Authority]>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(gateway, &request, hosts);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "an admin connection ended");
    }
}

fn answer(
    gateway: &Gateway,
    request: &Request<Incoming>,
    hosts: Option<&[Authority]>,
) -> Response<Answer> {
    if hosts.is_some_and(|hosts| !is_asked_here(request.uri(), request.headers(), hosts)) {
        let told = "unknown host: ask by address, or list the name in admin.allowed_hosts\n";
        return plain(StatusCode::FORBIDDEN, told);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
    }
    match request.uri().path() {
        // An issuer that is away does not turn it red: restarting would not bring it back.
        "/readyz" if gateway.life.is_draining() => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        }
        "/livez" | "/readyz" => plain(StatusCode::OK, "ok\n"),
        "/metrics" if hosts.is_some() => {
            let mut response = Response::new(Answer::whole(gateway.metrics().into()));
            response.headers_mut().insert(header::CONTENT_TYPE, METRICS);
            response
        }
        _ => plain(StatusCode::NOT_FOUND, "not found\n"),
    }
}

/// Whether the request was sent to a name of this machine that nobody else can give away, or to one of these.
/// What names no host at all is sent by no browser.
fn is_asked_here(uri: &Uri, headers: &HeaderMap, hosts: &[Authority]) -> bool {
    let mut lines = headers.get_all(header::HOST).iter();
    let host = match (uri.authority(), lines.next()) {
        (None, None) => return true,
        (Some(authority), _) => Some(authority.clone()),
        (None, Some(host)) => host.to_str().ok().and_then(|host| host.parse().ok()),
    };
    let Some(asked) = host.filter(|_| lines.next().is_none()) else { return false };
    let name = asked.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_local = name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok();
    // Listed without a port, a name is good with any.
    let is = |listed: &Authority| *listed == asked || listed.as_str().eq_ignore_ascii_case(name);
    !asked.as_str().contains('@') && (is_local || hosts.iter().any(is))
}
