//! What a bound token asks for, and what a request has to show with it.

use std::sync::Arc;

use portcullis_core::bearer::{AccessToken, present};
use portcullis_core::keys::{CertificateThumbprint, KeySet};
use portcullis_core::proof::{Caller, Evidence, confirm};
use portcullis_core::token::{Expectation, Unverified, VerifiedToken};
use testkit::{ISSUER, claims_with, jwks};

use super::*;

/// A token as a request brings it. The headers are leaked, since a token is a part of them.
fn presented(scheme: Scheme, text: &str) -> AccessToken<'static> {
    let value = HeaderValue::from_str(&format!("{} {text}", scheme.as_str())).unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
    AccessToken::try_from(present(Box::leak(Box::new(headers)), None)).unwrap()
}

/// A token with this `cnf` and identifier, and what it was made of.
fn bound(cnf: &Value, id: &str) -> (String, Arc<VerifiedToken>) {
    let expectation = Expectation::new(ISSUER.parse().unwrap(), AUDIENCE.parse().unwrap());
    let keys = KeySet::parse(ISSUER.parse().unwrap(), &jwks(&[TestKey::Ed25519])).unwrap();
    let claims = claims_with(&json!({ "cnf": cnf, "jti": id }));
    let text = Signer::new(TestKey::Ed25519).sign(&claims);
    let token = Unverified::parse(&text).unwrap().verify(&keys, &Arc::new(expectation), at(NOW));
    let token = Arc::new(token.unwrap());
    (text, token)
}

/// A proof by this key for the token.
fn shown(key: TestKey, token: &str) -> DpopProof {
    let proof = Proof::new(key).token(token).sign();
    let hash = TokenHash::of(token);
    DpopProof::verify(&proof, target(), Some(&hash), Freshness::default(), at(NOW)).unwrap()
}

/// A token bound to the first key.
fn bound_to_key(id: &str) -> (String, Arc<VerifiedToken>) {
    let key = shown(TestKey::P256, TOKEN).thumbprint();
    bound(&json!({ "jkt": key.to_string() }), id)
}

// req: RS-14
#[test]
fn a_token_without_a_key_is_a_bearer_token() {
    let (text, token) = bound(&Value::Null, "1");
    let judge = |scheme, evidence| confirm(token.clone(), &presented(scheme, &text), evidence);
    let proof = || Evidence::Dpop(shown(TestKey::P256, &text));
    let caller = judge(Scheme::Bearer, Evidence::None).unwrap();
    assert_eq!(caller.token().subject(), Some("alice"));
    assert_eq!(caller.scheme(), Scheme::Bearer);
    assert!(judge(Scheme::Bearer, proof()).is_ok());
    for evidence in [Evidence::None, proof()] {
        assert_eq!(judge(Scheme::Dpop, evidence).unwrap_err(), Refusal::NotBound);
    }
}

// req: RS-14
#[test]
fn a_token_bound_to_a_dpop_key_needs_its_proof() {
    let (text, token) = bound_to_key("1");
    let proof = || Evidence::Dpop(shown(TestKey::P256, &text));
    let other = Evidence::Dpop(shown(TestKey::P256Second, &text));
    let untied = Proof::new(TestKey::P256).token(&text).sign();
    let untied = DpopProof::verify(&untied, target(), None, Freshness::default(), at(NOW)).unwrap();
    let certificate = CertificateThumbprint::of_der(b"certificate");
    let judge = |scheme, evidence| confirm(token.clone(), &presented(scheme, &text), evidence);
    assert!(judge(Scheme::Dpop, proof()).is_ok());
    let refused = |scheme, evidence| judge(scheme, evidence).unwrap_err();
    assert_eq!(refused(Scheme::Bearer, proof()), Refusal::WrongScheme);
    assert_eq!(refused(Scheme::Bearer, Evidence::None), Refusal::WrongScheme);
    assert_eq!(refused(Scheme::Dpop, Evidence::None), Refusal::NoDpopProof);
    assert_eq!(refused(Scheme::Dpop, other), Refusal::OtherKey);
    assert_eq!(refused(Scheme::Dpop, Evidence::Dpop(untied)), Refusal::UntiedProof);
    assert_eq!(refused(Scheme::Dpop, Evidence::Certificate(&certificate)), Refusal::NoDpopProof);
}

// req: RS-14
#[test]
fn a_proof_for_one_token_confirms_no_other_of_the_same_key() {
    let (first, second) = (bound_to_key("1"), bound_to_key("2"));
    let judge = |(text, token): &(String, Arc<VerifiedToken>), proof_for: &str| {
        let proof = Evidence::Dpop(shown(TestKey::P256, proof_for));
        confirm(token.clone(), &presented(Scheme::Dpop, text), proof)
    };
    assert_eq!(judge(&first, &second.0).unwrap_err(), Refusal::OtherToken);
    assert_eq!(judge(&second, &first.0).unwrap_err(), Refusal::OtherToken);
    assert_eq!(judge(&first, &first.0).unwrap().scheme(), Scheme::Dpop);
    assert!(judge(&second, &second.0).is_ok());
}

/// A token kept under the wrong key of a cache speaks for nobody.
#[test]
fn only_the_token_that_was_presented_is_confirmed() {
    let (first, second) = (bound(&Value::Null, "1"), bound(&Value::Null, "2"));
    let judge = |token: &Arc<VerifiedToken>, text: &str| {
        confirm(token.clone(), &presented(Scheme::Bearer, text), Evidence::None)
    };
    assert!(judge(&first.1, &first.0).is_ok());
    assert!(judge(&second.1, &second.0).is_ok());
    assert_eq!(judge(&first.1, &second.0).unwrap_err(), Refusal::NotPresented);
    assert_eq!(judge(&second.1, &first.0).unwrap_err(), Refusal::NotPresented);
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
    let (text, token) = bound(&json!({"x5t#S256": RFC8705_THUMBPRINT}), "1");
    let judge = |scheme, evidence| confirm(token.clone(), &presented(scheme, &text), evidence);
    assert!(judge(Scheme::Bearer, Evidence::Certificate(&shown)).is_ok());
    let other = CertificateThumbprint::of_der(&der[1..]);
    let proof = Evidence::Dpop(self::shown(TestKey::P256, &text));
    let refused = |scheme, evidence| judge(scheme, evidence).unwrap_err();
    assert_eq!(refused(Scheme::Bearer, Evidence::None), Refusal::NoCertificate);
    assert_eq!(refused(Scheme::Bearer, Evidence::Certificate(&other)), Refusal::OtherCertificate);
    assert_eq!(refused(Scheme::Bearer, proof), Refusal::NoCertificate);
    assert_eq!(refused(Scheme::Dpop, Evidence::Certificate(&shown)), Refusal::NotBound);
}

fn base64_standard(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
