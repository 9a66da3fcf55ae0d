//! Signed by the issuer, for this resource, now: RFC 9068 section 4.

use super::*;

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
    let keys =
        KeySet::parse(ISSUER.parse().unwrap(), &jwks(&[TestKey::P256, TestKey::Rsa])).unwrap();
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
    let keys =
        KeySet::parse(ISSUER.parse().unwrap(), json!({"keys": [pinned]}).to_string().as_bytes())
            .unwrap();
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

// req: RS-3 RS-4
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

// req: RS-4
#[test]
fn the_resource_is_an_audience_and_others_are_declared() {
    let judge = |aud: Value, expectation: Expectation| {
        judge(&signer().sign(&claims_with(&json!({ "aud": aud }))), expectation)
    };
    assert_eq!(expectation().audiences(), [AUDIENCE]);
    let three = || expectation().also_for(["api://files"]).also_for(vec![String::from("files")]);
    assert_eq!(three().audiences(), [AUDIENCE, "api://files", "files"]);
    for aud in [AUDIENCE, "api://files", "files"] {
        // Whichever it names, the token is for this server.
        assert_eq!(judge(json!(aud), three()).unwrap().resource().as_str(), AUDIENCE);
    }
    for aud in ["api://file", "file", ""] {
        assert!(judge(json!(aud), three()).is_err(), "{aud}");
    }
    assert!(judge(json!("api://files"), expectation()).is_err());
    // An empty audience is none.
    let none = || expectation().also_for(["", ""]);
    assert_eq!(none().audiences(), [AUDIENCE]);
    assert!(judge(json!(""), none()).is_err() && judge(json!(AUDIENCE), none()).is_ok());
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
    // A person is one whatever the client; a client is nobody who is called like it.
    assert_eq!(person.speaker(), with(&json!({"jti": "2"})).unwrap().speaker());
    for other in [json!({"sub": "bob"}), json!({"sub": null}), json!({"sub": "inspector"})] {
        assert_ne!(with(&other).unwrap().speaker(), person.speaker(), "{other}");
    }
    assert_ne!(with(&json!({"sub": "inspector"})).unwrap().speaker(), machine.speaker());
    let other = with(&json!({"sub": null, "client_id": "other"})).unwrap();
    assert_ne!(other.speaker(), machine.speaker());
    for name in ["sub", "client_id", "azp", "appid", "jti"] {
        for bad in [
            json!(""),
            json!(7),
            json!(["alice"]),
            json!({"a": "b"}),
            json!("alice\n"),
            json!("\0alice"),
            json!("al\u{1b}[2Jice"),
            json!("al\u{7f}ice"),
            json!("al\u{85}ice"),
        ] {
            assert_eq!(with(&json!({ name: bad })).unwrap_err(), Refusal::Malformed(name), "{bad}");
        }
        for good in ["x", "Alice Liddell", "\u{e9}\u{4f60}", "auth0|5f7c8ec7", "a\\n"] {
            assert!(with(&json!({ name: good })).is_ok(), "{good}");
        }
    }
    let client = |changes: Value| with(&changes).unwrap().client_id().map(str::to_owned);
    assert_eq!(client(json!({"azp": "b", "appid": "c"})).as_deref(), Some("inspector"));
    assert_eq!(client(json!({"client_id": null, "azp": "b", "appid": "c"})).as_deref(), Some("b"));
    assert_eq!(client(json!({"client_id": null, "sub": null, "appid": "c"})).as_deref(), Some("c"));
}

/// Keys fetched for one issuer say nothing about another's tokens, even where they would verify.
// req: RS-3
#[test]
fn keys_verify_the_tokens_of_their_own_issuer_only() {
    let token = signer().sign(&claims());
    let with_keys_of = |issuer: &str| {
        let keys = KeySet::parse(issuer.parse().unwrap(), &jwks(&TestKey::USABLE)).unwrap();
        assert_eq!(keys.issuer().as_str(), issuer);
        let expectation = Arc::new(expectation());
        Unverified::parse(&token).unwrap().verify(&keys, &expectation, at(NOW)).map(drop)
    };
    assert_eq!(with_keys_of(ISSUER), Ok(()));
    let refused = with_keys_of("https://other.example.com");
    assert_eq!(refused, Err(Refusal::Key(NoMatch::OtherIssuer)));
}
