//! What a refused client is answered: status, challenge, body.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::type_complexity,
    reason = "tests"
)]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use portcullis_core::challenge::{self, Challenge};
use portcullis_core::denial::Denial;
use portcullis_core::error::{Blame, Failure, NoAnswer};
use portcullis_core::id::{Issuer, ResourceId};
use portcullis_core::json::Flaw;
use portcullis_core::metadata::ProtectedResource;
use portcullis_core::operation::{Limits, Operation, Reason};
use portcullis_core::policy::Policy;
use portcullis_core::scope::ScopeSet;
use portcullis_core::time::UnixTime;
use portcullis_core::{bearer, introspection, jws, proof, token};
use serde_json::{Value, json};

const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

fn resource() -> ResourceId {
    ResourceId::parse("https://mcp.example.com/mcp").unwrap()
}

fn answer(denial: &Denial) -> Response<Bytes> {
    let issuer = Issuer::parse("https://idp.example.com").unwrap();
    let metadata = ProtectedResource::new(resource(), vec![issuer]).unwrap();
    let policy = Policy::signed_in(resource()).base_scopes(scopes("mcp")).build().unwrap();
    denial.respond(&metadata, &policy)
}

fn headers(version: Option<&'static str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if let Some(version) = version {
        headers.insert("mcp-protocol-version", HeaderValue::from_static(version));
    }
    headers
}

fn early(failure: impl Into<Failure>) -> Response<Bytes> {
    answer(&Denial::before_reading(failure, &headers(None)))
}

fn body(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn challenges(response: &Response<Bytes>) -> Vec<Challenge> {
    challenge::parse(
        response.headers().get_all("www-authenticate").iter().map(HeaderValue::as_bytes),
    )
    .unwrap()
}

/// The only challenge, as scheme, error and scope; its metadata URL is checked here.
fn challenged(response: &Response<Bytes>) -> (String, Option<String>, Option<String>) {
    let challenges = challenges(response);
    let [only] = challenges.as_slice() else { panic!("{challenges:?}") };
    assert_eq!(only.param("resource_metadata"), Some(METADATA));
    let own = |name| only.param(name).map(str::to_owned);
    (only.scheme().to_owned(), own("error"), own("scope"))
}

fn bearer(error: Option<&str>, scope: &str) -> (String, Option<String>, Option<String>) {
    ("Bearer".to_owned(), error.map(str::to_owned), Some(scope.to_owned()))
}

// req: RS-2 RS-6
#[test]
fn a_missing_token_is_401_with_the_way_to_one_and_no_error() {
    let response = early(Failure::Unauthenticated);
    assert_eq!(response.status(), 401);
    assert_eq!(challenged(&response), bearer(None, "mcp"));
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(body(&response), json!({ "error_description": "a token is needed" }));
}

// req: RS-6
#[test]
fn a_refused_token_is_401_and_says_so() {
    for failure in [
        Failure::UnknownIssuer,
        Failure::Token(token::Refusal::Inactive),
        Failure::Token(token::Refusal::Expired(UnixTime::from_secs(7))),
        Failure::Token(token::Refusal::Jws(jws::Refusal::Signature)),
    ] {
        let response = early(failure.clone());
        assert_eq!(response.status(), 401, "{failure}");
        assert_eq!(challenged(&response), bearer(Some("invalid_token"), "mcp"), "{failure}");
        assert_eq!(body(&response)["error"], "invalid_token");
    }
}

/// What is ours to know (what was wanted, of whom) stays in the log.
#[test]
fn the_answer_holds_less_than_the_log() {
    let failure = Failure::Token(token::Refusal::Audience {
        found: "account".to_owned(),
        wanted: "https://internal.example.com/mcp".to_owned(),
    });
    assert!(failure.to_string().contains("internal.example.com"), "{failure}");
    let response = early(failure);
    assert_eq!(body(&response)["error_description"], "the token is not for this resource");
    let everything = format!("{response:?}");
    assert!(!everything.contains("internal") && !everything.contains("account"), "{everything}");
}

// req: RS-7
#[test]
fn missing_scopes_are_403_with_all_of_them() {
    let response = early(Failure::InsufficientScope(scopes("mcp files:write")));
    assert_eq!(response.status(), 403);
    assert_eq!(challenged(&response), bearer(Some("insufficient_scope"), "files:write mcp"));
    assert_eq!(body(&response)["error"], "insufficient_scope");
}

#[test]
fn where_no_scope_helps_no_challenge_is_made() {
    let response = early(Failure::Forbidden);
    assert_eq!(response.status(), 403);
    assert!(challenges(&response).is_empty());
    assert_eq!(body(&response)["error"], "access_denied");
}

#[test]
fn an_issuer_that_cannot_be_asked_is_503_with_a_delay() {
    let down = Failure::IssuerUnavailable {
        detail: "10.0.0.7 refused".to_owned(),
        retry_after: Duration::from_millis(10),
    };
    let nonsense: Failure =
        introspection::Failure::Answer(introspection::BadAnswer::Json(Flaw::Syntax)).into();
    for (failure, delay) in [(down, "1"), (nonsense, "5")] {
        let response = early(failure);
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], delay);
        assert!(challenges(&response).is_empty());
        assert!(!format!("{response:?}").contains("10.0.0.7"));
    }
    let inactive: Failure = introspection::Failure::Refused(token::Refusal::Inactive).into();
    assert_eq!(early(inactive).status(), 401);
}

