//! Who may keep an answer.

use portcullis::rewrite::Refused;
use portcullis_core::policy::Listing;
use serde_json::{Value, json};

use crate::{Asked, request, result, rules, scopes, signed_in};

/// What the result becomes in the answer to that method of 2026-07-28.
fn told(method: &'static str, params: Value, answer: &str) -> Result<String, Refused> {
    let asked = Asked::modern(rules(), method, params);
    let text = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
    let told = asked.told(text(answer))?;
    let head = text("");
    Ok(told[head.len() - 1..told.len() - 1].to_owned())
}

// req: RS-18
#[test]
fn where_the_policy_varies_lists_and_reads_are_private() {
    for (method, params) in [
        ("tools/list", json!({})),
        ("prompts/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({ "uri": "file:///public/a" })),
        ("server/discover", json!({})),
    ] {
        for (before, after) in [
            (r#"{"ttlMs":1,"cacheScope": "public" }"#, r#"{"ttlMs":1,"cacheScope": "private" }"#),
            (r#"{"cacheScope":"priv\u0061te"}"#, r#"{"cacheScope":"priv\u0061te"}"#),
            (r#"{"cacheScope":null}"#, r#"{"cacheScope":"private"}"#),
            (r#"{"cacheScope":"Private"}"#, r#"{"cacheScope":"private"}"#),
            (r#"{"x":1}"#, r#"{"cacheScope":"private","x":1}"#),
            ("{ }", r#"{"cacheScope":"private" }"#),
            (r#"{"resultType":"complete"}"#, r#"{"cacheScope":"private","resultType":"complete"}"#),
            (r#"{"resultType":"input_required"}"#, r#"{"resultType":"input_required"}"#),
        ] {
            let told = told(method, params.clone(), before);
            assert_eq!(told.as_deref(), Ok(after), "{method}");
        }
        assert!(
            told(method, params.clone(), r#"{"cacheScope":"public","CacheScope":"public"}"#)
                .is_err()
        );
        assert!(told(method, params, r#"{"cacheScope":"public","cacheScope":"private"}"#).is_err());
    }
}

#[test]
fn what_is_answered_alike_to_all_is_left_to_the_server() {
    let answer = result(&json!({ "tools": [], "ttlMs": 1, "cacheScope": "public" })).to_string();
    let private = answer.replace("public", "private");
    for (policy, is_left) in [
        (signed_in(), true),
        (signed_in().base_scopes(scopes("files:read")), false),
        (rules(), false),
        (rules().listing(Listing::All), false),
    ] {
        let asked = Asked::modern(policy, "tools/list", json!({}));
        assert_eq!(asked.told(&answer).unwrap(), if is_left { &*answer } else { &*private });
    }
    // What is no list and no read says nothing about caching.
    let call = Asked::modern(rules(), "tools/call", json!({ "name": "read_a" }));
    assert_eq!(call.told(&answer).unwrap(), answer);
}

#[test]
fn before_there_were_scopes_of_caching_none_is_made_up() {
    let asked = Asked::new(rules(), request("tools/list", &json!({})));
    let plain = result(&json!({ "tools": [] })).to_string();
    assert_eq!(asked.told(&plain).unwrap(), plain);
    // A server of both eras may yet write them.
    let kept = result(&json!({ "tools": [], "ttlMs": 5 })).to_string();
    assert!(asked.told(&kept).unwrap().contains(r#""cacheScope":"private""#));
    let public = result(&json!({ "tools": [], "cacheScope": "public" })).to_string();
    assert_eq!(asked.told(&public).unwrap(), public.replace("public", "private"));
}

#[test]
fn a_filtered_list_is_private_as_well() {
    let asked = Asked::modern(rules(), "tools/list", json!({}));
    let page = |tools: Value, scope: &str| result(&json!({ "tools": tools, "cacheScope": scope }));
    let told = asked.told(page(json!([{ "name": "x" }, { "name": "read_a" }]), "public")).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told, page(json!([{ "name": "read_a" }]), "private"));
}
