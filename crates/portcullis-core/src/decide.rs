//! The one place that decides.
//!
//! [`decide`] takes what is known of a request and answers with a [`Permit`] or a [`Denial`]. A permit
//! owns the request it is for and cannot be made anywhere else, so an upstream request that is built from
//! a permit was allowed, and what was allowed is what is sent.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::denial::Denial;
use crate::error::Failure;
use crate::operation::{Call, Era, Operation, Revision};
use crate::policy::{Budget, Given, Policy, RulePlace, Verdict, View};
use crate::proof::Caller;
use crate::scope::ScopeSet;
use crate::time::UnixTime;
use crate::token::{Refusal, VerifiedToken};

/// An operation that its caller may perform.
#[derive(Debug)]
pub struct Permit {
    operation: Operation,
    caller: Caller,
    rules: Vec<RulePlace>,
}

impl Permit {
    /// The body to send, byte for byte as it came.
    pub fn body(&self) -> &Bytes {
        self.operation.body()
    }

    /// Whether the body is a batch.
    pub fn is_batch(&self) -> bool {
        self.operation.is_batch()
    }

    /// What was allowed, message by message.
    pub fn calls(&self) -> &[Call] {
        self.operation.calls()
    }

    /// The era of the request.
    pub fn era(&self) -> Era {
        self.operation.era()
    }

    /// The revision the request names.
    pub fn revision(&self) -> Option<Revision> {
        self.operation.revision()
    }

    /// Who asked.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The places of the rules that allowed it: one for each target that needed a rule, in their order.
    pub fn rules(&self) -> &[RulePlace] {
        &self.rules
    }

    /// Takes it back: what was allowed is refused after all, for a reason that has nothing to do with policy.
    pub fn withdraw(self, failure: Failure) -> Denial {
        Denial::of_operation(failure, self.operation, self.caller)
    }

    /// What was asked for, to be judged again while it is being done. It keeps nothing of the body, and so
    /// no arguments: a call that was allowed by those is not allowed without.
    pub fn asked(&self) -> Asked {
        Asked(self.operation.without_body())
    }
}

/// An operation that was allowed once and goes on: a stream that listens. It permits nothing.
#[derive(Clone, Debug)]
pub struct Asked(Operation);

impl Asked {
    /// Whether it would be allowed at this moment.
    pub fn may_go_on(
        &self,
        policy: &Policy,
        token: &VerifiedToken,
        now: UnixTime,
    ) -> Result<(), Failure> {
        judge(policy, token, &self.0, now).map(drop)
    }
}

/// Decides on a request.
///
/// Everything in the operation must be allowed. What is refused for want of scopes that the caller
/// can obtain is refused with all of them in one challenge, so that one step-up turns the answer.
///
/// There is no decision without a caller: a request without a token is refused before its body is read,
/// where an [`AccessToken`](crate::bearer::AccessToken) is made of what was presented.
pub fn decide(
    policy: &Policy,
    caller: Caller,
    operation: Operation,
    now: UnixTime,
) -> Result<Permit, Denial> {
    match judge(policy, caller.token(), &operation, now) {
        Ok(rules) => Ok(Permit { operation, caller, rules }),
        Err(failure) => Err(Denial::of_operation(failure, operation, caller)),
    }
}

/// The rules that allow the operation, one for each target that needs one.
fn judge(
    policy: &Policy,
    token: &VerifiedToken,
    operation: &Operation,
    now: UnixTime,
) -> Result<Vec<RulePlace>, Failure> {
    // A token verified a minute ago and kept may have ended since.
    if !token.is_current(now) {
        return Err(Failure::Token(Refusal::Expired(token.expires())));
    }
    // A token that was kept for another server says nothing here.
    if token.resource() != policy.resource() {
        let (found, wanted) = (token.resource().to_string(), policy.resource().to_string());
        return Err(Failure::Token(Refusal::Audience { found, wanted }));
    }
    let view = policy.seen_by(token);
    let mut read = Read { policy, operation, given: BTreeMap::new(), budget: Budget::default() };
    let mut rules = Vec::new();
    for (place, call) in operation.calls().iter().enumerate() {
        for ask in Policy::asks(call) {
            let mut verdict = view.evaluate(ask);
            if verdict == Verdict::DependsOnArguments {
                verdict = view.judge(ask, Some(read.given(place, call)));
            }
            match verdict {
                Verdict::Yes { rule } => rules.extend(rule),
                Verdict::No | Verdict::DependsOnArguments => return Err(refusal(&view, read)),
            }
        }
    }
    Ok(rules)
}

/// Why an operation is refused: the scopes that all of it needs where the caller can obtain them (RS-7),
/// those of its allowed parts included, since a client may ask for just what it is told.
fn refusal(view: &View<'_>, mut read: Read<'_>) -> Failure {
    let mut scopes = ScopeSet::default();
    for (place, call) in read.operation.calls().iter().enumerate() {
        for ask in Policy::asks(call) {
            match view.step_up(ask, Some(read.given(place, call))) {
                Some(needed) => scopes = scopes.union(&needed),
                None => return Failure::Forbidden,
            }
        }
    }
    Failure::InsufficientScope(scopes)
}

/// The arguments of an operation's calls, each read when it is first asked for, and once.
struct Read<'a> {
    policy: &'a Policy,
    operation: &'a Operation,
    given: BTreeMap<usize, Given<'a>>,
    budget: Budget,
}

impl<'a> Read<'a> {
    fn given(&mut self, place: usize, call: &'a Call) -> &Given<'a> {
        let read = || self.policy.given(self.operation, call, &mut self.budget);
        self.given.entry(place).or_insert_with(read)
    }
}
