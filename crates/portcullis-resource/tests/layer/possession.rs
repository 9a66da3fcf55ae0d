//! Tokens that name a key: who shows one must show that he has the key.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use http::StatusCode;
use portcullis_core::keys::CertificateThumbprint;
use portcullis_core::proof::DpopProof;
use portcullis_core::time::UnixTime;
use portcullis_core::token::VerifiedToken;
use portcullis_resource::clock::Clock as _;
use portcullis_resource::gate::Surroundings;
use portcullis_resource::introspection::{Introspect, When};
use portcullis_resource::nonce::Nonces;
use portcullis_resource::replay::{FirstUse, LocalReplay, NoRoom, Replay};
use portcullis_resource::{Auth, AuthBuilder};
use serde_json::json;
use testkit::{AUDIENCE, NOW, Proof, TestKey, claims_with, sha256_base64url};

use crate::house::{
    Answer, Ask, Hands, House, METADATA, Published, Words, ask, auth, by, call, good, house,
    issuer, post, token,
};

const CERTIFICATE: &[u8] = b"a certificate";

/// A token that is bound to [`TestKey::P256Second`].
fn bound() -> String {
    token(&json!({ "cnf": { "jkt": TestKey::P256Second.thumbprint() } }))
}

fn proof(token: &str) -> Proof {
    Proof::new(TestKey::P256Second).token(token)
}

fn with(token: &str, proof: &str) -> Ask {
    post(&call("x")).header("authorization", &format!("DPoP {token}")).header("dpop", proof)
}

fn refused(answer: &Answer, error: &str, description: &str, scheme: &str) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let challenge = answer.challenge().unwrap();
    let (before, after) = challenge.split_once("error=").unwrap();
    assert!(before.starts_with(&format!("{scheme} ")), "{challenge}");
    assert_eq!(before.contains("algs=\"RS256 "), scheme == "DPoP", "{challenge}");
    let rest = format!(
        "\"{error}\", error_description=\"{description}\", resource_metadata=\"{METADATA}\""
    );
    assert_eq!(after, rest);
    assert_eq!(answer.json(), json!({ "error": error, "error_description": description }));
}

const NOT_SHOWN: &str = "possession of the token's key was not shown";

// req: RS-14
#[tokio::test]
async fn a_bound_token_needs_a_proof_of_this_request() {
    let house = house(auth());
    let token = bound();
    let other = bound();
    let fresh = |name: &str| proof(&token).claim("jti", name);
    let good = with(&token, &fresh("good").sign()).of(&house.app).await;
    assert_eq!(good.status, StatusCode::OK, "{good:?}");
    let bad_proof = "invalid_dpop_proof";
    for (name, shown, error) in [
        ("another method", fresh("1").claim("htm", "GET"), bad_proof),
        ("another path", fresh("2").claim("htu", "https://mcp.example.com/other"), bad_proof),
        ("another host", fresh("3").claim("htu", "https://evil.example/mcp"), bad_proof),
        ("another token", fresh("4").token(&other), bad_proof),
        ("no token", fresh("5").without("ath"), bad_proof),
        ("too old", fresh("6").claim("iat", NOW - 61), bad_proof),
        ("from the future", fresh("7").claim("iat", NOW + 6), bad_proof),
        ("no name", fresh("8").without("jti"), bad_proof),
        ("no proof", fresh("9").header("typ", "JWT"), bad_proof),
        ("another key", Proof::new(TestKey::P256).token(&token), "invalid_token"),
    ] {
        let answer = with(&token, &shown.sign()).of(&house.app).await;
        refused(&answer, error, NOT_SHOWN, "DPoP");
        assert_eq!(house.inner.count(), 1, "{name}");
    }
    let bearer = post(&call("x")).bearer(&token).of(&house.app).await;
    refused(&bearer, "invalid_token", NOT_SHOWN, "DPoP");
    let bearer = post(&call("x")).bearer(&token).header("dpop", &fresh("10").sign());
    refused(&bearer.of(&house.app).await, "invalid_token", NOT_SHOWN, "DPoP");
    let none = post(&call("x")).header("authorization", &format!("DPoP {token}"));
    refused(&none.of(&house.app).await, "invalid_token", NOT_SHOWN, "DPoP");
    let twice = with(&token, &fresh("11").sign()).header("dpop", &fresh("12").sign());
    refused(&twice.of(&house.app).await, bad_proof, NOT_SHOWN, "DPoP");
    assert_eq!(house.inner.count(), 1);
    // With a query, as the client addressed it, and at the edges of time.
    for (name, shown) in [
        ("13", fresh("13").claim("htu", "https://MCP.example.com:443/mcp?a=b")),
        ("14", fresh("14").claim("iat", NOW - 60)),
        ("15", fresh("15").claim("iat", NOW + 5)),
    ] {
        let answer = with(&token, &shown.sign()).of(&house.app).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
    }
}

