//! Every method of every revision, batches, and what HTTP itself asks for.

use super::*;

#[test]
fn every_method_is_read_with_its_class_and_targets() {
    let uri = || Target::Resource("file:///a".into());
    let task = || Target::Task("t1".into());
    let table: Vec<(&str, Value, Method, Class, Vec<Target>)> = vec![
        (
            "initialize",
            json!({ "protocolVersion": "2025-11-25" }),
            Method::Initialize,
            Class::Open,
            vec![],
        ),
        ("ping", json!({}), Method::Ping, Class::Open, vec![]),
        ("server/discover", json!({}), Method::ServerDiscover, Class::Open, vec![]),
        ("notifications/initialized", json!({}), Method::Notification, Class::Open, vec![]),
        (
            "notifications/cancelled",
            json!({ "requestId": 3 }),
            Method::Notification,
            Class::Open,
            vec![],
        ),
        ("tools/list", json!({ "cursor": "x" }), Method::ToolsList, Class::Base, vec![]),
        (
            "tools/call",
            json!({ "name": "add", "arguments": { "a": 1 } }),
            Method::ToolsCall,
            Class::Target,
            vec![tool("add")],
        ),
        ("prompts/list", json!({}), Method::PromptsList, Class::Base, vec![]),
        (
            "prompts/get",
            json!({ "name": "p" }),
            Method::PromptsGet,
            Class::Target,
            vec![Target::Prompt("p".into())],
        ),
        ("resources/list", json!({}), Method::ResourcesList, Class::Base, vec![]),
        (
            "resources/templates/list",
            json!({}),
            Method::ResourcesTemplatesList,
            Class::Base,
            vec![],
        ),
        (
            "resources/read",
            json!({ "uri": "file:///a" }),
            Method::ResourcesRead,
            Class::Target,
            vec![uri()],
        ),
        (
            "resources/subscribe",
            json!({ "uri": "file:///a" }),
            Method::ResourcesSubscribe,
            Class::Target,
            vec![uri()],
        ),
        (
            "resources/unsubscribe",
            json!({ "uri": "file:///a" }),
            Method::ResourcesUnsubscribe,
            Class::Target,
            vec![uri()],
        ),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "p" }, "argument": { "name": "x", "value": "y" } }),
            Method::CompletionComplete,
            Class::Target,
            vec![Target::Prompt("p".into())],
        ),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/resource", "uri": "file:///{path}" } }),
            Method::CompletionComplete,
            Class::Target,
            vec![Target::Resource("file:///{path}".into())],
        ),
        (
            "logging/setLevel",
            json!({ "level": "info" }),
            Method::LoggingSetLevel,
            Class::Base,
            vec![],
        ),
        (
            "subscriptions/listen",
            json!({ "notifications": {
                "toolsListChanged": true, "promptsListChanged": false,
                "resourceSubscriptions": ["file:///a", "file:///b"], "taskIds": ["t1"], "com.example/news": true,
            }}),
            Method::SubscriptionsListen,
            Class::Target,
            vec![
                Target::OtherNews("com.example/news".into()),
                Target::Changes("toolsListChanged".into()),
                uri(),
                Target::Resource("file:///b".into()),
                task(),
            ],
        ),
        (
            "subscriptions/listen",
            json!({ "notifications": {} }),
            Method::SubscriptionsListen,
            Class::Target,
            vec![],
        ),
        ("tasks/get", json!({ "taskId": "t1" }), Method::TasksGet, Class::Base, vec![task()]),
        ("tasks/result", json!({ "taskId": "t1" }), Method::TasksResult, Class::Base, vec![task()]),
        (
            "tasks/update",
            json!({ "taskId": "t1", "inputResponses": {} }),
            Method::TasksUpdate,
            Class::Base,
            vec![task()],
        ),
        ("tasks/cancel", json!({ "taskId": "t1" }), Method::TasksCancel, Class::Base, vec![task()]),
        ("tasks/list", json!({}), Method::TasksList, Class::Base, vec![]),
        ("com.example/custom", json!({ "anything": [1, 2] }), Method::Other, Class::Method, vec![]),
    ];
    for (name, params, method, class, targets) in table {
        let operation = post(legacy(name, &params)).unwrap();
        let [call] = operation.calls() else { panic!("{name}") };
        assert_eq!((call.method(), call.method().class()), (method, class), "{name}");
        let mut found = call.targets().to_vec();
        let mut wanted = targets;
        found.sort_by(|a, b| a.text().cmp(b.text()));
        wanted.sort_by(|a, b| a.text().cmp(b.text()));
        assert_eq!(found, wanted, "{name}");
        assert_eq!(call.method_name(), name);
        assert_eq!(operation.era(), Era::Legacy);
    }
}

#[test]
fn http_get_and_delete_are_operations_of_older_revisions() {
    for (http, method) in
        [(HttpMethod::GET, Method::OpenStream), (HttpMethod::DELETE, Method::EndSession)]
    {
        let bare =
            Operation::read(&http, &HeaderMap::new(), Bytes::new(), Limits::default()).unwrap();
        assert_eq!(
            (bare.calls()[0].method(), bare.calls()[0].method().class()),
            (method, Class::Base)
        );
        let with_body =
            Operation::read(&http, &HeaderMap::new(), Bytes::from_static(b"{}"), Limits::default());
        assert_eq!(reason(with_body), Reason::UnexpectedBody);
    }
    let put = Operation::read(&HttpMethod::PUT, &HeaderMap::new(), Bytes::new(), Limits::default());
    assert_eq!(reason(put), Reason::HttpMethod);
}

