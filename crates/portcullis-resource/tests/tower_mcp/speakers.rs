//! Whose sessions and tasks: several issuers, and clients that act for themselves.

use std::collections::HashMap;
use std::sync::Arc;

use portcullis_resource::IssuerBuilder;
use portcullis_resource::introspection::{Introspect, When};
use portcullis_resource::testing::TestIssuer;
use portcullis_resource::tower_mcp::speaker;
use serde_json::{Value, json};
use testkit::NOW;
use tower_mcp::Extensions;
use tower_mcp::oauth::{ScopePolicy, TokenClaims};

use crate::house::{By, Hands, House, Words, call};
use crate::{ISSUER, accepted};

fn message(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// Begins a session, and says its id.
async fn session(house: &House, token: &str) -> String {
    let client = json!({ "name": "client", "version": "1" });
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client
    });
    let answer = house.post(token, None, &message("initialize", &hello)).await;
    assert_eq!(answer.status(), "200", "{answer:?}");
    let id = answer.header("mcp-session-id").to_owned();
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let answer = house.post(token, Some(&id), &ready).await;
    assert_eq!(answer.status(), "202", "{answer:?}");
    id
}

/// One name at two issuers, and clients without any, are not one caller.
// req: RS-13
#[tokio::test]
async fn sessions_are_of_a_speaker() {
    let (hands, words) = (Hands::new(), Arc::new(Words::default()));
    let (issuer, other) = (hands.issuer(ISSUER), hands.issuer("https://other.test"));
    let (one, two, near) = (issuer.trusted(), other.trusted(), hands.surroundings());
    let introspect: Arc<dyn Introspect> = Arc::<Words>::clone(&words);
    let robots = IssuerBuilder::new(testkit::ISSUER).without_keys();
    let robots = robots.introspection(When::Opaque, introspect);
    let house = House::new(By::Speaker, ScopePolicy::new(), |auth| {
        auth.issuer(one).issuer(two).issuer(robots).surroundings(near)
    })
    .await;
    let ada = |issuer: &TestIssuer| issuer.token(&house.resource).subject("ada").mint().unwrap();
    for robot in ["robot-1", "robot-2"] {
        let token = json!({
            "active": true, "iss": testkit::ISSUER, "aud": house.resource, "client_id": robot,
            "token_type": "Bearer", "exp": NOW + 60,
        });
        words.say(robot, token);
    }
    let (robot, another) = ("robot-1".to_owned(), "robot-2".to_owned());
    for (own, refreshed, foreign) in [
        (ada(&issuer), ada(&issuer), ada(&other)),
        (ada(&other), ada(&other), ada(&issuer)),
        (robot.clone(), robot.clone(), another.clone()),
        (another.clone(), another, robot),
    ] {
        let id = session(&house, &own).await;
        for token in [&own, &refreshed] {
            accepted(&house, &house.post(token, Some(&id), &call()).await);
        }
        let answer = house.post(&foreign, Some(&id), &call()).await;
        let nobody = house.post(&foreign, Some("nobody-s"), &call()).await;
        assert_eq!((answer.status(), nobody.status()), ("404", "404"));
        assert_eq!(answer.body.replace(&id, "nobody-s"), nobody.body);
        assert!(house.seen.take().is_empty());
    }
}

#[test]
fn who_speaks_has_one_text() {
    let text = |iss: Option<&str>, sub: Option<&str>, client: Option<&str>| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (iss, sub, client_id) = (owned(iss), owned(sub), owned(client));
        let mut extensions = Extensions::new();
        let extra = HashMap::new();
        let claims = TokenClaims { sub, iss, aud: None, exp: None, scope: None, client_id, extra };
        extensions.insert(claims);
        speaker(&extensions)
    };
    let (a, b) = (Some("https://a.test"), Some("https://b.test"));
    let ada = text(a, Some("ada"), Some("phone")).unwrap();
    assert_eq!(Some(&ada), text(a, Some("ada"), Some("laptop")).as_ref());
    for other in
        [text(b, Some("ada"), None), text(a, Some("bob"), None), text(a, None, Some("ada"))]
    {
        assert_ne!(other.unwrap(), ada);
    }
    // Refused by tower-mcp, where none at all is taken for a caller without a name.
    for nobody in [text(a, None, None), text(None, Some("ada"), None)] {
        assert_eq!(nobody.as_deref(), Some(""));
    }
    assert_eq!(speaker(&Extensions::new()), None);
}
