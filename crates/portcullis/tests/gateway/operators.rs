//! What operators see: health, metrics, the audit trail, limits, and who is told to be the client.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use testkit::server::respond;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::rig::{Client, Rig, call, config, post};
use crate::streams::skip;

const SOON: Duration = Duration::from_secs(20);

/// A free port, for an address that a configuration has to name.
pub fn free() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

pub async fn get(port: u16, path: &str) -> Response<Bytes> {
    let mut client = Client::connect(([127, 0, 0, 1], port).into()).await;
    client.whole(Request::get(path).body(Bytes::new()).unwrap()).await
}

fn ok(_: &Request<Bytes>) -> testkit::server::Answer {
    respond(200, &[("content-type", "application/json")], "{}")
}

#[tokio::test]
async fn health_and_metrics_are_on_addresses_of_their_own() {
    let (admin, health) = (free(), free());
    let top = format!("[admin]\nlisten = \"127.0.0.1:{admin}\"\nhealth = \"127.0.0.1:{health}\"\n");
    let rig = Rig::with(&top, "", ok).await;
    let token = rig.token(&json!({}));
    assert_eq!(rig.client().await.whole(post(&token, call("read_file"))).await.status(), 200);
    assert_eq!(rig.client().await.whole(post(&token, call("delete"))).await.status(), 403);
    for (port, path, status) in [
        (admin, "/livez", 200),
        (admin, "/readyz", 200),
        (admin, "/metrics", 200),
        (health, "/livez", 200),
        (health, "/readyz", 200),
        (health, "/metrics", 404),
        (admin, "/files/mcp", 404),
    ] {
        assert_eq!(get(port, path).await.status(), status, "{port} {path}");
    }
    for path in ["/metrics", "/livez", "/readyz"] {
        let request = Request::get(path).body(Bytes::new()).unwrap();
        assert_eq!(rig.client().await.whole(request).await.status(), 404, "not where clients are");
    }
    let page = get(admin, "/metrics").await;
    let page = std::str::from_utf8(page.body()).unwrap();
    let line = |wanted: &[&str]| {
        page.lines()
            .any(|line| wanted.iter().all(|part| line.contains(part)) && line.ends_with(" 1"))
    };
    assert!(line(&["server=\"files\"", "allowed"]), "{page}");
    assert!(line(&["server=\"files\"", "insufficient_scope"]), "{page}");
}

pub fn trail(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    path
}

