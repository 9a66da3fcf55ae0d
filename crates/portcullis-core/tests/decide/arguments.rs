//! Conditions on the arguments of a call.

use super::places::check;
use super::*;

#[test]
fn argument_conditions_narrow_a_rule() {
    let guarded = allow("tools/call read").arg("path", ["/public/**", "/srv/*.txt"]).unwrap();
    let policy =
        Policy::rules(resource(), [guarded, allow("tools/call read").scopes(scopes("all"))])
            .build()
            .unwrap();
    for (arguments, wanted) in [
        (json!({ "path": "/public/a/b" }), true),
        (json!({ "path": "/srv/a.txt" }), true),
        (json!({ "path": "/srv/a/b.txt" }), false),
        (json!({ "path": "/private/a" }), false),
        (json!({ "path": "/public/../private/a" }), false),
        (json!({ "path": "/public/%2e%2e/private" }), false),
        (json!({ "path": "/public\\..\\private" }), false),
        (json!({ "path": ["/public/a", "/public/b"] }), true),
        (json!({ "path": ["/public/a", "/private/b"] }), false),
        (json!({ "path": [] }), false),
        (json!({ "path": ["/public/a", null] }), false),
        (json!({ "path": null }), false),
        (json!({ "path": { "/public/a": 1 } }), false),
        (json!({ "path": 7 }), false),
        (json!({ "Path": "/public/a" }), false),
        (json!({ "path": "/public/a", "Path": "/private/a" }), false),
        (json!({ "path": "/public/a", "PATH_": "/private/a" }), false),
        (json!({ "path": "/public/a", "other": { "path": "/private" } }), true),
        (json!({ "other": { "path": "/public/a" } }), false),
        (json!({}), false),
    ] {
        let refused = failure_or_none(&policy, caller("", &[]), call_with("read", &arguments));
        assert_eq!(refused, (!wanted).then(|| needs("all")), "{arguments}");
        permit(&policy, caller("all", &[]), call_with("read", &arguments));
    }
    assert_eq!(
        failure_or_none(&policy, caller("", &[]), call("read")),
        Some(needs("all")),
        "no arguments at all"
    );
}

