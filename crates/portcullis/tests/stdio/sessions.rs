//! Sessions of 2025-11-25 and older: one client, one process.

use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use crate::client::{Client, Reply, call, settings, soon, start};
use crate::server::LEGACY;

// req: RS-13
#[tokio::test]
async fn every_session_has_a_process_of_its_own() {
    let stdio = start(settings(LEGACY));
    let (alice, again) =
        (Client::in_session(&stdio, "alice").await, Client::in_session(&stdio, "alice").await);
    let bob = Client::in_session(&stdio, "bob").await;
    let pids = [alice.pid().await, again.pid().await, bob.pid().await];
    assert!(pids[0] != pids[1] && pids[1] != pids[2] && pids[0] != pids[2], "{pids:?}");
    assert_eq!(alice.pid().await, pids[0]);
}

// req: RS-13
#[tokio::test]
async fn another_persons_session_is_answered_like_one_that_never_was() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let thief = |person: &str, session: &str| Client {
        session: Some(session.to_owned()),
        ..Client::new(&stdio, person)
    };
    let session = alice.session.clone().unwrap();
    // A client of the name is not the person of the name.
    for person in ["bob", "client alice", "Alice"] {
        let (theirs, nobodys) = (thief(person, &session), thief(person, "00"));
        for (theirs, nobodys) in [
            (theirs.call(1, "echo", json!({})).await, nobodys.call(1, "echo", json!({})).await),
            (theirs.get().await, nobodys.get().await),
            (theirs.delete().await, nobodys.delete().await),
        ] {
            assert_eq!((theirs.status, nobodys.status), (404.try_into().unwrap(), theirs.status));
            assert_eq!(theirs.headers, nobodys.headers);
            assert_eq!(theirs.text().await, nobodys.text().await);
        }
    }
    assert_eq!(thief("alice", &session).call(1, "echo", json!({})).await.status, 200);
    let clients = Client::in_session(&stdio, "client alice").await;
    assert_eq!(clients.call(1, "echo", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_session_begins_with_initialize_and_ends_with_delete() {
    let stdio = start(settings(LEGACY));
    let stranger = Client::new(&stdio, "alice");
    for reply in
        [stranger.call(1, "echo", json!({})).await, stranger.get().await, stranger.delete().await]
    {
        assert_eq!(reply.status, 400);
    }
    let alice = Client::in_session(&stdio, "alice").await;
    assert_eq!(alice.delete().await.status, 204);
    assert_eq!(alice.call(1, "echo", json!({})).await.status, 404);
    assert_eq!(alice.delete().await.status, 404);
}

#[tokio::test]
async fn what_initialize_says_is_what_the_process_says() {
    let stdio = start(settings(LEGACY));
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let reply = Client::new(&stdio, revision).initialize(revision).await;
        let session = reply.session().unwrap();
        assert!(session.bytes().all(|byte| byte.is_ascii_hexdigit()) && session.len() == 32);
        let answer = reply.json().await;
        assert_eq!(answer["id"], 0);
        assert_eq!(answer["result"]["protocolVersion"], revision);
    }
    let batch = format!("[{}]", json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize" }));
    assert_eq!(Client::new(&stdio, "alice").post_text(&batch).await.status, 200, "one is one");
    let both = format!("[{0},{0}]", json!({ "jsonrpc": "2.0", "method": "initialize" }));
    assert_eq!(Client::new(&stdio, "alice").post_text(&both).await.status, 400);
}

#[tokio::test]
async fn ids_come_back_as_they_came_and_nothing_else_changes() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    for id in ["7", "\"7\"", "-1", r#""\u0061\/b""#, "0"] {
        let text = format!(
            "{{\"params\":{{\"arguments\":{{\"id\":7,\"é\":\"\\u00e9\"}},\r\n\"name\":\"echo\"}},\n \"id\" : {id},\
             \"method\":\"tools/call\",\"jsonrpc\":\"2.0\"}}"
        );
        let answer = alice.post_text(&text).await.text().await;
        assert!(answer.contains(&format!("\"id\":{id},")), "{id}: {answer}");
        let heard = alice.heard().await;
        let before = r#"{"params":{"arguments":{"id":7,"é":"\u00e9"},  "name":"echo"},  "id" : "#;
        let line = heard.iter().rev().nth(1).unwrap();
        let rest = line.strip_prefix(before).unwrap();
        let (number, rest) = rest.split_once(',').unwrap();
        assert!(number.parse::<u64>().is_ok(), "{number}");
        assert_eq!(rest, "\"method\":\"tools/call\",\"jsonrpc\":\"2.0\"}");
    }
}

#[tokio::test]
async fn two_requests_under_one_id_are_two_requests() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let (first, second, released) = tokio::join!(
        alice.call(1, "hold", json!({ "it": "first" })),
        alice.call(1, "hold", json!({ "it": "second" })),
        alice.call(1, "release", json!({})),
    );
    assert_eq!(first.json().await["result"]["released"]["it"], "first");
    assert_eq!(second.json().await["result"]["released"]["it"], "second");
    assert_eq!(released.json().await["result"], json!({}));
}

