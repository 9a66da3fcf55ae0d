//! From a token and a body to a permit, or to a denial that says what would turn it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method as HttpMethod};
use portcullis_core::bearer::{AccessToken, Scheme, present};
use portcullis_core::decide::{Permit, decide};
use portcullis_core::error::Failure;
use portcullis_core::id::Issuer;
use portcullis_core::keys::KeySet;
use portcullis_core::operation::{Limits, Operation, Target};
use portcullis_core::policy::{Listing, Policy, Rule, RulePlace};
use portcullis_core::proof::{Caller, Evidence, confirm};
use portcullis_core::scope::{Entitlements, Hierarchy, Role, Scope, ScopeSet};
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Refusal, Unverified, VerifiedToken};
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims_with};

fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

fn scopes(text: &str) -> ScopeSet {
    if text.is_empty() { ScopeSet::default() } else { ScopeSet::parse(text).unwrap() }
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

fn role(text: &str) -> Role {
    Role::parse(text).unwrap()
}

fn expectation() -> Expectation {
    let path = portcullis_core::token::ClaimPath::new(["roles"]).unwrap();
    ["staff", "editor"].into_iter().fold(
        Expectation::new(Issuer::parse(ISSUER).unwrap(), [AUDIENCE.to_owned()]).unwrap(),
        |expectation, name| expectation.map_role(role(name), path.clone(), [name]),
    )
}

fn verified(scope: &str, roles: &[&str], expectation: Expectation) -> Arc<VerifiedToken> {
    let claims = claims_with(&json!({ "scope": scope, "roles": roles }));
    let token = Signer::new(TestKey::P256).sign(&claims);
    let keys = KeySet::parse(&testkit::jwks(&[TestKey::P256])).unwrap();
    let unverified = Unverified::parse(&token).unwrap();
    Arc::new(unverified.verify(&keys, &Arc::new(expectation), now()).unwrap())
}

/// A caller whose token has these scopes and roles, and who may obtain everything.
fn caller(scope: &str, roles: &[&str]) -> Caller {
    caller_of(verified(scope, roles, expectation()))
}

fn caller_of(token: Arc<VerifiedToken>) -> Caller {
    confirm(token, Scheme::Bearer, Evidence::None).unwrap()
}

/// Reads a message, or a batch whose messages get ids of their own.
fn read(body: &Value) -> Operation {
    let mut body = body.clone();
    for (id, message) in body.as_array_mut().into_iter().flatten().enumerate() {
        message["id"] = json!(id);
    }
    let headers = HeaderMap::from_iter([(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )]);
    let body = Bytes::from(body.to_string());
    Operation::read(&HttpMethod::POST, &headers, body, Limits::default()).unwrap()
}

/// A request, or a notification where the method is one.
fn message(method: &str, params: &Value) -> Value {
    let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    if !method.starts_with("notifications/") {
        message["id"] = json!(1);
    }
    message
}

fn call(tool: &str) -> Operation {
    read(&message("tools/call", &json!({ "name": tool })))
}

fn call_with(tool: &str, arguments: &Value) -> Operation {
    read(&message("tools/call", &json!({ "name": tool, "arguments": arguments })))
}

fn allow(entry: &str) -> Rule {
    Rule::allow([entry]).unwrap()
}

fn permit(policy: &Policy, caller: Caller, operation: Operation) -> Permit {
    decide(policy, caller, operation, now())
        .unwrap_or_else(|denial| panic!("denied: {}", denial.failure()))
}

fn failure_or_none(policy: &Policy, caller: Caller, operation: Operation) -> Option<Failure> {
    decide(policy, caller, operation, now()).err().map(|denial| denial.failure().clone())
}

fn failure(policy: &Policy, caller: Caller, operation: Operation) -> Failure {
    failure_or_none(policy, caller, operation).expect("allowed")
}

fn needs(text: &str) -> Failure {
    Failure::InsufficientScope(scopes(text))
}

#[test]
fn a_permit_owns_what_was_allowed() {
    let policy =
        Policy::rules([allow("tools/call write"), allow("tools/call read_*")]).build().unwrap();
    let operation = call("read_file");
    let body = operation.body().clone();
    let permit = permit(&policy, caller("", &[]), operation);
    assert_eq!(permit.body(), &body);
    assert_eq!(permit.rule().map(RulePlace::index), Some(1));
    assert_eq!(permit.calls().len(), 1);
    assert_eq!(permit.caller().token().subject(), Some("alice"));
    assert_eq!(failure(&policy, caller("", &[]), call("delete")), Failure::Forbidden);
}

#[test]
fn without_a_token_there_is_nobody_to_decide_about() {
    let mut headers = HeaderMap::new();
    assert_eq!(
        AccessToken::try_from(present(&headers, None)).unwrap_err(),
        Failure::Unauthenticated
    );
    headers.insert("authorization", HeaderValue::from_static("Basic YTpi"));
    assert_eq!(
        AccessToken::try_from(present(&headers, None)).unwrap_err(),
        Failure::Unauthenticated
    );
    headers.insert("authorization", HeaderValue::from_static("Bearer"));
    assert!(matches!(
        AccessToken::try_from(present(&headers, None)).unwrap_err(),
        Failure::Credentials(_)
    ));
    headers.insert("authorization", HeaderValue::from_static("Bearer abc"));
    assert_eq!(AccessToken::try_from(present(&headers, None)).unwrap().text(), "abc");
}

// req: RS-3
#[test]
fn a_kept_token_is_refused_once_it_has_ended() {
    let policy = Policy::signed_in().build().unwrap();
    let end = NOW + 3540 + 30;
    let at = |second| decide(&policy, caller("", &[]), call("x"), UnixTime::from_secs(second));
    assert!(at(end - 1).is_ok());
    assert!(matches!(at(end).unwrap_err().failure(), Failure::Token(Refusal::Expired(_))));
}

#[test]
fn base_scopes_are_needed_by_everything_but_the_open_methods() {
    let policy = Policy::signed_in().base_scopes(scopes("mcp")).build().unwrap();
    for (method, params) in [
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "x" })),
        ("tasks/get", json!({ "taskId": "t" })),
        ("logging/setLevel", json!({ "level": "info" })),
        ("subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } })),
        ("subscriptions/listen", json!({ "notifications": {} })),
        ("com.example/custom", json!({})),
    ] {
        let operation = || read(&message(method, &params));
        assert_eq!(failure(&policy, caller("", &[]), operation()), needs("mcp"), "{method}");
        permit(&policy, caller("mcp", &[]), operation());
    }
    for method in ["ping", "initialize", "server/discover", "notifications/initialized"] {
        permit(&policy, caller("", &[]), read(&message(method, &json!({}))));
    }
}

