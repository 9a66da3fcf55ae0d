//! Access tokens: what is accepted, and every reason for which one is not.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::needless_raw_string_hashes,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

use std::sync::Arc;
use std::time::Duration;

use portcullis_core::id::Issuer;
use portcullis_core::json::Flaw;
use portcullis_core::jws::{self, Algorithm};
use portcullis_core::keys::{KeySet, NoMatch};
use portcullis_core::scope::{Entitlements, Role, Scope, ScopeSet};
use portcullis_core::time::UnixTime;
use portcullis_core::token::{
    ClaimPath, Class, Confirmation, Expectation, InvalidPath, NoAudience, Refusal, Unverified,
    VerifiedToken, looks_like_jwt,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims, claims_with, jwks};

const SKEW: u64 = 30;

fn expectation() -> Expectation {
    Expectation::new(Issuer::parse(ISSUER).unwrap(), [AUDIENCE.to_owned()]).unwrap()
}

fn at(now: u64) -> UnixTime {
    UnixTime::from_secs(now)
}

fn path(names: &[&str]) -> ClaimPath {
    ClaimPath::new(names.iter().copied()).unwrap()
}

fn judge_at(now: u64, token: &str, expectation: Expectation) -> Result<VerifiedToken, Refusal> {
    let keys = KeySet::parse(&jwks(&TestKey::USABLE)).unwrap();
    Unverified::parse(token)?.verify(&keys, &Arc::new(expectation), at(now))
}

fn judge(token: &str, expectation: Expectation) -> Result<VerifiedToken, Refusal> {
    judge_at(NOW, token, expectation)
}

/// The baseline token with some claims changed, under the plain expectation.
fn with(changes: &Value) -> Result<VerifiedToken, Refusal> {
    judge(&signer().sign(&claims_with(changes)), expectation())
}

fn signer() -> Signer {
    Signer::new(TestKey::Ed25519)
}

/// A token of these exact payload octets, honestly signed.
fn payload(text: impl AsRef<[u8]>) -> Result<VerifiedToken, Refusal> {
    judge(&signer().sign_payload(text), expectation())
}

// req: RS-3
#[test]
fn a_valid_token_is_accepted_with_each_kind_of_key() {
    for key in TestKey::USABLE {
        let text = Signer::new(key).sign(&claims());
        let unverified = Unverified::parse(&text).unwrap();
        assert_eq!(unverified.issuer(), ISSUER);
        assert_eq!(unverified.kid(), Some(key.kid().as_str()));
        assert_eq!(unverified.algorithm().as_str(), key.default_algorithm());
        let token = judge(&text, expectation()).unwrap();
        assert_eq!(token.issuer().as_str(), ISSUER);
        assert_eq!(token.subject(), Some("alice"));
        assert_eq!(token.client_id(), Some("inspector"));
        assert_eq!(token.scopes().to_string(), "files:read files:write");
        assert_eq!(token.token_id(), Some("5b1f7c1e-8c1d-4b1e-9a51-3f0f5f1f2f10"));
        assert_eq!(token.expires(), at(NOW + 3540));
        assert_eq!(token.issued_at(), Some(at(NOW - 60)));
        assert!(token.roles().is_empty());
        assert!(token.confirmation().is_none());
    }
}

// req: RS-3
#[test]
fn a_signature_by_anybody_else_is_refused() {
    let keys = KeySet::parse(&jwks(&[TestKey::P256, TestKey::Rsa])).unwrap();
    let verify = |text: &str| {
        Unverified::parse(text).unwrap().verify(&keys, &Arc::new(expectation()), at(NOW)).map(drop)
    };
    let forged = Signer::new(TestKey::P256Second).kid("p256").sign(&claims());
    let refusal = verify(&forged).unwrap_err();
    assert_eq!(refusal, Refusal::Jws(jws::Refusal::Signature));
    assert_eq!(refusal.class(), Class::Signature);
    let unknown = Signer::new(TestKey::P256Second).sign(&claims());
    assert_eq!(verify(&unknown), Err(Refusal::Key(NoMatch::UnknownKid)));
    let other_kind = Signer::new(TestKey::P256).kid("rsa").sign(&claims());
    assert_eq!(verify(&other_kind), Err(Refusal::Key(NoMatch::WrongAlgorithm)));
    assert_eq!(verify(&Signer::new(TestKey::P256).sign(&claims())), Ok(()));
    assert_eq!(verify(&Signer::new(TestKey::P256).without("kid").sign(&claims())), Ok(()));
}

