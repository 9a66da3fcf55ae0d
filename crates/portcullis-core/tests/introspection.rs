//! Introspection answers: the same rules as for signed tokens, and whose fault a bad answer is.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::needless_raw_string_hashes,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

use std::sync::Arc;
use std::time::Duration;

use portcullis_core::id::{ClientId, Issuer};
use portcullis_core::introspection::{BadAnswer, Failure, MAX_ANSWER, judge};
use portcullis_core::json::Flaw;
use portcullis_core::scope::{Role, ScopeSet};
use portcullis_core::time::UnixTime;
use portcullis_core::token::{ClaimPath, Class, Confirmation, Expectation, Refusal, VerifiedToken};
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, claims_with};

fn expectation() -> Expectation {
    Expectation::new(Issuer::parse(ISSUER).unwrap(), [AUDIENCE.to_owned()]).unwrap()
}

fn at(now: u64) -> UnixTime {
    UnixTime::from_secs(now)
}

fn ask(answer: &[u8], expectation: Expectation) -> Result<VerifiedToken, Failure> {
    judge(answer, &Arc::new(expectation), at(NOW))
}

/// An active answer with the baseline claims and some changes.
fn active(changes: &Value) -> Value {
    let mut answer = claims_with(changes);
    answer["active"] = true.into();
    answer
}

fn with(changes: &Value) -> Result<VerifiedToken, Failure> {
    ask(active(changes).to_string().as_bytes(), expectation())
}

fn refused(changes: &Value) -> Refusal {
    match with(changes) {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("{changes}: {other:?}"),
    }
}

// req: RS-3
#[test]
fn an_active_token_is_accepted() {
    let token = with(&json!({"token_type": "Bearer", "username": "Alice"})).unwrap();
    assert_eq!(token.issuer().as_str(), ISSUER);
    assert_eq!(token.subject(), Some("alice"));
    assert_eq!(token.client_id(), Some("inspector"));
    assert_eq!(token.scopes().to_string(), "files:read files:write");
    assert_eq!(token.expires(), at(NOW + 3540));
}

