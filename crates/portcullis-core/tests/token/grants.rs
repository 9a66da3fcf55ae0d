//! What a token grants: scopes, roles, required claims, confirmation.

use super::*;

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

/// What is not kept is what nobody would ask for, and never what the token is judged by.
#[test]
fn claims_are_kept_unless_it_is_said_that_nobody_asks_for_them() {
    let text = signer().sign(&claims_with(&json!({ "team": "blue", "jti": "t" })));
    let judged = |expectation| judge(&text, expectation).unwrap();
    let (kept, forgotten) = (judged(expectation()), judged(expectation().without_claims()));
    assert_eq!(kept.claim(&path(&["team"])), ["blue"]);
    assert!(forgotten.claim(&path(&["team"])).is_empty());
    assert_eq!(forgotten.subject(), kept.subject());
    assert_eq!(forgotten.client_id(), kept.client_id());
    assert_eq!((forgotten.token_id(), kept.token_id()), (Some("t"), Some("t")));
    assert_eq!((forgotten.scopes(), forgotten.expires()), (kept.scopes(), kept.expires()));
    assert!(forgotten.size() < kept.size());
    // Long names weigh what they are.
    for name in ["sub", "client_id", "jti"] {
        let text = signer().sign(&claims_with(&json!({ name: "x".repeat(6_000) })));
        let long = judge(&text, expectation().without_claims()).unwrap();
        assert!(long.size() > forgotten.size() + 5_900, "{name}");
    }
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
