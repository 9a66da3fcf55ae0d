//! DPoP proofs. Input: a proof, or a request to sign one (see `signer`); read as header lines, too.
//!
//! * A text of somebody else's making is accepted for a request only if it is, byte for byte, the proof
//!   that was signed for this very request (`signed-*` of the corpus).
//! * A proof signed on request is accepted only if another reader finds in it the key that signed, and
//!   method, target, moment, token and nonce of the request.
//! * Of two `DPoP` headers none is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_core::bearer::TokenHash;
use portcullis_core::proof::{DpopProof, Freshness, NoncePolicy, Refusal, Target, dpop_header};
use portcullis_core::time::UnixTime;
use portcullis_fuzz::signer::{OWN_JWK, ath, signed_on_request};
use portcullis_fuzz::{AUDIENCE, NOW, headers, lenient, lenient_parts};

/// Method, target, access token, nonces, and the proof of the corpus.
type Request =
    (&'static str, &'static str, Option<&'static str>, &'static [&'static str], &'static str);

#[rustfmt::skip]
const REQUESTS: [Request; 4] = [
    ("POST", AUDIENCE, Some("mF_9.B5f-4.1JqM"), &[], include_str!("../corpus/proof/signed-es256-first")),
    ("GET", AUDIENCE, Some("mF_9.B5f-4.1JqM"), &[], include_str!("../corpus/proof/signed-es384-get")),
    ("POST", AUDIENCE, Some("other.token"), &["n-1", "n-2"], include_str!("../corpus/proof/signed-ed25519-nonce")),
    ("POST", "https://idp.example.com/token", None, &[], include_str!("../corpus/proof/signed-rs256-token-endpoint")),
];

fuzz_target!(init: REQUESTS.iter().for_each(|r| drop(verified(r.4, r).unwrap())), |input: &[u8]| {
    let found = headers(input);
    let several = found.get_all("dpop").iter().count() > 1;
    match dpop_header(&found) {
        Ok(None) => assert!(found.get("dpop").is_none()),
        Ok(Some(text)) => assert!(!several && found["dpop"] == text),
        Err(refusal) => assert_eq!(several, refusal == Refusal::SeveralHeaders),
    }
    let signed = signed_on_request(input);
    let text = signed.as_deref().map_or_else(|| std::str::from_utf8(input), Ok);
    let Ok(text) = text else { return };
    for request in &REQUESTS {
        let Ok(proof) = verified(text, request) else { continue };
        match &signed {
            None => assert_eq!(text, request.4, "forged"),
            Some(signed) => is_for(signed, request, &proof),
        }
    }
});

fn verified(text: &str, (method, uri, token, nonces, _): &Request) -> Result<DpopProof, Refusal> {
    let nonce = if nonces.is_empty() { NoncePolicy::NotAsked } else { NoncePolicy::OneOf(nonces) };
    let freshness = Freshness { nonce, ..Freshness::default() };
    let (token, now) = (token.map(TokenHash::of), UnixTime::from_secs(NOW));
    DpopProof::verify(text, Target { method, uri }, token.as_ref(), freshness, now)
}

fn is_for(text: &str, (method, uri, token, nonces, _): &Request, proof: &DpopProof) {
    let (header, claims) = lenient_parts(text);
    let own = lenient(OWN_JWK.as_bytes());
    assert!(["kty", "crv", "x"].iter().all(|name| header["jwk"][name] == own[name]));
    assert!(header["typ"].as_str().unwrap().to_ascii_lowercase().ends_with("dpop+jwt"));
    assert_eq!(claims["htm"], *method);
    assert_eq!(normal(claims["htu"].as_str().unwrap()), *uri);
    assert!((NOW as f64 - 60.0..NOW as f64 + 6.0).contains(&claims["iat"].as_f64().unwrap()));
    assert!(token.is_none_or(|token| claims["ath"] == ath(token)));
    assert!(nonces.is_empty() || nonces.iter().any(|nonce| claims["nonce"] == *nonce));
    let until = proof.remember_until().as_secs();
    assert!(until >= NOW && until as f64 == claims["iat"].as_f64().unwrap().floor() + 60.0);
    assert!(claims["jti"] == proof.jti() && (1..=256).contains(&proof.jti().len()));
}

/// Scheme and host in lower case, without the port of https, query and fragment.
fn normal(uri: &str) -> String {
    let (scheme, rest) = uri.split(['?', '#']).next().unwrap().split_once("://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    assert!(matches!(port.trim_start_matches('0'), "" | "443"), "{uri}");
    format!("{scheme}://{host}").to_ascii_lowercase() + "/" + path
}
