//! Metadata documents: where they stand, and whose word they are taken for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use portcullis_core::id::{Invalid, Issuer, ResourceId};
use portcullis_core::json::Flaw;
use portcullis_core::metadata::{
    AuthorizationServer, Fetched, MAX_ITEMS, MAX_LENGTH, MAX_TEXT, MetadataError,
    ProtectedResource, discovery_urls, resource_metadata_urls,
};
use portcullis_core::scope::ScopeSet;
use proptest::prelude::*;
use serde_json::{Value, json};

fn issuer(text: &str) -> Issuer {
    Issuer::parse(text).unwrap()
}

fn resource(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

fn protected(text: &str) -> ProtectedResource {
    ProtectedResource::new(resource(text), vec![issuer("https://as.example.com")]).unwrap()
}

const MCP: &str = "https://mcp.example.com/files/mcp";
const AS: &str = "https://as.example.com";

/// A resource's document with one member set (or, with null, not there).
fn resource_document(member: &str, value: Value) -> Vec<u8> {
    let mut document = json!({ "resource": MCP, "authorization_servers": [AS] });
    document
        .as_object_mut()
        .unwrap()
        .insert(member.to_owned(), value);
    document.to_string().into_bytes()
}

fn judge_resource(member: &str, value: Value) -> Result<ProtectedResource, MetadataError> {
    let document = resource_document(member, value);
    ProtectedResource::judge(&document, Fetched::FromChallengeOrPath(MCP))
}

fn judge_server(member: &str, value: Value) -> Result<AuthorizationServer, MetadataError> {
    let mut document = json!({ "issuer": AS });
    document
        .as_object_mut()
        .unwrap()
        .insert(member.to_owned(), value);
    AuthorizationServer::judge(document.to_string().as_bytes(), &issuer(AS))
}

#[test]
fn rfc_9728_section_3_2() {
    let document = br#"{
        "resource": "https://resource.example.com",
        "authorization_servers": ["https://as1.example.com", "https://as2.example.net"],
        "bearer_methods_supported": ["header", "body"],
        "scopes_supported": ["profile", "email", "phone"],
        "resource_documentation": "https://resource.example.com/resource_documentation.html"
    }"#;
    let fetched = Fetched::FromChallengeOrPath("https://resource.example.com");
    let judged = ProtectedResource::judge(document, fetched).unwrap();
    assert_eq!(judged.resource().as_str(), "https://resource.example.com");
    assert_eq!(
        judged.authorization_servers(),
        [
            issuer("https://as1.example.com"),
            issuer("https://as2.example.net")
        ]
    );
    assert_eq!(*judged.scopes_supported(), scopes("profile email phone"));
    let documentation = "https://resource.example.com/resource_documentation.html";
    assert_eq!(judged.resource_documentation(), Some(documentation));
    assert_eq!(judged.resource_name(), None);
    // What it says of itself is read back as the same.
    assert_eq!(
        ProtectedResource::judge(&judged.to_json(), fetched),
        Ok(judged)
    );
}

#[test]
fn the_document_served_names_resource_servers_and_scopes() {
    let served = protected(MCP)
        .scopes(scopes("files:read files:write"))
        .unwrap();
    let served = served.name("Files").unwrap();
    assert_eq!(served.resource_name(), Some("Files"));
    let served = served.to_json();
    let expected = json!({
        "resource": MCP,
        "authorization_servers": [AS],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["files:read", "files:write"],
        "resource_name": "Files",
    });
    assert_eq!(serde_json::from_slice::<Value>(&served).unwrap(), expected);
    // Nothing to say is left out (RFC 9728 section 3.2).
    let bare = serde_json::from_slice::<Value>(&protected(MCP).to_json()).unwrap();
    assert_eq!(bare.as_object().unwrap().len(), 3);
}

