//! Ids on their way to upstream.

use http::HeaderValue;
use portcullis::rewrite::{NotOpened, Outgoing};
use portcullis::seal::Kind;
use serde_json::{Value, json};

use crate::{Asked, alice, bob, request, sealed, signed_in};

const RELATED: &str = "io.modelcontextprotocol/related-task";

fn sent(asked: &Asked) -> Result<Outgoing, NotOpened> {
    asked.exchange().request(&asked.headers())
}

fn body(asked: &Asked) -> Result<Value, NotOpened> {
    Ok(serde_json::from_slice(&sent(asked)?.body).unwrap())
}

#[test]
fn a_session_is_opened_for_its_owner_and_unknown_to_others() {
    let session = sealed(Kind::Session, "s-1", &alice());
    for asked in [Asked::stream(signed_in()), Asked::new(signed_in(), request("ping", &json!({})))]
    {
        let asked = asked.with("mcp-session-id", &session);
        let outgoing = sent(&asked).unwrap();
        assert_eq!(outgoing.session, Some(HeaderValue::from_static("s-1")));
        assert_eq!(outgoing.body, asked.body);
        assert_eq!(sent(&asked.by(bob())), Err(NotOpened::Session));
    }
    let raw = Asked::stream(signed_in()).with("mcp-session-id", "s-1");
    assert_eq!(sent(&raw), Err(NotOpened::Session), "upstream's own id is nobody's");
    let task =
        Asked::stream(signed_in()).with("mcp-session-id", &sealed(Kind::Task, "s-1", &alice()));
    assert_eq!(sent(&task), Err(NotOpened::Session));
    assert_eq!(sent(&Asked::stream(signed_in())).unwrap().session, None);
}

#[test]
fn a_task_is_opened_for_its_owner_and_unknown_to_others() {
    let id = sealed(Kind::Task, "a \"b\"\n", &alice());
    for method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/update"] {
        // All else keeps its bytes.
        let body = |id: &str| {
            format!(
                r#"{{ "id":1,"params" : {{"x":"\u0041","taskId": {id} }},"method":"{method}","jsonrpc":"2.0"}}"#
            )
        };
        let asked = Asked::new(signed_in(), body(&format!("\"{id}\"")));
        assert_eq!(sent(&asked).unwrap().body, body(r#""a \"b\"\n""#));
        let unknown = Err(NotOpened::Task { call: 0 });
        assert_eq!(sent(&asked.by(bob())), unknown);
        assert_eq!(sent(&Asked::new(signed_in(), body("\"a\""))), unknown);
        let session = sealed(Kind::Session, "a", &alice());
        assert_eq!(sent(&Asked::new(signed_in(), body(&format!("\"{session}\"")))), unknown);
    }
}

#[test]
fn the_header_that_repeats_a_task_id_changes_with_it() {
    for (id, header) in [
        ("t-1", "t-1"),
        ("a b", "a b"),
        (" a", "=?base64?IGE=?="),
        ("\u{e9}", "=?base64?w6k=?="),
        ("=?base64?x", "=?base64?PT9iYXNlNjQ/eA==?="),
    ] {
        let sealed = sealed(Kind::Task, id, &alice());
        let asked = Asked::modern(signed_in(), "tasks/get", json!({ "taskId": sealed }));
        let outgoing = sent(&asked).unwrap();
        assert_eq!(outgoing.name, Some(HeaderValue::from_static(header)), "{id}");
        assert_eq!(
            serde_json::from_slice::<Value>(&outgoing.body).unwrap()["params"]["taskId"],
            id
        );
    }
    let without = Asked::new(
        signed_in(),
        request("tasks/get", &json!({ "taskId": sealed(Kind::Task, "t", &alice()) })),
    );
    assert_eq!(sent(&without).unwrap().name, None);
    let call = Asked::modern(signed_in(), "tools/call", json!({ "name": "related_task" }));
    assert_eq!(sent(&call).unwrap().name, None);
}

#[test]
fn all_tasks_that_a_client_listens_to_are_its_own() {
    let ids = [sealed(Kind::Task, "1", &alice()), sealed(Kind::Task, "2", &alice())];
    let listen = |ids: &[String]| {
        let notifications = json!({ "toolsListChanged": true, "taskIds": ids });
        Asked::modern(
            signed_in(),
            "subscriptions/listen",
            json!({ "notifications": notifications }),
        )
    };
    let sent = body(&listen(&ids)).unwrap();
    assert_eq!(sent["params"]["notifications"]["taskIds"], json!(["1", "2"]));
    let mixed = [ids[0].clone(), sealed(Kind::Task, "2", &bob())];
    assert_eq!(body(&listen(&mixed)), Err(NotOpened::Task { call: 0 }));
    assert_eq!(body(&listen(&[ids[1].clone(), "1".to_owned()])), Err(NotOpened::Task { call: 0 }));
}

#[test]
fn the_task_that_a_request_belongs_to_is_the_callers_own() {
    let call = |id: &str| {
        let params = json!({ "name": "read_file", "_meta": { RELATED: { "taskId": id } } });
        Asked::new(signed_in(), request("tools/call", &params))
    };
    let own = call(&sealed(Kind::Task, "t", &alice()));
    assert_eq!(body(&own).unwrap()["params"]["_meta"][RELATED]["taskId"], "t");
    assert_eq!(body(&own.by(bob())), Err(NotOpened::Task { call: 0 }));
    assert_eq!(body(&call("t")), Err(NotOpened::Task { call: 0 }));
}

#[test]
fn no_spelling_of_the_related_task_hides_it() {
    for spelling in [
        r#""io.modelcontextprotocol/related-task":{"taskId":"t"}"#,
        r#""io.modelcontextprotocol\/related-task":{"taskId":"t"}"#,
        r#""io.modelcontextprotocol/rel\u0061ted-task":{"taskId":"t"}"#,
        r#""io.modelcontextprotocol/related-task":{"t\u0061skId":"t"}"#,
        r#""io.modelcontextprotocol/related-task":{"taskid":"t"}"#,
        r#""io.modelcontextprotocol/Related-Task":{"taskId":"t"}"#,
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","_meta":{{{spelling}}}}}}}"#
        );
        let asked = Asked::new(signed_in(), body);
        assert_eq!(sent(&asked), Err(NotOpened::Task { call: 0 }), "{spelling}");
    }
}