#[tokio::test]
async fn an_answer_is_json_unless_something_comes_before_it() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let plain = alice.call(1, "echo", json!({ "it": 1 })).await;
    assert_eq!((plain.status.as_u16(), plain.kind()), (200, "application/json"));
    let mut logged = alice.call(1, "log", json!({ "it": 1 })).await;
    assert_eq!(logged.headers["x-accel-buffering"], "no");
    assert_eq!(logged.event().await.unwrap()["params"]["data"]["it"], 1);
    assert_eq!(logged.event().await.unwrap()["id"], 1);
    assert!(logged.event().await.is_none());
}

#[tokio::test]
async fn a_client_gets_what_it_accepts() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    for (accept, tool, kind) in [
        ("application/json, text/event-stream", "echo", "application/json"),
        ("*/*", "echo", "application/json"),
        ("Text/Event-Stream;q=0.5", "echo", "text/event-stream"),
        ("application/json;q=0, text/*", "echo", "text/event-stream"),
        ("application/json", "log", "application/json"),
        ("application/*;q=1, text/event-stream; q=0.0", "log", "application/json"),
    ] {
        let reply = alice.accepting(accept).call(1, tool, json!({})).await;
        assert_eq!((reply.status.as_u16(), reply.kind()), (200, kind), "{accept}");
    }
    for accept in ["text/html", "application/json-seq", "application/json;q=0"] {
        assert_eq!(
            alice.accepting(accept).call(1, "echo", json!({})).await.status,
            406,
            "{accept}"
        );
        assert_eq!(alice.accepting(accept).get().await.status, 406, "{accept}");
    }
    let mut first = alice.accepting("text/event-stream").initialize("2025-11-25").await;
    assert!(first.session().is_some());
    assert_eq!(first.event().await.unwrap()["id"], 0);
    assert!(first.event().await.is_none());
}

#[tokio::test]
async fn progress_comes_on_the_stream_of_its_request() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let held = tokio::spawn({
        let alice = alice.clone();
        async move { alice.call(1, "hold", json!({})).await }
    });
    for token in [json!("t"), json!(5), json!("")] {
        let mut message = call(2, "progress", json!({}));
        message["params"]["_meta"] = json!({ "progressToken": token });
        let mut reply = alice.post(&message).await;
        assert_eq!(reply.event().await.unwrap()["params"]["progressToken"], token);
        assert_eq!(reply.event().await.unwrap()["id"], 2);
        assert!(reply.event().await.is_none());
    }
    // A token of no request that is under way may be a task's: it is the session's news.
    let mut news = alice.get().await;
    let reply = alice.call(3, "forge", json!({ "token": "task" })).await;
    assert_eq!(reply.kind(), "application/json");
    assert_eq!(news.event().await.unwrap()["params"]["progressToken"], "task");
    alice.call(4, "release", json!({})).await;
    assert_eq!(soon(held).await.unwrap().kind(), "application/json");
}

