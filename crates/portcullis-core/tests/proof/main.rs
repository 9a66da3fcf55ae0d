//! Proof of possession: DPoP proofs, certificates, and what a bound token asks for.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::needless_raw_string_hashes,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

use http::{HeaderMap, HeaderValue};
use portcullis_core::bearer::{Scheme, TokenHash};
use portcullis_core::json::Flaw;
use portcullis_core::jws;
use portcullis_core::keys::Unusable;
use portcullis_core::proof::{DpopProof, Freshness, Refusal, Target, dpop_header};
use portcullis_core::time::UnixTime;
use portcullis_core::token::Class;
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{AUDIENCE, NOW, Proof, Signer, TestKey};

mod confirm;
mod freshness;

const TOKEN: &str = "an.access.token";

fn at(now: u64) -> UnixTime {
    UnixTime::from_secs(now)
}

fn target() -> Target<'static> {
    Target { method: "POST", uri: AUDIENCE }
}

/// A proof for [`TOKEN`] and [`target`].
fn proof() -> Proof {
    Proof::new(TestKey::P256).token(TOKEN)
}

fn verify(proof: &Proof) -> Result<DpopProof, Refusal> {
    DpopProof::verify(
        &proof.sign(),
        target(),
        Some(&TokenHash::of(TOKEN)),
        Freshness::default(),
        at(NOW),
    )
}

fn refusal(proof: &Proof) -> Refusal {
    verify(proof).unwrap_err()
}

const RFC9449_HEADER: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19";
const RFC9449_THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