/// Where a nonce is asked for, no proof is good that was made before it was given out, or long after.
// req: RS-14
#[tokio::test]
async fn a_proof_with_a_nonce_was_not_made_ahead_of_time() {
    let clock = Hands::new();
    let nonces = |key| Some(Arc::new(Nonces::new(&[key; 32])));
    let asking =
        |key| house(auth().surroundings(Surroundings { nonces: nonces(key), ..by(&clock) }));
    let (one, replica, stranger) = (asking(1), asking(1), asking(2));
    let token = bound();
    let mut number = 0;
    let mut ask = async |house: &House, nonce: Option<&str>| {
        number += 1;
        let shown =
            proof(&token).claim("jti", format!("{number}")).claim("iat", clock.now().as_secs());
        let shown = nonce.map_or(shown.clone(), |nonce| shown.claim("nonce", nonce));
        with(&token, &shown.sign()).of(&house.app).await
    };
    let told = |answer: &Answer| answer.header("dpop-nonce").unwrap().to_owned();
    for wrong in [None, Some(""), Some("made-up")] {
        let answer = ask(&one, wrong).await;
        refused(&answer, "use_dpop_nonce", NOT_SHOWN, "DPoP");
    }
    let nonce = told(&ask(&one, None).await);
    let answer = ask(&one, Some(&nonce)).await;
    assert_eq!((answer.status, told(&answer)), (StatusCode::OK, nonce.clone()));
    // Another gateway with the same key knows it, one with another key does not.
    assert_eq!(ask(&replica, Some(&nonce)).await.status, StatusCode::OK);
    assert_eq!(ask(&stranger, Some(&nonce)).await.status, StatusCode::UNAUTHORIZED);
    // Before it is over the next one is told.
    clock.forward(120);
    let answer = ask(&one, Some(&nonce)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let next = told(&answer);
    assert_ne!(next, nonce);
    assert_eq!(ask(&one, Some(&next)).await.status, StatusCode::OK);
    clock.forward(120);
    let answer = ask(&one, Some(&nonce)).await;
    assert_eq!((answer.status, told(&answer) == next), (StatusCode::UNAUTHORIZED, false));
    assert_eq!(ask(&one, Some(&next)).await.status, StatusCode::OK);
    // Who shows no key needs none, and is told none.
    let answer = post(&call("x")).bearer(&good()).of(&one.app).await;
    assert_eq!((answer.status, answer.header("dpop-nonce")), (StatusCode::OK, None));
}

/// A token that names no key is no such token.
#[tokio::test]
async fn a_bearer_token_is_none_of_the_other_scheme() {
    let house = house(auth());
    let token = good();
    refused(
        &with(&token, &proof(&token).sign()).of(&house.app).await,
        "invalid_token",
        NOT_SHOWN,
        "Bearer",
    );
    assert_eq!(post(&call("x")).bearer(&token).of(&house.app).await.status, StatusCode::OK);
}

// req: RS-14
#[tokio::test]
async fn a_proof_is_good_once() {
    let clock = Hands::new();
    let house = house(auth().surroundings(by(&clock)));
    let token = bound();
    let shown = proof(&token).sign();
    assert_eq!(with(&token, &shown).of(&house.app).await.status, StatusCode::OK);
    // Whatever it is shown for: nobody knows who has it by now.
    for seconds in [0, 1, 59] {
        clock.forward(seconds);
        let again = with(&token, &shown).of(&house.app).await;
        refused(&again, "invalid_dpop_proof", NOT_SHOWN, "DPoP");
    }
    // The same name under a signature of its own is the same proof.
    let again = with(&token, &proof(&token).claim("iat", NOW + 60).sign()).of(&house.app).await;
    refused(&again, "invalid_dpop_proof", NOT_SHOWN, "DPoP");
    let other = proof(&token).claim("jti", "other").claim("iat", NOW + 60).sign();
    assert_eq!(with(&token, &other).of(&house.app).await.status, StatusCode::OK);
    // From the second on in which nobody takes it, it may be forgotten, and its name be used anew.
    clock.forward(1);
    let again = with(&token, &shown).of(&house.app).await;
    refused(&again, "invalid_dpop_proof", NOT_SHOWN, "DPoP");
    let anew = proof(&token).claim("iat", NOW + 61).sign();
    assert_eq!(with(&token, &anew).of(&house.app).await.status, StatusCode::OK);
}

/// A memory that notes how often it is asked.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Replay for Counting {
    fn is_first<'a>(&'a self, _: &'a DpopProof, _: &'a VerifiedToken, _: UnixTime) -> FirstUse<'a> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(ready(Ok(true)))
    }
}

