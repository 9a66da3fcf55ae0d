//! What a process may say at length, and what it may not make of others by that.

use serde_json::{Value, json};

use crate::client::{Client, settings, soon, start};
use crate::server::{LEGACY, MODERN};

/// An answer that is too long is its own request's, whatever else is under way.
#[tokio::test]
async fn an_answer_that_is_too_long_ends_its_own_request_and_no_other() {
    let mut short = settings(LEGACY);
    short.shared = true;
    short.limits.line = 20_000;
    let stdio = start(short);
    let (alice, bob) =
        (Client::in_session(&stdio, "alice").await, Client::in_session(&stdio, "bob").await);
    let held = tokio::spawn({
        let bob = bob.clone();
        async move { bob.call(1, "hold", json!({})).await.json().await }
    });
    alice.until_heard("\"hold\"").await;
    let long = alice.call(1, "long", json!({ "length": 20_000 })).await.json().await;
    assert_eq!((&long["id"], &long["error"]["code"]), (&json!(1), &json!(-32603)));
    // What nobody waits for any more, or what is no answer, is nobody's, though one request only is there.
    let garbage = stdio.dropped().garbage;
    for (count, start) in [r#""id":999,"result""#, r#""method":"m","params""#].iter().enumerate() {
        let text = format!("{{\"jsonrpc\":\"2.0\",{start}:\"{}\"}}", "x".repeat(20_000));
        let said = alice.call(1, "answer and say", json!({ "text": text })).await;
        assert_eq!(said.status, 200);
        soon(async {
            while stdio.dropped().garbage == garbage + u64::try_from(count).unwrap() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    alice.call(1, "release", json!({})).await;
    assert_eq!(soon(held).await.unwrap()["result"], json!({ "released": {} }));
}

/// Ids of a server are kept until they are answered.
#[tokio::test]
async fn an_id_of_a_server_has_a_bound() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let question = |length: usize, method: &str| {
        json!({ "jsonrpc": "2.0", "id": "x".repeat(length), "method": method }).to_string()
    };
    let garbage = stdio.dropped().garbage;
    for method in ["roots/list", "ping"] {
        let reply = alice.call(1, "say", json!({ "text": question(1023, method) })).await;
        assert_eq!(reply.kind(), "application/json", "{method}");
    }
    assert_eq!(stdio.dropped().garbage, garbage + 2);
    let mut reply = alice.call(1, "say", json!({ "text": question(1022, "roots/list") })).await;
    assert_eq!(reply.event().await.unwrap()["method"], "roots/list");
    alice.call(1, "say", json!({ "text": question(1022, "ping") })).await;
    alice.until_heard("\"result\":{}").await;
    assert_eq!(stdio.dropped().garbage, garbage + 2);
}

/// Why something is cancelled is for a person to read.
#[tokio::test]
async fn a_reason_has_a_bound() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    for (length, is_told) in [(1022, true), (1023, false)] {
        drop(alice.accepting("text/event-stream").call("held", "hold", json!({})).await);
        let params = json!({ "requestId": "held", "reason": "y".repeat(length) });
        let cancel =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
        assert_eq!(alice.post(&cancel).await.status, 202);
        let heard = alice.heard().await;
        let told = heard.iter().rev().find(|line| line.contains("cancelled")).unwrap();
        let told: Value = serde_json::from_str(told).unwrap();
        assert!(told["params"]["requestId"].is_u64());
        assert_eq!(told["params"].get("reason").is_some(), is_told, "{length}");
    }
}

/// A process that all share is told nothing about itself by one of them.
#[tokio::test]
async fn nobody_sets_what_is_everybodys() {
    let ask = |method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    let level = ask("logging/setLevel", json!({ "level": "emergency" }));
    let others = ["resources/subscribe", "resources/unsubscribe"]
        .map(|method| ask(method, json!({ "uri": "file:///a" })));
    for is_shared in [true, false] {
        let mut settings = settings(LEGACY);
        settings.shared = is_shared;
        let stdio = start(settings);
        let alice = Client::in_session(&stdio, "alice").await;
        let answer = alice.post(&level).await.json().await;
        assert_eq!((&answer["id"], answer.get("result").is_some()), (&json!(7), is_shared));
        for message in &others {
            let answer = alice.post(message).await.json().await;
            assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(-32601)));
        }
        let heard = alice.heard().await.join("\n");
        for method in ["logging/setLevel", "resources/subscribe", "resources/unsubscribe"] {
            assert_eq!(heard.contains(method), !is_shared, "{method}");
        }
    }
}

/// Of the revision without sessions a shared process hears subscriptions, which have a client each.
#[tokio::test]
async fn subscriptions_of_a_shared_process_are_told_apart() {
    let mut settings = settings(MODERN);
    settings.shared = true;
    let stdio = start(settings);
    let (alice, bob) = (Client::new(&stdio, "alice"), Client::new(&stdio, "bob"));
    let params = json!({ "notifications": { "resourceSubscriptions": ["file:///a"] } });
    let mut streams = Vec::new();
    for (client, id) in [(&alice, "of alice"), (&bob, "of bob")] {
        let mut stream = client.modern(id, "subscriptions/listen", params.clone()).await;
        stream.event().await.unwrap();
        streams.push((stream, id));
    }
    let poked = alice.modern_call(1, "poke", json!({})).await.json().await;
    assert_eq!(poked["result"], 2);
    for (stream, id) in &mut streams {
        let news = stream.event().await.unwrap();
        assert_eq!(news["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], *id);
    }
}
