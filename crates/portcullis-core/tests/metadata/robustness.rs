//! Bad documents, bounds, arbitrary input.

use super::*;

#[test]
fn what_a_client_can_do_without_is_dropped_where_it_is_unusable() {
    let judged = judge_resource("scopes_supported", json!(["files read", "", "files:read"]));
    assert_eq!(*judged.unwrap().scopes_supported(), scopes("files:read"));
    let judged = judge_server("scopes_supported", json!(["a", "b\u{e4}", "c\"d"]));
    assert_eq!(judged.unwrap().scopes_supported, scopes("a"));

    let member = "resource_documentation";
    for (link, kept) in [("https://docs.example.com/", true), ("javascript:alert(1)", false)] {
        let judged = judge_resource(member, json!(link)).unwrap();
        assert_eq!(judged.resource_documentation(), kept.then_some(link));
    }
    // What we say ourselves is held to more.
    let reason = Invalid::Scheme;
    let said = protected(MCP).documentation("javascript:alert(1)");
    assert_eq!(said, Err(MetadataError::Url { member, reason }));
    let said = protected(MCP).documentation("https://docs.example.com/").unwrap();
    assert_eq!(said.resource_documentation(), Some("https://docs.example.com/"));
}

#[test]
fn wrong_types_are_named() {
    let others = |right: fn(&Value) -> bool| {
        let all = [json!(1), json!("x"), json!(true), json!(["x"]), json!([1]), json!({})];
        all.into_iter().filter(move |value| !right(value))
    };
    let is_list = |value: &Value| value.get(0).is_some_and(Value::is_string);
    for (members, right) in [
        (&URLS[..], Value::is_string as fn(&Value) -> bool),
        (&LISTS[..], is_list),
        (&FLAGS[..], Value::is_boolean),
        (&["scopes_supported"], is_list),
    ] {
        for &member in members {
            for wrong in others(right) {
                assert_eq!(judge_server(member, wrong), Err(MetadataError::WrongType(member)));
            }
            // Null is how some servers write an absent member.
            assert!(judge_server(member, json!(null)).is_ok());
        }
    }
    for member in ["resource", "resource_name", "resource_documentation"] {
        assert_eq!(judge_resource(member, json!(1)), Err(MetadataError::WrongType(member)));
    }
    for member in ["authorization_servers", "scopes_supported"] {
        assert_eq!(judge_resource(member, json!(AS)), Err(MetadataError::WrongType(member)));
    }
    assert_eq!(judge_resource("resource", json!(null)), Err(MetadataError::Missing("resource")));
    assert!(judge_resource("unknown", json!({ "resource": 1 })).is_ok());
}

#[test]
fn absent_and_empty_are_told_apart_on_the_way_in() {
    let member = "code_challenge_methods_supported";
    let methods = |value| judge_server(member, value).unwrap().code_challenge_methods_supported;
    assert_eq!(methods(json!(null)), None);
    assert_eq!(methods(json!([])), Some(vec![]));
    assert_eq!(methods(json!(["S256"])), Some(vec!["S256".to_owned()]));
}

