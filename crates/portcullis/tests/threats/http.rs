//! Requests that two readers take apart at different places: 400 and the end of the connection, or one
//! canonical request upstream. The table of framings is in the tests of the gateway (`gateway/raw.rs`); here is
//! what else there is, and that a refusal ends the connection.

use serde_json::json;

use crate::common::rig::{Rig, call};
use crate::common::wire::Wire;
use crate::{JSON, bearer, post, prove, row};

/// What must come of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// One request upstream, in the one form there is.
    Canonical,
    /// This status, nothing upstream, and the end of the connection.
    Ended(u16),
    /// This status and nothing upstream.
    Refused(u16),
}

#[tokio::test]
async fn what_cannot_be_framed_ends_the_connection() {
    use Outcome::{Canonical, Ended, Refused};
    let rig = Rig::start().await;
    let token = rig.token(&json!({}));
    let body = call("read_a");
    let length = body.len();
    let fixed = format!("Host: localhost:8080\r\n{JSON}{}", bearer(&token));
    let with = |lines: &str| format!("POST /files/mcp HTTP/1.1\r\n{fixed}{lines}\r\n{body}");
    let plain = with(&format!("Content-Length: {length}\r\n"));
    let chunked = |lines: &str, chunks: &str| {
        format!(
            "POST /files/mcp HTTP/1.1\r\n{fixed}Transfer-Encoding: chunked\r\n{lines}\r\n{chunks}"
        )
    };
    let whole = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let line = |line: &str| with(&format!("Content-Length: {length}\r\n{line}\r\n"));
    let cases: Vec<(&str, String, Outcome)> = vec![
        ("as it should be", plain.clone(), Canonical),
        ("two hosts", line("Host: localhost:8080"), Ended(400)),
        ("no host", plain.replace("Host: localhost:8080\r\n", ""), Ended(400)),
        (
            "two methods of MCP",
            line("Mcp-Method: tools/call\r\nMcp-Method: tools/call"),
            Refused(400),
        ),
        ("two names of MCP", line("Mcp-Name: read_a\r\nMcp-Name: delete_a"), Refused(400)),
        (
            "two revisions",
            line("MCP-Protocol-Version: 2025-06-18\r\nMCP-Protocol-Version: 2025-11-25"),
            Refused(400),
        ),
        ("two sessions", line("Mcp-Session-Id: a\r\nMcp-Session-Id: b"), Refused(400)),
        ("two lengths that differ", line("Content-Length: 1"), Ended(400)),
        ("no length that is one", with("Content-Length: abc\r\n"), Ended(400)),
        ("a length below nothing", with("Content-Length: -1\r\n"), Ended(400)),
        ("a length beyond 64 bits", with("Content-Length: 18446744073709551616\r\n"), Ended(400)),
        ("a length in hex", with(&format!("Content-Length: 0x{length:x}\r\n")), Ended(400)),
        ("chunked", chunked("", &whole), Canonical),
        ("chunked in capitals", chunked("", &whole).replace("chunked", "CHUNKED"), Canonical),
        (
            "chunked under another name",
            chunked("", &whole).replace("chunked", "\"chunked\""),
            Ended(400),
        ),
        (
            "chunked, hidden by a tab",
            chunked("", &whole).replace(" chunked", " \u{b}chunked"),
            Ended(400),
        ),
        ("HTTP/1.0 and chunked", chunked("", &whole).replace("HTTP/1.1", "HTTP/1.0"), Ended(400)),
        ("HTTP/1.0", plain.replace("HTTP/1.1", "HTTP/1.0"), Canonical),
        ("a space before the colon", line("X-A : b"), Ended(400)),
        ("a line that goes on", line("X-A: b\r\n c"), Ended(400)),
        ("no name", line(": b"), Ended(400)),
        ("no colon", line("X-A"), Ended(400)),
        ("a NUL", line("X-A: b\0"), Ended(400)),
        ("a carriage return alone", line("X-A: b\rX-B: c"), Ended(400)),
        // Taken for the end of a line, by hyper as by RFC 9112 section 2.2. Nothing of it goes on.
        ("line ends without a carriage return", plain.replace("\r\n", "\n"), Canonical),
        ("a header name of others", line("X(A): b"), Ended(400)),
        ("no method", plain.replacen("POST", "P(ST", 1), Ended(400)),
        ("two targets", plain.replacen("/files/mcp", "/files/mcp /x", 1), Ended(400)),
        ("another version", plain.replacen("HTTP/1.1", "HTTP/9.9", 1), Ended(400)),
        ("a fragment", plain.replacen("/files/mcp", "/files/mcp#a", 1), Canonical),
        (
            "a target of another host",
            plain.replacen("/files/mcp", "http://evil.example/files/mcp", 1),
            Refused(403),
        ),
        (
            "a target that is whole",
            plain.replacen("/files/mcp", "http://localhost:8080/files/mcp", 1),
            Canonical,
        ),
        ("a tunnel", plain.replacen("POST /files/mcp", "CONNECT evil.example:80", 1), Refused(404)),
        ("a chunk of no length", chunked("", &format!("\r\n{body}\r\n0\r\n\r\n")), Ended(400)),
        (
            "a chunk that is shorter",
            chunked("", &format!("{:x}\r\n{body}\r\n0\r\n\r\n", length + 2)),
            Ended(400),
        ),
        (
            "a chunk with a space",
            chunked("", &format!("{length:x} \r\n{body}\r\n0\r\n\r\n")),
            Canonical,
        ),
        (
            "extensions without end",
            chunked("", &format!("{length:x};{}\r\n{body}\r\n0\r\n\r\n", "a".repeat(20_000))),
            Ended(400),
        ),
        (
            "trailers without end",
            chunked(
                "",
                &format!("{length:x}\r\n{body}\r\n0\r\n{}\r\n", "X-A: b\r\n".repeat(5_000)),
            ),
            Ended(400),
        ),
        ("a header of 1 MB", line(&format!("X-A: {}", "a".repeat(1 << 20))), Ended(431)),
        ("a header of 20 KB", line(&format!("X-A: {}", "a".repeat(20_000))), Canonical),
        (
            "1,000 headers",
            line(&"X-A: b\r\n".repeat(1_000)).replace("\r\n\r\n\r\n", "\r\n\r\n"),
            Ended(431),
        ),
        ("90 headers", line("X-A: b\r\n".repeat(90).trim_end()), Canonical),
        (
            "a target of 1 MB",
            plain.replacen("/files/mcp", &format!("/files/mcp?{}", "a".repeat(1 << 20)), 1),
            Ended(431),
        ),
        (
            "a target of 10 KB",
            plain.replacen("/files/mcp", &format!("/files/mcp?{}", "a".repeat(10_000)), 1),
            Canonical,
        ),
    ];
    for (case, bytes, outcome) in cases {
        let sent = rig.sent();
        let mut wire = Wire::connect(rig.serving.address()).await;
        let mut bytes = bytes.into_bytes();
        if !matches!(outcome, Ended(_)) {
            // What is not ended by the gateway must be by the client.
            let text = String::from_utf8(bytes).unwrap();
            bytes = text.replacen("Host: ", "Connection: close\r\nHost: ", 1).into_bytes();
        }
        wire.send(&bytes).await;
        let reply = wire.reply().await;
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        match outcome {
            Canonical => {
                assert_eq!((status, rig.sent() - sent), (200, 1), "{case}: {reply:?}");
                let last = rig.last();
                assert_eq!(last.body(), &body, "{case}");
                assert_eq!(last.uri(), "/up", "{case}");
                assert_eq!(last.headers()["content-length"], length.to_string(), "{case}");
                assert!(!last.headers().contains_key("transfer-encoding"), "{case}");
                assert!(!last.headers().contains_key("x-a"), "{case}");
            }
            Ended(expected) | Refused(expected) => {
                // Where bytes are still coming the answer may be lost with the connection.
                let is_lost = reply.is_none() && bytes.len() > 16_000;
                assert!(status == expected || is_lost, "{case}: {reply:?}");
                assert_eq!(rig.sent(), sent, "{case}");
            }
        }
        assert!(wire.until_closed().await.is_empty(), "{case}: something more");
    }
}

