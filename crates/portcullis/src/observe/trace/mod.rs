//! A span for every request that a server answers, as OpenTelemetry wants to have it.
//!
//! The attributes are those of the semantic conventions for servers of HTTP, and for MCP. A span has names of
//! methods and tools, a status and an outcome. It never has a token, an argument, a URI of a resource, a query,
//! a session or an address: whoever may see traces may not see these.
//!
//! A span is the child of what the client says in `traceparent`, and it is exported where the client says that
//! it is sampled. Upstream is told this span as its parent, in either case.
//!
//! * `context` – `traceparent` (W3C Trace Context)
//! * `message` – what a collector gets
//! * `counts` – what became of spans

mod context;
mod counts;
mod message;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method as Http, Version};
use portcullis_core::operation::{Method, Target};
use tokio::sync::{mpsc, oneshot};

use self::context::{Context, Id};
pub use self::counts::Counts;
use self::message::{KeyValue, Status};
use super::{Noted, Outcome};

/// As many spans wait for the collector; more are dropped.
const QUEUE: usize = 2048;

/// Of a text that a client wrote, so many bytes go into a span.
const MAX_TEXT: usize = 256;

/// What cannot be one of few values is this (semantic conventions for HTTP).
const OTHER: &str = "_OTHER";

/// Random bytes.
pub type Random = fn(&mut [u8]);

/// Whoever begins and ends spans.
#[derive(Debug)]
pub struct Tracer {
    queue: mpsc::Sender<Queued>,
    counts: Arc<Counts>,
    random: Random,
}

/// What comes of a [`Tracer`]: spans that have ended, one after the other.
#[derive(Debug)]
pub struct Ended {
    queue: mpsc::Receiver<Queued>,
    counts: Arc<Counts>,
}

/// What there is to export.
#[derive(Debug)]
pub enum Queued {
    /// A span.
    Span(Box<Finished>),
    /// Nothing, but somebody waits until all before it is exported.
    Flush(oneshot::Sender<()>),
}

/// A span that has ended.
#[derive(Debug)]
pub struct Finished(message::Span);

/// The span of a request under way.
#[derive(Debug)]
pub struct Span {
    context: Context,
    parent: Option<Id>,
    begun: Duration,
    /// Nothing where it is not sampled.
    request: Option<Request>,
}

/// What is told of the request itself.
#[derive(Debug)]
struct Request {
    method: &'static str,
    version: Option<&'static str>,
    scheme: &'static str,
    path: String,
}

impl Tracer {
    /// With ids made of these random bytes.
    pub fn new(random: Random) -> (Tracer, Ended) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let counts = Arc::<Counts>::default();
        (Tracer { queue: sender, counts: Arc::clone(&counts), random }, Ended { queue, counts })
    }

    /// What became of spans so far.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Begins the span of a request to a server with that URL, which came so long after 1970. From here on it is
    /// what the request names as its parent, so that upstream is told.
    pub(super) fn begin(&self, begun: Duration, url: &str, parts: &mut Parts) -> Span {
        let parent = Context::of_parent(&parts.headers);
        let context = match &parent {
            Some(parent) => parent.child(self.random),
            None => Context::root(self.random),
        };
        context.put(&mut parts.headers, parent.is_some());
        let request = context.is_sampled().then(|| Request {
            method: method(&parts.method),
            version: version(parts.version),
            scheme: if url.starts_with("http:") { "http" } else { "https" },
            // It is one of the configuration's, or the request would have found no server.
            path: parts.uri.path().to_owned(),
        });
        Span { context, parent: parent.map(|parent| parent.span), begun, request }
    }

    /// Ends a span by what became of its request. One for which there is no room is dropped, and counted.
    pub(super) fn end(&self, span: &Span, noted: &Noted<'_>) {
        let Some(request) = &span.request else { return };
        let span = Box::new(Finished(finished(span, request, noted)));
        if self.queue.try_send(Queued::Span(span)).is_err() {
            self.counts.without_room();
        }
    }

    /// Returns when all spans that have ended are with the collector, or dropped.
    pub(super) async fn flush(&self) {
        let (done, told) = oneshot::channel();
        if self.queue.send(Queued::Flush(done)).await.is_ok() {
            let _ = told.await;
        }
    }
}

impl Ended {
    /// The next one; `None` where there will be no more.
    pub async fn next(&mut self) -> Option<Queued> {
        self.queue.recv().await
    }

