//! Streams, disconnects, and the end of the gateway.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use portcullis::gateway::Gateway;
use portcullis_core::time::UnixTime;
use portcullis_resource::clock::Clock;
use serde_json::{Value, json};
use testkit::server::{Server, respond, stream};
use testkit::{NOW, TestKey, jwks};
use tokio::time::timeout;

use crate::operators::{free, get};
use crate::rig::{Noon, Rig, call, config, post};

const EVENTS: [(&str, &str); 1] = [("content-type", "text/event-stream")];
const SOON: Duration = Duration::from_secs(10);

fn listen(token: &str) -> Request<Bytes> {
    Request::get("/files/mcp")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "text/event-stream")
        .body(Bytes::new())
        .unwrap()
}

/// Each event is there before the next one is sent.
// req: RS-16
#[tokio::test]
async fn events_pass_one_by_one() {
    let (mut sender, answer) = stream(200, &EVENTS);
    let mut answer = Some(answer);
    let rig = Rig::with("", "", move |_| answer.take().unwrap()).await;
    let mut client = rig.client().await;
    let response = client.send(post(&rig.token(&json!({})), call("read_file"))).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    for number in 0..3 {
        let event = Bytes::from(format!("data: {{\"number\":{number}}}\n\n"));
        sender.send_data(event.clone()).await.unwrap();
        let frame = timeout(SOON, body.frame()).await.unwrap().unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), event);
    }
    drop(sender);
    assert!(timeout(SOON, body.frame()).await.unwrap().is_none());
}

/// Whoever goes away is gone on the other side too.
// req: RS-16
#[tokio::test]
async fn a_client_that_goes_away_takes_the_upstreams_stream_with_it() {
    let (sender, answer) = stream(200, &EVENTS);
    let mut answer = Some(answer);
    let rig = Rig::with("", "", move |_| answer.take().unwrap()).await;
    let mut client = rig.client().await;
    let response = client.send(post(&rig.token(&json!({})), call("read_file"))).await;
    drop((response, client));
    // The upstream's side of the stream fails as soon as nobody reads it.
    let mut sender = sender;
    let gone = async { while sender.send_data(Bytes::from_static(b":\n\n")).await.is_ok() {} };
    timeout(SOON, gone).await.unwrap();
}

/// A stream goes on for as long as the configuration lets it, and ends with the first one that does not.
// req: RS-16
#[tokio::test]
async fn listeners_end_with_the_configuration_that_let_them() {
    for (from, to, ends) in [
        // What they are not concerned with.
        ("access = \"rules\"", "access = \"rules\"\nlist = \"all\"", false),
        ("[\"files:read\"]", "[\"files:admin\"]", true),
        ("servers.files", "servers.others", true),
        ("path = \"/files/mcp\"", "path = \"/elsewhere/mcp\"", true),
    ] {
        let (mut sender, answer) = stream(200, &EVENTS);
        let mut answer = Some(answer);
        let rig = Rig::with("", "", move |_| answer.take().unwrap()).await;
        let mut client = rig.client().await;
        let listened = client.send(listen(&rig.token(&json!({})))).await;
        assert_eq!(listened.status(), 200);
        let mut body = listened.into_body();
        let text = Rig::text(&rig.issuer, &rig.upstream, "", "");
        let text = text.replace(from, to);
        rig.serving.reload(&config(&text)).unwrap();
        if !ends {
            sender.send_data(Bytes::from_static(b"data: 1\n\n")).await.unwrap();
        }
        let frame = timeout(SOON, body.frame()).await.unwrap();
        assert_eq!(frame.is_none(), ends, "{to}");
    }
}

/// A clock that stands until it is moved.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Clock for Hands {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(NOW + self.0.load(Ordering::Relaxed))
    }
}

