//! What there is once.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ipnet::IpNet;
use portcullis_core::id::Issuer;
use portcullis_core::operation;
use portcullis_core::secret::Secret;
use zeroize::Zeroizing;

use super::{Here, Wrong, headers};
use crate::config::gateway::{
    Admin, Config, Limits, ListenerTls, Log, LogFormat, LogLevel, Rate, SealKey, Store, Telemetry,
};
use crate::config::issuer::TrustedIssuer;
use crate::config::raw::{
    self, At, AtMost, Field, Key, List, Networks, Parsed, Root, Size, UpstreamUrl,
};
use crate::config::server::Server;
use crate::config::source::Place;

/// What there is once, as far as it is right.
pub(super) struct Once {
    pub(super) public_url: Option<(Issuer, Place)>,
    pub(super) listen: Option<(SocketAddr, Option<Place>)>,
    pub(super) has_tls: bool,
    pub(super) names_proxies: bool,
    tls: Option<ListenerTls>,
    trusted_proxies: Vec<IpNet>,
    limits: Limits,
    log: Log,
    telemetry: Option<Telemetry>,
    audit: Option<PathBuf>,
    store: Option<Store>,
    admin: Option<Admin>,
}

/// Where clients are listened to, unless it is said.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

pub(super) fn check(root: &mut Root, here: Here<'_>) -> Once {
    let listen = match &root.listen {
        Field::Absent => Some((LISTEN, None)),
        Field::Wrong => None,
        Field::There(at) => Some((at.value.0, Some(at.place))),
    };
    let path = |path| Here { path, ..here };
    Once {
        public_url: public_url(&root.public_url, here),
        listen,
        has_tls: !root.tls.is_absent(),
        names_proxies: !root.trusted_proxies.is_absent(),
        tls: root.tls.get().and_then(|tls| listener_tls(tls, path("tls"))),
        trusted_proxies: networks(&root.trusted_proxies),
        limits: limits(root.limits.value().unwrap_or(&raw::Limits::default())),
        log: log(root.log.value()),
        telemetry: std::mem::take(&mut root.telemetry)
            .take()
            .and_then(|at| telemetry(at, path("telemetry"))),
        audit: here.optional_file(&root.audit),
        store: store(std::mem::take(&mut root.store).take(), path("store")),
        admin: root.admin.get().and_then(|at| admin(at, listen.map(|l| l.0), path("admin"))),
    }
}

impl Once {
    pub(super) fn config(
        self,
        issuers: Vec<Arc<TrustedIssuer>>,
        servers: Vec<Server>,
    ) -> Option<Config> {
        Some(Config {
            public_url: self.public_url.map(|(url, _)| url),
            listen: self.listen?.0,
            tls: self.tls,
            trusted_proxies: self.trusted_proxies,
            limits: self.limits,
            log: self.log,
            telemetry: self.telemetry,
            audit: self.audit,
            store: self.store?,
            admin: self.admin,
            issuers,
            servers,
            files: Vec::new(),
            redacted: String::new(),
        })
    }
}

fn public_url(field: &Key<Issuer>, here: Here<'_>) -> Option<(Issuer, Place)> {
    let at = field.get()?;
    let Parsed(url) = &at.value;
    match url.path() {
        "" => return Some((url.clone(), at.place)),
        "/" => here.report(at.place, Wrong::PublicUrlSlash),
        _ => here.report(at.place, Wrong::PublicUrlPath),
    }
    None
}

fn listener_tls(at: &At<raw::Tls>, here: Here<'_>) -> Option<ListenerTls> {
    let here = Here { place: at.place, ..here };
    let tls = &at.value;
    if let Some(acme) = tls.acme.get() {
        let instead = "name the files of a certificate as \"cert\" and \"key\"";
        here.report(acme.place, Wrong::Later { what: "acme", instead });
        return None;
    }
    let client_ca = here.optional_file(&tls.client_ca);
    let (cert, key) = (here.needed_file("cert", &tls.cert), here.needed_file("key", &tls.key));
    Some(ListenerTls { cert: cert?, key: key?, client_ca })
}

