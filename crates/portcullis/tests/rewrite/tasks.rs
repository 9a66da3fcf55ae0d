//! Ids of tasks on their way to the client.

use portcullis::rewrite::Refused;
use portcullis::seal::Kind;
use portcullis_core::json::{Flaw, LookAlike};
use portcullis_core::policy::PolicyBuilder;
use serde_json::{Value, json};

use crate::{Asked, EVENTS, JSON, alice, bob, request, result, rules, sealed, signed_in};

const RELATED: &str = "io.modelcontextprotocol/related-task";

/// A call that may become a task.
fn call(policy: PolicyBuilder) -> Asked {
    Asked::new(policy, request("tools/call", &json!({ "name": "read_a", "task": {} })))
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A message with a task id in it.
type Place = fn(&str) -> Value;

fn task(id: &str) -> Value {
    json!({ "taskId": id, "status": "working" })
}

fn news(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

#[test]
fn a_task_is_sealed_wherever_a_server_names_it() {
    let places: [Place; 9] = [
        |id| result(&json!({ "task": task(id) })),
        |id| result(&task(id)),
        |id| result(&json!({ "tasks": [task(id), task(id)], "nextCursor": "c" })),
        |id| result(&json!({ "content": [], "_meta": { RELATED: { "taskId": id } } })),
        |id| news("notifications/tasks/status", task(id)),
        |id| news("notifications/tasks", task(id)),
        |id| {
            news(
                "notifications/subscriptions/acknowledged",
                json!({ "notifications": { "taskIds": [id] } }),
            )
        },
        |id| news("notifications/progress", json!({ "_meta": { RELATED: { "taskId": id } } })),
        |id| request("elicitation/create", &json!({ "_meta": { RELATED: { "taskId": id } } })),
    ];
    for claims in [alice(), bob()] {
        let asked = call(signed_in()).by(claims.clone()).alone();
        for place in places {
            let told = asked.told(place("t-1")).unwrap();
            assert_eq!(value(&told), place(&sealed(Kind::Task, "t-1", &claims)), "{claims}");
        }
        let batch = json!([result(&task("1")), result(&task("2"))]);
        let told = asked.told(batch).unwrap();
        let [one, two] = ["1", "2"].map(|id| result(&task(&sealed(Kind::Task, id, &claims))));
        assert_eq!(value(&told), json!([one, two]));
    }
}

#[test]
fn what_a_client_is_told_it_can_ask_for() {
    let told =
        call(signed_in()).told(result(&json!({ "task": { "taskId": "\u{e9}\"\n" } }))).unwrap();
    let id = value(&told)["result"]["task"]["taskId"].as_str().unwrap().to_owned();
    let get = |claims| {
        let asked =
            Asked::new(signed_in(), request("tasks/get", &json!({ "taskId": id }))).by(claims);
        let sent = asked.exchange().request(&asked.headers()).ok()?;
        Some(serde_json::from_slice::<Value>(&sent.body).unwrap()["params"]["taskId"].clone())
    };
    assert_eq!(get(alice()), Some(json!("\u{e9}\"\n")));
    assert_eq!(get(bob()), None);
}

#[test]
fn what_is_no_task_of_the_server_keeps_its_id() {
    for answer in [
        result(&json!({ "content": [{ "taskId": "t" }], "structuredContent": { "taskId": "t" } })),
        result(&json!({ "content": [{ "text": "{\"taskId\":\"t\"}" }] })),
        result(&json!({ "taskId": 7 })),
        // Questions about tasks of the client.
        request("tasks/get", &json!({ "taskId": "client-1" })),
        request("tasks/cancel", &json!({ "taskId": "client-1" })),
        json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 1, "message": "taskId", "taskId": "t" } }),
        json!(["taskId"]),
    ] {
        let text = answer.to_string();
        assert_eq!(call(signed_in()).told(&text).unwrap(), text);
    }
}

