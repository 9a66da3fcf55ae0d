//! For each disagreement between parsers, a body on which they disagree.

use super::{Call, Reading, readings};

fn call(method: &str, targets: &[&str]) -> Call {
    (method.to_owned(), targets.iter().map(|&target| target.to_owned()).collect())
}

fn tool(name: &str) -> Call {
    call("tools/call", &[name])
}

/// A tool call with these members in `params`.
fn body(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}}}}}"#)
}

/// Who reads `body` as exactly this.
fn reader(body: impl AsRef<[u8]>, calls: &[Call]) -> Option<String> {
    readings(body.as_ref()).into_iter().find(|r| r.calls == calls).map(|r| r.how)
}

#[test]
fn a_plain_message_has_one_reading() {
    for (plain, wanted) in [
        (body(r#""name":"add","arguments":{"name":"x"}"#), vec![tool("add")]),
        (format!("[{},{}]", body(r#""name":"a""#), body(r#""name":"b""#)), vec![tool("a"), tool("b")]),
        (r#"{"method":"ping"}"#.to_owned(), vec![call("ping", &[])]),
        (r#"{"method":"x/y","params":{"name":"z"}}"#.to_owned(), vec![call("x/y", &[])]),
        (r#"{"id":1,"result":{"method":"ping"}}"#.to_owned(), vec![call("<response>", &[])]),
        (
            r#"{"method":"resources/read","params":{"uri":"file:///a"}}"#.to_owned(),
            vec![call("resources/read", &["file:///a"])],
        ),
        (
            r#"{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"}}}"#.to_owned(),
            vec![call("completion/complete", &["p"])],
        ),
        (
            r#"{"method":"subscriptions/listen","params":{"notifications":{"promptsListChanged":false,
                "taskIds":["t"],"toolsListChanged":true,"resourceSubscriptions":["a","b"],"news":1}}}"#
                .to_owned(),
            vec![call("subscriptions/listen", &["toolsListChanged", "news", "a", "b", "t"])],
        ),
    ] {
        let found = readings(plain.as_bytes());
        let calls: Vec<_> = found.iter().map(|r| &r.calls).collect();
        assert_eq!(calls, [&wanted], "{plain}");
        assert!(found.iter().all(|r| r.is_covered_by(&wanted)));
    }
    for nothing in
        ["", "{}", "[]", "1", "\"ping\"", r#"{"jsonrpc":"2.0","id":1}"#, "{\"method\":", "]]}}"]
    {
        assert_eq!(readings(nothing.as_bytes()), [], "{nothing}");
    }
}

/// On each of these two readers part ways: one does the first, one the second.
#[test]
fn each_disagreement_shows() {
    let good = body(r#""name":"read""#);
    let table: Vec<(&str, Vec<u8>)> = vec![
        ("twice", body(r#""name":"read","name":"delete""#).into()),
        ("twice, escaped", body(r#""name":"read","n\u0061me":"delete""#).into()),
        ("ASCII case", body(r#""name":"read","NAME":"delete""#).into()),
        ("separators", body(r#""name":"read","_name":"delete""#).into()),
        ("NUL in a name", body(r#""name\u0000x":"delete","name":"read""#).into()),
        ("blank in a name", body(r#""name":"read","name ":"delete""#).into()),
        ("two documents", format!("{good} {}", body(r#""name":"delete""#)).into()),
        ("a NUL between", format!("{good}\0{}", body(r#""name":"delete""#)).into()),
        ("a comment", body(r#"/* "name":"read" */ "name":"read", 'name':"delete""#).into()),
        ("no quotes", body(r#""name":"read",name:"delete""#).into()),
        ("params twice", good.replace(r#""id":1"#, r#""id":1,"params":{"name":"delete"}"#).into()),
    ];
    for (what, body) in table {
        let found = readings(&body);
        for wanted in ["read", "delete"] {
            assert!(found.iter().any(|r| r.calls == [tool(wanted)]), "{what}: {found:?}");
        }
        assert!(!found.iter().all(|r| r.is_covered_by(&[tool("read")])), "{what}");
    }
}

#[test]
fn folding_reaches_beyond_ascii() {
    let long_s = "{\"method\":\"ping\",\"params\":{\"ta\u{17f}\u{212a}Id\":\"b\"}}";
    let task = [call("tasks/get", &["b"])];
    assert!(reader(long_s.replace("ping", "tasks/get"), &task).is_some());
    let snake = r#"{"method":"tasks/get","params":{"task_id":"a"}}"#;
    assert!(reader(snake, &[call("tasks/get", &["a"])]).is_some());
    for method in [
        "Tools/Call",
        "toolS/call",
        "tools\u{2215}call",
        "tools_call",
        " tools/call",
        "tools/call\\u0000/x",
    ] {
        let loose = body(r#""name":"a""#).replace("tools/call", method);
        assert!(reader(&loose, &[tool("a")]).is_some(), "{method}");
    }
}

#[test]
fn strings_are_cut_trimmed_replaced_or_kept() {
    for (written, read) in [
        (r"delete\u0000.txt", "delete"),
        (r"\u0009delete\u00a0", "delete"),
        (r"\ufeffdelete", "delete"),
        (r"a\ud800b", "a\u{fffd}b"),
        (r"a\ud800b", r"a\ud800b"),
        (r"a\udc00b", "ab"),
        (r"\ud83d\ude00", "\u{1f600}"),
        (r"\x61\'\/", "a'/"),
    ] {
        let body = body(&format!(r#""name":"{written}""#));
        assert!(reader(&body, &[tool(read)]).is_some(), "{written} as {read}");
    }
}

#[test]
fn types_are_coerced_and_arrays_taken_for_objects() {
    for (params, read) in [
        (r#"{"name":12}"#, "12"),
        (r#"{"name":["a"]}"#, "a"),
        (r#"["a",{}]"#, "a"),
        (r#"{"__proto__":{"name":"a"}}"#, "a"),
    ] {
        let body = format!(r#"{{"method":"tools/call","params":{params}}}"#);
        assert!(reader(&body, &[tool(read)]).is_some(), "{params}");
        let positional = format!(r#"["2.0",1,"tools/call",{params}]"#);
        assert_eq!(
            reader(&positional, &[tool(read)]).is_some(),
            params.starts_with('['),
            "{params}"
        );
    }
    let listen = |filter: &str| {
        format!(r#"{{"method":"subscriptions/listen","params":{{"notifications":{filter}}}}}"#)
    };
    for filter in [
        r#"{"resourceSubscriptions":"a"}"#,
        r#"{"resourceSubscriptions":{"0":"a"}}"#,
        r#"[["a"]]"#,
        r#"{"__proto__":{"resourceSubscriptions":["a"]}}"#,
    ] {
        assert!(
            reader(listen(filter), &[call("subscriptions/listen", &["a"])]).is_some(),
            "{filter}"
        );
    }
    let both = r#"{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"a","uri":"b"}}}"#;
    for read in ["a", "b"] {
        assert!(reader(both, &[call("completion/complete", &[read])]).is_some(), "{read}");
    }
}

#[test]
fn a_message_with_method_and_result_is_either() {
    let both = r#"{"method":"ping","id":1,"result":{}}"#;
    assert!(reader(both, &[call("ping", &[])]).is_some());
    assert!(reader(both, &[call("<response>", &[])]).is_some());
}

#[test]
fn every_character_set_is_tried() {
    let text = body(r#""name":"add""#);
    let utf16 = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let utf32 =
        |unit: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| unit(c.into())).collect::<Vec<u8>>();
    for (mark, bytes) in [
        (&b"\xEF\xBB\xBF"[..], text.clone().into_bytes()),
        (b"\xFF\xFE", utf16(u16::to_le_bytes)),
        (b"\xFE\xFF", utf16(u16::to_be_bytes)),
        (b"\xFF\xFE\0\0", utf32(u32::to_le_bytes)),
        (b"\0\0\xFE\xFF", utf32(u32::to_be_bytes)),
    ] {
        for body in [[mark, &bytes].concat(), bytes] {
            assert!(reader(&body, &[tool("add")]).is_some(), "{body:?}");
        }
    }
    let invalid =
        [b"{\"method\":\"tools/call\",\"params\":{\"name\":\"a\xE9\"}}".as_slice()].concat();
    assert!(reader(&invalid, &[tool("a\u{e9}")]).is_some());
    assert!(reader(&invalid, &[tool("a\u{fffd}")]).is_some());
}

/// A reader that does not unescape names may find less, never something else.
#[test]
fn escaped_names_may_be_missed() {
    let judged = [call("subscriptions/listen", &["toolsListChanged", "a"])];
    let written = r#"{"method":"subscriptions/listen","params":{"notifications":{"tools\u004cistChanged":true,"resourceSubscriptions":["a"]}}}"#;
    let found = readings(written.as_bytes());
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|r| r.is_covered_by(&judged)));
    let other = [call("subscriptions/listen", &["a", "toolsListChanged"])];
    assert!(!found.iter().any(|r| r.is_covered_by(&other) && !r.misses_escaped_names));
    let raw = Reading {
        how: String::new(),
        calls: vec![tool("a")],
        arguments: vec![vec![]],
        misses_escaped_names: true,
    };
    assert!(raw.is_covered_by(&[call("ping", &[]), tool("a")]));
    assert!(!raw.is_covered_by(&[tool("b")]));
}

#[test]
fn no_input_overflows_the_stack_or_hangs() {
    for deep in ["[", "{\"a\":", "{", "[{\"method\":["] {
        assert_eq!(readings(deep.repeat(100_000).as_bytes()), []);
    }
    let many = body(r#""name":"a""#).repeat(1000);
    assert_eq!(readings(many.as_bytes()).len(), 1);
}

/// Whether some reader calls `read` with just these arguments.
fn hands_on(arguments: &str, wanted: &[(&str, &str)]) -> bool {
    let body = body(&format!(r#""name":"read","arguments":{arguments}"#));
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    let wanted: Vec<_> = wanted.iter().map(owned).collect();
    readings(body.as_bytes()).iter().any(|r| r.calls == [tool("read")] && r.arguments == [&*wanted])
}

#[test]
fn arguments_follow_the_manner_of_the_reader() {
    for (arguments, wanted) in [
        (r#"{"p":"a","p":"b"}"#, &[("p", "a")][..]),
        (r#"{"p":"a","p":"b"}"#, &[("p", "b")]),
        (r#"{"path":"a","Path":"b"}"#, &[("path", "a"), ("Path", "b")]),
        (r#"{"path":"a","Path":"b"}"#, &[("path", "b")]),
        (r#"{"path":"a","pa_th":"b"}"#, &[("path", "b")]),
        (r#"{"path":"a","path\u0000x":"b\u0000c"}"#, &[("path", "b")]),
        (r#"{"path":"a","p\u0061th":"b"}"#, &[("path", "a"), ("p\\u0061th", "b")]),
        (r#"{"p":["a",true,1]}"#, &[("p", "a"), ("p", "true"), ("p", "1")]),
        (r#"{"n":9007199254740993}"#, &[("n", "9007199254740992")]),
        (r#"{"n":9007199254740993}"#, &[("n", "9007199254740993")]),
        (r#"{"n":-0,"m":1e1}"#, &[("n", "0"), ("m", "10")]),
        (r#"{"p":"a","__proto__":{"p":"x","q":"b"}}"#, &[("p", "a"), ("q", "b")]),
        (r#"{"p":{"q":"a"}}"#, &[]),
        (r#"{"p":{"q":"a"}}"#, &[("p", "a")]),
        ("[1]", &[]),
    ] {
        assert!(hands_on(arguments, wanted), "{arguments} as {wanted:?}");
    }
    assert!(!hands_on(r#"{"path":"a"}"#, &[]), "nobody misses what everybody finds");
    let list = r#"{"method":"tools/list","params":{"arguments":{"p":"a"}}}"#;
    assert!(readings(list.as_bytes()).iter().all(|r| r.arguments == [[]]));
}
