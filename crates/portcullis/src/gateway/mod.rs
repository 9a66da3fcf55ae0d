//! The gateway while it runs: the composition of everything else.
//!
//! * `listener` – connections of clients, and `patient`, how long they are waited for
//! * `routes` – which server a request is for
//! * [`server`](self) – one server: origin, gate, upstream, and back
//! * `headers` – which headers pass
//! * `upstream` – an MCP server over HTTP
//! * `issuers` – the issuers of the configuration, being asked
//! * `drain` – the end
//!
//! A request goes one way: connection, route, origin, [gate](portcullis_resource::gate), upstream, and the
//! answer back. There is no request to an upstream without a permit of the gate.

mod answer;
mod behind;
mod changes;
mod drain;
mod framing;
mod headers;
mod issuers;
mod listener;
mod patient;
mod random;
mod routes;
mod server;
mod tls;
mod upstream;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use portcullis_resource::clock::Clock;
use portcullis_resource::gate::{BadGate, Surroundings};
use portcullis_resource::origin::BadOrigin;
use portcullis_resource::replay::LocalReplay;
use portcullis_resource::room::Room;
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use self::answer::{Answer, plain};
pub use self::changes::Changes;
use self::drain::{Draining, Running};
pub use self::issuers::Unusable;
use self::issuers::{Issuers, KnownKeys};
use self::listener::{Listener, Peer, nowhere};
use self::routes::{Routes, Target};
use self::server::Server;
use crate::config::gateway::ListenerTls;
use crate::config::{self, Config};
use crate::seal::{SealError, SealKey, Sealer};

/// How long others keep the metadata of a server.
const METADATA_KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// How long processes behind the gateway have to end.
const STOP: Duration = Duration::from_secs(5);

