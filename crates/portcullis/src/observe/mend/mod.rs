//! What was wrong with a refused request, and the likely mend.
//!
//! For the log of the operator, never for the client: it names what the configuration expects. What it quotes
//! of a token are single claims that the core has cut already, never the token.

mod provider;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use portcullis_core::error::Failure;
use portcullis_core::keys::NoMatch;
use portcullis_core::token::{Refusal, VerifiedToken};
use portcullis_core::{bearer, jws};

use self::provider::Provider;
use super::{Claimed, Moment, Noted, Outcome, Trusts, Watched};

/// So many issuers are listed in one message.
const LISTED: usize = 4;

/// Longer words of strangers are cut.
const LONGEST: usize = 200;

/// A token that ended so long ago may have been a good one by another clock.
const CLOCKS_APART: u64 = 300;

/// A refusal with its mend. Shown as `what was found; what to do`.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'e> {
    failure: &'e Failure,
    server: &'e Watched,
    claimed: Option<&'e Claimed>,
    caller: Option<&'e VerifiedToken>,
    at: Moment,
}

impl<'e> Explained<'e> {
    /// Why that request was refused, if it was.
    pub fn of(noted: &Noted<'e>) -> Option<Self> {
        let Outcome::Denied(failure) = noted.outcome else { return None };
        let Noted { about, claimed, caller, .. } = *noted;
        Some(Explained { failure, server: about.server, claimed, caller, at: about.at })
    }