/// What a stranger shows is not remembered, or he could fill the memory for nothing.
#[tokio::test]
async fn only_a_proof_that_counts_is_remembered() {
    let memory = Arc::new(Counting::default());
    let house = house(remembering(Arc::<Counting>::clone(&memory)));
    let token = bound();
    for refused in [
        Proof::new(TestKey::P256).token(&token),
        proof(&token).claim("htm", "GET"),
        proof(&bound()),
    ] {
        let answer = with(&token, &refused.sign()).of(&house.app).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(memory.0.load(Ordering::Relaxed), 0);
    assert_eq!(with(&token, &proof(&token).sign()).of(&house.app).await.status, StatusCode::OK);
    assert_eq!(memory.0.load(Ordering::Relaxed), 1);
}

/// While the issuer is asked about a token, the proof that came with it grows old.
#[tokio::test]
async fn a_proof_is_held_against_the_time_at_which_the_token_is_known() {
    for (late, status) in [(60, StatusCode::OK), (61, StatusCode::UNAUTHORIZED)] {
        let clock = Hands::new();
        let words = Arc::new(Words::after(&clock, late));
        words.say(
            "opaque",
            &claims_with(&json!({ "cnf": { "jkt": TestKey::P256Second.thumbprint() } })),
        );
        let asked: Arc<dyn Introspect> = words;
        let issuer = issuer(&Published::of(&[TestKey::P256])).introspection(When::Opaque, asked);
        let house = house(Auth::resource(AUDIENCE).issuer(issuer).surroundings(by(&clock)));
        let answer = with("opaque", &proof("opaque").sign()).of(&house.app).await;
        assert_eq!(answer.status, status);
    }
}

/// Within a nested router the path is cut short, and the client knows nothing of that.
#[tokio::test]
async fn a_proof_is_for_the_path_as_the_client_wrote_it() {
    let resource = "https://mcp.example.com/api/mcp";
    let keys = Published::of(&[TestKey::P256]);
    let auth = Auth::resource(resource).issuer(issuer(&keys)).surroundings(by(&Hands::new()));
    let auth = auth.build().unwrap();
    let inner = crate::house::Inner::default();
    let app = Router::new().nest("/api", auth.protect("/mcp", inner.service()));
    let token =
        token(&json!({ "aud": resource, "cnf": { "jkt": TestKey::P256Second.thumbprint() } }));
    for (name, uri, status) in [
        ("1", resource, StatusCode::OK),
        ("2", AUDIENCE, StatusCode::UNAUTHORIZED),
        ("3", "https://mcp.example.com/mcp", StatusCode::UNAUTHORIZED),
    ] {
        let shown = proof(&token).claim("jti", name).claim("htu", uri).sign();
        let request = ask("POST", "/api/mcp").header("content-type", "application/json");
        let request = request.header("authorization", &format!("DPoP {token}"));
        let request = request.header("dpop", &shown).body(call("x").to_string());
        assert_eq!(request.of(&app).await.status, status, "{uri}");
    }
}

/// A memory that is full, or that remembers elsewhere.
struct Full;

impl Replay for Full {
    fn is_first<'a>(&'a self, _: &'a DpopProof, _: &'a VerifiedToken, _: UnixTime) -> FirstUse<'a> {
        Box::pin(ready(Err(NoRoom)))
    }
}