// req: RS-7
#[test]
fn a_denial_names_all_scopes_of_the_first_rule_that_can_be_met() {
    let policy = Policy::rules([
        allow("tools/call *").scopes(scopes("admin")).roles([role("editor")]),
        allow("tools/call write_*").scopes(scopes("files:read files:write")),
        allow("tools/call *").scopes(scopes("everything")),
    ])
    .base_scopes(scopes("mcp"))
    .build()
    .unwrap();
    // The first rule wants a role that no scope brings, so the second is named, with the base scopes.
    assert_eq!(
        failure(&policy, caller("", &[]), call("write_a")),
        needs("mcp files:read files:write")
    );
    assert_eq!(
        failure(&policy, caller("mcp files:read", &[]), call("write_a")),
        needs("mcp files:read files:write")
    );
    assert_eq!(failure(&policy, caller("mcp", &["editor"]), call("write_a")), needs("mcp admin"));
    assert_eq!(failure(&policy, caller("mcp", &[]), call("drop")), needs("mcp everything"));
    permit(&policy, caller("mcp files:read files:write", &[]), call("write_a"));
    permit(&policy, caller("mcp admin", &["editor"]), call("write_a"));
}

#[test]
fn scopes_that_the_caller_cannot_obtain_are_never_named() {
    let policy = Policy::rules([
        allow("tools/call *").scopes(scopes("admin")),
        allow("tools/call w*").scopes(scopes("files:write")),
    ])
    .base_scopes(scopes("mcp"))
    .build()
    .unwrap();
    let entitled = |listed: &[(&str, &[&str])]| {
        let listed =
            listed.iter().map(|(s, roles)| (scope(s), roles.iter().map(|r| role(r)).collect()));
        expectation().entitlements(Entitlements::new(scopes("mcp"), listed.collect()))
    };
    let both: &[(&str, &[&str])] = &[("files:write", &["editor"]), ("admin", &["boss"])];
    let editor = || caller_of(verified("mcp", &["editor"], entitled(both)));
    assert_eq!(failure(&policy, editor(), call("write")), needs("mcp files:write"));
    assert_eq!(failure(&policy, editor(), call("drop")), Failure::Forbidden);
    let staff = caller_of(verified("mcp", &["staff"], entitled(both)));
    assert_eq!(failure(&policy, staff, call("write")), Failure::Forbidden);
    let nobody = || caller_of(verified("", &["staff"], entitled(&[])));
    assert_eq!(failure(&policy, nobody(), read(&message("tools/list", &json!({})))), needs("mcp"));
}