    /// The refusal.
    pub fn failure(&self) -> &'e Failure {
        self.failure
    }

    fn trusts(&self) -> &'e Trusts {
        &self.server.trusts
    }

    /// Whose token it is, or says it is, or must be since there is no other issuer.
    fn issuer(&self) -> Option<&'e str> {
        let claimed = self.claimed.and_then(|claimed| claimed.issuer.as_deref());
        let only = match &*self.trusts().issuers {
            [(_, only)] => Some(only.as_str()),
            _ => None,
        };
        self.caller.map(|token| token.issuer().as_str()).or(claimed).or(only)
    }

    /// `[issuers.NAME]` as the configuration has it.
    fn table(&self) -> String {
        let name = self.issuer().and_then(|issuer| self.trusts().name_of(issuer));
        format!("[issuers.{}]", name.unwrap_or("NAME"))
    }

    /// What the provider's own settings can do about it.
    fn at_provider(&self, pick: impl Fn(&Provider) -> Option<&'static str>) -> Option<String> {
        let provider = Provider::of(self.issuer()?)?;
        Some(format!("{}: {}", provider.name, pick(provider)?))
    }

    fn finding(&self) -> Option<String> {
        let claimed = self.claimed;
        Some(match self.failure {
            Failure::Token(Refusal::Audience { found, wanted }) => {
                // Audiences are URLs and names, so that the blanks are those between them.
                let found: Vec<&str> = found.split(' ').collect();
                format!("aud is {found:?}, wanted {}", wanted.replace(' ', " or "))
            }
            Failure::Token(Refusal::HeaderType(found)) if found.is_empty() => {
                "the header has no typ, wanted \"at+jwt\"".to_owned()
            }
            Failure::Token(Refusal::HeaderType(found)) => {
                format!("typ is {found:?}, wanted \"at+jwt\"")
            }
            Failure::Token(Refusal::Expired(then)) => {
                format!("expired {} ago", seconds(self.now().saturating_sub(then.as_secs())))
            }
            Failure::Token(Refusal::NotYetValid(then)) => {
                format!(
                    "not valid for another {}",
                    seconds(then.as_secs().saturating_sub(self.now()))
                )
            }
            Failure::Token(Refusal::IssuedInFuture(then)) => {
                format!("issued {} from now", seconds(then.as_secs().saturating_sub(self.now())))
            }
            Failure::UnknownIssuer => {
                if let Some(found) = claimed.and_then(|claimed| claimed.issuer.as_deref()) {
                    format!("iss is {:?}, wanted {}", excerpt(found), self.wanted_issuers())
                } else if claimed.is_some_and(|claimed| claimed.opaque) {
                    "the token is no JWT, and no issuer here is asked about such tokens".to_owned()
                } else {
                    return None;
                }
            }
            Failure::InsufficientScope(needed) => match self.caller.map(VerifiedToken::scopes) {
                Some(scopes) if scopes.is_empty() => {
                    format!("needs {needed}, the token has no scope")
                }
                Some(scopes) => format!("needs {needed}, the token has {scopes}"),
                None => return None,
            },
            _ => return None,
        })
    }

    fn mend(&self) -> Option<Cow<'static, str>> {
        let server = self.server.name();
        let mend = match self.failure {
            Failure::Token(refusal) => return self.mend_token(refusal),
            Failure::UnknownIssuer => return self.mend_issuer(),
            Failure::InsufficientScope(_) => self.at_provider(|provider| provider.scope)?,
            Failure::Forbidden => return Some("\"portcullis policy explain\" shows why".into()),
            Failure::Origin(_) => {
                format!(
                    "write it into \"allowed_origins\" of [servers.{server}] if the page may call"
                )
            }
            Failure::Host(_) => {
                format!(
                    "write it into \"allowed_hosts\" of [servers.{server}] if it is another name of it"
                )
            }
            Failure::Credentials(bearer::Malformed::InQuery) => {
                return Some("the token is in logs and histories by now: revoke it".into());
            }
            _ => return None,
        };
        Some(mend.into())
    }

    fn mend_token(&self, refusal: &Refusal) -> Option<Cow<'static, str>> {
        let table = || self.table();
        Some(Cow::Owned(match refusal {
            Refusal::Audience { .. } | Refusal::Missing("aud") => {
                self.at_provider(|provider| provider.audience)?
            }
            Refusal::Missing("sub") => self.at_provider(|provider| provider.subject)?,
            Refusal::HeaderType(found) if Self::may_be_accepted(found) => {
                let accept =
                    format!("accept_typ = [\"JWT\"] in {} if its access tokens are so", table());
                match self.at_provider(|provider| provider.typ) {
                    Some(at_provider) => format!("{at_provider}; or {accept}"),
                    None => accept,
                }
            }
            Refusal::NoEvidence => format!(
                "let the issuer write the scope into it, or name a claim that only its access tokens have by \
                 \"access_token_claim\" in {}",
                table()
            ),
            Refusal::OtherPurpose(_) => {
                return Some(
                    "the client sends its ID token, or another, for its access token".into(),
                );
            }
            Refusal::Requirement(_) => format!("\"require\" in {} says so", table()),
            Refusal::Algorithm(algorithm) => {
                format!("add {algorithm} to \"algorithms\" in {} if it is to sign so", table())
            }
            Refusal::Expired(then) if self.now().saturating_sub(then.as_secs()) <= CLOCKS_APART => {
                return Some("if it was fresh, the clocks of issuer and gateway differ".into());
            }
            Refusal::Expired(_) => return Some("the client has to refresh it".into()),
            Refusal::NotYetValid(_) | Refusal::IssuedInFuture(_) => format!(
                "the clocks of issuer and gateway differ: set them right, or raise \"skew\" in {}",
                table()
            ),
            Refusal::Key(NoMatch::UnknownKid) | Refusal::Jws(jws::Refusal::Signature) => format!(
                "of another realm or environment under the same name, or \"jwks\" in {} is not where its keys are",
                table()
            ),
            Refusal::Jws(jws::Refusal::Encrypted) => {
                return Some(
                    "let the issuer sign its access tokens without encrypting them".into(),
                );
            }
            Refusal::Jws(jws::Refusal::AlgorithmSymmetric) => {
                return Some("let the issuer sign with a key pair (RS256, ES256)".into());
            }
            _ => return None,
        }))
    }

    /// The types that some issuers give their access tokens, and that the configuration can accept.
    fn may_be_accepted(typ: &str) -> bool {
        typ.is_empty() || typ.eq_ignore_ascii_case("JWT")
    }

    fn mend_issuer(&self) -> Option<Cow<'static, str>> {
        let claimed = self.claimed?;
        let Some(found) = claimed.issuer.as_deref() else {
            return claimed.opaque.then_some(
                "let the issuer make JWTs, or have it asked: introspection = { … } in [issuers.NAME]".into(),
            );
        };
        let mut wanted = self.trusts().issuers.iter();
        Some(match wanted.find_map(|(_, wanted)| nearly(found, wanted)) {
            Some(difference) => difference.into(),
            None => format!(
                "if it is to be trusted, describe it under [issuers] and list it in \"issuers\" of [servers.{}]",
                self.server.name()
            )
            .into(),
        })
    }

    fn wanted_issuers(&self) -> String {
        let issuers = &self.trusts().issuers;
        let listed = issuers.iter().take(LISTED).map(|(_, wanted)| format!("{wanted:?}"));
        let mut listed = listed.collect::<Vec<_>>().join(" or ");
        if issuers.len() > LISTED {
            listed.push_str(" or another");
        }
        listed
    }

    fn now(&self) -> u64 {
        Duration::from(self.at).as_secs()
    }
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.finding() {
            Some(finding) => f.write_str(&finding)?,
            None => self.failure.fmt(f)?,
        }
        match self.mend() {
            Some(mend) => write!(f, "; {mend}"),
            None => Ok(()),
        }
    }
}

/// What to do about two issuers that are nearly the same.
fn nearly(found: &str, wanted: &str) -> Option<&'static str> {
    if found.trim_end_matches('/') == wanted.trim_end_matches('/') {
        return Some("they differ by a slash at the end: write the issuer as its tokens do");
    }
    if found.eq_ignore_ascii_case(wanted) {
        return Some("they differ by upper and lower case: write the issuer as its tokens do");
    }
    if let (Some((_, found)), Some((_, wanted))) =
        (found.split_once("://"), wanted.split_once("://"))
        && found == wanted
    {
        return Some("they differ by http and https: tell the issuer its public URL");
    }
    let is_entra = Provider::of(wanted).is_some_and(|provider| provider.name == "Entra ID");
    if is_entra && found.starts_with("https://sts.windows.net/") {
        return Some(
            "Entra ID: this is a token of version 1; set requestedAccessTokenVersion (accessTokenAcceptedVersion in \
             older manifests) of the server's application to 2",
        );
    }
    None
}

fn seconds(count: u64) -> String {
    format!("{count} s")
}

/// A stranger's words, short enough for a log line.
fn excerpt(text: &str) -> &str {
    (0..=LONGEST.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}
