//! The HTTP around a body: method, framing, headers.

use std::fmt::Write as _;

use testkit::hostile::{Dice, Sample};

use crate::CASE;

/// Headers that hostile clients add: alone none of them changes what may pass.
const EXTRAS: &[&str] = &[
    "Mcp-Session-Id: 1868a90c-7a5b-4f0e-8f5e-0d5b2f1c6a11",
    "Mcp-Method: tools/call",
    "Mcp-Method: ping",
    "Mcp-Name: delete",
    "Mcp-Name: read",
    "MCP-Protocol-Version: 2025-03-26",
    "MCP-Protocol-Version: 2026-07-28",
    "MCP-Protocol-Version: 2024-11-05",
    "mcp_protocol_version: 2025-03-26",
    "Mcp_Method: tools/call",
    "X-HTTP-Method-Override: DELETE",
    "Content-Encoding: gzip",
    "Content-Encoding: identity",
    "Content-Type: application/json; charset=utf-16",
    "Accept-Encoding: br",
    "Expect: 100-continue",
    "Last-Event-ID: 7",
    "Connection: authorization",
    "Forwarded: for=127.0.0.1",
];
const TYPES: &[&str] = &[
    "application/json",
    "Application/JSON",
    "application/json; charset=utf-8",
    "application/json;charset=\"UTF-8\"",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin1",
    "",
];

/// A request to `path` with this body, dressed as the dice fall.
pub fn request(
    case: u64,
    path: &str,
    token: &str,
    (sample, body): (&Sample, &[u8]),
    dice: &mut Dice<'_>,
) -> Vec<u8> {
    let is_plain = dice.below(6) > 0;
    let pick = |dice: &mut Dice<'_>, options: &[&'static str]| {
        if is_plain { options[0] } else { dice.pick(options) }
    };
    let method =
        pick(dice, &["POST", "POST", "POST", "POST", "GET", "DELETE", "PUT", "PATCH", "post"]);
    let content_type = pick(dice, TYPES);
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: {content_type}\r\nAccept: application/json, text/event-stream\r\n{CASE}: {case}\r\n"
    );
    for (name, value) in &sample.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if !is_plain {
        for _ in 0..dice.below(3) {
            head.push_str(dice.pick(EXTRAS));
            head.push_str("\r\n");
        }
    }
    let mut bytes = head.into_bytes();
    if dice.one_in(4) {
        bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
        let mut rest = body;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(rest.len().min(1 + dice.below(200)));
            bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
            rest = after;
        }
        bytes.extend(b"0\r\n\r\n");
    } else {
        bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
        bytes.extend(body);
    }
    bytes
}