/// Nothing of a request is what the upstream must not see, whatever it is called.
// req: RS-5
#[tokio::test]
async fn upstream_headers_are_made_from_a_list() {
    let rig = Rig::with(
        "",
        "upstream_headers = { forward = [\"x-tenant\"], add = { x-gateway = \"portcullis\" } }\n",
        |_| testkit::server::respond(200, &[], "{}"),
    )
    .await;
    let token = rig.token(&json!({}));
    let lines = format!(
        "{JSON}{}X_Forwarded_User: admin\r\nX-Forwarded-User: admin\r\nX-Forwarded-For: 1.2.3.4\r\n\
         Connection: X-Identity, Authorization, Mcp-Param-A, close\r\nX-Identity: admin\r\nCookie: a=b\r\n\
         DPoP: x\r\nX-Gateway: client\r\nX-Tenant: acme\r\nX_Tenant: evil\r\nMcp-Param-A: b\r\nMcp_Param_B: c\r\n\
         Proxy-Authorization: Basic YTpi\r\nVia: 1.1 a\r\nUpgrade: websocket\r\nTE: trailers\r\nExpect: 100-continue\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nUser-Agent: a\r\nReferer: b\r\n",
        bearer(&token)
    );
    prove(&rig, vec![row("all of it", post(&lines, call("read_a")), 200)]).await;
    let last = rig.last();
    let mut names: Vec<&str> = last.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
        "host",
        "mcp-param-a",
        "traceparent",
        "x-gateway",
        "x-tenant",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        (&last.headers()["x-gateway"], &last.headers()["x-tenant"]),
        (&"portcullis".parse().unwrap(), &"acme".parse().unwrap())
    );
}

