//! What is refused, by name.

use super::*;

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
        (
            "name twice",
            replaced(r#""name":"read""#, r#""name":"read","name":"delete""#),
            duplicate.clone(),
        ),
        (
            "name twice, once escaped",
            replaced(r#""name":"read""#, r#""name":"read","n\u0061me":"delete""#),
            duplicate.clone(),
        ),
        (
            "params twice",
            replaced(r#""id":1"#, r#""id":1,"params":{"name":"x"}"#),
            duplicate.clone(),
        ),
        ("argument twice", replaced(r#"{"a":{"#, r#"{"a":1,"a":{"#), duplicate.clone()),
        ("nested argument twice", replaced(r#"{"b":1}"#, r#"{"b":1,"b":2}"#), duplicate),
        ("Method", replaced(r#""id":1"#, r#""id":1,"Method":"ping""#), look_alike("method")),
        ("METHOD alone", replaced(r#""method""#, r#""METHOD""#), look_alike("method")),
        (
            "long s in params",
            replaced(r#""id":1"#, "\"id\":1,\"param\u{17f}\":{}"),
            look_alike("params"),
        ),
        (
            "Kelvin sign",
            replaced(r#""name":"read""#, "\"name\":\"read\",\"tas\u{212a}Id\":\"x\""),
            look_alike("taskId"),
        ),
        (
            "Name",
            replaced(r#""name":"read""#, r#""name":"read","Name":"delete""#),
            look_alike("name"),
        ),
        (
            "NUL and more behind name",
            replaced(r#""name":"read""#, r#""name\u0000x":"delete","name":"read""#),
            look_alike("name"),
        ),
        (
            "meta for _meta",
            replaced(r#""name":"read""#, r#""name":"read","meta":{}"#),
            look_alike("_meta"),
        ),
        (
            "task_id for taskId",
            replaced(r#""name":"read""#, r#""name":"read","task_id":"1""#),
            look_alike("taskId"),
        ),
        ("unknown member", replaced(r#""id":1"#, r#""id":1,"extra":1"#), Reason::UnknownMember),
        ("Tools/Call", replaced("tools/call", "Tools/Call"), Reason::LookAlikeMethod("tools/call")),
        ("tools_call", replaced("tools/call", "tools_call"), Reason::LookAlikeMethod("tools/call")),
        (
            "NUL and more behind the method",
            replaced("tools/call", r"tools/call\u0000x"),
            Reason::LookAlikeMethod("tools/call"),
        ),
        (
            "Notifications/x",
            replaced("tools/call", "Notifications/x"),
            Reason::LookAlikeMethod("notifications/…"),
        ),
        ("BOM", [b"\xEF\xBB\xBF", good.as_bytes()].concat(), Reason::Json(Flaw::Encoding)),
        ("UTF-16", utf16, Reason::Json(Flaw::Encoding)),
        ("UTF-16BE", utf16_be, Reason::Json(Flaw::Encoding)),
        ("gzip", b"\x1F\x8B\x08\x00abc".to_vec(), Reason::Json(Flaw::InvalidUtf8)),
        (
            "invalid UTF-8",
            replaced("read", "re?d")
                .into_iter()
                .map(|b| if b == b'?' { 0xFF } else { b })
                .collect(),
            Reason::Json(Flaw::InvalidUtf8),
        ),
        (
            "lone surrogate in name",
            replaced(r#""read""#, r#""re\ud800ad""#),
            Reason::Json(Flaw::LoneSurrogate),
        ),
        (
            "lone trailing surrogate",
            replaced(r#""read""#, r#""re\udc00ad""#),
            Reason::Json(Flaw::LoneSurrogate),
        ),
        (
            "surrogate and something else",
            replaced(r#""read""#, r#""re\ud800\u0061ad""#),
            Reason::Json(Flaw::LoneSurrogate),
        ),
        (
            "lone surrogate deep in arguments",
            replaced(r#"{"b":1}"#, r#"{"b":"\ud83d"}"#),
            Reason::Json(Flaw::LoneSurrogate),
        ),
        (
            "number too large",
            replaced(r#"{"b":1}"#, r#"{"b":1e400}"#),
            Reason::Json(Flaw::NumberOutOfRange),
        ),
        ("second document", [good.as_bytes(), b" {}"].concat(), Reason::Json(Flaw::TrailingBytes)),
        ("NUL behind", [good.as_bytes(), b"\0"].concat(), Reason::Json(Flaw::TrailingBytes)),
        ("comment", replaced("{", "/* */{"), Reason::Json(Flaw::Syntax)),
        ("comment behind", [good.as_bytes(), b"// x"].concat(), Reason::Json(Flaw::TrailingBytes)),
        ("trailing comma", replaced(r#""id":1,"#, r#""id":1,,"#), Reason::Json(Flaw::Syntax)),
        ("single quotes", replaced(r#""id""#, "'id'"), Reason::Json(Flaw::Syntax)),
        ("a string", b"\"tools/call\"".to_vec(), Reason::Json(Flaw::NotAnObject)),
        ("empty", Vec::new(), Reason::Json(Flaw::Syntax)),
        (
            "too deep",
            replaced(r#"{"b":1}"#, &format!("{}1{}", "[".repeat(80), "]".repeat(80))),
            Reason::Json(Flaw::TooDeep),
        ),
        ("much too deep", "[".repeat(200_000).into_bytes(), Reason::Json(Flaw::Syntax)),
    ];
    for (what, body, wanted) in table {
        assert_eq!(reason(post(body)), wanted, "{what}");
    }
}

#[test]
fn wrong_types_and_missing_members_are_named() {
    let good =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "a" } });
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
    assert_eq!(with("/id", json!("x".repeat(5000))), Reason::LongId);
    assert_eq!(with("/method", json!(["tools/call"])), Reason::WrongType("method"));
    for params in [json!(["a"]), json!("a"), json!(1)] {
        assert_eq!(with("/params", params), Reason::WrongType("params"));
    }
    for name in [json!(1), json!(null), json!(["a"]), json!({ "a": 1 })] {
        assert_eq!(with("/params/name", name), Reason::WrongType("params.name"));
    }
    assert_eq!(with("/params", json!({})), Reason::Missing("params.name"));
    for name in [
        "",
        "a\u{0}b",
        "line\nbreak",
        "c1\u{85}",
        " a",
        "a ",
        "a\u{a0}",
        "\u{feff}a",
        "a\u{2028}",
        &"x".repeat(5000),
    ] {
        assert_eq!(with("/params/name", json!(name)), Reason::BadName("params.name"), "{name:?}");
    }
    assert_eq!(
        with("/params", json!({ "name": "a", "arguments": ["x"] })),
        Reason::WrongType("params.arguments")
    );
    assert_eq!(
        with("/params", json!({ "name": "a", "_meta": [] })),
        Reason::WrongType("params._meta")
    );
    assert_eq!(
        with("/params", json!({ "name": "a", "_meta": { VERSION_KEY: 3 } })),
        Reason::WrongType(VERSION_KEY)
    );

    let mut both = good.clone();
    both["result"] = json!({});
    assert_eq!(reason(post(both.to_string())), Reason::Envelope);
    assert_eq!(reason(post(r#"{"jsonrpc":"2.0","id":1}"#)), Reason::Envelope);

    let complete = |reference: Value| {
        reason(post(legacy("completion/complete", &json!({ "ref": reference }))))
    };
    assert_eq!(complete(json!("ref/prompt")), Reason::WrongType("params.ref"));
    assert_eq!(
        complete(json!({ "type": "ref/other", "name": "a" })),
        Reason::WrongType("params.ref.type")
    );
    assert_eq!(
        complete(json!({ "type": "ref/prompt", "uri": "file:///a" })),
        Reason::Missing("params.ref.name")
    );
    assert_eq!(
        complete(json!({ "type": "ref/prompt", "Name": "a" })),
        Reason::LookAlikeMember("name")
    );

    for (good, other) in [
        (json!({ "type": "ref/prompt", "name": "a" }), "uri"),
        (json!({ "type": "ref/resource", "uri": "file:///a" }), "name"),
    ] {
        let with = |value: Value| {
            let mut reference = good.clone();
            reference[other] = value;
            post(legacy("completion/complete", &json!({ "ref": reference })))
        };
        assert!(with(json!(null)).is_ok());
        assert_eq!(reason(with(json!("b"))), Reason::WrongType("params.ref"));
    }

    let listen = |filter: Value| {
        reason(post(legacy("subscriptions/listen", &json!({ "notifications": filter }))))
    };
    assert_eq!(listen(json!([])), Reason::WrongType("params.notifications"));
    assert_eq!(listen(json!({ "toolsListChanged": 1 })), Reason::WrongType("params.notifications"));
    for special in ["__proto__", "$ref", "@type", "<<", "0"] {
        let filter = json!({ special: { "resourceSubscriptions": ["file:///a"] } });
        assert_eq!(listen(filter), Reason::SpecialMember("params.notifications"), "{special}");
    }
    assert!(
        post(legacy("subscriptions/listen", &json!({ "notifications": { "news": {} } }))).is_ok()
    );
    let uris = "params.notifications.resourceSubscriptions";
    assert_eq!(listen(json!({ "resourceSubscriptions": "file:///a" })), Reason::WrongType(uris));
    assert_eq!(
        listen(json!({ "resourceSubscriptions": ["file:///a", 1] })),
        Reason::WrongType(uris)
    );
    assert_eq!(
        listen(json!({ "resourceSubscriptions": vec!["file:///a"; 257] })),
        Reason::TooMany(uris)
    );
    assert_eq!(
        listen(json!({ "resource_subscriptions": [] })),
        Reason::LookAlikeMember("resourceSubscriptions")
    );
    assert_eq!(
        reason(post(legacy("subscriptions/listen", &json!({})))),
        Reason::Missing("params.notifications")
    );
}

#[test]
fn requests_are_limited_in_size_and_media_type() {
    let body = legacy("ping", &json!({}));
    let limits = Limits { body: body.len(), batch: 2 };
    let read = |headers: &HeaderMap, limits| {
        Operation::read(&HttpMethod::POST, headers, Bytes::from(body.clone()), limits)
    };
    let json = header_map(&[("content-type", "application/json")]);
    assert!(read(&json, limits).is_ok());
    let short = Limits { body: body.len() - 1, ..limits };
    assert_eq!(reason(read(&json, short)), Reason::TooLarge { limit: body.len() - 1 });

    for good in [
        "application/json; charset=utf-8",
        "Application/JSON;charset=\"UTF-8\"",
        "application/json ;",
    ] {
        assert!(read(&header_map(&[("content-type", good)]), limits).is_ok(), "{good}");
    }
    for bad in [
        "text/plain",
        "application/json; charset=utf-16",
        "application/jsonp",
        "application/json, text/plain",
        "text/json; application/json",
        "application/json; boundary=x",
    ] {
        assert_eq!(
            reason(read(&header_map(&[("content-type", bad)]), limits)),
            Reason::MediaType,
            "{bad}"
        );
    }
    assert_eq!(reason(read(&HeaderMap::new(), limits)), Reason::MediaType);
    let identity =
        header_map(&[("content-type", "application/json"), ("content-encoding", "Identity")]);
    assert!(read(&identity, limits).is_ok());
    for encoding in ["gzip", "identity, gzip", ""] {
        let encoded =
            header_map(&[("content-type", "application/json"), ("content-encoding", encoding)]);
        assert_eq!(reason(read(&encoded, limits)), Reason::ContentEncoding);
    }
}

/// What asks for nothing is open to all, so it must not be able to ask.
#[test]
fn a_notification_has_no_id() {
    let with =
        |id: &str| format!(r#"{{"jsonrpc":"2.0",{id}"method":"notifications/admin/purge"}}"#);
    assert_eq!(post(with("")).unwrap().calls()[0].method(), Method::Notification);
    assert_eq!(reason(post(with(r#""id":1,"#))), Reason::Envelope);
}

#[test]
fn ids_are_the_same_number_to_every_reader() {
    let with = |id: &str| post(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#));
    for id in ["9007199254740991", "-9007199254740991", "0"] {
        assert!(with(id).is_ok(), "{id}");
    }
    for id in ["9007199254740992", "-9007199254740992", "18446744073709551615", "1e3", "-0"] {
        assert_eq!(reason(with(id)), Reason::WrongType("id"), "{id}");
    }
    let batch = |second: &str| {
        let ping = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        post(format!("[{},{}]", ping("7"), ping(second)))
    };
    assert!(batch("8").is_ok() && batch("\"7\"").is_ok());
    assert_eq!(reason(batch("7")), Reason::Envelope);
}

/// A body of a million items costs about its own size, not a shape for each.
#[test]
fn long_lists_are_walked_and_not_kept() {
    let ones = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
    let filter = |list: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{"taskIds":{list}}}}}}}"#
        )
    };
    let title = "params.notifications.taskIds";
    assert_eq!(reason(post(filter(&ones(256)))), Reason::WrongType(title));
    assert_eq!(reason(post(filter(&ones(257)))), Reason::TooMany(title));
    let broken = format!("{},1,]", "[1".to_owned() + &",1".repeat(300));
    assert_eq!(reason(post(filter(&broken))), Reason::Json(Flaw::Syntax));
}

#[test]
fn an_operation_has_a_bounded_number_of_targets() {
    let listen = |id: usize, uris: usize| {
        let uris = vec!["file:///a"; uris];
        json!({ "jsonrpc": "2.0", "id": id, "method": "subscriptions/listen",
                "params": { "notifications": { "resourceSubscriptions": uris } } })
    };
    assert!(post(json!([listen(1, 128), listen(2, 128)]).to_string()).is_ok());
    let more = post(json!([listen(1, 128), listen(2, 129)]).to_string());
    assert_eq!(reason(more), Reason::TooMany("the operation"));
}

#[test]
fn a_filter_has_a_bounded_number_of_kinds() {
    let listen = |kinds: usize| {
        let filter: serde_json::Map<String, Value> =
            (0..kinds).map(|kind| (format!("kind{kind}"), json!(false))).collect();
        post(legacy("subscriptions/listen", &json!({ "notifications": filter })))
    };
    assert!(listen(256).is_ok());
    assert_eq!(reason(listen(257)), Reason::TooMany("params.notifications"));
}

/// Each is held against every rule that could match it.
#[test]
fn an_operation_has_targets_of_bounded_length() {
    let listen = |more: &[&str]| {
        let mut uris = vec!["x".repeat(MAX_NAME); MAX_TARGET_BYTES / MAX_NAME];
        uris.extend(more.iter().map(|uri| (*uri).to_owned()));
        let filter = json!({ "notifications": { "resourceSubscriptions": uris } });
        post(legacy("subscriptions/listen", &filter))
    };
    assert!(listen(&[]).is_ok());
    assert_eq!(reason(listen(&["x"])), Reason::TooMany("the operation"));
}

/// Some clients send null for what they leave out.
#[test]
fn no_params_may_be_written_as_null() {
    let with = |method: &str, params: &str| {
        post(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#))
    };
    assert!(with("tools/list", "null").is_ok());
    assert!(with("tools/list", "{}").is_ok());
    for params in ["[]", "7", "\"\"", "false"] {
        assert_eq!(reason(with("tools/list", params)), Reason::WrongType("params"));
    }
    assert_eq!(reason(with("tools/call", "null")), Reason::Missing("params.name"));
}

#[test]
fn neither_debug_nor_display_shows_what_a_client_wrote_to_upstream() {
    let call =
        legacy("tools/call", &json!({ "name": "login", "arguments": { "password": "hunter2" } }));
    let shown = format!("{:?}", post(call).unwrap());
    assert!(shown.contains("login") && !shown.contains("hunter2"), "{shown}");
    let login = |id: u64| {
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": { "name": "login", "arguments": { "password": "hunter2" } } })
    };
    let shown = format!("{:?}", post(json!([login(1), login(2)]).to_string()).unwrap());
    assert!(shown.contains("login") && !shown.contains("hunter2"), "{shown}");
    let forged = RequestId::Text("a\nFORGED LINE \u{1b}[31m".into());
    assert_eq!(forged.to_string(), "a?FORGED LINE ?[31m");
}

#[test]
fn names_are_bounded_to_the_byte() {
    let call = |length: usize| post(legacy("tools/call", &json!({ "name": "x".repeat(length) })));
    assert!(call(MAX_NAME).is_ok());
    assert_eq!(reason(call(MAX_NAME + 1)), Reason::BadName("params.name"));
    let id = |length: usize| {
        post(json!({ "jsonrpc": "2.0", "id": "x".repeat(length), "method": "ping" }).to_string())
    };
    assert!(id(MAX_NAME).is_ok());
    assert_eq!(reason(id(MAX_NAME + 1)), Reason::LongId);
}
