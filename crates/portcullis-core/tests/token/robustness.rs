//! Mutations, arbitrary input, and what errors may show.

use super::*;

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
    let keys = KeySet::parse(ISSUER.parse().unwrap(), &jwks(&TestKey::USABLE)).unwrap();
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
    let escaped = good.replace("\"sub\":\"alice\"", "\"\\u0073ub\":\"\\u0061lice\\u0021\"");
    assert_ne!(escaped, good);
    assert_eq!(payload(escaped).unwrap().subject(), Some("alice!"));
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
        sub in "\\PC{1,60}",
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
