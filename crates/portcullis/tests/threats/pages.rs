//! Hosts, origins, and what a page in a browser can send without asking.

use serde_json::json;

use crate::common::rig::{PUBLIC, Rig, call};
use crate::{JSON, bearer, post, prove, row};

// req: RS-9
#[tokio::test]
async fn pages_and_names_of_others_are_refused() {
    let rig = Rig::start().await;
    let good = bearer(&rig.token(&json!({})));
    let sent = |lines: &str| post(&format!("{JSON}{good}{lines}"), call("read_file"));
    let host = |host: &str| {
        let request = String::from_utf8(sent("")).unwrap();
        request.replacen("Host: localhost:8080", &format!("Host: {host}"), 1)
    };
    let typed = |kind: &str| post(&format!("{kind}{good}"), call("read_file"));
    let rows = vec![
        row("its own name", host("localhost:8080"), 200),
        row("another name of this machine", host("127.0.0.1:8080"), 200),
        row("a name that was made to point here", host("evil.example:8080"), 403),
        row("a name that begins like ours", host("localhost.evil.example"), 403),
        row("a name in front", host("localhost@evil.example"), 403),
        row("every address", host("0.0.0.0:8080"), 403),
        row("no name", host(""), 403),
        row("no page", sent(""), 200),
        row("a page of its own", sent(&format!("Origin: {PUBLIC}\r\n")), 200),
        row("a page of others", sent("Origin: https://evil.example\r\n"), 403),
        row("a page of nobody", sent("Origin: null\r\n"), 403),
        row("a page of another port", sent("Origin: http://localhost:8081\r\n"), 403),
        row(
            "two pages",
            sent(&format!("Origin: {PUBLIC}\r\nOrigin: https://evil.example\r\n")),
            403,
        ),
        row("what a form can send", typed("Content-Type: text/plain\r\n"), 415),
        row(
            "what a form can send, too",
            typed("Content-Type: application/x-www-form-urlencoded\r\n"),
            415,
        ),
        row("and no type", typed(""), 415),
        row(
            "two types",
            typed("Content-Type: application/json\r\nContent-Type: text/plain\r\n"),
            400,
        ),
    ];
    prove(&rig, rows).await;
}

/// No header makes anybody somebody: each of these let people in somewhere.
// req: RS-10
#[tokio::test]
async fn there_is_no_internal_header() {
    let rig = Rig::start().await;
    let names = [
        "X-Forwarded-User: alice",
        "X-Forwarded-Email: alice@example.com",
        "X_Forwarded_User: alice",
        "X-Auth-Request-User: alice",
        "X-Remote-User: alice",
        "Remote-User: alice",
        "X-Real-IP: 127.0.0.1",
        "X-Forwarded-For: 127.0.0.1",
        "Forwarded: for=127.0.0.1;by=127.0.0.1",
        "X-Internal: true",
        "X-Internal-Request: 1",
        "X-Mcp-Init: router",
        "X-Mcp-Authorized: true",
        "Mcp-Authorized: true",
        "Mcp-Session-Id: init",
        "X-Original-URL: /.well-known/oauth-protected-resource",
        "X-Rewrite-URL: /livez",
        "X-Portcullis-Subject: alice",
        "X-Envoy-Internal: true",
        "X-Forwarded-Client-Cert: Hash=00",
        "Client-Cert: :MIIB:",
        "X-HTTP-Method-Override: OPTIONS",
    ];
    let mut rows: Vec<_> = names
        .iter()
        .map(|line| row(*line, post(&format!("{JSON}{line}\r\n"), call("read_file")), 401))
        .collect();
    let token = bearer(&rig.token(&json!({})));
    rows.push(row("a token", post(&format!("{JSON}{token}"), call("read_file")), 200));
    prove(&rig, rows).await;
}