// req: RS-8
#[test]
fn a_broader_scope_satisfies_a_narrower_one_where_the_operator_says_so() {
    let hierarchy = || {
        Hierarchy::new([(scope("files"), vec![scope("files:read"), scope("files:write")])]).unwrap()
    };
    let rules = || {
        [
            allow("tools/call w*").scopes(scopes("files:write")),
            allow("tools/call d*").scopes(scopes("admin files:write")),
        ]
    };
    let with = Policy::rules(rules())
        .base_scopes(scopes("files:read"))
        .hierarchy(hierarchy())
        .build()
        .unwrap();
    permit(&with, caller("files", &[]), call("write"));
    let without = Policy::rules(rules()).base_scopes(scopes("files:read")).build().unwrap();
    assert_eq!(
        failure(&without, caller("files", &[]), call("write")),
        needs("files:read files:write")
    );
    // What is held by way of a broader scope is named by that, so that asking for it keeps it.
    assert_eq!(failure(&with, caller("files", &[]), call("drop")), needs("admin files"));
    assert_eq!(
        failure(&with, caller("files:read", &[]), call("write")),
        needs("files:read files:write")
    );
}

#[test]
fn roles_come_from_the_issuer_or_with_a_scope() {
    let policy = Policy::rules([allow("tools/call *").roles([role("editor"), role("boss")])])
        .scope_roles([(scope("edit"), role("editor"))])
        .build()
        .unwrap();
    permit(&policy, caller("", &["editor"]), call("x"));
    permit(&policy, caller("edit", &[]), call("x"));
    assert_eq!(failure(&policy, caller("", &["staff"]), call("x")), needs("edit"));
    let unobtainable = expectation().entitlements(Entitlements::new(ScopeSet::default(), vec![]));
    assert_eq!(
        failure(&policy, caller_of(verified("", &["staff"], unobtainable)), call("x")),
        Failure::Forbidden
    );
}

#[test]
fn every_target_of_an_operation_must_be_allowed() {
    let policy = Policy::rules([
        allow("resources/read note://free/*"),
        allow("resources/read note://paid/*").scopes(scopes("paid")),
        allow("resources/read note://gold/*").scopes(scopes("gold")),
    ])
    .build()
    .unwrap();
    let listen = |uris: &[&str]| {
        read(&message(
            "subscriptions/listen",
            &json!({ "notifications": { "resourceSubscriptions": uris } }),
        ))
    };
    permit(&policy, caller("", &[]), listen(&["note://free/1", "note://free/2"]));
    assert_eq!(
        failure(
            &policy,
            caller("", &[]),
            listen(&["note://free/1", "note://paid/2", "note://gold/3"])
        ),
        needs("gold paid")
    );
    assert_eq!(
        failure(&policy, caller("gold paid", &[]), listen(&["note://free/1", "note://other/2"])),
        Failure::Forbidden
    );
    permit(
        &policy,
        caller("gold paid", &[]),
        listen(&["note://free/1", "note://paid/2", "note://gold/3"]),
    );
    // What was allowed already is named as well: the next token may hold just what is asked for.
    assert_eq!(
        failure(&policy, caller("paid", &[]), listen(&["note://paid/2", "note://gold/3"])),
        needs("gold paid")
    );
}