/// A process that is not started again yet can be asked later; a server that is not there, or that was asked and
/// does not answer, says nothing of when.
#[test]
fn a_server_that_is_not_started_yet_is_503_with_a_delay() {
    for (millis, delay) in [(1, "1"), (1_000, "1"), (1_001, "2"), (29_500, "30")] {
        let retry_after = Duration::from_millis(millis);
        let reason = "/opt/hidden: not found".to_owned();
        let response = early(Failure::Upstream(NoAnswer::NotStarted { reason, retry_after }));
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], delay);
        assert_eq!(body(&response)["error"]["code"], -32603);
        assert!(!format!("{response:?}").contains("hidden"));
    }
    for (failure, status) in
        [(NoAnswer::Unreachable("/opt/hidden".to_owned()), 502), (NoAnswer::Timeout, 504)]
    {
        let response = early(Failure::Upstream(failure));
        assert_eq!(response.status(), status);
        assert!(!response.headers().contains_key("retry-after"));
    }
}

// req: RS-6 RS-10
#[test]
fn unreadable_credentials_are_400_in_the_words_of_the_clients_era() {
    let denial =
        |version| Denial::before_reading(bearer::Malformed::SeveralHeaders, &headers(version));
    for version in [None, Some("2025-11-25")] {
        let legacy = answer(&denial(version));
        assert_eq!(legacy.status(), 400);
        assert_eq!(challenged(&legacy), bearer(Some("invalid_request"), "mcp"));
        assert_eq!(body(&legacy)["error"], "invalid_request");
    }
    // Without a JSON-RPC error a client of 2026-07-28 would fall back to `initialize`.
    let modern = answer(&denial(Some("2026-07-28")));
    assert_eq!(
        (modern.status(), body(&modern)["error"]["code"].clone()),
        (400.try_into().unwrap(), json!(-32020))
    );
    assert_eq!(body(&modern).get("id"), None);
}

// req: RS-14
#[test]
fn proofs_are_asked_for_by_the_dpop_scheme() {
    let with_nonce = Denial::before_reading(proof::Refusal::NonceRequired, &headers(None))
        .with_dpop_nonce(HeaderValue::from_static("n-1"));
    let response = answer(&with_nonce);
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["dpop-nonce"], "n-1");
    let (scheme, error, _) = challenged(&response);
    assert_eq!((scheme.as_str(), error.as_deref()), ("DPoP", Some("use_dpop_nonce")));
    assert!(challenges(&response)[0].param("algs").unwrap().split(' ').any(|alg| alg == "ES256"));

    let (scheme, error, _) = challenged(&early(proof::Refusal::Uri));
    assert_eq!((scheme.as_str(), error.as_deref()), ("DPoP", Some("invalid_dpop_proof")));
    // What goes with a certificate is asked for under Bearer (RFC 8705), what goes with a proof is not.
    for (binding, wanted) in [
        (proof::Refusal::NoDpopProof, "DPoP"),
        (proof::Refusal::NoCertificate, "Bearer"),
        (proof::Refusal::NotBound, "Bearer"),
        (proof::Refusal::OtherKey, "DPoP"),
    ] {
        let response = early(binding);
        let (scheme, error, _) = challenged(&response);
        assert_eq!(
            (scheme.as_str(), error.as_deref()),
            (wanted, Some("invalid_token")),
            "{binding}"
        );
        assert_eq!(body(&response)["error"], "invalid_token");
    }
    // A token that is refused for another reason is challenged under the scheme it came by.
    let mut headers = headers(None);
    headers.insert("authorization", HeaderValue::from_static("DPoP abc"));
    let inactive = answer(&Denial::before_reading(token::Refusal::Inactive, &headers));
    assert_eq!(challenged(&inactive).0, "DPoP");
    assert_eq!(challenged(&early(token::Refusal::Inactive)).0, "Bearer");
}