#[test]
fn escapes_are_resolved_in_values_and_hide_no_name() {
    let arg = |name: &str, patterns: &[&str]| {
        let rule = allow("tools/call read").arg(name, patterns.iter().copied()).unwrap();
        Policy::rules(resource(), [rule]).build().unwrap()
    };
    let allows = |policy: &Policy, member: &str| {
        let body =
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read",MEMBER}}"#;
        let operation = read_text(&body.replace("MEMBER", member));
        failure_or_none(policy, caller("", &[]), operation).is_none()
    };
    let path = arg("path", &["/public/**"]);
    assert!(allows(&path, r#""arguments":{"path":"\/public\/\u0061"}"#));
    assert!(!allows(&path, r#""arguments":{"path":"\/public\/\u002e\u002e\/x"}"#));
    // Whoever compares names as they are written would miss these.
    assert!(!allows(&path, r#""arguments":{"p\u0061th":"/public/a"}"#));
    assert!(!allows(&path, r#""argument\u0073":{"path":"/public/a"}"#));
    // Many honest writers escape all that is not ASCII.
    let umlaut = arg("größe", &["m"]);
    assert!(allows(&umlaut, r#""arguments":{"gr\u00f6\u00dfe":"m"}"#));
    assert!(allows(&umlaut, r#""arguments":{"größe":"m"}"#));
}

/// To most languages `"false"`, `"0"` and `[false]` are true.
#[test]
fn booleans_and_integers_are_no_strings() {
    let rule = |rule: Rule| Policy::rules(resource(), [rule]).build().unwrap();
    let flag = rule(allow("tools/call run").arg("v", [false]).unwrap());
    let number = rule(allow("tools/call run").arg("v", [0, 7]).unwrap());
    let text = rule(allow("tools/call run").arg("v", ["false", "0"]).unwrap());
    for (value, by_flag, by_number, by_text) in [
        (json!(false), true, false, false),
        (json!(0), false, true, false),
        (json!([7, 0]), false, true, false),
        (json!("false"), false, false, true),
        (json!("0"), false, false, true),
        (json!(["false", "0"]), false, false, true),
        (json!(true), false, false, false),
        (json!([false]), false, false, false),
        (json!([0, "0"]), false, false, false),
        (json!(0.0), false, false, false),
        (json!(1), false, false, false),
        (json!(null), false, false, false),
        (json!(""), false, false, false),
    ] {
        for (policy, wanted) in [(&flag, by_flag), (&number, by_number), (&text, by_text)] {
            let operation = call_with("run", &json!({ "v": value }));
            let is_met = failure_or_none(policy, caller("", &[]), operation).is_none();
            assert_eq!(is_met, wanted, "{value}");
        }
    }
}

/// A member named `arguments` says something about a call or a prompt, and about nothing else.
#[test]
fn only_calls_and_prompts_have_arguments() {
    let rule = allow("prompts/get t").arg("v", ["dev"]).unwrap();
    let policy = Policy::rules(resource(), [rule]).build().unwrap();
    let get =
        |v: &str| read(&message("prompts/get", &json!({ "name": "t", "arguments": { "v": v } })));
    permit(&policy, caller("", &[]), get("dev"));
    assert_eq!(failure(&policy, caller("", &[]), get("prod")), Failure::Forbidden);
    let complete = json!({ "ref": { "type": "ref/prompt", "name": "t" }, "arguments": { "v": "dev" },
                           "argument": { "name": "v", "value": "prod" } });
    let complete = read(&message("completion/complete", &complete));
    assert_eq!(failure(&policy, caller("", &[]), complete), Failure::Forbidden);
}

#[test]
fn numbers_that_doubles_cannot_tell_apart_match_nothing() {
    let largest = 9_007_199_254_740_991_i64;
    let rule = allow("tools/call x").arg("n", [largest, -largest]).unwrap();
    let exact = Policy::rules(resource(), [rule]).build().unwrap();
    let any = Policy::rules(resource(), [allow("tools/call x").arg("n", ["*"]).unwrap()]);
    let any = any.build().unwrap();
    let with = |n: i64| call_with("x", &json!({ "n": n }));
    for policy in [&exact, &any] {
        permit(policy, caller("", &[]), with(largest));
        permit(policy, caller("", &[]), with(-largest));
        let beyond = failure(policy, caller("", &[]), with(largest + 2));
        assert_eq!(beyond, Failure::Forbidden);
    }
    assert_eq!(failure(&exact, caller("", &[]), with(largest - 1)), Failure::Forbidden);
}

#[test]
fn in_a_batch_each_call_is_judged_by_its_own_arguments() {
    let guarded = allow("tools/call read").arg("path", ["/public/**"]).unwrap();
    let policy = Policy::rules(resource(), [guarded]).build().unwrap();
    let one = |path: &str| {
        message("tools/call", &json!({ "name": "read", "arguments": { "path": path } }))
    };
    permit(&policy, caller("", &[]), read(&json!([one("/public/a"), one("/public/b")])));
    assert_eq!(
        failure(&policy, caller("", &[]), read(&json!([one("/public/a"), one("/etc")]))),
        Failure::Forbidden
    );
    assert_eq!(
        failure(&policy, caller("", &[]), read(&json!([one("/etc"), one("/public/a")]))),
        Failure::Forbidden
    );
}

#[test]
fn a_value_too_long_for_patterns_matches_only_a_sole_star() {
    let of = |length: usize| json!("x".repeat(length));
    check(
        "x*",
        &[of(32_768), json!([of(16_384), of(16_384)])],
        &[of(32_769), json!([of(16_384), of(16_385)])],
    );
    check("*", &[of(32_769)], &[]);
    check(&"x".repeat(255), &[json!(vec![of(255); 256])], &[json!(vec![of(255); 257])]);
}

/// What one operation makes us match is bounded, however many calls it has.
#[test]
fn the_arguments_of_a_batch_are_read_up_to_the_same_bound() {
    let rules = [allow("tools/call t").arg("v", ["x*"]).unwrap()];
    let policy = Policy::rules(resource(), rules).build().unwrap();
    let batch = |lengths: &[usize]| {
        let call = |length: &usize| {
            let arguments = json!({ "v": "x".repeat(*length) });
            message("tools/call", &json!({ "name": "t", "arguments": arguments }))
        };
        read(&json!(lengths.iter().map(call).collect::<Vec<_>>()))
    };
    permit(&policy, caller("", &[]), batch(&[16_384, 16_383, 1]));
    let more = failure(&policy, caller("", &[]), batch(&[16_384, 16_384, 1]));
    assert_eq!(more, Failure::Forbidden);
}

/// Each name is held against those that are wanted: all of a batch's together are bounded.
#[test]
fn more_or_longer_names_than_any_tool_has_meet_no_condition() {
    let rule = allow("tools/call run").arg("mode", ["dry"]).unwrap();
    let policy = Policy::rules(resource(), [rule]).build().unwrap();
    let call = |names: &[usize]| {
        let mut arguments = json!({ "mode": "dry" });
        for (at, length) in names.iter().enumerate() {
            arguments[format!("{at:0>length$}")] = json!(1);
        }
        message("tools/call", &json!({ "name": "run", "arguments": arguments }))
    };
    let is_met = |body: Value| failure_or_none(&policy, caller("", &[]), read(&body)).is_none();
    // A name costs its bytes and one more.
    let most = 32 * 1024 - "mode".len() - 1;
    assert!(is_met(call(&[most - 1])));
    assert!(!is_met(call(&[most])));
    assert!(is_met(call(&vec![7; most / 8])));
    assert!(!is_met(call(&vec![7; most / 8 + 1])));
    let half = 16 * 1024 - "mode".len() - 1;
    assert!(is_met(json!([call(&[half - 1]), call(&[half - 1])])));
    assert!(!is_met(json!([call(&[half - 1]), call(&[half])])));
}

/// What only `*` looks at takes nothing from what patterns look at, in whichever order they stand.
#[test]
fn long_contents_leave_a_path_to_be_read() {
    let rule = allow("tools/call write").arg("path", ["/srv/**"]).unwrap();
    let policy = Policy::rules(resource(), [rule.arg("content", ["*"]).unwrap()]).build().unwrap();
    for length in [10, 32_700, 32_763, 32_768, 1_000_000] {
        let content = "x".repeat(length);
        for arguments in [
            format!(r#"{{"content":"{content}","path":"/srv/x"}}"#),
            format!(r#"{{"path":"/srv/x","content":"{content}"}}"#),
        ] {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"write","arguments":{arguments}}}}}"#
            );
            assert_eq!(
                failure_or_none(&policy, caller("", &[]), read_text(&body)),
                None,
                "{length}"
            );
        }
    }
}
