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
fn looks() {
    let token = signer().sign(&claims());
    for yes in [
        token.as_str(),
        "eyJhbGciOiJub25lIn0.e30.",
        "e30.e30.e30",
        "IHsidCI6MX0.e30.AA",
        "DQp7fQ.e30.",
        "ICAgICAgICAgICAgICAgICAgICB7fQ.e30.",
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
