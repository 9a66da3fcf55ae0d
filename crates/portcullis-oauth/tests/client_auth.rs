//! How a client shows who it is, as an authorization server reads it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use portcullis_core::id::{ClientId, Issuer};
use portcullis_core::jws::Algorithm;
use portcullis_core::secret::Secret;
use portcullis_core::time::UnixTime;
use portcullis_oauth::client_auth::{Assertion, Credential, SigningKey};
use portcullis_oauth::{Request, introspection};
use serde_json::json;
use testkit::{ISSUER, NOW, TestKey};

const ENDPOINT: &str = "https://idp.example.com/introspect";

fn request(client: &str, credential: &Credential<'_>) -> Request {
    let token = Secret::new("a+b/c==".to_owned());
    introspection::request(ENDPOINT, &token, &ClientId::parse(client).unwrap(), credential)
}

/// The form as a server reads it.
fn form(request: &Request) -> Vec<(String, String)> {
    form_urlencoded::parse(&request.body()).into_owned().collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const TOKEN: [(&str, &str); 2] = [("token", "a+b/c=="), ("token_type_hint", "access_token")];

#[test]
fn a_public_client_and_one_with_a_certificate_only_name_themselves() {
    for credential in [Credential::None, Credential::Certificate] {
        let request = request("gateway", &credential);
        assert_eq!(request.url(), ENDPOINT);
        assert_eq!(request.authorization(), None);
        assert_eq!(form(&request), pairs(&[&TOKEN[..], &[("client_id", "gateway")]].concat()));
    }
}

/// The example of RFC 6749 section 2.3.1, and an identifier with a colon of its own.
#[test]
fn a_secret_goes_by_the_header() {
    for (client, secret, header) in [
        (
            "s6BhdRkqt3",
            "7Fjfp0ZBr1KtDRbnfVdmIw",
            "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3",
        ),
        // "https%3A%2F%2Fa%2Fc:p%3Aq%2F+%C3%BC"
        ("https://a/c", "p:q/ \u{fc}", "Basic aHR0cHMlM0ElMkYlMkZhJTJGYzpwJTNBcSUyRislQzMlQkM="),
    ] {
        let secret = Secret::new(secret.to_owned());
        let request = request(client, &Credential::SecretBasic(&secret));
        let value = request.authorization().unwrap();
        assert_eq!(value.to_str().unwrap(), header);
        assert!(value.is_sensitive());
        assert_eq!(form(&request), pairs(&TOKEN), "and nowhere else");
    }
}

#[test]
fn or_by_the_form() {
    let secret = Secret::new("p&q=r s+\u{fc}%".to_owned());
    let request = request("gate&way", &Credential::SecretPost(&secret));
    assert_eq!(request.authorization(), None);
    let added = [("client_id", "gate&way"), ("client_secret", "p&q=r s+\u{fc}%")];
    assert_eq!(form(&request), pairs(&[&TOKEN[..], &added].concat()));
}

fn assertion(issuer: &str, unique: [u8; 16]) -> Assertion {
    let client = ClientId::parse("gateway").unwrap();
    let key = SigningKey { algorithm: Algorithm::ES256, kid: Some("k1") };
    Assertion::new(&client, &Issuer::parse(issuer).unwrap(), key, unique, UnixTime::from_secs(NOW))
}

/// Verified by a library that shares nothing with ours.
#[test]
fn an_assertion_is_for_one_issuer_and_one_request() {
    let signed = |assertion: Assertion| {
        let signature = TestKey::P256.sign("ES256", assertion.signing_input());
        let request = request("gateway", &Credential::Assertion(assertion.signed(&signature)));
        let form = form(&request);
        assert_eq!(form[..2], pairs(&TOKEN));
        assert_eq!(form[2], ("client_id".to_owned(), "gateway".to_owned()));
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        assert_eq!(form[3], ("client_assertion_type".to_owned(), kind.to_owned()));
        assert_eq!(form[4].0, "client_assertion");
        form[4].1.clone()
    };
    let read = |text: &str| testkit::read_signed(text, TestKey::P256, ISSUER);
    let (header, claims) = read(&signed(assertion(ISSUER, [7; 16]))).unwrap();
    assert_eq!(header, json!({ "alg": "ES256", "typ": "JWT", "kid": "k1" }));
    let jti = "BwcHBwcHBwcHBwcHBwcHBw";
    let wanted = json!({ "iss": "gateway", "sub": "gateway", "aud": ISSUER, "jti": jti,
                         "iat": NOW, "exp": NOW + 60 });
    assert_eq!(claims, wanted);
    assert_ne!(read(&signed(assertion(ISSUER, [8; 16]))).unwrap().1["jti"], jti);
    assert!(read(&signed(assertion("https://other.example.com", [7; 16]))).is_none());
}

#[test]
fn neither_token_nor_secret_is_shown() {
    let secret = Secret::new("hunter2".to_owned());
    for credential in [Credential::SecretBasic(&secret), Credential::SecretPost(&secret)] {
        let shown = format!("{:?} {credential:?}", request("gateway", &credential));
        assert!(shown.contains("token_type_hint"), "{shown}");
        for hidden in ["hunter2", "a+b", "a%2Bb", "aHVudGVy"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }
}
