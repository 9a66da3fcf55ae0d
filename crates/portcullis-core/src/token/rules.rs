//! The rules a claims set is judged by, one function for each.

use super::{Expectation, Refusal, excerpt};
use crate::json::Item;
use crate::scope::{MAX_SCOPES, Scope, ScopeSet};
use crate::time::UnixTime;

/// More audiences than this are no audience.
const MAX_AUDIENCES: usize = 64;

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
    pub(super) scope: Option<Item<'c>>,
    pub(super) scp: Option<Item<'c>>,
    pub(super) cnf: Option<Item<'c>>,
    pub(super) typ: Option<Item<'c>>,
    pub(super) token_use: Option<Item<'c>>,
    pub(super) token_type: Option<Item<'c>>,
    pub(super) events: Option<Item<'c>>,
    /// `nonce`, `at_hash` or `c_hash`, if any of them is there: an ID token is the answer to a login and
    /// bound to it.
    pub(super) login: Option<&'static str>,
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
                "token_type" => &mut known.token_type,
                "events" => &mut known.events,
                name => {
                    let marks = ["nonce", "at_hash", "c_hash"];
                    known.login = known.login.or(marks.into_iter().find(|mark| *mark == name));
                    continue;
                }
            };
            *slot = Some(claim);
        }
        known
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

    pub(super) fn end(
        &self,
        expectation: &Expectation,
        now: UnixTime,
        origin: Origin<'_>,
    ) -> Result<End, Refusal> {
        let written = time("exp", self.exp)?;
        let last = written.map(|expires| expires.plus(expectation.skew));
        if let (Some(expires), Some(last)) = (written, last)
            && now >= last
        {
            return Err(Refusal::Expired(expires));
        }
        match (written, last, origin) {
            (Some(expires), Some(last), Origin::Signed { .. }) => {
                Ok(End { expires, deadline: last })
            }
            (_, _, Origin::Signed { .. }) => Err(Refusal::Missing("exp")),
            (_, _, Origin::Introspected) => {
                // Our own limit on our own clock, so no skew goes on top.
                let limit = now.plus(expectation.introspection_lifetime);
                let deadline = last.map_or(limit, |last| last.min(limit));
                Ok(End { expires: written.unwrap_or(limit), deadline })
            }
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

    pub(super) fn client(&self) -> Result<Option<&'_ str>, Refusal> {
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

/// When a token is over.
pub(super) struct End {
    /// `exp`, or where an answer has none, when it has to be asked again.
    pub(super) expires: UnixTime,
    /// From this moment on it is not accepted.
    pub(super) deadline: UnixTime,
}

/// A claim that names somebody or something: a string that is not empty and has no control characters,
/// which would break the line of a log or end a name where another reader does not.
pub(super) fn name<'c>(
    what: &'static str,
    claim: Option<Item<'c>>,
) -> Result<Option<&'c str>, Refusal> {
    match claim {
        None => Ok(None),
        Some(claim) => match claim.as_str() {
            Some(text) if !text.is_empty() && !has_control(text) => Ok(Some(text)),
            _ => Err(Refusal::Malformed(what)),
        },
    }
}

fn has_control(text: &str) -> bool {
    // Nearly every name is visible ASCII.
    let is_visible = |byte| matches!(byte, b' '..=b'~');
    !text.bytes().all(is_visible) && text.chars().any(char::is_control)
}

fn time(what: &'static str, claim: Option<Item<'_>>) -> Result<Option<UnixTime>, Refusal> {
    match claim {
        None => Ok(None),
        Some(claim) => claim.as_time().map(Some).ok_or(Refusal::Malformed(what)),
    }
}
