//! How many processes there are, what they get, and what they may say.

use std::time::Duration;

use http::{HeaderMap, Method};
use portcullis::stdio::{Settings, Stdio, Unavailable};
use portcullis_core::secret::Secret;
use serde_json::json;

use crate::client::{Client, call, settings, soon, start};
use crate::server::{self, LEGACY, MODERN};

#[tokio::test]
async fn a_process_gets_the_environment_it_was_given_and_little_else() {
    let mut given = settings(LEGACY);
    given.env.insert("API_KEY".to_owned(), Secret::new("k 1".to_owned()));
    given.env.insert("HOME".to_owned(), Secret::new("/nowhere".to_owned()));
    given.cwd = Some("/".into());
    let stdio = start(given);
    let alice = Client::in_session(&stdio, "alice").await;
    let variables = alice.variables().await;
    assert_eq!((&*variables["API_KEY"], &*variables["HOME"]), ("k 1", "/nowhere"));
    assert!(variables.contains_key("PATH"));
    let known =
        ["API_KEY", "HOME", "LANG", "LC_ALL", "PATH", server::SERVE, "TMPDIR", "TZ", "USER"];
    // Cargo tells tests a good deal, which stands for whatever a gateway is told.
    assert!(server::variables().keys().any(|name| !known.contains(&&**name)));
    for name in variables.keys() {
        assert!(known.contains(&&**name), "{name}");
    }
    let told = alice.call(1, "environment", json!({})).await.json().await;
    assert_eq!(told["result"]["cwd"], "/");
}

#[tokio::test]
async fn nothing_of_who_asks_reaches_a_process() {
    for kind in [LEGACY, MODERN] {
        let stdio = start(settings(kind));
        let alice = Client::in_session(&stdio, "alice in particular").await;
        let session = alice.session.clone().unwrap();
        let heard = alice.heard().await.join("\n");
        assert!(heard.contains("tools/call"));
        for secret in ["eyJ", "Bearer", "alice", "in particular", "example.com", &session] {
            assert!(!heard.contains(secret), "{secret}: {heard}");
        }
    }
}

#[tokio::test]
async fn a_command_that_is_none_is_said_to_be() {
    for command in [vec!["/nowhere/to/be/found".to_owned()], Vec::new()] {
        let stdio = start(Settings::new("wrong", command));
        let alice = Client::new(&stdio, "alice");
        let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize" }).to_string();
        let asked = alice.ask(&Method::POST, &HeaderMap::new(), &message).await;
        assert!(matches!(asked, Err(Unavailable::NotStarted { .. })));
        let asked = alice.try_modern(1, "server/discover", json!({})).await;
        assert!(matches!(asked, Err(Unavailable::NotStarted { .. })));
    }
}

async fn initialize(stdio: &Stdio, person: &str) -> Result<Client, Unavailable> {
    let mut client = Client::new(stdio, person);
    let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize" }).to_string();
    client.session = client.ask(&Method::POST, &HeaderMap::new(), &message).await?.session();
    Ok(client)
}

async fn is_there(client: &Client) -> bool {
    client.call(1, "echo", json!({})).await.status == 200
}

#[tokio::test]
async fn of_a_persons_processes_the_idle_one_makes_room() {
    let mut two = settings(LEGACY);
    two.limits.per_user = 2;
    let stdio = start(two);
    let bob = initialize(&stdio, "bob").await.unwrap();
    let first = initialize(&stdio, "alice").await.unwrap();
    let second = initialize(&stdio, "alice").await.unwrap();
    assert!(is_there(&first).await);
    let third = initialize(&stdio, "alice").await.unwrap();
    assert!(is_there(&first).await && !is_there(&second).await && is_there(&third).await);
    // Who listens or waits is not idle.
    let listening = first.get().await;
    let _waiting = third.accepting("text/event-stream").call(1, "hold", json!({})).await;
    assert_eq!(initialize(&stdio, "alice").await.err(), Some(Unavailable::Busy));
    drop(listening);
    let fourth = initialize(&stdio, "alice").await.unwrap();
    assert!(!is_there(&first).await && is_there(&third).await && is_there(&fourth).await);
    assert!(is_there(&bob).await, "another's make none");
}

#[tokio::test]
async fn of_all_processes_the_idle_one_makes_room() {
    let mut two = settings(LEGACY);
    two.limits.processes = 2;
    let stdio = start(two);
    let alice = initialize(&stdio, "alice").await.unwrap();
    let bob = initialize(&stdio, "bob").await.unwrap();
    assert!(is_there(&alice).await);
    let carol = initialize(&stdio, "carol").await.unwrap();
    assert!(is_there(&alice).await && !is_there(&bob).await && is_there(&carol).await);
    let _listening = (alice.get().await, carol.get().await);
    assert_eq!(initialize(&stdio, "dave").await.err(), Some(Unavailable::Busy));
}

