//! How a client shows who it is (RFC 6749 section 2.3, RFC 7523, RFC 8705).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderValue;
use portcullis_core::id::{ClientId, Issuer};
use portcullis_core::jws::Algorithm;
use portcullis_core::secret::Secret;
use portcullis_core::time::UnixTime;
use serde_json::json;
use zeroize::Zeroizing;

use crate::form::{Form, encoded};

/// An assertion is made for one request and lives so long, for clocks that are apart and slow networks.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(60);

/// What shows that a request comes from this client. Exactly one of them, by construction.
#[derive(Debug)]
pub enum Credential<'a> {
    /// Nothing: a public client only names itself.
    None,
    /// `client_secret_basic`: the secret in the `Authorization` header.
    SecretBasic(&'a Secret),
    /// `client_secret_post`: the secret in the form.
    SecretPost(&'a Secret),
    /// `private_key_jwt`: an assertion made for this request.
    Assertion(SignedAssertion),
    /// `tls_client_auth` or `self_signed_tls_client_auth`: the certificate of the connection.
    Certificate,
}

impl Credential<'_> {
    /// Puts the credential into a form, or beside it.
    pub(crate) fn put(&self, client: &ClientId, form: Form) -> (Form, Option<HeaderValue>) {
        match self {
            Credential::None | Credential::Certificate => {
                (form.with("client_id", client.as_str()), None)
            }
            Credential::SecretBasic(secret) => (form, Some(basic(client, secret))),
            Credential::SecretPost(secret) => {
                let form = form.with("client_id", client.as_str());
                (form.with("client_secret", secret.expose()), None)
            }
            Credential::Assertion(SignedAssertion(assertion)) => {
                let form = form.with("client_id", client.as_str());
                let form = form.with("client_assertion_type", ASSERTION_TYPE);
                (form.with("client_assertion", assertion.expose()), None)
            }
        }
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// RFC 6749 section 2.3.1: identifier and secret are encoded as in forms before they are joined, or a colon
/// in the one would be taken for the end of it.
fn basic(client: &ClientId, secret: &Secret) -> HeaderValue {
    let pair =
        Zeroizing::new(format!("{}:{}", *encoded(client.as_str()), *encoded(secret.expose())));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    // Base64 has no letter that a header cannot hold.
    let mut value = HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

/// An assertion by which a client shows its key (RFC 7523 section 3), still to be signed, so that the key
/// may live elsewhere.
#[derive(Debug)]
pub struct Assertion {
    signing_input: String,
}

/// An assertion that is signed: good for one request, and a secret until then.
#[derive(Debug)]
pub struct SignedAssertion(Secret);

/// Who signs an assertion, and how.
#[derive(Clone, Copy, Debug)]
pub struct SigningKey<'a> {
    /// By this algorithm.
    pub algorithm: Algorithm,
    /// The name by which the issuer knows the key.
    pub kid: Option<&'a str>,
}

impl Assertion {
    /// That `client` asks this issuer for something now. `unique` are random bytes, since an issuer takes
    /// no assertion twice.
    ///
    /// The audience is the issuer and nothing else: an assertion for a token endpoint could be shown to
    /// another server that calls the same endpoint its own (SEP-1046, RFC 7523bis).
    pub fn new(
        client: &ClientId,
        issuer: &Issuer,
        key: SigningKey<'_>,
        unique: [u8; 16],
        now: UnixTime,
    ) -> Assertion {
        let mut header = json!({ "alg": key.algorithm.as_str(), "typ": "JWT" });
        if let (Some(members), Some(kid)) = (header.as_object_mut(), key.kid) {
            members.insert("kid".to_owned(), kid.into());
        }
        let claims = json!({
            "iss": client.as_str(),
            "sub": client.as_str(),
            "aud": issuer.as_str(),
            "jti": URL_SAFE_NO_PAD.encode(unique),
            "iat": now.as_secs(),
            "exp": now.plus(ASSERTION_LIFETIME).as_secs(),
        });
        let part = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        Assertion { signing_input: format!("{}.{}", part(header), part(claims)) }
    }

    /// The octets to sign.
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The assertion with its signature, in the form that JWS gives it (RFC 7518 section 3.4).
    pub fn signed(self, signature: &[u8]) -> SignedAssertion {
        let signature = URL_SAFE_NO_PAD.encode(signature);
        SignedAssertion(Secret::new(format!("{}.{signature}", self.signing_input)))
    }
}
