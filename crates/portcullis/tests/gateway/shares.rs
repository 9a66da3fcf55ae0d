//! What one client or one person has no more of than a share, so that there is some for others.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::channel::Sender;
use portcullis::gateway::Gateway;
use serde_json::{Value, json};
use testkit::server::{Answer, Server, respond, stream};
use testkit::{NOW, Signer, TestKey, jwks};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::operators::{free, trail};
use crate::rig::{Client, Noon, Rig, call, config, post};

fn ok(_: &Request<Bytes>) -> Answer {
    respond(200, &[("content-type", "application/json")], "{}")
}

/// A rig whose configuration is changed in one place.
async fn changed(
    top: &str,
    issuer: impl FnMut(&Request<Bytes>) -> Answer + Send + 'static,
    change: impl FnOnce(&Server, &str) -> String,
) -> Rig {
    let (issuer, upstream) = (Server::start(issuer).await, Server::start(ok).await);
    let text = change(&issuer, &Rig::text(&issuer, &upstream, top, ""));
    let serving = Gateway::start(&config(&text), Arc::new(Noon)).await.unwrap();
    Rig { issuer, upstream, requests: Arc::default(), serving }
}

/// Who calls too often is told so before the body is read.
#[tokio::test]
async fn who_calls_too_often_is_not_read() {
    let rig = Rig::with("[limits]\ncalls_per_subject = \"1/h\"", "", ok).await;
    let (alice, bob) = (rig.token(&json!({})), rig.token(&json!({ "sub": "bob" })));
    assert_eq!(rig.client().await.whole(post(&alice, call("read_file"))).await.status(), 200);
    let body = call("read_file");
    let head = |token: &str| {
        format!(
            "POST /files/mcp HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
    };
    for (token, body, status) in [(&alice, "", "429"), (&bob, body.as_str(), "200")] {
        let mut stream = TcpStream::connect(rig.serving.address()).await.unwrap();
        stream.write_all(format!("{}{body}", head(token)).as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let answered = timeout(Duration::from_secs(20), stream.read_exact(&mut answer)).await;
        answered.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"));
    }
    assert_eq!(rig.sent(), 2);
}

/// A batch is as many calls as it has messages, whether it is allowed or not.
#[tokio::test]
async fn a_batch_is_as_many_calls_as_it_has() {
    let rig = Rig::with("[limits]\ncalls_per_subject = \"6/h\"", "", ok).await;
    let send = async |subject: &str, tools: &[&str]| {
        let calls: Vec<Value> = (0..)
            .zip(tools)
            .map(|(id, tool)| {
                json!({
                    "jsonrpc": "2.0", "id": id, "method": "tools/call",
                    "params": { "name": tool, "arguments": {} },
                })
            })
            .collect();
        let body = match calls.as_slice() {
            [call] => call.to_string(),
            calls => json!(calls).to_string(),
        };
        let mut request = post(&rig.token(&json!({ "sub": subject })), body);
        request.headers_mut().insert("mcp-protocol-version", "2025-03-26".parse().unwrap());
        rig.client().await.whole(request).await.status().as_u16()
    };
    // Four, none of four for want of room, but one for having asked, and the last.
    for (count, status) in [(4, 200), (4, 429), (1, 200), (1, 429)] {
        assert_eq!(send("alice", &["read_file"; 4][..count]).await, status, "{count}");
    }
    assert_eq!(send("bob", &["read_file"; 6]).await, 200);
    assert_eq!(send("bob", &["read_file"]).await, 429);
    assert_eq!(send("carol", &["read_file"; 7]).await, 429, "more than are ever taken");
    for (tools, status) in [(&["delete"; 5][..], 403), (&["read_file"], 200), (&["read_file"], 429)]
    {
        assert_eq!(send("dave", tools).await, status, "{tools:?}");
    }
}

/// Whose batch was too long is written down, as it is of one that was not.
#[tokio::test]
async fn the_audit_trail_names_who_sent_too_many_at_once() {
    let path = trail("batches.jsonl");
    let top = format!("audit = \"{}\"\n[limits]\ncalls_per_subject = \"6/h\"\n", path.display());
    let rig = Rig::with(&top, "", ok).await;
    for (subject, count, status) in [("alice", 6, 200), ("bob", 7, 429)] {
        let call = |id| {
            json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
                    "params": { "name": "read_file", "arguments": {} } })
        };
        let calls: Vec<Value> = (0..count).map(call).collect();
        let token = rig.token(&json!({ "sub": subject, "client_id": format!("{subject}-agent") }));
        let mut request = post(&token, json!(calls).to_string());
        request.headers_mut().insert("mcp-protocol-version", "2025-03-26".parse().unwrap());
        assert_eq!(rig.client().await.whole(request).await.status(), status);
    }
    assert_eq!(rig.sent(), 1);
    let issuer = rig.issuer.url("");
    rig.serving.drain().await;
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (line, subject, outcome, class, more) in [
        (&lines[0], "alice", "allowed", Value::Null, 5),
        (&lines[1], "bob", "denied", json!("rate"), 6),
    ] {
        assert_eq!(line["outcome"], outcome, "{text}");
        assert_eq!(line["class"], class, "{text}");
        assert_eq!(line["subject"], subject, "{text}");
        assert_eq!(line["client"], format!("{subject}-agent"), "{text}");
        assert_eq!(line["issuer"], issuer, "{text}");
        assert_eq!((&line["method"], &line["target"]), (&json!("tools/call"), &json!("read_file")));
        assert_eq!(line["more"].as_array().map(Vec::len), Some(more), "{text}");
    }
    assert_eq!(lines.len(), 2);
}

