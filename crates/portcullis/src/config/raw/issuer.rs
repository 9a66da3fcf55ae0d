//! The keys of `[issuers.NAME]`.

use std::fmt;
use std::time::Duration;

use portcullis_core::id::{ClientId, Issuer as IssuerId};
use portcullis_core::jws::Algorithm;
use portcullis_core::scope::Scope;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Endpoint, Field, FilePath, Key, Line, List, Many, Named, OrNone, Parsed, SecretText};

/// An issuer whose tokens are accepted where a server lists it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["issuer"]))]
#[expect(clippy::struct_field_names, reason = "the key is called so in the RFCs")]
pub(in crate::config) struct Issuer {
    /// Its identifier, byte for byte as its tokens say it (`iss`).
    pub(in crate::config) issuer: Key<IssuerId>,
    /// The URL of its keys. Without it, the one its metadata names.
    pub(in crate::config) jwks: Key<Endpoint>,
    /// Signature algorithms that are accepted. Without it, every asymmetric one that it has a key for.
    pub(in crate::config) algorithms: Field<List<Parsed<Algorithm>>>,
    /// Types of tokens that are accepted beside `at+jwt`, for issuers that do not follow RFC 9068: `JWT`
    /// mostly, which also stands for none. Such a token must show by its claims that it is no ID token.
    #[schemars(extend("default" = []))]
    pub(in crate::config) accept_typ: Field<List<Parsed<Line>>>,
    /// A claim that only its access tokens have, which shows the same where they carry no scope: a name, or a
    /// list of names from the outermost.
    pub(in crate::config) access_token_claim: Field<Many<Parsed<Line>>>,
    /// How far its clock and ours may be apart, five minutes at most; `0s` where they are one.
    #[schemars(extend("default" = "30s"))]
    pub(in crate::config) skew: Key<OrNone>,
    /// What claims must be: `{ repository = "acme/app" }`, a list for one of several. A claim within others is
    /// written as in `roles`: `[{ claim = ["org", "id"], any = ["acme"] }]`.
    pub(in crate::config) require: Field<Require>,
    /// Roles of ours by what its tokens say:
    /// `{ editor = { claim = ["realm_access", "roles"], any = ["ops"] } }`; a list where there are several
    /// ways to one.
    pub(in crate::config) roles: Field<Named<Many<Claim>>>,
    /// Scopes of tokens that carry none.
    #[schemars(extend("default" = []))]
    pub(in crate::config) scopes: Field<List<Parsed<Scope>>>,
    /// How it is asked about tokens (RFC 7662).
    pub(in crate::config) introspection: Field<Introspection>,
    /// The file of authorities that its certificates may be signed by (PEM), beside those of the machine.
    pub(in crate::config) ca: Key<FilePath>,
    /// How long its keys are used when they cannot be fetched anew.
    #[schemars(extend("default" = "1h"))]
    pub(in crate::config) stale: Key<Duration>,
    /// Whether its metadata may name hosts inside of private networks. Its own host may be anywhere.
    #[schemars(extend("default" = false))]
    pub(in crate::config) allow_private: Field<bool>,
}

/// What claims must be.
#[derive(Debug)]
pub(in crate::config) enum Require {
    ByName(Named<Many<Parsed<Line>>>),
    ByPath(List<Claim>),
}

impl<'de> Deserialize<'de> for Require {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
        use serde::de::{MapAccess, SeqAccess, Visitor};
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Require;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of claims, or a list of { claim, any }")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Require, A::Error> {
                Named::deserialize(MapAccessDeserializer::new(map)).map(Require::ByName)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Require, A::Error> {
                List::deserialize(SeqAccessDeserializer::new(seq)).map(Require::ByPath)
            }
        }
        deserializer.deserialize_any(Reading)
    }
}

/// A claim, and what it may be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["claim", "any"]))]
pub(in crate::config) struct Claim {
    /// The claim: a name, or a list of names from the outermost.
    pub(in crate::config) claim: Field<Many<Parsed<Line>>>,
    /// Values, any of which will do; of a claim that is a list, any item.
    pub(in crate::config) any: Field<Many<Parsed<Line>>>,
}

/// How an issuer is asked about tokens. The client shows who it is by exactly one of `client_secret`,
/// `private_key` and `certificate`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["when", "client_id"]))]
pub(in crate::config) struct Introspection {
    /// About which tokens it is asked.
    pub(in crate::config) when: Field<When>,
    /// The URL to ask. Without it, the one that the metadata of the issuer names.
    pub(in crate::config) endpoint: Key<Endpoint>,
    /// Who the gateway is there.
    pub(in crate::config) client_id: Key<ClientId>,
    /// How it shows that, by the name of RFC 8414. Without it, as follows from what is there:
    /// `client_secret_basic` for a secret, `private_key_jwt` for a key, `tls_client_auth` for a certificate.
    pub(in crate::config) auth: Field<AuthMethod>,
    /// Its secret.
    pub(in crate::config) client_secret: Field<SecretText>,
    /// Its key: PKCS #8 as PEM, mostly `file:` and a path.
    pub(in crate::config) private_key: Field<SecretText>,
    /// The name by which the issuer knows the key.
    pub(in crate::config) kid: Key<Line>,
    /// The algorithm that the key signs by. Needed with it.
    pub(in crate::config) alg: Key<Algorithm>,
    /// Its certificate.
    pub(in crate::config) certificate: Field<Certificate>,
    /// How long an answer is good for at most. By then the token may have been revoked.
    #[schemars(extend("default" = "30s"))]
    pub(in crate::config) cache: Key<Duration>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum When {
    /// about those that are no JWT
    Opaque,
    /// about all, also a JWT that was found valid: a revocation is seen at once
    Always,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum AuthMethod {
    /// by `client_secret`, in a header
    ClientSecretBasic,
    /// by `client_secret`, in the form
    ClientSecretPost,
    /// by `private_key`
    PrivateKeyJwt,
    /// by `certificate`
    TlsClientAuth,
    /// by nothing
    None,
}

impl AuthMethod {
    pub(in crate::config) fn as_str(self) -> &'static str {
        match self {
            AuthMethod::ClientSecretBasic => "client_secret_basic",
            AuthMethod::ClientSecretPost => "client_secret_post",
            AuthMethod::PrivateKeyJwt => "private_key_jwt",
            AuthMethod::TlsClientAuth => "tls_client_auth",
            AuthMethod::None => "none",
        }
    }
}

/// A certificate of the gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cert", "key"]))]
pub(in crate::config) struct Certificate {
    /// The file of the certificate and those between it and the root (PEM).
    pub(in crate::config) cert: Key<FilePath>,
    /// The file of its key (PEM).
    pub(in crate::config) key: Key<FilePath>,
}
