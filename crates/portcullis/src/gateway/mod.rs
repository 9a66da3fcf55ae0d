//! The gateway while it runs: the composition of everything else.
//!
//! * [`Workers`] – the threads that serve them
//! * `listener` – connections of clients, `slots`, how many, `patient`, how long they are waited for
//! * `tls` – certificates and keys, in and out
//! * `framing` – requests that two readers could take apart at different places
//! * `client` – who sends a request, as far as connection and proxies tell
//! * `routes` – which server a request is for
//! * `state` – what a configuration comes to, and what outlives it
//! * `server` – one server: origin, gate, upstream, and back
//! * `headers` – which headers pass
//! * `upstream` – an MCP server over HTTP
//! * `behind` – what stands behind a gate: a server over HTTP, or a process
//! * `admin` – what operators ask
//! * `issuers` – the issuers of the configuration, being asked
//! * [`online`] – whether all that is named is there
//! * `answer` – what goes back to a client, `overseen`, for how long where it listens
//! * `changes` – files that are read again, `random` – the one random source
//! * `spans` – spans on their way to a collector, with the feature `otlp`
//! * `life` – reload, drain and end, and who is told of them
//!
//! A request goes one way: connection, route, origin, [gate](portcullis_resource::gate), upstream, and the
//! answer back. There is no request to an upstream without a permit of the gate, but the one question of `online`,
//! which is the gateway's own and asked by another command.

mod admin;
mod answer;
mod behind;
mod changes;
mod client;
mod framing;
mod headers;
mod issuers;
mod life;
mod listener;
pub mod online;
mod overseen;
mod patient;
mod random;
mod routes;
mod server;
mod slots;
#[cfg(feature = "otlp")]
mod spans;
mod state;
mod tls;
mod upstream;
mod workers;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::body::Incoming;
use portcullis_resource::clock::Clock;
use portcullis_resource::gate::BadGate;
use portcullis_resource::origin::BadOrigin;
use portcullis_resource::well_known;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::admin::AdminListener;
use self::answer::Answer;
pub use self::changes::Changes;
use self::client::Client;
use self::life::Life;
use self::listener::{Listener, Peer, nowhere};
use self::routes::Target;
use self::state::{Lasting, Settled, State};
pub use self::tls::Unusable;
pub use self::workers::{Threads, Workers};
use crate::config::Config;
use crate::config::gateway::{Admin, ListenerTls};
use crate::seal::SealError;

/// How long processes behind the gateway have to end, and the collector to take the last spans.
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

impl BadGateway {
    /// Whether it is the configuration, or a file that it names, that has to change.
    pub fn is_of_config(&self) -> bool {
        !matches!(self, BadGateway::Listen { .. })
    }
}

/// A gateway.
pub struct Gateway {
    state: ArcSwap<State>,
    lasting: Lasting,
    life: Life,
}

/// A gateway that takes connections. Dropped, it ends as it is; [`Serving::drain`] lets it finish what it has
/// begun.
#[must_use]
pub struct Serving {
    gateway: Arc<Gateway>,
    address: SocketAddr,
    drain: Duration,
    admin: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// Listens and serves, within the runtime that this is called in.
    pub async fn start(config: &Config, clock: Arc<dyn Clock>) -> Result<Serving, BadGateway> {
        Self::start_on(Workers::here(), config, clock).await
    }

    /// The same, and connections are served there.
    pub async fn start_on(
        workers: Workers,
        config: &Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Serving, BadGateway> {
        let lasting = Lasting::new(config, clock)?;
        let state = State::of(config, &lasting, None)?;
        let socket = bind(config.listen).await?;
        let address = socket.local_addr().unwrap_or(config.listen);
        let mut admin = Vec::new();
        if let Some(Admin { listen, allow_from, allowed_hosts, health }) = &config.admin {
            let rules = Some((allow_from.clone(), allowed_hosts.clone()));
            admin.push(AdminListener { socket: bind(*listen).await?, rules });
            if let Some(health) = health {
                admin.push(AdminListener { socket: bind(*health).await?, rules: None });
            }
        }
        let state = ArcSwap::from_pointee(state);
        let gateway = Arc::new(Gateway { state, lasting, life: Life::new() });
        let keep = |files: &ListenerTls| tls::Kept::start(files.clone(), gateway.life.ending());
        let tls = config.tls.as_ref().map(keep).transpose()?;
        let listener = Listener { socket, workers, tls, limits: config.limits };
        tokio::spawn(listener.run(Arc::clone(&gateway)));
        let admin = admin.into_iter().map(|listener| listener.run(Arc::clone(&gateway)));
        let admin = admin.map(tokio::spawn).collect();
        Ok(Serving { gateway, address, admin, drain: config.limits.drain_timeout })
    }

    /// Answers a request.
    async fn answer(self: &Arc<Self>, peer: &Peer, request: Request<Incoming>) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        if let Some(refusal) = framing::refuse(&parts) {
            return refusal;
        }
        let state = self.state.load_full();
        match state.routes.find(&parts.uri, &parts.headers) {
            None => nowhere(),
            Some(Target::Metadata(document)) => {
                well_known::answer(&parts.method, document.clone()).map(Answer::whole)
            }
            Some(Target::Server(server)) => {
                let client = Client::of(peer, &state.proxies, &parts.headers);
                server.answer(self, &state, &client, parts, body).await
            }
        }
    }

    /// What was counted, for Prometheus.
    fn metrics(&self) -> String {
        self.lasting.observer.metrics().render()
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, BadGateway> {
    TcpListener::bind(address).await.map_err(|error| BadGateway::Listen { address, error })
}

impl Serving {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes another configuration, all of it or nothing. Connections stay, and requests under way end as
    /// they began.
    pub fn reload(&self, config: &Config) -> Result<(), BadGateway> {
        let before = self.gateway.state.load_full();
        let state = State::of(config, &self.gateway.lasting, Some(&before))?;
        let unchanged = state.settled.differences(&Settled::of(config));
        if !unchanged.is_empty() {
            let unchanged = unchanged.join(", ");
            tracing::warn!("these are taken at start: {unchanged}: restart to change them");
        }
        self.gateway.state.store(Arc::new(state));
        self.gateway.life.reloaded();
        Ok(())
    }

    /// Opens the audit trail anew, which has been moved away.
    pub async fn reopen_audit(&self) {
        if let Some(audit) = self.gateway.lasting.observer.audit()
            && let Err(error) = audit.reopen().await
        {
            tracing::error!(%error, "the audit trail cannot be opened anew");
        }
    }

    /// Ends: what is under way is finished within the time there is.
    pub async fn drain(self) {
        let life = &self.gateway.life;
        life.drain();
        tracing::info!("draining");
        if tokio::time::timeout(self.drain, life.gone()).await.is_err() {
            tracing::warn!("requests under way are cut off");
            life.end();
        }
        let state = self.gateway.state.load_full();
        let mut ending = tokio::task::JoinSet::new();
        for server in state.servers.iter().map(Arc::clone) {
            ending.spawn(async move { server.shutdown(STOP).await });
        }
        let flushed = tokio::time::timeout(STOP, self.gateway.lasting.observer.flush_spans());
        if let (_, Err(_)) = tokio::join!(ending.join_all(), flushed) {
            tracing::warn!("the last spans are lost: the collector did not take them in time");
        }
        if let Some(audit) = self.gateway.lasting.observer.audit()
            && let Err(error) = audit.flush().await
        {
            tracing::error!(%error, "the end of the audit trail is lost");
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.gateway.life.end();
        for listener in &self.admin {
            listener.abort();
        }
    }
}
