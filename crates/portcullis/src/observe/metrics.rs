//! What is counted.
//!
//! Counting is one relaxed addition to a place that was made beforehand: nothing is looked up, locked or
//! allocated for a request. The places are as many as the configuration has servers, times a closed list of
//! classes; nothing that a client sends makes another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use portcullis_core::error::FailureClass;

use super::expose::Page;
use super::{Moment, Outcome};
use crate::stdio;

/// The upper ends of the buckets of latencies, in microseconds, and how they are written, in seconds.
const BUCKETS: [(u64, &str); 15] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
    (30_000_000, "30"),
];

/// What only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn count(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How many there are at this moment.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Counts one, until what is returned is dropped.
    pub fn hold(self: &Arc<Self>) -> Held {
        self.0.fetch_add(1, Relaxed);
        Held(Arc::clone(self))
    }

    /// How many there are.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// One that is counted in a [`Gauge`].
#[derive(Debug)]
#[must_use]
pub struct Held(Arc<Gauge>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// Latencies by size.
#[derive(Debug, Default)]
struct Histogram {
    /// How many fell into each, the ones below not included; the last is without end.
    buckets: [Counter; BUCKETS.len() + 1],
    micros: Counter,
}

impl Histogram {
    fn observe(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let place = BUCKETS.partition_point(|(end, _)| *end < micros);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.count();
        }
        self.micros.add(micros);
    }
}

/// The counters of one server.
#[derive(Debug)]
pub struct ServerMetrics {
    name: String,
    allowed: Counter,
    /// By the number of the class.
    denied: [Counter; FailureClass::ALL.len()],
    latency: Histogram,
    /// Streams that are open towards clients.
    pub streams: Arc<Gauge>,
    /// What its processes said that reached nobody, where it has processes.
    dropped: OnceLock<Arc<stdio::Counts>>,
}

impl ServerMetrics {
    fn new(name: &str) -> Self {
        ServerMetrics {
            name: name.to_owned(),
            allowed: Counter::default(),
            denied: std::array::from_fn(|_| Counter::default()),
            latency: Histogram::default(),
            streams: Arc::default(),
            dropped: OnceLock::new(),
        }
    }

    /// Where is counted what processes of this server say to nobody.
    pub fn dropped(&self) -> &Arc<stdio::Counts> {
        self.dropped.get_or_init(Arc::default)
    }

    pub(super) fn count(&self, outcome: &Outcome<'_>, latency: Duration) {
        match outcome {
            Outcome::Allowed { .. } => self.allowed.count(),
            Outcome::Denied(failure) => {
                if let Some(counter) = self.denied.get(failure.class() as usize) {
                    counter.count();
                }
            }
        }
        self.latency.observe(latency);
    }
}

/// Says how many bytes are held.
type Bytes = Box<dyn Fn() -> u64 + Send + Sync>;

/// Everything that is counted.
pub struct Metrics {
    started: Moment,
    servers: Mutex<Vec<Arc<ServerMetrics>>>,
    body_bytes: Bytes,
    /// Connections of clients that are open.
    pub connections: Arc<Gauge>,
    /// Connections that were closed at once, for want of room.
    pub connections_refused: Counter,
    /// Attempts to write the audit trail that failed.
    pub audit_errors: Arc<Counter>,
    /// What became of spans, where they are wanted.
    #[cfg(feature = "otlp")]
    pub spans: OnceLock<Arc<super::trace::Counts>>,
}

impl Metrics {
    /// Nothing counted so far, of a process that started at that moment. `body_bytes` says how much of the
    /// room for bodies is taken.
    pub fn new(started: Moment, body_bytes: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Metrics {
            started,
            servers: Mutex::default(),
            body_bytes: Box::new(body_bytes),
            connections: Arc::default(),
            connections_refused: Counter::default(),
            audit_errors: Arc::default(),
            #[cfg(feature = "otlp")]
            spans: OnceLock::new(),
        }
    }

