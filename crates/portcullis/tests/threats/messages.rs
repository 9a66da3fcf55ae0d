//! JSON-RPC that two parsers read differently, and sessions and tasks that are somebody else's.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use testkit::server::{respond, stream};
use tokio::time::timeout;

use crate::common::rig::{self, Client, Rig, call, post as request};
use crate::common::wire::SOON;
use crate::{JSON, bearer, post, prove, row};

const META: &str = "io.modelcontextprotocol/protocolVersion";

/// `params` of a call under the older revisions.
fn params(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
}

/// A rig whose rules allow `read_*` and keep `delete_*` for others.
async fn rig() -> (Rig, String) {
    let rig = Rig::start().await;
    let lines = format!("{JSON}{}", bearer(&rig.token(&json!({}))));
    (rig, lines)
}

/// The operation that the policy allowed is the only one that anybody can read: whatever else could be read is
/// refused as ambiguous, and never resolved.
// req: RS-12
#[tokio::test]
async fn what_two_parsers_read_differently_is_refused() {
    let (rig, lines) = rig().await;
    let good = params(r#"{"name":"read_a"}"#);
    let bad = params(r#"{"name":"delete_a"}"#);
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff";
    let sent = |body: &str| post(&lines, body);
    let dressed = |line: &str, body: &str| post(&format!("{lines}{line}\r\n"), body);
    let typed = |kind: &str| {
        post(&lines.replacen("application/json\r\n", &format!("{kind}\r\n"), 1), &good)
    };
    let rows = vec![
        row("allowed", sent(&good), 200),
        row("not allowed", sent(&bad), 403),
        row("a name twice", sent(&params(r#"{"name":"read_a","name":"delete_a"}"#)), 400),
        row("a name twice, the same", sent(&params(r#"{"name":"read_a","name":"read_a"}"#)), 400),
        row(
            "a name twice, escaped",
            sent(&params(r#"{"name":"read_a","n\u0061me":"delete_a"}"#)),
            400,
        ),
        row("a name escaped alone", sent(&params(r#"{"n\u0061me":"read_a"}"#)), 200),
        row("another case", sent(&params(r#"{"name":"read_a","Name":"delete_a"}"#)), 400),
        row("another case alone", sent(&params(r#"{"Name":"read_a"}"#)), 400),
        row("another member", sent(&params(r#"{"name":"read_a","title":"delete_a"}"#)), 200),
        row(
            "params twice by folding",
            sent(&good.replace("\"id\":1", "\"id\":1,\"param\u{17f}\":{\"name\":\"delete_a\"}")),
            400,
        ),
        row(
            "method twice by case",
            sent(&good.replace("\"id\":1", "\"id\":1,\"METHOD\":\"tools/list\"")),
            400,
        ),
        row("method twice", sent(&good.replace("\"id\":1", "\"id\":1,\"method\":\"ping\"")), 400),
        row("a NUL in a name", sent(&params(r#"{"name":"read_a\u0000delete_a"}"#)), 400),
        row(
            "a NUL in a member",
            sent(&params(r#"{"name":"read_a","name\u0000":"delete_a"}"#)),
            400,
        ),
        row("half a surrogate", sent(&params(r#"{"name":"read_a\ud800"}"#)), 400),
        row(
            "what is inherited beside",
            sent(&params(r#"{"name":"read_a","__proto__":{"name":"delete_a"}}"#)),
            200,
        ),
        row("what is inherited alone", sent(&params(r#"{"__proto__":{"name":"read_a"}}"#)), 400),
        row("two documents", sent(&format!("{good}{bad}")), 400),
        row("two documents in lines", sent(&format!("{good}\n{bad}")), 400),
        row("a blank behind", sent(&format!("{good}\r\n ")), 200),
        row("a NUL and a document behind", sent(&format!("{good}\0{bad}")), 400),
        row("a comment", sent(&format!("/* {bad} */{good}")), 400),
        row("a comma too many", sent(&params(r#"{"name":"read_a",}"#)), 400),
        row("single quotes", sent(&params("{'name':'read_a'}")), 400),
        row("a byte order mark", sent(&format!("\u{feff}{good}")), 400),
        row("UTF-16", post(&lines, &utf16), 400),
        row("no UTF-8", post(&lines, [good.as_bytes(), b"\xff"].concat()), 400),
        row("a type with its charset", typed("application/json; charset=utf-8"), 200),
        row("another charset", typed("application/json; charset=utf-16"), 415),
        row("gzip, said", post(&format!("{lines}Content-Encoding: gzip\r\n"), gzip), 415),
        row("gzip, said and not true", dressed("Content-Encoding: gzip", &good), 415),
        row("identity", dressed("Content-Encoding: identity", &good), 200),
        row("gzip, not said", post(&lines, gzip), 400),
        row("an array for an object", sent(&params(r#"["read_a"]"#)), 400),
        row("a message as an array", sent(r#"["2.0",1,"tools/call",{"name":"read_a"}]"#), 400),
        row("a number for a name", sent(&params(r#"{"name":1}"#)), 400),
        row("an array for a name", sent(&params(r#"{"name":["read_a"]}"#)), 400),
        row("no name", sent(&params("{}")), 400),
        row("method and result", sent(&good.replace("\"id\":1", "\"id\":1,\"result\":{}")), 400),
        row(
            "an id beyond doubles",
            sent(&good.replace("\"id\":1", "\"id\":9007199254740993")),
            400,
        ),
        row("without an id", sent(&bad.replace("\"id\":1,", "")), 403),
        row(
            "depth",
            sent(&params(&format!(r#"{{"name":"read_a","x":{}}}"#, "[".repeat(5_000)))),
            400,
        ),
        row("nothing", sent(""), 400),
        row("and it still runs", sent(&good), 200),
    ];
    prove(&rig, rows).await;
}

// req: RS-11, RS-19
#[tokio::test]
async fn batches_headers_and_revisions_hide_nothing() {
    let (rig, lines) = rig().await;
    let message = |id: usize, name: &str| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": name } });
    let (read, delete) = (message(1, "read_a"), message(2, "delete_a"));
    let modern = |revision: &str, name: &str| {
        let mut message = message(1, name);
        message["params"]["_meta"] = json!({ META: revision });
        message.to_string()
    };
    let sent = |headers: &str, body: &str| {
        let headers = headers.replace('|', "\r\n");
        let end = if headers.is_empty() { "" } else { "\r\n" };
        post(&format!("{lines}{headers}{end}"), body)
    };
    let batch = json!([read, message(2, "read_b")]).to_string();
    let hidden = json!([read, delete]).to_string();
    let now = "2026-07-28";
    let all = "MCP-Protocol-Version: 2026-07-28|Mcp-Method: tools/call|Mcp-Name: read_a";
    let old = "MCP-Protocol-Version: 2025-03-26";
    let read_now = modern(now, "read_a");
    let rows = vec![
        row("a batch", sent(old, &batch), 200),
        row("a batch of no revision", sent("", &batch), 200),
        row("a batch that hides a call", sent(old, &hidden), 403),
        row("a batch of a later revision", sent("MCP-Protocol-Version: 2025-06-18", &batch), 400),
        row("a batch in a batch", sent(old, &format!("[{batch}]")), 400),
        row("an empty batch", sent(old, "[]"), 400),
        row("one id twice", sent(old, &json!([read, read]).to_string()), 400),
        row("all headers", sent(all, &read_now), 200),
        row("no headers where there must be", sent("", &read_now), 400),
        row("no method", sent(&all.replace("|Mcp-Method: tools/call", ""), &read_now), 400),
        row("no name", sent(&all.replace("|Mcp-Name: read_a", ""), &read_now), 400),
        row(
            "no revision",
            sent(&all.replace("MCP-Protocol-Version: 2026-07-28|", ""), &read_now),
            400,
        ),
        row("another method", sent(&all.replace("tools/call", "tools/list"), &read_now), 400),
        row("another name", sent(&all.replace("read_a", "read_b"), &read_now), 400),
        row("the header is allowed, the body not", sent(all, &modern(now, "delete_a")), 400),
        row(
            "the body is not allowed",
            sent(&all.replace("read_a", "delete_a"), &modern(now, "delete_a")),
            403,
        ),
        row(
            "a name in Base64",
            sent(&all.replace("read_a", "=?base64?cmVhZF9h?="), &read_now),
            200,
        ),
        row(
            "another name in Base64",
            sent(&all.replace("read_a", "=?base64?cmVhZF9i?="), &read_now),
            400,
        ),
        row("a header twice", sent(&format!("{all}|Mcp-Name: read_a"), &read_now), 400),
        row(
            "a header twice, one of them a lie",
            sent(&format!("{all}|Mcp-Method: ping"), &read_now),
            400,
        ),
        row("an old revision beside the new one", sent(old, &read_now), 400),
        row(
            "an old revision, headers that lie",
            sent(&format!("{old}|Mcp-Method: ping"), &read.to_string()),
            400,
        ),
        row(
            "an old revision, headers that do not",
            sent(&format!("{old}|Mcp-Method: tools/call|Mcp-Name: read_a"), &read.to_string()),
            200,
        ),
        row(
            "a revision nobody knows",
            sent("MCP-Protocol-Version: 1900-01-01", &read.to_string()),
            400,
        ),
        row("a revision twice", sent(&format!("{old}|{old}"), &read.to_string()), 400),
    ];
    prove(&rig, rows).await;
}

/// A way to deny that does not exist is refused when it is read: beside `*` it would be silently open.
#[tokio::test]
async fn nothing_denies_that_is_not_obeyed() {
    let rig = Rig::start().await;
    let text = Rig::text(&rig.issuer, &rig.upstream, "", "");
    let everybody = "[[servers.files.rules]]\nallow = [\"tools/call **\"]\n";
    let wide = text.replacen("[[servers.files.rules]]", everybody, 1);
    let wide = &wide[..wide.find(everybody).unwrap() + everybody.len()];
    rig.serving.reload(&rig::config(wide)).unwrap();
    let lines = format!("{JSON}{}", bearer(&rig.token(&json!({}))));
    prove(&rig, vec![row("everything", post(&lines, call("delete_a")), 200)]).await;
    for line in [
        "deny = [\"tools/call delete_*\"]",
        "except = [\"delete_*\"]",
        "effect = \"deny\"",
        "action = \"deny\"",
        "allow = [\"tools/call !delete_*\"]",
        "allow = [\"!tools/call delete_*\"]",
        "allow = [\"-tools/call delete_*\"]",
    ] {
        for text in [format!("{wide}{line}\n"), format!("{wide}[[servers.files.rules]]\n{line}\n")]
        {
            assert!(rig::load(&text).is_err(), "{line}");
        }
    }
}

fn of(mut request: Request<Bytes>, session: &str) -> Request<Bytes> {
    request.headers_mut().insert("mcp-session-id", session.parse().unwrap());
    request.headers_mut().insert("mcp-protocol-version", "2025-11-25".parse().unwrap());
    request.headers_mut().insert("last-event-id", "e-1".parse().unwrap());
    request
}

/// A session, a task and a subscription of one are unknown to the other, in the same words as any that never
/// was; to a token that replaces the first they are the same.
// req: RS-13
#[tokio::test]
async fn what_is_somebody_elses_is_unknown() {
    let rig = Rig::with("", "", |request| {
        let text = String::from_utf8_lossy(request.body()).into_owned();
        let task = json!({ "jsonrpc": "2.0", "id": 1, "result": { "task": { "taskId": "t-1", "status": "working" } } });
        let headers = [("content-type", "application/json"), ("mcp-session-id", "s-1")];
        if text.contains("\"task\":") {
            respond(200, &headers[..1], task.to_string())
        } else {
            respond(200, &headers, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}")
        }
    })
    .await;
    let token = |sub: &str, jti: &str| rig.token(&json!({ "sub": sub, "jti": jti }));
    let (alice, later, bob) = (token("alice", "1"), token("alice", "2"), token("bob", "3"));
    let mut client = rig.client().await;
    let began = client.whole(request(&alice, call("read_a"))).await;
    let session = began.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert!(!session.contains("s-1"));
    let unknown = client.whole(of(request(&bob, call("read_a")), "s-1")).await;
    assert_eq!(unknown.status(), 404);
    for (case, token, session, is_known) in [
        ("its own", &alice, &*session, true),
        ("its own, with a new token", &later, &session, true),
        ("another's", &bob, &session, false),
        ("as upstream names it", &alice, "s-1", false),
        ("cut", &alice, &session[..session.len() - 1], false),
    ] {
        let sent = rig.sent();
        let answer = client.whole(of(request(token, call("read_a")), session)).await;
        assert_eq!(rig.sent() - sent, usize::from(is_known), "{case}");
        if is_known {
            assert_eq!(rig.last().headers()["mcp-session-id"], "s-1", "{case}");
            assert_eq!(rig.last().headers()["last-event-id"], "e-1", "{case}");
        } else {
            let same = (answer.status(), answer.body()) == (unknown.status(), unknown.body());
            assert!(same, "{case}: {answer:?}");
        }
    }
    // Where to take up a stream means nothing outside of a session: it could be anybody's.
    let mut outside = of(request(&alice, call("read_a")), &session);
    outside.headers_mut().remove("mcp-session-id");
    assert_eq!(client.whole(outside).await.status(), 200);
    assert!(!rig.last().headers().contains_key("last-event-id"));
    let make = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "read_a", "task": {} } });
    let made = client.whole(of(request(&alice, make.to_string()), &session)).await;
    let made: Value = serde_json::from_slice(made.body()).unwrap();
    let task = made["result"]["task"]["taskId"].as_str().unwrap().to_owned();
    assert_ne!(task, "t-1");
    let get = |task: &str| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": { "taskId": task } })
            .to_string()
    };
    let mut ask = async |token: &str, task: &str| {
        let mut request = request(token, get(task));
        request.headers_mut().insert("mcp-protocol-version", "2025-11-25".parse().unwrap());
        client.whole(request).await
    };
    let unknown = ask(&bob, "t-1").await;
    for (case, token, task, is_known) in [
        ("its own", &alice, &*task, true),
        ("its own, with a new token", &later, &task, true),
        ("another's", &bob, &task, false),
        ("as upstream names it", &alice, "t-1", false),
    ] {
        let sent = rig.sent();
        let answer = ask(token, task).await;
        assert_eq!(rig.sent() - sent, usize::from(is_known), "{case}");
        if is_known {
            assert_eq!(rig.last().body(), &get("t-1"), "{case}");
        } else {
            let same = (answer.status(), answer.body()) == (unknown.status(), unknown.body());
            assert!(same, "{case}: {answer:?}");
        }
    }
}

/// Everybody gets the answer to what he asked himself, in whatever order the upstream has them.
#[tokio::test]
async fn answers_do_not_cross() {
    let waiting = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&waiting);
    let rig = Rig::with("", "", move |request| {
        let (sender, answer) = stream(200, &[("content-type", "application/json")]);
        asked.lock().unwrap().push((sender, request.body().clone()));
        answer
    })
    .await;
    let address = rig.serving.address();
    let clients: Vec<_> = (0..40)
        .map(|number| {
            let token = rig.token(&json!({ "sub": format!("user-{number}") }));
            let body = call(&format!("read_{number}"));
            tokio::spawn(async move {
                let answer =
                    Client::connect(address).await.whole(request(&token, body.clone())).await;
                assert_eq!(answer.body(), &body, "{number}");
            })
        })
        .collect();
    timeout(SOON, rig.upstream.until_asked(40)).await.unwrap();
    // The last one first, and all of them the same id.
    let mut senders = std::mem::take(&mut *waiting.lock().unwrap());
    while let Some((mut sender, body)) = senders.pop() {
        sender.send_data(body).await.unwrap();
    }
    for client in clients {
        timeout(SOON, client).await.unwrap().unwrap();
    }
}
