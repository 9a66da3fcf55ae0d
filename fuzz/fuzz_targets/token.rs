//! Signed tokens. Input: a token, or a request to sign one (see `signer`).
//!
//! * A text of somebody else's making is never accepted unless it is, byte for byte, one of the tokens
//!   that the issuer signed (`signed-*` of the corpus).
//! * A token that the issuer was made to sign is accepted only if another reader of its claims finds
//!   issuer, audience, lifetime, purpose and a holder as expected.
//! * No token is read whose `alg` is not one of the asymmetric ones, and what is told of an unverified
//!   token (`issuer`, `kid`, `algorithm`) is what another reader sees.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use portcullis_core::jws::Algorithm;
use portcullis_core::keys::KeySet;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Unverified, VerifiedToken, looks_like_jwt};
use portcullis_fuzz::signer::{jwks, signed_on_request};
use portcullis_fuzz::{AUDIENCE, ISSUER, NOW, claims, lenient_parts};

const SIGNED: [&str; 7] = [
    include_str!("../corpus/token/signed-rs256"),
    include_str!("../corpus/token/signed-ps384"),
    include_str!("../corpus/token/signed-es256"),
    include_str!("../corpus/token/signed-es384-without-kid"),
    include_str!("../corpus/token/signed-es512-several-audiences"),
    include_str!("../corpus/token/signed-ed25519-bound-to-key"),
    include_str!("../corpus/token/signed-eddsa-typ-jwt"),
];

static KEYS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::parse(ISSUER.parse().unwrap(), &jwks()).unwrap());
static EXPECTED: LazyLock<Arc<Expectation>> = LazyLock::new(|| {
    let expected = Expectation::new(ISSUER.parse().unwrap(), AUDIENCE.parse().unwrap());
    Arc::new(expected.accept_typ(["JWT"]))
});

fuzz_target!(init: SIGNED.iter().for_each(|text| drop(verified(text).unwrap())), |input: &[u8]| {
    let signed = signed_on_request(input);
    let text = signed.as_deref().map_or_else(|| std::str::from_utf8(input), Ok);
    let Ok(text) = text else { return };
    let Ok(token) = Unverified::parse(text) else { return };
    let (header, payload) = lenient_parts(text);
    let name = header["alg"].as_str().unwrap();
    assert_eq!(Algorithm::from_name(name), Some(token.algorithm()));
    assert!(["RS", "PS", "ES", "Ed"].contains(&&name[..2]));
    assert_eq!(header["kid"].as_str(), token.kid());
    assert_eq!(payload["iss"], token.issuer());
    // Nor is it opaque with a character that some decoder drops.
    for tail in ["", "=", "~", "."] {
        assert!(looks_like_jwt(&format!("{text}{tail}")));
        assert!(tail.is_empty() || Unverified::parse(&format!("{text}{tail}")).is_err());
    }
    if let Some(token) = verified(text) {
        assert!(signed.is_some() || SIGNED.contains(&text), "forged: {text}");
        claims::are_as_expected(&payload, &token);
        claims::are_of_an_access_token(header["typ"].as_str(), &payload);
    }
});

fn verified(text: &str) -> Option<VerifiedToken> {
    Unverified::parse(text).ok()?.verify(&KEYS, &EXPECTED, UnixTime::from_secs(NOW)).ok()
}
