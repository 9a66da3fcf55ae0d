//! Authorization server metadata (RFC 8414, OIDC Discovery 1.0): what the issuer serves, and
//! what gateway and client judge.

use super::{MetadataError, Place, Reader, Writer};
use crate::id::Issuer;
use crate::scope::{Scope, ScopeSet};

/// What an authorization server says about itself (RFC 8414 section 2), under the names used there.
///
/// `None` is a member the document does not have. It is not an empty list: RFC 8414 gives some absent
/// lists a meaning, named at the field. Of a judged document every URL is `https`, or `http` on
/// loopback where the issuer is on loopback too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationServer {
    /// Whom the document speaks for.
    pub issuer: Issuer,
    /// Where the person's browser is sent. Absent where no grant needs it.
    pub authorization_endpoint: Option<String>,
    /// Where grants are redeemed. Absent for issuers that only sign (workload identity).
    pub token_endpoint: Option<String>,
    /// The keys that sign its tokens.
    pub jwks_uri: Option<String>,
    /// Dynamic client registration (RFC 7591).
    pub registration_endpoint: Option<String>,
    /// Token introspection (RFC 7662).
    pub introspection_endpoint: Option<String>,
    /// Token revocation (RFC 7009).
    pub revocation_endpoint: Option<String>,
    /// Pushed authorization requests (RFC 9126).
    pub pushed_authorization_request_endpoint: Option<String>,
    /// The device grant (RFC 8628).
    pub device_authorization_endpoint: Option<String>,
    /// Scopes it knows; a server need not list all.
    pub scopes_supported: ScopeSet,
    /// Response types.
    pub response_types_supported: Option<Vec<String>>,
    /// Grant types; absent means `authorization_code` and `implicit`.
    pub grant_types_supported: Option<Vec<String>>,
    /// How clients authenticate at the token endpoint; absent means `client_secret_basic`.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// How clients authenticate at the introspection endpoint.
    pub introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// PKCE methods (RFC 7636); absent means that it does not do PKCE, as far as it says.
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// Algorithms of `DPoP` proofs (RFC 9449 section 5.1); absent means that it takes none.
    pub dpop_signing_alg_values_supported: Option<Vec<String>>,
    /// Whether authorization responses carry `iss` (RFC 9207 section 3).
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether a client may name itself by the URL of its metadata document.
    pub client_id_metadata_document_supported: bool,
}

impl AuthorizationServer {
    /// A server that says nothing but who it is.
    pub fn new(issuer: Issuer) -> Self {
        AuthorizationServer {
            issuer,
            authorization_endpoint: None,
            token_endpoint: None,
            jwks_uri: None,
            registration_endpoint: None,
            introspection_endpoint: None,
            revocation_endpoint: None,
            pushed_authorization_request_endpoint: None,
            device_authorization_endpoint: None,
            scopes_supported: ScopeSet::default(),
            response_types_supported: None,
            grant_types_supported: None,
            token_endpoint_auth_methods_supported: None,
            introspection_endpoint_auth_methods_supported: None,
            code_challenge_methods_supported: None,
            dpop_signing_alg_values_supported: None,
            authorization_response_iss_parameter_supported: false,
            client_id_metadata_document_supported: false,
        }
    }

    /// Judges a fetched document by the issuer it was fetched for: not a byte of `issuer` may differ
    /// (RFC 8414 section 3.3), or one server could speak for another.
    pub fn judge(document: &[u8], asked: &Issuer) -> Result<Self, MetadataError> {
        let reader = Reader::new(document)?;
        let issuer = reader.text("issuer")?.ok_or(MetadataError::Missing("issuer"))?;
        if issuer != asked.as_str() {
            // Whatever stands there, no more of it goes on than an identifier has.
            let found = issuer.chars().take(crate::id::MAX_LENGTH).collect();
            let wanted = asked.as_str().to_owned();
            return Err(MetadataError::Mismatch { member: "issuer", found, wanted });
        }
        let place = Place::of(asked.host_is_loopback());
        let url = |member| reader.url(member, place);
        Ok(AuthorizationServer {
            issuer: asked.clone(),
            authorization_endpoint: url("authorization_endpoint")?,
            token_endpoint: url("token_endpoint")?,
            jwks_uri: url("jwks_uri")?,
            registration_endpoint: url("registration_endpoint")?,
            introspection_endpoint: url("introspection_endpoint")?,
            revocation_endpoint: url("revocation_endpoint")?,
            pushed_authorization_request_endpoint: url("pushed_authorization_request_endpoint")?,
            device_authorization_endpoint: url("device_authorization_endpoint")?,
            scopes_supported: reader.scopes()?,
            response_types_supported: reader.list("response_types_supported")?,
            grant_types_supported: reader.list("grant_types_supported")?,
            token_endpoint_auth_methods_supported: reader
                .list("token_endpoint_auth_methods_supported")?,
            introspection_endpoint_auth_methods_supported: reader
                .list("introspection_endpoint_auth_methods_supported")?,
            code_challenge_methods_supported: reader.list("code_challenge_methods_supported")?,
            dpop_signing_alg_values_supported: reader.list("dpop_signing_alg_values_supported")?,
            authorization_response_iss_parameter_supported: reader
                .flag("authorization_response_iss_parameter_supported")?,
            client_id_metadata_document_supported: reader
                .flag("client_id_metadata_document_supported")?,
        })
    }

    /// The document to serve.
    pub fn to_json(&self) -> Vec<u8> {
        let mut document = Writer::default();
        document.text("issuer", Some(self.issuer.as_str()));
        let urls = [
            ("authorization_endpoint", &self.authorization_endpoint),
            ("token_endpoint", &self.token_endpoint),
            ("jwks_uri", &self.jwks_uri),
            ("registration_endpoint", &self.registration_endpoint),
            ("introspection_endpoint", &self.introspection_endpoint),
            ("revocation_endpoint", &self.revocation_endpoint),
            ("pushed_authorization_request_endpoint", &self.pushed_authorization_request_endpoint),
            ("device_authorization_endpoint", &self.device_authorization_endpoint),
        ];
        for (member, url) in urls {
            document.text(member, url.as_deref());
        }
        document.list("scopes_supported", self.scopes_supported.iter().map(Scope::as_str));
        let lists = [
            ("response_types_supported", &self.response_types_supported),
            ("grant_types_supported", &self.grant_types_supported),
            ("token_endpoint_auth_methods_supported", &self.token_endpoint_auth_methods_supported),
            (
                "introspection_endpoint_auth_methods_supported",
                &self.introspection_endpoint_auth_methods_supported,
            ),
            ("code_challenge_methods_supported", &self.code_challenge_methods_supported),
            ("dpop_signing_alg_values_supported", &self.dpop_signing_alg_values_supported),
        ];
        for (member, list) in lists {
            document.list(member, list.iter().flatten().map(String::as_str));
        }
        document.flag(
            "authorization_response_iss_parameter_supported",
            self.authorization_response_iss_parameter_supported,
        );
        document.flag(
            "client_id_metadata_document_supported",
            self.client_id_metadata_document_supported,
        );
        document.finish()
    }
}
