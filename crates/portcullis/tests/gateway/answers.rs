//! Every status by its case, and what reaches the upstream.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use testkit::server::respond;
use testkit::{NOW, Proof, Signer, TestKey};

use crate::rig::{PUBLIC, RESOURCE, Rig, call, header, post};

fn change(mut request: Request<Bytes>, name: &'static str, value: &str) -> Request<Bytes> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

// req: RS-1, RS-2, RS-3, RS-4, RS-6, RS-7, RS-10
#[tokio::test]
async fn every_refusal_beside_the_request_that_is_answered() {
    let rig = Rig::start().await;
    let good = rig.token(&json!({}));
    let forged = {
        let mut signer = Signer::new(TestKey::P256Second);
        signer = signer.kid(&TestKey::P256.kid());
        let claims = testkit::claims_with(
            &json!({ "iss": rig.issuer.url(""), "aud": RESOURCE, "scope": "files:read" }),
        );
        signer.sign(&claims)
    };
    let token = |claims: Value| rig.token(&claims);
    let read = call("read_file");
    let with = |token: &str| post(token, read.clone());
    let mut bare = with(&good);
    bare.headers_mut().remove("authorization");
    let mut twice = with(&good);
    twice.headers_mut().append("authorization", format!("Bearer {good}").parse().unwrap());
    let mut query = with(&good);
    *query.uri_mut() = format!("/files/mcp?access_token={good}").parse().unwrap();
    let cases: Vec<(&str, Request<Bytes>, u16, &str)> = vec![
        ("good", with(&good), 200, ""),
        ("no token", bare, 401, ""),
        ("forged", with(&forged), 401, "invalid_token"),
        ("another audience", with(&token(json!({ "aud": PUBLIC }))), 401, "invalid_token"),
        ("ended", with(&token(json!({ "exp": NOW - 3600 }))), 401, "invalid_token"),
        ("another issuer", with(&token(json!({ "iss": PUBLIC }))), 401, "invalid_token"),
        ("no base scope", with(&token(json!({ "scope": "other" }))), 403, "insufficient_scope"),
        ("more scope", post(&good, call("delete_file")), 403, "insufficient_scope"),
        ("two headers", twice, 400, "invalid_request"),
        ("in the query", query, 400, "invalid_request"),
        ("two names", post(&good, read.replace("\"name\"", "\"name\":\"x\",\"name\"")), 400, ""),
        ("text", change(with(&good), "content-type", "text/plain"), 415, ""),
        ("packed", change(with(&good), "content-encoding", "gzip"), 415, ""),
        ("no origin of ours", change(with(&good), "origin", "https://evil.example"), 403, ""),
        ("our own origin", change(with(&good), "origin", PUBLIC), 200, ""),
    ];
    for (case, request, status, code) in cases {
        let sent = rig.sent();
        let answer = rig.client().await.whole(request).await;
        assert_eq!(answer.status(), status, "{case}: {:?}", answer.body());
        assert_eq!(rig.sent() - sent, usize::from(status == 200), "{case}");
        let challenge = header(answer.headers(), "www-authenticate");
        if matches!(status, 401) || code == "insufficient_scope" {
            let metadata = format!("{PUBLIC}/.well-known/oauth-protected-resource/files/mcp");
            assert!(challenge.contains(&metadata), "{case}: {challenge}");
        }
        if !code.is_empty() {
            assert!(challenge.contains(&format!("error=\"{code}\"")), "{case}: {challenge}");
        }
        if case == "more scope" {
            assert!(challenge.contains("scope=\"files:read files:write\""), "{challenge}");
        }
    }
}

/// What reaches the upstream is built from a list: nothing else of the client's gets there.
// req: RS-5
#[tokio::test]
async fn the_upstream_sees_the_same_bytes_and_few_headers() {
    let rig = Rig::start().await;
    let token = rig.token(&json!({}));
    let mut request = post(&token, call("read_file"));
    for (name, value) in [
        ("cookie", "a=b"),
        ("x-forwarded-user", "admin"),
        ("x_forwarded_user", "admin"),
        ("connection", "x-identity"),
        ("x-identity", "admin"),
        ("dpop", "x"),
        ("accept-encoding", "gzip"),
        ("mcp-param-region", "eu"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("mcp_session", "x"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let body = request.body().clone();
    let answer = rig.client().await.whole(request).await;
    assert_eq!(answer.status(), 200);
    let last = rig.last();
    assert_eq!(last.body(), &body);
    assert_eq!((last.method().as_str(), last.uri().path()), ("POST", "/up"));
    let mut names: Vec<&str> = last.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "accept-encoding",
            "content-length",
            "content-type",
            "host",
            "mcp-param-region",
            "traceparent"
        ]
    );
    assert_eq!(last.headers()["accept-encoding"], "identity");
    assert_eq!(last.headers()["host"], rig.upstream.address.to_string());
}

/// What an upstream says of itself and of its own authorization stays between it and the gateway.
// req: RS-5, RS-17
#[tokio::test]
async fn what_the_upstream_answers_is_passed_but_for_what_is_not_the_clients() {
    type Case = (u16, &'static [(&'static str, &'static str)], u16);
    let cases: [Case; 9] = [
        (200, &[("content-type", "application/json"), ("x-own", "1")], 200),
        (400, &[("content-type", "application/json")], 400),
        (403, &[("www-authenticate", "Bearer scope=\"all\"")], 403),
        (404, &[], 404),
        (500, &[], 500),
        (202, &[], 202),
        (401, &[("www-authenticate", "Bearer realm=\"up\"")], 502),
        (407, &[("proxy-authenticate", "Basic")], 502),
        (302, &[("location", "http://127.0.0.1/")], 502),
    ];
    for (status, headers, expected) in cases {
        let rig = Rig::with("", "", move |_| {
            let also = [
                ("set-cookie", "a=b"),
                ("keep-alive", "timeout=5"),
                ("server", "up"),
                ("strict-transport-security", "max-age=1; includeSubDomains"),
                ("clear-site-data", "\"*\""),
                ("access-control-allow-origin", "*"),
            ];
            let headers: Vec<_> = headers.iter().copied().chain(also).collect();
            respond(status, &headers, "upstream's own words")
        })
        .await;
        let answer =
            rig.client().await.whole(post(&rig.token(&json!({})), call("read_file"))).await;
        assert_eq!(answer.status(), expected, "{status}");
        let passes = expected == status;
        assert_eq!(answer.body() == "upstream's own words", passes, "{status}");
        for name in [
            "set-cookie",
            "keep-alive",
            "server",
            "strict-transport-security",
            "clear-site-data",
            "access-control-allow-origin",
            "www-authenticate",
            "location",
        ] {
            assert!(!answer.headers().contains_key(name), "{status}: {name}");
        }
        if status == 200 {
            assert_eq!(answer.headers()["x-own"], "1");
        }
    }
}

// req: RS-1
#[tokio::test]
async fn the_metadata_is_where_clients_look_for_it() {
    let rig = Rig::start().await;
    for path in
        ["/.well-known/oauth-protected-resource/files/mcp", "/.well-known/oauth-protected-resource"]
    {
        let request = Request::get(path).body(Bytes::new()).unwrap();
        let answer = rig.client().await.whole(request).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        let document: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(document["resource"], RESOURCE);
        assert_eq!(document["authorization_servers"], json!([rig.issuer.url("")]));
        assert_eq!(document["scopes_supported"], json!(["files:read", "files:write"]));
    }
    for path in ["/", "/files", "/files/mcp/", "/Files/mcp", "//files/mcp", "/files/%6dcp"] {
        let request = post(&rig.token(&json!({})), call("read_file"));
        let (mut parts, body) = request.into_parts();
        parts.uri = path.parse().unwrap();
        let answer = rig.client().await.whole(Request::from_parts(parts, body)).await;
        assert_eq!(answer.status(), 404, "{path}");
    }
}

/// What an upstream says of a copy that the client has is for the client; where it would have the gateway go instead
/// is for nobody.
// req: RS-5
#[tokio::test]
async fn an_answer_without_news_passes_and_a_redirect_does_not() {
    for (status, expected) in
        [(304, 304), (300, 502), (301, 502), (303, 502), (305, 502), (307, 502), (308, 502)]
    {
        let headers = [("etag", "\"1\""), ("location", "http://127.0.0.1/elsewhere")];
        let rig = Rig::with("", "", move |_| respond(status, &headers, "")).await;
        let request = post(&rig.token(&json!({})), call("read_file"));
        let answer = rig.client().await.whole(request).await;
        assert_eq!(answer.status(), expected, "{status}");
        assert_eq!(answer.headers().contains_key("etag"), expected == 304, "{status}");
        assert_eq!(rig.sent(), 1, "it goes nowhere else");
    }
}

/// Metadata is there to be read, whole or as a head, and not to be changed.
// req: RS-1
#[tokio::test]
async fn the_metadata_is_read_and_nothing_else() {
    let rig = Rig::start().await;
    for (method, status, has_body) in [
        ("GET", 200, true),
        ("HEAD", 200, false),
        ("OPTIONS", 204, false),
        ("POST", 405, true),
        ("PUT", 405, true),
        ("DELETE", 405, true),
        ("TRACE", 405, true),
    ] {
        let request = Request::builder()
            .method(method)
            .uri("/.well-known/oauth-protected-resource/files/mcp")
            .body(Bytes::new())
            .unwrap();
        let answer = rig.client().await.whole(request).await;
        assert_eq!(answer.status(), status, "{method}");
        assert_eq!(!answer.body().is_empty(), has_body, "{method}");
        let is_document = header(answer.headers(), "content-type") == "application/json";
        assert_eq!(is_document, status == 200, "{method}");
    }
    assert_eq!(rig.sent(), 0);
}

/// An issuer that is away is no verdict about anybody's token, and stops nothing else.
// req: RS-15
#[tokio::test]
async fn an_issuer_that_is_away_is_503_until_it_is_back() {
    let rig = Rig::start().await;
    rig.issuer.answer(|_| respond(500, &[], ""));
    let text = Rig::text(&rig.issuer, &rig.upstream, "", "");
    // Another place for the keys, so that those it has are none.
    let text = text.replace("/keys\"", "/other-keys\"");
    rig.serving.reload(&crate::rig::config(&text)).unwrap();
    let request = || post(&rig.token(&json!({})), call("read_file"));
    let answer = rig.client().await.whole(request()).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(!answer.headers().contains_key("www-authenticate"));
    rig.issuer.answer(|_| respond(200, &[], testkit::jwks(&[TestKey::P256])));
    let asked = rig.issuer.asked();
    rig.issuer.until_asked(asked + 1).await;
    let answer = rig.client().await.whole(request()).await;
    assert_eq!(answer.status(), 200);
}

/// Where names are looked at, the server's own is one of them.
// req: RS-9
#[tokio::test]
async fn a_server_is_found_under_its_own_name_and_those_that_are_listed() {
    let rig = Rig::with("", "allowed_hosts = [\"files.internal:8080\"]\n", |_| {
        respond(200, &[("content-type", "application/json")], "{}")
    })
    .await;
    let token = rig.token(&json!({}));
    for (host, status) in [
        ("localhost:8080", 200),
        ("files.internal:8080", 200),
        ("FILES.internal:8080", 200),
        ("files.internal", 403),
        ("evil.example:8080", 403),
    ] {
        let request = change(post(&token, call("read_file")), "host", host);
        assert_eq!(rig.client().await.whole(request).await.status(), status, "{host}");
    }
}

/// A browser asks before it sends a header that clients send with every request.
#[tokio::test]
async fn a_page_may_read_the_metadata() {
    let rig = Rig::start().await;
    let request = Request::builder()
        .method("OPTIONS")
        .uri("/.well-known/oauth-protected-resource/files/mcp")
        .header("origin", "https://anywhere.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "mcp-protocol-version")
        .body(Bytes::new())
        .unwrap();
    let answer = rig.client().await.whole(request).await;
    assert_eq!(answer.status(), 204);
    let allowed = header(answer.headers(), "access-control-allow-headers");
    assert!(allowed.to_ascii_lowercase().contains("mcp-protocol-version"), "{allowed}");
    assert_eq!(header(answer.headers(), "access-control-allow-origin"), "*");
}

/// A server that wants nonces tells the client one, and takes a proof that holds it.
// req: RS-14
#[tokio::test]
async fn who_shows_a_key_is_told_the_nonce() {
    let rig = Rig::with("", "dpop = { nonce = true }", |_| respond(200, &[], "{}")).await;
    let key = TestKey::P256Second;
    let token = rig.token(&json!({ "cnf": { "jkt": key.thumbprint() } }));
    let ask = async |nonce: Option<&str>| {
        let shown = Proof::new(key).claim("htu", RESOURCE).token(&token);
        let shown = nonce.map_or(shown.clone(), |nonce| shown.claim("nonce", nonce));
        let request = change(post(&token, call("read_file")), "dpop", &shown.sign());
        rig.client().await.whole(change(request, "authorization", &format!("DPoP {token}"))).await
    };
    let first = ask(None).await;
    assert_eq!((first.status().as_u16(), rig.sent()), (401, 0));
    assert!(header(first.headers(), "www-authenticate").contains("use_dpop_nonce"));
    let nonce = header(first.headers(), "dpop-nonce").to_owned();
    let second = ask(Some(&nonce)).await;
    assert_eq!((second.status().as_u16(), rig.sent()), (200, 1));
    assert_eq!(header(second.headers(), "dpop-nonce"), nonce);
}