/// Bodies of all together find room, or are told to come again; and a batch has as many messages as it may.
#[tokio::test]
async fn the_limits_of_bodies_are_those_of_the_configuration() {
    let top = "[limits]\nbody = \"1KiB\"\nbuffered_bodies = \"2KiB\"\nbatch = 2\n";
    let mut asked = 0;
    let rig = Rig::with(top, "", move |request| {
        asked += 1;
        // To the first two nobody answers.
        if asked <= 2 { None } else { ok(request) }
    })
    .await;
    let long = |length: usize| {
        let bare = call("read_file");
        bare.clone() + &" ".repeat(length - bare.len())
    };
    let token = |subject: &str| rig.token(&json!({ "sub": subject }));
    let mut under_way = JoinSet::new();
    for subject in ["alice", "bob"] {
        let (mut client, request) = (rig.client().await, post(&token(subject), long(1024)));
        under_way.spawn(async move { drop(client.send(request).await) });
    }
    timeout(Duration::from_secs(20), rig.upstream.until_asked(2)).await.unwrap();
    let status = async |subject: &str, body: String| {
        let mut request = post(&token(subject), body);
        request.headers_mut().insert("mcp-protocol-version", "2025-03-26".parse().unwrap());
        rig.client().await.whole(request).await.status().as_u16()
    };
    assert_eq!(status("carol", call("read_file")).await, 503, "that was all there is");
    under_way.abort_all();
    let again = async { while status("carol", long(1024)).await != 200 {} };
    timeout(Duration::from_secs(20), again).await.expect("what went away keeps its room");
    assert_eq!(status("carol", long(1025)).await, 413);
    for (count, expected) in [(2, 200), (3, 400)] {
        let one = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
        let batch: Vec<Value> = (0..count).map(one).collect();
        assert_eq!(status("carol", json!(batch).to_string()).await, expected, "{count}");
    }
}

/// Answers of an issuer that a test holds back.
type Held = Arc<Mutex<Vec<Sender<Bytes, Infallible>>>>;

/// An issuer that is asked about opaque tokens, and answers when it is told to.
async fn asking(held: &Held) -> Rig {
    let held = Arc::clone(held);
    let answer = move |request: &Request<Bytes>| {
        if request.uri().path() != "/introspect" {
            return respond(200, &[], jwks(&[TestKey::P256]));
        }
        let (sender, answer) = stream(200, &[("content-type", "application/json")]);
        held.lock().unwrap().push(sender);
        answer
    };
    changed("[limits]\nfailures_per_address = \"3/h\"", answer, |issuer, text| {
        let endpoint = issuer.url("/introspect");
        let introspection = format!(
            "introspection = {{ when = \"opaque\", endpoint = \"{endpoint}\", client_id = \"us\", \
             client_secret = \"s\" }}\n[servers.files]"
        );
        text.replace("[servers.files]", &introspection)
    })
    .await
}

/// However many tokens are looked at at once, no more of them are refused than the limit says.
#[tokio::test]
async fn tokens_that_come_at_once_count_at_once() {
    let held = Held::default();
    let rig = asking(&held).await;
    let known = rig.token(&json!({}));
    let send = async |token: &str| {
        rig.client().await.whole(post(token, call("read_file"))).await.status().as_u16()
    };
    assert_eq!(send(&known).await, 200);
    let mut under_way = JoinSet::new();
    for number in 0..10 {
        let mut client = rig.client().await;
        under_way.spawn(async move {
            let request = post(&format!("opaque-{number}"), call("read_file"));
            client.whole(request).await.status().as_u16()
        });
    }
    for _ in 0..7 {
        assert_eq!(under_way.join_next().await.unwrap().unwrap(), 429, "not looked at");
    }
    // The keys, and three questions.
    timeout(Duration::from_secs(20), rig.issuer.until_asked(4)).await.unwrap();
    let questions = std::mem::take(&mut *held.lock().unwrap());
    assert_eq!(questions.len(), 3);
    assert_eq!(send(&known).await, 200, "what is known to be good is none of them");
    for mut sender in questions {
        sender.send_data(Bytes::from_static(b"{\"active\":false}")).await.unwrap();
    }
    while let Some(status) = under_way.join_next().await {
        assert_eq!(status.unwrap(), 401);
    }
    assert_eq!((send("opaque-10").await, rig.issuer.asked()), (429, 4));
}

