//! The one place that decides.
//!
//! [`decide`] takes what is known of a request and answers with a [`Permit`] or a [`Denial`]. A permit
//! owns the request it is for and cannot be made anywhere else, so an upstream request that is built from
//! a permit was allowed, and what was allowed is what is sent.

use bytes::Bytes;

use crate::denial::Denial;
use crate::error::Failure;
use crate::operation::{Call, Era, Operation, Revision};
use crate::policy::{Policy, RulePlace, Verdict, View};
use crate::proof::Caller;
use crate::scope::ScopeSet;
use crate::time::UnixTime;
use crate::token::{Refusal, VerifiedToken};

/// An operation that its caller may perform.
#[derive(Debug)]
pub struct Permit {
    operation: Operation,
    caller: Caller,
    rule: Option<RulePlace>,
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

    /// The place of the rule that allowed it; of several targets the last one's.
    pub fn rule(&self) -> Option<RulePlace> {
        self.rule
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
        Ok(rule) => Ok(Permit { operation, caller, rule }),
        Err(failure) => Err(Denial::of_operation(failure, operation, caller)),
    }
}

/// The rule that allows all of the operation, the last one's where it takes several.
fn judge(
    policy: &Policy,
    token: &VerifiedToken,
    operation: &Operation,
    now: UnixTime,
) -> Result<Option<RulePlace>, Failure> {
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
    let mut allowed_by = None;
    for call in operation.calls() {
        let mut arguments = None;
        for ask in Policy::asks(call) {
            let mut verdict = view.evaluate(ask);
            if verdict == Verdict::DependsOnArguments {
                let arguments = arguments.get_or_insert_with(|| policy.arguments(operation, call));
                verdict = view.judge(ask, Some(arguments));
            }
            match verdict {
                Verdict::Yes { rule } => allowed_by = rule.or(allowed_by),
                Verdict::No | Verdict::DependsOnArguments => {
                    return Err(refusal(policy, &view, operation));
                }
            }
        }
    }
    Ok(allowed_by)
}

/// Why an operation is refused: the scopes that all of it needs where the caller can obtain them (RS-7),
/// those of its allowed parts included, since a client may ask for just what it is told.
fn refusal(policy: &Policy, view: &View<'_>, operation: &Operation) -> Failure {
    let mut scopes = ScopeSet::default();
    for call in operation.calls() {
        let arguments = policy.arguments(operation, call);
        for ask in Policy::asks(call) {
            match view.step_up(ask, Some(&arguments)) {
                Some(needed) => scopes = scopes.union(&needed),
                None => return Failure::Forbidden,
            }
        }
    }
    Failure::InsufficientScope(scopes)
}
