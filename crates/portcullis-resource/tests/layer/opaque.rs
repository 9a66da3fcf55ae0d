//! Tokens that only their issuer can read, and tokens that it may have revoked.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use portcullis_resource::gate::BadGate;
use portcullis_resource::introspection::{Introspect, When};
use portcullis_resource::trust::BadTrust;
use portcullis_resource::{Auth, AuthBuilder, BadAuth, IssuerBuilder};
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims, claims_with};

use crate::house::{Hands, House, Published, Words, by, call, good, house, issuer, post, token};

const OTHER: &str = "https://other.example.com";

fn asking(issuer: IssuerBuilder, when: When, words: &Arc<Words>) -> IssuerBuilder {
    let words: Arc<dyn Introspect> = Arc::<Words>::clone(words);
    issuer.introspection(when, words)
}

async fn status(house: &House, token: &str) -> StatusCode {
    post(&call("x")).bearer(token).of(&house.app).await.status
}

fn house_of(issuer: IssuerBuilder, clock: &Hands) -> House {
    house(Auth::resource(AUDIENCE).issuer(issuer).surroundings(by(clock)))
}

/// Two issuers: both publish keys, and one takes opaque tokens.
fn two(words: &Arc<Words>, clock: &Hands) -> House {
    let (own, others) =
        (Published::of(&[TestKey::P256]), Published::by(OTHER, &[TestKey::P256Second]));
    let auth = Auth::resource(AUDIENCE)
        .issuer(IssuerBuilder::new(OTHER).keys(others))
        .issuer(asking(issuer(&own), When::Opaque, words));
    house(auth.surroundings(by(clock)))
}

// req: RS-4
#[tokio::test]
async fn opaque_tokens_are_asked_about() {
    let (words, clock) = (Arc::new(Words::default()), Hands::new());
    let house = two(&words, &clock);
    words.say("opaque-1", &claims());
    words.say("elsewhere", &claims_with(&json!({ "aud": "https://other.example.com/mcp" })));
    words.say("nowhere", &claims_with(&json!({ "aud": null })));
    assert_eq!(status(&house, "opaque-1").await, StatusCode::OK);
    for refused in ["opaque-2", "elsewhere", "nowhere"] {
        let answer = post(&call("x")).bearer(refused).of(&house.app).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{refused}");
        assert_eq!(answer.json()["error"], "invalid_token");
    }
    assert_eq!(words.asked(), ["opaque-1", "opaque-2", "elsewhere", "nowhere"]);
    // Kept for as long as the answer is good.
    assert_eq!(status(&house, "opaque-1").await, StatusCode::OK);
    assert_eq!(words.asked().len(), 4);
    words.revoke("opaque-1");
    clock.forward(29);
    assert_eq!(status(&house, "opaque-1").await, StatusCode::OK);
    clock.forward(1);
    assert_eq!(status(&house, "opaque-1").await, StatusCode::UNAUTHORIZED);
    assert_eq!(words.asked().len(), 5);
}