#[test]
fn only_the_algorithms_of_the_issuer() {
    let token = Signer::new(TestKey::Rsa).sign(&claims());
    assert!(judge(&token, expectation().algorithms([Algorithm::RS256, Algorithm::ES256])).is_ok());
    let refusal = judge(&token, expectation().algorithms([Algorithm::ES256])).unwrap_err();
    assert_eq!(refusal, Refusal::Algorithm(Algorithm::RS256));
    assert_eq!(refusal.class(), Class::Algorithm);
    // The key pins its algorithm too.
    let mut pinned = TestKey::Rsa.public_jwk();
    pinned["alg"] = "PS256".into();
    let keys = KeySet::parse(json!({"keys": [pinned]}).to_string().as_bytes()).unwrap();
    let verify = |text: &str| {
        Unverified::parse(text).unwrap().verify(&keys, &Arc::new(expectation()), at(NOW)).map(drop)
    };
    assert_eq!(verify(&token), Err(Refusal::Key(NoMatch::WrongAlgorithm)));
    assert_eq!(verify(&Signer::new(TestKey::Rsa).algorithm("PS256").sign(&claims())), Ok(()));
}

// req: RS-3
#[test]
fn the_issuer_is_compared_byte_for_byte() {
    for iss in [
        "https://idp.example.com/",
        "https://IDP.example.com",
        "https://idp.example.com:443",
        "http://idp.example.com",
        "https://idp.example.com.attacker.example",
        "https://attacker.example",
        "",
    ] {
        let refusal = with(&json!({ "iss": iss })).unwrap_err();
        assert_eq!(refusal, Refusal::Issuer { found: iss.into(), wanted: ISSUER.into() });
        assert_eq!(refusal.class(), Class::Issuer);
    }
    assert!(with(&json!({ "iss": ISSUER })).is_ok());
    for iss in [json!([ISSUER]), json!({"a": 1}), json!(1), json!(true)] {
        let refusal = with(&json!({ "iss": iss })).unwrap_err();
        assert_eq!(refusal, Refusal::Malformed("iss"));
    }
    assert_eq!(with(&json!({ "iss": null })).unwrap_err(), Refusal::Missing("iss"));
    assert!(matches!(
        payload(json!({"iss": null, "sub": "a"}).to_string()).unwrap_err(),
        Refusal::Malformed("iss")
    ));
}

// req: RS-3, RS-4
#[test]
fn the_audience_is_this_resource() {
    for aud in [
        json!("https://other.example.com/mcp"),
        json!("https://mcp.example.com"),
        json!("https://mcp.example.com/"),
        json!("https://mcp.example.com/mcp/"),
        json!("https://mcp.example.com/mcp/child"),
        json!("https://MCP.example.com/mcp"),
        json!("*"),
        json!(""),
        json!([]),
        json!(["https://other.example.com/mcp", "inspector"]),
    ] {
        let refusal = with(&json!({ "aud": aud })).unwrap_err();
        assert!(matches!(refusal, Refusal::Audience { .. }), "{aud}: {refusal:?}");
        assert_eq!(refusal.class(), Class::Audience);
    }
    for aud in
        [json!(1), json!({"0": AUDIENCE}), json!([AUDIENCE, 1]), json!([[AUDIENCE]]), json!(true)]
    {
        assert_eq!(with(&json!({ "aud": aud })).unwrap_err(), Refusal::Malformed("aud"), "{aud}");
    }
    let missing = with(&json!({ "aud": null })).unwrap_err();
    assert_eq!((missing.class(), missing), (Class::Audience, Refusal::Missing("aud")));
    for aud in
        [json!(AUDIENCE), json!([AUDIENCE]), json!(["https://other.example.com/mcp", AUDIENCE])]
    {
        assert!(with(&json!({ "aud": aud })).is_ok());
    }
    // As many as 64, the right one last.
    let many = |n: usize| {
        let mut aud: Vec<_> = (0..n).map(|i| format!("https://{i}.example.com")).collect();
        aud.push(AUDIENCE.to_owned());
        json!({ "aud": aud })
    };
    assert!(with(&many(63)).is_ok());
    assert_eq!(with(&many(64)).unwrap_err(), Refusal::Malformed("aud"));
}

#[test]
fn several_audiences_are_declared_and_none_is_no_expectation() {
    let issuer = || Issuer::parse(ISSUER).unwrap();
    assert_eq!(Expectation::new(issuer(), []).unwrap_err(), NoAudience);
    assert_eq!(Expectation::new(issuer(), [String::new()]).unwrap_err(), NoAudience);
    let two =
        || Expectation::new(issuer(), ["api://files".to_owned(), AUDIENCE.to_owned()]).unwrap();
    for aud in [AUDIENCE, "api://files"] {
        assert!(judge(&signer().sign(&claims_with(&json!({ "aud": aud }))), two()).is_ok());
    }
    assert!(judge(&signer().sign(&claims_with(&json!({ "aud": "api://file" }))), two()).is_err());
}

