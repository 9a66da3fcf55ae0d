//! Tokens and proofs with every part of the header to choose.

use serde_json::{Map, Value, json};

use crate::{NOW, TestKey, base64url, sha256_base64url};

/// Mints compact tokens: by default of the header `alg`, `typ: at+jwt` and the key's `kid`.
#[derive(Clone, Debug)]
pub struct Signer {
    key: TestKey,
    header: Map<String, Value>,
}

impl Signer {
    /// A signer with this key and its usual algorithm.
    pub fn new(key: TestKey) -> Self {
        let header = json!({ "alg": key.default_algorithm(), "typ": "at+jwt", "kid": key.kid() });
        Signer { key, header: header.as_object().cloned().unwrap() }
    }

    /// Signs with another algorithm of the key, and says so in the header.
    #[must_use]
    pub fn algorithm(self, name: &str) -> Self {
        self.header("alg", name)
    }

    /// Another `typ`.
    #[must_use]
    pub fn typ(self, typ: &str) -> Self {
        self.header("typ", typ)
    }

    /// Another `kid`.
    #[must_use]
    pub fn kid(self, kid: &str) -> Self {
        self.header("kid", kid)
    }

    /// What the header says about the algorithm.
    pub fn named(&self) -> &str {
        self.header.get("alg").and_then(Value::as_str).unwrap_or_default()
    }

    /// Any header parameter.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a header parameter out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// A token of these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_payload(claims.to_string())
    }

    /// A token of these octets.
    pub fn sign_payload(&self, payload: impl AsRef<[u8]>) -> String {
        self.sign_parts(Value::from(self.header.clone()).to_string(), payload)
    }

    /// A token with a header written by hand, signed with the algorithm of this signer all the same.
    pub fn sign_parts(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.sign_encoded(&format!("{}.{}", base64url(header), base64url(payload)))
    }

    /// A token of parts that are encoded already.
    pub fn sign_encoded(&self, signing_input: &str) -> String {
        let named = self.header.get("alg").and_then(Value::as_str);
        // Where the header lies about the algorithm, the key's own still makes an honest signature.
        let algorithm = named
            .filter(|name| {
                ["RS", "PS", "ES", "Ed"].iter().any(|family| name.starts_with(family))
                    || *name == "HS256"
            })
            .unwrap_or(self.key.default_algorithm());
        let signature = self.key.sign(algorithm, signing_input.as_bytes());
        format!("{signing_input}.{}", base64url(signature))
    }
}

/// Mints DPoP proofs (RFC 9449): by default a `POST` to [`crate::AUDIENCE`], made at [`NOW`].
#[derive(Clone, Debug)]
pub struct Proof {
    signer: Signer,
    claims: Map<String, Value>,
}

impl Proof {
    /// A proof by this key, which it brings along as `jwk`.
    pub fn new(key: TestKey) -> Self {
        let mut jwk = key.public_jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        let signer = Signer::new(key).typ("dpop+jwt").without("kid").header("jwk", jwk);
        let claims = json!({ "jti": "proof-1", "htm": "POST", "htu": crate::AUDIENCE, "iat": NOW });
        Proof { signer, claims: claims.as_object().cloned().unwrap() }
    }

    /// For use with this access token: sets `ath`.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.claim("ath", sha256_base64url(token))
    }

    /// Any claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Any header parameter.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.signer = self.signer.header(name, value);
        self
    }

    /// Leaves a header parameter out.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.signer = self.signer.without(name);
        self
    }

    /// The proof.
    pub fn sign(&self) -> String {
        self.signer.sign(&Value::from(self.claims.clone()))
    }
}

/// Header and claims of a token that is signed with this key and meant for this audience; `None` of any
/// other. When it ends is left to the caller.
pub fn read_signed(text: &str, key: TestKey, audience: &str) -> Option<(Value, Value)> {
    let jwk = serde_json::from_value(key.public_jwk()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let algorithm = jsonwebtoken::decode_header(text).ok()?.alg;
    let mut expected = jsonwebtoken::Validation::new(algorithm);
    expected.set_audience(&[audience]);
    expected.validate_exp = false;
    let token = jsonwebtoken::decode::<Value>(text, &key, &expected).ok()?;
    let mut header = serde_json::to_value(token.header).unwrap();
    header.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    Some((header, token.claims))
}
