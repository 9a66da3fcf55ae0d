//! The examples of RFC 9068 and RFC 7519.

use super::*;

#[test]
fn the_access_token_of_rfc_9068() {
    // Section 2.2.3.1, with the header of figure 2.
    let claims = json!({
        "iss": "https://authorization-server.example.com/",
        "sub": "5ba552d67",
        "aud": "https://rs.example.com/",
        "exp": 1_639_528_912,
        "iat": 1_618_354_090,
        "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
        "client_id": "s6BhdRkqt3",
        "scope": "openid profile reademail",
    });
    let token = Signer::new(TestKey::Rsa).typ("at+JWT").sign(&claims);
    let expectation =
        expectation_of("https://authorization-server.example.com/", "https://rs.example.com/");
    let token = judge_at(1_618_354_100, &token, expectation).unwrap();
    assert_eq!(token.subject(), Some("5ba552d67"));
    assert_eq!(token.client_id(), Some("s6BhdRkqt3"));
    assert_eq!(token.scopes().to_string(), "openid profile reademail");
}

#[test]
fn the_claims_of_rfc_7519() {
    // Section 3.1: well-formed, but good for nobody in particular.
    let text = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
    let token = signer().sign_payload(text);
    assert_eq!(Unverified::parse(&token).unwrap().issuer(), "joe");
    let expectation = expectation_of("https://joe.example", AUDIENCE);
    assert!(matches!(judge(&token, expectation).unwrap_err(), Refusal::Issuer { .. }));
}