    /// The counters of a server. Those that a reload brings back go on where they were.
    pub fn server(&self, name: &str) -> Arc<ServerMetrics> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = servers.iter().find(|known| known.name == name) {
            return Arc::clone(known);
        }
        let new = Arc::new(ServerMetrics::new(name));
        servers.push(Arc::clone(&new));
        new
    }

    /// All of it in the text format of Prometheus, version 0.0.4.
    pub fn render(&self) -> String {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut page = Page::default();
        let started = Duration::from(self.started).as_secs_f64();
        page.family("portcullis_build_info", "gauge", "Which Portcullis this is.");
        page.sample("portcullis_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.family("process_start_time_seconds", "gauge", "When the process started, Unix time.");
        page.sample("process_start_time_seconds", &[], started);
        requests(&mut page, &servers);
        latencies(&mut page, &servers);
        page.family("portcullis_streams_open", "gauge", "Streams open towards clients.");
        for server in &servers {
            page.sample(
                "portcullis_streams_open",
                &[("server", &server.name)],
                server.streams.get(),
            );
        }
        dropped(&mut page, &servers);
        page.single(
            "portcullis_connections_open",
            "gauge",
            "Connections of clients that are open.",
            self.connections.get(),
        );
        page.single(
            "portcullis_connections_refused_total",
            "counter",
            "Connections closed at once for want of room.",
            self.connections_refused.get(),
        );
        page.single(
            "portcullis_body_bytes_held",
            "gauge",
            "Bytes of request bodies in memory.",
            (self.body_bytes)(),
        );
        page.single(
            "portcullis_audit_write_errors_total",
            "counter",
            "Attempts to write the audit trail that failed.",
            self.audit_errors.get(),
        );
        #[cfg(feature = "otlp")]
        if let Some(spans) = self.spans.get() {
            spans.show(&mut page);
        }
        page.text()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("servers", &self.servers).finish_non_exhaustive()
    }
}

fn requests(page: &mut Page, servers: &[Arc<ServerMetrics>]) {
    const NAME: &str = "portcullis_requests_total";
    page.family(NAME, "counter", "Requests by what became of them; class says why one was denied.");
    for server in servers {
        let server_name = ("server", server.name.as_str());
        let labels = [server_name, ("outcome", "allowed"), ("class", "")];
        page.sample(NAME, &labels, server.allowed.get());
        for (class, counter) in FailureClass::ALL.iter().zip(&server.denied) {
            let outcome = if *class == FailureClass::Upstream { "failed" } else { "denied" };
            let labels = [server_name, ("outcome", outcome), ("class", class.label())];
            page.sample(NAME, &labels, counter.get());
        }
    }
}

fn dropped(page: &mut Page, servers: &[Arc<ServerMetrics>]) {
    const NAME: &str = "portcullis_stdio_messages_dropped_total";
    page.family(NAME, "counter", "What processes said that reached nobody, by the reason.");
    for (server, dropped) in
        servers.iter().filter_map(|server| Some((server, server.dropped.get()?.so_far())))
    {
        let stdio::Dropped { garbage, unasked, unattributed, unread } = dropped;
        for (reason, count) in [
            ("garbage", garbage),
            ("unasked", unasked),
            ("unattributed", unattributed),
            ("unread", unread),
        ] {
            page.sample(NAME, &[("server", &server.name), ("reason", reason)], count);
        }
    }
}

fn latencies(page: &mut Page, servers: &[Arc<ServerMetrics>]) {
    const NAME: &str = "portcullis_request_duration_seconds";
    const BUCKET: &str = "portcullis_request_duration_seconds_bucket";
    page.family(NAME, "histogram", "Time until the answer began.");
    for server in servers {
        let server_name = ("server", server.name.as_str());
        let ends = BUCKETS.iter().map(|(_, end)| *end).chain(["+Inf"]);
        let mut so_far: u64 = 0;
        for (end, bucket) in ends.zip(&server.latency.buckets) {
            so_far = so_far.saturating_add(bucket.get());
            page.sample(BUCKET, &[server_name, ("le", end)], so_far);
        }
        let seconds = Duration::from_micros(server.latency.micros.get()).as_secs_f64();
        page.sample("portcullis_request_duration_seconds_sum", &[server_name], seconds);
        page.sample("portcullis_request_duration_seconds_count", &[server_name], so_far);
    }
}
