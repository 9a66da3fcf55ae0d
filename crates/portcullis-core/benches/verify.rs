//! What a full verification costs beside the bare signature check it cannot do without.
//!
//! `cargo bench -p portcullis-core --bench verify`. Rounds of both are interleaved, so that a busy
//! machine disturbs them alike; the ratio of the medians is the figure to watch. RS256, the cheapest
//! signature to verify, is to stay at 1.10 or below.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a stopwatch for developers"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use portcullis_core::id::Issuer;
use portcullis_core::keys::KeySet;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Unverified};
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey};

const ROUNDS: usize = 400;
const PER_ROUND: usize = 50;

fn main() {
    for key in [TestKey::Rsa, TestKey::P256, TestKey::Ed25519] {
        compare(key);
    }
}

fn compare(key: TestKey) {
    let algorithm = key.default_algorithm();
    let token = Signer::new(key).sign(&testkit::claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = base64_decode(signature);
    let keys = KeySet::parse(&testkit::jwks(&[key])).unwrap();
    let kept = kept_key(&key.public_jwk());
    let expectation =
        Arc::new(Expectation::new(Issuer::parse(ISSUER).unwrap(), [AUDIENCE.to_owned()]).unwrap());
    let now = UnixTime::from_secs(NOW);

    let (mut raw, mut full) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut time_raw = || {
            raw.push(time(|| {
                kept.verify_sig(black_box(signed.as_bytes()), &signature).unwrap();
            }));
        };
        let mut time_full = || {
            full.push(time(|| {
                let token = Unverified::parse(black_box(&token)).unwrap();
                token.verify(&keys, &expectation, now).unwrap()
            }));
        };
        if round % 2 == 0 {
            time_raw();
            time_full();
        } else {
            time_full();
            time_raw();
        }
    }
    let (raw, full) = (median(&mut raw), median(&mut full));
    println!("{algorithm:5}  raw {raw:7.0} ns  full {full:7.0} ns  ratio {:.3}", full / raw);
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

fn time<T>(mut work: impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..PER_ROUND {
        black_box(work());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(PER_ROUND).unwrap())
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap()
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}
