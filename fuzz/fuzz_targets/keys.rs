//! JWK Sets. Input: the document.
//!
//! * Every key of the document is either usable or set aside with a reason, and there are at most 256.
//! * A usable key is public, of a known type, allows one family of asymmetric algorithms and no other,
//!   is found by the name it has, and takes no garbage for a signature.
//! * Reading twice gives the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_core::jws::Algorithm;
use portcullis_core::keys::{KeySet, MAX_KEYS, NoMatch, PublicKey};
use portcullis_fuzz::{ISSUER, lenient};
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Ok(set) = KeySet::parse(ISSUER.parse().unwrap(), input) else { return };
    let document = lenient(input);
    let jwks = document["keys"].as_array().unwrap();
    assert!(jwks.len() <= MAX_KEYS);
    assert_eq!(set.usable().count() + set.skipped().len(), jwks.len());
    assert!(set.usable().count() <= jwks.iter().filter(|jwk| is_public(jwk)).count());
    for key in set.usable() {
        let allowed: Vec<_> = Algorithm::ALL.into_iter().filter(|a| key.allows(*a)).collect();
        let first = allowed[0];
        let jwk = jwks.iter().find(|jwk| is_public(jwk) && is_same(jwk, key));
        let kty = jwk.and_then(|jwk| jwk["kty"].as_str());
        match &first.as_str()[..2] {
            "RS" | "PS" => {
                assert!(kty == Some("RSA") && (allowed.len() == 1 || allowed.len() == 6));
            }
            "ES" => assert!(kty == Some("EC") && allowed.len() == 1),
            _ => assert!(kty == Some("OKP") && allowed == [Algorithm::EdDSA]),
        }
        for algorithm in allowed {
            let found = set.find(key.kid(), algorithm);
            match key.kid() {
                Some(_) => assert_eq!(found.unwrap().thumbprint(), key.thumbprint()),
                None => assert!(found.is_ok() || found.unwrap_err() == NoMatch::Ambiguous),
            }
        }
        takes_no_garbage(key, first);
    }
    if set.usable().next().is_some() {
        let again = KeySet::parse(ISSUER.parse().unwrap(), input).unwrap();
        assert!(set.usable().map(facts).eq(again.usable().map(facts)));
        assert_eq!(set.skipped(), again.skipped());
    }
});

fn facts(key: &PublicKey) -> (Option<&str>, [u8; 32], [bool; 10]) {
    (key.kid(), *key.thumbprint().as_bytes(), Algorithm::ALL.map(|a| key.allows(a)))
}

fn is_public(jwk: &Value) -> bool {
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    jwk.is_object() && private.iter().all(|member| jwk.get(member).is_none())
}

/// The thumbprint is made of the required members only (RFC 7638), so a bare JWK has the same.
fn is_same(jwk: &Value, key: &PublicKey) -> bool {
    let required = ["crv", "e", "kty", "n", "x", "y"].into_iter();
    let bare: serde_json::Map<_, _> =
        required.filter_map(|name| Some((name.to_owned(), jwk.get(name)?.clone()))).collect();
    jwk["kid"].as_str() == key.kid()
        && PublicKey::from_jwk(Value::Object(bare).to_string().as_bytes())
            .is_ok_and(|bare| bare.thumbprint() == key.thumbprint())
}

fn takes_no_garbage(key: &PublicKey, algorithm: Algorithm) {
    for filling in [0x00, 0x55, 0xFF] {
        let garbage = [filling; 1024];
        for length in [64, 96, 132].into_iter().chain(256..=1024) {
            assert!(key.verify(algorithm, b"message", &garbage[..length]).is_err(), "{key:?}");
        }
    }
    // R is the neutral element and S zero: what a point of small order signs every message with.
    let neutral = [[1].as_slice(), &[0; 63]].concat();
    assert!(key.verify(algorithm, b"message", &neutral).is_err(), "{key:?}");
}