// req: RS-1
#[test]
fn a_resource_names_at_least_one_server() {
    let new = |servers| ProtectedResource::new(resource(MCP), servers);
    assert_eq!(
        new(vec![]),
        Err(MetadataError::Missing("authorization_servers"))
    );
    assert!(new(vec![issuer(AS); 16]).is_ok());
    assert_eq!(
        new(vec![issuer(AS); 17]),
        Err(MetadataError::Excessive("authorization_servers"))
    );
    for missing in [json!(null), json!([])] {
        let judged = judge_resource("authorization_servers", missing);
        assert_eq!(judged, Err(MetadataError::Missing("authorization_servers")));
    }
    assert!(judge_resource("authorization_servers", json!([AS])).is_ok());
}

// req: RS-2
#[test]
fn a_resource_never_offers_offline_access() {
    let offered = protected(MCP).scopes(scopes("files:read offline_access"));
    assert_eq!(offered, Err(MetadataError::OfflineAccess));
    assert!(protected(MCP).scopes(scopes("files:read")).is_ok());
    let judged =
        judge_resource("scopes_supported", json!(["files:read", "offline_access"])).unwrap();
    assert_eq!(*judged.scopes_supported(), scopes("files:read"));
}

// req: RS-1
#[test]
fn the_document_stands_at_the_path_inserted_url() {
    let base = "https://example.com/.well-known/oauth-protected-resource";
    let path = "/.well-known/oauth-protected-resource";
    for (text, tail, routed) in [
        ("https://example.com", "", ""),
        ("https://example.com/", "", ""),
        ("https://example.com/resource1", "/resource1", "/resource1"),
        ("https://example.com/mcp/", "/mcp/", "/mcp/"),
        ("https://example.com/a%2Fb/mcp", "/a%2Fb/mcp", "/a%2Fb/mcp"),
        ("https://example.com?x=1", "?x=1", ""),
        ("https://example.com/?x=1", "?x=1", ""),
        ("https://example.com/mcp?x=/1", "/mcp?x=/1", "/mcp"),
    ] {
        let document = protected(text);
        assert_eq!(document.metadata_url(), format!("{base}{tail}"), "{text}");
        assert_eq!(document.root_metadata_url(), base);
        assert_eq!(document.well_known_path(), format!("{path}{routed}"));
    }
    let odd = protected("HTTPS://Example.com:443/mcp");
    assert_eq!(
        odd.metadata_url(),
        "HTTPS://Example.com:443/.well-known/oauth-protected-resource/mcp"
    );
}

// req: CL-1
#[test]
fn a_client_looks_at_the_path_and_then_at_the_root() {
    let root = "https://mcp.example.com/.well-known/oauth-protected-resource";
    let inserted = format!("{root}/files/mcp");
    assert_eq!(
        resource_metadata_urls(&resource(MCP)),
        [inserted.as_str(), root]
    );
    assert_eq!(
        resource_metadata_urls(&resource("https://mcp.example.com/")),
        [root]
    );
}

// req: CL-2
#[test]
fn a_client_tries_three_places_or_two() {
    let well_known = "https://auth.example.com/.well-known";
    for path in ["/tenant1", "/tenant1/"] {
        let issuer = issuer(&format!("https://auth.example.com{path}"));
        assert_eq!(
            discovery_urls(&issuer),
            [
                format!("{well_known}/oauth-authorization-server/tenant1"),
                format!("{well_known}/openid-configuration/tenant1"),
                "https://auth.example.com/tenant1/.well-known/openid-configuration".to_owned(),
            ]
        );
    }
    for root in ["https://auth.example.com", "https://auth.example.com/"] {
        assert_eq!(
            discovery_urls(&issuer(root)),
            [
                format!("{well_known}/oauth-authorization-server"),
                format!("{well_known}/openid-configuration"),
            ]
        );
    }
    // The text of the issuer, not what a URL type would make of it.
    assert!(
        discovery_urls(&issuer("https://AUTH.example.com:443/a/../b"))
            .iter()
            .all(|url| url.starts_with("https://AUTH.example.com:443/") && url.contains("/a/../b"))
    );
}

