//! The issuer's keys, and how a fuzzer gets behind a signature that it cannot forge.

use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::first_line;

/// The public half of the key that signs on request.
pub const OWN_JWK: &str = include_str!("../../crates/testkit/keys/ed25519.jwk.json");

/// The usable keys of the testkit as a JWK Set.
pub fn jwks() -> Vec<u8> {
    let keys = [
        include_str!("../../crates/testkit/keys/rsa.jwk.json"),
        include_str!("../../crates/testkit/keys/rsa-second.jwk.json"),
        include_str!("../../crates/testkit/keys/p256.jwk.json"),
        include_str!("../../crates/testkit/keys/p256-second.jwk.json"),
        include_str!("../../crates/testkit/keys/p384.jwk.json"),
        include_str!("../../crates/testkit/keys/p521.jwk.json"),
        OWN_JWK,
    ];
    format!("{{\"keys\":[{}]}}", keys.join(",")).into_bytes()
}

/// An input that starts with `{`, which no token does, is a request to sign: a header and claims, on
/// two lines, whatever they say. `None` for all other inputs.
pub fn signed_on_request(input: &[u8]) -> Option<String> {
    static KEY: OnceLock<Ed25519KeyPair> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let pem = include_str!("../../crates/testkit/keys/ed25519.pem");
        let body = pem.lines().skip_while(|line| !line.starts_with("-----BEGIN")).nth(1);
        let der = STANDARD.decode(body.unwrap()).unwrap();
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap()
    });
    let (header, claims) = first_line(input.starts_with(b"{").then_some(input)?);
    let mut text = URL_SAFE_NO_PAD.encode(header);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut text);
    let signature = key.sign(text.as_bytes());
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut text);
    Some(text)
}

/// The hash of an access token as a proof names it (RFC 9449 section 4.2).
pub fn ath(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}