// req: RS-3
#[test]
fn an_inactive_token_is_refused() {
    let refusal = ask(br#"{"active":false}"#, expectation()).unwrap_err();
    assert_eq!(refusal, Failure::Refused(Refusal::Inactive));
    // Whatever else such an answer says.
    let mut answer = active(&json!({}));
    answer["active"] = false.into();
    let refusal = ask(answer.to_string().as_bytes(), expectation()).unwrap_err();
    assert_eq!(refusal, Failure::Refused(Refusal::Inactive));
    assert_eq!(Refusal::Inactive.class(), Class::Inactive);
}

#[test]
fn an_answer_that_is_none_is_the_issuers_fault() {
    let cases: [(&[u8], BadAnswer); 14] = [
        (b"", BadAnswer::Json(Flaw::Syntax)),
        (b"<html></html>", BadAnswer::Json(Flaw::Syntax)),
        (b"[{\"active\":true}]", BadAnswer::Json(Flaw::NotAnObject)),
        (b"true", BadAnswer::Json(Flaw::NotAnObject)),
        (b"{\"active\":true}{}", BadAnswer::Json(Flaw::TrailingBytes)),
        (b"{\"active\":false,\"active\":true}", BadAnswer::Json(Flaw::DuplicateMember)),
        (b"\xEF\xBB\xBF{\"active\":true}", BadAnswer::Json(Flaw::Encoding)),
        (b"{\"active\":true,\"sub\":\"\xFF\"}", BadAnswer::Json(Flaw::InvalidUtf8)),
        (b"{}", BadAnswer::Active),
        (b"{\"active\":\"true\"}", BadAnswer::Active),
        (b"{\"active\":1}", BadAnswer::Active),
        (b"{\"active\":null}", BadAnswer::Active),
        (b"{\"Active\":true}", BadAnswer::Active),
        (b"{\"data\":{\"active\":true}}", BadAnswer::Active),
    ];
    for (answer, expected) in cases {
        assert_eq!(
            ask(answer, expectation()).unwrap_err(),
            Failure::Answer(expected),
            "{answer:?}"
        );
    }
    assert_eq!(MAX_ANSWER, 65_536);
    let pad = |n: usize| active(&json!({"pad": "x".repeat(n)})).to_string();
    let room = MAX_ANSWER - pad(0).len();
    assert!(ask(pad(room).as_bytes(), expectation()).is_ok());
    let failure = ask(pad(room + 1).as_bytes(), expectation()).unwrap_err();
    assert_eq!(failure, Failure::Answer(BadAnswer::TooLong));
}

#[test]
fn what_is_left_out_and_known_from_the_question() {
    let token = with(&json!({"iss": null, "exp": null, "iat": null, "jti": null})).unwrap();
    assert_eq!(token.issuer().as_str(), ISSUER);
    assert_eq!(token.expires(), at(NOW + 30));
    let brief = expectation().introspection_lifetime(Duration::from_secs(7));
    let token = ask(active(&json!({"exp": null})).to_string().as_bytes(), brief).unwrap();
    assert_eq!(token.expires(), at(NOW + 7));
    let defaults = expectation().default_scopes(ScopeSet::parse("files:read").unwrap());
    let token = ask(active(&json!({"scope": null})).to_string().as_bytes(), defaults).unwrap();
    assert_eq!(token.scopes().to_string(), "files:read");
}

// req: RS-3
#[test]
fn what_is_there_must_hold() {
    let other = "https://other.example.com";
    assert!(matches!(refused(&json!({"iss": other})), Refusal::Issuer { .. }));
    assert!(matches!(refused(&json!({"iss": format!("{ISSUER}/")})), Refusal::Issuer { .. }));
    assert_eq!(refused(&json!({"iss": 1})), Refusal::Malformed("iss"));
    assert_eq!(refused(&json!({"exp": NOW - 30})), Refusal::Expired(at(NOW - 30)));
    assert!(with(&json!({"exp": NOW - 29})).is_ok());
    assert_eq!(refused(&json!({"exp": "1795136340"})), Refusal::Malformed("exp"));
    assert_eq!(refused(&json!({"nbf": NOW + 31})), Refusal::NotYetValid(at(NOW + 31)));
    assert_eq!(refused(&json!({"iat": NOW + 31})), Refusal::IssuedInFuture(at(NOW + 31)));
    assert_eq!(refused(&json!({"sub": null, "client_id": null})), Refusal::Missing("sub"));
    assert_eq!(refused(&json!({"scope": "a  b"})), Refusal::Malformed("scope"));
    assert_eq!(refused(&json!({"typ": "Refresh"})), Refusal::OtherPurpose("typ"));
    assert_eq!(refused(&json!({"typ": "ID"})), Refusal::OtherPurpose("typ"));
    assert!(with(&json!({"typ": "Bearer"})).is_ok());
}

// req: RS-4
#[test]
fn the_audience_is_this_resource_here_too() {
    for aud in [json!("https://other.example.com/mcp"), json!("https://mcp.example.com"), json!([])]
    {
        assert!(matches!(refused(&json!({ "aud": aud })), Refusal::Audience { .. }), "{aud}");
    }
    assert_eq!(refused(&json!({"aud": [1]})), Refusal::Malformed("aud"));
    assert_eq!(refused(&json!({"aud": null})), Refusal::Missing("aud"));
    assert!(with(&json!({"aud": [AUDIENCE]})).is_ok());
}

// req: RS-4
#[test]
fn an_absent_audience_needs_a_client_the_server_lists() {
    let judge = |changes: Value| {
        let expectation =
            expectation().introspection_clients([ClientId::parse("inspector").unwrap()]);
        ask(active(&changes).to_string().as_bytes(), expectation).map(drop)
    };
    let missing = Err(Failure::Refused(Refusal::Missing("aud")));
    assert_eq!(judge(json!({"aud": null})), Ok(()));
    assert_eq!(judge(json!({"aud": null, "client_id": "other"})), missing);
    assert_eq!(judge(json!({"aud": null, "client_id": null})), missing);
    assert_eq!(judge(json!({"aud": null, "client_id": null, "azp": "inspector"})), missing);
    // A listed client does not make up for an audience that is somebody else.
    let other = judge(json!({"aud": "https://other.example.com"})).unwrap_err();
    assert!(matches!(other, Failure::Refused(Refusal::Audience { .. })));
}

#[test]
fn requirements_and_roles_apply() {
    let expectation = || {
        expectation().require(ClaimPath::new(["org"]).unwrap(), ["acme"]).map_role(
            Role::parse("staff").unwrap(),
            ClaimPath::new(["groups"]).unwrap(),
            ["staff"],
        )
    };
    let judge = |changes: Value| ask(active(&changes).to_string().as_bytes(), expectation());
    let token = judge(json!({"org": "acme", "groups": ["staff"]})).unwrap();
    assert_eq!(token.roles(), [Role::parse("staff").unwrap()]);
    let failure = judge(json!({"groups": ["staff"]})).unwrap_err();
    assert_eq!(failure, Failure::Refused(Refusal::Requirement("org".into())));
}

// req: RS-14
#[test]
fn a_confirmation_is_honoured() {
    let x5t = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
    let token = with(&json!({"cnf": {"x5t#S256": x5t}})).unwrap();
    assert!(
        matches!(token.confirmation(), Some(Confirmation::Certificate(c)) if c.to_string() == x5t)
    );
    assert_eq!(refused(&json!({"cnf": {"kid": "k"}})), Refusal::Confirmation);
}

proptest! {
    #[test]
    fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(ask(&bytes, expectation()).is_err());
    }

    #[test]
    fn no_active_answer_panics(name in "[a-z_]{0,8}", value in ".{0,30}") {
        let _ = with(&json!({ name: value }));
    }
}
