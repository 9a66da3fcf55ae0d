//! Portcullis behind tower-mcp's own OAuth layer: that layer reads the request, and asks here about its token.
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use portcullis_resource::Auth;
//! use portcullis_resource::testing::TestIssuer;
//! use portcullis_resource::tower_mcp::Validator;
//! use tower_mcp::oauth::{ScopePolicy, TokenValidator as _};
//! use tower_mcp::{HttpTransport, McpRouter};
//!
//! // In place of this one: .issuer("https://idp.example.com/realms/acme")
//! let issuer = TestIssuer::new()?;
//! let resource = "https://mcp.example.com/mcp";
//! let auth = Auth::resource(resource).issuer(issuer.trusted()).build()?;
//! let validator = Validator::by_subject(&auth)?;
//!
//! let server = McpRouter::new().server_info("notes", "1.0.0");
//! let scopes = ScopePolicy::new().tool_scope("delete_note", "notes:write");
//! let app: axum::Router = HttpTransport::new(server)
//!     .allowed_hosts(vec!["mcp.example.com".to_owned()])
//!     .into_oauth_router_at("/mcp", validator.clone(), validator.metadata(), scopes)?;
//! # drop(app);
//!
//! // What that layer is told.
//! let token = issuer.token(resource).subject("ada").scopes(["notes:read"]).mint()?;
//! let claims = validator.validate_token(&token).await?;
//! assert_eq!(claims.sub.as_deref(), Some("ada"));
//! assert!(claims.has_scope("notes:read"));
//! let token = issuer.token("https://other.example.com/mcp").mint()?;
//! assert!(validator.validate_token(&token).await.is_err());
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # What is judged
//! All that [`Auth`] says of tokens: issuers with their keys and introspection, audience, lifetime, type, required
//! claims, and the base scopes. A token is remembered as it is behind [`Auth::protect`].
//!
//! [`TokenClaims`] has `iss`, `sub`, `client_id`, `exp` and `scope` of the token that was verified, and under `roles`
//! the roles that its claims are mapped to. Its `aud` is this server, also where an issuer names it otherwise and
//! [`also_for`](portcullis_core::token::Expectation::also_for) takes that. Other claims are not passed on.
//!
//! # What is not
//! tower-mcp shows the text of the token and nothing else of the request. So
//!
//! - a token that is bound to a key or a certificate is refused: nobody can show here that he has it (RS-14),
//! - rules are refused by [`Validator::by_subject`]: what tools and resources need is said by tower-mcp's
//!   [`ScopePolicy`](::tower_mcp::oauth::ScopePolicy),
//! - the base scopes are needed by every request, the first of a conversation included,
//! - `Origin`, `Host`, a second `Authorization` header and a token in the query are tower-mcp's business, as
//!   [`AuthBuilder::allowed_origins`](crate::AuthBuilder::allowed_origins) and its like are of no effect here,
//! - an issuer that cannot be asked is 401 with words to that effect, and not 503: that layer knows no other answer,
//! - a stream that listens is not ended with its token.
//!
//! [`Auth::protect`] has none of these limits.
//!
//! # Whose sessions and tasks
//! tower-mcp gives sessions and tasks to a `sub`, and all callers without one are the same to it. That tells people
//! apart where one issuer names them: [`Validator::by_subject`]. Several issuers may give one name to two people, and
//! clients that act for themselves may have none: there sessions and tasks go by [`speaker`], and the validator is
//! made by [`Validator::by_speaker`].

use std::collections::HashMap;
use std::sync::Arc;

use ::tower_mcp::Extensions;
use ::tower_mcp::oauth::{
    OAuthError, ProtectedResourceMetadata, TokenAudience, TokenClaims, TokenValidator,
};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::Empty;
use portcullis_core::bearer::Malformed;
use portcullis_core::denial::Denial;
use portcullis_core::error::Failure;
use portcullis_core::scope::ScopeSet;
use portcullis_core::token::{Class, Refusal, VerifiedToken};
use serde_json::Value;

use crate::Auth;
use crate::auth::Protection;
use crate::gate::Head;

/// What tower-mcp's OAuth layer asks about tokens. Clones share it.
#[derive(Clone, Debug)]
pub struct Validator {
    protection: Arc<Protection>,
    owners: Owners,
}

/// By what sessions and tasks are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owners {
    Subject,
    Speaker,
}

/// Why tower-mcp's layer cannot go by this [`Auth`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// It has rules about what tower-mcp does not show.
    #[error(
        "rules are not asked behind tower-mcp's layer, which does not show what a request is about: \
         say in its ScopePolicy what tools and resources need, or use Auth::protect"
    )]
    Rules,
    /// Two of its issuers may give one name to two people.
    #[error(
        "several issuers are trusted, and tower-mcp tells callers apart by `sub` alone: \
         let sessions and tasks go by `speaker`, and use Validator::by_speaker"
    )]
    SeveralIssuers,
}

impl Validator {
    /// For a server whose sessions and tasks go by `sub`, as tower-mcp has it. There is one issuer, and a token
    /// without a subject is refused.
    pub fn by_subject(auth: &Auth) -> Result<Validator, Unfit> {
        if auth.gate().resource().authorization_servers().len() > 1 {
            return Err(Unfit::SeveralIssuers);
        }
        Validator::new(auth, Owners::Subject)
    }