// req: RS-19
#[test]
fn a_batch_is_allowed_whole_or_not_at_all() {
    let policy = Policy::rules([allow("tools/call read")]).build().unwrap();
    let one = |tool: &str| message("tools/call", &json!({ "name": tool }));
    assert_eq!(
        permit(&policy, caller("", &[]), read(&json!([one("read"), one("read")]))).calls().len(),
        2
    );
    assert_eq!(
        failure(&policy, caller("", &[]), read(&json!([one("read"), one("delete")]))),
        Failure::Forbidden
    );
    assert_eq!(
        failure(&policy, caller("", &[]), read(&json!([one("delete"), one("read")]))),
        Failure::Forbidden
    );
}

#[test]
fn argument_conditions_narrow_a_rule() {
    let guarded = allow("tools/call read").arg("path", ["/public/**", "/srv/*.txt"]).unwrap();
    let policy =
        Policy::rules([guarded, allow("tools/call read").scopes(scopes("all"))]).build().unwrap();
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
    // Escapes in names and values are resolved before anything is compared.
    let escaped = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"p\u0061th":"\/public\/\u002e\u002e\/x"},"name":"read"}}"#;
    let operation = read(&serde_json::from_str(escaped).unwrap());
    assert_eq!(failure_or_none(&policy, caller("", &[]), operation), Some(needs("all")));
}

#[test]
fn argument_conditions_read_booleans_and_integers_as_text() {
    let rule =
        allow("tools/call run").arg("dry_run", ["true"]).unwrap().arg("limit", ["1", "2"]).unwrap();
    let policy = Policy::rules([rule]).build().unwrap();
    permit(&policy, caller("", &[]), call_with("run", &json!({ "dry_run": true, "limit": 2 })));
    for other in [
        json!({ "dry_run": false, "limit": 2 }),
        json!({ "dry_run": true, "limit": 3 }),
        json!({ "dry_run": true, "limit": 1.0 }),
        json!({ "dry_run": true }),
    ] {
        assert_eq!(
            failure(&policy, caller("", &[]), call_with("run", &other)),
            Failure::Forbidden,
            "{other}"
        );
    }
}

/// A member named `arguments` says something about a call or a prompt, and about nothing else.
#[test]
fn only_calls_and_prompts_have_arguments() {
    let rule = allow("prompts/get t").arg("v", ["dev"]).unwrap();
    let policy = Policy::rules([rule]).build().unwrap();
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
    let rule = allow("tools/call x").arg("n", ["9007199254740991", "9007199254740993"]).unwrap();
    let policy = Policy::rules([rule]).build().unwrap();
    let with = |n: u64| call_with("x", &json!({ "n": n }));
    permit(&policy, caller("", &[]), with(9_007_199_254_740_991));
    assert_eq!(failure(&policy, caller("", &[]), with(9_007_199_254_740_993)), Failure::Forbidden);
}

