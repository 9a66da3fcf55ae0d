//! One answered request, as whoever writes it down gets to see it.
//!
//! Everything is borrowed: what is told costs nothing before somebody wants to know it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use portcullis_core::bearer::{Presented, TokenHash, present};
use portcullis_core::decide::Permit;
use portcullis_core::denial::Denial;
use portcullis_core::error::{Blame, Failure};
use portcullis_core::operation::Call;
use portcullis_core::policy::RulePlace;
use portcullis_core::token::{Unverified, VerifiedToken, looks_like_jwt};

use super::Moment;
use super::metrics::ServerMetrics;
use super::trace::Span;
use crate::config::server::{Server, Written};

/// A server as it is watched: made once, when the configuration is read.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What the configuration calls it.
    pub(super) name: Arc<str>,
    pub(super) metrics: Arc<ServerMetrics>,
    /// `FILE:LINE` of each rule.
    pub(super) rules: Arc<[Box<str>]>,
    pub(super) trusts: Arc<Trusts>,
}

/// Whose tokens a server accepts: what a refusal is explained with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusts {
    /// Each issuer: what the configuration calls it, and what it calls itself.
    pub issuers: Vec<(String, String)>,
    /// Whether one of them is asked about tokens that are no JWT.
    pub opaque: bool,
}

impl Trusts {
    /// What the configuration says.
    pub fn of(server: &Server) -> Self {
        let issuers = server.tokens.iter().map(|accepted| &accepted.issuer);
        let issuers =
            issuers.map(|issuer| (issuer.name.to_string(), issuer.issuer.as_str().to_owned()));
        Trusts { issuers: issuers.collect(), opaque: server.opaque().is_some() }
    }

    /// What the configuration calls that issuer.
    pub(super) fn name_of(&self, issuer: &str) -> Option<&str> {
        let row = self.issuers.iter().find(|(_, itself)| itself == issuer);
        row.map(|(name, _)| name.as_str())
    }
}

impl Watched {
    pub(super) fn new(
        name: &str,
        metrics: Arc<ServerMetrics>,
        rules: &[Written],
        trusts: Trusts,
    ) -> Self {
        let rules = rules.iter().map(|rule| rule.to_string().into_boxed_str()).collect();
        Watched { name: name.into(), metrics, rules, trusts: Arc::new(trusts) }
    }

    /// What the configuration calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its counters.
    pub fn metrics(&self) -> &ServerMetrics {
        &self.metrics
    }

    /// Where that rule is written.
    pub(super) fn rule(&self, place: RulePlace) -> Option<&str> {
        self.rules.get(place.index()).map(|rule| &**rule)
    }
}

/// What is known of every request.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// When it came.
    pub at: Moment,
    /// What it is called, in the audit trail and in the log.
    pub request: &'a str,
    /// Whose it is, as far as [`crate::client::address`] can tell.
    pub client: IpAddr,
    /// What it was for.
    pub server: &'a Watched,
    /// How long it took until the answer began.
    pub latency: Duration,
    /// Its span, where there is one.
    pub span: Option<&'a Span>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// It was allowed, and went upstream.
    Allowed {
        /// By which rules.
        rules: &'a [RulePlace],
    },
    /// It was refused, or allowed and could not be done.
    Denied(&'a Failure),
}

impl Outcome<'_> {
    /// `allowed`; `denied`, where nothing went upstream; `failed`, where it was allowed and may have been done
    /// although there is no answer.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Allowed { .. } => "allowed",
            Outcome::Denied(failure) if failure.blame() == Blame::Upstream => "failed",
            Outcome::Denied(_) => "denied",
        }
    }
}

/// One answered request.
#[derive(Clone, Copy, Debug)]
pub struct Noted<'a> {
    /// What is known of every request.
    pub about: About<'a>,
    /// The status of the answer.
    pub status: StatusCode,
    /// How it ended.
    pub outcome: Outcome<'a>,
    /// Who asked, where that is settled.
    pub caller: Option<&'a VerifiedToken>,
    /// What was asked, where that was read.
    pub calls: &'a [Call],
    /// What a token that was not accepted says of itself.
    pub claimed: Option<&'a Claimed>,
}

impl<'a> Noted<'a> {
    /// A request that was allowed and has an answer of the upstream.
    pub fn allowed(about: About<'a>, permit: &'a Permit, status: StatusCode) -> Self {
        let outcome = Outcome::Allowed { rules: permit.rules() };
        let (caller, calls) = (Some(permit.caller().token()), permit.calls());
        Noted { about, status, outcome, caller, calls, claimed: None }
    }

    /// A request that was refused.
    pub fn denied(about: About<'a>, denial: &'a Denial) -> Self {
        Noted {
            about,
            status: denial.status(),
            outcome: Outcome::Denied(denial.failure()),
            caller: denial.caller().map(portcullis_core::proof::Caller::token),
            calls: denial.operation().map_or(&[], |operation| operation.calls()),
            claimed: None,
        }
    }

    /// A request that was allowed and then could not be done.
    pub fn failed(about: About<'a>, permit: &'a Permit, denial: &'a Denial) -> Self {
        let (caller, calls) = (Some(permit.caller().token()), permit.calls());
        Noted { caller, calls, ..Noted::denied(about, denial) }
    }

    /// Adds what the token says of itself: see [`Claimed::of`].
    #[must_use]
    pub fn claiming(self, claimed: &'a Claimed) -> Self {
        Noted { claimed: Some(claimed), ..self }
    }

    /// What stands for the token.
    pub(super) fn token(&self) -> Option<TokenHash> {
        self.caller.map(VerifiedToken::hash).or(self.claimed.map(|claimed| claimed.hash))
    }
}

/// What a token says of itself that was not accepted. Nothing but logs may ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    hash: TokenHash,
    /// Whose it says it is, where it is a JWT.
    pub(super) issuer: Option<String>,
    /// Whether it is no JWT.
    pub(super) opaque: bool,
}

impl Claimed {
    /// Reads the token of a refused request once more; there is none where there is no token. Worth its price
    /// only where the token is to blame: [`Blame::Credential`].
    pub fn of(headers: &HeaderMap) -> Option<Claimed> {
        let Presented::Token(token) = present(headers, None) else { return None };
        let issuer = Unverified::of(&token).ok().map(|token| token.issuer().to_owned());
        Some(Claimed { hash: token.hash(), issuer, opaque: !looks_like_jwt(token.text()) })
    }
}
