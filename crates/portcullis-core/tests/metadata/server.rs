//! The document of an authorization server (RFC 8414).

use super::*;

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
fn the_issuer_is_identical_byte_for_byte() {
    let judge = |said: &str, asked: &str| {
        let document = json!({ "issuer": said }).to_string();
        AuthorizationServer::judge(document.as_bytes(), &issuer(asked)).map(|server| server.issuer)
    };
    for asked in [AS, "https://as.example.com/", "https://AS.example.com:443/a"] {
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
        let mismatch = MetadataError::Mismatch { member: "issuer", found, wanted };
        assert_eq!(judge(said, AS), Err(mismatch), "{said}");
    }
    // A long lie is cut before it goes on to a log.
    match judge(&"x".repeat(100_000), AS) {
        Err(MetadataError::Mismatch { found, .. }) => assert_eq!(found.len(), 2048),
        other => panic!("{other:?}"),
    }
    assert_eq!(judge_server("issuer", json!(null)), Err(MetadataError::Missing("issuer")));
    assert_eq!(judge_server("issuer", json!([AS])), Err(MetadataError::WrongType("issuer")));
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

#[test]
fn every_member_goes_out_as_it_came_in() {
    let mut document = json!({ "issuer": AS, "scopes_supported": ["a", "b"] });
    let members = document.as_object_mut().unwrap();
    for (i, member) in URLS.into_iter().enumerate() {
        members.insert(member.to_owned(), json!(format!("https://as.example.com/{i}?x")));
    }
    for member in LISTS {
        members.insert(member.to_owned(), json!([member, "x"]));
    }
    for member in FLAGS {
        members.insert(member.to_owned(), json!(true));
    }
    let judged = AuthorizationServer::judge(document.to_string().as_bytes(), &issuer(AS)).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&judged.to_json()).unwrap(), document);
    // And one that says nothing says nothing.
    let bare = AuthorizationServer::new(issuer(AS));
    assert_eq!(bare.to_json(), json!({ "issuer": AS }).to_string().into_bytes());
    assert_eq!(AuthorizationServer::judge(&bare.to_json(), &issuer(AS)), Ok(bare));
}

#[test]
fn endpoints_are_https_or_loopback() {
    for member in URLS {
        for (refused, reason, accepted) in [
            ("http://as.example.com/x", Invalid::PlainHttp, "https://localhost:8080/x"),
            ("javascript:alert(1)", Invalid::Scheme, "https://as.example.com/x"),
            ("file:///etc/passwd", Invalid::Scheme, "https://as.example.com/etc/passwd"),
            ("/x", Invalid::Grammar, "https://as.example.com/x?y"),
            ("https://u:p@as.example.com/x", Invalid::UserInfo, "https://as.example.com/x"),
            ("https://as.example.com/x#y", Invalid::Fragment, "https://other.example.com/x"),
            ("", Invalid::Empty, "https://as.example.com"),
        ] {
            let judged = judge_server(member, json!(refused));
            assert_eq!(judged, Err(MetadataError::Url { member, reason }), "{refused}");
            assert!(judge_server(member, json!(accepted)).is_ok(), "{accepted}");
        }
    }
    let (member, reason) = ("resource", Invalid::PlainHttp);
    let judged = judge_resource(member, json!("http://mcp.example.com"));
    assert_eq!(judged, Err(MetadataError::Url { member, reason }));
    let judged = judge_resource("authorization_servers", json!([AS, "http://as.example.com"]));
    let reason = Invalid::PlainHttp;
    assert_eq!(judged, Err(MetadataError::Url { member: "authorization_servers", reason }));
    assert!(judge_resource("authorization_servers", json!([AS, AS])).is_ok());
}

/// Whoever followed a stranger's document there would ask his own machine.
#[test]
fn plain_http_on_loopback_is_for_parties_on_loopback() {
    let local = ["http://127.0.0.1:9200/_x", "HTTP://localhost:1/", "http://[::1]/x"];
    let reason = Invalid::PlainHttp;
    for member in URLS {
        for url in local {
            let judge = |asked: &str| {
                let document = json!({ "issuer": asked, member: url }).to_string();
                AuthorizationServer::judge(document.as_bytes(), &issuer(asked)).map(drop)
            };
            assert_eq!(judge(AS), Err(MetadataError::Url { member, reason }), "{url}");
            assert_eq!(judge("http://localhost:8080"), Ok(()));
            assert_eq!(judge("https://127.0.0.1"), Ok(()));
        }
    }
    let member = "authorization_servers";
    for server in ["http://127.0.0.1:1234", "http://localhost"] {
        let judge = |asked: &str| {
            let document = json!({ "resource": asked, member: [AS, server] }).to_string();
            let fetched = Fetched::FromChallengeOrPath(asked);
            ProtectedResource::judge(document.as_bytes(), fetched).map(drop)
        };
        assert_eq!(judge(MCP), Err(MetadataError::Url { member, reason }));
        assert_eq!(judge("http://[::1]:3000/mcp"), Ok(()));
        // Nor does a resource say such a thing of itself, since no client would follow.
        let new = |of: &str| ProtectedResource::new(resource(of), vec![issuer(server)]).map(drop);
        assert_eq!(new(MCP), Err(MetadataError::Url { member, reason }));
        assert_eq!(new("http://localhost:3000/mcp"), Ok(()));
    }
    let (member, link) = ("resource_documentation", "http://localhost/docs");
    assert_eq!(judge_resource(member, json!(link)).unwrap().resource_documentation(), None);
    let said = protected(MCP).documentation(link);
    assert_eq!(said, Err(MetadataError::Url { member, reason }));
    assert!(protected("http://localhost/mcp").documentation(link).is_ok());
}
