//! Streams, disconnects, and the end of the gateway.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::json;
use testkit::server::stream;
use tokio::time::timeout;

use crate::rig::{Rig, call, config, post};

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
