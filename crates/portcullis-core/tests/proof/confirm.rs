//! What a bound token asks for, and what a request has to show with it.

use std::sync::Arc;

use portcullis_core::bearer::{AccessToken, present};
use portcullis_core::keys::{CertificateThumbprint, KeySet};
use portcullis_core::proof::{Caller, Evidence, confirm};
use portcullis_core::token::{Expectation, Unverified, VerifiedToken};
use testkit::{ISSUER, claims_with, jwks};

use super::*;

/// [`TOKEN`] as a request brings it.
fn presented(scheme: Scheme) -> AccessToken<'static> {
    presented_text(scheme, TOKEN)
}

/// The headers are leaked, since a token is a part of them.
fn presented_text(scheme: Scheme, text: &str) -> AccessToken<'static> {
    let value = HeaderValue::from_str(&format!("{} {text}", scheme.as_str())).unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
    AccessToken::try_from(present(Box::leak(Box::new(headers)), None)).unwrap()
}

/// A verified token with this `cnf`.
fn bound(cnf: &Value) -> Arc<VerifiedToken> {
    let expectation = Expectation::new(ISSUER.parse().unwrap(), AUDIENCE.parse().unwrap());
    let keys = KeySet::parse(ISSUER.parse().unwrap(), &jwks(&[TestKey::Ed25519])).unwrap();
    let text = Signer::new(TestKey::Ed25519).sign(&claims_with(&json!({ "cnf": cnf })));
    let token = Unverified::parse(&text).unwrap().verify(&keys, &Arc::new(expectation), at(NOW));
    Arc::new(token.unwrap())
}

// req: RS-14
#[test]
fn a_token_without_a_key_is_a_bearer_token() {
    let token = || bound(&Value::Null);
    let shown = verify(&proof()).unwrap();
    let caller = confirm(token(), &presented(Scheme::Bearer), Evidence::None).unwrap();
    assert_eq!(caller.token().subject(), Some("alice"));
    assert_eq!(caller.scheme(), Scheme::Bearer);
    assert!(confirm(token(), &presented(Scheme::Bearer), Evidence::Dpop(&shown)).is_ok());
    for evidence in [Evidence::None, Evidence::Dpop(&shown)] {
        assert_eq!(
            confirm(token(), &presented(Scheme::Dpop), evidence).unwrap_err(),
            Refusal::NotBound
        );
    }
}

// req: RS-14
#[test]
fn a_token_bound_to_a_dpop_key_needs_its_proof() {
    let shown = verify(&proof()).unwrap();
    let other = verify(&Proof::new(TestKey::P256Second).token(TOKEN)).unwrap();
    let untied =
        DpopProof::verify(&proof().sign(), target(), None, Freshness::default(), at(NOW)).unwrap();
    let certificate = CertificateThumbprint::of_der(b"certificate");
    let token = || bound(&json!({"jkt": shown.thumbprint().to_string()}));
    assert!(confirm(token(), &presented(Scheme::Dpop), Evidence::Dpop(&shown)).is_ok());
    let refused = |scheme, evidence| confirm(token(), &presented(scheme), evidence).unwrap_err();
    assert_eq!(refused(Scheme::Bearer, Evidence::Dpop(&shown)), Refusal::WrongScheme);
    assert_eq!(refused(Scheme::Bearer, Evidence::None), Refusal::WrongScheme);
    assert_eq!(refused(Scheme::Dpop, Evidence::None), Refusal::NoDpopProof);
    assert_eq!(refused(Scheme::Dpop, Evidence::Dpop(&other)), Refusal::OtherKey);
    assert_eq!(refused(Scheme::Dpop, Evidence::Dpop(&untied)), Refusal::UntiedProof);
    assert_eq!(refused(Scheme::Dpop, Evidence::Certificate(&certificate)), Refusal::NoDpopProof);
}

// req: RS-14
#[test]
fn a_proof_for_one_token_confirms_no_other_of_the_same_key() {
    let (first, second) = ("token.a", "token.b");
    let proof_for = |text: &str| {
        let proof = Proof::new(TestKey::P256).token(text).sign();
        let hash = TokenHash::of(text);
        DpopProof::verify(&proof, target(), Some(&hash), Freshness::default(), at(NOW)).unwrap()
    };
    let (shown, other) = (proof_for(first), proof_for(second));
    let token = || bound(&json!({"jkt": shown.thumbprint().to_string()}));
    let judge = |text: &str, proof: &DpopProof| {
        confirm(token(), &presented_text(Scheme::Dpop, text), Evidence::Dpop(proof))
    };
    assert_eq!(judge(first, &other).unwrap_err(), Refusal::OtherToken);
    assert_eq!(judge(second, &shown).unwrap_err(), Refusal::OtherToken);
    assert_eq!(judge(first, &shown).unwrap().scheme(), Scheme::Dpop);
    assert!(judge(second, &other).is_ok());
}

/// Compiles only where neither can be copied, since `some` is ambiguous for what is `Clone`.
#[test]
fn neither_caller_nor_proof_can_be_kept_for_another_request() {
    trait Ambiguous<A> {
        fn some() {}
    }
    impl<T> Ambiguous<()> for T {}
    impl<T: Clone> Ambiguous<u8> for T {}
    <Caller as Ambiguous<_>>::some();
    <DpopProof as Ambiguous<_>>::some();
}

/// The certificate of RFC 8705 appendix A.
const RFC8705_CERTIFICATE: &str = "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=";
const RFC8705_THUMBPRINT: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";

// req: RS-14
#[test]
fn a_token_bound_to_a_certificate_needs_it() {
    let der = base64_standard(RFC8705_CERTIFICATE);
    let shown = CertificateThumbprint::of_der(&der);
    assert_eq!(shown.to_string(), RFC8705_THUMBPRINT);
    assert_eq!(CertificateThumbprint::parse(RFC8705_THUMBPRINT), Some(shown));
    assert_eq!(CertificateThumbprint::parse(&RFC8705_THUMBPRINT[1..]), None);
    let token = || bound(&json!({"x5t#S256": RFC8705_THUMBPRINT}));
    assert!(confirm(token(), &presented(Scheme::Bearer), Evidence::Certificate(&shown)).is_ok());
    let other = CertificateThumbprint::of_der(&der[1..]);
    let proof = verify(&proof()).unwrap();
    let refused = |scheme, evidence| confirm(token(), &presented(scheme), evidence).unwrap_err();
    assert_eq!(refused(Scheme::Bearer, Evidence::None), Refusal::NoCertificate);
    assert_eq!(refused(Scheme::Bearer, Evidence::Certificate(&other)), Refusal::OtherCertificate);
    assert_eq!(refused(Scheme::Bearer, Evidence::Dpop(&proof)), Refusal::NoCertificate);
    assert_eq!(refused(Scheme::Dpop, Evidence::Certificate(&shown)), Refusal::NotBound);
}

fn base64_standard(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