/// Tokens that turn out to be good cost nothing, however many of them are new.
#[tokio::test]
async fn tokens_that_are_good_do_not_count() {
    let held = Held::default();
    let rig = asking(&held).await;
    for number in 0..5 {
        let mut client = rig.client().await;
        let request = post(&format!("opaque-{number}"), call("read_file"));
        let under_way = tokio::spawn(async move { client.whole(request).await.status() });
        let asked = async {
            loop {
                if let Some(sender) = held.lock().unwrap().pop() {
                    return sender;
                }
                tokio::task::yield_now().await;
            }
        };
        let mut sender = timeout(Duration::from_secs(20), asked).await.unwrap();
        let claims = rig.claims(&json!({ "active": true }));
        sender.send_data(claims.to_string().into()).await.unwrap();
        drop(sender);
        assert_eq!(under_way.await.unwrap(), 200);
    }
}

/// The tokens of everybody in an office expire; that bars nobody in it. What is forged does, expired or not.
#[tokio::test]
async fn a_token_that_has_only_expired_does_not_count() {
    let rig = Rig::with("[limits]\nfailures_per_address = \"3/h\"", "", ok).await;
    let send = async |token: &str| {
        rig.client().await.whole(post(token, call("read_file"))).await.status().as_u16()
    };
    let expired = |number: u32| rig.claims(&json!({ "exp": NOW - 100, "jti": number.to_string() }));
    for number in 0..10 {
        assert_eq!(send(&Signer::new(TestKey::P256).sign(&expired(number))).await, 401);
    }
    assert_eq!(send(&rig.token(&json!({ "sub": "bob" }))).await, 200);
    for status in [401, 401, 401, 429] {
        // By another key than the issuer's.
        let forged = Signer::new(TestKey::P256Second).kid(&TestKey::P256.kid()).sign(&expired(0));
        assert_eq!(send(&forged).await, status);
    }
    assert_eq!(send(&rig.token(&json!({ "sub": "carol" }))).await, 429, "not looked at");
}

/// A connection on which nothing is asked yet.
async fn connect(rig: &Rig) -> TcpStream {
    TcpStream::connect(rig.serving.address()).await.unwrap()
}

/// Whether a request is answered on it.
async fn is_served(stream: &mut TcpStream) -> bool {
    let request = b"GET /nowhere HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";
    let mut answer = Vec::new();
    if stream.write_all(request).await.is_err() {
        return false;
    }
    while !answer.ends_with(b"not found\n") {
        match stream.read_buf(&mut answer).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    answer.starts_with(b"HTTP/1.1 404")
}

/// An address holds so many connections, and the next when it has let one go. A proxy holds all there are.
#[tokio::test]
async fn one_address_does_not_hold_all_connections() {
    let admin = free();
    let top = format!(
        "[limits]\nconnections = 4\nconnections_per_address = 2\n\
         [admin]\nlisten = \"127.0.0.1:{admin}\"\n"
    );
    let keys = |_: &Request<Bytes>| respond(200, &[], jwks(&[TestKey::P256]));
    let direct = changed(&top, keys, |_, text| {
        text.replace("trusted_proxies = [\"loopback\"]", "trusted_proxies = []")
    })
    .await;
    let (mut one, mut other) = (connect(&direct).await, connect(&direct).await);
    assert!(is_served(&mut one).await && is_served(&mut other).await);
    assert!(!is_served(&mut connect(&direct).await).await);
    let mut client = Client::connect(([127, 0, 0, 1], admin).into()).await;
    let page = client.whole(Request::get("/metrics").body(Bytes::new()).unwrap()).await;
    let page = String::from_utf8_lossy(page.body()).into_owned();
    assert!(page.contains("portcullis_connections_refused_total 1\n"), "{page}");
    assert!(is_served(&mut one).await, "those that it has stay");
    drop(one);
    let again = async {
        // The gateway hears of the end when it does.
        while !is_served(&mut connect(&direct).await).await {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), again).await.unwrap();
    let limits = "[limits]\nconnections = 4\nconnections_per_address = 2\n";
    let proxied = changed(limits, keys, |_, text| text.to_owned()).await;
    let mut held = Vec::new();
    for number in 1..=5 {
        let mut stream = connect(&proxied).await;
        assert_eq!(is_served(&mut stream).await, number <= 4, "{number}");
        held.push(stream);
    }
}