// req: CL-3
#[test]
fn a_resource_document_is_for_the_mcp_url() {
    let judge = |text: &str, fetched| {
        ProtectedResource::judge(&resource_document("resource", json!(text)), fetched)
            .map(|r| r.resource().clone())
    };
    let mismatch = |found: &str| {
        let (found, wanted) = (found.to_owned(), MCP.to_owned());
        Err(MetadataError::Mismatch {
            member: "resource",
            found,
            wanted,
        })
    };
    let (by_path, at_root) = (Fetched::FromChallengeOrPath(MCP), Fetched::FromRoot(MCP));
    assert_eq!(judge(MCP, by_path), Ok(resource(MCP)));
    assert_eq!(judge(MCP, at_root), Ok(resource(MCP)));
    // The origin is good enough at the root, and only there.
    for origin in ["https://mcp.example.com", "https://mcp.example.com/"] {
        assert_eq!(judge(origin, at_root), Ok(resource(origin)));
        assert_eq!(judge(origin, by_path), mismatch(origin));
    }
    for other in [
        "https://mcp.example.com/files/mcp/",
        "https://mcp.example.com/files",
        "https://mcp.example.com/FILES/mcp",
        "https://MCP.example.com/files/mcp",
        "https://mcp.example.com:443/files/mcp",
        "https://mcp.example.com:443",
        "https://mcp.example.com?",
        "https://mcp.example.com//",
        "https://evil.example",
        "https://mcp.example.com.evil.example",
    ] {
        assert_eq!(judge(other, by_path), mismatch(other), "{other}");
        assert_eq!(judge(other, at_root), mismatch(other), "{other}");
    }
}

// req: CL-3
#[test]
fn the_issuer_is_identical_byte_for_byte() {
    let judge = |said: &str, asked: &str| {
        let document = json!({ "issuer": said }).to_string();
        AuthorizationServer::judge(document.as_bytes(), &issuer(asked)).map(|server| server.issuer)
    };
    for asked in [
        AS,
        "https://as.example.com/",
        "https://AS.example.com:443/a",
    ] {
        assert_eq!(judge(asked, asked), Ok(issuer(asked)));
    }
    for said in [
        "https://as.example.com/",
        "https://AS.example.com",
        "HTTPS://as.example.com",
        "https://as.example.com:443",
        "https://as.example.com/tenant",
        " https://as.example.com",
        "https://evil.example",
        "",
    ] {
        let (found, wanted) = (said.to_owned(), AS.to_owned());
        let mismatch = MetadataError::Mismatch {
            member: "issuer",
            found,
            wanted,
        };
        assert_eq!(judge(said, AS), Err(mismatch), "{said}");
    }
    // A long lie is cut before it goes on to a log.
    match judge(&"x".repeat(100_000), AS) {
        Err(MetadataError::Mismatch { found, .. }) => assert_eq!(found.len(), 2048),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        judge_server("issuer", json!(null)),
        Err(MetadataError::Missing("issuer"))
    );
    assert_eq!(
        judge_server("issuer", json!([AS])),
        Err(MetadataError::WrongType("issuer"))
    );
    assert!(judge_server("issuer", json!(AS)).is_ok());
}

