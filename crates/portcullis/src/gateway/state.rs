//! What a configuration comes to, and what outlives it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portcullis_core::id::Issuer;
use portcullis_core::operation;
use portcullis_resource::clock::Clock;
use portcullis_resource::gate::Surroundings;
use portcullis_resource::nonce::Nonces;
use portcullis_resource::replay::{LocalReplay, Replay};
use portcullis_resource::room::Room;
use zeroize::Zeroizing;

use super::issuers::{Issuers, KnownKeys};
use super::routes::Routes;
use super::server::{Around, Server};
#[cfg(feature = "otlp")]
use super::spans;
use super::{BadGateway, Unusable, random};
use crate::client::address::TrustedProxies;
use crate::client::rate::{Calls, Failures};
use crate::config::gateway::{Admin, Limits, ListenerTls, Log, Rate, Telemetry};
use crate::config::{self, Config};
use crate::observe::{Audit, Metrics, Moment, Observer};
use crate::seal::{SealKey, Sealer};

/// What outlives a configuration.
pub(super) struct Lasting {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) replay: Arc<dyn Replay>,
    pub(super) room: Room,
    pub(super) observer: Observer,
    requests: RequestIds,
}

/// What a configuration comes to.
pub(super) struct State {
    pub(super) routes: Routes,
    pub(super) servers: Vec<Arc<Server>>,
    pub(super) keys: KnownKeys,
    pub(super) sealer: Arc<Sealer>,
    /// Whether the key of `sealer` is of this process, and not of the configuration.
    pub(super) seals_for_itself: bool,
    pub(super) proxies: TrustedProxies,
    pub(super) calls: Option<Arc<Calls>>,
    pub(super) failures: Option<Arc<Failures>>,
    rates: Rates,
    pub(super) settled: Settled,
}

/// The rates that are counted. What was counted by them stays as long as they do.
struct Rates {
    calls: Option<Rate>,
    failures: Option<Rate>,
}

impl Rates {
    fn of(config: &Config) -> Rates {
        let limits = &config.limits;
        Rates { calls: limits.calls_per_subject, failures: limits.failures_per_address }
    }
}

/// What is settled when the gateway starts.
#[derive(Clone)]
pub(super) struct Settled {
    listen: SocketAddr,
    tls: Option<ListenerTls>,
    admin: Option<Admin>,
    audit: Option<PathBuf>,
    limits: Limits,
    log: Log,
    telemetry: Option<Telemetry>,
}

impl Lasting {
    pub(super) fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Lasting, BadGateway> {
        let room = Room::new(config.limits.buffered_bodies);
        let started = Moment::since_epoch(clock.since_epoch());
        let taken = room.clone();
        let metrics = Metrics::new(started, move || taken.taken() as u64);
        let audit = match &config.audit {
            None => None,
            Some(path) => {
                let audit = Audit::open(path.clone(), Arc::clone(&metrics.audit_errors));
                Some(audit.map_err(|error| Unusable::File { path: path.clone(), error })?)
            }
        };
        let observer = Observer::new(metrics, audit);
        #[cfg(feature = "otlp")]
        let observer = match &config.telemetry {
            None => observer,
            Some(telemetry) => observer.traced(spans::start(telemetry)?),
        };
        Ok(Lasting {
            clock,
            replay: Arc::new(LocalReplay::new()),
            room,
            observer,
            requests: RequestIds::new(),
        })
    }

    /// A name for a request, which no other has.
    pub(super) fn request_id(&self) -> RequestId {
        self.requests.next()
    }
}

/// What requests are called: random bytes of the process, and a number.
struct RequestIds {
    process: [u8; 16],
    requests: AtomicU64,
}

/// What a request is called in logs.
pub(super) struct RequestId([u8; 33]);

impl RequestIds {
    fn new() -> RequestIds {
        let mut random = [0; 8];
        random::fill(&mut random);
        RequestIds { process: hex(u64::from_ne_bytes(random)), requests: AtomicU64::new(0) }
    }

    fn next(&self) -> RequestId {
        let number = hex(self.requests.fetch_add(1, Ordering::Relaxed));
        let mut id = [b'-'; 33];
        let places = id.iter_mut();
        let dash = [b'-'];
        places
            .zip(self.process.iter().chain(&dash).chain(&number))
            .for_each(|(to, from)| *to = *from);
        RequestId(id)
    }
}

