//! What it costs to note a request: its line of the audit trail, its counts, and a log that is not asked for
//! it, against the same line by `serde_json` alone.
//!
//! `cargo bench -p portcullis --bench observe`

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a measuring program, and parts of the tests in it"
)]

#[path = "../../portcullis-core/benches/common/mod.rs"]
mod common;
#[path = "../tests/observe/request.rs"]
mod request;

use std::cell::{Cell, RefCell};
use std::process::ExitCode;

use http::StatusCode;
use portcullis::observe::{Audit, Noted, Observer};
use portcullis_core::decide::Permit;
use serde::Serialize;
use serde_json::json;

use self::request::{about, call, judge, metrics, token, watched};

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    request: &'a str,
    outcome: &'static str,
    status: u16,
    server: &'a str,
    method: &'a str,
    target: Option<&'a str>,
    rule: &'a str,
    issuer: &'a str,
    subject: Option<&'a str>,
    client: Option<&'a str>,
    token: String,
    address: std::net::IpAddr,
    latency_us: u64,
}

impl<'a> Line<'a> {
    fn of(about: &portcullis::observe::About<'a>, permit: &'a Permit) -> Self {
        let (call, token) = (permit.calls().first().unwrap(), permit.caller().token());
        Line {
            time: String::from_utf8_lossy(&about.at.to_rfc3339()).into_owned(),
            request: about.request,
            outcome: "allowed",
            status: 200,
            server: about.server.name(),
            method: call.method_name(),
            target: call.targets().first().map(portcullis_core::operation::Target::text),
            rule: "portcullis.toml:12",
            issuer: token.issuer().as_str(),
            subject: token.subject(),
            client: token.client_id(),
            token: token.hash().to_string(),
            address: about.client,
            latency_us: u64::try_from(about.latency.as_micros()).unwrap(),
        }
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let metrics = metrics();
    let audit = Audit::open("/dev/null".into(), metrics.audit_errors.clone()).unwrap();
    let observer = Observer::new(metrics, Some(audit));
    let counting = Observer::new(request::metrics(), None);
    let (server, counted) = (watched(&observer), watched(&counting));
    let permit = judge(&token(&json!({})), &call(1, "read_file")).unwrap();
    let noted = Cell::new(0_u32);
    let note = || {
        observer.note(&Noted::allowed(about(&server), &permit, StatusCode::OK));
        noted.set(noted.get().wrapping_add(1));
        // Sooner than the thread would come to it by itself, so that the buffer is as in real life.
        if noted.get().is_multiple_of(2048) {
            runtime.block_on(observer.audit().unwrap().flush()).unwrap();
        }
    };
    let count = || counting.note(&Noted::allowed(about(&counted), &permit, StatusCode::OK));
    let buffer = RefCell::new(Vec::with_capacity(1 << 16));
    let by_serde = || {
        let mut buffer = buffer.borrow_mut();
        if buffer.len() > 1 << 15 {
            buffer.clear();
        }
        serde_json::to_writer(&mut *buffer, &Line::of(&about(&server), &permit)).unwrap();
        buffer.push(b'\n');
    };
    common::heading();
    let line = common::compare("everything, against the line by serde_json", 1.0, note, by_serde);
    let counts =
        common::compare("counts alone, against the line by serde_json", 0.3, count, by_serde);
    if line && counts { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