    /// For a server whose sessions and tasks go by [`speaker`]. Nothing here can see whether they do.
    ///
    /// ```
    /// # use tower_mcp::{HttpTransport, McpRouter};
    /// use portcullis_resource::tower_mcp::speaker;
    ///
    /// let server = McpRouter::new().task_owner_resolver(speaker);
    /// let transport = HttpTransport::new(server).session_principal_resolver(speaker);
    /// # drop(transport);
    /// ```
    pub fn by_speaker(auth: &Auth) -> Result<Validator, Unfit> {
        Validator::new(auth, Owners::Speaker)
    }

    fn new(auth: &Auth, owners: Owners) -> Result<Validator, Unfit> {
        if auth.gate().policy().has_rules() {
            return Err(Unfit::Rules);
        }
        Ok(Validator { protection: Arc::clone(&auth.0), owners })
    }

    /// The document of RFC 9728 about this server, for tower-mcp to publish and to hold audiences against.
    pub fn metadata(&self) -> ProtectedResourceMetadata {
        let resource = self.protection.gate.resource();
        let document = ProtectedResourceMetadata::new(resource.resource().as_str());
        let issuers = resource.authorization_servers().iter();
        let document =
            issuers.fold(document, |all, issuer| all.authorization_server(issuer.as_str()));
        let scopes = resource.scopes_supported().iter();
        scopes.fold(document, |all, scope| all.scope(scope.as_str()))
    }

    async fn judge(&self, token: &str) -> Result<TokenClaims, Denial> {
        let mut headers = HeaderMap::new();
        let refuse =
            |failure: Failure, headers: &HeaderMap| Denial::before_reading(failure, headers);
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| refuse(Malformed::NotToken68.into(), &headers))?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        // Of the request nothing is known but its token. A GET without anything else asks for what every request
        // asks for, the base scopes; and no proof and no certificate is shown.
        let head = Head {
            method: &Method::GET,
            path: "",
            query: None,
            headers: &headers,
            certificate: None,
            stranger: None,
        };
        let admitted = self.protection.gate.admit(head, Empty::<Bytes>::new()).await?;
        let token = admitted.permit.caller().token();
        if self.owners == Owners::Subject && token.subject().is_none() {
            return Err(refuse(Refusal::Missing("sub").into(), &headers));
        }
        Ok(claims(token))
    }
}

impl TokenValidator for Validator {
    async fn validate_token(&self, token: &str) -> Result<TokenClaims, OAuthError> {
        self.judge(token).await.map_err(|denial| {
            self.protection.note(&denial);
            refusal(&denial)
        })
    }
}

/// What is known of a token, in tower-mcp's words.
fn claims(token: &VerifiedToken) -> TokenClaims {
    let owned = |text: &str| text.to_owned();
    let scopes = token.scopes();
    let roles: Vec<Value> = token.roles().iter().map(|role| role.as_str().into()).collect();
    let roles = (!roles.is_empty()).then(|| ("roles".to_owned(), Value::Array(roles)));
    TokenClaims {
        sub: token.subject().map(owned),
        iss: Some(owned(token.issuer().as_str())),
        aud: Some(TokenAudience::Single(owned(token.resource().as_str()))),
        exp: Some(token.expires().as_secs()),
        scope: (!scopes.is_empty()).then(|| scopes.to_string()),
        client_id: token.client_id().map(owned),
        extra: HashMap::from_iter(roles),
    }
}

/// A refusal, in tower-mcp's words: it has a few of its own, and the rest are what our clients are told.
fn refusal(denial: &Denial) -> OAuthError {
    let names = |scopes: &ScopeSet| scopes.iter().map(ToString::to_string).collect();
    let held = || denial.caller().map(|caller| names(caller.token().scopes())).unwrap_or_default();
    match denial.failure() {
        Failure::InsufficientScope(needed) => {
            OAuthError::InsufficientScope { required: names(needed), provided: held() }
        }
        // No scope would help, so none is named.
        Failure::Forbidden => {
            OAuthError::InsufficientScope { required: Vec::new(), provided: held() }
        }
        Failure::Token(Refusal::Expired(_)) => OAuthError::ExpiredToken,
        Failure::Token(refusal) if refusal.class() == Class::Audience => {
            OAuthError::InvalidAudience
        }
        failure => OAuthError::InvalidToken { description: failure.public().into_owned() },
    }
}

/// Who is calling, as one text: a subject of its issuer, or a client of it where there is none. It is for
/// [`McpRouter::task_owner_resolver`](::tower_mcp::McpRouter::task_owner_resolver) and
/// [`HttpTransport::session_principal_resolver`](::tower_mcp::HttpTransport::session_principal_resolver).
pub fn speaker(extensions: &Extensions) -> Option<String> {
    let claims = extensions.get::<TokenClaims>()?;
    // An issuer has no space in it, so that no two callers have one text.
    let known = claims.iss.as_deref().and_then(|issuer| match (&claims.sub, &claims.client_id) {
        (Some(subject), _) => Some(format!("{issuer} subject {subject}")),
        (None, Some(client)) => Some(format!("{issuer} client {client}")),
        (None, None) => None,
    });
    // Of claims that name nobody, which are not ours: an empty text is refused, and none at all is anybody's.
    Some(known.unwrap_or_default())
}
