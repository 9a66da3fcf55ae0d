//! The way of one request, with tokens of an independent signer.

#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use http::Request;
use portcullis::demo::Server;
use portcullis_core::decide::Permit;
use portcullis_core::denial::Denial;
use portcullis_core::error::Failure;
use portcullis_core::time::UnixTime;
use portcullis_core::token::Refusal;
use serde_json::{Value, json};
use testkit::{NOW, Signer, TestKey, claims_with};

const READ: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file"}}"#;

/// A token of the demo's issuer for the demo's server, bound to a key where `cnf` names one.
fn token(cnf: &Value) -> String {
    let (issuer, audience) = ("https://mcp.example.com", "https://mcp.example.com/files/mcp");
    let claims = claims_with(&json!({ "iss": issuer, "aud": audience, "cnf": cnf }));
    Signer::new(TestKey::P256).sign(&claims)
}

fn judge(authorization: &str, body: &'static str, now: u64) -> Result<Permit, Denial> {
    let jwks = String::from_utf8(testkit::jwks(&[TestKey::P256])).unwrap();
    let request = Request::post("https://mcp.example.com/files/mcp")
        .header("content-type", "application/json")
        .header("authorization", authorization)
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap();
    Server::new(&jwks).unwrap().judge(&request, UnixTime::from_secs(now))
}

fn failure(decision: Result<Permit, Denial>) -> Failure {
    decision.unwrap_err().failure().clone()
}

#[test]
fn a_permit_has_the_bytes_that_came() {
    let permit = judge(&format!("Bearer {}", token(&Value::Null)), READ, NOW).unwrap();
    assert_eq!(permit.body(), READ.as_bytes());
    assert_eq!(permit.caller().token().subject(), Some("alice"));
}

#[test]
fn the_moment_is_the_one_handed_in() {
    let bearer = format!("Bearer {}", token(&Value::Null));
    // The token ends 3540 seconds from now, and clocks may be 30 seconds apart.
    assert!(judge(&bearer, READ, NOW + 3569).is_ok());
    assert!(matches!(
        failure(judge(&bearer, READ, NOW + 3570)),
        Failure::Token(Refusal::Expired(_))
    ));
}

#[test]
fn who_asks_is_settled_before_the_body_is_read() {
    let bearer = format!("Bearer {}", token(&Value::Null));
    assert!(matches!(failure(judge(&bearer, "{", NOW)), Failure::Message(_)));
    assert_eq!(failure(judge("Basic YTpi", "{", NOW)), Failure::Unauthenticated);
    assert!(matches!(failure(judge("Bearer opaque", "{", NOW)), Failure::Token(_)));
}

#[test]
fn a_token_bound_to_a_key_is_not_enough_without_the_key() {
    let bound = token(&json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }));
    assert!(matches!(failure(judge(&format!("Bearer {bound}"), READ, NOW)), Failure::Proof(_)));
    let plain = token(&Value::Null);
    assert!(matches!(failure(judge(&format!("DPoP {plain}"), READ, NOW)), Failure::Proof(_)));
    assert!(judge(&format!("bearer {plain}"), READ, NOW).is_ok());
}