fn unreadable(
    version: Option<&'static str>,
    method: http::Method,
    text: &'static str,
) -> Response<Bytes> {
    let limits = Limits { body: 200, batch: 2 };
    let malformed =
        Operation::read(&method, &headers(version), Bytes::from_static(text.as_bytes()), limits)
            .unwrap_err();
    answer(&malformed.into())
}

// req: RS-6 RS-11
#[test]
fn unreadable_requests_are_answered_in_json_rpc() {
    let post = |version, text| unreadable(version, http::Method::POST, text);
    let nameless = r#"{"jsonrpc":"2.0","id":"q","method":"tools/call","params":{}}"#;
    let response = post(None, nameless);
    assert_eq!(response.status(), 400);
    assert!(challenges(&response).is_empty());
    assert_eq!(
        body(&response),
        json!({ "jsonrpc": "2.0", "id": "q", "error": { "code": -32602, "message": "params.name is missing" } })
    );
    for id in ["7", "-3", "9007199254740991"] {
        let numbered: &'static str = nameless.replace("\"q\"", id).leak();
        assert_eq!(body(&post(None, numbered))["id"].to_string(), id);
    }
    // Where the id was not read it is null, and absent for 2026-07-28.
    assert_eq!(body(&post(None, "{"))["id"], Value::Null);
    assert_eq!(body(&post(None, "{")).as_object().unwrap().len(), 3);
    assert_eq!(body(&post(Some("2026-07-28"), "{")).get("id"), None);
    assert_eq!(body(&post(Some("2026-07-28"), "{"))["error"]["code"], -32700);

    let unknown = body(&post(Some("2199-01-01"), nameless));
    assert_eq!(unknown["error"]["code"], -32022);
    assert_eq!(unknown["error"]["data"]["requested"], "2199-01-01");
    let supported = unknown["error"]["data"]["supported"].as_array().unwrap();
    assert!(supported.contains(&json!("2026-07-28")) && supported.contains(&json!("2025-03-26")));
    assert_eq!(unknown["id"], "q");
}

#[test]
fn a_method_that_the_revision_has_dropped_is_answered_as_servers_do_that_lack_it() {
    let subscribe = r#"{"jsonrpc":"2.0","id":5,"method":"resources/subscribe","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let response = unreadable(Some("2026-07-28"), http::Method::POST, subscribe);
    assert_eq!((response.status().as_u16(), &body(&response)["id"]), (404, &json!(5)));
    assert_eq!(body(&response)["error"]["code"], -32601);
    let older: &'static str = subscribe.replace("2026-07-28", "2025-11-25").leak();
    assert_eq!(unreadable(Some("2025-11-25"), http::Method::POST, older).status(), 400);
}

#[test]
fn size_media_type_and_method_have_their_own_statuses() {
    let long: &'static str = format!("{:300}", "{}").leak();
    assert_eq!(unreadable(None, http::Method::POST, long).status(), 413);
    let not_allowed = unreadable(None, http::Method::PUT, "");
    assert_eq!(not_allowed.status(), 405);
    assert_eq!(not_allowed.headers()["allow"], "POST, GET, DELETE");
    for (name, value) in [("content-type", "text/plain"), ("content-encoding", "gzip")] {
        let mut headers = headers(None);
        headers.insert(name, HeaderValue::from_static(value));
        let malformed = Operation::read(
            &http::Method::POST,
            &headers,
            Bytes::from_static(b"{}"),
            Limits::default(),
        )
        .unwrap_err();
        assert_eq!(answer(&malformed.into()).status(), 415, "{name}");
    }
}

#[test]
fn failures_say_whose_fault_they_are_and_have_a_word_for_metrics() {
    for (failure, blame, label) in [
        (Failure::Credentials(bearer::Malformed::InQuery), Blame::Request, "credentials"),
        (Failure::Message(Reason::Batch), Blame::Request, "message"),
        (Failure::Unauthenticated, Blame::Credential, "unauthenticated"),
        (Failure::UnknownIssuer, Blame::Credential, "issuer"),
        (Failure::Token(token::Refusal::Inactive), Blame::Credential, "inactive"),
        (Failure::Proof(proof::Refusal::NoDpopProof), Blame::Credential, "possession"),
        (Failure::InsufficientScope(scopes("a")), Blame::Permission, "insufficient_scope"),
        (Failure::Forbidden, Blame::Permission, "forbidden"),
    ] {
        assert_eq!((failure.blame(), failure.label()), (blame, label), "{failure}");
    }
}

#[test]
fn an_unreachable_issuer_is_named_with_a_delay() {
    let failure = Failure::IssuerUnavailable {
        detail: "timed out".to_owned(),
        retry_after: Duration::from_secs(3),
    };
    assert_eq!(
        (failure.label(), failure.to_string()),
        ("issuer_unavailable", "the issuer cannot be asked: timed out".to_owned())
    );
}
