//! Asking an issuer about opaque tokens, over a real socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use portcullis_core::bearer::{AccessToken, TokenHash, present};
use portcullis_core::error::Failure;
use portcullis_core::introspection::judge;
use portcullis_core::jws::Algorithm;
use portcullis_core::secret::Secret;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Refusal, VerifiedToken};
use portcullis_resource::clock::Clock;
use portcullis_resource::fetch::{Fetcher, Limits};
use portcullis_resource::introspection::{
    Asking, ClientAuth, Endpoint, Inquiry, Introspect, Introspection,
};
use portcullis_resource::metadata::Metadata;
use portcullis_resource::signing::{AssertionKey, BadKey};
use portcullis_resource::stranger::Behalf;
use serde_json::{Value, json};
use testkit::server::{Answer, Server, respond};
use testkit::{AUDIENCE, ISSUER, NOW, TestKey, claims_with};
use tokio::sync::Notify;

fn inquiry(server: &Server, endpoint: Endpoint, auth: ClientAuth) -> Inquiry {
    let fetcher = Fetcher::new("127.0.0.1", Limits::default()).unwrap();
    let metadata = Metadata::new(server.url("").parse().unwrap(), fetcher);
    let client = "gateway".parse().unwrap();
    Inquiry::of(Arc::new(Introspection::new(Arc::new(metadata), endpoint, client, auth)))
}

fn inquiry_at(server: &Server) -> Inquiry {
    inquiry(server, at(server), ClientAuth::SecretPost(secret()))
}

fn at(server: &Server) -> Endpoint {
    Endpoint::At(server.url("/introspect?v=2"))
}

async fn asked(inquiry: &Inquiry, token: &str) -> Result<Bytes, Failure> {
    asked_for(inquiry, token, None).await
}

async fn asked_for(
    inquiry: &Inquiry,
    token: &str,
    behalf: Option<Behalf>,
) -> Result<Bytes, Failure> {
    let authorization = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, authorization)]);
    inquiry.ask(&AccessToken::try_from(present(&headers, None)).unwrap(), behalf).await
}

async fn ask(server: &Server, auth: ClientAuth) -> Result<VerifiedToken, Failure> {
    let answer = asked(&inquiry(server, at(server), auth), "opaque/1").await?;
    let expectation = Expectation::new(ISSUER.parse().unwrap(), AUDIENCE.parse().unwrap());
    let now = UnixTime::from_secs(NOW);
    Ok(judge(&answer, TokenHash::of("opaque/1"), &Arc::new(expectation), now)?)
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
    assert!(matches!(refused, Failure::IssuerUnavailable { .. }), "{refused}");
    let said = refused.to_string();
    assert!(said.contains("gateway") && said.contains("401") && !said.contains("other"), "{said}");
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(NOW)
    }
}

/// `private_key_jwt`: the signature is verified by another JOSE layer than the one that made it.
#[tokio::test]
async fn an_issuer_is_asked_with_a_key() {
    for (key, algorithm) in [
        (TestKey::P256, Algorithm::ES256),
        (TestKey::P384, Algorithm::ES384),
        (TestKey::Ed25519, Algorithm::EdDSA),
        (TestKey::Rsa, Algorithm::RS256),
        (TestKey::Rsa, Algorithm::PS256),
    ] {
        let (seen, assertions) = std::sync::mpsc::channel();
        let server = Server::start(move |request| {
            let form: Vec<(String, String)> =
                form_urlencoded::parse(request.body()).into_owned().collect();
            let assertion = form.into_iter().find(|pair| pair.0 == "client_assertion").unwrap().1;
            seen.send(assertion).unwrap();
            respond(200, &[], active().to_string())
        })
        .await;
        let pem = Secret::new(key.private_pem().to_owned());
        let signer = AssertionKey::from_pem(&pem, algorithm, Some("k1"), Arc::new(Noon)).unwrap();
        let inquiry = inquiry(&server, at(&server), ClientAuth::Assertion(signer));
        for token in ["one", "two"] {
            asked(&inquiry, token).await.unwrap();
        }
        let claims = |assertion: &str| {
            let issuer = server.url("");
            let (header, claims) = testkit::read_signed(assertion, key, &issuer).unwrap();
            assert_eq!(
                (&header["kid"], &header["alg"]),
                (&json!("k1"), &json!(algorithm.as_str()))
            );
            assert_eq!((&claims["iss"], &claims["sub"]), (&json!("gateway"), &json!("gateway")));
            assert_eq!(claims["aud"], server.url(""), "the issuer, and not the endpoint");
            assert!(claims["exp"].as_u64().unwrap() > NOW);
            claims["jti"].as_str().unwrap().to_owned()
        };
        assert_ne!(claims(&assertions.recv().unwrap()), claims(&assertions.recv().unwrap()));
        let other = TestKey::P256Second;
        if key != TestKey::P256 {
            let other = Secret::new(other.private_pem().to_owned());
            let refused = AssertionKey::from_pem(&other, algorithm, None, Arc::new(Noon));
            assert_eq!(refused.unwrap_err(), BadKey::Algorithm(algorithm));
        }
    }
    let none = Secret::new("no key".to_owned());
    let refused = AssertionKey::from_pem(&none, Algorithm::ES256, None, Arc::new(Noon));
    assert_eq!(refused.unwrap_err(), BadKey::Pem);
}

