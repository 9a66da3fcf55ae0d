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

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use portcullis_core::operation::{Era, Limits, Operation};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

/// The same facts as a gateway without this crate would read them: borrowed, and on trust.
#[derive(Deserialize)]
#[allow(dead_code, reason = "read by the deserializer")]
struct Plain<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<PlainParams<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read by the deserializer")]
#[serde(rename_all = "camelCase")]
struct PlainParams<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    uri: Option<Cow<'a, str>>,
    #[serde(borrow)]
    task_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<PlainMeta<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read by the deserializer")]
struct PlainMeta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<Cow<'a, str>>,
}

/// A call with these arguments, in the form of either era.
fn call(arguments: &serde_json::Value, era: Era) -> Bytes {
    let mut params = json!({ "name": "read_file", "arguments": arguments });
    if era == Era::Modern {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1.0.0" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
    }
    let body = json!({ "jsonrpc": "2.0", "id": 17, "method": "tools/call", "params": params });
    Bytes::from(body.to_string())
}

fn headers(era: Era) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if era == Era::Modern {
        headers.insert("mcp-protocol-version", HeaderValue::from_static("2026-07-28"));
        headers.insert("mcp-method", HeaderValue::from_static("tools/call"));
        headers.insert("mcp-name", HeaderValue::from_static("read_file"));
    }
    headers
}

fn main() {
    let path = "/public/reports/2026/summary.md";
    let small = json!({ "path": path, "limit": 40, "tail": false, "note": "n".repeat(194) });
    let modern = json!({ "path": path, "limit": 40, "tail": false, "x": "y123" });
    let text = "All work and no play makes a very long document. ".repeat(27_000);
    let line = "line of text, forty characters long ....\n".repeat(31_000);
    let row = |i| json!({ "id": i, "name": format!("row {i}"), "tags": ["a", "b"], "score": 0.5 });
    let rows: Vec<_> = (0..24_000).map(row).collect();
    let bodies = [
        ("a call of 2025-11-25", Era::Legacy, small, 1.5),
        ("a call of 2026-07-28, 4 headers compared", Era::Modern, modern, 1.5),
        ("one long string", Era::Modern, json!({ "path": path, "content": text }), 1.5),
        (
            "one long string with escapes",
            Era::Modern,
            json!({ "path": path, "content": line }),
            1.5,
        ),
        // Every member name is held against its neighbours, which a plain reader leaves undone.
        ("24,000 small objects", Era::Modern, json!({ "path": path, "rows": rows }), 2.2),
    ];
    common::heading();
    let mut ok = true;
    for (what, era, arguments, bound) in bodies {
        let (headers, body) = (headers(era), call(&arguments, era));
        let ours =
            || Operation::read(&Method::POST, &headers, body.clone(), Limits::default()).unwrap();
        let plain = || serde_json::from_slice::<Plain<'_>>(&body).unwrap().method.len();
        ok &= common::compare(&format!("{what}, {} bytes", body.len()), bound, ours, plain);
    }
    std::process::exit(i32::from(!ok));
}
