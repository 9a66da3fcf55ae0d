//! What lists show.

use portcullis::rewrite::Refused;
use portcullis_core::json::{Flaw, LookAlike};
use portcullis_core::operation::MAX_NAME;
use portcullis_core::policy::{Listing, PolicyBuilder};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Asked, JSON, alice, bob, request, result, rules, scopes, signed_in};

fn list(policy: PolicyBuilder, method: &str) -> Asked {
    Asked::new(policy, request(method, &json!({})))
}

fn tools() -> Asked {
    list(rules(), "tools/list")
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

// req: RS-18
#[test]
fn each_list_shows_what_the_caller_may_use() {
    for (method, list_name, member, shown, hidden) in [
        ("tools/list", "tools", "name", "read_file", "delete_file"),
        ("prompts/list", "prompts", "name", "ask_me", "tell_me"),
        ("resources/list", "resources", "uri", "file:///public/a/b", "file:///private/a"),
        (
            "resources/templates/list",
            "resourceTemplates",
            "uriTemplate",
            "file:///public/{name}",
            "file:///private/{name}",
        ),
    ] {
        let item = |name: &str| json!({ member: name, "title": "same" });
        let page =
            json!({ list_name: [item(hidden), item(shown), item(hidden)], "nextCursor": "c" });
        let told = list(rules(), method).told(result(&page)).unwrap();
        let expected = json!({ list_name: [item(shown)], "nextCursor": "c" });
        assert_eq!(value(&told), result(&expected), "{method}");
        let everything = list(signed_in(), method).told(result(&page)).unwrap();
        assert_eq!(everything, result(&page).to_string(), "{method}");
    }
}

#[test]
fn the_operator_says_what_lists_show() {
    // Who holds the scope sees more; who could obtain it, where lists show what is obtainable.
    let page = result(&json!({ "tools": [{ "name": "read_a" }, { "name": "delete_a" }] }));
    let names = |listing, claims| {
        let told = list(rules().listing(listing), "tools/list").by(claims).told(&page).unwrap();
        value(&told)["result"]["tools"].as_array().unwrap().len()
    };
    let holder = json!({ "scope": "files:delete" });
    assert_eq!(names(Listing::Allowed, alice()), 1);
    assert_eq!(names(Listing::Allowed, holder), 2);
    assert_eq!(names(Listing::Obtainable, bob()), 2);
    assert_eq!(names(Listing::All, bob()), 2);
}

#[test]
fn only_the_bytes_of_hidden_items_go() {
    for (before, after) in [
        ("", ""),
        (" ", " "),
        (r#"{"name":"read_a"}"#, r#"{"name":"read_a"}"#),
        (r#"{"name":"x"}"#, ""),
        (r#" {"name":"x"} , {"name":"y"} "#, "  "),
        (r#"{"name":"x"} , {"name":"read_a"}"#, r#"{"name":"read_a"}"#),
        (r#"{"name":"read_a"} , {"name":"x"}"#, r#"{"name":"read_a"}"#),
        (
            "\n{\"name\":\"read_a\" },\n {\"name\":\"x\"}\n,\n{\"name\":\"read_b\"}\n",
            "\n{\"name\":\"read_a\" }\n,\n{\"name\":\"read_b\"}\n",
        ),
        (
            r#"{"name":"x"},{"name":"y"}, {"b":1,"name":"read_a"},{"name":"z"},{"name":"w"}"#,
            r#"{"b":1,"name":"read_a"}"#,
        ),
    ] {
        let text = |items: &str| {
            format!(
                "{{\"id\":1, \"result\" :\t{{ \"tools\": [{items}],\"nextCursor\":\"\\u0041\"}},\"jsonrpc\":\"2.0\"}}\n"
            )
        };
        assert_eq!(tools().told(text(before)).unwrap(), text(after), "{before}");
    }
}

#[test]
fn names_are_read_as_every_reader_reads_them() {
    let page =
        |items: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{items}]}}}}"#);
    for (item, is_shown) in [
        (r#"{"name":"r\u0065ad_a"}"#, true),
        (r#"{"name":"d\u0065lete"}"#, false),
        (r#"{"n\u0061me":"read_a"}"#, true),
        (r#"{"n\u0061me":"delete"}"#, false),
        ("{\"name\":\"caf\u{e9}\"}", true),
        (r#"{"name":"caf\u00e9"}"#, true),
        ("{\"name\":\"cafe\u{301}\"}", false),
        (r#"{"name":"READ_A"}"#, false),
        (r#"{"inputSchema":{"name":"read_a"},"name":"delete"}"#, false),
    ] {
        let told = tools().told(page(item)).unwrap();
        assert_eq!(told, page(if is_shown { item } else { "" }), "{item}");
    }
    for (length, is_shown) in [(MAX_NAME, true), (MAX_NAME + 1, false)] {
        let item = json!({ "name": format!("read_{}", "x".repeat(length - 5)) }).to_string();
        let told = tools().told(page(&item)).unwrap();
        assert_eq!(
            told,
            page(if is_shown { &item } else { "" }),
            "no request can name it: {length}"
        );
    }
}

#[test]
fn what_is_no_clear_list_is_refused() {
    let text = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
    for (result, refused) in [
        (r#"{"tools":[{"name":"read_a","name":"x"}]}"#, Refused::Json(Flaw::DuplicateMember)),
        (r#"{"tools":[],"tools":[{"name":"x"}]}"#, Refused::Json(Flaw::DuplicateMember)),
        (r#"{"tools":[],"t\u006fols":[{"name":"x"}]}"#, Refused::Json(Flaw::DuplicateMember)),
        (r#"{"tools":[],"Tools":[{"name":"x"}]}"#, Refused::LookAlike(LookAlike)),
        (r#"{"tools":[{"name":"read_a","Name":"x"}]}"#, Refused::LookAlike(LookAlike)),
        (r#"{"tools":[{"title":"x"}]}"#, Refused::Shape("name")),
        (r#"{"tools":[{"name":7}]}"#, Refused::Shape("name")),
        (r#"{"tools":[{"name":null}]}"#, Refused::Shape("name")),
        (r#"{"tools":["read_a"]}"#, Refused::Shape("name")),
        (r#"{"tools":[["read_a"]]}"#, Refused::Shape("name")),
        (r#"{"tools":{"name":"x"}}"#, Refused::Shape("tools")),
        (r#"{"tools":null}"#, Refused::Shape("tools")),
        (r#"{"prompts":[{"x":1}]}"#, Refused::Shape("name")),
        (r#"[{"name":"x"}]"#, Refused::Shape("result")),
        (r#"{"tools":[{"name":"\ud800"}]}"#, Refused::Json(Flaw::LoneSurrogate)),
        (r#"{"tools":[]}}"#, Refused::Json(Flaw::TrailingBytes)),
        (r#"{"tools":[],}"#, Refused::Json(Flaw::Syntax)),
    ] {
        assert_eq!(tools().told(text(result)), Err(refused), "{result}");
    }
    assert_eq!(tools().told("[[{}]]"), Err(Refused::Shape("the message")));
    assert_eq!(tools().told("Accepted"), Err(Refused::Json(Flaw::Syntax)));
    assert_eq!(tools().told("\u{feff}{}"), Err(Refused::Json(Flaw::Encoding)));
    let clear = text(r#"{"tools":[{"name":"read_a"}]}"#);
    assert_eq!(tools().told(&clear), Ok(clear));
}

#[test]
fn answers_without_a_list_pass() {
    for answer in [
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"tools"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required"}}"#,
        "",
        " \n",
        "null",
        r#""Accepted""#,
        "[]",
    ] {
        assert_eq!(tools().told(answer).unwrap(), answer);
    }
}

#[test]
fn a_list_of_whatever_media_type_is_filtered_or_refused() {
    let page = result(&json!({ "tools": [{ "name": "delete" }] })).to_string();
    let empty = result(&json!({ "tools": [] })).to_string();
    for media in [JSON, "application/json; charset=utf-8", "Application/JSON", "text/plain", "x"] {
        assert_eq!(tools().answered(media, [page.clone()]), Ok(empty.clone()), "{media}");
    }
    // Which nobody takes for a list.
    for text in ["Accepted", "<p>tools</p>", ""] {
        assert_eq!(tools().answered("text/plain", [text]).as_deref(), Ok(text));
    }
    for (text, flaw) in [
        (&b"{"[..], Flaw::Syntax),
        (b"\xff\xfe{\0}\0", Flaw::Encoding),
        (b"\0{\0}", Flaw::Encoding),
        (b"\xef\xbb\xbf{}", Flaw::Encoding),
    ] {
        assert_eq!(tools().answered("text/plain", [text]), Err(Refused::Json(flaw)));
    }
}

#[test]
fn of_a_batch_every_list_is_filtered() {
    let messages = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "tools/list" },
        { "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "read_a" } },
    ]);
    let asked = Asked::new(rules(), messages).in_revision(Some("2025-03-26"));
    let called = json!({ "jsonrpc": "2.0", "id": 2, "result": { "content": [{ "name": "x" }] } });
    let list = |tools: Value| result(&json!({ "tools": tools }));
    let told = asked.told(json!([called, list(json!([{ "name": "x" }, { "name": "read_a" }]))]));
    assert_eq!(value(&told.unwrap()), json!([called, list(json!([{ "name": "read_a" }]))]));
    assert_eq!(asked.told("[[]]"), Err(Refused::Shape("the message")));
}

#[test]
fn a_list_may_come_in_pieces_and_has_a_bound() {
    let page = result(&json!({ "tools": [{ "name": "x" }, { "name": "read_a" }] })).to_string();
    let told = result(&json!({ "tools": [{ "name": "read_a" }] })).to_string();
    for at in 0..=page.len() {
        let (before, behind) = page.split_at(at);
        let pieces = [before.to_owned(), behind.to_owned()];
        assert_eq!(tools().answered(JSON, pieces).unwrap(), told, "{at}");
    }
    let piece = " ".repeat(1 << 20);
    let sixteen = std::iter::repeat_n(piece.clone(), 16);
    assert_eq!(tools().answered(JSON, sixteen.clone()).unwrap().len(), 16 << 20);
    let more = sixteen.chain([" ".to_owned()]);
    assert_eq!(tools().answered(JSON, more), Err(Refused::TooLong(16 << 20)));
}

#[test]
fn a_policy_that_hides_nothing_leaves_even_lists_that_nobody_can_read() {
    let garbage = r#"{"result":{"tools":[{"name":1}],"tools":[]}"#;
    for policy in [signed_in(), rules().listing(Listing::All)] {
        let asked = list(policy, "tools/list");
        // Where the policy varies, the answer must yet be marked as private.
        let varies = asked.policy.varies();
        assert_eq!(asked.told(garbage).is_err(), varies);
    }
    assert!(
        list(signed_in().base_scopes(scopes("files:read")), "tools/list").told(garbage).is_err()
    );
}

fn tool() -> impl Strategy<Value = Value> {
    let name = prop_oneof!["read_[a-z\"\\\\\u{e9}]{0,5}", "[a-z_\u{1f600}]{1,8}"];
    (name, any::<Option<bool>>(), vec("[a-z{}\\[\\],\"\\\\]{0,6}", 0..3)).prop_map(
        |(name, hint, words)| json!({ "a": words, "name": name, "hint": hint, "z": { "name": 1 } }),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_any_list_what_is_hidden_is_missing_and_the_rest_as_it_was(
        tools_listed in vec(tool(), 0..8),
        is_pretty in any::<bool>(),
    ) {
        let is_shown = |tool: &&Value| {
            let name = tool["name"].as_str().unwrap();
            name.starts_with("read_") || name == "caf\u{e9}"
        };
        let page = |tools: Vec<&Value>| result(&json!({ "tools": tools, "nextCursor": "x" }));
        let before = page(tools_listed.iter().collect());
        let after = page(tools_listed.iter().filter(is_shown).collect());
        let text = if is_pretty { format!("{before:#}") } else { before.to_string() };
        let told = tools().told(&text).unwrap();
        if before == after {
            prop_assert_eq!(&told, &text);
        }
        prop_assert_eq!(value(&told), after);
    }
}
