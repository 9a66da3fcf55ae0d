//! Spans of requests, from outside: a client, an upstream and a collector, each on a socket of its own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "tests"
)]

mod losses;
#[path = "../observe/request.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod request;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../gateway/rig.rs"]
mod rig;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use testkit::NOW;
use testkit::server::{Answer, Server, respond};

use crate::rig::{Requests, Rig, call, header, post};
use crate::wire::{Span, spans};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn ok(_: &Request<Bytes>) -> Answer {
    respond(200, &[("content-type", "application/json")], "{}")
}

/// A collector, and what it was sent.
struct Collector {
    server: Server,
    requests: Requests,
}

impl Collector {
    /// One that answers so.
    async fn start(mut answer: impl FnMut() -> Answer + Send + 'static) -> Collector {
        let requests = Requests::default();
        let seen = Arc::clone(&requests);
        let server = Server::start(move |request| {
            seen.lock().unwrap().push(request.clone());
            answer()
        });
        Collector { server: server.await, requests }
    }

    /// One that takes all there is.
    async fn taking() -> Collector {
        Collector::start(|| respond(200, &[("content-type", "application/x-protobuf")], "")).await
    }

    fn settings(&self) -> String {
        let endpoint = self.server.url("/v1/traces");
        format!(
            "[telemetry]\nendpoint = \"{endpoint}\"\n\
             request_headers = {{ Authorization = \"Bearer for-the-collector\" }}\n"
        )
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().unwrap();
        requests.iter().flat_map(|request| spans(request.body())).collect()
    }
}

