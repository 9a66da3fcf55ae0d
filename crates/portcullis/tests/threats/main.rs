//! What the field was broken by, tried on the running gateway over sockets.
//!
//! A table for each group, a row for each way: what is sent, and what becomes of it. What is refused stands
//! beside what is accepted and differs in the one thing only.
//!
//! * `tokens` – tokens that are not the issuer's, or not for this server
//! * `keys` – what an issuer may serve in place of its keys
//! * `messages` – JSON-RPC that two parsers read differently, and whose sessions and tasks are whose
//! * `pages` – hosts, origins, and what a page in a browser can send
//! * `http` – requests that two readers take apart at different places
//! * `http2` – the same in frames, and floods of them
//! * `waiting` – clients that are slow, silent or in no hurry to leave
//! * `upstream` – servers behind the gateway that misbehave
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::similar_names,
    clippy::items_after_statements,
    clippy::too_many_lines,
    unreachable_pub,
    reason = "tests, and tables of them"
)]

#[allow(dead_code, reason = "shared with other tests")]
#[path = "../common/mod.rs"]
mod common;
mod http;
mod http2;
mod keys;
mod messages;
mod pages;
mod raw_server;
mod tokens;
mod upstream;
mod waiting;

use common::rig::Rig;
use common::wire::{Reply, Wire};

/// One way to try, and the status that comes of it.
struct Row {
    what: String,
    request: Vec<u8>,
    status: u16,
}

fn row(what: impl Into<String>, request: impl Into<Vec<u8>>, status: u16) -> Row {
    Row { what: what.into(), request: request.into(), status }
}

/// A request with these header lines, each with its end.
fn post(lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "POST /files/mcp HTTP/1.1\r\nHost: localhost:8080\r\n{lines}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

const JSON: &str =
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Every row on a connection of its own: what is answered 200 reached the upstream once, the rest never did.
async fn prove(rig: &Rig, rows: Vec<Row>) -> Vec<Reply> {
    let mut replies = Vec::new();
    for Row { what, request, status } in rows {
        let sent = rig.sent();
        let reply = Wire::connect(rig.serving.address()).await.ask(&request).await;
        let reply = reply.unwrap_or_else(|| panic!("{what}: closed without an answer"));
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        assert_eq!(rig.sent() - sent, usize::from(status == 200), "{what}");
        replies.push(reply);
    }
    replies
}