#[test]
fn rfc_8414_section_3_2() {
    let document = br#"{
        "issuer": "https://server.example.com",
        "authorization_endpoint": "https://server.example.com/authorize",
        "token_endpoint": "https://server.example.com/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
        "userinfo_endpoint": "https://server.example.com/userinfo",
        "jwks_uri": "https://server.example.com/jwks.json",
        "registration_endpoint": "https://server.example.com/register",
        "scopes_supported": ["openid", "profile", "email", "address", "phone", "offline_access"],
        "response_types_supported": ["code", "code token"],
        "service_documentation": "http://server.example.com/service_documentation.html",
        "ui_locales_supported": ["en-US", "en-GB", "en-CA", "fr-FR", "fr-CA"]
    }"#;
    let asked = issuer("https://server.example.com");
    let url = |path: &str| Some(format!("https://server.example.com/{path}"));
    let list = |items: &[&str]| Some(items.iter().map(|&item| item.to_owned()).collect());
    let expected = AuthorizationServer {
        authorization_endpoint: url("authorize"),
        token_endpoint: url("token"),
        jwks_uri: url("jwks.json"),
        registration_endpoint: url("register"),
        scopes_supported: scopes("openid profile email address phone offline_access"),
        response_types_supported: list(&["code", "code token"]),
        token_endpoint_auth_methods_supported: list(&["client_secret_basic", "private_key_jwt"]),
        ..AuthorizationServer::new(asked.clone())
    };
    assert_eq!(AuthorizationServer::judge(document, &asked), Ok(expected));
}

const URLS: [&str; 8] = [
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
];
const LISTS: [&str; 6] = [
    "response_types_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "dpop_signing_alg_values_supported",
];
const FLAGS: [&str; 2] = [
    "authorization_response_iss_parameter_supported",
    "client_id_metadata_document_supported",
];

#[test]
fn every_member_goes_out_as_it_came_in() {
    let mut document = json!({ "issuer": AS, "scopes_supported": ["a", "b"] });
    let members = document.as_object_mut().unwrap();
    for (i, member) in URLS.into_iter().enumerate() {
        members.insert(
            member.to_owned(),
            json!(format!("https://as.example.com/{i}?x")),
        );
    }
    for member in LISTS {
        members.insert(member.to_owned(), json!([member, "x"]));
    }
    for member in FLAGS {
        members.insert(member.to_owned(), json!(true));
    }
    let judged = AuthorizationServer::judge(document.to_string().as_bytes(), &issuer(AS)).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&judged.to_json()).unwrap(),
        document
    );
    // And one that says nothing says nothing.
    let bare = AuthorizationServer::new(issuer(AS));
    assert_eq!(
        bare.to_json(),
        json!({ "issuer": AS }).to_string().into_bytes()
    );
    assert_eq!(
        AuthorizationServer::judge(&bare.to_json(), &issuer(AS)),
        Ok(bare)
    );
}

#[test]
fn endpoints_are_https_or_loopback() {
    for member in URLS {
        for (refused, reason, accepted) in [
            (
                "http://as.example.com/x",
                Invalid::PlainHttp,
                "http://localhost:8080/x",
            ),
            (
                "javascript:alert(1)",
                Invalid::Scheme,
                "https://as.example.com/x",
            ),
            (
                "file:///etc/passwd",
                Invalid::Scheme,
                "https://as.example.com/etc/passwd",
            ),
            ("/x", Invalid::Grammar, "https://as.example.com/x?y"),
            (
                "https://u:p@as.example.com/x",
                Invalid::UserInfo,
                "https://as.example.com/x",
            ),
            (
                "https://as.example.com/x#y",
                Invalid::Fragment,
                "https://other.example.com/x",
            ),
            ("", Invalid::Empty, "https://as.example.com"),
        ] {
            let judged = judge_server(member, json!(refused));
            assert_eq!(
                judged,
                Err(MetadataError::Url { member, reason }),
                "{refused}"
            );
            assert!(judge_server(member, json!(accepted)).is_ok(), "{accepted}");
        }
    }
    let (member, reason) = ("resource", Invalid::PlainHttp);
    let judged = judge_resource(member, json!("http://mcp.example.com"));
    assert_eq!(judged, Err(MetadataError::Url { member, reason }));
    let judged = judge_resource(
        "authorization_servers",
        json!([AS, "http://as.example.com"]),
    );
    let reason = Invalid::PlainHttp;
    assert_eq!(
        judged,
        Err(MetadataError::Url {
            member: "authorization_servers",
            reason
        })
    );
    assert!(judge_resource("authorization_servers", json!([AS, "http://127.0.0.1"])).is_ok());
}

