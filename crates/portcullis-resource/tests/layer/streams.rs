//! Answers that go on: those of calls to their end, and listening ones as long as their token.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, Channel};
use portcullis_resource::gate::Surroundings;
use portcullis_resource::introspection::{Introspect, When};
use portcullis_resource::room::Room;
use portcullis_resource::{Auth, AuthBuilder};
use serde_json::{Value, json};
use testkit::{AUDIENCE, NOW, TestKey, claims};
use tokio::time::Instant;

use crate::house::{
    Ask, Hands, Published, Words, ask, auth, by, call, good, issuer, message, post, token,
};

type Sender = http_body_util::channel::Sender<Bytes>;

/// A server that answers with what a test sends.
pub fn streaming() -> (Sender, Router) {
    let (sender, body) = Channel::<Bytes, Infallible>::new(8);
    let body = Arc::new(Mutex::new(Some(Body::new(body))));
    let service = tower::service_fn(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        let response = Response::builder().header("content-type", "text/event-stream").body(body);
        std::future::ready(Ok::<_, Infallible>(response.unwrap()))
    });
    (sender, Router::new().fallback_service(service))
}

async fn open(request: Ask, seconds: u64) -> (Sender, Body) {
    open_at(auth(), request, &token(&json!({ "exp": NOW + seconds }))).await
}

async fn open_at(auth: AuthBuilder, request: Ask, token: &str) -> (Sender, Body) {
    let (sender, service) = streaming();
    let app = auth.build().unwrap().protect("/mcp", service);
    let response = request.bearer(token).start(&app).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    (sender, response.into_body())
}

async fn next(body: &mut Body) -> Option<Bytes> {
    // On a clock that is paused a day is over when nothing else is left to wait for.
    let frame = tokio::time::timeout(Duration::from_secs(86_400), body.frame()).await.unwrap();
    frame.map(|frame| frame.unwrap().into_data().unwrap())
}

fn listening() -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "notifications": { "toolsListChanged": true }, "_meta": meta });
    message("subscriptions/listen", &params)
}

fn listen() -> Ask {
    post(&listening())
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "subscriptions/listen")
}

#[tokio::test(start_paused = true)]
async fn a_listening_stream_ends_with_its_token() {
    for request in [ask("GET", "/mcp"), listen()] {
        let begin = Instant::now();
        let (mut sender, mut body) = open(request, 100).await;
        for event in ["data: 1\n\n", "data: 2\n\n"] {
            sender.send_data(Bytes::from_static(event.as_bytes())).await.unwrap();
            assert_eq!(next(&mut body).await.unwrap(), event, "as it comes");
            tokio::time::sleep(Duration::from_secs(49)).await;
        }
        assert_eq!(next(&mut body).await, None, "in good order");
        assert_eq!(begin.elapsed(), Duration::from_secs(100));
        assert_eq!(next(&mut body).await, None);
        let _ = sender.send_data(Bytes::from_static(b"data: 3\n\n")).await;
        assert_eq!(next(&mut body).await, None, "and for good");
    }
}

/// Whether a stream on which nothing comes is still open after so many seconds.
async fn stays_open(body: &mut Body, seconds: u64) -> bool {
    tokio::time::timeout(Duration::from_secs(seconds), body.frame()).await.is_err()
}

/// A stream goes on for as long as a new one would be opened, and not for as long as its token said once.
// req: RS-16
#[tokio::test(start_paused = true)]
async fn a_listening_stream_ends_when_its_token_is_revoked() {
    let introspected = |when, words: &Arc<Words>, clock: &Hands| {
        let keys = Published::of(&[TestKey::P256]);
        let words: Arc<dyn Introspect> = Arc::<Words>::clone(words);
        let issuer = issuer(&keys).introspection(when, words);
        Auth::resource(AUDIENCE).issuer(issuer).surroundings(by(clock))
    };
    let jwt = good();
    for (when, token) in [(When::Opaque, "opaque"), (When::Always, &*jwt)] {
        let (words, clock) = (Arc::new(Words::default()), Hands::new());
        words.say(token, &claims());
        let auth = introspected(when, &words, &clock);
        let (_sender, mut body) = open_at(auth, listen(), token).await;
        for _ in 0..3 {
            clock.forward(31);
            assert!(stays_open(&mut body, 31).await, "{when:?}: the issuer still says so");
        }
        assert!(words.asked().len() > 2, "{when:?}: it was asked again");
        words.revoke(token);
        clock.forward(31);
        assert!(!stays_open(&mut body, 31).await, "{when:?}");
    }
}

