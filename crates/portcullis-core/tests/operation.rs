//! Reading a request as one unambiguous MCP operation.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod};
use portcullis_core::json::Flaw;
use portcullis_core::operation::{Class, Era, Limits, Malformed, Method, Operation, Reason, RequestId, Revision, Target};
use serde_json::{Value, json};

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// A POST with the content type and these headers.
fn post_with(pairs: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Operation, Malformed> {
    let mut all = vec![("content-type", "application/json")];
    all.extend(pairs);
    Operation::read(&HttpMethod::POST, &headers(&all), Bytes::from(body.into()), Limits::default())
}

fn post(body: impl Into<Vec<u8>>) -> Result<Operation, Malformed> {
    post_with(&[], body)
}

fn reason(result: Result<Operation, Malformed>) -> Reason {
    result.unwrap_err().reason().clone()
}

/// `method` with `params`, the way 2025-11-25 sends it.
fn legacy(method: &str, params: &Value) -> Vec<u8> {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string().into_bytes()
}

/// The same the way 2026-07-28 sends it.
fn modern(method: &str, params: &Value) -> Vec<u8> {
    let mut params = params.clone();
    params["_meta"] = json!({ VERSION_KEY: "2026-07-28" });
    legacy(method, &params)
}

fn tool(name: &str) -> Target {
    Target::Tool(name.into())
}

#[test]
fn every_method_is_read_with_its_class_and_targets() {
    let uri = || Target::Resource("file:///a".into());
    let task = || Target::Task("t1".into());
    let table: Vec<(&str, Value, Method, Class, Vec<Target>)> = vec![
        ("initialize", json!({ "protocolVersion": "2025-11-25" }), Method::Initialize, Class::Open, vec![]),
        ("ping", json!({}), Method::Ping, Class::Open, vec![]),
        ("server/discover", json!({}), Method::ServerDiscover, Class::Open, vec![]),
        ("notifications/initialized", json!({}), Method::Notification, Class::Open, vec![]),
        ("notifications/cancelled", json!({ "requestId": 3 }), Method::Notification, Class::Open, vec![]),
        ("tools/list", json!({ "cursor": "x" }), Method::ToolsList, Class::Base, vec![]),
        ("tools/call", json!({ "name": "add", "arguments": { "a": 1 } }), Method::ToolsCall, Class::Target, vec![tool("add")]),
        ("prompts/list", json!({}), Method::PromptsList, Class::Base, vec![]),
        ("prompts/get", json!({ "name": "p" }), Method::PromptsGet, Class::Target, vec![Target::Prompt("p".into())]),
        ("resources/list", json!({}), Method::ResourcesList, Class::Base, vec![]),
        ("resources/templates/list", json!({}), Method::ResourcesTemplatesList, Class::Base, vec![]),
        ("resources/read", json!({ "uri": "file:///a" }), Method::ResourcesRead, Class::Target, vec![uri()]),
        ("resources/subscribe", json!({ "uri": "file:///a" }), Method::ResourcesSubscribe, Class::Target, vec![uri()]),
        ("resources/unsubscribe", json!({ "uri": "file:///a" }), Method::ResourcesUnsubscribe, Class::Target, vec![uri()]),
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
        ("logging/setLevel", json!({ "level": "info" }), Method::LoggingSetLevel, Class::Base, vec![]),
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
        ("subscriptions/listen", json!({ "notifications": {} }), Method::SubscriptionsListen, Class::Target, vec![]),
        ("tasks/get", json!({ "taskId": "t1" }), Method::TasksGet, Class::Base, vec![task()]),
        ("tasks/result", json!({ "taskId": "t1" }), Method::TasksResult, Class::Base, vec![task()]),
        ("tasks/update", json!({ "taskId": "t1", "inputResponses": {} }), Method::TasksUpdate, Class::Base, vec![task()]),
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
        assert_eq!(call.method_name(), if method == Method::Notification { name } else { call.method_name() });
        assert_eq!(operation.era(), Era::Legacy);
    }
}

#[test]
fn http_get_and_delete_are_operations_of_older_revisions() {
    for (http, method) in [(HttpMethod::GET, Method::OpenStream), (HttpMethod::DELETE, Method::EndSession)] {
        let bare = Operation::read(&http, &HeaderMap::new(), Bytes::new(), Limits::default()).unwrap();
        assert_eq!((bare.calls()[0].method(), bare.calls()[0].method().class()), (method, Class::Base));
        let with_body = Operation::read(&http, &HeaderMap::new(), Bytes::from_static(b"{}"), Limits::default());
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
    ] {
        let operation = post(body.to_string()).unwrap();
        assert_eq!(operation.calls()[0].method(), Method::Response);
        let modern = post_with(&[("mcp-protocol-version", "2026-07-28")], body.to_string());
        assert_eq!(reason(modern), Reason::ResponseNotExpected);
    }
    let nameless = json!({ "jsonrpc": "2.0", "result": {} });
    assert_eq!(reason(post(nameless.to_string())), Reason::Envelope);
}

/// Bodies that some parser reads as the call next to them, or as another one.
// req: RS-12
#[test]
fn what_two_parsers_read_differently_is_refused_by_name() {
    let good = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":{"a":{"b":1}}}}"#;
    assert_eq!(post(good).unwrap().calls()[0].targets(), [tool("read")]);

    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1).into_bytes()
    };
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_be: Vec<u8> = good.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let duplicate = Reason::Json(Flaw::DuplicateMember);
    let look_alike = Reason::LookAlikeMember;
    let table: Vec<(&str, Vec<u8>, Reason)> = vec![
        ("method twice", replaced(r#""id":1"#, r#""id":1,"method":"ping""#), duplicate.clone()),
        ("name twice", replaced(r#""name":"read""#, r#""name":"read","name":"delete""#), duplicate.clone()),
        ("name twice, once escaped", replaced(r#""name":"read""#, r#""name":"read","n\u0061me":"delete""#), duplicate.clone()),
        ("params twice", replaced(r#""id":1"#, r#""id":1,"params":{"name":"x"}"#), duplicate.clone()),
        ("argument twice", replaced(r#"{"a":{"#, r#"{"a":1,"a":{"#), duplicate.clone()),
        ("nested argument twice", replaced(r#"{"b":1}"#, r#"{"b":1,"b":2}"#), duplicate),
        ("Method", replaced(r#""id":1"#, r#""id":1,"Method":"ping""#), look_alike("method")),
        ("METHOD alone", replaced(r#""method""#, r#""METHOD""#), look_alike("method")),
        ("long s in params", replaced(r#""id":1"#, "\"id\":1,\"param\u{17f}\":{}"), look_alike("params")),
        ("Kelvin sign", replaced(r#""name":"read""#, "\"name\":\"read\",\"tas\u{212a}Id\":\"x\""), look_alike("taskId")),
        ("Name", replaced(r#""name":"read""#, r#""name":"read","Name":"delete""#), look_alike("name")),
        ("meta for _meta", replaced(r#""name":"read""#, r#""name":"read","meta":{}"#), look_alike("_meta")),
        ("task_id for taskId", replaced(r#""name":"read""#, r#""name":"read","task_id":"1""#), look_alike("taskId")),
        ("unknown member", replaced(r#""id":1"#, r#""id":1,"extra":1"#), Reason::UnknownMember),
        ("Tools/Call", replaced("tools/call", "Tools/Call"), Reason::LookAlikeMethod("tools/call")),
        ("tools_call", replaced("tools/call", "tools_call"), Reason::LookAlikeMethod("tools/call")),
        ("Notifications/x", replaced("tools/call", "Notifications/x"), Reason::LookAlikeMethod("notifications/…")),
        ("BOM", [b"\xEF\xBB\xBF", good.as_bytes()].concat(), Reason::Json(Flaw::Encoding)),
        ("UTF-16", utf16, Reason::Json(Flaw::Encoding)),
        ("UTF-16BE", utf16_be, Reason::Json(Flaw::Encoding)),
        ("gzip", b"\x1F\x8B\x08\x00abc".to_vec(), Reason::Json(Flaw::InvalidUtf8)),
        ("invalid UTF-8", replaced("read", "re?d").into_iter().map(|b| if b == b'?' { 0xFF } else { b }).collect(), Reason::Json(Flaw::InvalidUtf8)),
        ("lone surrogate in name", replaced(r#""read""#, r#""re\ud800ad""#), Reason::Json(Flaw::LoneSurrogate)),
        ("lone trailing surrogate", replaced(r#""read""#, r#""re\udc00ad""#), Reason::Json(Flaw::LoneSurrogate)),
        ("surrogate and something else", replaced(r#""read""#, r#""re\ud800\u0061ad""#), Reason::Json(Flaw::LoneSurrogate)),
        ("lone surrogate deep in arguments", replaced(r#"{"b":1}"#, r#"{"b":"\ud83d"}"#), Reason::Json(Flaw::LoneSurrogate)),
        ("number too large", replaced(r#"{"b":1}"#, r#"{"b":1e400}"#), Reason::Json(Flaw::NumberOutOfRange)),
        ("second document", [good.as_bytes(), b" {}"].concat(), Reason::Json(Flaw::TrailingBytes)),
        ("NUL behind", [good.as_bytes(), b"\0"].concat(), Reason::Json(Flaw::TrailingBytes)),
        ("comment", replaced("{", "/* */{"), Reason::Json(Flaw::Syntax)),
        ("comment behind", [good.as_bytes(), b"// x"].concat(), Reason::Json(Flaw::TrailingBytes)),
        ("trailing comma", replaced(r#""id":1,"#, r#""id":1,,"#), Reason::Json(Flaw::Syntax)),
        ("single quotes", replaced(r#""id""#, "'id'"), Reason::Json(Flaw::Syntax)),
        ("a string", b"\"tools/call\"".to_vec(), Reason::Json(Flaw::NotAnObject)),
        ("empty", Vec::new(), Reason::Json(Flaw::Syntax)),
        ("too deep", replaced(r#"{"b":1}"#, &format!("{}1{}", "[".repeat(80), "]".repeat(80))), Reason::Json(Flaw::TooDeep)),
        ("much too deep", "[".repeat(200_000).into_bytes(), Reason::Json(Flaw::Syntax)),
    ];
    for (what, body, wanted) in table {
        assert_eq!(reason(post(body)), wanted, "{what}");
    }
}

#[test]
fn wrong_types_and_missing_members_are_named() {
    let good = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "a" } });
    assert!(post(good.to_string()).is_ok());
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        reason(post(body.to_string()))
    };
    assert_eq!(with("/jsonrpc", json!("2.1")), Reason::NotJsonRpc2);
    assert_eq!(with("/jsonrpc", json!(2.0)), Reason::NotJsonRpc2);
    for id in [json!(null), json!(1.5), json!(true), json!([1]), json!({}), json!(1e30)] {
        assert_eq!(with("/id", id), Reason::WrongType("id"));
    }
    assert_eq!(with("/id", json!("x".repeat(5000))), Reason::BadName("id"));
    assert_eq!(with("/method", json!(["tools/call"])), Reason::WrongType("method"));
    for params in [json!(["a"]), json!(null), json!("a"), json!(1)] {
        assert_eq!(with("/params", params), Reason::WrongType("params"));
    }
    for name in [json!(1), json!(null), json!(["a"]), json!({ "a": 1 })] {
        assert_eq!(with("/params/name", name), Reason::WrongType("params.name"));
    }
    assert_eq!(with("/params", json!({})), Reason::Missing("params.name"));
    for name in ["", "a\u{0}b", "line\nbreak", "c1\u{85}", &"x".repeat(5000)] {
        assert_eq!(with("/params/name", json!(name)), Reason::BadName("params.name"), "{name:?}");
    }
    assert_eq!(with("/params", json!({ "name": "a", "arguments": ["x"] })), Reason::WrongType("params.arguments"));
    assert_eq!(with("/params", json!({ "name": "a", "_meta": [] })), Reason::WrongType("params._meta"));
    assert_eq!(with("/params", json!({ "name": "a", "_meta": { VERSION_KEY: 3 } })), Reason::WrongType(VERSION_KEY));

    let mut both = good.clone();
    both["result"] = json!({});
    assert_eq!(reason(post(both.to_string())), Reason::Envelope);
    assert_eq!(reason(post(r#"{"jsonrpc":"2.0","id":1}"#)), Reason::Envelope);

    let complete = |reference: Value| reason(post(legacy("completion/complete", &json!({ "ref": reference }))));
    assert_eq!(complete(json!("ref/prompt")), Reason::WrongType("params.ref"));
    assert_eq!(complete(json!({ "type": "ref/other", "name": "a" })), Reason::WrongType("params.ref.type"));
    assert_eq!(complete(json!({ "type": "ref/prompt", "uri": "file:///a" })), Reason::Missing("params.ref.name"));
    assert_eq!(complete(json!({ "type": "ref/prompt", "Name": "a" })), Reason::LookAlikeMember("name"));

    let listen = |filter: Value| reason(post(legacy("subscriptions/listen", &json!({ "notifications": filter }))));
    assert_eq!(listen(json!([])), Reason::WrongType("params.notifications"));
    assert_eq!(listen(json!({ "toolsListChanged": 1 })), Reason::WrongType("params.notifications"));
    let uris = "params.notifications.resourceSubscriptions";
    assert_eq!(listen(json!({ "resourceSubscriptions": "file:///a" })), Reason::WrongType(uris));
    assert_eq!(listen(json!({ "resourceSubscriptions": ["file:///a", 1] })), Reason::WrongType(uris));
    assert_eq!(listen(json!({ "resourceSubscriptions": vec!["file:///a"; 257] })), Reason::TooMany(uris));
    assert_eq!(listen(json!({ "resource_subscriptions": [] })), Reason::LookAlikeMember("resourceSubscriptions"));
    assert_eq!(reason(post(legacy("subscriptions/listen", &json!({})))), Reason::Missing("params.notifications"));
}

#[test]
fn names_with_escapes_are_read_unescaped_and_bodies_kept_as_they_came() {
    let body = "{ \"jsonrpc\" : \"2.0\", \"id\":\"a\\u0062\",\"params\":{\"name\":\"r\\u0065ad \\ud83d\\ude00\"},\n \"method\":\"tools\\/call\" }";
    let operation = post(body).unwrap();
    assert_eq!(operation.calls()[0].targets(), [tool("read \u{1f600}")]);
    assert_eq!(operation.calls()[0].id(), Some(&RequestId::Text("ab".into())));
    assert_eq!(operation.body(), body.as_bytes());
}

#[test]
fn requests_are_limited_in_size_and_media_type() {
    let body = legacy("ping", &json!({}));
    let limits = Limits { body: body.len(), batch: 2 };
    let read = |headers: &HeaderMap, limits| Operation::read(&HttpMethod::POST, headers, Bytes::from(body.clone()), limits);
    let json = headers(&[("content-type", "application/json")]);
    assert!(read(&json, limits).is_ok());
    let short = Limits { body: body.len() - 1, ..limits };
    assert_eq!(reason(read(&json, short)), Reason::TooLarge { limit: body.len() - 1 });

    for good in ["application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\"", "application/json ;"] {
        assert!(read(&headers(&[("content-type", good)]), limits).is_ok(), "{good}");
    }
    for bad in ["text/plain", "application/json; charset=utf-16", "application/jsonp", "application/json, text/plain", "text/json; application/json", "application/json; boundary=x"] {
        assert_eq!(reason(read(&headers(&[("content-type", bad)]), limits)), Reason::MediaType, "{bad}");
    }
    assert_eq!(reason(read(&HeaderMap::new(), limits)), Reason::MediaType);
    let identity = headers(&[("content-type", "application/json"), ("content-encoding", "Identity")]);
    assert!(read(&identity, limits).is_ok());
    for encoding in ["gzip", "identity, gzip", ""] {
        let encoded = headers(&[("content-type", "application/json"), ("content-encoding", encoding)]);
        assert_eq!(reason(read(&encoded, limits)), Reason::ContentEncoding);
    }
}

// req: RS-19
#[test]
fn batches_are_read_whole_and_only_where_a_revision_has_them() {
    let call = |name: &str| json!({ "jsonrpc": "2.0", "id": name, "method": "tools/call", "params": { "name": name } });
    let body = json!([call("a"), { "jsonrpc": "2.0", "method": "notifications/initialized" }, call("b")]).to_string();
    for pairs in [&[][..], &[("mcp-protocol-version", "2025-03-26")]] {
        let operation = post_with(pairs, body.clone()).unwrap();
        assert!(operation.is_batch());
        let targets: Vec<_> = operation.calls().iter().flat_map(|call| call.targets()).cloned().collect();
        assert_eq!(targets, [tool("a"), tool("b")]);
    }
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"] {
        assert_eq!(reason(post_with(&[("mcp-protocol-version", revision)], body.clone())), Reason::Batch);
    }
    let mut named = call("a");
    named["params"]["_meta"] = json!({ VERSION_KEY: "2026-07-28" });
    assert_eq!(reason(post(json!([named]).to_string())), Reason::Batch);
    assert_eq!(reason(post_with(&[("mcp-method", "tools/call")], body)), Reason::HeaderMismatch("Mcp-Method"));

    assert_eq!(reason(post("[]")), Reason::BatchSize { limit: 32 });
    assert_eq!(reason(post(json!(vec![call("a"); 33]).to_string())), Reason::BatchSize { limit: 32 });
    assert!(post(json!(vec![call("a"); 32]).to_string()).is_ok());
    for (inner, wanted) in [
        ("[]", Reason::Json(Flaw::NotAnObject)),
        ("1", Reason::Json(Flaw::NotAnObject)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"x"}"#, Reason::Json(Flaw::DuplicateMember)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"p\ud800"}"#, Reason::Json(Flaw::LoneSurrogate)),
    ] {
        assert_eq!(reason(post(format!("[{inner}]"))), wanted, "{inner}");
    }
}

const MODERN: [(&str, &str); 3] =
    [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "add")];

// req: RS-11
#[test]
fn headers_of_2026_07_28_must_be_there_and_agree() {
    let body = modern("tools/call", &json!({ "name": "add" }));
    let good = post_with(&MODERN, body.clone()).unwrap();
    assert_eq!((good.revision(), good.era()), (Some(Revision::V2026_07_28), Era::Modern));

    let titles = ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"];
    for (index, title) in titles.into_iter().enumerate() {
        let mut fewer = MODERN.to_vec();
        fewer.remove(index);
        assert_eq!(reason(post_with(&fewer, body.clone())), Reason::HeaderMissing(title));
        let mut other = MODERN;
        other[index].1 = if index == 0 { "2025-11-25" } else { "other" };
        assert_eq!(reason(post_with(&other, body.clone())), Reason::HeaderMismatch(title));
        let mut twice = MODERN.to_vec();
        twice.push(MODERN[index]);
        assert_eq!(reason(post_with(&twice, body.clone())), Reason::RepeatedHeader(title.to_lowercase()));
    }
    let unnamed = legacy("tools/call", &json!({ "name": "add" }));
    assert!(matches!(reason(post_with(&MODERN, unnamed.clone())), Reason::Missing(m) if m.contains(VERSION_KEY)));
    // An older revision named to escape the rule: present headers are compared all the same.
    let escape = [("mcp-protocol-version", "2025-11-25"), ("mcp-method", "tools/call"), ("mcp-name", "other")];
    assert_eq!(reason(post_with(&escape, unnamed.clone())), Reason::HeaderMismatch("Mcp-Name"));
    assert!(post_with(&escape[..2], unnamed.clone()).is_ok());
    assert_eq!(reason(post_with(&[("mcp-method", "ping")], unnamed)), Reason::HeaderMismatch("Mcp-Method"));
}

// req: RS-11
#[test]
fn mcp_name_mirrors_name_uri_or_task_id_plain_or_in_base64() {
    for (method, params, name) in [
        ("tools/call", json!({ "name": "w\u{e9}ather" }), "=?base64?d8OpYXRoZXI=?="),
        ("tools/call", json!({ "name": "=?base64?literal?=" }), "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ("prompts/get", json!({ "name": "review" }), "review"),
        ("resources/read", json!({ "uri": "file:///a b" }), "file:///a b"),
        ("tasks/get", json!({ "taskId": "t-1" }), "t-1"),
        ("tasks/update", json!({ "taskId": "t-1" }), "t-1"),
        ("tasks/cancel", json!({ "taskId": "t-1" }), "t-1"),
    ] {
        let pairs = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method), ("mcp-name", name)];
        assert!(post_with(&pairs, modern(method, &params)).is_ok(), "{method} {name}");
        assert_eq!(reason(post_with(&pairs[..2], modern(method, &params))), Reason::HeaderMissing("Mcp-Name"));
    }
    let add = modern("tools/call", &json!({ "name": "add" }));
    for (name, wanted) in [
        ("=?base64?YWRk?=", None),
        ("=?base64?YWRj?=", Some(Reason::HeaderMismatch("Mcp-Name"))),
        ("=?BASE64?YWRk?=", Some(Reason::HeaderMismatch("Mcp-Name"))),
        ("=?base64?YWR?=", Some(Reason::HeaderMalformed("Mcp-Name"))),
        ("=?base64?_w==?=", Some(Reason::HeaderMalformed("Mcp-Name"))),
        ("=?base64?/w==?=", Some(Reason::HeaderMalformed("Mcp-Name"))),
        ("\u{e9}", Some(Reason::HeaderMalformed("Mcp-Name"))),
        ("ADD", Some(Reason::HeaderMismatch("Mcp-Name"))),
    ] {
        let pairs = [MODERN[0], MODERN[1], ("mcp-name", name)];
        assert_eq!(post_with(&pairs, add.clone()).err().map(|m| m.reason().clone()), wanted, "{name}");
    }
    // A name where the body has none was routed on by somebody.
    let pairs = [MODERN[0], ("mcp-method", "tools/list"), ("mcp-name", "add")];
    assert_eq!(reason(post_with(&pairs, modern("tools/list", &json!({})))), Reason::HeaderMismatch("Mcp-Name"));
    assert!(post_with(&pairs[..2], modern("tools/list", &json!({}))).is_ok());
}

// req: RS-11
#[test]
fn an_unknown_revision_is_refused_and_the_known_ones_are_read() {
    let ping = legacy("ping", &json!({}));
    for revision in Revision::ALL {
        let body = if revision.era() == Era::Modern { modern("ping", &json!({})) } else { ping.clone() };
        let pairs = [("mcp-protocol-version", revision.as_str()), ("mcp-method", "ping")];
        assert_eq!(post_with(&pairs, body).unwrap().revision(), Some(revision));
    }
    for unknown in ["1900-01-01", "2026-07-29", "", "DRAFT", "2025-11-25 "] {
        let refused = post_with(&[("mcp-protocol-version", unknown.trim_end())], ping.clone());
        if unknown.ends_with(' ') {
            assert!(refused.is_ok());
        } else {
            assert_eq!(reason(refused), Reason::UnknownRevision { requested: unknown.to_owned() });
        }
    }
    let named = legacy("ping", &json!({ "_meta": { VERSION_KEY: "2199-01-01" } }));
    assert_eq!(reason(post(named)), Reason::UnknownRevision { requested: "2199-01-01".to_owned() });
}

#[test]
fn notifications_need_no_mirroring_headers_but_must_not_contradict_them() {
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "_meta": { VERSION_KEY: "2026-07-28" } } });
    assert!(post_with(&MODERN[..1], body.to_string()).is_ok());
    assert_eq!(reason(post_with(&MODERN, body.to_string())), Reason::HeaderMismatch("Mcp-Method"));
    // Without an id a call is still a call: some servers run it.
    let hidden = json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": "add" } });
    assert_eq!(post(hidden.to_string()).unwrap().calls()[0].targets(), [tool("add")]);
}

#[test]
fn a_refusal_carries_the_request_id_and_the_era_for_its_answer() {
    let refused = post_with(&MODERN, r#"{"jsonrpc":"2.0","id":"q7","method":"tools/call","params":[]}"#).unwrap_err();
    assert_eq!((refused.id(), refused.era()), (Some(&RequestId::Text("q7".into())), Era::Modern));
    assert_eq!(refused.reason().code(), -32602);
    let batch = post(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping","x":1}]"#).unwrap_err();
    assert_eq!((batch.id(), batch.era()), (None, Era::Legacy));
    let garbled = post_with(&[("mcp-protocol-version", "x\u{e9}")], "{}").unwrap_err();
    assert_eq!((garbled.era(), garbled.reason().code()), (Era::Modern, -32020));
}