/// Lets this much time pass at once.
pub async fn skip(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

type Sender = http_body_util::channel::Sender<Bytes, Infallible>;

/// An upstream whose answers stay open, and where to send more of them.
async fn streaming() -> (Server, Arc<Mutex<Vec<Sender>>>) {
    let senders = Arc::new(Mutex::new(Vec::new()));
    let open = Arc::clone(&senders);
    let upstream = Server::start(move |_| {
        let (sender, answer) = stream(200, &EVENTS);
        open.lock().unwrap().push(sender);
        answer
    });
    (upstream.await, senders)
}

/// Whether an event passes; none does where the stream has ended.
async fn hears(sender: &mut Sender, body: &mut Incoming) -> bool {
    let _ = sender.send_data(Bytes::from_static(b"data: 1\n\n")).await;
    let heard = timeout(SOON, body.frame()).await.unwrap();
    heard.is_some_and(|frame| frame.unwrap().into_data().unwrap() == "data: 1\n\n")
}

/// A stream whose token was revoked ends when its issuer is asked again, and nobody else's does.
// req: RS-16
#[tokio::test]
async fn a_listener_ends_when_its_token_is_revoked() {
    let revoked = Arc::new(Mutex::new(false));
    let said: Arc<Mutex<Value>> = Arc::default();
    let (is_revoked, says) = (Arc::clone(&revoked), Arc::clone(&said));
    let (questions, mut asked) = tokio::sync::watch::channel(0);
    let issuer = Server::start(move |request| {
        if request.uri().path() != "/introspect" {
            return respond(200, &[], jwks(&[TestKey::P256]));
        }
        questions.send_modify(|count| *count += 1);
        let mut claims = says.lock().unwrap().clone();
        let bob = request.body().windows(3).any(|word| word == b"bob");
        claims["active"] = (bob || !*is_revoked.lock().unwrap()).into();
        respond(200, &[("content-type", "application/json")], claims.to_string())
    })
    .await;
    let (upstream, senders) = streaming().await;
    let endpoint = issuer.url("/introspect");
    let introspection = format!(
        "introspection = {{ when = \"opaque\", endpoint = \"{endpoint}\", client_id = \"us\", \
         client_secret = \"s\" }}\n[servers.files]"
    );
    let text = Rig::text(&issuer, &upstream, "", "").replace("[servers.files]", &introspection);
    let clock = Hands::default();
    let serving = Gateway::start(&config(&text), Arc::new(clock.clone())).await.unwrap();
    let forward = async || {
        clock.0.fetch_add(31, Ordering::Relaxed);
        skip(Duration::from_secs(31)).await;
    };
    let rig = Rig { issuer, upstream, requests: Arc::default(), serving };
    *said.lock().unwrap() = rig.claims(&json!({}));
    let mut open = Vec::new();
    for token in ["opaque-alice", "opaque-bob"] {
        let mut client = rig.client().await;
        let listened = client.send(listen(token)).await;
        assert_eq!(listened.status(), 200);
        open.push((client, listened.into_body()));
    }
    assert_eq!(*asked.borrow(), 2);
    forward().await;
    let again = asked.wait_for(|count| *count == 4);
    timeout(SOON, again).await.expect("asked again about both").unwrap();
    let mut senders = std::mem::take(&mut *senders.lock().unwrap());
    for (sender, (_, body)) in senders.iter_mut().zip(&mut open) {
        assert!(hears(sender, body).await, "the issuer still says so");
    }
    *revoked.lock().unwrap() = true;
    forward().await;
    let [(_, alice), (_, bob)] = &mut open[..] else { panic!("two") };
    assert!(timeout(SOON, alice.frame()).await.expect("it goes on").is_none(), "in good order");
    assert!(hears(&mut senders[1], bob).await);
}

/// A stream goes by the keys that its token was verified by: they may be fetched again, and it ends with the first
/// others, by which it may be opened anew if they still know the token.
// req: RS-16
#[tokio::test]
async fn a_listener_ends_with_the_keys_of_its_token() {
    let (upstream, senders) = streaming().await;
    let issuer = Server::start(|_| respond(200, &[], jwks(&[TestKey::P256]))).await;
    let text = Rig::text(&issuer, &upstream, "", "");
    let serving = Gateway::start(&config(&text), Arc::new(Noon)).await.unwrap();
    let rig = Rig { issuer, upstream, requests: Arc::default(), serving };
    let token = rig.token(&json!({}));
    for (keys, stays, again) in [
        (vec![TestKey::P256], true, 200),
        (vec![TestKey::P256, TestKey::P256Second], false, 200),
        (vec![TestKey::P256Second], false, 401),
    ] {
        let mut client = rig.client().await;
        let listened = client.send(listen(&token)).await;
        assert_eq!(listened.status(), 200);
        let mut body = listened.into_body();
        let asked = rig.issuer.asked();
        rig.issuer.answer(move |_| respond(200, &[], jwks(&keys)));
        // They are fetched ahead of their end.
        skip(Duration::from_secs(721)).await;
        timeout(SOON, rig.issuer.until_asked(asked + 1)).await.unwrap();
        let mut sender = senders.lock().unwrap().pop().unwrap();
        skip(Duration::from_secs(31)).await;
        if stays {
            assert!(hears(&mut sender, &mut body).await);
            // By then it has been looked at.
            skip(Duration::from_secs(31)).await;
            assert!(hears(&mut sender, &mut body).await);
        } else {
            let end = timeout(SOON, body.frame()).await.expect("it goes on");
            assert!(end.is_none(), "in good order");
        }
        assert_eq!(rig.client().await.send(listen(&token)).await.status(), again);
    }
}

/// What a client of 2026-07-28 sends to hear of something, at some length.
fn subscribe(client: &str) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": client, "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let news = json!({ "resourceSubscriptions": ["file:///public/a"] });
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": { "notifications": news, "_meta": meta, "padding": "x".repeat(100_000) },
    })
}

