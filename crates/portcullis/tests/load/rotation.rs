//! An issuer signs with another key, and takes the old one back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use testkit::server::respond;
use testkit::{Signer, TestKey, jwks};

use crate::clients::{Arrived, all_answered, load};
use crate::common::rig::{Rig, call, post};
use crate::common::skip;

/// Time is skipped while requests are under way: nothing may be late for that.
const PATIENT: &str = "[limits]\nheader_timeout = \"1h\"\nbody_timeout = \"1h\"\nwrite_timeout = \"1h\"\nidle_timeout = \"3h\"";
const PATIENT_UPSTREAM: &str = "upstream_timeouts = { connect = \"1h\", answer = \"1h\" }\n";

/// Old keys, both, new keys: nobody who calls meanwhile is refused.
// req: RS-3
#[tokio::test]
async fn keys_are_rotated_and_no_request_is_lost() {
    let arrived = Arrived::default();
    let seen = arrived.clone();
    let rig = Rig::with(PATIENT, PATIENT_UPSTREAM, move |request| seen.answer(request)).await;
    let is_new = Arc::new(AtomicBool::new(false));
    let (signs_anew, claims) = (Arc::clone(&is_new), rig.claims(&json!({})));
    let token = move |number: u64| {
        let mut claims = claims.clone();
        // A token for a few calls: some were seen before, some were not.
        claims["jti"] = (number / 5).to_string().into();
        let key =
            if signs_anew.load(Ordering::SeqCst) { TestKey::P256Second } else { TestKey::P256 };
        Signer::new(key).sign(&claims)
    };
    let old = token(0);
    let (calls, mut callers) = load(rig.serving.address(), token);
    calls.more(200).await;
    rig.issuer.answer(|_| respond(200, &[], jwks(&[TestKey::P256, TestKey::P256Second])));
    skip(Duration::from_secs(31)).await;
    is_new.store(true, Ordering::SeqCst);
    calls.more(200).await;
    assert_eq!(rig.issuer.asked(), 2, "the first of the new tokens made one fetch");
    rig.issuer.answer(|_| respond(200, &[], jwks(&[TestKey::P256Second])));
    skip(Duration::from_secs(721)).await;
    rig.issuer.until_asked(3).await;
    calls.more(200).await;
    calls.stop();
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    println!("{} calls while keys were rotated", all_answered(&calls, &arrived));
    // And it was the keys that decided.
    let answer = rig.client().await.whole(post(&old, call("read_a"))).await;
    assert_eq!(answer.status(), 401);
}
