//! What a token is for. Issuers sign access tokens, ID tokens and more with the same keys, and answer
//! introspection about refresh tokens as well (RFC 7662 section 2.1), so each has to be told apart.

use super::rules::{Known, Origin};
use super::{Confirmation, Expectation, Refusal, excerpt};
use crate::json::Item;
use crate::jws;

impl Known<'_> {
    /// Claims by which Keycloak (`typ`), Cognito and Hydra (`token_use`) and RFC 8417 (`events`) tell
    /// tokens of other purposes apart. No header type outweighs them, and no introspection answer.
    ///
    /// `typ` is refused by its known values and `token_use` accepted by them, because `typ` has meanings
    /// of many kinds and `token_use` has this one.
    pub(super) fn refuse_other_purposes(&self, origin: Origin<'_>) -> Result<(), Refusal> {
        let kinds = self.typ.into_iter().flat_map(Item::strings);
        if kinds.into_iter().any(|kind| is_one_of(kind, &["ID", "Refresh", "Logout", "Offline"])) {
            return Err(Refusal::OtherPurpose("typ"));
        }
        if self.token_use.is_some() && !is_any(self.token_use, &["access", "access_token"]) {
            return Err(Refusal::OtherPurpose("token_use"));
        }
        if self.events.is_some_and(Item::is_object) {
            return Err(Refusal::OtherPurpose("events"));
        }
        match origin {
            // The header's `typ` tells; see `check_access_token`.
            Origin::Signed { .. } => Ok(()),
            Origin::Introspected => self.refuse_other_answers(),
        }
    }

    /// An introspection answer has no header. Its `token_type` is that of RFC 6749 section 7.1, in whose
    /// place some servers (WSO2) write which of the tokens it is.
    fn refuse_other_answers(&self) -> Result<(), Refusal> {
        let types = ["Bearer", "DPoP", "access_token"];
        if self.token_type.is_some() && !is_any(self.token_type, &types) {
            return Err(Refusal::OtherPurpose("token_type"));
        }
        match self.login {
            Some(mark) if !self.says_access_token() => Err(Refusal::OtherPurpose(mark)),
            _ => Ok(()),
        }
    }

    /// RFC 9068 section 4 asks for the header type `at+jwt`. Issuers older than it send `JWT` or
    /// nothing, for ID tokens as well; where the operator accepts that, the claims must tell.
    ///
    /// Claims about a person (`email`, `preferred_username`) or a login (`auth_time`, `amr`) tell
    /// nothing: RFC 9068 sections 2.2.1 and 2.2.2 have them in access tokens too.
    pub(super) fn check_access_token(
        &self,
        root: Item<'_>,
        typ: Option<&str>,
        expectation: &Expectation,
    ) -> Result<(), Refusal> {
        if typ.is_some_and(|typ| jws::is_type(typ, "at+jwt")) {
            return Ok(());
        }
        if !expectation.accepts_type(typ) {
            return Err(Refusal::HeaderType(excerpt([typ.unwrap_or_default()])));
        }
        let shows_it = self.scope.is_some()
            || self.scp.is_some()
            || expectation.evidence.as_ref().is_some_and(|path| path.find(root).is_some());
        if self.says_access_token() || (shows_it && self.login.is_none()) {
            Ok(())
        } else {
            Err(Refusal::NoEvidence)
        }
    }

    /// A token that is said to be bound to a DPoP key, by `token_type` (RFC 9449 section 6.2) or Keycloak's
    /// `typ`, names that key. Without it there would be nothing to hold a proof against.
    pub(super) fn check_bound(&self, confirmation: Option<&Confirmation>) -> Result<(), Refusal> {
        let said = is_any(self.token_type, &["DPoP"]) || is_any(self.typ, &["DPoP"]);
        match confirmation {
            Some(Confirmation::DpopKey(_)) => Ok(()),
            _ if said => Err(Refusal::Confirmation),
            _ => Ok(()),
        }
    }

    /// Keycloak writes how its access tokens are to be presented, and other words for all its other tokens.
    fn says_access_token(&self) -> bool {
        matches!(self.typ.and_then(Item::as_str), Some("Bearer" | "DPoP"))
    }
}

fn is_any(claim: Option<Item<'_>>, words: &[&str]) -> bool {
    claim.and_then(Item::as_str).is_some_and(|text| is_one_of(text, words))
}

fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}