#[test]
fn the_proofs_of_rfc_9449() {
    // Figure 2, to a token endpoint.
    let text = format!(
        "{RFC9449_HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    );
    let target = Target { method: "POST", uri: "https://server.example.com/token" };
    let proof =
        DpopProof::verify(&text, target, None, Freshness::default(), at(1_562_262_616)).unwrap();
    assert_eq!(proof.thumbprint().to_string(), RFC9449_THUMBPRINT);
    assert_eq!(proof.jti(), "-BwC3ESc6acc2lTc");
    assert_eq!(proof.issued_at(), at(1_562_262_616));
    // Figure 12, to a resource, with the access token of that figure.
    let text = format!(
        "{RFC9449_HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
    );
    let target = Target { method: "GET", uri: "https://resource.example.org/protectedresource" };
    let verify = |token: &str| {
        let token = TokenHash::of(token);
        DpopProof::verify(&text, target, Some(&token), Freshness::default(), at(1_562_262_618))
    };
    assert!(verify("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU").is_ok());
    assert_eq!(verify("another").unwrap_err(), Refusal::OtherToken);
}

#[test]
fn every_asymmetric_algorithm_will_do() {
    for key in TestKey::USABLE {
        let proof = verify(&Proof::new(key).token(TOKEN)).unwrap();
        assert_eq!(proof.jti(), "proof-1");
    }
}

#[test]
fn the_header_of_a_proof() {
    let jwk = TestKey::P256.public_jwk();
    let with = |name: &str, value: &str| {
        let mut jwk = jwk.clone();
        jwk[name] = value.into();
        jwk
    };
    for typ in ["JWT", "at+jwt", "", "dpop", "dpop+jwt;v=1"] {
        assert_eq!(refusal(&proof().header("typ", typ)), Refusal::Type, "{typ}");
    }
    assert_eq!(refusal(&proof().without_header("typ")), Refusal::Type);
    assert!(verify(&proof().header("typ", "DPoP+JWT")).is_ok());
    let jws = |refusal| Refusal::Jws(refusal);
    let cases = [
        (proof().without_header("jwk"), jws::Refusal::KeyMissing),
        (proof().header("jwk", "x"), jws::Refusal::ParameterType("jwk")),
        (proof().header("jwk", with("d", "AQAB")), jws::Refusal::HeaderKey(Unusable::Private("d"))),
        (
            proof().header("jwk", json!({"kty": "oct", "k": "AQAB"})),
            jws::Refusal::HeaderKey(Unusable::Symmetric),
        ),
        (
            proof().header("jwk", TestKey::Rsa1024.public_jwk()),
            jws::Refusal::HeaderKey(Unusable::ModulusTooShort),
        ),
        (
            proof().header("jwk", with("y", jwk["x"].as_str().unwrap())),
            jws::Refusal::HeaderKey(Unusable::Point),
        ),
        (proof().header("jwk", TestKey::P256Second.public_jwk()), jws::Refusal::Signature),
        (proof().header("jwk", TestKey::P384.public_jwk()), jws::Refusal::KeyAlgorithm),
        (proof().header("alg", "none"), jws::Refusal::AlgorithmNone),
        (proof().header("alg", "HS256"), jws::Refusal::AlgorithmSymmetric),
        (proof().header("crit", json!(["x"])), jws::Refusal::Critical),
        (proof().header("jku", "https://attacker.example"), jws::Refusal::KeyInHeader("jku")),
    ];
    for (proof, expected) in cases {
        assert_eq!(refusal(&proof), jws(expected));
        assert_eq!(jws(expected).class(), Class::Possession);
    }
    assert!(verify(&proof().header("jwk", jwk.clone())).is_ok());
}

#[test]
fn the_claims_of_a_proof() {
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        assert_eq!(refusal(&proof().without(name)), Refusal::Missing(name));
        for bad in [json!(null), json!(true), json!([1]), json!({})] {
            assert_eq!(refusal(&proof().claim(name, bad)), Refusal::Malformed(name));
        }
    }
    assert_eq!(refusal(&proof().claim("jti", "")), Refusal::Malformed("jti"));
    assert_eq!(refusal(&proof().claim("jti", "x".repeat(257))), Refusal::Malformed("jti"));
    assert!(verify(&proof().claim("jti", "x".repeat(256))).is_ok());
    for htm in ["GET", "post", "POST ", ""] {
        assert_eq!(refusal(&proof().claim("htm", htm)), Refusal::Method, "{htm}");
    }
    assert_eq!(refusal(&proof().token("another.access.token")), Refusal::OtherToken);
    assert_eq!(refusal(&proof().claim("ath", TOKEN)), Refusal::OtherToken);
    let padded = format!("{}=", testkit::sha256_base64url(TOKEN));
    assert_eq!(refusal(&proof().claim("ath", padded)), Refusal::OtherToken);
    let text = Signer::new(TestKey::P256)
        .typ("dpop+jwt")
        .header("jwk", TestKey::P256.public_jwk())
        .sign_payload(r#"{"jti":"a","jti":"b"}"#);
    let refusal =
        DpopProof::verify(&text, target(), None, Freshness::default(), at(NOW)).unwrap_err();
    assert_eq!(refusal, Refusal::Json(Flaw::DuplicateMember));
    assert!(verify(&proof()).is_ok());
}

#[test]
fn the_uri_a_proof_is_for() {
    let uri = |htu: &str, uri: &str| {
        let proof = Proof::new(TestKey::Ed25519).claim("htu", htu).sign();
        let target = Target { method: "POST", uri };
        DpopProof::verify(&proof, target, None, Freshness::default(), at(NOW)).map(drop)
    };
    for (htu, actual) in [
        ("https://a.example/mcp", "https://a.example/mcp"),
        ("HTTPS://A.Example/mcp", "https://a.example/mcp"),
        ("https://a.example:443/mcp", "https://a.example/mcp"),
        ("https://a.example/mcp", "https://a.example:443/mcp"),
        ("https://a.example:/mcp", "https://a.example/mcp"),
        ("http://localhost:80/mcp", "http://localhost/mcp"),
        ("http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080/mcp"),
        ("https://a.example", "https://a.example/"),
        ("https://a.example/mcp?x=1#f", "https://a.example/mcp"),
        ("https://a.example/mcp", "https://a.example/mcp?x=1"),
        ("https://[2001:DB8::1]/mcp", "https://[2001:db8::1]/mcp"),
        ("https://a.example/%7Emcp", "https://a.example/%7Emcp"),
    ] {
        assert_eq!(uri(htu, actual), Ok(()), "{htu} {actual}");
    }
    for (htu, actual) in [
        ("https://a.example/mcp/", "https://a.example/mcp"),
        ("https://a.example/MCP", "https://a.example/mcp"),
        ("https://a.example/mc%70", "https://a.example/mcp"),
        ("https://a.example/x/../mcp", "https://a.example/mcp"),
        ("https://a.example//mcp", "https://a.example/mcp"),
        ("http://a.example/mcp", "https://a.example/mcp"),
        ("http://a.example:443/mcp", "https://a.example/mcp"),
        ("https://a.example:8443/mcp", "https://a.example/mcp"),
        ("https://b.example/mcp", "https://a.example/mcp"),
        ("https://a.example./mcp", "https://a.example/mcp"),
        ("https://a.example@b.example/mcp", "https://b.example/mcp"),
        ("https://b.example/mcp", "https://a.example@b.example/mcp"),
        ("https://a.example:65536/mcp", "https://a.example/mcp"),
        ("//a.example/mcp", "https://a.example/mcp"),
        ("/mcp", "https://a.example/mcp"),
        ("https:/mcp", "https:/mcp"),
        ("https:///mcp", "https:///mcp"),
        ("ftp://a.example/mcp", "ftp://a.example/mcp"),
        ("https://a.example/m cp", "https://a.example/m cp"),
        ("", "https://a.example/mcp"),
        ("", ""),
    ] {
        assert_eq!(uri(htu, actual), Err(Refusal::Uri), "{htu} {actual}");
    }
}

#[test]
fn one_dpop_header() {
    let mut headers = HeaderMap::new();
    assert_eq!(dpop_header(&headers), Ok(None));
    headers.append("DPoP", HeaderValue::from_static("proof"));
    assert_eq!(dpop_header(&headers), Ok(Some("proof")));
    headers.append("dpop", HeaderValue::from_static("proof"));
    assert_eq!(dpop_header(&headers), Err(Refusal::SeveralHeaders));
    let mut headers = HeaderMap::new();
    headers.append("dpop", HeaderValue::from_bytes(b"pr\xFFof").unwrap());
    assert_eq!(dpop_header(&headers), Err(Refusal::NotAscii));
    // Two proofs in one header are no proof.
    let two = format!("{0}, {0}", proof().sign());
    assert!(DpopProof::verify(&two, target(), None, Freshness::default(), at(NOW)).is_err());
}

#[test]
fn debug_and_display_hold_no_proof_text() {
    let text = proof().sign();
    let shown = format!("{:?}", verify(&proof()).unwrap());
    assert!(!shown.contains("proof-1") && !shown.contains(&text[..40]), "{shown}");
}

#[test]
fn any_changed_character_of_a_proof_is_noticed() {
    let text = Proof::new(TestKey::Ed25519).token(TOKEN).sign();
    let hash = TokenHash::of(TOKEN);
    let accepted = |text: &str| {
        let verified =
            DpopProof::verify(text, target(), Some(&hash), Freshness::default(), at(NOW));
        verified.is_ok()
    };
    assert!(accepted(&text));
    let mut mutated = text.into_bytes();
    for i in 0..mutated.len() {
        let original = mutated[i];
        for replacement in (0..7).map(|bit| original ^ (1 << bit)) {
            mutated[i] = replacement;
            assert!(!accepted(std::str::from_utf8(&mutated).unwrap()), "{replacement} at {i}");
        }
        mutated[i] = original;
    }
}

#[test]
fn a_challenge_names_the_scheme_that_would_do() {
    for about_proofs in [
        Refusal::SeveralHeaders,
        Refusal::Jws(jws::Refusal::Signature),
        Refusal::Uri,
        Refusal::TooOld(at(NOW)),
        Refusal::OtherToken,
        Refusal::NonceRequired,
        Refusal::UntiedProof,
        Refusal::WrongScheme,
        Refusal::NoDpopProof,
        Refusal::OtherKey,
    ] {
        assert_eq!(about_proofs.scheme(), Scheme::Dpop, "{about_proofs}");
    }
    for other in [Refusal::NotBound, Refusal::NoCertificate, Refusal::OtherCertificate] {
        assert_eq!(other.scheme(), Scheme::Bearer, "{other}");
        assert!(other.is_about_token());
    }
}

proptest! {
    #[test]
    fn no_proof_panics(text in ".{0,300}", uri in ".{0,60}", method in ".{0,8}") {
        let target = Target { method: &method, uri: &uri };
        prop_assert!(DpopProof::verify(&text, target, None, Freshness::default(), at(NOW)).is_err());
    }

    #[test]
    fn no_claims_panic(name in "jti|htm|htu|iat|ath|nonce", text in ".{0,60}", now in any::<u64>()) {
        let proof = Proof::new(TestKey::Ed25519).token(TOKEN).claim(&name, text.as_str()).sign();
        let _ = DpopProof::verify(&proof, target(), Some(&TokenHash::of(TOKEN)), Freshness::default(), at(now));
        let plain = Proof::new(TestKey::Ed25519).claim("htu", text.as_str()).sign();
        let target = Target { method: "POST", uri: &text };
        let _ = DpopProof::verify(&plain, target, None, Freshness::default(), at(NOW));
    }
}
