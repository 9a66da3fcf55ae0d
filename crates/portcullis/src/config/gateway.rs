//! What there is once: listeners, limits, logs, the store.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use portcullis_core::id::Issuer;
use portcullis_core::operation;
use zeroize::Zeroizing;

use super::issuer::TrustedIssuer;
use super::server::Server;

/// All the gateway is told, checked as a whole.
#[derive(Debug)]
pub struct Config {
    /// Where clients reach the gateway: scheme, host and port. Also the issuer of its own tokens, hence
    /// the type. There where a server has a path instead of a URL of its own.
    pub public_url: Option<Issuer>,
    /// Where clients are listened to.
    pub listen: SocketAddr,
    /// With which certificate, where the gateway speaks TLS itself.
    pub tls: Option<ListenerTls>,
    /// Whose word about the client's address and certificate is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// How much of everything.
    pub limits: Limits,
    /// What is told while running.
    pub log: Log,
    /// Where spans of requests are sent; never said in a build without the feature `otlp`.
    pub telemetry: Option<Telemetry>,
    /// Where the audit trail is written, one JSON object on each line.
    pub audit: Option<PathBuf>,
    /// What outlives a request.
    pub store: Store,
    /// The listener for operators.
    pub admin: Option<Admin>,
    /// Whose tokens are accepted anywhere, in the order of the file.
    pub issuers: Vec<Arc<TrustedIssuer>>,
    /// The servers, at least one, in the order of the file.
    pub servers: Vec<Server>,
    pub(super) files: Vec<PathBuf>,
    pub(super) redacted: String,
}

impl Config {
    /// Every file that was read, secrets included, and every certificate, authority and key that is read with
    /// it: what to watch for a reload. Those of the listener are not among them, who watches them itself.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let of_issuers = self.issuers.iter().flat_map(|issuer| issuer.files());
        let of_servers = self.servers.iter().flat_map(|server| server.upstream.files());
        self.files.iter().map(PathBuf::as_path).chain(of_issuers).chain(of_servers)
    }

    /// What is in force as TOML, defaults and overrides included and each secret as `…`.
    pub fn redacted(&self) -> &str {
        &self.redacted
    }
}

/// A certificate of the listener. Files are read when they are used, and again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// The chain, PEM.
    pub cert: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Who signs certificates of clients, PEM; clients without one are let in all the same, since tokens
    /// say whose they are.
    pub client_ca: Option<PathBuf>,
}

/// How much of everything, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How much of a request is read at all.
    pub operation: operation::Limits,
    /// The bodies of all requests together, in bytes, while they are judged.
    pub buffered_bodies: usize,
    /// The header of a request, in bytes.
    pub headers: usize,
    /// Connections of clients at a time.
    pub connections: usize,
    /// Of one address of a client, trusted proxies apart.
    pub connections_per_address: usize,
    /// Requests at a time on one connection of HTTP/2.
    pub streams_per_connection: u32,
    /// Until the header of a request is there.
    pub header_timeout: Duration,
    /// Until the body of a request is there.
    pub body_timeout: Duration,
    /// How long a client may take nothing of an answer.
    pub write_timeout: Duration,
    /// How long a connection stays open on which nothing is asked.
    pub idle_timeout: Duration,
    /// How long requests may go on once the gateway is told to end.
    pub drain_timeout: Duration,
    /// Calls of one subject.
    pub calls_per_subject: Option<Rate>,
    /// Refused tokens from one address of a client.
    pub failures_per_address: Option<Rate>,
}

/// So many in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In which time; never zero.
    pub per: Duration,
}

/// What is told while running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// How much is told.
    pub level: LogLevel,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, else JSON.
    #[default]
    Auto,
    /// For people.
    Human,
    /// JSON lines.
    Json,
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What is broken.
    Error,
    /// And what will be.
    Warn,
    /// And what happens.
    #[default]
    Info,
    /// And how.
    Debug,
    /// And everything.
    Trace,
}

/// Where spans of requests are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// The URL that takes them.
    pub endpoint: Uri,
    /// Headers of these requests. Values are marked sensitive.
    pub request_headers: Vec<(HeaderName, HeaderValue)>,
    /// Authorities of its certificate, PEM, in place of those of the machine.
    pub ca: Option<PathBuf>,
}

/// What outlives a request. All of it is kept in this process.
#[derive(Debug)]
pub struct Store {
    /// What session and task identifiers are sealed with. Without one, make one at start: identifiers then
    /// end with the process.
    pub seal_key: Option<SealKey>,
}

/// 32 bytes that nobody else knows.
pub struct SealKey(pub(super) Zeroizing<[u8; 32]>);

impl SealKey {
    /// The bytes, for the one place that seals.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// The listener for operators: metrics, and what is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who may connect.
    pub allow_from: Vec<IpNet>,
    /// Under which names it may be asked, beside addresses and `localhost`.
    pub allowed_hosts: Vec<Authority>,
    /// Where `/livez` and `/readyz` are answered, to anybody; without it, on [`Admin::listen`].
    pub health: Option<SocketAddr>,
}
