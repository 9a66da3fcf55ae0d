//! Tokens that were verified before are not verified again, and not for longer than what that rests on.

use http::StatusCode;
use portcullis_resource::Auth;
use serde_json::json;
use std::sync::Arc;
use testkit::{AUDIENCE, NOW, TestKey};

use crate::house::{Hands, House, Published, by, call, good, house, issuer, post, token};

fn of(keys: &Arc<Published>, clock: &Hands) -> House {
    house(Auth::resource(AUDIENCE).issuer(issuer(keys)).surroundings(by(clock)))
}

async fn status(house: &House, token: &str) -> StatusCode {
    post(&call("x")).bearer(token).of(&house.app).await.status
}

// req: RS-3
#[tokio::test]
async fn a_token_that_is_kept_ends_when_it_ends() {
    let (keys, clock) = (Published::of(&[TestKey::P256]), Hands::new());
    let house = of(&keys, &clock);
    let token = token(&json!({ "exp": NOW + 100 }));
    // Thirty seconds later clocks are too far apart.
    for (forward, expected) in [
        (0, StatusCode::OK),
        (129, StatusCode::OK),
        (1, StatusCode::UNAUTHORIZED),
        (1000, StatusCode::UNAUTHORIZED),
    ] {
        clock.forward(forward);
        assert_eq!(status(&house, &token).await, expected, "after {forward} more");
    }
}

/// While the keys stay as they are the issuer may be away.
#[tokio::test]
async fn a_token_that_is_kept_needs_no_keys() {
    let good = good();
    let (keys, clock) = (Published::of(&[TestKey::P256]), Hands::new());
    let house = of(&keys, &clock);
    assert_eq!(status(&house, &good).await, StatusCode::OK);
    keys.away();
    keys.number(Some(0));
    assert_eq!(status(&house, &good).await, StatusCode::OK);
    let other = token(&json!({ "jti": "another" }));
    assert_eq!(status(&house, &other).await, StatusCode::SERVICE_UNAVAILABLE);
    // There are none any more that may be used.
    keys.number(None);
    assert_eq!(status(&house, &good).await, StatusCode::SERVICE_UNAVAILABLE);
}

/// A key that was taken back takes its tokens with it.
// req: RS-3
#[tokio::test]
async fn a_token_is_verified_again_when_the_keys_change() {
    let good = good();
    let (keys, clock) = (Published::of(&[TestKey::P256]), Hands::new());
    let house = of(&keys, &clock);
    assert_eq!(status(&house, &good).await, StatusCode::OK);
    keys.replace(&[TestKey::P256Second, TestKey::P256]);
    assert_eq!(status(&house, &good).await, StatusCode::OK);
    keys.replace(&[TestKey::P256Second]);
    assert_eq!(status(&house, &good).await, StatusCode::UNAUTHORIZED);
    keys.replace(&[TestKey::P256]);
    assert_eq!(status(&house, &good).await, StatusCode::OK);
}

/// The first tokens of all wait for the first keys, which have no number before they are there.
#[tokio::test]
async fn a_token_that_waited_for_the_keys_goes_with_them() {
    let good = good();
    let (keys, clock) = (Published::of(&[TestKey::P256]), Hands::new());
    let house = of(&keys, &clock);
    keys.number(None);
    assert_eq!(status(&house, &good).await, StatusCode::OK);
    keys.number(Some(0));
    assert_eq!(status(&house, &good).await, StatusCode::OK);
    keys.number(None);
    let other = token(&json!({ "jti": "another" }));
    assert_eq!(status(&house, &other).await, StatusCode::OK);
    keys.number(Some(0));
    keys.replace(&[TestKey::P256Second]);
    for token in [good, other] {
        assert_eq!(status(&house, &token).await, StatusCode::UNAUTHORIZED);
    }
}

/// What is kept says who is asking, and not what they may.
#[tokio::test]
async fn a_token_that_is_kept_is_judged_by_the_policy_each_time() {
    let good = good();
    let house = house(crate::house::auth().tool("read", []));
    for (tool, expected) in
        [("read", StatusCode::OK), ("write", StatusCode::FORBIDDEN), ("read", StatusCode::OK)]
    {
        let answer = post(&call(tool)).bearer(&good).of(&house.app).await;
        assert_eq!(answer.status, expected);
    }
}

/// A text that differs by a character is another token.
#[tokio::test]
async fn what_is_kept_is_the_very_text() {
    let good = good();
    let house = house(crate::house::auth());
    assert_eq!(status(&house, &good).await, StatusCode::OK);
    // In the middle of the signature, where each character counts.
    let (start, end) = good.split_at(good.len() - 40);
    let other = if end.starts_with('A') { "B" } else { "A" };
    let other = format!("{start}{other}{}", end.split_at(1).1);
    assert_eq!(status(&house, &other).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&house, &format!("{good}=")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&house, &good).await, StatusCode::OK);
}
