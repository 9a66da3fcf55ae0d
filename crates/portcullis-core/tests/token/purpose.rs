//! Access tokens and the other tokens an issuer signs with the same keys.

use super::*;

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
        ("token_use", json!("id_token")),
        ("token_use", json!("refresh")),
        ("token_use", json!("refresh_token")),
        ("token_use", json!("Refresh_Token")),
        ("token_use", json!("accesstoken")),
        ("token_use", json!("")),
        ("token_use", json!(["access"])),
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
    for (claim, value) in [
        ("typ", json!("Bearer")),
        ("token_use", json!("access")),
        ("token_use", json!("access_token")),
        ("token_use", json!("ACCESS")),
        ("events", json!("conference")),
    ] {
        for typ in ["at+jwt", "JWT"] {
            let token = signer().typ(typ).sign(&claims_with(&json!({ claim: value })));
            assert!(judge(&token, lenient()).is_ok(), "{claim} {value}");
        }
    }
}

// req: RS-14
#[test]
fn a_token_that_is_said_to_be_bound_names_the_key() {
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let x5t = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
    for name in ["typ", "token_type"] {
        for said in ["DPoP", "dpop"] {
            assert_eq!(with(&json!({ name: said })).unwrap_err(), Refusal::Confirmation);
            let certificate = json!({ name: said, "cnf": {"x5t#S256": x5t} });
            assert_eq!(with(&certificate).unwrap_err(), Refusal::Confirmation);
            assert!(with(&json!({ name: said, "cnf": {"jkt": jkt} })).is_ok());
        }
        assert!(with(&json!({ name: "Bearer" })).is_ok());
    }
}

#[test]
fn a_dpop_proof_is_no_access_token() {
    let with_claims = |proof: Proof| {
        let mut proof = proof.token("an.access.token");
        for (name, value) in claims().as_object().unwrap() {
            proof = proof.claim(name, value.clone());
        }
        proof
    };
    let proof = with_claims(Proof::new(TestKey::Ed25519));
    let lenient = || expectation().accept_typ(["JWT", "dpop+jwt"]);
    let refused = |proof: &Proof| judge(&proof.sign(), lenient()).unwrap_err();
    let brings_key = Refusal::Jws(jws::Refusal::KeyInHeader("jwk"));
    assert_eq!(refused(&Proof::new(TestKey::Ed25519)), brings_key);
    assert_eq!(refused(&proof), brings_key);
    assert_eq!(refused(&proof.clone().header("typ", "at+jwt")), brings_key);
    let keyless = proof.without_header("jwk");
    assert_eq!(refused(&keyless), Refusal::HeaderType("dpop+jwt".into()));
    let twin = keyless.header("typ", "at+jwt").header("kid", TestKey::Ed25519.kid());
    assert!(judge(&twin.sign(), lenient()).is_ok());
}

#[test]
fn a_token_in_a_token_is_none() {
    let inner = signer().sign(&claims());
    assert!(judge(&inner, expectation()).is_ok());
    // Without `cty`, which would say so (RFC 7519 section 5.2).
    assert_eq!(payload(&inner).unwrap_err(), Refusal::Json(Flaw::Syntax));
    let quoted = json!(inner).to_string();
    assert_eq!(payload(quoted).unwrap_err(), Refusal::Json(Flaw::NotAnObject));
    let said = signer().header("cty", "JWT");
    let refusal = judge(&said.sign_payload(&inner), expectation()).unwrap_err();
    assert_eq!(refusal, Refusal::Jws(jws::Refusal::Nested));
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
    assert_eq!(judge(json!({"typ": ["Bearer"]}), lenient()), Ok(()));
    assert_eq!(
        judge(json!({"typ": ["Bearer", "id"]}), lenient()),
        Err(Refusal::OtherPurpose("typ"))
    );
    assert_eq!(judge(json!({"scope": null, "typ": "bearer token"}), lenient()), none);
    let bound = json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"});
    let dpop = |cnf: Value| json!({"scope": null, "nonce": "x", "typ": "DPoP", "cnf": cnf});
    assert_eq!(judge(dpop(bound), lenient()), Ok(()));
    assert!(judge(dpop(Value::Null), lenient()).is_err(), "bound to no key");
    // Not by what the operator requires: tenants stand in ID tokens too.
    let require = || lenient().require(path(&["tid"]), ["t1"]);
    let ours = |scope: Value| json!({"scope": scope, "tid": "t1"});
    assert_eq!(judge(ours(Value::Null), require()), none);
    assert_eq!(judge(ours(Value::Null), require().access_token_claim(path(&["tid"]))), Ok(()));
    assert_eq!(judge(ours(json!("a")), require()), Ok(()));
    // By a claim the operator knows.
    let named = || lenient().access_token_claim(path(&["ext", "grant"]));
    assert_eq!(judge(json!({"scope": null, "ext": {"grant": 1}}), named()), Ok(()));
    assert_eq!(judge(json!({"scope": null, "ext": {"grand": 1}}), named()), none);
    assert_eq!(judge(json!({"scope": null, "ext": {"grant": 1}, "at_hash": "x"}), named()), none);
    // What is said of person and login does not matter (RFC 9068 section 2.2.1).
    let login = json!({
        "email": "a@example.com", "preferred_username": "alice", "auth_time": NOW, "amr": ["pwd"],
        "acr": "1", "sid": "s",
    });
    assert_eq!(judge(login.clone(), lenient()), Ok(()));
    let mut no_scope = login;
    no_scope["scope"] = Value::Null;
    assert_eq!(judge(no_scope, lenient()), none);
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