// req: RS-3
#[test]
fn a_token_lives_from_its_start_to_its_end() {
    let token =
        signer().sign(&claims_with(&json!({"exp": NOW + 100, "nbf": NOW + 50, "iat": NOW + 40})));
    let judge = |now| judge_at(now, &token, expectation());
    assert!(judge(NOW + 100 + SKEW - 1).is_ok());
    let late = judge(NOW + 100 + SKEW).unwrap_err();
    assert_eq!((late.class(), late), (Class::Lifetime, Refusal::Expired(at(NOW + 100))));
    assert!(judge(NOW + 50 - SKEW).is_ok());
    assert_eq!(judge(NOW + 50 - SKEW - 1).unwrap_err(), Refusal::NotYetValid(at(NOW + 50)));
    let future = |iat| with(&json!({ "iat": iat }));
    assert!(future(NOW + SKEW).is_ok());
    assert_eq!(future(NOW + SKEW + 1).unwrap_err(), Refusal::IssuedInFuture(at(NOW + SKEW + 1)));
}

#[test]
fn a_kept_token_knows_when_it_is_over() {
    let token = with(&json!({"exp": NOW + 100, "nbf": NOW})).unwrap();
    for (now, current) in [
        (NOW - SKEW - 1, false),
        (NOW - SKEW, true),
        (NOW + 100 + SKEW - 1, true),
        (NOW + 100 + SKEW, false),
    ] {
        assert_eq!(token.is_current(at(now)), current, "{now}");
    }
}

#[test]
fn the_skew_is_the_operators_within_reason() {
    let token = signer().sign(&claims_with(&json!({"exp": NOW - 100})));
    assert!(judge(&token, expectation().skew(Duration::from_secs(101))).is_ok());
    assert!(judge(&token, expectation().skew(Duration::from_secs(100))).is_err());
    assert!(judge_at(NOW + 199, &token, expectation().skew(Duration::MAX)).is_ok());
    assert!(judge_at(NOW + 200, &token, expectation().skew(Duration::MAX)).is_err());
    let exact = signer().sign(&claims_with(&json!({"exp": NOW})));
    assert!(judge_at(NOW, &exact, expectation().skew(Duration::ZERO)).is_err());
    assert!(judge_at(NOW - 1, &exact, expectation().skew(Duration::ZERO)).is_ok());
}

