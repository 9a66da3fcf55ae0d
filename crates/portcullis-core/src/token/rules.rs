//! The rules a claims set is judged by, one function for each.

use super::{Expectation, Refusal, excerpt};
use crate::json::{At, Item};
use crate::jws;
use crate::scope::{Scope, ScopeSet};
use crate::time::UnixTime;

/// More audiences than this are no audience.
const MAX_AUDIENCES: usize = 64;

/// More scopes than this are refused; [`ScopeSet`] draws the same line.
const MAX_SCOPES: usize = 256;

/// How the claims came to be trusted, which decides what may be absent.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'o> {
    /// By the issuer's signature. The claims stand alone.
    Signed {
        /// The header's `typ`.
        typ: Option<&'o str>,
    },
    /// By the issuer's answer to a question about this token. RFC 7662 section 2.2 makes every claim
    /// optional, and who was asked is known.
    Introspected,
}

/// The claims that mean something to us, found in one pass.
#[derive(Default)]
pub(super) struct Known<'c> {
    iss: Option<Item<'c>>,
    pub(super) sub: Option<Item<'c>>,
    aud: Option<Item<'c>>,
    exp: Option<Item<'c>>,
    nbf: Option<Item<'c>>,
    iat: Option<Item<'c>>,
    pub(super) jti: Option<Item<'c>>,
    client_id: Option<Item<'c>>,
    azp: Option<Item<'c>>,
    appid: Option<Item<'c>>,
    scope: Option<Item<'c>>,
    scp: Option<Item<'c>>,
    pub(super) cnf: Option<Item<'c>>,
    typ: Option<Item<'c>>,
    token_use: Option<Item<'c>>,
    events: Option<Item<'c>>,
    /// `nonce`, `at_hash` or `c_hash`: an ID token is the answer to a login and bound to it.
    id_token: bool,
}

impl<'c> Known<'c> {
    pub(super) fn of(root: Item<'c>) -> Self {
        let mut known = Known::default();
        for (name, claim) in root.members() {
            let slot = match name {
                "iss" => &mut known.iss,
                "sub" => &mut known.sub,
                "aud" => &mut known.aud,
                "exp" => &mut known.exp,
                "nbf" => &mut known.nbf,
                "iat" => &mut known.iat,
                "jti" => &mut known.jti,
                "client_id" => &mut known.client_id,
                "azp" => &mut known.azp,
                "appid" => &mut known.appid,
                "scope" => &mut known.scope,
                "scp" => &mut known.scp,
                "cnf" => &mut known.cnf,
                "typ" => &mut known.typ,
                "token_use" => &mut known.token_use,
                "events" => &mut known.events,
                "nonce" | "at_hash" | "c_hash" => {
                    known.id_token = true;
                    continue;
                }
                _ => continue,
            };
            *slot = Some(claim);
        }
        known
    }

