//! Servers that speak HTTP+SSE, as before 2025-03-26: a stream that names a path, and messages to that path.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::json;
use testkit::server::{respond, stream};
use tokio::time::timeout;

use crate::rig::{Client, Rig, call, post};

const EVENTS: [(&str, &str); 1] = [("content-type", "text/event-stream")];

async fn rig() -> Rig {
    Rig::with("", "transport = \"sse\"\n", |request| match request.method().as_str() {
        "GET" => {
            let (mut sender, answer) = stream(200, &EVENTS);
            tokio::spawn(async move {
                let event = "event: endpoint\ndata: /messages?sessionId=abc\n\n";
                sender.send_data(Bytes::from_static(event.as_bytes())).await.unwrap();
                // The stream stays open for as long as somebody listens.
                while sender.send_data(Bytes::from_static(b":\n\n")).await.is_ok() {
                    tokio::task::yield_now().await;
                }
            });
            answer
        }
        _ => respond(202, &[], "Accepted"),
    })
    .await
}

/// Opens a stream and reads where messages go.
async fn open(rig: &Rig, token: &str) -> (Client, String) {
    let mut client = rig.client().await;
    let request = Request::get("/files/mcp")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "text/event-stream")
        .body(Bytes::new())
        .unwrap();
    let mut body = client.send(request).await.into_body();
    let mut text = String::new();
    while !text.contains("\n\n") {
        let frame = timeout(Duration::from_secs(10), body.frame()).await.unwrap().unwrap().unwrap();
        text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    let named = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned();
    (client, named)
}

fn message(token: &str, target: &str) -> Request<Bytes> {
    let mut request = post(token, call("read_file"));
    *request.uri_mut() = target.parse().unwrap();
    request
}

// req: RS-13
#[tokio::test]
async fn messages_go_where_the_stream_says_and_for_its_listener_only() {
    let rig = rig().await;
    let (alice, bob) = (rig.token(&json!({})), rig.token(&json!({ "sub": "bob" })));
    let (_listening, named) = open(&rig, &alice).await;
    assert!(named.starts_with("/files/mcp?endpoint=") && !named.contains("abc"), "{named}");

    let answer = rig.client().await.whole(message(&alice, &named)).await;
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (202, &b"Accepted"[..]));
    assert_eq!(rig.last().uri(), "/messages?sessionId=abc");

    // What else a client says there is nothing to the gateway, and nothing to the upstream.
    let beside = format!("{named}&other=1");
    assert_eq!(rig.client().await.whole(message(&alice, &beside)).await.status(), 202);
    assert_eq!(rig.last().uri(), "/messages?sessionId=abc");

    let sent = rig.sent();
    let twice = format!("{named}&{}", named.split_once('?').unwrap().1);
    let forged = format!("{named}A");
    for (who, target) in [
        (&bob, named.as_str()),
        (&alice, &forged),
        (&alice, &twice),
        (&alice, "/files/mcp"),
        (&alice, "/files/mcp?endpoint=/messages"),
    ] {
        let answer = rig.client().await.whole(message(who, target)).await;
        assert_eq!(answer.status(), 404, "{target}");
    }
    assert_eq!(rig.sent(), sent, "nothing of it reached the upstream");
}