#[tokio::test]
async fn requests_under_way_are_bounded() {
    let mut one = settings(LEGACY);
    one.limits.requests = 2;
    let stdio = start(one);
    let alice = Client::in_session(&stdio, "alice").await;
    let events = alice.accepting("text/event-stream");
    let mut held = events.call(1, "hold", json!({})).await;
    let both = json!([call(2, "echo", json!({})), call(3, "echo", json!({}))]).to_string();
    let asked = alice.ask(&Method::POST, &HeaderMap::new(), &both).await;
    assert_eq!(asked.err(), Some(Unavailable::Busy));
    assert_eq!(alice.call(2, "release", json!({})).await.status, 200);
    assert_eq!(held.event().await.unwrap()["id"], 1);
    drop(held);
    assert_eq!(alice.post_text(&both).await.status, 200);
}

#[tokio::test]
async fn garbage_is_dropped_and_hurts_nobody() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    // The test harness around the server has said something.
    let before = stdio.dropped().garbage;
    assert_eq!(before, 1);
    for garbage in [
        "Server running on stdio",
        "{",
        "\u{1b}[31mred",
        r#"{"jsonrpc":"2.0","id":4,"id":5,"result":{}}"#,
        r#"{"jsonrpc":"2.0","method":"m","params":{"a":1,"a":2}}"#,
        r#"{"jsonrpc":"2.0","method":"m"} {}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#,
        "7",
        "{}",
    ] {
        let reply = alice.call(1, "say", json!({ "text": garbage })).await;
        assert_eq!(reply.kind(), "application/json", "{garbage}");
        assert_eq!(reply.json().await["result"], json!({}));
    }
    assert_eq!(stdio.dropped().garbage, before + 9);
    // Empty lines and those of other systems are none.
    let fine = "\r\n  \r\n{\"jsonrpc\":\"2.0\",\r\"method\":\"notifications/custom\"}\r";
    let mut reply = alice.call(1, "say", json!({ "text": fine })).await;
    assert_eq!(reply.event().await.unwrap()["method"], "notifications/custom");
    assert_eq!(stdio.dropped().garbage, before + 9);
}

#[tokio::test]
async fn answers_to_nothing_are_dropped() {
    let stdio = start(settings(LEGACY));
    let alice = Client::in_session(&stdio, "alice").await;
    for id in ["99", "\"1\"", "1", "0", "1.0", "-1", "null"] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"forged":true}}}}"#);
        let reply = alice.call(1, "say", json!({ "text": text })).await.json().await;
        assert_eq!(reply["result"], json!({}), "{id}");
    }
    assert_eq!(stdio.dropped().unasked, 7);
}

#[tokio::test]
async fn a_line_has_a_bound() {
    let mut short = settings(LEGACY);
    short.limits.line = 20_000;
    let stdio = start(short);
    let alice = Client::in_session(&stdio, "alice").await;
    let fits = alice.call(1, "long", json!({ "length": 19_900 })).await.json().await;
    assert_eq!(fits["result"].as_str().unwrap().len(), 19_900);
    let long = alice.call(1, "long", json!({ "length": 20_001 })).await.json().await;
    assert_eq!(long["error"]["code"], -32603);
    assert!(is_there(&alice).await);
}

#[tokio::test]
async fn a_process_that_does_not_read_keeps_nobody_waiting() {
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let script = format!("read line; echo '{answer}'; exec sleep 300");
    let mut deaf = Settings::new("deaf", vec!["sh".to_owned(), "-c".to_owned(), script]);
    deaf.limits.start = Duration::from_millis(200);
    deaf.limits.grace = Duration::from_millis(10);
    let stdio = start(deaf);
    let alice = initialize(&stdio, "alice").await.unwrap();
    let long = json!({ "jsonrpc": "2.0", "method": "notifications/custom", "params": { "it": "x".repeat(100_000) } });
    let mut sent = 0;
    let refused = loop {
        match alice.try_post(&long).await {
            Ok(reply) => assert_eq!(reply.status, 202),
            Err(unavailable) => break unavailable,
        }
        sent += 1;
        assert!(sent < 20, "there is no end of them");
    };
    assert_eq!(refused, Unavailable::Busy);
    assert!(sent >= 8, "{sent}");
    soon(stdio.shutdown(Duration::from_secs(30))).await;
}

#[tokio::test]
async fn of_the_settings_no_secret_is_shown() {
    let mut secret = Settings::new("s", ["npx", "--key=hunter2"].map(str::to_owned).to_vec());
    secret.env.insert("KEY".to_owned(), Secret::new("hunter2".to_owned()));
    let shown = format!("{secret:?}") + &format!("{:?}", start(secret));
    assert!(
        shown.contains("npx") && shown.contains("KEY") && !shown.contains("hunter2"),
        "{shown}"
    );
}