/// Why the gateway does not start, or does not take a new configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadGateway {
    /// A file, a key or a certificate.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// A server cannot be protected so.
    #[error("servers.{name}: {error}")]
    Server {
        /// Which.
        name: String,
        /// Why.
        error: BadGate,
    },
    /// Session and task ids cannot be sealed.
    #[error("the seal key cannot be used: {0}")]
    Seal(#[from] SealError),
    /// An origin is none.
    #[error(transparent)]
    Origin(#[from] BadOrigin),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

/// A gateway.
pub struct Gateway {
    state: ArcSwap<State>,
    running: Running,
    clock: Arc<dyn Clock>,
}

/// What a configuration comes to.
struct State {
    routes: Routes,
    servers: Vec<Arc<Server>>,
    keys: KnownKeys,
    sealer: Arc<Sealer>,
}

/// A gateway that takes connections.
pub struct Serving {
    gateway: Arc<Gateway>,
    address: SocketAddr,
    drain: Duration,
}

impl Gateway {
    /// Listens and serves, within the runtime that this is called in.
    pub async fn start(config: &Config, clock: Arc<dyn Clock>) -> Result<Serving, BadGateway> {
        let state = State::of(config, &clock, None)?;
        let address = config.listen;
        let named = |error| BadGateway::Listen { address, error };
        let socket = TcpListener::bind(address).await.map_err(named)?;
        let address = socket.local_addr().map_err(named)?;
        let gateway = Arc::new(Gateway {
            state: ArcSwap::from_pointee(state),
            running: Running::new(),
            clock,
        });
        let tls = match &config.tls {
            None => None,
            Some(files) => Some(kept(files.clone(), tls::load(files)?, gateway.running.draining())),
        };
        let listener = Listener { socket, tls, limits: config.limits };
        tokio::spawn(listener.run(Arc::clone(&gateway)));
        Ok(Serving { gateway, address, drain: config.limits.drain_timeout })
    }

    /// Answers a request.
    async fn answer(&self, peer: &Peer, request: Request<Incoming>) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        if let Some(refusal) = framing::refuse(&parts) {
            return refusal;
        }
        let state = self.state.load();
        let target = state.routes.find(&parts.uri, &parts.headers).cloned();
        drop(state);
        match target {
            None => nowhere(),
            Some(Target::Metadata(document)) => metadata(&parts.method, document),
            Some(Target::Server(server)) => server.answer(&self.running, peer, parts, body).await,
        }
    }
}

/// The certificate of the listener, read again when its files change. One that cannot be used does not replace
/// the one before it.
fn kept(
    files: ListenerTls,
    first: rustls::ServerConfig,
    mut draining: Draining,
) -> Arc<ArcSwap<rustls::ServerConfig>> {
    let current = Arc::new(ArcSwap::from_pointee(first));
    let shared = Arc::clone(&current);
    tokio::spawn(async move {
        let paths = || [Some(&files.cert), Some(&files.key), files.client_ca.as_ref()];
        let mut changes = Changes::of(paths().into_iter().flatten().map(PathBuf::as_path));
        loop {
            tokio::select! {
                () = tokio::time::sleep(Changes::INTERVAL) => {}
                () = draining.begun() => return,
            }
            if !changes.any() {
                continue;
            }
            match tls::load(&files) {
                Ok(next) => {
                    tracing::info!("the certificate of the listener was read again");
                    current.store(Arc::new(next));
                }
                Err(error) => tracing::error!(%error, "the certificate of the listener stays"),
            }
        }
    });
    shared
}

/// What a server says about itself is for everybody to read, pages in browsers included.
fn metadata(method: &Method, document: Bytes) -> Response<Answer> {
    let mut response = match *method {
        Method::GET | Method::HEAD => Response::new(Answer::whole(document)),
        Method::OPTIONS => plain(StatusCode::NO_CONTENT, ""),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n"),
    };
    let headers = response.headers_mut();
    if response_is_document(method) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, METADATA_KEPT);
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn response_is_document(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

impl State {
    /// What this configuration comes to, after that one.
    fn of(
        config: &Config,
        clock: &Arc<dyn Clock>,
        before: Option<&State>,
    ) -> Result<State, BadGateway> {
        let nothing = KnownKeys::default();
        let known = before.map_or(&nothing, |before| &before.keys);
        let Issuers { sources, keys } = Issuers::new(&config.issuers, clock, known)?;
        let sealer = sealer(config, before)?;
        let surroundings = Surroundings {
            clock: Arc::clone(clock),
            replay: Arc::new(LocalReplay::new()),
            room: Room::new(config.limits.buffered_bodies),
            limits: config.limits.operation,
            body_patience: config.limits.body_timeout,
        };
        let public = config.public_url.as_ref().map(|url| url.origin());
        let start = |server: &config::server::Server| {
            let (sealer, name) = (Arc::clone(&sealer), server.name.as_str());
            let mut known = before.iter().flat_map(|before| &before.servers);
            let before = known.find(|known| known.name() == name).map(Arc::as_ref);
            Server::new(server, public, &sources, &surroundings, sealer, before).map(Arc::new)
        };
        let servers: Vec<_> = config.servers.iter().map(start).collect::<Result<_, _>>()?;
        Ok(State { routes: Routes::new(&servers), servers, keys, sealer })
    }
}

/// What seals ids: by the key of the configuration, else by one that lives as long as the process.
fn sealer(config: &Config, before: Option<&State>) -> Result<Arc<Sealer>, BadGateway> {
    if config.store.seal_key.is_none()
        && let Some(before) = before
    {
        return Ok(Arc::clone(&before.sealer));
    }
    let mut bytes = Zeroizing::new([0; SealKey::LEN]);
    match &config.store.seal_key {
        Some(key) => bytes.copy_from_slice(key.expose()),
        None => random::fill(&mut *bytes),
    }
    Ok(Arc::new(Sealer::new(&SealKey::new(bytes), [])?))
}

impl Serving {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes another configuration, all of it or nothing. Connections stay, and requests under way end as
    /// they began.
    pub fn reload(&self, config: &Config) -> Result<(), BadGateway> {
        let before = self.gateway.state.load();
        let state = State::of(config, &self.gateway.clock, Some(&before))?;
        self.gateway.state.store(Arc::new(state));
        Ok(())
    }

    /// Ends: what is under way is finished within the time there is.
    pub async fn drain(self) {
        let running = &self.gateway.running;
        running.drain();
        if tokio::time::timeout(self.drain, running.gone()).await.is_err() {
            tracing::warn!("requests under way are cut off");
            running.end();
        }
        let state = self.gateway.state.load_full();
        for server in &state.servers {
            server.shutdown(STOP).await;
        }
    }
}
