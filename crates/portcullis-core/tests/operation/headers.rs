//! The headers of 2026-07-28, and how they agree with the body.

use super::*;

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
        assert_eq!(
            reason(post_with(&twice, body.clone())),
            Reason::RepeatedHeader(title.to_lowercase())
        );
    }
    let unnamed = legacy("tools/call", &json!({ "name": "add" }));
    assert!(
        matches!(reason(post_with(&MODERN, unnamed.clone())), Reason::Missing(m) if m.contains(VERSION_KEY))
    );
    // An older revision named to escape the rule: present headers are compared all the same.
    let escape = [
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "other"),
    ];
    assert_eq!(reason(post_with(&escape, unnamed.clone())), Reason::HeaderMismatch("Mcp-Name"));
    assert!(post_with(&escape[..2], unnamed.clone()).is_ok());
    assert_eq!(
        reason(post_with(&[("mcp-method", "ping")], unnamed)),
        Reason::HeaderMismatch("Mcp-Method")
    );
}

// req: RS-11
#[test]
fn mcp_name_mirrors_name_uri_or_task_id_plain_or_in_base64() {
    for (method, params, name) in [
        ("tools/call", json!({ "name": "w\u{e9}ather" }), "=?base64?d8OpYXRoZXI=?="),
        (
            "tools/call",
            json!({ "name": "=?base64?literal?=" }),
            "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=",
        ),
        ("prompts/get", json!({ "name": "review" }), "review"),
        ("resources/read", json!({ "uri": "file:///a b" }), "file:///a b"),
        ("tasks/get", json!({ "taskId": "t-1" }), "t-1"),
        ("tasks/update", json!({ "taskId": "t-1" }), "t-1"),
        ("tasks/cancel", json!({ "taskId": "t-1" }), "t-1"),
    ] {
        let pairs =
            [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method), ("mcp-name", name)];
        assert!(post_with(&pairs, modern(method, &params)).is_ok(), "{method} {name}");
        assert_eq!(
            reason(post_with(&pairs[..2], modern(method, &params))),
            Reason::HeaderMissing("Mcp-Name")
        );
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
        assert_eq!(
            post_with(&pairs, add.clone()).err().map(|m| m.reason().clone()),
            wanted,
            "{name}"
        );
    }
    // A name where the body has none was routed on by somebody.
    let pairs = [MODERN[0], ("mcp-method", "tools/list"), ("mcp-name", "add")];
    assert_eq!(
        reason(post_with(&pairs, modern("tools/list", &json!({})))),
        Reason::HeaderMismatch("Mcp-Name")
    );
    assert!(post_with(&pairs[..2], modern("tools/list", &json!({}))).is_ok());
}

// req: RS-11
#[test]
fn an_unknown_revision_is_refused_and_the_known_ones_are_read() {
    let ping = legacy("ping", &json!({}));
    for revision in Revision::ALL {
        let body =
            if revision.era() == Era::Modern { modern("ping", &json!({})) } else { ping.clone() };
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
fn methods_with_a_target_that_2026_07_28_has_dropped_are_none_of_it() {
    for (method, params) in [
        ("resources/subscribe", json!({ "uri": "file:///a" })),
        ("resources/unsubscribe", json!({ "uri": "file:///a" })),
        ("tasks/result", json!({ "taskId": "t-1" })),
    ] {
        let pairs = [MODERN[0], ("mcp-method", method)];
        for params in [&params, &json!({})] {
            let refused = post_with(&pairs, modern(method, params)).unwrap_err();
            assert_eq!(*refused.reason(), Reason::Dropped(method));
            assert_eq!((refused.reason().code(), refused.id().is_some()), (-32601, true));
        }
        let older = [("mcp-protocol-version", "2025-11-25"), ("mcp-method", method)];
        let read = post_with(&older, legacy(method, &params)).unwrap();
        assert_eq!(read.calls()[0].targets().len(), 1, "{method}");
        assert!(matches!(reason(post(legacy(method, &json!({})))), Reason::Missing(_)));
    }
}

#[test]
fn a_refusal_for_an_unknown_revision_carries_the_id() {
    let header = [("mcp-protocol-version", "2199-01-01")];
    let id = |body: &str| post_with(&header, body.to_owned()).unwrap_err().id().cloned();
    let discover = r#"{"jsonrpc":"2.0","id":301,"method":"server/discover"}"#;
    assert_eq!(id(discover), Some(RequestId::Number(301)));
    for unread in ["", "{", "[]", r#"{"id":1,"id":2}"#] {
        assert_eq!(id(unread), None, "{unread}");
    }
    let long = format!("{discover}{}", " ".repeat(Limits::default().body));
    assert_eq!(id(&long), None);
}

#[test]
fn notifications_need_no_mirroring_headers_but_must_not_contradict_them() {
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "_meta": { VERSION_KEY: "2026-07-28" } } });
    assert!(post_with(&MODERN[..1], body.to_string()).is_ok());
    assert_eq!(reason(post_with(&MODERN, body.to_string())), Reason::HeaderMismatch("Mcp-Method"));
    // Without an id a call is still a call, since some servers run it: with all its headers.
    let hidden = json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": "add" } });
    assert_eq!(post(hidden.to_string()).unwrap().calls()[0].targets(), [tool("add")]);
}

