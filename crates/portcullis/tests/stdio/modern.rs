//! 2026-07-28: requests stand alone, and a person's clients share a process.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, PATIENCE, settings, soon, start};
use crate::server::{LEGACY, MODERN, TOUCHY};

const PROGRESS: &str = "notifications/progress";

async fn pid(client: &Client) -> u64 {
    let answer = client.modern_call("pid", "echo", json!({})).await.json().await;
    answer["result"]["pid"].as_u64().unwrap()
}

async fn heard(client: &Client) -> Vec<String> {
    let heard = client.modern_call("heard", "heard", json!({})).await.json().await;
    serde_json::from_value(heard["result"].clone()).unwrap()
}

#[tokio::test]
async fn a_person_has_one_process_and_no_session() {
    let stdio = start(settings(MODERN));
    let (alice, bob) = (Client::new(&stdio, "alice"), Client::new(&stdio, "bob"));
    let mut other = Client::new(&stdio, "alice");
    other.session = Some("whatever".to_owned());
    let reply = alice.modern_call(1, "echo", json!({ "it": 1 })).await;
    assert_eq!((reply.status.as_u16(), reply.session()), (200, None));
    assert_eq!(reply.json().await["result"]["echo"]["it"], 1);
    let (of_alice, of_other, of_bob) = tokio::join!(pid(&alice), pid(&other), pid(&bob));
    assert_eq!(of_alice, of_other);
    assert_ne!(of_alice, of_bob);
}

#[tokio::test]
async fn answers_are_for_who_asked_though_both_count_alike() {
    let stdio = start(settings(MODERN));
    let (alice, other) = (Client::new(&stdio, "alice"), Client::new(&stdio, "alice"));
    // Once there is a process, all is sent in this order.
    pid(&alice).await;
    let (first, second, ()) = tokio::join!(
        alice.modern_call(1, "hold", json!({ "it": "first" })),
        other.modern_call(1, "hold", json!({ "it": "second" })),
        async { drop(alice.modern_call(1, "release", json!({})).await) },
    );
    assert_eq!(first.json().await["result"]["released"]["it"], "first");
    assert_eq!(second.json().await["result"]["released"]["it"], "second");
}

#[tokio::test]
async fn equal_tokens_of_two_clients_are_told_apart_and_cannot_be_guessed() {
    let stdio = start(settings(MODERN));
    let alice = Client::new(&stdio, "alice");
    let with_token = |tool: &str, token: Value| json!({ "name": tool, "arguments": {}, "_meta": { "progressToken": token } });
    let holding = alice.accepting("text/event-stream");
    let mut held = holding.modern(1, "tools/call", with_token("hold", json!(1))).await;
    let mut reply = alice.modern(1, "tools/call", with_token("progress", json!(1))).await;
    let progress = reply.event().await.unwrap();
    assert_eq!(
        (&progress["method"], &progress["params"]["progressToken"]),
        (&json!(PROGRESS), &json!(1))
    );
    assert_eq!(reply.event().await.unwrap()["id"], 1);
    // What other clients could think of reaches nobody.
    for guess in [json!(1), json!("1"), json!(2), json!("2")] {
        alice.modern_call(2, "forge", json!({ "token": guess })).await;
    }
    assert_eq!(stdio.dropped().unattributed, 4);
    let theirs: Vec<Value> = heard(&alice)
        .await
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|line| line["params"]["_meta"].get("progressToken").cloned())
        .collect();
    assert_eq!(theirs.len(), 2);
    assert!(
        theirs.iter().all(|token| token.as_str().is_some_and(|token| token.len() == 32)),
        "{theirs:?}"
    );
    alice.modern_call(3, "release", json!({})).await;
    assert_eq!(held.event().await.unwrap()["id"], 1);
}

#[tokio::test]
async fn going_away_cancels() {
    let stdio = start(settings(MODERN));
    let alice = Client::new(&stdio, "alice");
    pid(&alice).await;
    // Before there is an answer, and in the middle of a stream.
    let mut held = Box::pin(alice.modern_call(1, "hold", json!({})));
    tokio::select! {
        _ = &mut held => panic!("nobody released it"),
        _ = pid(&alice) => {}
    }
    drop(held);
    drop(alice.accepting("text/event-stream").modern_call(2, "hold", json!({})).await);
    let lines: Vec<Value> =
        heard(&alice).await.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let held: Vec<_> = lines
        .iter()
        .filter(|line| line["params"]["name"] == "hold")
        .map(|line| &line["id"])
        .collect();
    let cancelled: Vec<_> = lines
        .iter()
        .filter(|line| line["method"] == "notifications/cancelled")
        .map(|line| &line["params"]["requestId"])
        .collect();
    assert_eq!((held.len(), &held), (2, &cancelled));
    // What was answered is not cancelled.
    assert_eq!(alice.modern_call(3, "echo", json!({})).await.status, 200);
    assert_eq!(heard(&alice).await.iter().filter(|line| line.contains("cancelled")).count(), 2);
}

