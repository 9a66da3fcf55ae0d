//! Access tokens as a mid-sized identity provider mints them, and the keys they are checked with.

use std::fs;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::{Signer, TestKey};

use crate::Result;
use crate::options::Options;

/// Longer than any run.
const LIFE_IN_SECONDS: u64 = 6 * 3600;

pub(crate) fn main(mut options: Options) -> Result {
    let key = key(&mut options)?;
    let count: usize = options.required("--count")?;
    let issuer: String = options.required("--issuer")?;
    let resource: String = options.required("--resource")?;
    let out: String = options.required("--out")?;
    options.end()?;
    let now = now()?;
    let workers = thread::available_parallelism()?.get();
    let token = |i: usize| Signer::new(key).sign(&claims(&issuer, &resource, now, i)) + "\n";
    let text: String = thread::scope(|scope| {
        let share = |worker: usize| (worker..count).step_by(workers).map(token).collect::<String>();
        let shares: Vec<_> = (0..workers).map(|i| scope.spawn(move || share(i))).collect();
        shares.into_iter().filter_map(|share| share.join().ok()).collect()
    });
    Ok(fs::write(out, text)?)
}

/// The moment, in seconds.
pub(crate) fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// What an identity provider says about the subject number `i`. Signed with RS256 it makes a token of
/// about 900 octets.
pub(crate) fn claims(issuer: &str, resource: &str, now: u64, i: usize) -> Value {
    json!({
        "iss": issuer,
        "sub": format!("f3b1c2d4-5e6f-4a7b-8c9d-{i:012}"),
        "aud": resource,
        "exp": now + LIFE_IN_SECONDS,
        "iat": now,
        "jti": format!("5b1f7c1e-8c1d-4b1e-9a51-{i:012}"),
        "client_id": "inspector",
        "scope": "openid profile email files:read files:write",
        "sid": "0d9f6d3a-4c56-4f0e-9d2e-6b7a5f0f9c11",
        "preferred_username": "alice",
        "roles": ["staff", "editor"],
    })
}

/// The public half of a key, for proxies that read PEM.
pub(crate) fn public(mut options: Options) -> Result {
    let key = key(&mut options)?;
    let out: String = options.required("--out")?;
    options.end()?;
    let private = key.private_der();
    let der: PublicKeyX509Der<'_> = match key {
        TestKey::Rsa => RsaKeyPair::from_pkcs8(&private)?.public_key().as_der()?,
        _ => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private)?
            .public_key()
            .as_der()?,
    };
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let body = lines.join("\n");
    Ok(fs::write(out, format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"))?)
}

fn key(options: &mut Options) -> Result<TestKey> {
    match options.required::<String>("--key")?.as_str() {
        "rsa" => Ok(TestKey::Rsa),
        "p256" => Ok(TestKey::P256),
        other => Err(format!("--key is rsa or p256, not {other}").into()),
    }
}