/// Every request that is answered is in the audit trail when the gateway has ended, and no token is.
#[tokio::test]
async fn every_outcome_is_written_down() {
    let path = trail("outcomes.jsonl");
    let top = format!("audit = \"{}\"\n", path.display());
    let rig = Rig::with(&top, "", ok).await;
    let token = rig.token(&json!({}));
    for (token, tool) in [(token.as_str(), "read_file"), (&token, "delete"), ("x.y.z", "read_file")]
    {
        rig.client().await.whole(post(token, call(tool))).await;
    }
    rig.serving.drain().await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&token) && !text.contains("x.y.z"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<_> = lines
        .iter()
        .map(|line| (line["outcome"].as_str().unwrap(), line["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(found, [("allowed", 200), ("denied", 403), ("denied", 401)]);
    assert_eq!((&lines[0]["subject"], &lines[0]["target"]), (&json!("alice"), &json!("read_file")));
    assert!(lines[0]["rule"].as_str().unwrap().starts_with("portcullis.toml:"), "{text}");
    assert_eq!(lines[2]["subject"], Value::Null);
    let ids: Vec<_> = lines.iter().map(|line| line["request"].clone()).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

/// Refused tokens of one address are limited, and a token that is known to be good passes from there.
#[tokio::test]
async fn refused_tokens_are_limited_and_good_ones_are_not_punished() {
    let top = "[limits]\nfailures_per_address = \"3/h\"\n\
               calls_per_subject = \"6/h\"\n";
    let rig = Rig::with(top, "", ok).await;
    let good = rig.token(&json!({}));
    let send = async |token: &str, from: &str| {
        let mut request = post(token, call("read_file"));
        request.headers_mut().insert("x-forwarded-for", from.parse().unwrap());
        rig.client().await.whole(request).await
    };
    assert_eq!(send(&good, "192.0.2.1").await.status(), 200);
    for status in [401, 401, 401, 429, 429] {
        let answer = send("bad.bad.bad", "192.0.2.1").await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers().contains_key("retry-after"), status == 429);
    }
    assert_eq!(send("bad.bad.bad", "192.0.2.2").await.status(), 401, "another address");
    assert_eq!(send(&good, "192.0.2.1").await.status(), 200, "known before");
    let unseen = rig.token(&json!({ "sub": "bob" }));
    assert_eq!(send(&unseen, "192.0.2.1").await.status(), 429, "not looked at");
    assert_eq!(send(&unseen, "192.0.2.2").await.status(), 200);
    // Of one subject there are so many calls, whatever addresses they come from.
    for status in [200, 200, 200, 200, 429] {
        assert_eq!(send(&good, "192.0.2.3").await.status(), status);
    }
    assert_eq!(send(&unseen, "192.0.2.3").await.status(), 200, "another subject");
    // What was counted outlives a configuration that counts alike.
    for (rate, status) in [("3/h", 429), ("4/h", 401)] {
        let text =
            Rig::text(&rig.issuer, &rig.upstream, &top.replace("3/h", rate), "list = \"all\"");
        rig.serving.reload(&config(&text)).unwrap();
        assert_eq!(send("bad.bad.bad", "192.0.2.1").await.status(), status, "{rate}");
    }
}

/// It is asked, and not told; and not by more at a time than operators and their scrapers are.
#[tokio::test]
async fn operators_ask_a_few_at_a_time() {
    const MOST: usize = 64;
    let (admin, health) = (free(), free());
    let top = format!("[admin]\nlisten = \"127.0.0.1:{admin}\"\nhealth = \"127.0.0.1:{health}\"\n");
    let _rig = Rig::with(&top, "", ok).await;
    for port in [admin, health] {
        for (method, status) in [("GET", 200), ("HEAD", 200), ("POST", 405), ("OPTIONS", 405)] {
            let request = Request::builder().method(method).uri("/livez").body(Bytes::new());
            let mut client = Client::connect(([127, 0, 0, 1], port).into()).await;
            assert_eq!(client.whole(request.unwrap()).await.status(), status, "{method}");
        }
        // Those of before are gone when there is room for all of these.
        let mut held = Vec::new();
        let filled = async {
            while held.len() < MOST {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                if is_asked(&mut stream).await {
                    held.push(stream);
                }
            }
        };
        timeout(SOON, filled).await.expect("there is room for fewer");
        let mut more = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        assert!(!is_asked(&mut more).await, "one more than there is room for");
        assert!(is_asked(&mut held[0]).await, "those that it has stay");
        held.pop();
        let again = async {
            while !is_asked(&mut TcpStream::connect(("127.0.0.1", port)).await.unwrap()).await {}
        };
        timeout(SOON, again).await.expect("what was given back is gone");
    }
}

/// Whether a question is answered on the connection.
async fn is_asked(stream: &mut TcpStream) -> bool {
    let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut answer = Vec::new();
    if stream.write_all(request).await.is_err() {
        return false;
    }
    while !answer.ends_with(b"ok\n") {
        match stream.read_buf(&mut answer).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    answer.starts_with(b"HTTP/1.1 200")
}

/// Who asks operators' questions is not waited for longer than anybody else.
#[tokio::test]
async fn an_operator_who_asks_nothing_is_not_waited_for() {
    let admin = free();
    let top = format!("[admin]\nlisten = \"127.0.0.1:{admin}\"\n");
    let _rig = Rig::with(&top, "", ok).await;
    for (seconds, is_answered) in [(5, true), (11, false)] {
        let mut stream = TcpStream::connect(("127.0.0.1", admin)).await.unwrap();
        // It is being waited for when the first answer is there.
        assert!(is_asked(&mut stream).await);
        stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
        // By then that has been read: the answer to another one who came later is there.
        assert_eq!(get(admin, "/livez").await.status(), 200);
        skip(Duration::from_secs(seconds)).await;
        let mut rest = Vec::new();
        let _ = stream.write_all(b"Host: localhost\r\nConnection: close\r\n\r\n").await;
        let read = timeout(SOON, stream.read_to_end(&mut rest)).await;
        // A connection that is reset has said all it had to.
        let _ = read.expect("it stays open");
        assert_eq!(rest.starts_with(b"HTTP/1.1 200"), is_answered, "after {seconds} seconds");
    }
}

/// The listener for operators is asked by address. A page in a browser can ask by names alone that its owner has
/// point here.
#[tokio::test]
async fn operators_are_not_asked_under_names_of_others() {
    let (admin, health) = (free(), free());
    let top = format!(
        "[admin]\nlisten = \"127.0.0.1:{admin}\"\nhealth = \"127.0.0.1:{health}\"\n\
         allowed_hosts = [\"metrics.internal\", \"gateway:9090\"]\n"
    );
    let rig = Rig::with(&top, "", ok).await;
    let ask = async |port: u16, hosts: &[&str]| {
        let mut client = Client::connect(([127, 0, 0, 1], port).into()).await;
        let mut request = Request::get("/livez").body(Bytes::new()).unwrap();
        for host in hosts {
            request.headers_mut().append("host", host.parse().unwrap());
        }
        client.whole(request).await.status()
    };
    for host in [
        "127.0.0.1",
        "127.0.0.1:9090",
        "10.1.2.3:9090",
        "[::1]:9090",
        "localhost",
        "LocalHost:9090",
        "metrics.internal",
        "Metrics.Internal:1",
        "gateway:9090",
        "GATEWAY:9090",
    ] {
        assert_eq!(ask(admin, &[host]).await, StatusCode::OK, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:9090",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "metrics.internal.evil.example",
        "gateway",
        "gateway:1",
        "evil@localhost",
        "localhost:9090:evil.example",
        "",
    ] {
        assert_eq!(ask(admin, &[host]).await, StatusCode::FORBIDDEN, "{host:?}");
        // What says nothing may be asked by everybody.
        assert_eq!(ask(health, &[host]).await, StatusCode::OK, "{host:?}");
    }
    assert_eq!(ask(admin, &["localhost", "evil.example"]).await, StatusCode::FORBIDDEN);
    assert_eq!(ask(admin, &["localhost", "localhost"]).await, StatusCode::FORBIDDEN);
    // An orchestrator of HTTP/1.0 names no host; a target may name one as well.
    for (request, status) in [
        ("GET /livez HTTP/1.0\r\n\r\n", "200"),
        ("GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"),
        ("GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "403"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", admin)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert!(String::from_utf8_lossy(&answer).ends_with(status), "{request}");
    }
    drop(rig);
}