#[test]
fn responses_to_server_requests_belong_to_older_revisions() {
    for body in [
        json!({ "jsonrpc": "2.0", "id": "s1", "result": { "roots": [] } }),
        json!({ "jsonrpc": "2.0", "id": 4, "error": { "code": -1, "message": "no" } }),
        json!({ "jsonrpc": "2.0", "id": 4, "error": { "code": -1, "message": "no" }, "result": null }),
        json!({ "jsonrpc": "2.0", "id": 4, "result": {}, "error": null }),
        json!({ "jsonrpc": "2.0", "id": 4, "result": null }),
    ] {
        let operation = post(body.to_string()).unwrap();
        assert_eq!(operation.calls()[0].method(), Method::Response);
        let modern = post_with(&[("mcp-protocol-version", "2026-07-28")], body.to_string());
        assert_eq!(reason(modern), Reason::ResponseNotExpected);
    }
    let nameless = json!({ "jsonrpc": "2.0", "result": {} });
    assert_eq!(reason(post(nameless.to_string())), Reason::Envelope);
    let both = json!({ "jsonrpc": "2.0", "id": 4, "result": {}, "error": { "code": -1, "message": "no" } });
    assert_eq!(reason(post(both.to_string())), Reason::Envelope);
    let neither = json!({ "jsonrpc": "2.0", "id": 4, "result": null, "error": null });
    assert_eq!(reason(post(neither.to_string())), Reason::Envelope);
}

#[test]
fn names_with_escapes_are_read_unescaped_and_bodies_kept_as_they_came() {
    let body = "{ \"jsonrpc\" : \"2.0\", \"id\":\"a\\u0062\",\"params\":{\"name\":\"r\\u0065ad \\ud83d\\ude00\"},\n \"method\":\"tools\\/call\" }";
    let operation = post(body).unwrap();
    assert!(!operation.is_batch());
    assert_eq!(operation.calls()[0].targets(), [tool("read \u{1f600}")]);
    assert_eq!(operation.calls()[0].id(), Some(&RequestId::Text("ab".into())));
    assert_eq!(operation.body(), body.as_bytes());
}

// req: RS-19
#[test]
fn batches_are_read_whole_and_only_where_a_revision_has_them() {
    let call = |name: &str| json!({ "jsonrpc": "2.0", "id": name, "method": "tools/call", "params": { "name": name } });
    let body =
        json!([call("a"), { "jsonrpc": "2.0", "method": "notifications/initialized" }, call("b")])
            .to_string();
    for pairs in [&[][..], &[("mcp-protocol-version", "2025-03-26")]] {
        let operation = post_with(pairs, body.clone()).unwrap();
        assert!(operation.is_batch());
        let targets: Vec<_> = operation.calls().iter().flat_map(Call::targets).cloned().collect();
        assert_eq!(targets, [tool("a"), tool("b")]);
    }
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"] {
        assert_eq!(
            reason(post_with(&[("mcp-protocol-version", revision)], body.clone())),
            Reason::Batch
        );
    }
    let mut named = call("a");
    named["params"]["_meta"] = json!({ VERSION_KEY: "2026-07-28" });
    assert_eq!(reason(post(json!([named]).to_string())), Reason::Batch);
    assert_eq!(
        reason(post_with(&[("mcp-method", "tools/call")], body)),
        Reason::HeaderMismatch("Mcp-Method")
    );

    assert_eq!(reason(post("[]")), Reason::BatchSize { limit: 32 });
    let calls = |count: usize| json!((0..count).map(|n| call(&n.to_string())).collect::<Vec<_>>());
    assert_eq!(reason(post(calls(33).to_string())), Reason::BatchSize { limit: 32 });
    assert!(post(calls(32).to_string()).is_ok());
    for (inner, wanted) in [
        ("[]", Reason::Json(Flaw::NotAnObject)),
        ("1", Reason::Json(Flaw::NotAnObject)),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"x"}"#,
            Reason::Json(Flaw::DuplicateMember),
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"p\ud800"}"#, Reason::Json(Flaw::LoneSurrogate)),
    ] {
        assert_eq!(reason(post(format!("[{inner}]"))), wanted, "{inner}");
    }
}

/// What operators are told is what is done.
#[test]
fn the_documented_table_is_the_one_in_force() {
    let documented = include_str!("../../../../docs/operations.md");
    let (_, requests) = documented.split_once("## Requests of clients").unwrap();
    let (requests, _) = requests.split_once("## Notifications of clients").unwrap();
    let rows = requests.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<(Method, &str)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let name = cells[0].split('`').next().unwrap();
            let method = Method::from_name(name);
            assert_eq!(method.as_str(), name);
            (method, cells[cells.len() - 2])
        })
        .collect();
    for method in Method::named() {
        let classes: Vec<&str> =
            rows.iter().filter(|row| row.0 == method).map(|row| row.1).collect();
        assert!(!classes.is_empty(), "{method} is not in docs/operations.md");
        for written in classes {
            let class = match method.class() {
                Class::Open => written == "open",
                Class::Base => written == "base",
                Class::Target => written.starts_with("rule: `"),
                Class::Method => false,
            };
            assert!(class, "{method}: {written}");
        }
    }
}