#[test]
fn a_refusal_carries_the_request_id_and_the_era_for_its_answer() {
    let refused =
        post_with(&MODERN, r#"{"jsonrpc":"2.0","id":"q7","method":"tools/call","params":[]}"#)
            .unwrap_err();
    assert_eq!((refused.id(), refused.era()), (Some(&RequestId::Text("q7".into())), Era::Modern));
    assert_eq!(refused.reason().code(), -32602);
    let batch = post(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping","x":1}]"#).unwrap_err();
    assert_eq!((batch.id(), batch.era()), (None, Era::Legacy));
    let garbled = post_with(&[("mcp-protocol-version", "x\u{e9}")], "{}").unwrap_err();
    assert_eq!((garbled.era(), garbled.reason().code()), (Era::Modern, -32020));
}

// req: RS-11
#[test]
fn a_call_without_id_and_a_bodiless_request_are_held_to_their_headers_too() {
    let params = json!({ "name": "add", "_meta": { VERSION_KEY: "2026-07-28" } });
    let hidden = json!({ "jsonrpc": "2.0", "method": "tools/call", "params": params }).to_string();
    assert!(post_with(&MODERN, hidden.clone()).is_ok());
    assert_eq!(reason(post_with(&MODERN[..2], hidden.clone())), Reason::HeaderMissing("Mcp-Name"));
    assert_eq!(
        reason(post_with(&MODERN[1..], hidden)),
        Reason::HeaderMissing("MCP-Protocol-Version")
    );

    let get = |pairs: &[(&str, &str)]| {
        Operation::read(&HttpMethod::GET, &header_map(pairs), Bytes::new(), Limits::default())
    };
    assert!(get(&[("mcp-protocol-version", "2025-11-25")]).is_ok());
    assert_eq!(reason(get(&[("mcp-method", "tools/call")])), Reason::HeaderMismatch("Mcp-Method"));
    assert_eq!(reason(get(&[("mcp-name", "add")])), Reason::HeaderMismatch("Mcp-Name"));
}

#[test]
fn any_mcp_header_and_the_content_headers_stand_once() {
    let body = legacy("ping", &json!({}));
    for (name, value) in [
        ("mcp-session-id", "s-1"),
        ("mcp-param-region", "eu"),
        ("content-type", "application/json"),
        ("content-encoding", "identity"),
    ] {
        let twice = post_with(&[(name, value), (name, value)], body.clone());
        assert_eq!(reason(twice), Reason::RepeatedHeader(name.to_owned()));
        if name != "content-type" {
            assert!(post_with(&[(name, value)], body.clone()).is_ok(), "{name}");
        }
    }
}

#[test]
fn other_headers_are_none_of_our_business() {
    let body = modern("tools/call", &json!({ "name": "add" }));
    let mut pairs = MODERN.to_vec();
    pairs.extend([("accept", "a/b"), ("accept", "c/d"), ("x-forwarded-for", "1"), ("mcp", "x")]);
    assert!(post_with(&pairs, body).is_ok());
}

// req: RS-11
#[test]
fn a_revision_named_in_the_body_alone_is_taken_at_its_word() {
    let with = |revision: &str| legacy("ping", &json!({ "_meta": { VERSION_KEY: revision } }));
    assert_eq!(post(with("2025-11-25")).unwrap().revision(), Some(Revision::V2025_11_25));
    assert_eq!(reason(post(with("2026-07-28"))), Reason::HeaderMissing("MCP-Protocol-Version"));
    let requested = "2025 11 25".to_owned();
    assert_eq!(reason(post(with("2025 11 25"))), Reason::UnknownRevision { requested });
}

#[test]
fn revisions_are_shown_by_their_names() {
    for name in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        assert_eq!(Revision::from_name(name).unwrap().to_string(), name);
    }
    assert_eq!(Revision::from_name("2026-07-29"), None);
}