#[test]
fn what_a_client_can_do_without_is_dropped_where_it_is_unusable() {
    let judged = judge_resource("scopes_supported", json!(["files read", "", "files:read"]));
    assert_eq!(*judged.unwrap().scopes_supported(), scopes("files:read"));
    let judged = judge_server("scopes_supported", json!(["a", "b\u{e4}", "c\"d"]));
    assert_eq!(judged.unwrap().scopes_supported, scopes("a"));

    let member = "resource_documentation";
    for (link, kept) in [
        ("https://docs.example.com/", true),
        ("javascript:alert(1)", false),
    ] {
        let judged = judge_resource(member, json!(link)).unwrap();
        assert_eq!(judged.resource_documentation(), kept.then_some(link));
    }
    // What we say ourselves is held to more.
    let reason = Invalid::Scheme;
    let said = protected(MCP).documentation("javascript:alert(1)");
    assert_eq!(said, Err(MetadataError::Url { member, reason }));
    let said = protected(MCP)
        .documentation("https://docs.example.com/")
        .unwrap();
    assert_eq!(
        said.resource_documentation(),
        Some("https://docs.example.com/")
    );
}

#[test]
fn wrong_types_are_named() {
    let others = |right: fn(&Value) -> bool| {
        let all = [
            json!(1),
            json!("x"),
            json!(true),
            json!(["x"]),
            json!([1]),
            json!({}),
        ];
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
                assert_eq!(
                    judge_server(member, wrong),
                    Err(MetadataError::WrongType(member))
                );
            }
            // Null is how some servers write an absent member.
            assert!(judge_server(member, json!(null)).is_ok());
        }
    }
    for member in ["resource", "resource_name", "resource_documentation"] {
        assert_eq!(
            judge_resource(member, json!(1)),
            Err(MetadataError::WrongType(member))
        );
    }
    for member in ["authorization_servers", "scopes_supported"] {
        assert_eq!(
            judge_resource(member, json!(AS)),
            Err(MetadataError::WrongType(member))
        );
    }
    assert_eq!(
        judge_resource("resource", json!(null)),
        Err(MetadataError::Missing("resource"))
    );
    assert!(judge_resource("unknown", json!({ "resource": 1 })).is_ok());
}

#[test]
fn absent_and_empty_are_told_apart_on_the_way_in() {
    let member = "code_challenge_methods_supported";
    let methods = |value| {
        judge_server(member, value)
            .unwrap()
            .code_challenge_methods_supported
    };
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
        (
            br#"{"issuer":"https://as.example.com","\u0069ssuer":"x"}"#,
            Flaw::DuplicateMember,
        ),
        (
            b"\xef\xbb\xbf{\"issuer\":\"https://as.example.com\"}",
            Flaw::Encoding,
        ),
        (
            br#"{"issuer":"https://as.example.com"}x"#,
            Flaw::TrailingBytes,
        ),
        (b"<html>", Flaw::Syntax),
    ];
    for (document, flaw) in cases {
        assert_eq!(judge(document), Err(MetadataError::Json(flaw)));
        let fetched = Fetched::FromChallengeOrPath(MCP);
        assert!(matches!(
            ProtectedResource::judge(document, fetched),
            Err(MetadataError::Json(_))
        ));
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
    assert_eq!(
        list(MAX_ITEMS + 1),
        Err(MetadataError::Excessive("grant_types_supported"))
    );

    let item = |n: usize| judge_server("grant_types_supported", json!(["x".repeat(n)]));
    assert!(item(MAX_TEXT).is_ok());
    assert_eq!(
        item(MAX_TEXT + 1),
        Err(MetadataError::Excessive("grant_types_supported"))
    );

    let name = |n: usize| judge_resource("resource_name", json!("x".repeat(n)));
    assert!(name(MAX_TEXT).is_ok());
    assert_eq!(
        name(MAX_TEXT + 1),
        Err(MetadataError::Excessive("resource_name"))
    );
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
