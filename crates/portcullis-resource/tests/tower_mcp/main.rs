//! Portcullis judges tokens for the OAuth layer of tower-mcp: a server made with that crate, as its callers see it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, reason = "tests")]

mod house;
mod speakers;

use std::sync::Arc;
use std::time::Duration;

use portcullis_core::scope::{Entitlements, Role, ScopeSet};
use portcullis_core::token::ClaimPath;
use portcullis_resource::introspection::{Introspect, When};
use portcullis_resource::testing::TestIssuer;
use portcullis_resource::tower_mcp::{Unfit, Validator};
use portcullis_resource::{Auth, BadAuth, IssuerBuilder};
use serde_json::{Value, json};
use testkit::NOW;
use tower_mcp::oauth::{OAuthError, ScopePolicy, TokenAudience, TokenClaims, TokenValidator as _};

use crate::house::{Answer, By, Hands, House, Words};

const ISSUER: &str = "https://issuer.test";

/// A server that takes tokens of one issuer.
async fn house(hands: &Hands, issuer: &TestIssuer) -> House {
    let near = hands.surroundings();
    let trusted = issuer.trusted();
    House::new(By::Subject, ScopePolicy::new(), |auth| auth.issuer(trusted).surroundings(near))
        .await
}

/// Refused with these words, with nothing of the token in them, and before the tool was reached.
#[track_caller]
fn refused(house: &House, answer: &Answer, token: &str, words: &str) {
    assert_eq!(answer.status(), "401", "{answer:?}");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains(&format!("error_description=\"{words}\"")), "{challenge}");
    let metadata = house.resource.replace("/mcp", "/.well-known/oauth-protected-resource/mcp");
    assert!(challenge.contains(&format!("resource_metadata=\"{metadata}\"")), "{challenge}");
    let parts = token.split('.').filter(|part| part.len() > 8);
    for part in parts {
        assert!(!answer.head.contains(part) && !answer.body.contains(part), "{answer:?}");
    }
    assert!(house.seen.take().is_empty());
}

#[track_caller]
fn accepted(house: &House, answer: &Answer) -> TokenClaims {
    assert_eq!(answer.status(), "200", "{answer:?}");
    let mut seen = house.seen.take();
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen.remove(0)
}

// req: RS-3
#[tokio::test]
async fn the_server_is_told_who_calls() {
    let hands = Hands::new();
    let (issuer, near) = (hands.issuer(ISSUER), hands.surroundings());
    let trusted = issuer.trusted().expecting(|tokens| {
        let groups = ClaimPath::new(["groups"]).unwrap();
        tokens.map_role("admin".parse().unwrap(), groups, ["staff"]).also_for(["api://files"])
    });
    let scopes = ScopePolicy::new().tool_scope("whoami", "files:read");
    let house =
        House::new(By::Subject, scopes, |auth| auth.issuer(trusted).surroundings(near)).await;
    let ada = || issuer.token(&house.resource).subject("ada").scopes(["files:list", "files:read"]);
    let claims = accepted(&house, &house.call(&ada().mint().unwrap()).await);
    assert_eq!(claims.iss.as_deref(), Some(ISSUER));
    assert_eq!(claims.sub.as_deref(), Some("ada"));
    assert_eq!(claims.client_id.as_deref(), Some("test-client"));
    assert_eq!(claims.exp, Some(NOW + 3600));
    assert_eq!(claims.scope.as_deref(), Some("files:list files:read"));
    assert!(matches!(&claims.aud, Some(TokenAudience::Single(aud)) if *aud == house.resource));
    assert!(claims.extra.is_empty());
    // Claims become roles as this server maps them, and no other claim of that name is one.
    let token = ada().claim("groups", json!(["staff"])).claim("roles", json!(["root"]));
    let claims = accepted(&house, &house.call(&token.mint().unwrap()).await);
    assert_eq!(
        claims.extra.into_iter().collect::<Vec<_>>(),
        [("roles".to_owned(), json!(["admin"]))]
    );
    let token = issuer.token("api://files").scopes(["files:read"]).mint().unwrap();
    let claims = accepted(&house, &house.call(&token).await);
    assert!(claims.audience_matches(&house.resource));
    // What tools need is for tower-mcp's own policy to say.
    let answer = house.call(&ada().scopes(["files:list"]).mint().unwrap()).await;
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("files:read"));
    assert!(house.seen.take().is_empty());
}

