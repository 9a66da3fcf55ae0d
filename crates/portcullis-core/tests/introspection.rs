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

use portcullis_core::bearer::TokenHash;
use portcullis_core::id::ClientId;
use portcullis_core::introspection::{BadAnswer, Failure, MAX_ANSWER, judge};
use portcullis_core::json::Flaw;
use portcullis_core::scope::{Role, ScopeSet};
use portcullis_core::time::UnixTime;
use portcullis_core::token::{ClaimPath, Class, Confirmation, Expectation, Refusal, VerifiedToken};
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, claims_with};

fn expectation() -> Expectation {
    Expectation::new(ISSUER.parse().unwrap(), AUDIENCE.parse().unwrap())
}

fn at(now: u64) -> UnixTime {
    UnixTime::from_secs(now)
}

fn ask(answer: &[u8], expectation: Expectation) -> Result<VerifiedToken, Failure> {
    judge(answer, TokenHash::of("opaque"), &Arc::new(expectation), at(NOW))
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
    assert_eq!(token.hash(), TokenHash::of("opaque"));
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
    for sub in ["alice\n", "", "\u{1b}[2J"] {
        assert_eq!(refused(&json!({"sub": sub})), Refusal::Malformed("sub"));
    }
}

/// An issuer answers about whatever token it issued (RFC 7662 section 2.1).
// req: RS-3
#[test]
fn a_token_for_another_purpose_is_refused() {
    for (claim, value) in [
        ("typ", json!("Refresh")),
        ("typ", json!("Offline")),
        ("typ", json!("ID")),
        ("typ", json!("Logout")),
        ("token_use", json!("refresh_token")),
        ("token_use", json!("refresh")),
        ("token_use", json!("id_token")),
        ("token_use", json!("id")),
        ("token_use", json!(1)),
        ("token_type", json!("refresh_token")),
        ("token_type", json!("Refresh")),
        ("token_type", json!("id_token")),
        ("token_type", json!("N_A")),
        ("token_type", json!("")),
        ("token_type", json!(["Bearer"])),
        ("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
        ("nonce", json!("n-0S6_WzA2Mj")),
        ("at_hash", json!("fU8YyQxT6iYcUBDO4mV1Sg")),
        ("c_hash", json!("LDktKdoQak3Pk0cnXxCltA")),
    ] {
        let refusal = refused(&json!({ claim: value }));
        assert_eq!(refusal, Refusal::OtherPurpose(claim), "{value}");
        assert_eq!(refusal.class(), Class::TokenType);
    }
    for (claim, value) in [
        ("typ", "Bearer"),
        ("token_use", "access_token"),
        ("token_use", "access"),
        ("token_use", "Access_Token"),
        ("token_type", "Bearer"),
        ("token_type", "bearer"),
        ("token_type", "access_token"),
        ("events", "conference"),
    ] {
        assert!(with(&json!({ claim: value })).is_ok(), "{claim} {value}");
    }
    // What one says, the other does not undo.
    let mixed = json!({"token_type": "Bearer", "token_use": "refresh_token"});
    assert_eq!(refused(&mixed), Refusal::OtherPurpose("token_use"));
    let mixed = json!({"token_type": "refresh_token", "typ": "Bearer"});
    assert_eq!(refused(&mixed), Refusal::OtherPurpose("token_type"));
    // A scope makes no access token of an ID token, Keycloak's type does.
    let id_token = json!({"nonce": "n", "at_hash": "h", "scope": null});
    assert_eq!(refused(&id_token).class(), Class::TokenType);
    assert!(with(&json!({"nonce": "n", "at_hash": "h", "typ": "Bearer"})).is_ok());
    assert!(with(&json!({"scope": null, "email": "a@example.com", "auth_time": NOW})).is_ok());
}

// req: RS-14
#[test]
fn a_token_of_the_type_dpop_names_its_key() {
    let jkt = json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"});
    for claim in ["token_type", "typ"] {
        for said in ["DPoP", "dpop"] {
            assert_eq!(refused(&json!({ claim: said })), Refusal::Confirmation);
            assert!(with(&json!({ claim: said, "cnf": jkt })).is_ok());
        }
    }
}

#[test]
fn an_answer_is_good_until_it_has_to_be_asked_again() {
    // No `exp`, one far away, one before our own limit. Skew lengthens what the issuer says, not that.
    for (exp, lifetime, last, expires) in [
        (Value::Null, 30, 29, 30),
        (Value::Null, 5, 4, 5),
        (Value::Null, 0, 0, 1),
        (json!(NOW + 3540), 30, 29, 3540),
        (json!(NOW + 10), 600, 309, 10),
        (json!(NOW + 10), 100, 99, 10),
    ] {
        let expectation = expectation()
            .skew(Duration::from_secs(300))
            .introspection_lifetime(Duration::from_secs(lifetime));
        let token = ask(active(&json!({"exp": exp})).to_string().as_bytes(), expectation).unwrap();
        assert!(token.is_current(at(NOW + last)), "{exp} {lifetime}");
        assert!(!token.is_current(at(NOW + last + 1)), "{exp} {lifetime}");
        assert_eq!(token.expires(), at(NOW + expires));
    }
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
