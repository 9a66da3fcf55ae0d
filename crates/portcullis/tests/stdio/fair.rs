//! Of what people share, nobody has all.

use std::pin::Pin;
use std::time::Duration;

use http::{HeaderMap, Method};
use portcullis::stdio::{Limits, Settings, Unavailable};
use portcullis_core::secret::Secret;
use serde_json::{Value, json};

use crate::client::{Client, Reply, call, settings, soon, start};
use crate::server::{LEGACY, MODERN, STUBBORN};

/// A process that takes eight requests and four listeners, of one person a quarter of each.
fn shared(kind: &str) -> Settings {
    let mut settings = settings(kind);
    settings.shared = true;
    settings.limits = Limits { requests: 8, listens: 4, ..settings.limits };
    settings
}

/// A call that is answered when somebody says so.
async fn hold(client: &Client) -> Result<Reply, Unavailable> {
    let params = json!({ "name": "hold", "arguments": {} });
    client.accepting("text/event-stream").try_modern(1, "tools/call", params).await
}

async fn listen(client: &Client) -> Result<Reply, Unavailable> {
    let params = json!({ "notifications": { "toolsListChanged": true } });
    client.try_modern("s", "subscriptions/listen", params).await
}

async fn is_there(client: &Client) -> bool {
    client.modern_call(1, "echo", json!({})).await.status == 200
}

#[tokio::test]
async fn a_person_has_a_share_of_the_requests_and_others_get_through() {
    let stdio = start(shared(MODERN));
    let (alice, bob) = (Client::new(&stdio, "alice"), Client::new(&stdio, "bob"));
    // Another client of hers, with another token, is still she; a client of her name is not.
    let other = Client::new(&stdio, "alice");
    let (first, _second) = (hold(&alice).await.unwrap(), hold(&other).await.unwrap());
    for client in [&alice, &other] {
        assert_eq!(hold(client).await.err(), Some(Unavailable::Share));
    }
    let client = Client::new(&stdio, "client alice");
    assert!(is_there(&bob).await && is_there(&client).await);
    let _theirs = (hold(&bob).await.unwrap(), hold(&client).await.unwrap());
    assert!(is_there(&bob).await && is_there(&client).await);
    drop(first);
    assert!(is_there(&alice).await, "what has gone makes room");
}

#[tokio::test]
async fn all_together_have_no_more_than_all() {
    let mut few = shared(MODERN);
    few.limits.requests = 3;
    let stdio = start(few);
    let [alice, bob, carol, dave] =
        ["alice", "bob", "carol", "dave"].map(|person| Client::new(&stdio, person));
    let _held =
        (hold(&alice).await.unwrap(), hold(&bob).await.unwrap(), hold(&carol).await.unwrap());
    // A quarter of three is one, and not none.
    assert_eq!(hold(&alice).await.err(), Some(Unavailable::Share));
    assert_eq!(hold(&dave).await.err(), Some(Unavailable::Busy));
}

#[tokio::test]
async fn what_a_person_has_to_herself_is_not_divided() {
    let mut own = shared(MODERN);
    own.shared = false;
    let stdio = start(own);
    let alice = Client::new(&stdio, "alice");
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(hold(&alice).await.unwrap());
    }
    assert_eq!(hold(&alice).await.err(), Some(Unavailable::Busy));
    held.pop();
    assert!(is_there(&alice).await);
}

#[tokio::test]
async fn a_person_has_a_share_of_the_listeners_and_others_get_through() {
    let stdio = start(shared(MODERN));
    let (alice, bob) = (Client::new(&stdio, "alice"), Client::new(&stdio, "bob"));
    let first = listen(&alice).await.unwrap();
    assert_eq!(listen(&alice).await.err(), Some(Unavailable::Share));
    let _theirs = listen(&bob).await.unwrap();
    // Listeners take nothing of what calls need, nor calls of what they need.
    let held = [hold(&alice).await.unwrap(), hold(&alice).await.unwrap()];
    drop(first);
    let mut again = listen(&alice).await.unwrap();
    assert_eq!(again.event().await.unwrap()["method"], "notifications/subscriptions/acknowledged");
    drop(held);
    assert!(is_there(&alice).await);
}