/// A body that is too long is refused before it is there, and what nobody reads does not hold the connection.
#[tokio::test]
async fn bodies_that_nobody_reads_hold_nothing() {
    let rig =
        Rig::with("[limits]\nbody = \"1KiB\"", "", |_| testkit::server::respond(200, &[], "{}"))
            .await;
    let good = bearer(&rig.token(&json!({})));
    let announced = |lines: &str, length: usize| {
        format!("POST /files/mcp HTTP/1.1\r\nHost: localhost:8080\r\n{JSON}{lines}Content-Length: {length}\r\n\r\n").into_bytes()
    };
    for (case, lines, expected) in [("too long", &*good, 413), ("too long, from nobody", "", 401)] {
        let mut wire = Wire::connect(rig.serving.address()).await;
        // Not a byte of it comes, so that nobody can have waited for it.
        let reply = wire.ask(&announced(lines, 1 << 30)).await.unwrap();
        assert_eq!(reply.status, expected, "{case}");
        assert!(wire.until_closed().await.is_empty(), "{case}");
    }
    let mut wire = Wire::connect(rig.serving.address()).await;
    let head = format!(
        "POST /files/mcp HTTP/1.1\r\nHost: localhost:8080\r\n{JSON}{good}Transfer-Encoding: chunked\r\n\r\n"
    );
    wire.send(head.as_bytes()).await;
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1024));
    // It may be refused before all of it is written.
    while wire.send(chunk.as_bytes()).await {}
    assert_eq!(rig.sent(), 0);
    let fits = format!("{}{}", call("read_a"), " ".repeat(1024 - call("read_a").len()));
    let rows = vec![
        row("all there is room for", post(&format!("{JSON}{good}"), &fits), 200),
        row("one byte more", post(&format!("{JSON}{good}"), format!("{fits} ")), 413),
    ];
    prove(&rig, rows).await;
}
