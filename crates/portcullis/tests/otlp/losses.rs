//! Spans that a collector never gets: they are counted, and nobody waits for them.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use portcullis::observe::Observer;
use portcullis::observe::trace::Tracer;
use portcullis::observe::{About, Noted};
use serde_json::json;
use testkit::server::{Answer, respond};

use crate::request::{about, call as message, judge, metrics, token, watched};
use crate::rig::{Client, Rig, call, post};
use crate::{Collector, ok};

/// A free port, for an address that a configuration has to name.
fn free() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

fn count(page: &str, series: &str) -> String {
    let mut values = page.lines().filter_map(|line| line.strip_prefix(series));
    values.next().unwrap_or_else(|| panic!("no {series}: {page}")).trim().to_owned()
}

/// How many spans were exported and how many not taken, where a collector answers so.
async fn counted(answer: fn() -> Answer) -> [String; 3] {
    let collector = Collector::start(answer).await;
    let admin = free();
    let top = format!("[admin]\nlisten = \"127.0.0.1:{admin}\"\n{}", collector.settings());
    let rig = Rig::with(&top, "", ok).await;
    let token = rig.token(&json!({}));
    for _ in 0..3 {
        let request = post(&token, call("read_file"));
        assert_eq!(rig.client().await.whole(request).await.status(), 200);
    }
    // They are sent when the first of them has waited for long enough.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(5)).await;
    tokio::time::resume();
    collector.server.until_asked(1).await;
    let mut client = Client::connect(([127, 0, 0, 1], admin).into()).await;
    // The collector has been asked, and its answer is on the way.
    let counted = async {
        loop {
            let request = Request::get("/metrics").body(Bytes::new()).unwrap();
            let page = client.whole(request).await;
            let page = std::str::from_utf8(page.body()).unwrap().to_owned();
            let counts = [
                count(&page, "portcullis_spans_exported_total"),
                count(&page, "portcullis_spans_dropped_total{reason=\"export\"}"),
                count(&page, "portcullis_spans_dropped_total{reason=\"queue\"}"),
            ];
            if counts != ["0", "0", "0"] {
                return counts;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), counted).await.unwrap()
}

#[tokio::test]
async fn what_a_collector_does_not_take_is_counted() {
    assert_eq!(counted(|| respond(200, &[], "")).await, ["3", "0", "0"]);
    // `partial_success { rejected_spans: 2, error_message: "no" }`
    assert_eq!(
        counted(|| respond(200, &[], &b"\x0a\x06\x08\x02\x12\x02no"[..])).await,
        ["1", "2", "0"]
    );
    // It cannot refuse more than there are.
    assert_eq!(counted(|| respond(200, &[], &b"\x0a\x02\x08\x7f"[..])).await, ["0", "3", "0"]);
    assert_eq!(counted(|| respond(200, &[], "no message")).await, ["3", "0", "0"]);
    for status in [301, 400, 401, 429, 500, 503] {
        let answer = match status {
            301 => || respond(301, &[("location", "/")], ""),
            400 => || respond(400, &[], ""),
            401 => || respond(401, &[], ""),
            429 => || respond(429, &[], ""),
            500 => || respond(500, &[], ""),
            _ => || respond(503, &[], ""),
        };
        assert_eq!(counted(answer).await, ["0", "3", "0"], "{status}");
    }
}

/// A collector that says nothing holds up neither requests nor, for more than its time, the end.
#[tokio::test]
async fn nobody_waits_for_a_collector() {
    let collector = Collector::start(|| None).await;
    let rig = Rig::with(&collector.settings(), "", ok).await;
    let token = rig.token(&json!({}));
    let mut client = rig.client().await;
    for _ in 0..600 {
        let request = post(&token, call("read_file"));
        assert_eq!(client.whole(request).await.status(), 200);
    }
    drop(client);
    collector.server.until_asked(1).await;
    let begun = tokio::time::Instant::now();
    tokio::time::pause();
    rig.serving.drain().await;
    // A second for requests on their way, and five for the last spans.
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
}

/// The queue has an end, and what is beyond it is counted.
#[test]
fn a_queue_that_is_full_takes_no_more() {
    let (tracer, ended) = Tracer::new(|bytes| bytes.fill(7));
    let observer = Observer::new(metrics(), None).traced(tracer);
    let server = watched(&observer);
    let permit = judge(&token(&json!({})), &message(1, "read_file")).unwrap();
    let dropped = || {
        let page = observer.metrics().render();
        count(&page, "portcullis_spans_dropped_total{reason=\"queue\"}")
    };
    for (more, expected) in [(2048, "0"), (5, "5")] {
        for _ in 0..more {
            let (mut parts, ()) = Request::post("/mcp").body(()).unwrap().into_parts();
            let span = observer.begin(Duration::ZERO, "https://mcp.example.com/mcp", &mut parts);
            let about = About { span: span.as_ref(), ..about(&server) };
            observer.note(&Noted::allowed(about, &permit, http::StatusCode::OK));
        }
        assert_eq!(dropped(), expected);
    }
    drop(ended);
}