/// Up to 2025-11-25 going away cancels nothing, so that it makes no room either; and sessions are as many as a
/// person wants.
#[tokio::test]
async fn a_persons_sessions_have_one_share() {
    let stdio = start(shared(LEGACY));
    let (alice, other) =
        (Client::in_session(&stdio, "alice").await, Client::in_session(&stdio, "alice").await);
    let bob = Client::in_session(&stdio, "bob").await;
    for client in [&alice, &other] {
        drop(client.accepting("text/event-stream").call("held", "hold", json!({})).await);
    }
    let echo = call(1, "echo", json!({}));
    for client in [&alice, &other] {
        assert_eq!(client.try_post(&echo).await.err(), Some(Unavailable::Share));
    }
    assert_eq!(bob.call(1, "echo", json!({})).await.status, 200);
    let params = json!({ "requestId": "held" });
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
    assert_eq!(alice.post(&cancel).await.status, 202);
    assert_eq!(other.call(1, "echo", json!({})).await.status, 200, "cancelling does");
    // Of a batch every request counts.
    let both = json!([call(2, "echo", json!({})), call(3, "echo", json!({}))]).to_string();
    let asked = alice.ask(&Method::POST, &HeaderMap::new(), &both).await;
    assert_eq!(asked.err(), Some(Unavailable::Share));
    assert_eq!(bob.post_text(&both).await.status, 200);
}

/// Whether something is still waited for, once it has come as far as it can by itself.
async fn waits<T>(what: &mut Pin<Box<impl Future<Output = T>>>) -> bool {
    tokio::select! {
        biased;
        _ = what => false,
        () = std::future::ready(()) => true,
    }
}

/// A process that reads no more makes people wait, and who waits takes up room.
#[tokio::test]
async fn nobody_waits_in_everybodys_way() {
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let script = format!("read line; echo '{answer}'; exec sleep 300");
    let mut deaf = shared(LEGACY);
    deaf.command = vec!["sh".to_owned(), "-c".to_owned(), script];
    deaf.limits = Limits { requests: 48, grace: Duration::from_millis(10), ..deaf.limits };
    let stdio = start(deaf);
    let (mut alice, mut bob) = (Client::new(&stdio, "alice"), Client::new(&stdio, "bob"));
    for client in [&mut alice, &mut bob] {
        client.session = client.initialize("2025-11-25").await.session();
    }
    let long = call(1, "echo", json!({ "it": "x".repeat(100_000) }));
    let mut waiting: Vec<_> = (0..12).map(|_| Box::pin(alice.try_post(&long))).collect();
    for request in &mut waiting {
        assert!(waits(request).await);
    }
    assert_eq!(alice.try_post(&long).await.err(), Some(Unavailable::Share));
    // Where bob stands is before all that she could still bring. She cannot fill the way by notifications.
    let mut request = Box::pin(bob.try_post(&long));
    assert!(waits(&mut request).await);
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9 } });
    for _ in 0..20 {
        assert_eq!(alice.post(&notification).await.status, 202);
    }
    drop((waiting, request));
    soon(stdio.shutdown(Duration::from_secs(30))).await;
}

/// The clock goes on by that. While it stands nothing is awaited but it, or it would run on by itself.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// The next message on a stream that may have been silent for long.
async fn message(reply: &mut Reply) -> Value {
    soon(async {
        loop {
            let frame = String::from_utf8(reply.frame().await.to_vec()).unwrap();
            if let Some(data) = frame.strip_prefix("event: message\ndata: ") {
                return serde_json::from_str(data).unwrap();
            }
        }
    })
    .await
}

