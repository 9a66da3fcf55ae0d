//! Asking an issuer about opaque tokens, over a real socket.

use std::sync::Arc;

use crate::server::{Answer, Server, respond};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use portcullis_core::bearer::{AccessToken, TokenHash, present};
use portcullis_core::introspection::{BadAnswer, Failure};
use portcullis_core::secret::Secret;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Refusal, VerifiedToken};
use portcullis_resource::fetch::{Fetcher, Limits};
use portcullis_resource::introspection::{ClientAuth, Introspection, IntrospectionError};
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, claims_with};

type IsSo = fn(&IntrospectionError) -> bool;
type Answered = Result<VerifiedToken, IntrospectionError>;

async fn ask(server: &Server, auth: ClientAuth) -> Answered {
    let fetcher = Fetcher::new("127.0.0.1", Limits::default()).unwrap();
    let client = "gateway".parse().unwrap();
    let introspection = Introspection::new(fetcher, &server.url("/introspect?v=2"), client, auth);
    let authorization = (http::header::AUTHORIZATION, HeaderValue::from_static("Bearer opaque/1"));
    let headers = HeaderMap::from_iter([authorization]);
    let token = AccessToken::try_from(present(&headers, None)).unwrap();
    let expectation = Expectation::new(ISSUER.parse().unwrap(), AUDIENCE.parse().unwrap());
    introspection.ask(&token, &Arc::new(expectation), UnixTime::from_secs(NOW)).await
}

fn secret() -> Secret {
    Secret::new("s3cret".to_owned())
}

fn active() -> Value {
    claims_with(&json!({ "active": true }))
}

/// An endpoint that answers who it was told to answer, and about one token.
fn endpoint(request: &Request<Bytes>) -> Answer {
    let form: Vec<(String, String)> = form_urlencoded::parse(request.body()).into_owned().collect();
    let value = |name: &str| form.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str());
    let basic = request.headers().get("authorization").map(HeaderValue::as_bytes);
    let is_known = basic == Some(b"Basic Z2F0ZXdheTpzM2NyZXQ=")
        || (value("client_id"), value("client_secret")) == (Some("gateway"), Some("s3cret"));
    let asks_well = request.uri() == "/introspect?v=2"
        && request.headers().get("accept").is_some_and(|accept| accept == "application/json")
        && request
            .headers()
            .get("content-type")
            .is_some_and(|kind| kind == "application/x-www-form-urlencoded")
        && value("token") == Some("opaque/1");
    match (is_known, asks_well) {
        (true, true) => respond(200, &[], active().to_string()),
        (true, false) => respond(200, &[], json!({ "active": false }).to_string()),
        (false, _) => respond(401, &[], ""),
    }
}

// req: RS-3
#[tokio::test]
async fn an_issuer_is_asked_with_either_way_to_show_a_secret() {
    let server = Server::start(endpoint).await;
    for auth in [ClientAuth::SecretBasic(secret()), ClientAuth::SecretPost(secret())] {
        let token = ask(&server, auth).await.unwrap();
        assert_eq!(token.subject(), Some("alice"));
        assert_eq!(token.hash(), TokenHash::of("opaque/1"));
    }
    let wrong = ClientAuth::SecretBasic(Secret::new("other".to_owned()));
    let refused = ask(&server, wrong).await.unwrap_err();
    assert!(matches!(refused, IntrospectionError::Client { .. }), "{refused}");
    let said = refused.to_string();
    assert!(said.contains("gateway") && said.contains("401") && !said.contains("other"), "{said}");
}

/// What is wrong with a token is told from what is wrong with its issuer.
#[tokio::test]
async fn what_the_issuer_does_wrong_is_no_verdict() {
    let server = Server::start(|_| None).await;
    let inactive = json!({ "active": false }).to_string();
    let foreign = claims_with(&json!({ "active": true, "aud": "https://other.example.com" }));
    let cases: Vec<(u16, String, IsSo)> = vec![
        (200, inactive, |e| {
            matches!(e, IntrospectionError::Judged(Failure::Refused(Refusal::Inactive)))
        }),
        (200, foreign.to_string(), |e| {
            matches!(e, IntrospectionError::Judged(Failure::Refused(Refusal::Audience { .. })))
        }),
        (200, "<html>".to_owned(), |e| {
            matches!(e, IntrospectionError::Judged(Failure::Answer(BadAnswer::Json(_))))
        }),
        (200, "{}".to_owned(), |e| {
            matches!(e, IntrospectionError::Judged(Failure::Answer(BadAnswer::Active)))
        }),
        (500, active().to_string(), |e| matches!(e, IntrospectionError::Status { .. })),
        (302, active().to_string(), |e| matches!(e, IntrospectionError::Status { .. })),
        (403, active().to_string(), |e| matches!(e, IntrospectionError::Client { .. })),
    ];
    for (status, body, is_so) in cases {
        let answer = body.clone();
        server.answer(move |_| respond(status, &[("location", "/elsewhere")], answer.clone()));
        let asked = server.asked();
        let error = ask(&server, ClientAuth::SecretBasic(secret())).await.unwrap_err();
        assert!(is_so(&error), "{status} {body}: {error:?}");
        assert_eq!(server.asked(), asked + 1, "no redirect is followed, and nothing asked twice");
    }
    server.answer(|_| respond(200, &[], active().to_string()));
    assert!(ask(&server, ClientAuth::SecretBasic(secret())).await.is_ok());
}