    /// What became of spans is told here.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// The request to a collector with these spans in it.
pub fn to_export(spans: Vec<Finished>) -> Bytes {
    message::export(spans.into_iter().map(|span| span.0).collect())
}

/// How many of them the collector did not take, by its answer.
pub fn refused(answer: &[u8]) -> u64 {
    message::refused(answer)
}

fn finished(span: &Span, request: &Request, noted: &Noted<'_>) -> message::Span {
    let Request { method, version, scheme, path } = request;
    let about = &noted.about;
    let status = noted.status;
    let mut attributes = vec![
        KeyValue::text("http.request.method", *method),
        KeyValue::number("http.response.status_code", status.as_u16().into()),
        KeyValue::text("http.route", path.as_str()),
        KeyValue::text("url.path", path.as_str()),
        KeyValue::text("url.scheme", *scheme),
        KeyValue::text("portcullis.server", about.server.name()),
        KeyValue::text("portcullis.request.id", about.request),
        KeyValue::text("portcullis.outcome", noted.outcome.word()),
    ];
    attributes.extend(version.map(|version| KeyValue::text("network.protocol.version", version)));
    let class = match noted.outcome {
        Outcome::Denied(failure) => Some(failure.label()),
        Outcome::Allowed { .. } => None,
    };
    attributes.extend(class.map(|class| KeyValue::text("portcullis.class", class)));
    let is_error = status.is_server_error();
    if is_error {
        let kind = class.map_or_else(|| status.as_str().to_owned(), str::to_owned);
        attributes.push(KeyValue::text("error.type", kind));
    }
    let name = operation(noted, &mut attributes).unwrap_or_else(|| format!("{method} {path}"));
    let end = span.begun.saturating_add(about.latency);
    message::Span {
        trace_id: span.context.trace.to_vec(),
        span_id: span.context.span.to_vec(),
        parent_span_id: span.parent.map(|parent| parent.to_vec()).unwrap_or_default(),
        name,
        kind: message::SERVER,
        start_time_unix_nano: nanos(span.begun),
        end_time_unix_nano: nanos(end),
        attributes,
        status: is_error.then_some(Status { code: message::ERROR }),
        flags: span.context.flags(span.parent.is_some()),
    }
}

/// What the conventions for MCP say of a request that is one message, and the name of its span.
fn operation(noted: &Noted<'_>, attributes: &mut Vec<KeyValue>) -> Option<String> {
    let call = match noted.calls {
        [call] => call,
        [] => return None,
        several => {
            let count = i64::try_from(several.len()).unwrap_or(i64::MAX);
            attributes.push(KeyValue::number("portcullis.batch.size", count));
            return None;
        }
    };
    let method = match call.method() {
        // They are no messages.
        Method::OpenStream | Method::EndSession | Method::Response => return None,
        // Anybody can make up a name.
        Method::Other => OTHER,
        known => known.as_str(),
    };
    attributes.push(KeyValue::text("mcp.method.name", method));
    let target = match call.targets() {
        [Target::Tool(name)] => {
            attributes.push(KeyValue::text("gen_ai.operation.name", "execute_tool"));
            Some(("gen_ai.tool.name", name))
        }
        [Target::Prompt(name)] => Some(("gen_ai.prompt.name", name)),
        _ => None,
    };
    let Some((key, name)) = target else { return Some(method.to_owned()) };
    let name = beginning(name);
    attributes.push(KeyValue::text(key, name));
    // Names of spans are few: what a policy allows is, what is asked for need not be.
    let is_known = matches!(noted.outcome, Outcome::Allowed { .. });
    Some(if is_known { format!("{method} {name}") } else { method.to_owned() })
}

fn beginning(text: &str) -> &str {
    let mut ends = (0..=MAX_TEXT.min(text.len())).rev();
    ends.find_map(|end| text.get(..end)).unwrap_or_default()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn method(method: &Http) -> &'static str {
    const KNOWN: [(Http, &str); 9] = [
        (Http::POST, "POST"),
        (Http::GET, "GET"),
        (Http::DELETE, "DELETE"),
        (Http::OPTIONS, "OPTIONS"),
        (Http::HEAD, "HEAD"),
        (Http::PUT, "PUT"),
        (Http::PATCH, "PATCH"),
        (Http::CONNECT, "CONNECT"),
        (Http::TRACE, "TRACE"),
    ];
    KNOWN.iter().find(|(known, _)| known == method).map_or(OTHER, |(_, name)| name)
}

fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        _ => None,
    }
}
