//! A table of requests, judged by the core as a gateway would, without a network around it.
//!
//! [`Server::judge`] is the way of one request: from headers and bytes to a permit or a denial. The
//! rest of the demo only feeds it and prints what it says.
//!
//! * `table` – the key, the tokens made with it, and the requests
//! * `print` – the verdicts for people and for machines

mod print;
mod table;

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use portcullis_core::bearer::{self, AccessToken};
use portcullis_core::decide::{Permit, decide};
use portcullis_core::denial::Denial;
use portcullis_core::error::Failure;
use portcullis_core::id::{Issuer, ResourceId};
use portcullis_core::keys::KeySet;
use portcullis_core::metadata::ProtectedResource;
use portcullis_core::operation::{Limits, Operation};
use portcullis_core::policy::{Policy, Rule, RulePlace};
use portcullis_core::proof::{Caller, Evidence, confirm};
use portcullis_core::scope::ScopeSet;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Unverified};

pub use print::Colour;

use crate::made_key::MadeKey;

const RESOURCE: &str = "https://mcp.example.com/files/mcp";
const ISSUER: &str = "https://mcp.example.com";
const BASE_SCOPE: &str = "files:read";

/// One rule of the demo's policy, as a configuration would write it.
struct Written {
    allow: &'static [&'static str],
    scope: Option<&'static str>,
    /// An argument and the pattern it must match.
    argument: Option<(&'static str, &'static str)>,
}

/// The policy that is printed and asked.
const RULES: [Written; 3] = [
    Written {
        allow: &["tools/call read_*", "resources/read file:///public/**"],
        scope: None,
        argument: None,
    },
    Written { allow: &["tools/call *"], scope: Some("files:write"), argument: None },
    Written { allow: &["tools/call find"], scope: None, argument: Some(("path", "/public/**")) },
];

/// A protected MCP server, as far as judging its requests needs it.
#[derive(Debug)]
pub struct Server {
    resource: ProtectedResource,
    policy: Policy,
    expectation: Arc<Expectation>,
    keys: KeySet,
}

impl Server {
    /// The server of the demo. Its tokens are signed by the keys of this JWK Set.
    ///
    /// Everything else is built in, so an error is a defect of the demo and not of its surroundings.
    pub fn new(jwks: &str) -> Result<Self, Box<dyn Error>> {
        let issuer = Issuer::parse(ISSUER)?;
        let rules = RULES.iter().map(Written::compile).collect::<Result<Vec<_>, _>>()?;
        let resource = ResourceId::parse(RESOURCE)?;
        let base_scopes = ScopeSet::parse(BASE_SCOPE)?;
        let policy = Policy::rules(resource.clone(), rules).base_scopes(base_scopes).build()?;
        let metadata = ProtectedResource::new(resource.clone(), vec![issuer.clone()])?;
        Ok(Server {
            resource: metadata.scopes(policy.scopes())?,
            policy,
            expectation: Arc::new(Expectation::new(issuer.clone(), resource)),
            keys: KeySet::parse(issuer, jwks.as_bytes())?,
        })
    }

    /// The way of one request. No step calls an earlier one, and whatever fails is a denial.
    pub fn judge(&self, request: &Request<Bytes>, now: UnixTime) -> Result<Permit, Denial> {
        let headers = request.headers();
        // 1 to 4: who is asking. Nobody's body is read before that is settled.
        let caller = self
            .identify(headers, request.uri().query(), now)
            .map_err(|failure| Denial::before_reading(failure, headers))?;
        // 5: what is asked. One reading of the body, or none.
        let body = request.body().clone();
        let operation = Operation::read(request.method(), headers, body, Limits::default())?;
        // 6: may it be. A permit is the only thing that a gateway would forward.
        decide(&self.policy, caller, operation, now)
    }

    /// From a stranger's headers to a caller.
    fn identify(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        now: UnixTime,
    ) -> Result<Caller, Failure> {
        // 1: one header, one token.
        let token = AccessToken::try_from(bearer::present(headers, query))?;
        // 2: whose token it claims to be. Nothing is asked of an issuer that is not ours.
        let unverified = Unverified::of(&token)?;
        let expectation = unverified.expected_by([&self.expectation]);
        let expectation = expectation.ok_or(Failure::UnknownIssuer)?;
        // 3: the issuer's keys. A gateway has them in a cache; here they were always at hand.
        let keys = &self.keys;
        // 4: signature, type, audience, lifetime; then whether a key that the token names was shown.
        let verified = unverified.verify(keys, expectation, now)?;
        Ok(confirm(Arc::new(verified), &token, Evidence::None)?)
    }
}

impl Written {
    fn compile(&self) -> Result<Rule, Box<dyn Error>> {
        let mut rule = Rule::allow(self.allow.iter().copied())?;
        if let Some(scope) = self.scope {
            rule = rule.scopes(ScopeSet::parse(scope)?);
        }
        if let Some((name, pattern)) = self.argument {
            rule = rule.arg(name, [pattern])?;
        }
        Ok(rule)
    }
}

/// The verdicts on the table.
#[derive(Debug)]
pub struct Report(Vec<Group>);

/// Requests that have something in common.
#[derive(Debug)]
struct Group {
    title: &'static str,
    rows: Vec<Row>,
}

/// One request and its verdict.
#[derive(Debug)]
struct Row {
    /// What is asked, in a few words.
    request: &'static str,
    /// What it is asked with.
    credential: &'static str,
    verdict: Verdict,
}

#[derive(Debug)]
enum Verdict {
    /// By that rule, where rules were asked.
    Allowed { rule: Option<RulePlace> },
    /// With the answer to the client, and for the log why.
    Denied { answer: Response<Bytes>, failure: Failure },
}

impl Report {
    /// Makes a key and tokens for this moment, and judges every request of the table at it.
    pub fn of_the_table(now: UnixTime) -> Result<Self, Box<dyn Error>> {
        let key = MadeKey::generate()?;
        let server = Server::new(&key.to_jwks()?)?;
        let judged = |entry: table::Entry| {
            let verdict = match server.judge(&entry.request, now) {
                Ok(permit) => Verdict::Allowed { rule: permit.rules().first().copied() },
                Err(denial) => Verdict::Denied {
                    answer: denial.respond(&server.resource, &server.policy),
                    failure: denial.failure().clone(),
                },
            };
            Row { request: entry.title, credential: entry.credential, verdict }
        };
        let groups = table::requests(&key, now)?.into_iter().map(|(title, entries)| Group {
            title,
            rows: entries.into_iter().map(judged).collect(),
        });
        Ok(Report(groups.collect()))
    }
}