#[tokio::test]
async fn errors_have_the_status_of_the_revision() {
    let stdio = start(settings(MODERN));
    let alice = Client::new(&stdio, "alice");
    let reply = alice.modern(1, "custom/unknown", json!({})).await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.json().await["error"]["code"], -32601);
    let error =
        |code: i32| format!(r#"{{"jsonrpc":"2.0","id":3,"error":{{"code":{code},"message":""}}}}"#);
    // The process numbers: the question about its revision, the request above, then these.
    for (number, (code, status)) in
        (3..).zip([(-32022, 400), (-32020, 400), (-32602, 200), (-32601, 404)])
    {
        let text = error(code).replace("\"id\":3", &format!("\"id\":{number}"));
        let reply = alice.modern_call(7, "say", json!({ "text": text })).await;
        assert_eq!(reply.status, status, "{code}");
        assert_eq!(reply.json().await["id"], 7);
    }
    for reply in [
        alice.ask(&http::Method::GET, &modern_headers(), "").await.unwrap(),
        alice.ask(&http::Method::DELETE, &modern_headers(), "").await.unwrap(),
    ] {
        assert_eq!(
            (reply.status.as_u16(), &reply.headers["allow"]),
            (405, &"POST".parse().unwrap())
        );
    }
    assert_eq!(alice.modern(1, "initialize", json!({})).await.status, 404);
}

fn modern_headers() -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    headers.insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
    headers
}

fn listen() -> Value {
    json!({ "notifications": { "resourceSubscriptions": ["file:///a"] } })
}

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

#[tokio::test]
async fn subscriptions_are_told_apart_and_end_with_their_streams() {
    let stdio = start(settings(MODERN));
    let (alice, other) = (Client::new(&stdio, "alice"), Client::new(&stdio, "alice"));
    let mut first = alice.modern("s", "subscriptions/listen", listen()).await;
    let mut second = other.modern("s", "subscriptions/listen", listen()).await;
    for stream in [&mut first, &mut second] {
        assert_eq!(stream.kind(), "text/event-stream");
        let acknowledged = stream.event().await.unwrap();
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(acknowledged["params"]["_meta"][SUBSCRIPTION], "s");
    }
    let poke =
        async || alice.modern_call(1, "poke", json!({})).await.json().await["result"].clone();
    assert_eq!(poke().await, 2);
    for stream in [&mut first, &mut second] {
        let news = stream.event().await.unwrap();
        assert_eq!(news["method"], "notifications/resources/updated");
        assert_eq!(news["params"]["_meta"][SUBSCRIPTION], "s");
    }
    drop(first);
    assert_eq!(poke().await, 1);
    second.event().await.unwrap();
    // The server ends it, in either way.
    alice.modern_call(1, "hang up", json!({ "gracefully": true })).await;
    let ended = second.event().await.unwrap();
    assert_eq!((&ended["id"], &ended["result"]["_meta"][SUBSCRIPTION]), (&json!("s"), &json!("s")));
    assert!(second.event().await.is_none());
    let mut third = alice.modern(9, "subscriptions/listen", listen()).await;
    third.event().await.unwrap();
    alice.modern_call(1, "hang up", json!({})).await;
    assert_eq!(third.event().await.unwrap()["params"]["requestId"], 9);
    assert!(third.event().await.is_none());
    assert_eq!(
        alice
            .accepting("application/json")
            .modern(9, "subscriptions/listen", listen())
            .await
            .status,
        406
    );
}

#[tokio::test]
async fn news_is_for_subscriptions_alone() {
    let stdio = start(settings(MODERN));
    let alice = Client::new(&stdio, "alice");
    let mut listening = alice.modern(1, "subscriptions/listen", listen()).await;
    listening.event().await.unwrap();
    // The process numbers: the question about its revision, listening, and then what asks for this.
    let news = |number: u32| {
        let meta = json!({ SUBSCRIPTION: number });
        let method = "notifications/resources/updated";
        json!({ "jsonrpc": "2.0", "method": method, "params": { "_meta": meta } }).to_string()
    };
    for number in [1, 4, 99] {
        let reply = alice.modern_call(2, "say", json!({ "text": news(number) })).await;
        assert_eq!(reply.kind(), "application/json", "{number}");
    }
    let own = alice.modern_call(2, "say", json!({ "text": news(6) })).await;
    assert_eq!(own.kind(), "application/json", "its own number, which is no subscription");
    assert_eq!(stdio.dropped().unattributed, 4);
    alice.modern_call(2, "say", json!({ "text": news(2) })).await;
    assert_eq!(listening.event().await.unwrap()["params"]["_meta"][SUBSCRIPTION], 1);
}