// req: RS-4
// req: RS-14
#[tokio::test]
async fn each_thing_that_is_wrong_with_a_token() {
    let hands = Hands::new();
    let (issuer, stranger) = (hands.issuer(ISSUER), hands.issuer("https://stranger.test"));
    let house = house(&hands, &issuer).await;
    let good = || issuer.token(&house.resource);
    let answer = house.call(&good().mint().unwrap()).await;
    accepted(&house, &answer);
    let bound = |cnf: Value| good().claim("cnf", cnf);
    let thumbprint = testkit::TestKey::P256.thumbprint();
    let possession = "possession of the token's key was not shown";
    for (token, words) in [
        (
            issuer.token(&format!("{}/other", house.resource)),
            "The token audience does not match this resource",
        ),
        (good().claim("aud", json!([])), "The token audience does not match this resource"),
        (good().expired(), "The access token has expired"),
        (good().claim("nbf", NOW + 3600), "the token has expired or is not valid yet"),
        (stranger.token(&house.resource), "the token's issuer is not accepted here"),
        // In the name of one and by the key of another.
        (
            stranger.token(&house.resource).claim("iss", ISSUER),
            "the token's signature does not verify",
        ),
        (bound(json!({ "jkt": thumbprint })), possession),
        (bound(json!({ "x5t#S256": thumbprint })), possession),
        (bound(json!({ "jwk": {} })), possession),
    ] {
        let token = token.mint().unwrap();
        refused(&house, &house.call(&token).await, &token, words);
    }
    let good = good().mint().unwrap();
    accepted(&house, &house.call(&good).await);
    for (token, words) in [
        (format!("{good} {good}"), "the Authorization header does not hold exactly one token"),
        (format!("{good}.{good}"), "the token is malformed"),
        ("x".repeat(17_000), "the access token is longer than 16384 bytes"),
    ] {
        refused(&house, &house.call(&token).await, &token, words);
    }
    accepted(&house, &house.call(&good).await);
}

/// By the clock that was handed in, also for a token that is remembered.
#[tokio::test]
async fn a_token_ends() {
    let hands = Hands::new();
    let issuer = hands.issuer(ISSUER);
    let house = house(&hands, &issuer).await;
    let token = issuer.token(&house.resource).expires_in(Duration::from_secs(600)).mint().unwrap();
    accepted(&house, &house.call(&token).await);
    hands.forward(599);
    accepted(&house, &house.call(&token).await);
    hands.forward(600);
    refused(&house, &house.call(&token).await, &token, "The access token has expired");
    let token = issuer.token(&house.resource).mint().unwrap();
    accepted(&house, &house.call(&token).await);
}

/// tower-mcp has one answer for all that is wrong, so that words must say what it is.
#[tokio::test]
async fn an_issuer_is_asked() {
    let (hands, words) = (Hands::new(), Arc::new(Words::default()));
    let near = hands.surroundings();
    let introspect: Arc<dyn Introspect> = Arc::<Words>::clone(&words);
    let asked = IssuerBuilder::new(testkit::ISSUER).without_keys();
    let asked = asked.introspection(When::Opaque, introspect);
    let house =
        House::new(By::Subject, ScopePolicy::new(), |auth| auth.issuer(asked).surroundings(near))
            .await;
    let answer = |more: Value| {
        let mut answer = json!({
            "active": true, "iss": testkit::ISSUER, "aud": house.resource, "client_id": "robot",
            "token_type": "Bearer", "exp": NOW + 60,
        });
        answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answer
    };
    words.say("opaque-token-1", answer(json!({ "sub": "ada", "scope": "a b" })));
    words.say("opaque-token-2", answer(json!({ "sub": "ada", "aud": "https://other.test/mcp" })));
    // Nobody in particular: to tower-mcp it would be everybody who is nobody in particular.
    words.say("opaque-token-3", answer(json!({})));
    let claims = accepted(&house, &house.call("opaque-token-1").await);
    assert_eq!((claims.sub.as_deref(), claims.scope.as_deref()), (Some("ada"), Some("a b")));
    for (token, why) in [
        ("opaque-token-2", "The token audience does not match this resource"),
        ("opaque-token-3", "the token's claims are not accepted"),
        ("opaque-token-4", "the token is not active"),
    ] {
        refused(&house, &house.call(token).await, token, why);
    }
    words.say("opaque-token-5", answer(json!({ "sub": "eve" })));
    words.away(true);
    let why = "the token cannot be checked right now";
    refused(&house, &house.call("opaque-token-5").await, "opaque-token-5", why);
    words.away(false);
    accepted(&house, &house.call("opaque-token-5").await);
}

