//! What can be written in a configuration: one struct for each table, one field for each key.
//!
//! Comments of fields are what the reference says about keys (docs/configuration.md), and the schema is made
//! of the same structs, so that neither can say anything else than what is read. Here a value is right by
//! itself; whether values go together is for `check`.
//!
//! * `read`, `access` – from a tree to these structs, without stopping at what is wrong
//! * `field` – keys with their places
//! * `values`, `network` – texts with a grammar
//! * `shape` – what all that is in a JSON Schema

mod access;
mod field;
mod issuer;
mod network;
mod read;
mod server;
mod shape;
mod values;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use http::uri::Authority;
use portcullis_core::id::Issuer as IssuerId;
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use self::field::{At, Field, Later, List, Many, Named, SecretText};
pub(super) use self::issuer::{AuthMethod, Claim, Introspection, Issuer, Require, When};
pub(super) use self::network::Networks;
pub(super) use self::read::read;
pub(super) use self::server::{
    Access, Listing, Pattern, ResponseHeaders, Rule, Server, Transport, UpstreamHeaders,
};
pub(super) use self::values::{
    AtMost, Endpoint, FilePath, FromText, Line, OrNone, Parsed, Size, UpstreamUrl, UrlPath,
};

/// A text with a grammar, under a key.
pub(super) type Key<T> = Field<Parsed<T>>;

/// The whole configuration of a gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["servers"]))]
pub(super) struct Root {
    /// Where clients reach the gateway: scheme, host and, where it is unusual, port, as in
    /// `https://mcp.example.com`. Never guessed from a request. No path and no slash at the end; `http` only
    /// on this machine. Needed where a server has a `path`.
    pub(super) public_url: Key<IssuerId>,
    /// Address and port where clients are listened to.
    #[schemars(extend("default" = "127.0.0.1:8080"))]
    pub(super) listen: Key<SocketAddr>,
    /// The certificate of the listener, where no proxy in front speaks TLS. Without it the listener speaks
    /// plain HTTP.
    pub(super) tls: Field<Tls>,
    /// Networks of the proxies in front, whose word about addresses and certificates of clients is taken:
    /// addresses, networks such as `10.0.0.0/8`, and the words `loopback` and `private`. Needed, if only as
    /// `[]`, where `public_url` is `https` and there is no `tls`.
    #[schemars(extend("default" = []))]
    pub(super) trusted_proxies: Field<List<Parsed<Networks>>>,
    /// Further files, as in `"conf.d/*.toml"`; one `*` may stand in the last part. Named tables come together
    /// from all files; of every other key one file speaks. In the main file only.
    pub(super) include: Field<Many<Parsed<Line>>>,
    /// How much of everything, and for how long.
    pub(super) limits: Field<Limits>,
    /// What is told while running.
    pub(super) log: Field<Log>,
    /// Where spans of requests are sent. Without it none are made, and `traceparent` passes as clients send it.
    pub(super) telemetry: Field<Telemetry>,
    /// The file of the audit trail, one JSON object on each line. Without it there is none.
    pub(super) audit: Key<FilePath>,
    /// What outlives a request.
    pub(super) store: Field<Store>,
    /// The listener for operators. Without it there is none.
    pub(super) admin: Field<Admin>,
    /// Audiences that mean more than one server, for issuers that cannot name a server in a token. A token
    /// for one of these servers is one for all of them.
    #[schemars(extend("default" = []))]
    pub(super) shared_audiences: Field<List<Parsed<Line>>>,
    /// The MCP servers behind the gateway, by their names: at least one.
    pub(super) servers: Field<Named<Server>>,
    /// Issuers of tokens, by their names; they count where a server lists them.
    pub(super) issuers: Field<Named<Issuer>>,
    #[schemars(skip)]
    pub(super) login: Field<Later>,
    #[schemars(skip)]
    pub(super) clients: Field<Later>,
}

/// A certificate of the listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cert", "key"]))]
pub(super) struct Tls {
    /// The file of the certificate and those between it and the root (PEM). Read again when it changes.
    pub(super) cert: Key<FilePath>,
    /// The file of its key (PEM). Read again when it changes.
    pub(super) key: Key<FilePath>,
    /// The file of the authorities that certificates of clients are signed by (PEM). With it clients are
    /// asked for a certificate, for tokens that are bound to one (RFC 8705); none is needed for others. A
    /// certificate that is an authority itself is never taken for a client's, also not where it stands here.
    pub(super) client_ca: Key<FilePath>,
    #[schemars(skip)]
    pub(super) acme: Field<Later>,
}

