//! What of a caller's credentials gets behind the layer: who it is, and nothing to be used again.

use http::StatusCode;
use serde_json::json;

use crate::house::{auth, call, good, house, post, token};
use portcullis_resource::Principal;

/// The token is for the layer alone.
#[tokio::test]
async fn no_token_and_no_proof_reaches_the_server() {
    let house = house(auth());
    let good = good();
    let request = post(&call("read")).bearer(&good);
    let request = request.header("dpop", "proof").header("mcp-session-id", "s-1");
    let answer = request.header("accept", "text/event-stream").of(&house.app).await;
    assert_eq!(answer.status, StatusCode::OK, "a proof beside a bearer token says nothing");
    let [reached] = &house.inner.reached()[..] else { panic!("once") };
    assert!(
        !reached.headers.contains_key("authorization") && !reached.headers.contains_key("dpop")
    );
    for (name, value) in [
        ("mcp-session-id", "s-1"),
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(reached.headers[name], value, "and nothing else is taken away");
    }
    assert_eq!(reached.headers.len(), 3);
    for value in reached.headers.values() {
        assert!(!value.to_str().unwrap().contains(&good));
    }
    assert_eq!(reached.body, call("read").to_string(), "byte for byte");
}

/// Who is behind the layer cannot be told by whoever calls.
#[tokio::test]
async fn the_caller_is_the_one_of_this_request() {
    let house = house(auth());
    for name in ["alice", "bob"] {
        house.inner.forget();
        let one = token(&json!({ "sub": name, "scope": "files:read" }));
        post(&call("read")).bearer(&one).of(&house.app).await;
        let reached = house.inner.reached();
        let principal = reached[0].extensions.get::<Principal>().unwrap();
        assert_eq!(principal.subject(), Some(name));
        // One that an application put there before, for whatever reason.
        let other = principal.clone();
        house.inner.forget();
        let request = post(&call("read")).bearer(&token(&json!({ "sub": "carol" })));
        request.extension(other).of(&house.app).await;
        let reached = house.inner.reached();
        let principal = reached[0].extensions.get::<Principal>().unwrap();
        assert_eq!(principal.subject(), Some("carol"));
    }
}
