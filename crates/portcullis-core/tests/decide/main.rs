//! From a token and a body to a permit, or to a denial that says what would turn it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod arguments;
mod going_on;
mod places;
mod step_up;
mod values;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method as HttpMethod};
use portcullis_core::bearer::{AccessToken, present};
use portcullis_core::decide::{Permit, decide};
use portcullis_core::error::Failure;
use portcullis_core::id::ResourceId;
use portcullis_core::keys::KeySet;
use portcullis_core::operation::{Limits, Operation, Target};
use portcullis_core::policy::{Listing, Policy, Rule};
use portcullis_core::proof::{Caller, Evidence, confirm};
use portcullis_core::scope::{Role, Scope, ScopeSet};
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Refusal, Unverified, VerifiedToken};
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims_with};

fn resource() -> ResourceId {
    ResourceId::parse(AUDIENCE).unwrap()
}

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
    ["staff", "editor"]
        .into_iter()
        .fold(Expectation::new(ISSUER.parse().unwrap(), resource()), |expectation, name| {
            expectation.map_role(role(name), path.clone(), [name])
        })
}

/// A token and what it was made of.
#[derive(Clone)]
struct Held {
    text: String,
    token: Arc<VerifiedToken>,
}

fn verified(scope: &str, roles: &[&str], expectation: Expectation) -> Held {
    let claims = claims_with(&json!({ "scope": scope, "roles": roles }));
    let token = Signer::new(TestKey::P256).sign(&claims);
    let keys = KeySet::parse(ISSUER.parse().unwrap(), &testkit::jwks(&[TestKey::P256])).unwrap();
    let unverified = Unverified::parse(&token).unwrap();
    let verified = unverified.verify(&keys, &Arc::new(expectation), now()).unwrap();
    Held { text: token.clone(), token: Arc::new(verified) }
}

/// A caller whose token has these scopes and roles, and who may obtain everything.
fn caller(scope: &str, roles: &[&str]) -> Caller {
    caller_of(verified(scope, roles, expectation()))
}

fn caller_of(Held { text, token }: Held) -> Caller {
    let authorization = HeaderValue::from_str(&format!("Bearer {text}")).unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, authorization)]);
    let presented = AccessToken::try_from(present(&headers, None)).unwrap();
    confirm(token, &presented, Evidence::None).unwrap()
}

/// Reads a message, or a batch whose messages get ids of their own.
fn read(body: &Value) -> Operation {
    let mut body = body.clone();
    for (id, message) in body.as_array_mut().into_iter().flatten().enumerate() {
        message["id"] = json!(id);
    }
    read_text(&body.to_string())
}

/// A body as it is written, escapes and all.
fn read_text(body: &str) -> Operation {
    let headers = HeaderMap::from_iter([(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )]);
    let body = Bytes::copy_from_slice(body.as_bytes());
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
    let policy = Policy::rules(resource(), [allow("tools/call write"), allow("tools/call read_*")])
        .build()
        .unwrap();
    let operation = call("read_file");
    let body = operation.body().clone();
    let permit = permit(&policy, caller("", &[]), operation);
    assert_eq!(permit.body(), &body);
    assert_eq!(places(&permit), [1]);
    assert_eq!(permit.calls().len(), 1);
    assert_eq!(permit.caller().token().subject(), Some("alice"));
    assert_eq!(failure(&policy, caller("", &[]), call("delete")), Failure::Forbidden);
}

fn places(permit: &Permit) -> Vec<usize> {
    permit.rules().iter().map(|place| place.index()).collect()
}

#[test]
fn a_permit_names_the_rule_of_each_target() {
    let rules = [allow("tools/call write"), allow("tools/call read_*").scopes(scopes("read"))];
    let policy = Policy::rules(resource(), rules).build().unwrap();
    let batch = |tools: &[&str]| {
        let messages: Vec<Value> =
            tools.iter().map(|tool| message("tools/call", &json!({ "name": tool }))).collect();
        read(&json!(messages))
    };
    let both = permit(&policy, caller("read", &[]), batch(&["read_a", "write", "read_b"]));
    assert_eq!(places(&both), [1, 0, 1]);
    let list = permit(&policy, caller("", &[]), read(&message("tools/list", &json!({}))));
    assert!(places(&list).is_empty(), "no rule was asked");
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
    let policy = Policy::signed_in(resource()).build().unwrap();
    let end = NOW + 3540 + 30;
    let at = |second| decide(&policy, caller("", &[]), call("x"), UnixTime::from_secs(second));
    assert!(at(end - 1).is_ok());
    assert!(matches!(at(end).unwrap_err().failure(), Failure::Token(Refusal::Expired(_))));
}

#[test]
fn base_scopes_are_needed_by_everything_but_the_open_methods() {
    let policy = Policy::signed_in(resource()).base_scopes(scopes("mcp")).build().unwrap();
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

/// A token kept for one server is none at another, whatever its scopes.
// req: RS-4
#[test]
fn a_policy_decides_about_tokens_for_its_own_server_only() {
    let other = ResourceId::parse("https://mcp.example.com/other").unwrap();
    let policy = |resource| Policy::signed_in(resource).build().unwrap();
    permit(&policy(resource()), caller("", &[]), call("t"));
    let refused = failure(&policy(other), caller("", &[]), call("t"));
    assert!(matches!(refused, Failure::Token(Refusal::Audience { .. })), "{refused}");
}

#[test]
fn every_target_of_an_operation_must_be_allowed() {
    let policy = Policy::rules(
        resource(),
        [
            allow("resources/read note://free/*"),
            allow("resources/read note://paid/*").scopes(scopes("paid")),
            allow("resources/read note://gold/*").scopes(scopes("gold")),
        ],
    )
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
    let policy = Policy::rules(resource(), [allow("tools/call read")]).build().unwrap();
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
        let policy = Policy::rules(resource(), rules()).listing(listing).build().unwrap();
        let token = verified("", &[], expectation());
        let names = ["free", "paid", "narrow", "boss", "unknown"];
        names
            .into_iter()
            .filter(|name| policy.seen_by(&token.token).shows(&Target::Tool((*name).into())))
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(Listing::Allowed), ["free", "narrow"]);
    assert_eq!(shown(Listing::Obtainable), ["free", "paid", "narrow"]);
    assert_eq!(shown(Listing::All), ["free", "paid", "narrow", "boss", "unknown"]);
}
