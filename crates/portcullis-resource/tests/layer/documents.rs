//! What a server says of itself (RFC 9728), wherever clients look for it.

use axum::Router;
use http::StatusCode;
use portcullis_core::metadata::{Fetched, ProtectedResource};
use portcullis_core::scope::Hierarchy;
use portcullis_resource::{Auth, AuthBuilder};
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, TestKey};

use crate::house::{
    Hands, Inner, METADATA, Published, ask, auth, by, call, good, house, issuer, post,
};

const OWN: &str = "/.well-known/oauth-protected-resource/mcp";
const ROOT: &str = "/.well-known/oauth-protected-resource";

fn of(resource: &str) -> AuthBuilder {
    let keys = Published::of(&[TestKey::P256]);
    Auth::resource(resource).issuer(issuer(&keys)).surroundings(by(&Hands::new()))
}

// req: RS-1
#[tokio::test]
async fn the_document_stands_at_both_places() {
    let auth = auth().base_scopes(["files:read"]).tool("delete_*", ["files:write"]);
    let house = house(auth.name("Files of \"Acme\""));
    for path in [OWN, ROOT] {
        let answer = ask("GET", path).of(&house.app).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(
            answer.json(),
            json!({
                "resource": AUDIENCE,
                "authorization_servers": [ISSUER],
                "bearer_methods_supported": ["header"],
                "scopes_supported": ["files:read", "files:write"],
                "resource_name": "Files of \"Acme\"",
            })
        );
        let judged = ProtectedResource::judge(&answer.body, Fetched::FromRoot(AUDIENCE));
        assert_eq!(judged.unwrap().authorization_servers()[0].as_str(), ISSUER);
    }
    for (method, path) in [("GET", "/.well-known/oauth-protected-resource/other"), ("GET", "/x")] {
        assert_eq!(ask(method, path).of(&house.app).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(ask("POST", OWN).of(&house.app).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let head = ask("HEAD", OWN).of(&house.app).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(house.inner.count(), 0);
}

/// A 401 leads to the document, and the document to the server that refused.
// req: RS-1
#[tokio::test]
async fn the_challenge_leads_to_the_document() {
    for (resource, metadata) in [
        (AUDIENCE, METADATA),
        ("https://mcp.example.com", "https://mcp.example.com/.well-known/oauth-protected-resource"),
        ("https://h.example/a/b", "https://h.example/.well-known/oauth-protected-resource/a/b"),
        ("http://[::1]:8080/mcp", "http://[::1]:8080/.well-known/oauth-protected-resource/mcp"),
        // What axum would take for the names of older parameters.
        ("https://h.example/:a/*b", "https://h.example/.well-known/oauth-protected-resource/:a/*b"),
        ("https://h.example/a%20b", "https://h.example/.well-known/oauth-protected-resource/a%20b"),
    ] {
        let house = house(of(resource));
        let answer = post(&call("x")).header("host", "localhost").of(&house.app).await;
        let challenge = format!("Bearer resource_metadata=\"{metadata}\"");
        assert_eq!(answer.challenge(), Some(&*challenge));
        let path = metadata.splitn(4, '/').nth(3).unwrap();
        let answer = ask("GET", &format!("/{path}")).of(&house.app).await;
        assert_eq!(answer.status, StatusCode::OK, "{metadata}");
        assert_eq!(answer.json()["resource"], resource);
    }
}

/// A browser asks before a page may say which revision it speaks.
#[tokio::test]
async fn pages_may_read_the_document() {
    let house = house(auth());
    for path in [OWN, ROOT] {
        let preflight = ask("OPTIONS", path).header("origin", "https://client.example");
        let preflight = preflight.header("access-control-request-method", "GET");
        let preflight = preflight.header("access-control-request-headers", "mcp-protocol-version");
        let answer = preflight.of(&house.app).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let allowed = answer.header("access-control-allow-headers").unwrap();
        assert!(allowed.eq_ignore_ascii_case("mcp-protocol-version"), "{allowed}");
        let answer = ask("GET", path).header("origin", "https://client.example").of(&house.app);
        assert_eq!(answer.await.header("access-control-allow-origin"), Some("*"));
    }
}

/// A router that is nested takes the documents with it; they are put at the root as well.
#[tokio::test]
async fn nested_elsewhere() {
    let inner = Inner::default();
    let auth = of("https://mcp.example.com/api/mcp").build().unwrap();
    let nested = Router::new().nest("/api", auth.protect("/mcp", inner.service()));
    let alone = "/.well-known/oauth-protected-resource/api/mcp";
    assert_eq!(ask("GET", alone).of(&nested).await.status, StatusCode::NOT_FOUND);
    let app = nested.merge(auth.well_known());
    for path in [alone, ROOT] {
        let answer = ask("GET", path).of(&app).await;
        assert_eq!(answer.json()["resource"], "https://mcp.example.com/api/mcp");
    }
    let token = crate::house::token(&json!({ "aud": "https://mcp.example.com/api/mcp" }));
    let at = |path: &str| {
        let request = ask("POST", path).header("content-type", "application/json");
        request.body(call("x").to_string())
    };
    assert_eq!(at("/api/mcp").bearer(&token).of(&app).await.status, StatusCode::OK);
    assert_eq!(at("/api/mcp").of(&app).await.status, StatusCode::UNAUTHORIZED);
    // The whole query, as the client sent it.
    let within = format!("/api/mcp?access_token={token}");
    assert_eq!(at(&within).bearer(&token).of(&app).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(inner.count(), 1);
}

/// Of several servers on one host none may say that the document at the root is its own.
#[tokio::test]
async fn several_on_one_host() {
    let (files, mail) = (Inner::default(), Inner::default());
    let files_url = "https://mcp.example.com/files/mcp";
    let mail_url = "https://mcp.example.com/mail/mcp";
    let app = of(files_url).one_of_several().build().unwrap();
    let app = app.protect("/files/mcp", files.service());
    let other = of(mail_url).one_of_several().build().unwrap();
    let app = app.merge(other.protect("/mail/mcp", mail.service()));
    for (url, path) in [(files_url, "/files/mcp"), (mail_url, "/mail/mcp")] {
        let answer = ask("GET", &format!("{ROOT}{path}")).of(&app).await;
        assert_eq!(answer.json()["resource"], url);
    }
    assert_eq!(ask("GET", ROOT).of(&app).await.status, StatusCode::NOT_FOUND);
    // A token for one is none for the other.
    let at = |path: &str, token: &str| {
        let request = ask("POST", path).header("content-type", "application/json");
        request.body(call("x").to_string()).bearer(token)
    };
    let token = crate::house::token(&json!({ "aud": files_url }));
    assert_eq!(at("/files/mcp", &token).of(&app).await.status, StatusCode::OK);
    assert_eq!(at("/mail/mcp", &token).of(&app).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(at("/mail/mcp", &good()).of(&app).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!((files.count(), mail.count()), (1, 0));
}

/// The paths for applications that are made with something else.
#[tokio::test]
async fn the_paths_are_known() {
    let paths = |auth: AuthBuilder| auth.build().unwrap().well_known_paths().into_iter().collect();
    let both: Vec<String> = paths(auth());
    assert_eq!(both, [ROOT, OWN]);
    let own: Vec<String> = paths(auth().one_of_several());
    assert_eq!(own, [OWN]);
    let root: Vec<String> = paths(of("https://mcp.example.com"));
    assert_eq!(root, [ROOT]);
}

/// What callers can get to have is told, broader scopes included.
// req: RS-8
#[tokio::test]
async fn a_broader_scope_is_enough() {
    let hierarchy = [("files:write", "files:read")]
        .map(|(broad, narrow)| (broad.parse().unwrap(), vec![narrow.parse().unwrap()]));
    let hierarchy = Hierarchy::new(hierarchy).unwrap();
    let base = auth().base_scopes(["files:read"]);
    let with = house(base.policy(|policy| policy.hierarchy(hierarchy)));
    let without = house(auth().base_scopes(["files:read"]));
    let token = crate::house::token(&json!({ "scope": "files:write" }));
    assert_eq!(post(&call("x")).bearer(&token).of(&with.app).await.status, StatusCode::OK);
    let refused = post(&call("x")).bearer(&token).of(&without.app).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let document = ask("GET", OWN).of(&with.app).await.json();
    assert_eq!(document["scopes_supported"], json!(["files:read", "files:write"]));
}