/// A token is shown to its own issuer and to nobody else, and one that is refused here gets no second chance.
#[tokio::test]
async fn a_jwt_is_shown_to_nobody() {
    let (words, clock) = (Arc::new(Words::default()), Hands::new());
    let house = two(&words, &clock);
    let others = Signer::new(TestKey::P256Second).sign(&claims_with(&json!({ "iss": OTHER })));
    for accepted in [&good(), &others] {
        assert_eq!(status(&house, accepted).await, StatusCode::OK);
    }
    let forged = {
        let (head, _) = good().rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        format!("{head}.{}", others.rsplit_once('.').unwrap().1)
    };
    let by_the_other = Signer::new(TestKey::P256Second).sign(&claims());
    let unknown = token(&json!({ "iss": "https://unknown.example.com" }));
    let expired = token(&json!({ "exp": NOW - 100 }));
    let without = good().replace('.', "..");
    for refused in [&forged, &by_the_other, &unknown, &expired, &format!("{forged}="), &without] {
        words.say(refused, &claims());
        assert_eq!(status(&house, refused).await, StatusCode::UNAUTHORIZED, "{refused}");
    }
    assert_eq!(words.asked(), Vec::<String>::new());
    // What is encrypted only the issuer can read.
    let header = testkit::base64url(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    let encrypted = format!("{header}.a2V5.aXY.dGV4dA.dGFn");
    assert_eq!(status(&house, &encrypted).await, StatusCode::UNAUTHORIZED);
    words.say("other", &claims());
    assert_eq!(status(&house, "other").await, StatusCode::OK);
    assert_eq!(words.asked(), [encrypted, "other".to_owned()]);
}

/// An issuer may say a lot about a short token. What is kept of all of them has a bound, by what it said.
#[tokio::test]
async fn what_an_issuer_says_at_length_is_kept_of_few_tokens() {
    const TOKENS: usize = 800;
    // So many bytes are kept, and one answer has so many of them.
    const KEPT: usize = 32 << 20;
    const LONG: usize = 60_000;
    for length in [10, LONG] {
        let (words, clock) = (Arc::new(Words::default()), Hands::new());
        let house = two(&words, &clock);
        let said = claims_with(&json!({ "groups": "g".repeat(length) }));
        for round in 0..2 {
            for number in 0..TOKENS {
                let token = format!("opaque-{number}");
                words.say(&token, &said);
                assert_eq!(status(&house, &token).await, StatusCode::OK, "{round} {number}");
                // The texts of answers are not what is measured here.
                words.revoke(&token);
            }
        }
        let again = words.asked().len() - TOKENS;
        if length < LONG {
            assert_eq!(again, 0, "there is room for all of them");
        } else {
            assert!(again >= TOKENS - KEPT / LONG, "{again} of {TOKENS} were forgotten");
        }
    }
}

/// What a stranger makes up is not sent on at any length.
#[tokio::test]
async fn an_opaque_token_is_shown_up_to_a_length() {
    let (words, clock) = (Arc::new(Words::default()), Hands::new());
    let house = two(&words, &clock);
    let (longest, longer) = ("o".repeat(4096), "o".repeat(4097));
    for token in [&longest, &longer] {
        words.say(token, &claims());
    }
    let answer = post(&call("x")).bearer(&longer).of(&house.app).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["error_description"], "the token is malformed");
    assert_eq!(words.asked(), Vec::<String>::new());
    assert_eq!(status(&house, &longest).await, StatusCode::OK);
    // One that its issuer wrote claims into may be longer, where the issuer is asked about it.
    let issuer = asking(IssuerBuilder::new(ISSUER).without_keys(), When::Opaque, &words);
    let house = house_of(issuer, &clock);
    let signed = token(&json!({ "groups": "g".repeat(6000) }));
    words.say(&signed, &claims());
    assert_eq!(status(&house, &signed).await, StatusCode::OK);
    assert_eq!(status(&house, &longer).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn where_nobody_takes_opaque_tokens_they_are_refused() {
    let house = house(crate::house::auth());
    let answer = post(&call("x")).bearer("opaque").of(&house.app).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["error"], "invalid_token");
    assert_eq!(status(&house, &good()).await, StatusCode::OK);
}

/// An issuer that publishes no keys is asked about every token, JWTs too.
#[tokio::test]
async fn an_issuer_without_keys_is_asked_about_all() {
    let (words, clock) = (Arc::new(Words::default()), Hands::new());
    let issuer = asking(IssuerBuilder::new(ISSUER).without_keys(), When::Opaque, &words);
    let house = house_of(issuer, &clock);
    let (good, foreign) = (good(), token(&json!({ "iss": "https://unknown.example.com" })));
    for token in ["opaque", &good, &foreign] {
        words.say(token, &claims());
        assert_eq!(status(&house, token).await, StatusCode::OK);
    }
    assert_eq!(status(&house, "other").await, StatusCode::UNAUTHORIZED);
    assert_eq!(words.asked(), ["opaque", &good, &foreign, "other"]);
}

/// A JWT whose signature is good may have been revoked.
#[tokio::test]
async fn where_it_is_always_asked_a_revoked_token_is_refused() {
    let (words, clock) = (Arc::new(Words::default()), Hands::new());
    let keys = Published::of(&[TestKey::P256]);
    let issuer = asking(issuer(&keys), When::Always, &words);
    let issuer = issuer.expecting(|token| token.introspection_lifetime(Duration::from_secs(10)));
    let house = house(Auth::resource(AUDIENCE).issuer(issuer).surroundings(by(&clock)));
    let unknown = good();
    assert_eq!(status(&house, &unknown).await, StatusCode::UNAUTHORIZED, "nobody knows it");
    let token = token(&json!({ "sub": "bob" }));
    words.say(&token, &json!({}));
    for _ in 0..3 {
        assert_eq!(status(&house, &token).await, StatusCode::OK);
    }
    assert_eq!(words.asked(), [unknown, token.clone()]);
    clock.forward(10);
    assert_eq!(status(&house, &token).await, StatusCode::OK);
    assert_eq!(words.asked().len(), 3);
    words.revoke(&token);
    clock.forward(9);
    assert_eq!(status(&house, &token).await, StatusCode::OK, "its word was good for ten seconds");
    clock.forward(1);
    assert_eq!(status(&house, &token).await, StatusCode::UNAUTHORIZED);
    // The word of the issuer makes nothing of a token whose signature is not good.
    let forged = Signer::new(TestKey::P256Second).sign(&claims());
    words.say(&forged, &claims());
    let asked = words.asked().len();
    assert_eq!(status(&house, &forged).await, StatusCode::UNAUTHORIZED);
    assert_eq!(words.asked().len(), asked);
}

/// An answer that took longer than it is good for is good for the request that waited for it.
#[tokio::test]
async fn an_answer_counts_from_when_it_came() {
    for when in [When::Opaque, When::Always] {
        let clock = Hands::new();
        let words = Arc::new(Words::after(&clock, 5));
        let keys = Published::of(&[TestKey::P256]);
        let issuer = asking(issuer(&keys), when, &words);
        let issuer = issuer.expecting(|token| token.introspection_lifetime(Duration::from_secs(2)));
        let house = house(Auth::resource(AUDIENCE).issuer(issuer).surroundings(by(&clock)));
        let token = if when == When::Always { good() } else { "opaque".to_owned() };
        words.say(&token, &claims());
        for count in [1, 1] {
            assert_eq!(status(&house, &token).await, StatusCode::OK, "{when:?}");
            assert_eq!(words.asked().len(), count);
        }
        clock.forward(2);
        assert_eq!(status(&house, &token).await, StatusCode::OK, "{when:?}");
        assert_eq!(words.asked().len(), 2);
    }
}

#[tokio::test]
async fn issuers_that_cannot_be_told_apart_are_refused() {
    let words = Arc::new(Words::default());
    let named = |name: &str| IssuerBuilder::new(name).keys(Published::by(name, &[TestKey::P256]));
    let build = |issuers: Vec<IssuerBuilder>| {
        let auth = issuers.into_iter().fold(Auth::resource(AUDIENCE), AuthBuilder::issuer);
        match auth.build() {
            Ok(_) => None,
            Err(BadAuth::Gate(BadGate::Trust(bad))) => Some(bad),
            Err(other) => panic!("{other}"),
        }
    };
    let ask = |issuer| asking(issuer, When::Opaque, &words);
    assert_eq!(build(vec![ask(named(ISSUER)), named(OTHER)]), None);
    let two = BadTrust::TwoOpaque(ISSUER.to_owned(), OTHER.to_owned());
    assert_eq!(build(vec![ask(named(ISSUER)), ask(named(OTHER))]), Some(two));
    let twice = BadTrust::Twice(ISSUER.to_owned());
    assert_eq!(build(vec![named(ISSUER), named(ISSUER)]), Some(twice));
    assert_eq!(build(Vec::new()), Some(BadTrust::Nobody));
    let silent = BadTrust::Silent(ISSUER.to_owned());
    assert_eq!(build(vec![IssuerBuilder::new(ISSUER).without_keys()]), Some(silent));
}