impl RequestId {
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn hex(number: u64) -> [u8; 16] {
    let mut shift = u64::BITS;
    [(); 16].map(|()| {
        shift -= 4;
        match u8::try_from((number >> shift) & 15) {
            Ok(digit @ 0..10) => b'0' + digit,
            Ok(digit) => b'a' - 10 + digit,
            Err(_) => b'0',
        }
    })
}

impl Settled {
    /// What of it another configuration wants otherwise, as an operator knows it.
    pub(super) fn differences(&self, other: &Settled) -> Vec<&'static str> {
        let differ = [
            ("listen", self.listen != other.listen),
            ("tls", self.tls != other.tls),
            ("admin", self.admin != other.admin),
            ("audit", self.audit != other.audit),
            ("limits of connections, time and memory", self.limits != other.limits),
            ("log", self.log != other.log),
            ("telemetry", self.telemetry != other.telemetry),
        ];
        differ.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
    }

    pub(super) fn of(config: &Config) -> Settled {
        Settled {
            listen: config.listen,
            tls: config.tls.clone(),
            admin: config.admin.clone(),
            audit: config.audit.clone(),
            // What is taken anew each time is not settled.
            limits: Limits {
                calls_per_subject: None,
                failures_per_address: None,
                operation: operation::Limits::default(),
                body_timeout: Duration::ZERO,
                ..config.limits
            },
            log: config.log,
            telemetry: config.telemetry.clone(),
        }
    }
}

impl State {
    /// What this configuration comes to, after that one.
    pub(super) fn of(
        config: &Config,
        lasting: &Lasting,
        before: Option<&State>,
    ) -> Result<State, BadGateway> {
        let nothing = KnownKeys::default();
        let known = before.map_or(&nothing, |before| &before.keys);
        let Issuers { sources, keys } = Issuers::new(&config.issuers, &lasting.clock, known)?;
        let sealer = sealer(config, before)?;
        let surroundings = Surroundings {
            clock: Arc::clone(&lasting.clock),
            replay: Arc::clone(&lasting.replay),
            nonces: Some(Arc::new(Nonces::new(sealer.nonce_key()))),
            room: lasting.room.clone(),
            limits: config.limits.operation,
            body_patience: config.limits.body_timeout,
        };
        let rates = Rates::of(config);
        let same =
            |is_same: fn(&Rates, &Rates) -> bool| before.filter(|b| is_same(&b.rates, &rates));
        let calls = match same(|before, now| before.calls == now.calls) {
            Some(before) => before.calls.clone(),
            None => rates.calls.map(|rate| Arc::new(Calls::new(rate))),
        };
        let failures = match same(|before, now| before.failures == now.failures) {
            Some(before) => before.failures.clone(),
            None => rates.failures.map(|rate| Arc::new(Failures::new(rate))),
        };
        let around = Around {
            public_origin: config.public_url.as_ref().map(Issuer::origin),
            sources: &sources,
            surroundings: &surroundings,
            sealer: &sealer,
        };
        let start = |server: &config::server::Server| {
            let mut known = before.iter().flat_map(|before| &before.servers);
            let before = known.find(|known| known.name() == server.name.as_str());
            let watched = lasting.observer.watch(server);
            Server::new(server, &around, watched, before.map(Arc::as_ref)).map(Arc::new)
        };
        let servers: Vec<_> = config.servers.iter().map(start).collect::<Result<_, _>>()?;
        Ok(State {
            routes: Routes::new(&servers),
            servers,
            keys,
            sealer,
            seals_for_itself: config.store.seal_key.is_none(),
            proxies: TrustedProxies::new(config.trusted_proxies.iter().copied()),
            calls,
            failures,
            rates,
            settled: before.map_or_else(|| Settled::of(config), |before| before.settled.clone()),
        })
    }
}

impl State {
    /// The server of that name.
    pub(super) fn server(&self, name: &str) -> Option<&Arc<Server>> {
        self.servers.iter().find(|server| server.name() == name)
    }
}

/// What seals ids: by the key of the configuration, else by one that lives as long as the process.
fn sealer(config: &Config, before: Option<&State>) -> Result<Arc<Sealer>, BadGateway> {
    if config.store.seal_key.is_none()
        && let Some(before) = before.filter(|before| before.seals_for_itself)
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
