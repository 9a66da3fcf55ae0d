//! Who is calling, for the code that answers.

use std::sync::Arc;

use http::Extensions;
use portcullis_core::decide::Permit;
use portcullis_core::id::Issuer;
use portcullis_core::scope::ScopeSet;
use portcullis_core::token::{ClaimPath, VerifiedToken};

use crate::gate::Admitted;

/// The caller of a request that was allowed.
///
/// It holds the request's body, and the room that takes, for as long as anybody holds a clone of it.
#[derive(Clone, Debug)]
pub struct Principal(Arc<Admitted>);

/// The request did not come through [`crate::Auth`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "nobody is known to be calling: the request did not come through the layer that protects this"
)]
pub struct NoPrincipal;

/// The caller of the request that has these extensions.
///
/// Of an rmcp tool these are the extensions of the `http::request::Parts` that its context holds.
pub fn principal(extensions: &Extensions) -> Result<&Principal, NoPrincipal> {
    extensions.get().ok_or(NoPrincipal)
}

impl Principal {
    /// Of a request that the gate admitted.
    pub fn of(admitted: Admitted) -> Principal {
        Principal(Arc::new(admitted))
    }

    /// The token, verified; its text is not kept.
    pub fn token(&self) -> &VerifiedToken {
        self.permit().caller().token()
    }

    /// Who vouches for the caller.
    pub fn issuer(&self) -> &Issuer {
        self.token().issuer()
    }

    /// Whom the token speaks for. A person is subject and issuer together: issuers do not agree on names.
    pub fn subject(&self) -> Option<&str> {
        self.token().subject()
    }

    /// The client that acts.
    pub fn client_id(&self) -> Option<&str> {
        self.token().client_id()
    }

    /// What the token may be used for.
    pub fn scopes(&self) -> &ScopeSet {
        self.token().scopes()
    }

    /// Whether the token has this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().iter().any(|held| held.as_str() == scope)
    }

    /// Whether the caller has this role, by the claims that the server maps to roles.
    pub fn has_role(&self, role: &str) -> bool {
        self.token().roles().iter().any(|held| held.as_str() == role)
    }

    /// The strings of a claim.
    pub fn claim(&self, path: &ClaimPath) -> Vec<String> {
        self.token().claim(path)
    }

    /// What was allowed.
    pub fn permit(&self) -> &Permit {
        &self.0.permit
    }
}