#[tokio::test]
async fn the_endpoint_is_found_where_metadata_says() {
    let server = Server::start(|_| None).await;
    let base = server.url("");
    server.answer(move |request| match request.uri().path() {
        "/.well-known/oauth-authorization-server" => {
            let endpoint = format!("{base}/introspect?v=2");
            let metadata = json!({ "issuer": base, "introspection_endpoint": endpoint });
            respond(200, &[], metadata.to_string())
        }
        _ => endpoint(request),
    });
    let inquiry = inquiry(&server, Endpoint::Discovered, ClientAuth::SecretBasic(secret()));
    assert!(asked(&inquiry, "opaque/1").await.is_ok());
    assert!(matches!(asked(&inquiry, "opaque/2").await, Err(Failure::Token(Refusal::Inactive))));
    assert_eq!(server.asked(), 3, "and kept");
}

type IsSo = fn(&Failure) -> bool;

/// What is wrong with a token is told from what is wrong with its issuer.
// req: RS-15
#[tokio::test]
async fn what_the_issuer_does_wrong_is_no_verdict() {
    let server = Server::start(|_| None).await;
    let inactive = json!({ "active": false }).to_string();
    let foreign = claims_with(&json!({ "active": true, "aud": "https://other.example.com" }));
    let is_away: IsSo = |failure| matches!(failure, Failure::IssuerUnavailable { .. });
    let cases: Vec<(u16, String, IsSo)> = vec![
        (200, inactive, |failure| matches!(failure, Failure::Token(Refusal::Inactive))),
        (200, foreign.to_string(), |failure| {
            matches!(failure, Failure::Token(Refusal::Audience { .. }))
        }),
        (200, "<html>".to_owned(), is_away),
        (200, "{}".to_owned(), is_away),
        (500, active().to_string(), is_away),
        (302, active().to_string(), is_away),
        (403, active().to_string(), is_away),
        (200, " ".repeat(1 << 20), is_away),
    ];
    for (status, body, is_so) in cases {
        let answer = body.clone();
        server.answer(move |_| respond(status, &[("location", "/elsewhere")], answer.clone()));
        let asked = server.asked();
        let error = ask(&server, ClientAuth::SecretBasic(secret())).await.unwrap_err();
        assert!(is_so(&error), "{status}: {error:?}");
        assert_eq!(server.asked(), asked + 1, "no redirect is followed, and nothing asked twice");
    }
    server.answer(|_| respond(200, &[], active().to_string()));
    assert!(ask(&server, ClientAuth::SecretBasic(secret())).await.is_ok());
}

/// Answers when it is told to.
#[derive(Default)]
struct Slow {
    asked: AtomicUsize,
    answer: Notify,
}

impl Introspect for Slow {
    fn ask<'a>(&'a self, _: &'a Secret) -> Asking<'a> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.answer.notified().await;
            Ok(active().to_string().into())
        })
    }
}

/// One question at a time about one token; whoever asked first may go away.
#[tokio::test]
async fn many_who_ask_about_a_token_cause_one_request() {
    let slow = Arc::new(Slow::default());
    let issuer: Arc<dyn Introspect> = Arc::clone(&slow) as _;
    let inquiry = Inquiry::of(issuer);
    let wait = |token: &'static str| {
        let inquiry = inquiry.clone();
        tokio::spawn(async move { asked(&inquiry, token).await.is_ok() })
    };
    let first = wait("one");
    let waiting: Vec<_> = (0..50).map(|_| wait("one")).collect();
    // On this runtime of one thread each of them gets as far as it can, and so does the question.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    first.abort();
    assert_eq!(slow.asked.load(Ordering::Relaxed), 1);
    slow.answer.notify_one();
    for answered in waiting {
        assert!(answered.await.unwrap());
    }
    assert_eq!(slow.asked.load(Ordering::Relaxed), 1);
    slow.answer.notify_one();
    assert!(asked(&inquiry, "one").await.is_ok());
    assert_eq!(slow.asked.load(Ordering::Relaxed), 2, "good answers are kept by others");
}