fn networks(field: &Field<List<Parsed<Networks>>>) -> Vec<IpNet> {
    let lists = field.value().into_iter().flat_map(List::values);
    lists.flat_map(|Parsed(Networks(networks))| networks).copied().collect()
}

fn limits(raw: &raw::Limits) -> Limits {
    let size = |key: &Key<Size>, usual| key.value().map_or(usual, |Parsed(Size(bytes))| *bytes);
    let time = |key: &Key<Duration>, seconds| {
        key.value().map_or(Duration::from_secs(seconds), |Parsed(time)| *time)
    };
    let count = |key: &Field<raw::Count>, usual| key.value().map_or(usual, |count| count.0);
    let whole = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let rate = |key: &Key<AtMost>, usual| key.value().map_or(usual, |Parsed(AtMost(rate))| *rate);
    let usual = operation::Limits::default();
    let usual_batch = u32::try_from(usual.batch).unwrap_or(u32::MAX);
    let connections = count(&raw.connections, 10_000);
    Limits {
        operation: operation::Limits {
            body: size(&raw.body, usual.body),
            batch: whole(count(&raw.batch, usual_batch)),
        },
        buffered_bodies: size(&raw.buffered_bodies, 256 << 20),
        headers: size(&raw.headers, 32 << 10),
        connections: whole(connections),
        connections_per_address: whole(count(
            &raw.connections_per_address,
            connections.div_ceil(2),
        )),
        streams_per_connection: count(&raw.streams_per_connection, 128),
        header_timeout: time(&raw.header_timeout, 10),
        body_timeout: time(&raw.body_timeout, 30),
        write_timeout: time(&raw.write_timeout, 30),
        idle_timeout: time(&raw.idle_timeout, 120),
        drain_timeout: time(&raw.drain_timeout, 30),
        calls_per_subject: rate(&raw.calls_per_subject, None),
        failures_per_address: rate(&raw.failures_per_address, Some(FAILURES)),
    }
}

const FAILURES: Rate = Rate {
    count: match std::num::NonZeroU32::new(300) {
        Some(count) => count,
        None => std::num::NonZeroU32::MIN,
    },
    per: Duration::from_secs(60),
};

fn log(raw: Option<&raw::Log>) -> Log {
    let format = raw.and_then(|log| log.format.value());
    let level = raw.and_then(|log| log.level.value());
    Log {
        format: match format {
            None | Some(raw::LogFormat::Auto) => LogFormat::Auto,
            Some(raw::LogFormat::Human) => LogFormat::Human,
            Some(raw::LogFormat::Json) => LogFormat::Json,
        },
        level: match level {
            Some(raw::LogLevel::Error) => LogLevel::Error,
            Some(raw::LogLevel::Warn) => LogLevel::Warn,
            None | Some(raw::LogLevel::Info) => LogLevel::Info,
            Some(raw::LogLevel::Debug) => LogLevel::Debug,
            Some(raw::LogLevel::Trace) => LogLevel::Trace,
        },
    }
}

fn telemetry(at: At<raw::Telemetry>, here: Here<'_>) -> Option<Telemetry> {
    let here = Here { place: at.place, ..here };
    if cfg!(not(feature = "otlp")) {
        here.report_here(Wrong::NotBuilt { what: "[telemetry]", feature: "otlp" });
        return None;
    }
    let raw = at.value;
    let endpoint = here.needed("endpoint", &raw.endpoint).map(|Parsed(UpstreamUrl(url))| url);
    if let (Some(url), Some(place)) = (endpoint, raw.endpoint.place()) {
        if matches!(url.path(), "" | "/") {
            here.report(place, Wrong::SpansPath);
        }
        if url.scheme_str() == Some("http") {
            here.alone(&raw.ca, "ca", "an endpoint with https");
        }
    }
    let ca = here.optional_file(&raw.ca);
    let path = format!("{}.request_headers", here.path);
    let request_headers = headers::added(raw.request_headers.take(), Here { path: &path, ..here });
    Some(Telemetry { endpoint: endpoint?.clone(), request_headers: request_headers?, ca })
}