/// As a server ends it by itself, so that its client knows that nothing was lost.
// req: RS-16
#[tokio::test]
async fn listening_ends_in_good_order_and_may_begin_again() {
    for is_shared in [true, false] {
        let mut settings = shared(MODERN);
        settings.shared = is_shared;
        let most = settings.limits.listen;
        let stdio = start(settings);
        let mut alice = Client::new(&stdio, "alice");
        for token in [None, Some(Duration::from_secs(60)), Some(most * 2)] {
            alice.listens_until = token.map(|token| tokio::time::Instant::now() + token);
            let end = token.map_or(most, |token| token.min(most));
            let mut stream = listen(&alice).await.unwrap();
            stream.event().await.unwrap();
            pass(end - Duration::from_secs(10)).await;
            alice.modern_call(1, "poke", json!({})).await;
            let news = message(&mut stream).await;
            assert_eq!(news["method"], "notifications/resources/updated", "not yet");
            pass(Duration::from_secs(11)).await;
            let ended = message(&mut stream).await;
            let meta = json!({ "io.modelcontextprotocol/subscriptionId": "s" });
            let result = json!({ "resultType": "complete", "_meta": meta });
            assert_eq!(ended, json!({ "jsonrpc": "2.0", "id": "s", "result": result }));
            assert!(stream.event().await.is_none());
            // The process knows as well.
            let poked = alice.modern_call(1, "poke", json!({})).await.json().await;
            assert_eq!(poked["result"], 0);
        }
    }
}

/// The news of a session, likewise.
// req: RS-16
#[tokio::test]
async fn the_news_of_a_session_ends_with_the_token_and_goes_on_with_the_next() {
    let stdio = start(settings(LEGACY));
    let mut alice = Client::in_session(&stdio, "alice").await;
    let now = tokio::time::Instant::now();
    alice.listens_until = Some(now + Duration::from_secs(20));
    let mut news = alice.get().await;
    alice.call(1, "change", json!({})).await;
    assert_eq!(news.event().await.unwrap()["method"], "notifications/tools/list_changed");
    pass(Duration::from_secs(21)).await;
    assert!(news.event().await.is_none());
    alice.listens_until = None;
    alice.call(1, "change", json!({})).await;
    let mut news = alice.get().await;
    assert_eq!(news.event().await.unwrap()["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn nobody_has_more_than_half_of_the_processes() {
    let mut four = settings(MODERN);
    four.limits = Limits { processes: 4, per_user: 4, ..four.limits };
    let stdio = start(four);
    let mut sessions = Vec::new();
    for person in ["alice", "alice", "bob", "bob"] {
        let client = Client::in_session(&stdio, person).await;
        let news = client.get().await;
        sessions.push((client, news));
        let more = Client::new(&stdio, person);
        if sessions.len() % 2 == 0 {
            let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize" });
            assert_eq!(more.try_post(&message).await.err(), Some(Unavailable::Busy));
        }
    }
    for (client, _) in &sessions {
        assert_eq!(client.call(1, "echo", json!({})).await.status, 200);
    }
}

/// Sessions that come and go leave processes behind for a while, each of which holds a place.
#[tokio::test]
async fn nobodys_leaving_processes_take_all_places() {
    let mut slow = settings(LEGACY);
    slow.env.insert(STUBBORN.to_owned(), Secret::new("1".to_owned()));
    slow.limits = Limits { processes: 4, per_user: 1, ..slow.limits };
    slow.limits.start = Duration::from_secs(10);
    let stdio = start(slow);
    for _ in 0..2 {
        assert_eq!(Client::in_session(&stdio, "alice").await.delete().await.status, 204);
    }
    let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize" });
    let (alice, bob) = (Client::new(&stdio, "alice"), Client::new(&stdio, "bob"));
    let mut third = Box::pin(alice.try_post(&message));
    assert!(waits(&mut third).await);
    let there = tokio::select! {
        _ = &mut third => None,
        there = bob.try_post(&message) => there.ok(),
    };
    assert!(there.is_some_and(|reply| reply.status == 200), "bob is first, though he came later");
    pass(Duration::from_secs(11)).await;
    assert!(matches!(soon(third).await, Err(Unavailable::NotStarted { .. })));
    soon(stdio.shutdown(Duration::ZERO)).await;
}

/// Who speaks the one era is not in the way of who speaks the other, whatever number of processes is wanted.
#[tokio::test]
async fn both_eras_of_a_shared_server_have_room() {
    let mut one = shared(MODERN);
    one.limits.processes = 1;
    let stdio = start(one);
    let alice = Client::in_session(&stdio, "alice").await;
    let _held = alice.accepting("text/event-stream").call(1, "hold", json!({})).await;
    assert!(is_there(&Client::new(&stdio, "bob")).await);
    assert_eq!(alice.call(1, "echo", json!({})).await.status, 200, "and it is still there");
}