/// Whoever makes up tokens has a share of the questions, and nobody else's are behind his.
#[tokio::test(start_paused = true)]
async fn one_client_does_not_have_all_the_questions() {
    let slow = Arc::new(Slow::default());
    let issuer: Arc<dyn Introspect> = Arc::clone(&slow) as _;
    let inquiry = Inquiry::of(issuer);
    let ask = |token: String, behalf: u64| {
        let inquiry = inquiry.clone();
        tokio::spawn(async move { asked_for(&inquiry, &token, Some(Behalf(behalf))).await })
    };
    let under_way: Vec<_> = (0..256).map(|number| ask(format!("made-up-{number}"), 1)).collect();
    // On this runtime of one thread each of them gets as far as it can, and so does its question.
    let settle = async || {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    assert_eq!(slow.asked.load(Ordering::Relaxed), 16, "at a time");
    let refused = ask("one-more".to_owned(), 1).await.unwrap();
    assert!(matches!(refused, Err(Failure::Busy(_))), "{refused:?}");
    // Whoever asks about the same token waits for the same answer.
    let same = ask("made-up-0".to_owned(), 1);
    // Others are asked about at once, and hear at once.
    let other = ask("one-more".to_owned(), 2);
    settle().await;
    assert_eq!(slow.asked.load(Ordering::Relaxed), 17);
    slow.answer.notify_waiters();
    assert!(other.await.unwrap().is_ok() && same.await.unwrap().is_ok());
    // Those that had no turn yet have one now, and what gets none in time is not waited for.
    settle().await;
    assert_eq!(slow.asked.load(Ordering::Relaxed), 33);
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    settle().await;
    slow.answer.notify_waiters();
    let mut known = 0;
    for answer in under_way {
        match answer.await.unwrap() {
            Ok(_) => known += 1,
            Err(failure) => assert!(matches!(failure, Failure::Busy(_)), "{failure}"),
        }
    }
    assert_eq!(known, 32);
    // And then there is room again.
    let again = ask("one-more".to_owned(), 1);
    settle().await;
    slow.answer.notify_waiters();
    assert!(again.await.unwrap().is_ok());
}

/// A token that its issuer does not know is not asked about at once again.
#[tokio::test]
async fn what_is_not_active_is_remembered_for_a_moment() {
    let server = Server::start(|_| respond(200, &[], "{\"active\":false}")).await;
    let inquiry = inquiry(&server, at(&server), ClientAuth::SecretPost(secret()));
    for (token, count) in [("one", 1), ("one", 1), ("two", 2), ("one", 2)] {
        let refused = asked(&inquiry, token).await.unwrap_err();
        assert_eq!(refused, Failure::Token(Refusal::Inactive));
        assert_eq!(server.asked(), count);
    }
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(6)).await;
    tokio::time::resume();
    asked(&inquiry, "one").await.unwrap_err();
    assert_eq!(server.asked(), 3);
}

/// Nobody waits for an endpoint that keeps failing.
// req: RS-15
#[tokio::test]
async fn an_endpoint_that_fails_is_left_alone() {
    let server = Server::start(|_| respond(500, &[], "")).await;
    let inquiry = inquiry(&server, at(&server), ClientAuth::SecretPost(secret()));
    for number in 0..20 {
        let failure = asked(&inquiry, &format!("t{number}")).await.unwrap_err();
        assert!(matches!(failure, Failure::IssuerUnavailable { .. }), "{failure}");
    }
    assert_eq!(server.asked(), 5);

    // One that says no to strangers' tokens is there for others'.
    for status in [400, 401, 403, 413, 429] {
        let server = Server::start(move |_| respond(status, &[], "")).await;
        let inquiry = inquiry_at(&server);
        for number in 0..20 {
            asked(&inquiry, &format!("t{number}")).await.unwrap_err();
        }
        assert_eq!(server.asked(), 20, "{status}");
    }
    server.answer(|_| respond(200, &[], active().to_string()));
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    tokio::time::resume();
    assert!(asked(&inquiry, "t").await.is_ok());
}
