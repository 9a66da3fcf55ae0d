//! Reading a request as one unambiguous MCP operation.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "tests"
)]

mod headers;
mod methods;
mod refusals;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod};
use portcullis_core::json::Flaw;
use portcullis_core::operation::{
    Call, Class, Era, Limits, MAX_NAME, MAX_TARGET_BYTES, Malformed, Method, Operation, Reason,
    RequestId, Revision, Target,
};
use serde_json::{Value, json};

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

fn header_map(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// A POST with the content type and these headers.
fn post_with(pairs: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Operation, Malformed> {
    let mut all = vec![("content-type", "application/json")];
    all.extend(pairs);
    Operation::read(
        &HttpMethod::POST,
        &header_map(&all),
        Bytes::from(body.into()),
        Limits::default(),
    )
}

fn post(body: impl Into<Vec<u8>>) -> Result<Operation, Malformed> {
    post_with(&[], body)
}

fn reason(result: Result<Operation, Malformed>) -> Reason {
    result.unwrap_err().reason().clone()
}

/// `method` with `params`, the way 2025-11-25 sends it.
fn legacy(method: &str, params: &Value) -> Vec<u8> {
    let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    if !method.starts_with("notifications/") {
        message["id"] = json!(1);
    }
    message.to_string().into_bytes()
}

/// The same the way 2026-07-28 sends it.
fn modern(method: &str, params: &Value) -> Vec<u8> {
    let mut params = params.clone();
    params["_meta"] = json!({ VERSION_KEY: "2026-07-28" });
    legacy(method, &params)
}

fn tool(name: &str) -> Target {
    Target::Tool(name.into())
}

const MODERN: [(&str, &str); 3] =
    [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "add")];