#[test]
fn times_are_numbers_in_range() {
    let text = |name: &str, value: &str| {
        let mut claims = claims_with(&json!({ name: null })).to_string();
        claims.insert_str(1, &format!(r#""{name}":{value},"#));
        payload(claims).map(drop)
    };
    let max = UnixTime::MAX.as_secs();
    for bad in [
        r#""1795136340""#,
        "null",
        "true",
        "[]",
        "{}",
        "-1",
        "-0.5",
        "18446744073709551616",
        "18446744073709551615",
        "1e300",
        "253402300800",
        "253402300799.5",
    ] {
        for name in ["exp", "nbf", "iat"] {
            let malformed = Err(Refusal::Malformed(name));
            assert_eq!(text(name, bad), malformed, "{name} {bad}");
            assert_eq!(Refusal::Malformed(name).class(), Class::Lifetime);
        }
    }
    let digits = "9".repeat(400);
    for bad in ["1e400", "-1e400", digits.as_str()] {
        assert_eq!(text("exp", bad), Err(Refusal::Json(Flaw::NumberOutOfRange)), "{bad}");
    }
    for (good, seconds) in
        [("1795136340.9", 1_795_136_340), ("1.79513634e9", 1_795_136_340), ("253402300799", max)]
    {
        let mut claims = claims_with(&json!({"exp": null})).to_string();
        claims.insert_str(1, &format!(r#""exp":{good},"#));
        assert_eq!(payload(claims).unwrap().expires(), at(seconds));
    }
    for (name, zero) in [("nbf", "0"), ("iat", "0"), ("nbf", "-0.0"), ("iat", "0.5")] {
        assert_eq!(text(name, zero), Ok(()), "{name} {zero}");
    }
    assert_eq!(text("exp", "0"), Err(Refusal::Expired(at(0))));
    assert_eq!(with(&json!({"exp": null})).unwrap_err(), Refusal::Missing("exp"));
    assert!(with(&json!({"iat": null, "nbf": null})).is_ok());
}

#[test]
fn somebody_is_named() {
    let missing = with(&json!({"sub": null, "client_id": null})).unwrap_err();
    assert_eq!((missing.class(), missing), (Class::Claims, Refusal::Missing("sub")));
    let machine = with(&json!({"sub": null})).unwrap();
    assert_eq!((machine.subject(), machine.client_id()), (None, Some("inspector")));
    let person = with(&json!({"client_id": null})).unwrap();
    assert_eq!((person.subject(), person.client_id()), (Some("alice"), None));
    for name in ["sub", "client_id", "azp", "appid", "jti"] {
        for bad in [json!(""), json!(7), json!(["alice"]), json!({"a": "b"})] {
            assert_eq!(with(&json!({ name: bad })).unwrap_err(), Refusal::Malformed(name));
        }
        assert!(with(&json!({ name: "x" })).is_ok());
    }
    let client = |changes: Value| with(&changes).unwrap().client_id().map(str::to_owned);
    assert_eq!(client(json!({"azp": "b", "appid": "c"})).as_deref(), Some("inspector"));
    assert_eq!(client(json!({"client_id": null, "azp": "b", "appid": "c"})).as_deref(), Some("b"));
    assert_eq!(client(json!({"client_id": null, "sub": null, "appid": "c"})).as_deref(), Some("c"));
}

#[test]
fn claims_that_are_not_one_plain_object() {
    let good = claims().to_string();
    let inner = good.trim_matches(['{', '}']);
    let cases: Vec<(Vec<u8>, Flaw)> = vec![
        (b"".to_vec(), Flaw::Syntax),
        (format!("[{good}]").into(), Flaw::NotAnObject),
        (b"\"claims\"".to_vec(), Flaw::NotAnObject),
        (format!("{good}{good}").into(), Flaw::TrailingBytes),
        (format!("{good}\0").into(), Flaw::TrailingBytes),
        (format!("{{{inner},}}").into(), Flaw::Syntax),
        (format!("/**/{good}").into(), Flaw::Syntax),
        (format!("{{{inner},\"sub\":\"admin\"}}").into(), Flaw::DuplicateMember),
        (format!("{{\"\\u0073ub\":\"admin\",{inner}}}").into(), Flaw::DuplicateMember),
        (format!("{{{inner},\"x\":{{\"y\":1,\"y\":2}}}}").into(), Flaw::DuplicateMember),
        (format!("\u{FEFF}{good}").into(), Flaw::Encoding),
        (good.encode_utf16().flat_map(u16::to_le_bytes).collect(), Flaw::Encoding),
        ([b"{\"x\":\"\xC3\x28\",", inner.as_bytes(), b"}"].concat(), Flaw::InvalidUtf8),
        (format!("{{{inner},\"x\":\"\\udc00\"}}").into(), Flaw::LoneSurrogate),
        (format!("{{{inner},\"x\":{}}}", "[".repeat(100)).into(), Flaw::TooDeep),
    ];
    for (bytes, flaw) in cases {
        let refusal = payload(&bytes).unwrap_err();
        assert_eq!(refusal, Refusal::Json(flaw), "{:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(refusal.class(), Class::Malformed);
    }
    assert!(payload(format!("{{{inner},\"SUB\":\"admin\",\"x\":[[]]}}")).is_ok());
    // Escapes in names and values read as what they stand for.
    let escaped = good.replace("\"sub\":\"alice\"", "\"\\u0073ub\":\"\\u0061lice\\n\"");
    assert_ne!(escaped, good);
    assert_eq!(payload(escaped).unwrap().subject(), Some("alice\n"));
}

#[test]
fn the_header_type_is_at_jwt() {
    for typ in ["at+jwt", "AT+JWT", "at+JWT", "application/at+jwt", "Application/AT+jwt"] {
        assert!(judge(&signer().typ(typ).sign(&claims()), expectation()).is_ok(), "{typ}");
    }
    for typ in ["JWT", "jwt", "", "at+jwt ", "x/at+jwt", "application/application/at+jwt", "id+jwt"]
    {
        let refusal = judge(&signer().typ(typ).sign(&claims()), expectation()).unwrap_err();
        assert_eq!((refusal.class(), refusal), (Class::TokenType, Refusal::HeaderType(typ.into())));
    }
    let absent = signer().without("typ").sign(&claims());
    assert_eq!(judge(&absent, expectation()).unwrap_err(), Refusal::HeaderType(String::new()));
    assert!(judge(&absent, expectation().accept_typ(["JWT"])).is_ok());
    assert!(judge(&signer().typ("jwt").sign(&claims()), expectation().accept_typ(["JWT"])).is_ok());
    assert!(judge(&absent, expectation().accept_typ(["application/jwt"])).is_ok());
    // Accepting one type accepts no other.
    let other = || expectation().accept_typ(["access+jwt"]);
    assert!(judge(&signer().typ("access+jwt").sign(&claims()), other()).is_ok());
    assert!(judge(&signer().typ("JWT").sign(&claims()), other()).is_err());
    assert!(judge(&absent, other()).is_err());
}

#[test]
fn proofs_logout_tokens_and_events_are_never_access_tokens() {
    let lenient = || expectation().accept_typ(["JWT", "dpop+jwt", "logout+jwt", "secevent+jwt"]);
    for typ in ["dpop+jwt", "logout+jwt", "secevent+jwt", "application/DPoP+JWT"] {
        let refusal = judge(&signer().typ(typ).sign(&claims()), lenient()).unwrap_err();
        assert_eq!(refusal, Refusal::HeaderType(typ.into()));
    }
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    for (claim, value) in [
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("typ", json!("Logout")),
        ("typ", json!("Offline")),
        ("typ", json!("id")),
        ("token_use", json!("id")),
        ("token_use", json!("refresh")),
        ("events", logout),
    ] {
        for typ in ["at+jwt", "JWT"] {
            let token = signer().typ(typ).sign(&claims_with(&json!({ claim: value })));
            let refusal = judge(&token, lenient()).unwrap_err();
            assert_eq!(
                (refusal.class(), refusal),
                (Class::TokenType, Refusal::OtherPurpose(claim))
            );
        }
    }
    for (claim, value) in
        [("typ", json!("Bearer")), ("token_use", json!("access")), ("events", json!("conference"))]
    {
        assert!(judge(&signer().sign(&claims_with(&json!({ claim: value }))), lenient()).is_ok());
    }
}

#[test]
fn where_the_type_is_jwt_the_claims_must_show_an_access_token() {
    let lenient = || expectation().accept_typ(["JWT"]);
    let judge = |changes: Value, expectation: Expectation| {
        judge(&signer().typ("JWT").sign(&claims_with(&changes)), expectation).map(drop)
    };
    let none = Err(Refusal::NoEvidence);
    // By a scope, unless the marks of an ID token are there.
    assert_eq!(judge(json!({}), lenient()), Ok(()));
    assert_eq!(judge(json!({"scope": null, "scp": "a"}), lenient()), Ok(()));
    assert_eq!(judge(json!({"scope": null}), lenient()), none);
    for mark in ["nonce", "at_hash", "c_hash"] {
        assert_eq!(judge(json!({mark: "x"}), lenient()), none, "{mark}");
        assert_eq!(judge(json!({mark: "x", "typ": "Bearer"}), lenient()), Ok(()), "{mark}");
    }
    // By Keycloak's type.
    assert_eq!(judge(json!({"scope": null, "typ": "Bearer"}), lenient()), Ok(()));
    assert_eq!(judge(json!({"scope": null, "typ": "bearer token"}), lenient()), none);
    // By what the operator requires.
    let require = || lenient().require(path(&["repository"]), ["acme/app"]);
    let ours = json!({"scope": null, "repository": "acme/app"});
    assert_eq!(judge(ours.clone(), require()), Ok(()));
    assert_eq!(judge(ours, lenient()), none);
    assert_eq!(
        judge(json!({"scope": null, "repository": "acme/app", "nonce": "x"}), require()),
        none
    );
    // By a claim the operator knows.
    let named = || lenient().access_token_claim(path(&["ext", "grant"]));
    assert_eq!(judge(json!({"scope": null, "ext": {"grant": 1}}), named()), Ok(()));
    assert_eq!(judge(json!({"scope": null, "ext": {"grand": 1}}), named()), none);
    assert_eq!(judge(json!({"scope": null, "ext": {"grant": 1}, "at_hash": "x"}), named()), none);
}

#[test]
fn an_id_token_is_refused() {
    // As OpenID Connect Core section 2 has it, for a client that is called like the resource.
    let id_token = json!({
        "iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW,
        "auth_time": NOW, "nonce": "n-0S6_WzA2Mj", "acr": "0", "azp": AUDIENCE, "email": "a@example.com",
    });
    let token = signer().typ("JWT").sign(&id_token);
    assert!(matches!(judge(&token, expectation()).unwrap_err(), Refusal::HeaderType(_)));
    assert_eq!(judge(&token, expectation().accept_typ(["JWT"])).unwrap_err(), Refusal::NoEvidence);
    // Its twin from the same login.
    let mut access = id_token;
    access.as_object_mut().unwrap().remove("nonce");
    access["scope"] = "openid".into();
    assert!(judge(&signer().typ("JWT").sign(&access), expectation().accept_typ(["JWT"])).is_ok());
}

#[test]
fn scopes_in_each_of_their_spellings() {
    let scopes = |changes: Value| with(&changes).map(|token| token.scopes().to_string());
    assert_eq!(scopes(json!({"scope": "b a b"})).unwrap(), "a b");
    assert_eq!(scopes(json!({"scope": ""})).unwrap(), "");
    assert_eq!(scopes(json!({"scope": []})).unwrap(), "");
    assert_eq!(scopes(json!({"scope": ["b", "a"]})).unwrap(), "a b");
    assert_eq!(
        scopes(json!({"scope": null, "scp": "User.Read Files.Read"})).unwrap(),
        "Files.Read User.Read"
    );
    assert_eq!(scopes(json!({"scope": null, "scp": ["x"]})).unwrap(), "x");
    assert_eq!(scopes(json!({"scope": "a", "scp": ["x"]})).unwrap(), "a");
    for bad in [
        json!(" a"),
        json!("a "),
        json!("a  b"),
        json!("a\tb"),
        json!("a\"b"),
        json!("a\\b"),
        json!("ä"),
        json!(1),
        json!({"a": true}),
        json!(["a b"]),
        json!([""]),
        json!(["a", 1]),
        json!(true),
    ] {
        assert_eq!(
            scopes(json!({ "scope": bad })).unwrap_err(),
            Refusal::Malformed("scope"),
            "{bad}"
        );
        let scp = json!({ "scope": null, "scp": bad });
        assert_eq!(scopes(scp).unwrap_err(), Refusal::Malformed("scp"), "{bad}");
    }
    let many = |n: usize| json!({"scope": (0..n).map(|i| format!("s{i}")).collect::<Vec<_>>()});
    assert!(scopes(many(256)).is_ok());
    assert_eq!(scopes(many(257)).unwrap_err(), Refusal::Malformed("scope"));
}

#[test]
fn default_scopes_stand_in_for_an_absent_claim_only() {
    let expectation = || expectation().default_scopes(ScopeSet::parse("files:read").unwrap());
    let scopes = |changes: Value| {
        judge(&signer().sign(&claims_with(&changes)), expectation()).unwrap().scopes().to_string()
    };
    assert_eq!(scopes(json!({"scope": null})), "files:read");
    assert_eq!(scopes(json!({"scope": ""})), "");
    assert_eq!(scopes(json!({"scope": "other"})), "other");
    assert_eq!(with(&json!({"scope": null})).unwrap().scopes().to_string(), "");
}

#[test]
fn requirements_must_all_hold() {
    let expectation = || {
        expectation()
            .require(path(&["org"]), ["acme", "umbrella"])
            .require(path(&["ctx", "https://example.com/env"]), ["prod"])
    };
    let judge =
        |changes: Value| judge(&signer().sign(&claims_with(&changes)), expectation()).map(drop);
    let env = |env: &str| json!({"https://example.com/env": env});
    assert_eq!(judge(json!({"org": "acme", "ctx": env("prod")})), Ok(()));
    assert_eq!(judge(json!({"org": ["x", "umbrella"], "ctx": env("prod")})), Ok(()));
    let org = Err(Refusal::Requirement("org".into()));
    for value in
        [json!("Acme"), json!("acme "), json!(["x"]), json!([]), json!(1), json!({"acme": "acme"})]
    {
        assert_eq!(judge(json!({"org": value, "ctx": env("prod")})), org, "{value}");
    }
    assert_eq!(judge(json!({"ctx": env("prod")})), org);
    let ctx = judge(json!({"org": "acme", "ctx": env("dev")})).unwrap_err();
    assert_eq!(ctx.class(), Class::Claims);
    assert_eq!(judge(json!({"org": "acme", "ctx": ["prod"]})).unwrap_err(), ctx);
    assert_eq!(judge(json!({"org": "acme", "https://example.com/env": "prod"})).unwrap_err(), ctx);
    // A requirement of no values cannot be met.
    let none = crate::expectation().require(path(&["org"]), [] as [&str; 0]);
    let token = signer().sign(&claims_with(&json!({"org": "acme"})));
    assert!(crate::judge(&token, none).is_err());
}

#[test]
fn roles_come_from_claims() {
    let role = |name: &str| Role::parse(name).unwrap();
    let files_write = Scope::parse("files:write").unwrap();
    let expectation = || {
        expectation()
            .map_role(role("staff"), path(&["realm_access", "roles"]), ["employee", "contractor"])
            .map_role(role("editor"), path(&["groups"]), ["ops"])
            .map_role(role("editor"), path(&["role"]), ["editor"])
            .entitlements(Entitlements::new(
                ScopeSet::parse("files:read").unwrap(),
                vec![(Scope::parse("files:write").unwrap(), vec![role("editor")])],
            ))
    };
    let judge =
        |changes: Value| judge(&signer().sign(&claims_with(&changes)), expectation()).unwrap();
    let keycloak = judge(json!({"realm_access": {"roles": ["other", "employee"]}}));
    assert_eq!(keycloak.roles(), [role("staff")]);
    assert!(!keycloak.may_obtain(&files_write));
    let editor = judge(
        json!({"groups": "ops", "role": "editor", "realm_access": {"roles": ["contractor"]}}),
    );
    assert_eq!(editor.roles(), [role("staff"), role("editor")]);
    assert!(editor.may_obtain(&files_write));
    for none in [
        json!({}),
        json!({"realm_access": ["employee"]}),
        json!({"roles": ["employee"]}),
        json!({"groups": ["OPS"], "realm_access": {"roles": {"employee": true}}}),
    ] {
        assert!(judge(none).roles().is_empty());
    }
    assert!(with(&json!({})).unwrap().may_obtain(&files_write));
}

#[test]
fn claims_are_found_by_path() {
    let token = with(&json!({
        "a.b": "dotted", "a": {"b": ["x", 1, "y", null], "n": 5, "o": {"deep": "z"}}, "e": "\u{e9}\n",
    }))
    .unwrap();
    let claim = |names: &[&str]| token.claim(&path(names));
    assert_eq!(claim(&["a.b"]), ["dotted"]);
    assert_eq!(claim(&["a", "b"]), ["x", "y"]);
    assert_eq!(claim(&["a", "o", "deep"]), ["z"]);
    assert_eq!(claim(&["e"]), ["\u{e9}\n"]);
    for none in [&["a"][..], &["a", "n"], &["a", "b", "0"], &["missing"], &["a", "missing", "b"]] {
        assert!(claim(none).is_empty(), "{none:?}");
    }
    assert_eq!(ClaimPath::new([] as [&str; 0]), Err(InvalidPath));
    assert_eq!(ClaimPath::new(["a"; 9]), Err(InvalidPath));
    assert_eq!(ClaimPath::new([""]), Err(InvalidPath));
    assert_eq!(ClaimPath::new(["a".repeat(257)]), Err(InvalidPath));
    assert!(ClaimPath::new(["a"; 8]).is_ok() && ClaimPath::new(["a".repeat(256)]).is_ok());
}

// req: RS-14
#[test]
fn a_confirmation_is_understood_or_refused() {
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"; // RFC 9449 section 6.1
    let x5t = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"; // RFC 8705 appendix A
    let token = with(&json!({"cnf": {"jkt": jkt}})).unwrap();
    assert!(
        matches!(token.confirmation(), Some(Confirmation::DpopKey(key)) if key.to_string() == jkt)
    );
    let token = with(&json!({"cnf": {"x5t#S256": x5t}})).unwrap();
    assert!(
        matches!(token.confirmation(), Some(Confirmation::Certificate(c)) if c.to_string() == x5t)
    );
    for bad in [
        json!({}),
        json!([]),
        json!("x"),
        json!(1),
        json!({"jkt": jkt, "x5t#S256": x5t}),
        json!({"jkt": jkt, "kid": "k"}),
        json!({"jwk": {"kty": "EC"}}),
        json!({"kid": "k"}),
        json!({"jkt": 1}),
        json!({"jkt": [jkt]}),
        json!({"jkt": ""}),
        json!({"jkt": format!("{jkt}=")}),
        json!({"jkt": &jkt[..42]}),
        json!({"JKT": jkt}),
        json!({"x5t": x5t}),
        // The value in RFC 8705 section 3.1 ends in bits that encode nothing, which no encoder writes.
        json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
    ] {
        let refusal = with(&json!({ "cnf": bad })).unwrap_err();
        assert_eq!((refusal.class(), refusal), (Class::Possession, Refusal::Confirmation), "{bad}");
    }
    // `null` is no confirmation either, and no absence.
    let text = claims().to_string().replacen('{', r#"{"cnf":null,"#, 1);
    assert_eq!(payload(text).unwrap_err(), Refusal::Confirmation);
}

#[test]
fn the_access_token_of_rfc_9068() {
    // Section 2.2.3.1, with the header of figure 2.
    let claims = json!({
        "iss": "https://authorization-server.example.com/",
        "sub": "5ba552d67",
        "aud": "https://rs.example.com/",
        "exp": 1_639_528_912,
        "iat": 1_618_354_090,
        "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
        "client_id": "s6BhdRkqt3",
        "scope": "openid profile reademail",
    });
    let token = Signer::new(TestKey::Rsa).typ("at+JWT").sign(&claims);
    let expectation = Expectation::new(
        Issuer::parse("https://authorization-server.example.com/").unwrap(),
        ["https://rs.example.com/".to_owned()],
    );
    let token = judge_at(1_618_354_100, &token, expectation.unwrap()).unwrap();
    assert_eq!(token.subject(), Some("5ba552d67"));
    assert_eq!(token.client_id(), Some("s6BhdRkqt3"));
    assert_eq!(token.scopes().to_string(), "openid profile reademail");
}

#[test]
fn the_claims_of_rfc_7519() {
    // Section 3.1: well-formed, but good for nobody in particular.
    let text = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
    let token = signer().sign_payload(text);
    assert_eq!(Unverified::parse(&token).unwrap().issuer(), "joe");
    let expectation =
        Expectation::new(Issuer::parse("https://joe.example").unwrap(), ["x".to_owned()]);
    assert!(matches!(judge(&token, expectation.unwrap()).unwrap_err(), Refusal::Issuer { .. }));
}

#[test]
fn looks() {
    let token = signer().sign(&claims());
    for yes in [
        token.as_str(),
        "eyJhbGciOiJub25lIn0.e30.",
        "e30.e30.e30",
        "IHsidCI6MX0.e30.AA",
        "DQp7fQ.e30.",
    ] {
        assert!(looks_like_jwt(yes), "{yes}");
    }
    for no in [
        "",
        "opaque",
        "a.b.c",
        "..",
        "W10.e30.AA",
        "eyJ.eyJ",
        "eyJhIjoxfQ.a.b.c.d",
        "eyJhIjoxfQ.e30.A=",
        "eyJhIjoxfQ.e+0.AA",
        "eyJhIjoxfQ.e30.ä",
    ] {
        assert!(!looks_like_jwt(no), "{no}");
    }
}

#[test]
fn refusals_and_debug_hold_no_token_text() {
    let token = signer()
        .sign(&claims_with(&json!({"aud": format!("evil\n\u{1b}[31m{}", "x".repeat(999))})));
    let refusal = judge(&token, expectation()).unwrap_err();
    let Refusal::Audience { found, .. } = &refusal else { panic!("{refusal}") };
    assert!(found.len() < 210 && !found.contains(['\n', '\u{1b}']), "{found}");
    let shown = format!("{refusal} {refusal:?}");
    assert!(shown.len() < 1000 && !shown.contains(&token[..30]));
    let token = with(&json!({"email": "alice@example.com"})).unwrap();
    let shown = format!("{token:?}");
    assert!(shown.contains("alice") && !shown.contains("alice@example.com"), "{shown}");
    let text = signer().sign(&claims());
    assert!(!format!("{:?}", Unverified::parse(&text).unwrap()).contains("alice"));
}

#[test]
fn any_changed_character_is_noticed() {
    let keys = KeySet::parse(&jwks(&TestKey::USABLE)).unwrap();
    let expectation = Arc::new(expectation());
    for key in [TestKey::Ed25519, TestKey::Rsa] {
        let token = Signer::new(key).sign(&claims());
        let accepted = |text: &str| {
            Unverified::parse(text).is_ok_and(|t| t.verify(&keys, &expectation, at(NOW)).is_ok())
        };
        assert!(accepted(&token));
        let mut mutated = token.clone().into_bytes();
        for i in 0..mutated.len() {
            let original = mutated[i];
            let replacements = (0..7).map(|bit| original ^ (1 << bit)).chain(*b".=A_-\0 ");
            for replacement in replacements.filter(|r| *r != original) {
                mutated[i] = replacement;
                let text = std::str::from_utf8(&mutated).unwrap();
                assert!(!accepted(text), "{key:?}: {replacement} at {i}");
            }
            mutated[i] = original;
        }
        // One character more or less, anywhere.
        for i in 0..=token.len() {
            let (start, end) = token.split_at(i);
            for c in ["A", ".", "=", "_"] {
                assert!(!accepted(&format!("{start}{c}{end}")), "{key:?}: {c} inserted at {i}");
            }
            assert!(
                end.is_empty() || !accepted(&format!("{start}{}", &end[1..])),
                "{key:?}: {i} removed"
            );
        }
    }
}

proptest! {
    #[test]
    fn no_payload_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(payload(&bytes).is_err());
    }

    #[test]
    fn no_claims_panic(name in "iss|sub|aud|exp|nbf|iat|scope|scp|cnf|typ|events|jti|azp", value in json_value()) {
        let token = signer().typ("JWT").sign(&claims_with(&json!({ name: value })));
        let expectation = expectation()
            .accept_typ(["JWT"])
            .map_role(Role::parse("r").unwrap(), path(&["aud", "a"]), ["x"]);
        let _ = judge(&token, expectation);
    }

    #[test]
    fn claims_round_trip(
        sub in ".{1,60}",
        client in "\\PC{1,60}",
        scopes in proptest::collection::btree_set("[!#-\\[\\]-~]{1,20}", 0..8),
        life in 0_u64..100_000,
        strings in proptest::collection::vec(".{0,20}", 0..5),
    ) {
        let scope = scopes.iter().cloned().collect::<Vec<_>>().join(" ");
        let token = with(&json!({
            "sub": sub, "client_id": client, "scope": scope, "exp": NOW + life, "x": {"y": strings},
        })).unwrap();
        prop_assert_eq!(token.subject(), Some(sub.as_str()));
        prop_assert_eq!(token.client_id(), Some(client.as_str()));
        prop_assert_eq!(token.scopes().to_string(), scope);
        prop_assert_eq!(token.expires(), at(NOW + life));
        prop_assert_eq!(token.claim(&path(&["x", "y"])), strings);
    }

    #[test]
    fn looks_never_panic(text in ".{0,80}") {
        let _ = looks_like_jwt(&text);
        let _ = Unverified::parse(&text);
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z#]{0,5}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