#[test]
fn in_a_batch_each_call_is_judged_by_its_own_arguments() {
    let guarded = allow("tools/call read").arg("path", ["/public/**"]).unwrap();
    let policy = Policy::rules([guarded]).build().unwrap();
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
fn lists_show_what_is_allowed_or_obtainable_as_the_operator_chose() {
    let rules = || {
        [
            allow("tools/call free"),
            allow("tools/call paid").scopes(scopes("paid")),
            allow("tools/call narrow").arg("path", ["/public/**"]).unwrap(),
            allow("tools/call boss").roles([role("editor")]),
        ]
    };
    let shown = |listing: Listing| {
        let policy = Policy::rules(rules()).listing(listing).build().unwrap();
        let token = verified("", &[], expectation());
        let names = ["free", "paid", "narrow", "boss", "unknown"];
        names
            .into_iter()
            .filter(|name| policy.shows(&token, &Target::Tool((*name).into())))
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(Listing::Allowed), ["free", "narrow"]);
    assert_eq!(shown(Listing::Obtainable), ["free", "paid", "narrow"]);
    assert_eq!(shown(Listing::All), ["free", "paid", "narrow", "boss", "unknown"]);
}

/// Twelve scopes, four roles, three tools: small enough that random policies often overlap.
fn some_scopes() -> impl Strategy<Value = String> {
    prop::collection::btree_set(0_u8..6, 0..3)
        .prop_map(|set| set.iter().map(|s| format!("s{s}")).collect::<Vec<_>>().join(" "))
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let roles = prop::collection::vec(prop::sample::select(vec!["staff", "editor", "r1"]), 0..2);
    let args = prop::option::of(prop::sample::select(vec!["/public/**", "7", "*"]));
    (prop::sample::select(vec!["a*", "*b", "ab", "*"]), some_scopes(), roles, args).prop_map(
        |(pattern, s, roles, value)| {
            let rule = allow(&format!("tools/call {pattern}"))
                .scopes(scopes(&s))
                .roles(roles.into_iter().map(role));
            match value {
                Some(value) => rule.arg("x", [value]).unwrap(),
                None => rule,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A token with exactly the scopes that a denial names is allowed, and so is one with more.
    // req: RS-7
    #[test]
    fn the_scopes_a_denial_names_really_turn_it(
        rules in prop::collection::vec(some_rule(), 1..5),
        base in some_scopes(),
        broad in prop::collection::vec((0_u8..6, 0_u8..6), 0..3),
        brings in prop::collection::vec((0_u8..6, prop::sample::select(vec!["staff", "editor", "r1"])), 0..3),
        held in some_scopes(),
        roles in prop::collection::vec(prop::sample::select(vec!["staff", "editor"]), 0..2),
        grantable in prop::collection::vec(0_u8..6, 0..6),
        tool in prop::sample::select(vec!["a", "ab", "b", "c"]),
        argument in prop::sample::select(vec![json!("/public/x"), json!("/etc"), json!(7), json!(null)]),
    ) {
        let hierarchy = Hierarchy::new(broad.iter().map(|(b, n)| (scope(&format!("s{b}")), vec![scope(&format!("s{n}"))]))).unwrap();
        let policy = Policy::rules(rules)
            .base_scopes(scopes(&base))
            .hierarchy(hierarchy)
            .scope_roles(brings.iter().map(|(s, r)| (scope(&format!("s{s}")), role(r))))
            .build()
            .unwrap();
        let listed = grantable.iter().map(|s| (scope(&format!("s{s}")), vec![role("staff"), role("editor")])).collect();
        let expectation = || expectation().entitlements(Entitlements::new(ScopeSet::default(), listed));
        let operation = || call_with(tool, &json!({ "x": argument }));
        let expectation = expectation();
        let first = caller_of(verified(&held, &roles, expectation.clone()));
        if let Some(Failure::InsufficientScope(named)) = failure_or_none(&policy, first, operation()) {
            for s in &named {
                let obtainable = grantable.contains(&s.as_str()[1..].parse().unwrap()) && !roles.is_empty();
                prop_assert!(obtainable || scopes(&held).contains(s), "{} cannot be had", s);
            }
            let exactly = caller_of(verified(&named.to_string(), &roles, expectation.clone()));
            prop_assert_eq!(failure_or_none(&policy, exactly, operation()), None);
            let more = named.union(&scopes(&held)).to_string();
            let more = caller_of(verified(&more, &roles, expectation));
            prop_assert_eq!(failure_or_none(&policy, more, operation()), None);
        }
    }
}

#[test]
fn an_unreachable_issuer_is_named_with_a_delay() {
    let failure = Failure::IssuerUnavailable {
        detail: "timed out".to_owned(),
        retry_after: Duration::from_secs(3),
    };
    assert_eq!(
        (failure.label(), failure.to_string()),
        ("issuer_unavailable", "the issuer cannot be asked: timed out".to_owned())
    );
}
