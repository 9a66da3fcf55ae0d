//! One process for everybody.

use portcullis::stdio::{Settings, Stdio, Unavailable};
use serde_json::{Value, json};

use crate::client::{Client, call, settings, soon, start};
use crate::server::{LEGACY, MODERN};

fn shared(kind: &str) -> Settings {
    let mut settings = settings(kind);
    settings.shared = true;
    settings
}

async fn two(stdio: &Stdio) -> (Client, Client) {
    (Client::in_session(stdio, "alice").await, Client::in_session(stdio, "bob").await)
}

#[tokio::test]
async fn all_sessions_have_one_process_which_is_initialized_once() {
    let stdio = start(shared(LEGACY));
    let (alice, bob) = two(&stdio).await;
    assert_eq!(alice.pid().await, bob.pid().await);
    assert_ne!(alice.session, bob.session);
    let begun: Vec<Value> = alice
        .heard()
        .await
        .iter()
        .filter(|line| line.contains("initialize"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(begun.len(), 2, "{begun:?}");
    assert_eq!(begun[0]["params"]["capabilities"], json!({}), "nobody's");
    assert_eq!(begun[1]["method"], "notifications/initialized");
    let reply = Client::new(&stdio, "carol").initialize("2025-06-18").await.json().await;
    assert_eq!(reply["result"]["protocolVersion"], "2025-11-25", "what the process speaks");
}

// req: RS-13
#[tokio::test]
async fn a_session_is_its_persons() {
    let stdio = start(shared(LEGACY));
    let (alice, mut bob) = two(&stdio).await;
    let own = bob.session.clone();
    bob.session.clone_from(&alice.session);
    assert_eq!(bob.call(1, "echo", json!({})).await.status, 404);
    assert_eq!(bob.delete().await.status, 404);
    assert_eq!(alice.call(1, "echo", json!({})).await.status, 200);
    bob.session = own;
    assert_eq!(bob.delete().await.status, 204);
    assert_eq!(bob.call(1, "echo", json!({})).await.status, 404);
    assert_eq!(alice.call(1, "echo", json!({})).await.status, 200);
}

#[tokio::test]
async fn two_people_see_nothing_of_each_other() {
    let stdio = start(shared(LEGACY));
    let (alice, bob) = two(&stdio).await;
    assert_eq!(bob.get().await.status, 405, "there is no news that is anybody's");
    let token = |tool: &str| {
        let mut message = call(1, tool, json!({ "secret": "of alice", "id": 1, "token": 1 }));
        message["params"]["_meta"] = json!({ "progressToken": 1 });
        message
    };
    let held = tokio::spawn({
        let (alice, hold) = (alice.accepting("text/event-stream"), token("hold"));
        async move {
            let mut reply = alice.post(&hold).await;
            let mut events = Vec::new();
            while let Some(event) = reply.event().await {
                events.push(event);
            }
            events
        }
    });
    bob.until_heard("\"hold\"").await;
    // Under the same id and token, with everything a server can say.
    let mut said = Vec::new();
    for tool in ["progress", "log", "change", "forge", "echo"] {
        let mut reply = bob.post(&token(tool)).await;
        if reply.kind() == "application/json" {
            said.push(reply.json().await);
        } else {
            while let Some(event) = reply.event().await {
                said.push(event);
            }
        }
    }
    let (progress, answers): (Vec<_>, Vec<_>) =
        said.iter().partition(|message| message["method"] == "notifications/progress");
    assert_eq!((progress.len(), answers.len()), (1, 5));
    assert!(answers.iter().all(|answer| answer["id"] == 1 && answer.get("method").is_none()));
    assert_eq!(stdio.dropped().unattributed, 3, "the log message, the change, the forged progress");
    bob.call(2, "release", json!({})).await;
    let events = soon(held).await.unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["result"]["released"]["secret"], "of alice");
}

#[tokio::test]
async fn nobody_cancels_for_another() {
    let stdio = start(shared(LEGACY));
    let (alice, bob) = two(&stdio).await;
    let held = tokio::spawn({
        let alice = alice.clone();
        async move { alice.call(1, "hold", json!({})).await }
    });
    bob.until_heard("\"hold\"").await;
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
    assert_eq!(bob.post(&cancel).await.status, 202);
    assert!(bob.heard().await.iter().all(|line| !line.contains("cancelled")));
    assert_eq!(alice.post(&cancel).await.status, 202);
    assert_eq!(soon(held).await.unwrap().json().await["error"]["code"], -32603);
    assert_eq!(bob.heard().await.iter().filter(|line| line.contains("cancelled")).count(), 1);
}

#[tokio::test]
async fn what_is_not_for_all_does_not_reach_the_process() {
    let stdio = start(shared(LEGACY));
    let (alice, bob) = two(&stdio).await;
    for message in [
        json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" }),
        json!({ "jsonrpc": "2.0", "method": "notifications/custom" }),
        json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
        json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": "crash" } }),
    ] {
        assert_eq!(alice.post(&message).await.status, 202, "{message}");
    }
    let reply = alice.post(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tasks/list" })).await;
    assert_eq!(reply.json().await["error"]["code"], -32601);
    let heard = bob.heard().await;
    assert_eq!(heard.len(), 3, "the handshake and this question: {heard:?}");
}

#[tokio::test]
async fn questions_of_the_server_are_refused_so_that_it_does_not_wait() {
    let stdio = start(shared(LEGACY));
    let (alice, _) = two(&stdio).await;
    let reply = alice.call(1, "ask", json!({ "id": "q" })).await;
    assert_eq!(reply.kind(), "application/json");
    assert_eq!(reply.json().await["result"]["client said"], json!(null), "no result");
    assert_eq!(stdio.dropped().unattributed, 1);
}

#[tokio::test]
async fn in_2026_07_28_all_have_one_process_as_well() {
    let stdio = start(shared(MODERN));
    let (alice, bob) = (Client::new(&stdio, "alice"), Client::new(&stdio, "bob"));
    let pid = async |client: &Client| {
        let answer = client.modern_call(1, "echo", json!({})).await.json().await;
        answer["result"]["pid"].clone()
    };
    let (one, other) = tokio::join!(pid(&alice), pid(&bob));
    assert_eq!(one, other);
    // A log message may be another's, whoever asked for some.
    let log = json!({
        "name": "log",
        "arguments": {},
        "_meta": { "io.modelcontextprotocol/logLevel": "info" },
    });
    assert_eq!(alice.modern(1, "tools/call", log).await.kind(), "application/json");
    assert_eq!(stdio.dropped().unattributed, 1);
    assert_eq!(alice.modern(1, "tasks/list", json!({})).await.status, 404);
}

#[tokio::test]
async fn the_oldest_sessions_of_a_person_make_room() {
    let mut few = shared(LEGACY);
    few.limits.per_user = 1;
    let stdio = start(few);
    let bob = Client::in_session(&stdio, "bob").await;
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(Client::in_session(&stdio, "alice").await);
    }
    clients[0].pid().await;
    clients.push(Client::in_session(&stdio, "alice").await);
    let mut gone = Vec::new();
    for (place, client) in clients.iter().enumerate() {
        if client.call(1, "echo", json!({})).await.status == 404 {
            gone.push(place);
        }
    }
    assert_eq!(gone, [1], "the one that was used longest ago");
    assert_eq!(bob.call(1, "echo", json!({})).await.status, 200);
}

#[tokio::test]
async fn sessions_outlive_the_process() {
    let stdio = start(shared(LEGACY));
    let (alice, bob) = two(&stdio).await;
    let first = alice.pid().await;
    let answer = bob.call(1, "crash", json!({})).await.json().await;
    assert_eq!(answer["error"]["code"], -32603);
    // It does not come back at once, lest it crash in a circle.
    let pause = loop {
        match alice.try_post(&call(1, "echo", json!({}))).await {
            Err(Unavailable::NotStarted { retry_after, .. }) => break retry_after,
            Err(other) => panic!("{other}"),
            Ok(_) => {}
        }
    };
    tokio::time::pause();
    tokio::time::advance(pause).await;
    tokio::time::resume();
    assert_ne!(alice.pid().await, first);
}