/// How much of everything, and for how long. Who reaches a limit is refused or cut off; the others go on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    /// The body of a request.
    #[schemars(extend("default" = "4MiB"))]
    pub(super) body: Key<Size>,
    /// The bodies of all requests together, while they are judged. Those of one caller take a quarter of it, or
    /// one body of the largest size.
    #[schemars(extend("default" = "256MiB"))]
    pub(super) buffered_bodies: Key<Size>,
    /// The messages of a batch (revision 2025-03-26).
    #[schemars(extend("default" = 32))]
    pub(super) batch: Field<Count>,
    /// The header of a request, which has no more than 100 lines. Of HTTP/1 it is 8KiB at least.
    #[schemars(extend("default" = "32KiB"))]
    pub(super) headers: Key<Size>,
    /// Connections of clients at a time.
    #[schemars(extend("default" = 10_000))]
    pub(super) connections: Field<Count>,
    /// Those of them that come from one address, or one /64 of IPv6. Without it, half of `connections`. The
    /// `trusted_proxies` may have them all.
    pub(super) connections_per_address: Field<Count>,
    /// Requests at a time on one connection of HTTP/2.
    #[schemars(extend("default" = 128))]
    pub(super) streams_per_connection: Field<Count>,
    /// Until the header of a request is there.
    #[schemars(extend("default" = "10s"))]
    pub(super) header_timeout: Key<Duration>,
    /// Until the body of a request is there.
    #[schemars(extend("default" = "30s"))]
    pub(super) body_timeout: Key<Duration>,
    /// How long a client may take nothing of an answer that waits for it.
    #[schemars(extend("default" = "30s"))]
    pub(super) write_timeout: Key<Duration>,
    /// How long a connection stays open on which nothing is asked.
    #[schemars(extend("default" = "2m"))]
    pub(super) idle_timeout: Key<Duration>,
    /// How long requests may go on once the gateway is told to end.
    #[schemars(extend("default" = "30s"))]
    pub(super) drain_timeout: Key<Duration>,
    /// Calls of one subject, over all its connections, allowed or not: a number and a time, as in `600/m`, `20/s`
    /// or `1000/10m`; or `unlimited`. A batch is as many as it has messages.
    #[schemars(extend("default" = "unlimited"))]
    pub(super) calls_per_subject: Key<AtMost>,
    /// Refused tokens from one address of a client, likewise. A request without a token does not count, nor does
    /// a token that has only expired.
    #[schemars(extend("default" = "300/m"))]
    pub(super) failures_per_address: Key<AtMost>,
}

/// An integer from 1 to a million.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub(super) u32);

/// What is told while running. The audit trail is apart.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    /// How a line looks.
    #[schemars(extend("default" = "auto"))]
    pub(super) format: Field<LogFormat>,
    /// How much is told.
    #[schemars(extend("default" = "info"))]
    pub(super) level: Field<LogLevel>,
}

/// Where spans of requests are sent: OTLP over HTTP, in Protocol Buffers. For gateways that were built with the
/// feature `otlp`; others refuse this table.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["endpoint"]))]
pub(super) struct Telemetry {
    /// The whole URL that takes spans, its path included: `https://collector.example.com:4318/v1/traces`.
    pub(super) endpoint: Key<UpstreamUrl>,
    /// Headers of these requests: `{ Authorization = "Bearer ${COLLECTOR_KEY}" }`. Values are treated as secrets.
    pub(super) request_headers: Field<Named<SecretText>>,
    /// The file of the authorities the certificate of `endpoint` may be signed by (PEM), instead of those of the
    /// machine.
    pub(super) ca: Key<FilePath>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum LogFormat {
    /// `human` on a terminal, else `json`
    Auto,
    /// for people
    Human,
    /// one JSON object on each line
    Json,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum LogLevel {
    /// what is broken
    Error,
    /// and what soon will be
    Warn,
    /// and what happens
    Info,
    /// and how
    Debug,
    /// and all there is
    Trace,
}

/// What outlives a request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Store {
    /// Where it is kept. `memory:` is this process and all there is in this version.
    #[schemars(extend("default" = "memory:"))]
    pub(super) url: Field<SecretText>,
    /// What identifiers of sessions and tasks are sealed with: 32 bytes, as 64 hexadecimal digits or in Base64
    /// (`openssl rand -hex 32`). Without it a key is made at every start, and sessions end with the process.
    pub(super) seal_key: Field<SecretText>,
}

/// The listener for operators: metrics, health.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["listen"]))]
pub(super) struct Admin {
    /// Address and port.
    pub(super) listen: Key<SocketAddr>,
    /// Networks that may connect, written as in `trusted_proxies`. Needed where `listen` is not on loopback:
    /// there is no password.
    #[schemars(extend("default" = ["loopback"]))]
    pub(super) allow_from: Field<List<Parsed<Networks>>>,
    /// Names that the listener may be asked under, beside `localhost` and IP addresses: what is called by another
    /// in `Host` answers 403, since web pages can have such names point here.
    #[schemars(extend("default" = []))]
    pub(super) allowed_hosts: Field<List<Parsed<Authority>>>,
    /// Another address and port for `/livez` and `/readyz` alone, open to everybody who reaches it.
    pub(super) health: Key<SocketAddr>,
}

/// The names of all keys at the top.
pub(super) fn top_level_keys() -> &'static BTreeSet<String> {
    static KEYS: LazyLock<BTreeSet<String>> =
        LazyLock::new(|| shape::keys_of(schema()).cloned().collect());
    &KEYS
}

/// The names of the keys that hold nothing secret in any table, and no table that could.
pub(super) fn open_keys() -> &'static BTreeSet<String> {
    static KEYS: LazyLock<BTreeSet<String>> = LazyLock::new(|| shape::open_keys(schema()));
    &KEYS
}

pub(super) use self::shape::schema;