#[tokio::test]
async fn log_messages_go_to_the_one_request_that_wants_them() {
    let stdio = start(settings(MODERN));
    let alice = Client::new(&stdio, "alice");
    let log = json!({ "name": "log", "arguments": { "it": 1 } });
    let mut wanting = log.clone();
    wanting["_meta"] = json!({ "io.modelcontextprotocol/logLevel": "info" });
    assert_eq!(alice.modern(1, "tools/call", log).await.kind(), "application/json");
    assert_eq!(stdio.dropped().unattributed, 1);
    let mut reply = alice.modern(1, "tools/call", wanting.clone()).await;
    assert_eq!(reply.event().await.unwrap()["params"]["data"]["it"], 1);
    // Where two want them, nobody knows whose they are.
    let mut holding = wanting.clone();
    holding["name"] = "hold".into();
    let _held = alice.accepting("text/event-stream").modern(2, "tools/call", holding).await;
    assert_eq!(alice.modern(3, "tools/call", wanting).await.kind(), "application/json");
    assert_eq!(stdio.dropped().unattributed, 2);
}

#[tokio::test]
async fn questions_of_a_server_reach_nobody() {
    let stdio = start(settings(MODERN));
    let alice = Client::new(&stdio, "alice");
    let question = r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#;
    let reply = alice.modern_call(1, "say", json!({ "text": question })).await;
    assert_eq!(reply.kind(), "application/json");
    assert_eq!(stdio.dropped().unattributed, 1);
    // Nor are they answered: clients of this revision write no answers.
    assert!(heard(&alice).await.iter().all(|line| line.contains("\"method\"")));
}

/// What a client of both eras needs to fall back: a 400 whose error is none of 2026-07-28.
#[tokio::test]
async fn a_server_of_the_older_revisions_is_found_out() {
    for kind in [LEGACY, TOUCHY] {
        let stdio = start(settings(kind));
        let alice = Client::new(&stdio, "alice");
        for _ in 0..2 {
            let reply = alice.modern_call(1, "echo", json!({})).await;
            assert_eq!(reply.status, 400, "{kind}");
            let answer = reply.json().await;
            assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32600)));
        }
        let session = Client::in_session(&stdio, "alice").await;
        assert_eq!(session.call(1, "echo", json!({})).await.status, 200);
        // Nothing was asked in the language that it does not speak.
        assert!(session.heard().await.iter().all(|line| !line.contains("2026-07-28")));
    }
}

#[tokio::test]
async fn a_server_that_keeps_silent_is_of_the_older_revisions() {
    let mut silent = settings(MODERN);
    silent.command = ["sh", "-c", "while read line; do :; done"].map(str::to_owned).to_vec();
    silent.limits.start = Duration::from_millis(20);
    let stdio = start(silent);
    assert_eq!(Client::new(&stdio, "alice").modern_call(1, "echo", json!({})).await.status, 400);
}

#[tokio::test]
async fn a_stream_says_that_it_is_still_there() {
    let mut impatient = settings(MODERN);
    impatient.limits.silence = Duration::from_millis(1);
    let stdio = start(impatient);
    let alice = Client::new(&stdio, "alice");
    let mut listening = alice.modern(1, "subscriptions/listen", listen()).await;
    while listening.frame().await != ":\n\n" {}
    // An answer that takes longer becomes a stream, if the client takes one.
    let mut held = alice.modern_call(1, "hold", json!({})).await;
    assert_eq!(held.frame().await, ":\n\n");
    let patient = alice.accepting("application/json");
    let (held, ()) = tokio::join!(patient.modern_call(2, "hold", json!({})), async {
        drop(soon(listening.frame()).await);
        drop(patient.modern_call(3, "release", json!({})).await);
    });
    assert_eq!(held.kind(), "application/json");
    assert!(PATIENCE > Duration::from_secs(1));
}

#[tokio::test]
async fn notifications_are_taken_and_cancel_nothing() {
    let stdio = start(settings(MODERN));
    let alice = Client::new(&stdio, "alice");
    let notification = |method: &str| {
        json!({ "jsonrpc": "2.0", "method": method, "params": { "requestId": 1 } }).to_string()
    };
    let post = async |method: &str| {
        let headers = modern_headers();
        alice.ask(&http::Method::POST, &headers, &notification(method)).await.unwrap().status
    };
    assert_eq!(post("notifications/custom").await, 202);
    pid(&alice).await;
    assert_eq!(post("notifications/custom").await, 202);
    assert_eq!(post("notifications/cancelled").await, 202);
    let heard = heard(&alice).await;
    assert_eq!(heard.iter().filter(|line| line.contains("notifications/custom")).count(), 1);
    assert!(heard.iter().all(|line| !line.contains("cancelled")));
}
