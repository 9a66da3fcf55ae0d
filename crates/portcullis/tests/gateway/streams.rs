//! Streams, disconnects, and the end of the gateway.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::json;
use testkit::server::stream;
use tokio::time::timeout;

use crate::rig::{Rig, call, post};

const EVENTS: [(&str, &str); 1] = [("content-type", "text/event-stream")];
const SOON: Duration = Duration::from_secs(10);

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

/// At the end what is under way is finished, and what listens ends in good order.
// req: RS-16
#[tokio::test]
async fn the_end_waits_for_answers_and_not_for_listeners() {
    let (mut answering, answer) = stream(200, &EVENTS);
    let (_listening, listen) = stream(200, &EVENTS);
    let (mut answer, mut listen) = (Some(answer), Some(listen));
    let rig = Rig::with("", "", move |request| {
        if request.method() == "GET" { listen.take().unwrap() } else { answer.take().unwrap() }
    })
    .await;
    let token = rig.token(&json!({}));
    let (mut first, mut second) = (rig.client().await, rig.client().await);
    let called = first.send(post(&token, call("read_file"))).await;
    let listen = Request::get("/files/mcp")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "text/event-stream")
        .body(Bytes::new())
        .unwrap();
    let listened = second.send(listen).await;
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
