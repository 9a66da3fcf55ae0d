//! What a full verification costs beside the bare signature check it cannot do without.
//!
//! `cargo bench -p portcullis-core --bench verify`. RS256 is the cheapest signature to verify, so what
//! stands around it shows there most.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a measuring program")]

mod common;

use std::hint::black_box;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use http::{HeaderMap, HeaderValue};
use portcullis_core::bearer::{AccessToken, present};
use portcullis_core::keys::KeySet;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Unverified};
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey};

fn main() {
    common::heading();
    let mut ok = true;
    for key in [TestKey::Rsa, TestKey::P256, TestKey::Ed25519] {
        ok &= compare(key);
    }
    std::process::exit(i32::from(!ok));
}

fn compare(key: TestKey) -> bool {
    let algorithm = key.default_algorithm();
    let token = Signer::new(key).sign(&testkit::claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = base64_decode(signature);
    let keys = KeySet::parse(ISSUER.parse().unwrap(), &testkit::jwks(&[key])).unwrap();
    let kept = kept_key(&key.public_jwk());
    let expectation =
        Arc::new(Expectation::new(ISSUER.parse().unwrap(), AUDIENCE.parse().unwrap()));
    let now = UnixTime::from_secs(NOW);

    let authorization = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, authorization)]);
    let presented = AccessToken::try_from(present(&headers, None)).unwrap();

    let full = || {
        let token = Unverified::of(black_box(&presented)).unwrap();
        token.verify(&keys, &expectation, now).unwrap()
    };
    let raw = || kept.verify_sig(black_box(signed.as_bytes()), &signature).unwrap();
    common::compare(&format!("a token, {algorithm}"), 1.10, full, raw)
}

/// The key as `aws-lc-rs` keeps it, past all of our own code.
fn kept_key(jwk: &serde_json::Value) -> ParsedPublicKey {
    let member = |name: &str| base64_decode(jwk.get(name).unwrap().as_str().unwrap());
    match jwk.get("kty").unwrap().as_str().unwrap() {
        "RSA" => RsaPublicKeyComponents { n: member("n"), e: member("e") }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
        "EC" => {
            let point = [vec![4], member("x"), member("y")].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        }
        _ => ParsedPublicKey::new(&ED25519, member("x")),
    }
    .unwrap()
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}