#[tokio::test]
async fn news_waits_for_a_listener_and_the_latest_listener_has_it() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    // Nobody listens, and what is news of the session is not put into the answer.
    assert_eq!(alice.call(1, "change", json!({})).await.kind(), "application/json");
    let mut first = alice.get().await;
    assert_eq!((first.status.as_u16(), first.kind()), (200, "text/event-stream"));
    assert_eq!(first.event().await.unwrap()["method"], "notifications/tools/list_changed");
    let mut second = alice.get().await;
    assert!(first.event().await.is_none(), "the first one has ended");
    drop(first);
    alice.call(2, "change", json!({})).await;
    assert_eq!(second.event().await.unwrap()["method"], "notifications/tools/list_changed");
    alice.delete().await;
    assert!(second.event().await.is_none(), "with the session ends its news");
}

#[tokio::test]
async fn a_queue_that_nobody_reads_keeps_the_latest() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let text = |count: u32| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":"file:///{count}"}}}}"#
        )
    };
    let many: Vec<String> = (0..300).map(text).collect();
    alice.call(1, "say", json!({ "text": many.join("\n") })).await;
    assert_eq!(stdio.dropped().unread, 300 - 256);
    let mut news = alice.get().await;
    assert_eq!(news.event().await.unwrap()["params"]["uri"], format!("file:///{}", 300 - 256));
}

#[tokio::test]
async fn going_away_cancels_nothing() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let mut held = Box::pin(alice.call(1, "hold", json!({})));
    // Until the process has it.
    let pid = alice.pid();
    tokio::select! {
        _ = &mut held => panic!("nobody released it"),
        _ = pid => {}
    }
    drop(held);
    let mut stream = alice.accepting("text/event-stream").call(2, "hold", json!({})).await;
    alice.pid().await;
    drop(stream.text());
    stream = alice.get().await;
    alice.call(3, "release", json!({})).await;
    assert!(alice.heard().await.iter().all(|line| !line.contains("notifications/cancelled")));
    assert_eq!(stdio.dropped().unread, 2, "both answers came, for nobody");
    drop(stream);
}

#[tokio::test]
async fn a_request_is_cancelled_under_the_number_it_has_at_the_process() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let cancel = |id: Value| {
        let params =
            json!({ "requestId": id, "reason": "enough\n\"", "requestid": 1, "_meta": {} });
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params })
    };
    let held = tokio::spawn({
        let alice = alice.clone();
        async move { alice.call("a", "hold", json!({})).await }
    });
    alice.until_heard("\"hold\"").await;
    for unknown in [json!(1), json!("b"), json!(null)] {
        assert_eq!(alice.post(&cancel(unknown)).await.status, 202);
    }
    assert_eq!(alice.post(&cancel(json!("a"))).await.status, 202);
    let answer = soon(held).await.unwrap().json().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("a"), &json!(-32603)));
    let heard = alice.heard().await;
    let told: Vec<_> = heard.iter().filter(|line| line.contains("cancelled")).collect();
    let held = heard.iter().find(|line| line.contains("\"hold\"")).unwrap();
    let number = serde_json::from_str::<Value>(held).unwrap()["id"].clone();
    let wanted = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{number},"reason":"enough\n\""}}}}"#
    );
    assert_eq!(told, [&wanted]);
}

/// The answer to a question of the server.
fn roots(id: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "roots": [] } })
}

#[tokio::test]
async fn a_server_asks_on_the_stream_of_the_only_request() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    for id in [json!("q"), json!(0), json!("é\"")] {
        let mut reply = alice.call(1, "ask", json!({ "id": id })).await;
        let asked = reply.event().await.unwrap();
        assert_eq!((&asked["method"], &asked["id"]), (&json!("roots/list"), &id));
        assert_eq!(alice.post(&roots(&id)).await.status, 202);
        let answer = reply.event().await.unwrap();
        assert_eq!(
            (&answer["id"], &answer["result"]["client said"]["roots"]),
            (&json!(1), &json!([]))
        );
    }
}