/// A listener's body is in memory until it is answered; where answers have to be looked at by what was asked, until
/// the end, and then it is counted until then.
// req: RS-16
#[tokio::test]
async fn a_listener_gives_the_room_of_its_body_back() {
    let admin = free();
    let top = format!("[admin]\nlisten = \"127.0.0.1:{admin}\"\n");
    let (senders, answers): (Vec<_>, Vec<_>) = (0..2).map(|_| stream(200, &EVENTS)).unzip();
    let mut answers = answers.into_iter();
    let rig = Rig::with(&top, "", move |_| answers.next().unwrap()).await;
    let held = async || {
        let page = get(admin, "/metrics").await;
        let page = std::str::from_utf8(page.body()).unwrap();
        let mut lines = page.lines();
        lines.find_map(|line| line.strip_prefix("portcullis_body_bytes_held ")).unwrap().to_owned()
    };
    let mut open = Vec::new();
    for (client, is_kept) in [("listener", false), ("lister of tasks", true)] {
        let body = subscribe(client).to_string();
        let kept = if is_kept { body.len() } else { 0 };
        let mut request = post(&rig.token(&json!({})), body);
        let headers = request.headers_mut();
        headers.insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
        headers.insert("mcp-method", "subscriptions/listen".parse().unwrap());
        let mut client = rig.client().await;
        let listened = client.send(request).await;
        assert_eq!(listened.status(), 200);
        assert_eq!(held().await, kept.to_string());
        open.push((client, listened.into_body()));
    }
    drop(senders);
    for (_, body) in &mut open {
        assert!(timeout(SOON, body.frame()).await.unwrap().is_none());
    }
    let gone = async { while held().await != "0" {} };
    timeout(SOON, gone).await.expect("it keeps something for good");
}

/// At the end what is under way is finished, and what listens ends in good order.
// req: RS-16
#[tokio::test]
async fn the_end_waits_for_answers_and_not_for_listeners() {
    let (mut answering, answer) = stream(200, &EVENTS);
    let (_listening, listened) = stream(200, &EVENTS);
    let (mut answer, mut listened) = (Some(answer), Some(listened));
    let rig = Rig::with("", "", move |request| {
        if request.method() == "GET" { listened.take().unwrap() } else { answer.take().unwrap() }
    })
    .await;
    let token = rig.token(&json!({}));
    let (mut first, mut second) = (rig.client().await, rig.client().await);
    let called = first.send(post(&token, call("read_file"))).await;
    let listened = second.send(listen(&token)).await;
    assert_eq!(
        (called.status(), listened.status()),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
    let draining = tokio::spawn(rig.serving.drain());
    assert!(timeout(SOON, listened.into_body().frame()).await.unwrap().is_none());
    answering.send_data(Bytes::from_static(b"data: {}\n\n")).await.unwrap();
    drop(answering);
    let whole = timeout(SOON, called.into_body().collect()).await.unwrap().unwrap();
    assert_eq!(whole.to_bytes(), "data: {}\n\n");
    timeout(SOON, draining).await.unwrap().unwrap();
}

/// A connection that has nothing to do keeps nothing waiting, also one that was there before a reload.
// req: RS-16
#[tokio::test]
async fn an_idle_connection_does_not_delay_the_end() {
    for reloads in 0..3 {
        let rig = Rig::start().await;
        let (token, mut idle) = (rig.token(&json!({})), rig.client().await);
        assert_eq!(idle.whole(post(&token, call("read_file"))).await.status(), 200);
        for _ in 0..reloads {
            let text = Rig::text(&rig.issuer, &rig.upstream, "", "");
            rig.serving.reload(&config(&text)).unwrap();
            // By then every connection has heard of it.
            let mut other = rig.client().await;
            assert_eq!(other.whole(post(&token, call("read_file"))).await.status(), 200);
        }
        timeout(SOON, rig.serving.drain()).await.expect("it waits for nothing");
    }
}
