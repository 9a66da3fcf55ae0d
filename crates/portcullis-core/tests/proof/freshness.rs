//! How long a proof is good for, and the nonces of a server.

use std::time::Duration;

use portcullis_core::proof::NoncePolicy;

use super::*;

#[test]
fn a_proof_is_fresh() {
    let made = |iat: Value| verify(&proof().claim("iat", iat)).map(drop);
    assert_eq!(made(json!(NOW - 60)), Ok(()));
    assert_eq!(made(json!(NOW - 61)), Err(Refusal::TooOld(at(NOW - 61))));
    assert_eq!(made(json!(NOW + 5)), Ok(()));
    assert_eq!(made(json!(NOW + 6)), Err(Refusal::FromFuture(at(NOW + 6))));
    assert_eq!(made(json!(1_795_132_800.9)), Ok(()));
    for bad in [json!(-1), json!("1795132800"), json!(u64::MAX), json!(1e300)] {
        assert_eq!(made(bad.clone()), Err(Refusal::Malformed("iat")), "{bad}");
    }
    let narrow = Freshness {
        max_age: Duration::from_secs(1),
        max_ahead: Duration::ZERO,
        nonce: NoncePolicy::NotAsked,
    };
    let judge = |iat: u64| {
        DpopProof::verify(&proof().claim("iat", iat).sign(), target(), None, narrow, at(NOW))
            .map(drop)
    };
    assert_eq!(judge(NOW - 1), Ok(()));
    assert_eq!(judge(NOW - 2), Err(Refusal::TooOld(at(NOW - 2))));
    assert_eq!(judge(NOW + 1), Err(Refusal::FromFuture(at(NOW + 1))));
}

// req: RS-14
#[test]
fn a_proof_is_remembered_for_as_long_as_it_is_accepted() {
    let wide = Freshness { max_age: Duration::from_secs(300), ..Freshness::default() };
    for freshness in [Freshness::default(), wide] {
        for ahead in [0, 5] {
            let text = proof().claim("iat", NOW + ahead).sign();
            let judge = |now| DpopProof::verify(&text, target(), None, freshness, now);
            let until = judge(at(NOW)).unwrap().remember_until();
            assert_eq!(until, at(NOW + ahead).plus(freshness.max_age));
            // To the last moment, and at none after it.
            assert_eq!(judge(until).unwrap().remember_until(), until);
            for later in [1, 2, 5, 60, 3600] {
                let refused = judge(until.plus(Duration::from_secs(later))).unwrap_err();
                assert_eq!(refused, Refusal::TooOld(at(NOW + ahead)), "{later}");
            }
        }
    }
}

#[test]
fn a_nonce_where_one_is_asked_for() {
    let fresh = ["n2", "n1"];
    let asked = Freshness { nonce: NoncePolicy::OneOf(&fresh), ..Freshness::default() };
    let judge = |proof: &Proof| {
        let token = TokenHash::of(TOKEN);
        DpopProof::verify(&proof.sign(), target(), Some(&token), asked, at(NOW)).map(drop)
    };
    assert_eq!(judge(&proof().claim("nonce", "n1")), Ok(()));
    assert_eq!(judge(&proof().claim("nonce", "n2")), Ok(()));
    assert_eq!(judge(&proof().claim("nonce", "n0")), Err(Refusal::NonceRequired));
    assert_eq!(judge(&proof().claim("nonce", "")), Err(Refusal::NonceRequired));
    assert_eq!(judge(&proof()), Err(Refusal::NonceRequired));
    assert_eq!(judge(&proof().claim("nonce", 1)), Err(Refusal::Malformed("nonce")));
    assert!(verify(&proof().claim("nonce", "whatever")).is_ok());
    let none = Freshness { nonce: NoncePolicy::OneOf(&[]), ..Freshness::default() };
    let text = proof().claim("nonce", "n1").sign();
    let refusal = DpopProof::verify(&text, target(), None, none, at(NOW)).unwrap_err();
    assert_eq!(refusal, Refusal::NonceRequired);
    // A proof that is wrong otherwise is not sent back for a nonce.
    assert_eq!(judge(&proof().claim("htm", "GET")), Err(Refusal::Method));
}
