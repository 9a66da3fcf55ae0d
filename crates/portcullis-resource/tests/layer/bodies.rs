//! Bodies that are too long, too slow, too many, or broken.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, Channel};
use portcullis_core::operation::Limits;
use portcullis_resource::gate::Surroundings;
use portcullis_resource::room::Room;
use portcullis_resource::{AuthBuilder, Principal};
use serde_json::{Value, json};

use crate::house::{Answer, Ask, Hands, auth, by, call, good, house, message, post, token};

type Sender = http_body_util::channel::Sender<Bytes, io::Error>;

/// A call that is so many bytes long.
fn long(length: usize) -> String {
    let bare = call("x").to_string();
    bare.clone() + &" ".repeat(length - bare.len())
}

fn limited(body: usize) -> AuthBuilder {
    let limits = Limits { body, ..Limits::default() };
    auth().surroundings(Surroundings { limits, ..by(&Hands::new()) })
}

fn sent(body: Body) -> Ask {
    post(&Value::Null).bearer(&good()).body(body)
}

/// A body that comes as a test sends it.
fn coming() -> (Sender, Body) {
    let (sender, body) = Channel::new(64);
    (sender, Body::new(body))
}

async fn in_pieces(text: &str) -> Body {
    let (mut sender, body) = coming();
    for piece in text.as_bytes().chunks(text.len() / 8) {
        sender.send_data(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    body
}

fn json_rpc_error(answer: &Answer) -> i64 {
    answer.json()["error"]["code"].as_i64().unwrap()
}

#[tokio::test]
async fn a_body_that_is_too_long_is_413() {
    let house = house(limited(500));
    for length in [499, 500] {
        let whole = sent(long(length).into()).header("content-length", &length.to_string());
        assert_eq!(whole.of(&house.app).await.status, StatusCode::OK);
        let pieces = sent(in_pieces(&long(length)).await).of(&house.app).await;
        assert_eq!(pieces.status, StatusCode::OK);
    }
    assert!(
        house
            .inner
            .reached()
            .iter()
            .all(|reached| reached.body.trim_ascii() == call("x").to_string().as_bytes())
    );
    house.inner.forget();
    // Refused as soon as it is too long, and not when it ends.
    let (mut sender, body) = coming();
    for _ in 0..6 {
        sender.send_data(Bytes::from_static(&[b' '; 100])).await.unwrap();
    }
    let too_long = sent(body).of(&house.app).await;
    assert_eq!(too_long.status, StatusCode::PAYLOAD_TOO_LARGE);
    drop(sender);
    assert!(json_rpc_error(&too_long) < 0);
    // Announced, it is refused before a byte of it has come.
    let (sender, body) = coming();
    let announced = sent(body).header("content-length", "501").of(&house.app).await;
    assert_eq!(announced.status, StatusCode::PAYLOAD_TOO_LARGE);
    drop(sender);
    // What announces less than it is, is held to what it is.
    let liar = sent(long(501).into()).header("content-length", "5").of(&house.app).await;
    assert_eq!(liar.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(house.inner.count(), 0);
}

/// Nobody's body is read before it is known who sends it.
#[tokio::test]
async fn a_stranger_sends_nothing() {
    let house = house(auth());
    let (sender, body) = coming();
    let answer = post(&Value::Null).body(body).of(&house.app).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    drop(sender);
}

/// Takes requests and answers when it is told to, and keeps what it was told to keep.
fn slow(answer: Arc<tokio::sync::Notify>, kept: Arc<Mutex<Vec<Principal>>>) -> Router {
    let service = tower::service_fn(move |request: Request| {
        let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
        async move {
            let principal = request.extensions().get::<Principal>().unwrap().clone();
            kept.lock().unwrap().push(principal);
            answer.notified().await;
            Ok::<_, Infallible>(Response::new(Body::from("done")))
        }
    });
    Router::new().fallback_service(service)
}

/// All bodies under way together take no more than there is, and what they took is given back when the last
/// who holds them lets go.
#[tokio::test]
async fn bodies_find_room_or_are_503() {
    let room = Room::new(1000);
    let surroundings = Surroundings { room: room.clone(), ..by(&Hands::new()) };
    let (answer, kept) = <(Arc<tokio::sync::Notify>, Arc<Mutex<Vec<Principal>>>)>::default();
    let auth = auth().surroundings(surroundings).build().unwrap();
    let app = auth.protect("/mcp", slow(Arc::clone(&answer), Arc::clone(&kept)));
    let first = tokio::spawn({
        let app = app.clone();
        async move { sent(long(600).into()).of(&app).await }
    });
    while kept.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(room.taken(), 600);
    for body in [long(401).into(), in_pieces(&long(401)).await] {
        let refused = sent(body).of(&app).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.header("retry-after"), Some("1"));
        let told = json!({
            "error": "temporarily_unavailable", "error_description": "the server is busy",
        });
        assert_eq!(refused.json(), told);
        assert_eq!(room.taken(), 600, "and what it had taken is given back");
    }
    answer.notify_one();
    let small = sent(long(400).into()).of(&app);
    answer.notify_one();
    assert_eq!(small.await.status, StatusCode::OK);
    assert_eq!(first.await.unwrap().status, StatusCode::OK);
    // The answers are out, and a task of the server still works on what it was sent.
    assert_eq!(room.taken(), 1000);
    kept.lock().unwrap().remove(0);
    assert_eq!(room.taken(), 400);
    kept.lock().unwrap().clear();
    assert_eq!(room.taken(), 0);
}

/// One caller takes a quarter of the room and no more, by whatever tokens; there is room for others.
#[tokio::test]
async fn one_caller_does_not_take_all_the_room() {
    let room = Room::new(4000);
    let limits = Limits { body: 600, ..Limits::default() };
    let surroundings = Surroundings { room: room.clone(), limits, ..by(&Hands::new()) };
    let (answer, kept) = <(Arc<tokio::sync::Notify>, Arc<Mutex<Vec<Principal>>>)>::default();
    let auth = auth().surroundings(surroundings).build().unwrap();
    let app = auth.protect("/mcp", slow(Arc::clone(&answer), Arc::clone(&kept)));
    let send = |claims: &Value, body: Body| {
        let (app, claims) = (app.clone(), token(claims));
        let asked = async move { post(&Value::Null).bearer(&claims).body(body).of(&app).await };
        // Whoever is let in where he should not be waits for an answer that nobody gives.
        async { tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap().status }
    };
    let until = async |count| {
        while kept.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    };
    let alice = [json!({}), json!({ "jti": "another token" })];
    let [one, other] = alice.clone().map(|claims| tokio::spawn(send(&claims, long(500).into())));
    until(2).await;
    assert_eq!(room.taken(), 1000);
    for claims in &alice {
        for body in [long(100).into(), in_pieces(&long(100)).await] {
            assert_eq!(send(claims, body).await, StatusCode::SERVICE_UNAVAILABLE);
        }
    }
    assert_eq!(room.taken(), 1000, "and what it had taken is given back");
    // One or the other could have a share together with alice by chance, both hardly ever.
    let others = [json!({ "sub": "bob" }), json!({ "sub": null })];
    let others = others.map(|claims| tokio::spawn(send(&claims, long(100).into())));
    until(3).await;
    answer.notify_waiters();
    while !others.iter().all(tokio::task::JoinHandle::is_finished) {
        answer.notify_waiters();
        tokio::task::yield_now().await;
    }
    let mut fared = Vec::new();
    for other in others {
        fared.push(other.await.unwrap());
    }
    assert!(fared.contains(&StatusCode::OK), "{fared:?}");
    assert_eq!((one.await.unwrap(), other.await.unwrap()), (StatusCode::OK, StatusCode::OK));
    // What is given back is there for the same caller again.
    kept.lock().unwrap().clear();
    assert_eq!(room.taken(), 0);
    let again = tokio::spawn(send(&alice[0], long(600).into()));
    until(1).await;
    answer.notify_waiters();
    assert_eq!(again.await.unwrap(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_408() {
    let house = house(auth());
    for step in [29, 1] {
        let (mut sender, body) = coming();
        let asked = tokio::spawn({
            let app = house.app.clone();
            async move { sent(body).of(&app).await }
        });
        let text = call("x").to_string();
        let (start, rest) = text.split_at(20);
        sender.send_data(Bytes::copy_from_slice(start.as_bytes())).await.unwrap();
        tokio::time::sleep(Duration::from_secs(step)).await;
        sender.send_data(Bytes::copy_from_slice(rest.as_bytes())).await.unwrap();
        if step == 29 {
            drop(sender);
            assert_eq!(asked.await.unwrap().status, StatusCode::OK, "slow, and in time");
        } else {
            // Whole it may be; that it is, nobody says.
            let answer = asked.await.unwrap();
            assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
            let told = json!({ "error_description": "the body did not come in time" });
            assert_eq!((answer.json(), answer.challenge()), (told, None));
        }
    }
    assert_eq!(house.inner.count(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let house = house(auth());
    let broken = |whole: bool| async move {
        let (mut sender, body) = coming();
        let text = call("x").to_string();
        sender.send_data(text.into()).await.unwrap();
        if !whole {
            sender.abort(io::ErrorKind::ConnectionReset.into());
        }
        body
    };
    assert_eq!(sent(broken(true).await).of(&house.app).await.status, StatusCode::OK);
    let answer = sent(broken(false).await).of(&house.app).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json(), json!({ "error_description": "the body broke off" }));
    assert_eq!(house.inner.count(), 1, "though it reads like a whole one");
    let revision = sent(broken(false).await).header("mcp-protocol-version", "2026-07-28");
    assert_eq!(json_rpc_error(&revision.of(&house.app).await), -32020);
}

/// Trailers say nothing.
#[tokio::test]
async fn trailers_are_dropped() {
    let house = house(auth());
    let (mut sender, body) = coming();
    sender.send_data(call("x").to_string().into()).await.unwrap();
    let trailers = [("mcp-method", "ping")]
        .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()));
    sender.send_trailers(trailers.into_iter().collect()).await.unwrap();
    drop(sender);
    assert_eq!(sent(body).of(&house.app).await.status, StatusCode::OK);
    let [reached] = &house.inner.reached()[..] else { panic!("once") };
    assert_eq!(reached.body, call("x").to_string());
    assert!(!reached.headers.contains_key("mcp-method"));
    let whole = Body::from(message("ping", &json!({})).to_string());
    assert!(whole.collect().await.unwrap().trailers().is_none());
}
