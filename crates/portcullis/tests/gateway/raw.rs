//! Bytes that no client of good will sends: refused, or one canonical request upstream.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::rig::{Rig, call};

/// Sends bytes as they are, the last of which ask to close, and reads until the gateway does.
async fn exchange(rig: &Rig, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(rig.serving.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is reset has said all it had to.
    let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// What must come of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// One request upstream, in the one form there is.
    Canonical,
    /// 400, or closed without a word, and nothing upstream.
    Refused,
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn odd_framing_is_refused_or_becomes_one_canonical_request() {
    use Outcome::{Canonical, Refused};
    let rig = Rig::start().await;
    let token = rig.token(&json!({}));
    let body = call("read_file");
    let length = body.len();
    let usual = format!(
        "Host: localhost:8080\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Connection: close\r\n"
    );
    let head = |extra: &str| format!("POST /files/mcp HTTP/1.1\r\n{usual}{extra}\r\n");
    let chunked = |chunks: &str| format!("{}{chunks}", head("Transfer-Encoding: chunked\r\n"));
    let whole = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let cases: Vec<(&str, String, Outcome)> = vec![
        ("length", format!("{}{body}", head(&format!("Content-Length: {length}\r\n"))), Canonical),
        ("chunked", chunked(&whole), Canonical),
        (
            "lengths that agree",
            format!(
                "{}{body}",
                head(&format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"))
            ),
            Canonical,
        ),
        (
            "lengths that differ",
            format!(
                "{}{body}",
                head(&format!("Content-Length: {length}\r\nContent-Length: 3\r\n"))
            ),
            Refused,
        ),
        (
            "length with a sign",
            format!("{}{body}", head(&format!("Content-Length: +{length}\r\n"))),
            Refused,
        ),
        (
            "lengths in one",
            format!("{}{body}", head(&format!("Content-Length: {length}, {length}\r\n"))),
            Refused,
        ),
        (
            "length and chunked",
            format!(
                "{}{whole}",
                head(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"))
            ),
            Canonical,
        ),
        (
            "chunked twice",
            format!(
                "{}{whole}",
                head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")
            ),
            Refused,
        ),
        (
            "chunked, then more",
            format!("{}{whole}", head("Transfer-Encoding: chunked, gzip\r\n")),
            Refused,
        ),
        ("not chunked at last", format!("{}{whole}", head("Transfer-Encoding: gzip\r\n")), Refused),
        (
            "a coding nobody knows",
            format!("{}{whole}", head("Transfer-Encoding: xchunked\r\n")),
            Refused,
        ),
        (
            "space before the colon",
            format!("{}{body}", head(&format!("Content-Length : {length}\r\n"))),
            Refused,
        ),
        (
            "folded header",
            format!("{}{body}", head(&format!("X-A: b\r\n c\r\nContent-Length: {length}\r\n"))),
            Refused,
        ),
        (
            "two hosts",
            format!(
                "{}{body}",
                head(&format!("Host: other.example\r\nContent-Length: {length}\r\n"))
            ),
            Refused,
        ),
        (
            "no host",
            format!(
                "{}{body}",
                head(&format!("Content-Length: {length}\r\n"))
                    .replace("Host: localhost:8080\r\n", "")
            ),
            Refused,
        ),
        (
            "chunk size that is none",
            chunked(&format!("x{length:x}\r\n{body}\r\n0\r\n\r\n")),
            Refused,
        ),
        (
            "chunk size with a sign",
            chunked(&format!("+{length:x}\r\n{body}\r\n0\r\n\r\n")),
            Refused,
        ),
        (
            "chunk size beyond 64 bits",
            chunked(&format!("1{length:016x}\r\n{body}\r\n0\r\n\r\n")),
            Refused,
        ),
        (
            "chunk longer than said",
            chunked(&format!("{:x}\r\n{body}\r\n0\r\n\r\n", length - 1)),
            Refused,
        ),
        ("chunk extension", chunked(&format!("{length:x};a=b\r\n{body}\r\n0\r\n\r\n")), Canonical),
        ("trailer", chunked(&format!("{length:x}\r\n{body}\r\n0\r\nX-A: b\r\n\r\n")), Canonical),
        (
            "HTTP/1.0 with a coding",
            format!(
                "{}{whole}",
                head("Transfer-Encoding: chunked\r\n").replace("HTTP/1.1", "HTTP/1.0")
            ),
            Refused,
        ),
        ("null in a header", head("X-A: a\0b\r\n"), Refused),
        ("a method that is none", head("").replace("POST", "PO ST"), Refused),
        ("HTTP/0.9", "POST /files/mcp\r\n\r\n".to_owned(), Refused),
        ("a version that is none", head("").replace("HTTP/1.1", "HTTP/3.1"), Refused),
    ];
    for (case, bytes, outcome) in cases {
        let sent = rig.sent();
        let answer = exchange(&rig, bytes.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        match outcome {
            Canonical => {
                assert_eq!((status, rig.sent() - sent), ("200", 1), "{case}: {answer}");
                let last = rig.last();
                assert_eq!(last.body(), &body, "{case}");
                assert_eq!(last.headers()["content-length"], length.to_string(), "{case}");
                for name in ["transfer-encoding", "trailer", "x-a"] {
                    assert!(!last.headers().contains_key(name), "{case}: {name}");
                }
            }
            Refused => {
                assert!(matches!(status, "" | "400"), "{case}: {answer}");
                assert_eq!(rig.sent(), sent, "{case}");
            }
        }
    }
}

const CLOSE: &str = "Connection: close\r\n";

/// What follows a request on its connection is a request of its own or nothing.
#[tokio::test]
async fn bytes_behind_a_request_are_judged_by_themselves() {
    let rig = Rig::start().await;
    let token = rig.token(&json!({}));
    let body = call("read_file");
    let request = |token: &str, extra: &str| {
        format!(
            "POST /files/mcp HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n{extra}\r\n{body}",
            body.len()
        )
    };
    for (case, second, statuses) in [
        ("another", request(&token, CLOSE), vec!["200", "200"]),
        ("another without a token", request("x", CLOSE), vec!["200", "401"]),
        ("rubbish", "\u{1}rubbish".to_owned(), vec!["200", "400"]),
    ] {
        let answer = exchange(&rig, format!("{}{second}", request(&token, "")).as_bytes()).await;
        let found: Vec<&str> = answer
            .split("HTTP/1.1 ")
            .skip(1)
            .map(|answer| answer.split(' ').next().unwrap_or_default())
            .collect();
        assert_eq!(found, statuses, "{case}: {answer}");
    }
    let upgrade = request(&token, "Connection: upgrade\r\nUpgrade: websocket\r\n");
    let answer = exchange(&rig, format!("{upgrade}{}", request("x", CLOSE)).as_bytes()).await;
    assert!(!answer.contains("101"), "{answer}");
    assert!(!rig.last().headers().contains_key("upgrade"));
}

/// Which version of HTTP it is takes a few bytes, which may come one by one.
#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let rig = Rig::start().await;
    let (token, body) = (rig.token(&json!({})), call("read_file"));
    let http1 = format!(
        "POST /files/mcp HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // What begins as the preface of HTTP/2 and goes on as a method of HTTP/1.
    let nearly =
        "PROPFIND /files/mcp HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n";
    // The preface, no settings, and an acknowledgement of the gateway's own.
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    let settings = |answer: &[u8]| answer.get(3) == Some(&4);
    for (name, bytes, begins) in [
        ("HTTP/1.1", http1.into_bytes(), &b"HTTP/1.1 200 "[..]),
        ("nearly HTTP/2", nearly.as_bytes().to_vec(), b"HTTP/1.1 40"),
        ("HTTP/2", http2, b""),
    ] {
        let mut stream = TcpStream::connect(rig.serving.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut answer = [0; 13];
        for byte in bytes {
            stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let read = stream.read_exact(&mut answer);
        timeout(Duration::from_secs(10), read).await.expect(name).expect(name);
        let is_so = if begins.is_empty() { settings(&answer) } else { answer.starts_with(begins) };
        assert!(is_so, "{name}: {:?}", String::from_utf8_lossy(&answer));
    }
}
