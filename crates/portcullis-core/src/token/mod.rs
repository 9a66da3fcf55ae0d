//! Access tokens: from a stranger's text to a [`VerifiedToken`] (RFC 7519, RFC 9068, RFC 8725).
//!
//! The way is one-directional and its stations are types. [`Unverified::of`] reads as much as is
//! needed to choose the issuer and its keys; nobody can ask it for more. [`Unverified::verify`] checks
//! signature and claims against an [`Expectation`] and makes the only thing the rest of Portcullis
//! believes. `accept` is where claims become a token, for signed tokens and introspection answers
//! alike, and no other function constructs one.

mod confirmation;
mod expectation;
mod looks;
mod names;
mod purpose;
mod refusal;
mod rules;
mod speaker;
mod verified;

use std::sync::Arc;

pub use confirmation::Confirmation;
pub use expectation::{ClaimPath, Expectation, InvalidPath};
pub use looks::looks_like_jwt;
pub(crate) use refusal::excerpt;
pub use refusal::{Class, Refusal};
pub(crate) use rules::Origin;
pub use speaker::{Person, Speaker, SpeakerName};
pub use verified::VerifiedToken;
pub(crate) use verified::accept;

use crate::bearer::{AccessToken, TokenHash};
use crate::json::{At, Document};
use crate::jws::{self, Algorithm, Compact};
use crate::keys::{KeySet, NoMatch};
use crate::time::UnixTime;

/// A token whose signature has not been verified: good for finding the key, and for nothing else.
pub struct Unverified<'t> {
    hash: TokenHash,
    compact: Compact<'t>,
    claims: Document,
    issuer: At,
}

impl<'t> Unverified<'t> {
    /// Reads the token of a request as far as is needed to know whose it claims to be.
    pub fn of(presented: &AccessToken<'t>) -> Result<Self, Refusal> {
        Self::read(presented.text(), presented.hash())
    }

    /// The same of bare text, for tools and tests. The token of a request comes by [`Unverified::of`].
    pub fn parse(text: &'t str) -> Result<Self, Refusal> {
        Self::read(text, TokenHash::of(text))
    }

    fn read(text: &'t str, hash: TokenHash) -> Result<Self, Refusal> {
        let mut compact = Compact::parse(text)?;
        refuse_foreign_type(compact.typ())?;
        let claims = Document::read(compact.take_payload()).map_err(Refusal::Json)?;
        let issuer = claims.root().get("iss").ok_or(Refusal::Missing("iss"))?;
        if issuer.as_str().is_none() {
            return Err(Refusal::Malformed("iss"));
        }
        let issuer = issuer.place();
        Ok(Unverified { hash, compact, claims, issuer })
    }

    /// The one of a server's expectations that is about this token's issuer. To be asked before any
    /// I/O: where there is none, the token is nothing to fetch keys for.
    pub fn expected_by<'e>(
        &self,
        expectations: impl IntoIterator<Item = &'e Arc<Expectation>>,
    ) -> Option<&'e Arc<Expectation>> {
        let issuer = self.issuer();
        expectations.into_iter().find(|expectation| expectation.issuer().as_str() == issuer)
    }

    /// Whose token it claims to be.
    pub fn issuer(&self) -> &str {
        self.claims.at(self.issuer).as_str().unwrap_or_default()
    }

    /// The name of the key it claims to be signed with.
    pub fn kid(&self) -> Option<&str> {
        self.compact.kid()
    }

    /// The algorithm it claims to be signed with.
    pub fn algorithm(&self) -> Algorithm {
        self.compact.algorithm()
    }

    /// Verifies signature and claims.
    pub fn verify(
        self,
        keys: &KeySet,
        expectation: &Arc<Expectation>,
        now: UnixTime,
    ) -> Result<VerifiedToken, Refusal> {
        if !expectation.algorithms.contains(&self.algorithm()) {
            return Err(Refusal::Algorithm(self.algorithm()));
        }
        if keys.issuer() != expectation.issuer() {
            return Err(NoMatch::OtherIssuer.into());
        }
        let key = keys.find(self.kid(), self.algorithm())?;
        self.compact.verify(key)?;
        let origin = Origin::Signed { typ: self.compact.typ() };
        accept(self.claims, expectation, now, self.hash, origin)
    }
}

impl std::fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unverified")
            .field("issuer", &excerpt([self.issuer()]))
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

/// Types that are never an access token, whatever an operator accepts: DPoP proofs (RFC 9449), logout
/// tokens (OpenID Connect back-channel logout) and other security events (RFC 8417).
fn refuse_foreign_type(typ: Option<&str>) -> Result<(), Refusal> {
    const NEVER: [&str; 3] = ["dpop+jwt", "logout+jwt", "secevent+jwt"];
    match typ {
        Some(typ) if NEVER.iter().any(|never| jws::is_type(typ, never)) => {
            Err(Refusal::HeaderType(excerpt([typ])))
        }
        _ => Ok(()),
    }
}
