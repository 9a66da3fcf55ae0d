//! The document of a protected resource (RFC 9728).

use super::*;

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
        [issuer("https://as1.example.com"), issuer("https://as2.example.net")]
    );
    assert_eq!(*judged.scopes_supported(), scopes("profile email phone"));
    let documentation = "https://resource.example.com/resource_documentation.html";
    assert_eq!(judged.resource_documentation(), Some(documentation));
    assert_eq!(judged.resource_name(), None);
    // What it says of itself is read back as the same.
    assert_eq!(ProtectedResource::judge(&judged.to_json(), fetched), Ok(judged));
}

#[test]
fn the_document_served_names_resource_servers_and_scopes() {
    let served = protected(MCP).scopes(scopes("files:read files:write")).unwrap();
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

#[test]
fn a_resource_names_at_least_one_server() {
    let new = |servers| ProtectedResource::new(resource(MCP), servers);
    assert_eq!(new(vec![]), Err(MetadataError::Missing("authorization_servers")));
    assert!(new(vec![issuer(AS); 16]).is_ok());
    assert_eq!(new(vec![issuer(AS); 17]), Err(MetadataError::Excessive("authorization_servers")));
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
        assert_eq!(document.well_known_path(), format!("{path}{routed}"));
    }
    let odd = protected("HTTPS://Example.com:443/mcp");
    assert_eq!(
        odd.metadata_url(),
        "HTTPS://Example.com:443/.well-known/oauth-protected-resource/mcp"
    );
}

#[test]
fn a_client_looks_at_the_path_and_then_at_the_root() {
    let root = "https://mcp.example.com/.well-known/oauth-protected-resource";
    let inserted = format!("{root}/files/mcp");
    assert_eq!(resource_metadata_urls(&resource(MCP)), [inserted.as_str(), root]);
    assert_eq!(resource_metadata_urls(&resource("https://mcp.example.com/")), [root]);
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
        Err(MetadataError::Mismatch { member: "resource", found, wanted })
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