/// A key that is withdrawn takes the streams of its tokens with it.
// req: RS-16
#[tokio::test(start_paused = true)]
async fn a_listening_stream_ends_with_the_keys_of_its_token() {
    let keys = Published::of(&[TestKey::P256]);
    let auth = Auth::resource(AUDIENCE).issuer(issuer(&keys)).surroundings(by(&Hands::new()));
    let (_sender, mut body) = open_at(auth, listen(), &good()).await;
    assert!(stays_open(&mut body, 100).await);
    keys.replace(&[TestKey::P256Second]);
    assert!(!stays_open(&mut body, 31).await);
}

/// What a listener sent is in memory until the server has it, and not for the hours that follow.
// req: RS-16
#[tokio::test]
async fn a_listening_stream_keeps_nothing_of_its_request() {
    let room = Room::new(1 << 20);
    let (now, asked) = (room.clone(), Arc::new(Mutex::new(Vec::new())));
    let (seen, (_sender, body)) = (Arc::clone(&asked), Channel::<Bytes, Infallible>::new(8));
    let body = Arc::new(Mutex::new(Some(Body::new(body))));
    let service = tower::service_fn(move |_| {
        seen.lock().unwrap().push(now.taken());
        let body = body.lock().unwrap().take().unwrap();
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let surroundings = Surroundings { room: room.clone(), ..by(&Hands::new()) };
    let app = auth().surroundings(surroundings).build().unwrap();
    let app = app.protect("/mcp", Router::new().fallback_service(service));
    let text = Bytes::from(format!("{}{}", listening(), " ".repeat(100_000)));
    let response = listen().body(text.clone()).bearer(&good()).start(&app).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(*asked.lock().unwrap(), [text.len()], "while it was under way");
    assert_eq!(room.taken(), 0);
    assert!(text.is_unique(), "somebody has the body still");
    let mut body = response.into_body();
    assert!(stays_open(&mut body, 0).await, "and it listens");
}

/// It may also end before.
#[tokio::test(start_paused = true)]
async fn a_listening_stream_ends_when_the_server_ends_it() {
    let begin = Instant::now();
    let (mut sender, mut body) = open(ask("GET", "/mcp"), 100).await;
    sender.send_data(Bytes::from_static(b"data: 1\n\n")).await.unwrap();
    drop(sender);
    assert_eq!(next(&mut body).await.unwrap(), "data: 1\n\n");
    assert_eq!(next(&mut body).await, None);
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_answer_runs_to_its_end() {
    let (mut sender, mut body) = open(post(&call("x")), 100).await;
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        sender.send_data(Bytes::from_static(event.as_bytes())).await.unwrap();
        assert_eq!(next(&mut body).await.unwrap(), event);
        tokio::time::sleep(Duration::from_secs(1000)).await;
    }
    drop(sender);
    assert_eq!(next(&mut body).await, None);
}

/// A client that goes away is gone for the server, too.
#[tokio::test]
async fn who_goes_away_is_gone() {
    for request in [ask("GET", "/mcp"), post(&call("x"))] {
        let (mut sender, body) = open(request, 100).await;
        sender.send_data(Bytes::from_static(b"data: 1\n\n")).await.unwrap();
        drop(body);
        assert!(sender.send_data(Bytes::from_static(b"data: 2\n\n")).await.is_err());
    }
}
