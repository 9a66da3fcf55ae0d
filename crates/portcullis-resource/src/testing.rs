//! An issuer for the tests of servers: it signs what it is told, and nothing is fetched.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use portcullis_resource::Auth;
//! use portcullis_resource::testing::TestIssuer;
//!
//! let issuer = TestIssuer::new()?;
//! let resource = "https://mcp.example.com/mcp";
//! let auth = Auth::resource(resource).issuer(issuer.trusted()).build()?;
//! let token = issuer.token(resource).subject("ada").scopes(["files:read"]).mint()?;
//! assert!(token.starts_with("eyJ"));
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_core::id::Issuer;
use portcullis_core::jws::Algorithm;
use portcullis_core::keys::KeySet;
use serde_json::{Map, Value, json};

use crate::IssuerBuilder;
use crate::clock::{Clock, SystemClock};
use crate::keys::{Finding, Found, Keys};
use crate::signing::SigningFailed;

const URL: &str = "https://issuer.test";
const KID: &str = "test";

/// An issuer with a key of its own, made for this test.
#[derive(Clone)]
pub struct TestIssuer(Arc<Inner>);

struct Inner {
    pair: EcdsaKeyPair,
    keys: Arc<KeySet>,
    clock: Arc<dyn Clock>,
    random: SystemRandom,
}

struct OwnKeys(Arc<KeySet>);

impl Keys for OwnKeys {
    fn generation(&self) -> Option<u64> {
        Some(0)
    }

    fn find<'a>(&'a self, _: Option<&'a str>, _: Algorithm) -> Finding<'a> {
        let found = Found { keys: Arc::clone(&self.0), generation: 0 };
        Box::pin(std::future::ready(Ok(found)))
    }
}

impl TestIssuer {
    /// With the clock of this machine.
    pub fn new() -> Result<TestIssuer, SigningFailed> {
        TestIssuer::at(Arc::new(SystemClock))
    }

    /// With another clock.
    pub fn at(clock: Arc<dyn Clock>) -> Result<TestIssuer, SigningFailed> {
        TestIssuer::named(Issuer::parse(URL).map_err(|_| SigningFailed)?, clock)
    }

    /// Of this name, for servers with several issuers.
    #[expect(
        clippy::disallowed_methods,
        reason = "a key for tests, and the nonces of its signatures"
    )]
    pub fn named(issuer: Issuer, clock: Arc<dyn Clock>) -> Result<TestIssuer, SigningFailed> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let pair = pair.map_err(|_| SigningFailed)?;
        // An uncompressed point: 4, x and y (SEC 1 section 2.3.3).
        let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = point.split_at_checked(32).unwrap_or_default();
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        let jwk =
            json!({ "kty": "EC", "crv": "P-256", "kid": KID, "alg": "ES256", "x": x, "y": y });
        let keys = KeySet::parse(issuer, json!({ "keys": [jwk] }).to_string().as_bytes());
        let keys = Arc::new(keys.map_err(|_| SigningFailed)?);
        Ok(TestIssuer(Arc::new(Inner { pair, keys, clock, random: SystemRandom::new() })))
    }

    /// For [`crate::AuthBuilder::issuer`].
    pub fn trusted(&self) -> IssuerBuilder {
        IssuerBuilder::new(self.0.keys.issuer().as_str())
            .keys(Arc::new(OwnKeys(Arc::clone(&self.0.keys))))
    }

    /// A token for this resource: an hour long, of nobody in particular, without scopes.
    pub fn token(&self, resource: &str) -> TokenBuilder {
        let now = self.0.clock.now().as_secs();
        let claims = json!({
            "iss": self.0.keys.issuer().as_str(),
            "aud": resource,
            "sub": "somebody",
            "client_id": "test-client",
            "iat": now,
            "exp": now.saturating_add(3600),
        });
        let claims = claims.as_object().cloned().unwrap_or_default();
        TokenBuilder { issuer: self.clone(), claims }
    }
}

/// A token to be.
#[must_use]
pub struct TokenBuilder {
    issuer: TestIssuer,
    claims: Map<String, Value>,
}

impl TokenBuilder {
    /// Whom it speaks for.
    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// What it may be used for.
    pub fn scopes<'a>(self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        let scopes: Vec<&str> = scopes.into_iter().collect();
        self.claim("scope", scopes.join(" "))
    }

    /// How long it is good from now.
    pub fn expires_in(self, lifetime: Duration) -> Self {
        let end = self.issuer.0.clock.now().plus(lifetime);
        self.claim("exp", end.as_secs())
    }

    /// It ended long ago.
    pub fn expired(self) -> Self {
        let end = self.issuer.0.clock.now().minus(Duration::from_secs(3600));
        self.claim("exp", end.as_secs())
    }

    /// Any claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Signs it.
    pub fn mint(mut self) -> Result<String, SigningFailed> {
        let inner = &self.issuer.0;
        let mut unique = [0; 16];
        inner.random.fill(&mut unique).map_err(|_| SigningFailed)?;
        let unique = Value::from(URL_SAFE_NO_PAD.encode(unique));
        self.claims.entry("jti").or_insert(unique);
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": KID });
        let part = |part: String| URL_SAFE_NO_PAD.encode(part);
        let claims = Value::Object(self.claims).to_string();
        let input = format!("{}.{}", part(header.to_string()), part(claims));
        let signature = inner.pair.sign(&inner.random, input.as_bytes());
        let signature = signature.map_err(|_| SigningFailed)?;
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }
}

impl std::fmt::Debug for TestIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestIssuer").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TokenBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenBuilder").finish_non_exhaustive()
    }
}