fn with(mut request: Request<Bytes>, headers: &[(&'static str, &str)]) -> Request<Bytes> {
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

/// Trace, span and flags of what the upstream was told.
fn told(headers: &HeaderMap) -> [String; 3] {
    let value = header(headers, "traceparent");
    let parts: Vec<&str> = value.split('-').collect();
    let [version, trace, span, flags] = parts[..] else { panic!("{value}") };
    assert_eq!(version, "00");
    [trace, span, flags].map(str::to_owned)
}

#[tokio::test]
async fn a_span_tells_of_a_request_and_nothing_that_is_secret() {
    let collector = Collector::taking().await;
    let rig = Rig::with(&collector.settings(), "", ok).await;
    let token = rig.token(&json!({ "sub": "alice@example.com" }));
    let body = json!({
        "jsonrpc": "2.0", "id": "the-id", "method": "tools/call",
        "params": { "name": "read_file", "arguments": { "path": "the-argument" } },
    });
    let request = with(
        post(&token, body.to_string()),
        &[("traceparent", PARENT), ("tracestate", "a=1,b=2"), ("user-agent", "the-client")],
    );
    assert_eq!(rig.client().await.whole(request).await.status(), 200);
    let upstream = rig.last();
    rig.serving.drain().await;
    let request = collector.requests.lock().unwrap()[0].clone();
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/traces"));
    assert_eq!(header(request.headers(), "content-type"), "application/x-protobuf");
    assert_eq!(header(request.headers(), "authorization"), "Bearer for-the-collector");
    let spans = collector.spans();
    let [span] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((&*span.trace, &*span.parent), (TRACE, "00f067aa0ba902b7"));
    // The upstream is told this span, in the same trace.
    assert_eq!(told(upstream.headers()), [TRACE, &span.id, "01"]);
    assert_ne!(span.id, span.parent);
    assert_eq!(header(upstream.headers(), "tracestate"), "a=1,b=2");
    assert_eq!((&*span.name, span.kind, span.status), ("tools/call read_file", 2, 0));
    assert_eq!((span.flags, &*span.service), (0x301, "portcullis"));
    assert_eq!(span.start, NOW * 1_000_000_000);
    assert!((span.start..span.start + 60_000_000_000).contains(&span.end));
    let id = &span.attributes["portcullis.request.id"];
    let expected: [(&str, &str); 12] = [
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "read_file"),
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("http.route", "/files/mcp"),
        ("mcp.method.name", "tools/call"),
        ("network.protocol.version", "1.1"),
        ("portcullis.outcome", "allowed"),
        ("portcullis.request.id", id),
        ("portcullis.server", "files"),
        ("url.path", "/files/mcp"),
        ("url.scheme", "http"),
    ];
    let found = span.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    let sent = String::from_utf8_lossy(request.body()).into_owned();
    for secret in [&*token, "the-argument", "the-id", "alice", "inspector", "the-client"] {
        assert!(!sent.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn every_outcome_has_a_span() {
    let collector = Collector::taking().await;
    let mut answers = 0;
    let settings = collector.settings();
    let rig = Rig::with(&settings, "", move |_| {
        answers += 1;
        respond(if answers == 1 { 200 } else { 302 }, &[("location", "/elsewhere")], "{}")
    });
    let rig = rig.await;
    let token = rig.token(&json!({}));
    let long = format!("read_{}\u{e9}", "x".repeat(250));
    for (request, status) in [
        (post(&token, call(&long)), 200),
        (post(&token, call("delete_everything")), 403),
        (post("x.y.z", call("read_file")), 401),
        (post(&token, call("read_file")), 502),
        (post(&token, json!({ "jsonrpc": "2.0", "id": 1, "method": "made/up" }).to_string()), 403),
    ] {
        assert_eq!(rig.client().await.whole(request).await.status(), status);
    }
    rig.serving.drain().await;
    let get = |span: &Span, name: &str| span.attributes.get(name).cloned().unwrap_or_default();
    let told: Vec<_> = collector
        .spans()
        .iter()
        .map(|span| {
            assert!(span.parent.is_empty() && span.flags == 0x103, "a trace of its own");
            let shown = ["http.response.status_code", "portcullis.outcome", "portcullis.class"];
            let [status, outcome, class] = shown.map(|name| get(span, name));
            let tool = get(span, "gen_ai.tool.name");
            let error = get(span, "error.type");
            (span.name.clone(), status, outcome, class, tool, (span.status, error))
        })
        .collect();
    let row = |name: &str, status: &str, outcome: &str, class: &str, tool: &str, error: &str| {
        let owned = [name, status, outcome, class, tool].map(str::to_owned);
        let [name, status, outcome, class, tool] = owned;
        let is_error = if error.is_empty() { 0 } else { 2 };
        (name, status, outcome, class, tool, (is_error, error.to_owned()))
    };
    // Of a name that goes on, as much as is a text.
    let long = long.trim_end_matches('\u{e9}');
    assert_eq!(
        told,
        [
            row(&format!("tools/call {long}"), "200", "allowed", "", long, ""),
            row("tools/call", "403", "denied", "insufficient_scope", "delete_everything", ""),
            row("POST /files/mcp", "401", "denied", "issuer", "", ""),
            row("tools/call", "502", "failed", "upstream", "read_file", "upstream"),
            row("_OTHER", "403", "denied", "forbidden", "", ""),
        ]
    );
}

/// What a client says about sampling counts, and the trace goes on upstream in either case.
#[tokio::test]
async fn a_parent_that_is_not_sampled_has_no_span() {
    for (flags, count) in [("00", 0), ("01", 1), ("02", 0), ("03", 1)] {
        let collector = Collector::taking().await;
        let rig = Rig::with(&collector.settings(), "", ok).await;
        let parent = PARENT.replace("-01", &format!("-{flags}"));
        let request = post(&rig.token(&json!({})), call("read_file"));
        let request = with(request, &[("traceparent", &parent)]);
        assert_eq!(rig.client().await.whole(request).await.status(), 200);
        let [trace, span, told] = told(rig.last().headers());
        assert_eq!((&*trace, &*told), (TRACE, flags));
        assert_ne!(span, "00f067aa0ba902b7");
        rig.serving.drain().await;
        assert_eq!(collector.spans().len(), count, "{flags}");
        assert_eq!(collector.server.asked(), count);
    }
}

/// What is no context begins a trace, and what was said about the other one goes no further.
#[tokio::test]
async fn a_parent_that_is_none_is_not_believed() {
    let good: &[&str] = &[PARENT];
    let bad: [&[&str]; 3] = [&[PARENT, PARENT], &["00-x"], &[]];
    for (parents, is_good) in bad.into_iter().map(|bad| (bad, false)).chain([(good, true)]) {
        let collector = Collector::taking().await;
        let rig = Rig::with(&collector.settings(), "", ok).await;
        let mut headers = vec![("tracestate", "a=1")];
        headers.extend(parents.iter().map(|parent| ("traceparent", *parent)));
        let request = with(post(&rig.token(&json!({})), call("read_file")), &headers);
        assert_eq!(rig.client().await.whole(request).await.status(), 200);
        let upstream = rig.last();
        let [trace, span, _] = told(upstream.headers());
        assert_eq!(upstream.headers().contains_key("tracestate"), is_good);
        assert_eq!(trace == TRACE, is_good);
        rig.serving.drain().await;
        let spans = collector.spans();
        assert_eq!((&spans[0].trace, &spans[0].id), (&trace, &span));
        assert_eq!(spans[0].parent.is_empty(), !is_good);
    }
}

/// Where no collector is named, nothing is sent anywhere, and contexts pass as clients send them.
#[tokio::test]
async fn without_an_endpoint_nothing_is_sent() {
    let collector = Collector::taking().await;
    for (settings, is_asked) in [(String::new(), false), (collector.settings(), true)] {
        let rig = Rig::with(&settings, "", ok).await;
        let request = post(&rig.token(&json!({})), call("read_file"));
        let request = with(request, &[("traceparent", "cc-odd"), ("tracestate", "a=1")]);
        assert_eq!(rig.client().await.whole(request).await.status(), 200);
        let passed = header(rig.last().headers(), "traceparent") == "cc-odd";
        let state = rig.last().headers().contains_key("tracestate");
        assert_eq!((passed, state), (!is_asked, !is_asked));
        rig.serving.drain().await;
        assert_eq!(collector.server.asked() > 0, is_asked);
    }
}

/// The one message of several is not the name of all.
#[tokio::test]
async fn a_batch_has_one_span() {
    let collector = Collector::taking().await;
    let rig = Rig::with(&collector.settings(), "", ok).await;
    let ping = |id: u32| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
    let batch = Value::from(vec![ping(1), ping(2)]).to_string();
    let request =
        with(post(&rig.token(&json!({})), batch), &[("mcp-protocol-version", "2025-03-26")]);
    assert_eq!(rig.client().await.whole(request).await.status(), 200);
    rig.serving.drain().await;
    let spans = collector.spans();
    assert_eq!((spans.len(), &*spans[0].name), (1, "POST /files/mcp"));
    assert_eq!(spans[0].attributes["portcullis.batch.size"], "2");
    assert!(!spans[0].attributes.contains_key("mcp.method.name"));
}