#[test]
fn documents_are_one_json_object() {
    let judge = |document: &[u8]| AuthorizationServer::judge(document, &issuer(AS)).map(|_| ());
    assert_eq!(judge(br#"{"issuer":"https://as.example.com"}"#), Ok(()));
    let cases: [(&[u8], Flaw); 6] = [
        (br#"["https://as.example.com"]"#, Flaw::NotAnObject),
        (
            br#"{"issuer":"https://evil.example","issuer":"https://as.example.com"}"#,
            Flaw::DuplicateMember,
        ),
        (br#"{"issuer":"https://as.example.com","\u0069ssuer":"x"}"#, Flaw::DuplicateMember),
        (b"\xef\xbb\xbf{\"issuer\":\"https://as.example.com\"}", Flaw::Encoding),
        (br#"{"issuer":"https://as.example.com"}x"#, Flaw::TrailingBytes),
        (b"<html>", Flaw::Syntax),
    ];
    for (document, flaw) in cases {
        assert_eq!(judge(document), Err(MetadataError::Json(flaw)));
        let fetched = Fetched::FromChallengeOrPath(MCP);
        assert!(matches!(ProtectedResource::judge(document, fetched), Err(MetadataError::Json(_))));
    }
}

#[test]
fn everything_is_bounded() {
    assert_eq!((MAX_LENGTH, MAX_ITEMS, MAX_TEXT), (262_144, 1024, 1024));
    let padded = |length: usize| {
        let mut document = resource_document("resource", json!(MCP));
        document.resize(length, b' ');
        ProtectedResource::judge(&document, Fetched::FromChallengeOrPath(MCP))
    };
    assert!(padded(MAX_LENGTH).is_ok());
    assert_eq!(padded(MAX_LENGTH + 1), Err(MetadataError::TooLong));

    let list = |n: usize| judge_server("grant_types_supported", json!(vec!["x"; n]));
    assert!(list(MAX_ITEMS).is_ok());
    assert_eq!(list(MAX_ITEMS + 1), Err(MetadataError::Excessive("grant_types_supported")));

    let item = |n: usize| judge_server("grant_types_supported", json!(["x".repeat(n)]));
    assert!(item(MAX_TEXT).is_ok());
    assert_eq!(item(MAX_TEXT + 1), Err(MetadataError::Excessive("grant_types_supported")));

    let name = |n: usize| judge_resource("resource_name", json!("x".repeat(n)));
    assert!(name(MAX_TEXT).is_ok());
    assert_eq!(name(MAX_TEXT + 1), Err(MetadataError::Excessive("resource_name")));
    assert!(protected(MCP).name(&"x".repeat(MAX_TEXT)).is_ok());
    let longer = protected(MCP).name(&"x".repeat(MAX_TEXT + 1));
    assert_eq!(longer, Err(MetadataError::Excessive("resource_name")));
}

fn trimmed_at_host(text: &str) -> bool {
    text.matches('/').count() == 3 && text.ends_with('/')
}

proptest! {
    #[test]
    fn any_document_is_judged(document in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        "[{}\\[\\]\":,a-z0-9 ]{0,40}".prop_map(String::into_bytes),
    ]) {
        let fetched = Fetched::FromRoot(MCP);
        prop_assert!(ProtectedResource::judge(&document, fetched).is_err());
        prop_assert!(AuthorizationServer::judge(&document, &issuer(AS)).is_err());
    }

    #[test]
    fn only_the_same_text_is_the_same_resource(text in "https://(mcp|x)\\.example\\.com(:443)?(/[a-c]?/?)?") {
        let document = resource_document("resource", json!(text));
        let judged = ProtectedResource::judge(&document, Fetched::FromChallengeOrPath(MCP));
        prop_assert!(judged.is_err());
        let judged = ProtectedResource::judge(&document, Fetched::FromChallengeOrPath(&text)).unwrap();
        prop_assert_eq!(judged.resource().as_str(), &text);
    }

    /// Every URL a client asks is the identifier's text with the well-known part put in.
    #[test]
    fn urls_are_made_of_the_identifiers_text(text in "https://[a-zA-Z.]{1,9}(:[0-9]{1,4})?(/[a-zA-Z%2E.~]{0,4}){0,3}") {
        if let Ok(id) = Issuer::parse(&text) {
            let trimmed = text.trim_end_matches('/');
            for url in discovery_urls(&id) {
                let without = url
                    .replace("/.well-known/oauth-authorization-server", "")
                    .replace("/.well-known/openid-configuration", "");
                prop_assert_eq!(without, trimmed);
            }
        }
        if let Ok(id) = ResourceId::parse(&text) {
            let url = ProtectedResource::new(id, vec![issuer(AS)]).unwrap().metadata_url();
            let without = url.replace("/.well-known/oauth-protected-resource", "");
            // Of all slashes only the one behind the host goes.
            let kept = if trimmed_at_host(&text) { text.trim_end_matches('/') } else { &text };
            prop_assert_eq!(without, kept);
        }
    }
}