fn remembering(replay: Arc<dyn Replay>) -> AuthBuilder {
    auth().surroundings(Surroundings { replay, ..by(&Hands::new()) })
}

#[tokio::test]
async fn where_nobody_can_remember_nobody_is_let_in() {
    let token = bound();
    let full = house(remembering(Arc::new(Full)));
    let answer = with(&token, &proof(&token).sign()).of(&full.app).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    let bearer = post(&call("x")).bearer(&good()).of(&full.app).await;
    assert_eq!(bearer.status, StatusCode::OK, "others are let in");
}

/// One caller has a share of the memory, whatever keys his tokens are bound to.
#[tokio::test]
async fn one_caller_does_not_fill_the_memory() {
    let house = house(remembering(Arc::new(LocalReplay::of(20))));
    let bound = |subject: &str, key: TestKey| {
        token(&json!({ "sub": subject, "cnf": { "jkt": key.thumbprint() } }))
    };
    let show = async |token: &str, key, name: &str| {
        let proof = Proof::new(key).token(token).claim("jti", name).sign();
        with(token, &proof).of(&house.app).await.status
    };
    let (key, other_key) = (TestKey::P256, TestKey::P256Second);
    let alice = [(bound("alice", key), key), (bound("alice", other_key), other_key)];
    for (token, key) in &alice {
        assert_eq!(show(token, *key, "first").await, StatusCode::OK);
    }
    for (token, key) in &alice {
        assert_eq!(show(token, *key, "second").await, StatusCode::SERVICE_UNAVAILABLE);
    }
    let bob = bound("bob", key);
    for name in ["third", "fourth"] {
        assert_eq!(show(&bob, key, name).await, StatusCode::OK, "others have theirs");
    }
    assert_eq!(show(&bob, key, "fifth").await, StatusCode::SERVICE_UNAVAILABLE);
}

/// Replicas that share a memory take a proof once, all together.
#[tokio::test]
async fn a_memory_may_be_shared() {
    let memory: Arc<dyn Replay> = Arc::new(LocalReplay::new());
    let (one, two) = (house(remembering(Arc::clone(&memory))), house(remembering(memory)));
    let token = bound();
    let shown = proof(&token).sign();
    assert_eq!(with(&token, &shown).of(&one.app).await.status, StatusCode::OK);
    assert_eq!(with(&token, &shown).of(&two.app).await.status, StatusCode::UNAUTHORIZED);
    let other = proof(&token).claim("jti", "other").sign();
    assert_eq!(with(&token, &other).of(&two.app).await.status, StatusCode::OK);
}

// req: RS-14
#[tokio::test]
async fn a_token_of_a_certificate_needs_that_certificate() {
    let house = house(auth());
    let own = CertificateThumbprint::of_der(CERTIFICATE);
    let other = CertificateThumbprint::of_der(b"another certificate");
    let thumbprint = sha256_base64url(std::str::from_utf8(CERTIFICATE).unwrap());
    let token = token(&json!({ "cnf": { "x5t#S256": thumbprint } }));
    let bearer = || post(&call("x")).bearer(&token);
    assert_eq!(bearer().extension(own).of(&house.app).await.status, StatusCode::OK);
    let answer = bearer().extension(other).of(&house.app).await;
    refused(&answer, "invalid_token", NOT_SHOWN, "Bearer");
    refused(&bearer().of(&house.app).await, "invalid_token", NOT_SHOWN, "Bearer");
    let answer = with(&token, &proof(&token).sign()).extension(own).of(&house.app).await;
    refused(&answer, "invalid_token", NOT_SHOWN, "Bearer");
    // What stands in a header is no certificate: only a proxy that is trusted to may say so, elsewhere.
    let told = bearer().header("client-cert", ":YSBjZXJ0aWZpY2F0ZQ==:").of(&house.app).await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.inner.count(), 1);
    // A certificate beside a token that asks for none says nothing.
    let plain = post(&call("x")).bearer(&good()).extension(other).of(&house.app).await;
    assert_eq!(plain.status, StatusCode::OK);
}