#[test]
fn a_task_is_looked_for_where_there_can_be_one() {
    let answer = result(&json!({ "taskId": "t" })).to_string();
    let is_sealed = |asked: &Asked| {
        let told = [asked.told(&answer), asked.answered(EVENTS, [format!("data: {answer}\n\n")])];
        let changed = told.map(|told| !told.unwrap().contains("\"t\""));
        assert_eq!(changed[0], changed[1], "the same in JSON and in events");
        changed[0]
    };
    let plain = || Asked::new(signed_in(), request("tools/call", &json!({ "name": "a" })));
    let with_task = || call(signed_in());
    assert!(is_sealed(&with_task()));
    assert!(!is_sealed(&plain()), "who does not speak of tasks is given none");
    assert!(is_sealed(&with_task().in_revision(None)));
    assert!(!is_sealed(&with_task().in_revision(Some("2025-06-18"))), "which has no tasks");
    assert!(is_sealed(&Asked::stream(signed_in())));
    let extension = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let modern = |params| Asked::modern(signed_in(), "tools/call", params);
    assert!(is_sealed(&modern(json!({ "name": "a", "capabilities": extension }))));
    assert!(!is_sealed(&modern(json!({ "name": "a" }))));
    let escaped =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","t\u0061sk":{}}}"#;
    assert!(is_sealed(&Asked::new(signed_in(), escaped)));
    let id = sealed(Kind::Task, "t", &alice());
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        assert!(is_sealed(&Asked::new(signed_in(), request(method, &json!({ "taskId": id })))));
    }
}

#[test]
fn where_there_are_no_tasks_nothing_is_taken_for_one() {
    let answer = result(&json!({ "tools": [], "taskId": "t" })).to_string();
    let list = || Asked::new(rules(), request("tools/list", &json!({ "cursor": "task" })));
    assert_eq!(list().in_revision(Some("2025-06-18")).told(&answer).unwrap(), answer);
    assert_ne!(list().told(&answer).unwrap(), answer, "its request says \"task\"");
}

#[test]
fn nobody_is_shown_tasks_that_may_be_somebody_elses() {
    let page = |tasks: Value| result(&json!({ "tasks": tasks, "nextCursor": "c" }));
    let (before, empty) = (page(json!([task("1"), task("2")])), page(json!([])).to_string());
    let list = || Asked::new(signed_in(), request("tasks/list", &json!({})));
    let event = |data: &str| format!("data: {data}\n\n");
    assert_eq!(list().told(&before).unwrap(), empty);
    let old = Some("2025-06-18");
    for asked in [
        list(),
        Asked::stream(signed_in()),
        Asked::stream(rules()),
        list().in_revision(old),
        Asked::stream(signed_in()).in_revision(old),
    ] {
        let told = asked.answered(EVENTS, [event(&before.to_string())]);
        assert_eq!(told, Ok(event(&empty)));
    }
    let own = page(json!(["1", "2"].map(|id| task(&sealed(Kind::Task, id, &alice())))));
    assert_eq!(value(&list().alone().told(&before).unwrap()), own);
    let told = Asked::stream(signed_in()).alone().answered(EVENTS, [event(&before.to_string())]);
    assert_eq!(told, Ok(event(&own.to_string())));
    // What is no list of tasks keeps ids that nobody could use.
    assert_eq!(call(signed_in()).told(&before).unwrap(), before.to_string());

    for (tasks, refused) in [
        ("7", Refused::Shape("tasks")),
        (r#"[],"Tasks":[{"taskId":"1"}]"#, Refused::LookAlike(LookAlike)),
        (r#"[],"tasks":[{"taskId":"1"}]"#, Refused::Json(Flaw::DuplicateMember)),
    ] {
        let answer = format!(r#"{{"result":{{"tasks":{tasks}}}}}"#);
        assert_eq!(list().told(&answer), Err(refused), "{tasks}");
        let replayed = Asked::stream(signed_in()).answered(EVENTS, [event(&answer)]);
        assert_eq!(replayed.is_err(), tasks != "7", "known by its shape");
    }
}

#[test]
fn an_answer_that_cannot_be_read_or_is_no_news_of_a_task_passes() {
    // Of a tool's answer nothing must be hidden, and a raw id opens nothing.
    for text in [
        r#"{"result":{"taskId":"t","content":"\ud800"}}"#,
        r#"{"result":{"taskId":"t","taskId":"u"}}"#,
        "askId",
        "",
    ] {
        assert_eq!(call(rules()).told(text).unwrap(), text);
    }
    let long = |length: usize| {
        result(&json!({ "taskId": "t", "content": "x".repeat(length) })).to_string()
    };
    let pieces =
        |text: &str| -> Vec<Vec<u8>> { text.as_bytes().chunks(1000).map(<[u8]>::to_vec).collect() };
    let told = call(rules()).answered(JSON, pieces(&long(60_000))).unwrap();
    assert!(!told.contains("\"t\""));
    let told = call(rules()).answered(JSON, pieces(&long(70_000))).unwrap();
    assert_eq!(told, long(70_000), "no task begins like that");
    let get = request("tasks/get", &json!({ "taskId": sealed(Kind::Task, "t", &alice()) }));
    let told = Asked::new(rules(), get).answered(JSON, pieces(&long(70_000))).unwrap();
    assert!(!told.contains("\"t\""), "but news of one may bring all of its result");
}