#[test]
fn what_belongs_to_a_task_of_the_client_stays() {
    let answer = |id: &str| {
        let result = json!({ "content": "x", "_meta": { RELATED: { "taskId": id } } });
        Asked::new(signed_in(), json!({ "jsonrpc": "2.0", "id": 7, "result": result }))
    };
    let own = answer("client-1");
    assert_eq!(sent(&own).unwrap().body, own.body);
    // The answer to a question that a task of the server had.
    let of_server = answer(&sealed(Kind::Task, "t", &alice()));
    assert_eq!(body(&of_server).unwrap()["result"]["_meta"][RELATED]["taskId"], "t");
    let of_other = answer(&sealed(Kind::Task, "t", &bob()));
    assert_eq!(sent(&of_other).unwrap().body, of_other.body, "which upstream does not know");

    let news = request("notifications/tasks/status", &json!({ "taskId": "client-1" }));
    let mut news = news.as_object().unwrap().clone();
    news.remove("id");
    let news = Asked::new(signed_in(), Value::from(news));
    assert_eq!(sent(&news).unwrap().body, news.body);
}

#[test]
fn methods_of_others_may_call_anything_a_task_but_not_under_its_name() {
    let id = sealed(Kind::Task, "t", &alice());
    let ask = |method: &str, id: &str| {
        body(&Asked::new(signed_in(), request(method, &json!({ "taskId": id }))))
            .map(|body| body["params"]["taskId"].clone())
    };
    assert_eq!(ask("tasks/delete", &id), Ok(json!("t")));
    for method in ["tasks/delete", "Tasks/delete", "com.example/task"] {
        assert_eq!(ask(method, "t"), Err(NotOpened::Task { call: 0 }));
    }
    assert_eq!(ask("com.example/todo", "42"), Ok(json!("42")));
    assert_eq!(ask("com.example/todo", &id), Ok(json!("t")));
}

#[test]
fn of_a_batch_every_task_is_opened() {
    let get = |id: u8, task: &str| json!({ "jsonrpc": "2.0", "id": id, "method": "tasks/get", "params": { "taskId": task } });
    let own = [sealed(Kind::Task, "1", &alice()), sealed(Kind::Task, "2", &alice())];
    let batch = |messages: Value| Asked::new(signed_in(), messages).in_revision(None);
    let sent = body(&batch(json!([get(1, &own[0]), get(2, &own[1])]))).unwrap();
    assert_eq!(sent, json!([get(1, "1"), get(2, "2")]));
    let other = sealed(Kind::Task, "2", &bob());
    let mixed = batch(json!([get(1, &own[0]), get(2, &other)]));
    assert_eq!(body(&mixed), Err(NotOpened::Task { call: 1 }));
}

#[test]
fn what_names_no_task_goes_on_in_the_bytes_it_came_in() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_x","arguments":{"taskId":"t","a":"\u0041"}}}"#,
        r#" {"method":"tools/list" , "id":1,"jsonrpc":"2.0","params":{"cursor":"related"}} "#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","taskId":"t","task":{"ttl":1}}}"#,
    ] {
        let asked = Asked::new(signed_in(), text);
        assert_eq!(sent(&asked).unwrap().body, text);
    }
}
