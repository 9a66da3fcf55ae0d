//! Reading an operation against a plain borrowed struct of `serde_json` for the same body.
//!
//! `cargo bench -p portcullis-core --bench operation`

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub,
    missing_docs,
    reason = "a measuring program"
)]

mod common;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use portcullis_core::operation::{Limits, Operation};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

/// What a gateway without this crate would write.
#[derive(Deserialize)]
#[allow(dead_code, reason = "read by the deserializer")]
struct Plain<'a> {
    jsonrpc: &'a str,
    #[serde(borrow)]
    id: &'a RawValue,
    method: &'a str,
    #[serde(borrow)]
    params: PlainParams<'a>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read by the deserializer")]
struct PlainParams<'a> {
    name: &'a str,
    #[serde(borrow)]
    arguments: &'a RawValue,
    #[serde(borrow)]
    _meta: Option<&'a RawValue>,
}

fn call(arguments: &serde_json::Value) -> Bytes {
    let body = json!({
        "jsonrpc": "2.0", "id": 17, "method": "tools/call",
        "params": { "name": "read_file", "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1.0.0" },
            "io.modelcontextprotocol/clientCapabilities": {},
        }},
    });
    Bytes::from(body.to_string())
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/json"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "read_file"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn main() {
    let small =
        call(&json!({ "path": "/public/reports/2026/summary.md", "limit": 40, "tail": false }));
    let text = "All work and no play makes a very long document. ".repeat(100);
    let large = call(&json!({ "path": "/a", "content": text.repeat(270) }));
    let escaped = call(
        &json!({ "path": "/a", "content": "line of text, forty characters long ....\n".repeat(31_000) }),
    );
    let rows: Vec<_> =
        (0..15_000).map(|i| json!({ "id": i, "name": format!("row {i}"), "tags": ["a", "b"], "score": 0.5, "ok": true })).collect();
    let structured = call(&json!({ "path": "/a", "rows": rows }));

    let headers = headers();
    common::heading();
    let mut ok = true;
    for (what, body) in [
        ("small", small),
        ("one long string", large),
        ("with escapes", escaped),
        ("many objects", structured),
    ] {
        let ours =
            || Operation::read(&Method::POST, &headers, body.clone(), Limits::default()).unwrap();
        let plain =
            || serde_json::from_slice::<Plain<'_>>(&body).unwrap().params.arguments.get().len();
        ok &= common::compare(&format!("{what}, {} bytes", body.len()), 1.5, ours, plain);
    }
    std::process::exit(i32::from(!ok));
}