    /// Claims by which Keycloak (`typ`), Cognito (`token_use`) and RFC 8417 (`events`) tell tokens of
    /// other purposes apart. No header type outweighs them, and no introspection answer.
    pub(super) fn refuse_other_purposes(&self) -> Result<(), Refusal> {
        let is = |claim: Option<Item<'_>>, words: &[&str]| {
            let text = claim.and_then(Item::as_str).unwrap_or_default();
            words.iter().any(|word| text.eq_ignore_ascii_case(word))
        };
        if is(self.typ, &["ID", "Refresh", "Logout", "Offline"]) {
            return Err(Refusal::OtherPurpose("typ"));
        }
        if is(self.token_use, &["id", "refresh"]) {
            return Err(Refusal::OtherPurpose("token_use"));
        }
        if self.events.is_some_and(Item::is_object) {
            return Err(Refusal::OtherPurpose("events"));
        }
        Ok(())
    }

    pub(super) fn check_issuer(
        &self,
        expectation: &Expectation,
        origin: Origin<'_>,
    ) -> Result<(), Refusal> {
        let wanted = expectation.issuer.as_str();
        match (self.iss.map(Item::as_str), origin) {
            (Some(Some(found)), _) if found == wanted => Ok(()),
            (Some(Some(found)), _) => {
                Err(Refusal::Issuer { found: excerpt([found]), wanted: excerpt([wanted]) })
            }
            (Some(None), _) => Err(Refusal::Malformed("iss")),
            (None, Origin::Introspected) => Ok(()),
            (None, Origin::Signed { .. }) => Err(Refusal::Missing("iss")),
        }
    }

    pub(super) fn check_audience(
        &self,
        expectation: &Expectation,
        origin: Origin<'_>,
    ) -> Result<(), Refusal> {
        let Some(aud) = self.aud else {
            // Without an audience, only a client known to ask for this resource alone will do.
            let client = self.client_id.and_then(Item::as_str);
            let mut clients = expectation.introspection_clients.iter().map(|id| Some(id.as_str()));
            return match origin {
                Origin::Introspected if client.is_some() && clients.any(|id| id == client) => {
                    Ok(())
                }
                _ => Err(Refusal::Missing("aud")),
            };
        };
        if let Some(items) = aud.items() {
            let mut count = 0;
            for item in items {
                count += 1;
                if count > MAX_AUDIENCES || item.as_str().is_none() {
                    return Err(Refusal::Malformed("aud"));
                }
            }
        } else if aud.as_str().is_none() {
            return Err(Refusal::Malformed("aud"));
        }
        if aud.strings().any(|found| expectation.audiences.iter().any(|wanted| wanted == found)) {
            return Ok(());
        }
        let wanted = expectation.audiences.iter().map(String::as_str);
        Err(Refusal::Audience { found: excerpt(aud.strings()), wanted: excerpt(wanted) })
    }

    pub(super) fn expires(
        &self,
        expectation: &Expectation,
        now: UnixTime,
        origin: Origin<'_>,
    ) -> Result<UnixTime, Refusal> {
        match (time("exp", self.exp)?, origin) {
            (Some(expires), _) if now >= expires.plus(expectation.skew) => {
                Err(Refusal::Expired(expires))
            }
            (Some(expires), _) => Ok(expires),
            (None, Origin::Introspected) => Ok(now.plus(expectation.introspection_lifetime)),
            (None, Origin::Signed { .. }) => Err(Refusal::Missing("exp")),
        }
    }

    pub(super) fn check_start(
        &self,
        expectation: &Expectation,
        now: UnixTime,
    ) -> Result<(Option<UnixTime>, Option<UnixTime>), Refusal> {
        let latest = now.plus(expectation.skew);
        let not_before = time("nbf", self.nbf)?;
        let issued_at = time("iat", self.iat)?;
        match (not_before, issued_at) {
            (Some(from), _) if from > latest => Err(Refusal::NotYetValid(from)),
            (_, Some(at)) if at > latest => Err(Refusal::IssuedInFuture(at)),
            _ => Ok((not_before, issued_at)),
        }
    }

    /// RFC 9068 section 4 asks for the header type `at+jwt`. Issuers older than it send `JWT` or
    /// nothing, for ID tokens as well; where the operator accepts that, the claims must tell.
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
        let says_so = self.typ.and_then(Item::as_str) == Some("Bearer");
        // Requirements have been found met by now.
        let shows_it = self.scope.is_some()
            || self.scp.is_some()
            || !expectation.requirements.is_empty()
            || expectation.evidence.as_ref().is_some_and(|path| path.find(root).is_some());
        if says_so || (shows_it && !self.id_token) { Ok(()) } else { Err(Refusal::NoEvidence) }
    }

    pub(super) fn client(&self) -> Result<Option<At>, Refusal> {
        let client_id = name("client_id", self.client_id)?;
        let azp = name("azp", self.azp)?;
        let appid = name("appid", self.appid)?;
        Ok(client_id.or(azp).or(appid))
    }

    pub(super) fn scopes(&self, expectation: &Expectation) -> Result<ScopeSet, Refusal> {
        let (claim, refusal) = match (self.scope, self.scp) {
            (Some(scope), _) => (scope, Refusal::Malformed("scope")),
            (None, Some(scp)) => (scp, Refusal::Malformed("scp")),
            (None, None) => return Ok(expectation.default_scopes.clone()),
        };
        match (claim.as_str(), claim.items()) {
            (Some(""), _) => Ok(ScopeSet::default()),
            (Some(text), _) => ScopeSet::parse(text).map_err(|_| refusal),
            (None, Some(items)) => {
                let parsed =
                    items.take(MAX_SCOPES + 1).map(|item| Scope::parse(item.as_str()?).ok());
                match parsed.collect::<Option<Vec<_>>>() {
                    Some(scopes) if scopes.len() <= MAX_SCOPES => Ok(scopes.into_iter().collect()),
                    _ => Err(refusal),
                }
            }
            (None, None) => Err(refusal),
        }
    }
}

/// A claim that names somebody or something: a string that is not empty.
pub(super) fn name(what: &'static str, claim: Option<Item<'_>>) -> Result<Option<At>, Refusal> {
    match claim {
        None => Ok(None),
        Some(claim) if claim.as_str().is_some_and(|text| !text.is_empty()) => {
            Ok(Some(claim.place()))
        }
        Some(_) => Err(Refusal::Malformed(what)),
    }
}

fn time(what: &'static str, claim: Option<Item<'_>>) -> Result<Option<UnixTime>, Refusal> {
    match claim {
        None => Ok(None),
        Some(claim) => claim.as_time().map(Some).ok_or(Refusal::Malformed(what)),
    }
}