fn store(at: Option<At<raw::Store>>, here: Here<'_>) -> Option<Store> {
    let Some(at) = at else { return Some(Store { seal_key: None }) };
    if let Some(url) = at.value.url.take() {
        let place = url.place;
        let secret = here.secret(url)?;
        let text = secret.expose();
        let later = ["sqlite:", "postgres:", "postgresql:"];
        match text {
            // There is no password in it.
            "memory:" => here.context.findings.unmask(place),
            text if later.iter().any(|kind| text.starts_with(kind)) => {
                here.report(place, Wrong::StoreLater);
            }
            _ => here.report(place, Wrong::Store),
        }
    }
    let seal_key = match at.value.seal_key.take() {
        None => None,
        Some(written) => Some(seal_key(written, here)?),
    };
    Some(Store { seal_key })
}

fn seal_key(written: At<raw::SecretText>, here: Here<'_>) -> Option<SealKey> {
    let place = written.place;
    let secret = here.secret(written)?;
    let bytes = thirty_two(&secret);
    if bytes.is_none() {
        here.report(place, Wrong::SealKey);
    }
    bytes.map(SealKey)
}

/// 32 bytes, as hexadecimal digits or in Base64 of either alphabet, padded or not.
fn thirty_two(secret: &Secret) -> Option<Zeroizing<[u8; 32]>> {
    let text = secret.expose();
    let mut bytes = Zeroizing::new([0; 32]);
    if text.len() == 64 {
        let mut digits = text.chars().map(|digit| digit.to_digit(16));
        for byte in bytes.iter_mut() {
            let (high, low) = (digits.next()??, digits.next()??);
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
        return Some(bytes);
    }
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabets = [&alphabet::STANDARD, &alphabet::URL_SAFE];
    alphabets.into_iter().find_map(|alphabet| {
        let decoded = GeneralPurpose::new(alphabet, lenient).decode(text).ok()?;
        let decoded = Zeroizing::new(decoded);
        let array: &[u8; 32] = decoded.as_slice().try_into().ok()?;
        Some(Zeroizing::new(*array))
    })
}

fn admin(at: &At<raw::Admin>, main: Option<SocketAddr>, here: Here<'_>) -> Option<Admin> {
    let here = Here { place: at.place, ..here };
    let raw = &at.value;
    let listen = here.needed("listen", &raw.listen).map(|Parsed(address)| *address);
    let health = raw.health.value().map(|Parsed(address)| *address);
    if let Some(place) = raw.listen.place()
        && listen.is_some_and(|listen| !listen.ip().is_loopback())
        && raw.allow_from.is_absent()
    {
        here.report(place, Wrong::AdminOpen);
    }
    let clash = |one: Option<SocketAddr>, other: Option<SocketAddr>| {
        one.zip(other).is_some_and(|(one, other)| {
            let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
            one.port() != 0 && one.port() == other.port() && (is_any || one.ip() == other.ip())
        })
    };
    if let Some(place) = raw.listen.place().filter(|_| clash(listen, main)) {
        here.report(place, Wrong::AddressTaken("the gateway"));
    }
    if let Some(place) = raw.health.place() {
        if clash(health, main) {
            here.report(place, Wrong::AddressTaken("the gateway"));
        } else if clash(health, listen) {
            here.report(place, Wrong::AddressTaken("admin.listen"));
        }
    }
    let allow_from = match &raw.allow_from {
        Field::There(_) => networks(&raw.allow_from),
        _ => Networks::loopback(),
    };
    let hosts = raw.allowed_hosts.value().into_iter().flat_map(List::values);
    let allowed_hosts = hosts.map(|Parsed(host)| host.clone()).collect();
    Some(Admin { listen: listen?, allow_from, allowed_hosts, health })
}