#[tokio::test]
async fn a_server_asks_on_the_listening_stream_when_nobody_knows_for_what() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let mut news = alice.get().await;
    let asks = tokio::spawn({
        let alice = alice.clone();
        async move {
            let held = alice.call(1, "hold", json!({}));
            let asking = alice.call(2, "ask", json!({ "id": "q" }));
            tokio::join!(held, asking)
        }
    });
    assert_eq!(news.event().await.unwrap()["id"], "q");
    alice.post(&roots(&json!("q"))).await;
    alice.call(3, "release", json!({})).await;
    let (held, asking) = soon(asks).await.unwrap();
    assert_eq!((held.kind(), asking.kind()), ("application/json", "application/json"));
}

#[tokio::test]
async fn a_server_asks_on_the_latest_stream_when_nobody_listens() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let events = alice.accepting("text/event-stream");
    let mut held = events.call(1, "hold", json!({})).await;
    let mut asking = events.call(2, "ask", json!({ "id": "q" })).await;
    assert_eq!(asking.event().await.unwrap()["id"], "q");
    alice.post(&roots(&json!("q"))).await;
    assert_eq!(asking.event().await.unwrap()["id"], 2);
    alice.call(3, "release", json!({})).await;
    assert_eq!(held.event().await.unwrap()["id"], 1);
}

#[tokio::test]
async fn a_client_answers_only_what_it_was_asked_and_once() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let bob = Client::in_session(&stdio, "bob").await;
    let mut reply = alice.call(1, "ask", json!({ "id": 7 })).await;
    reply.event().await.unwrap();
    for (client, id) in [(&bob, json!(7)), (&alice, json!("7")), (&alice, json!(8))] {
        assert_eq!(client.post(&roots(&id)).await.status, 202);
    }
    assert_eq!(stdio.dropped().unasked, 3);
    alice.post(&roots(&json!(7))).await;
    alice.post(&roots(&json!(7))).await;
    assert_eq!(stdio.dropped().unasked, 4);
    assert!(reply.event().await.unwrap()["result"]["client said"].is_object());
    for client in [alice, bob] {
        let answers = client.heard().await.iter().filter(|line| line.contains("roots")).count();
        assert_eq!(answers, usize::from(client.person == "alice"));
    }
}

#[tokio::test]
async fn a_ping_is_answered_here() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let answer = alice.call(1, "ping", json!({})).await.json().await;
    assert_eq!(answer["result"]["client said"], json!({}));
}

// req: RS-19
#[tokio::test]
async fn a_batch_is_taken_apart_and_its_answers_are_put_together() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" });
    let batch = json!([
        call(1, "echo", json!({ "it": 1 })),
        notification,
        call("1", "echo", json!({ "it": 2 }))
    ]);
    let mut headers = HeaderMap::new();
    headers.insert("mcp-protocol-version", HeaderValue::from_static("2025-03-26"));
    let reply = alice.ask(&Method::POST, &headers, &batch.to_string()).await.unwrap();
    let answers = reply.json().await;
    let ids: Vec<_> = answers.as_array().unwrap().iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [&json!(1), &json!("1")]);
    assert_eq!(answers[1]["result"]["echo"]["it"], 2);
    let heard = alice.heard().await;
    let methods: Vec<Value> = heard
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["method"].clone())
        .collect();
    assert_eq!(methods[2..5], ["tools/call", "notifications/roots/list_changed", "tools/call"]);
    // One of them brings something with it: events, and each answer is one.
    let batch = json!([call(1, "echo", json!({})), call(2, "log", json!({}))]).to_string();
    let mut reply = alice.post_text(&batch).await;
    let mut ids = Vec::new();
    while let Some(event) = reply.event().await {
        ids.push(event["id"].clone());
    }
    assert_eq!(ids, [json!(1), Value::Null, json!(2)]);
    // Notifications alone are no requests.
    assert_eq!(alice.post_text(&format!("[{notification}]")).await.status, 202);
}

#[tokio::test]
async fn a_process_may_answer_in_a_batch() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    let (held, both): (Reply, Reply) =
        tokio::join!(alice.call(1, "hold", json!({})), alice.call(2, "both", json!({})));
    assert_eq!(held.json().await["result"]["in"], "a batch");
    assert_eq!(both.json().await["result"]["in"], "a batch");
}
