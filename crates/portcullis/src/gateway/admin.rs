//! What operators and orchestrators ask: is it alive, is it ready, what has it done.
//!
//! On addresses of its own, so that nothing of it can be reached from where clients are.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Gateway;
use super::answer::{Answer, plain};

/// A scraper and an orchestrator need one each.
const CONNECTIONS: usize = 64;

/// For the head of a request, and for the next one.
const PATIENCE: Duration = Duration::from_secs(10);

const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// One address of these.
pub(super) struct AdminListener {
    pub(super) socket: TcpListener,
    /// Who may ask; health may be asked by everybody who gets here.
    pub(super) allow_from: Vec<IpNet>,
    /// Whether it is for health alone.
    pub(super) is_health: bool,
}

impl AdminListener {
    /// Answers until it is aborted: whether the gateway drains is asked until the end.
    pub(super) async fn run(self, gateway: Arc<Gateway>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let (socket, rules) = (self.socket, Arc::new((self.allow_from, self.is_health)));
        loop {
            let accepted = socket.accept().await;
            let Ok((stream, address)) = accepted else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let may_ask =
                rules.1 || rules.0.iter().any(|net| net.contains(&canonical(address.ip())));
            if !may_ask {
                tracing::warn!(address = %address.ip(), "not allowed to ask the admin listener");
                continue;
            }
            let (gateway, is_health) = (Arc::clone(&gateway), rules.1);
            tokio::spawn(async move {
                serve(stream, gateway, is_health).await;
                drop(place);
            });
        }
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

async fn serve(stream: TcpStream, gateway: Arc<Gateway>, is_health: bool) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(&gateway, &request, is_health);
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

fn answer(gateway: &Gateway, request: &Request<Incoming>, is_health: bool) -> Response<Answer> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
    }
    match request.uri().path() {
        // An issuer that is away does not turn it red: restarting would not bring it back.
        "/readyz" if gateway.running.is_draining() => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        }
        "/livez" | "/readyz" => plain(StatusCode::OK, "ok\n"),
        "/metrics" if !is_health => {
            let mut response = Response::new(Answer::whole(gateway.metrics().into()));
            response.headers_mut().insert(header::CONTENT_TYPE, METRICS);
            response
        }
        _ => plain(StatusCode::NOT_FOUND, "not found\n"),
    }
}