/// Of what an operation is about the judge of tokens hears nothing: every request needs the base scopes.
// req: RS-7
#[tokio::test]
async fn base_scopes_are_asked_for() {
    let hands = Hands::new();
    let (issuer, near) = (hands.issuer(ISSUER), hands.surroundings());
    let trusted = issuer.trusted().expecting(|tokens| {
        let chosen: Vec<Role> = vec!["chosen".parse().unwrap()];
        let base = ScopeSet::parse("files:read files:list").unwrap();
        let listed = vec![("vault".parse().unwrap(), chosen)];
        tokens.entitlements(Entitlements::new(base, listed))
    });
    let of = |scopes: [&'static str; 2]| {
        let (trusted, near) = (issuer.trusted(), near.clone());
        House::new(By::Subject, ScopePolicy::new(), move |auth| {
            auth.issuer(trusted).base_scopes(scopes).surroundings(near)
        })
    };
    let house = of(["files:read", "files:list"]).await;
    let token = |house: &House, scope| issuer.token(&house.resource).claim("scope", scope).mint();
    accepted(&house, &house.call(&token(&house, "files:list files:read").unwrap()).await);
    let answer = house.call(&token(&house, "files:list other").unwrap()).await;
    assert_eq!(answer.status(), "403");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"files:list files:read\""), "{challenge}");
    assert!(house.seen.take().is_empty());
    // A scope that nobody like this could obtain is not asked for.
    let near = hands.surroundings();
    let house = House::new(By::Subject, ScopePolicy::new(), |auth| {
        auth.issuer(trusted).base_scopes(["files:read", "vault"]).surroundings(near)
    })
    .await;
    let answer = house.call(&token(&house, "files:read").unwrap()).await;
    assert_eq!(answer.status(), "403");
    assert!(!answer.header("www-authenticate").contains(" scope="), "{answer:?}");
    accepted(&house, &house.call(&token(&house, "files:read vault").unwrap()).await);
}

#[tokio::test]
async fn what_would_not_be_asked_is_refused() {
    let (issuer, other) = (TestIssuer::new().unwrap(), Hands::new().issuer("https://other.test"));
    let auth = || Auth::resource("https://mcp.example.com/mcp").issuer(issuer.trusted());
    let built = |auth: Result<Auth, BadAuth>| auth.unwrap();
    for rules in [auth().tool("read_*", []), auth().allow("resources/read file:///**", ["files"])] {
        let auth = built(rules.build());
        assert_eq!(Validator::by_subject(&auth).unwrap_err(), Unfit::Rules);
        assert_eq!(Validator::by_speaker(&auth).unwrap_err(), Unfit::Rules);
    }
    let several = built(auth().issuer(other.trusted()).build());
    assert_eq!(Validator::by_subject(&several).unwrap_err(), Unfit::SeveralIssuers);
    assert!(Validator::by_speaker(&several).is_ok());
    let fit = built(auth().base_scopes(["files"]).build());
    assert!(Validator::by_subject(&fit).is_ok() && Validator::by_speaker(&fit).is_ok());
}

/// Clients find the issuer by what tower-mcp publishes.
// req: RS-1
#[tokio::test]
async fn metadata_is_published() {
    let hands = Hands::new();
    let (trusted, near) = (hands.issuer(ISSUER).trusted(), hands.surroundings());
    let house = House::new(By::Subject, ScopePolicy::new(), |auth| {
        auth.issuer(trusted).base_scopes(["files:read"]).surroundings(near)
    })
    .await;
    let answer = house.get("/mcp").await;
    assert_eq!(answer.status(), "401");
    let url = answer.header("www-authenticate").split('"').nth(1).unwrap();
    let path = url.strip_prefix(house.resource.strip_suffix("/mcp").unwrap()).unwrap();
    let answer = house.get(path).await;
    assert_eq!(answer.status(), "200");
    let document = answer.json();
    assert_eq!(document["resource"], house.resource);
    assert_eq!(document["authorization_servers"], json!([ISSUER]));
    assert_eq!(document["scopes_supported"], json!(["files:read"]));
}

/// A text that no header could hold comes only from a program that asks by itself.
#[tokio::test]
async fn a_text_that_is_no_token() {
    let issuer = TestIssuer::new().unwrap();
    let resource = "https://mcp.example.com/mcp";
    let auth = Auth::resource(resource).issuer(issuer.trusted()).build().unwrap();
    let validator = Validator::by_subject(&auth).unwrap();
    let good = issuer.token(resource).mint().unwrap();
    assert!(validator.validate_token(&good).await.is_ok());
    for text in ["", " ", "a\r\nb", "a\0", "ä", &format!("{good}\n"), &format!("{good},{good}")] {
        let refusal = validator.validate_token(text).await.unwrap_err();
        assert!(matches!(refusal, OAuthError::InvalidToken { .. }), "{text:?}: {refusal:?}");
    }
}
