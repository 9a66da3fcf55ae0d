//! A policy as one caller sees it.

use super::grants::Grants;
use super::{Ask, Compiled, Given, Listing, Policy, Verdict};
use crate::operation::Target;
use crate::scope::{Scope, ScopeSet};
use crate::token::VerifiedToken;

/// What the holder of one token may do under one policy, and what it could come to do.
#[derive(Debug)]
pub struct View<'p> {
    policy: &'p Policy,
    token: &'p VerifiedToken,
    grants: Grants,
}

impl<'p> View<'p> {
    pub(super) fn new(policy: &'p Policy, token: &'p VerifiedToken) -> Self {
        View { policy, token, grants: token.grants(&policy.vocabulary) }
    }

    /// Whether the caller may do this.
    pub fn evaluate(&self, ask: Ask<'_>) -> Verdict {
        self.judge(ask, None)
    }

    /// Whether lists show this to the caller.
    pub fn shows(&self, target: &Target) -> bool {
        let ask = Ask::Target(target);
        match self.policy.listing {
            Listing::All => true,
            Listing::Allowed => self.evaluate(ask) != Verdict::No,
            Listing::Obtainable => {
                self.evaluate(ask) != Verdict::No || self.step_up(ask, None).is_some()
            }
        }
    }

    /// [`View::evaluate`] with the arguments of the call, where they are known.
    pub(crate) fn judge(&self, ask: Ask<'_>, given: Option<&Given<'_>>) -> Verdict {
        if !self.grants.scopes.contains_all(&self.policy.base) {
            return Verdict::No;
        }
        let Some(candidates) = self.policy.candidates(ask) else {
            return Verdict::Yes { rule: None };
        };
        let mut depends = false;
        for (place, compiled) in candidates {
            if !compiled.admits(&self.grants) {
                continue;
            }
            let yes = Verdict::Yes { rule: Some(place) };
            match given {
                _ if compiled.rule.args.is_empty() => return yes,
                Some(given) if compiled.rule.accepts(given) => return yes,
                Some(_) => {}
                None => depends = true,
            }
        }
        if depends { Verdict::DependsOnArguments } else { Verdict::No }
    }

    /// The scopes with which this caller is allowed, or would be and can obtain them: those of the rule
    /// that allows it, else of the first rule in order that could be met. `None` where no scope helps.
    /// Where arguments are unknown they are taken to match.
    pub(crate) fn step_up(&self, ask: Ask<'_>, given: Option<&Given<'_>>) -> Option<ScopeSet> {
        let base = self.needed(&self.policy.base_scopes)?;
        let Some(candidates) = self.policy.candidates(ask) else { return Some(base) };
        let matches = |compiled: &&Compiled| given.is_none_or(|given| compiled.rule.accepts(given));
        let matching: Vec<&Compiled> =
            candidates.map(|(_, compiled)| compiled).filter(matches).collect();
        let allowing = matching.iter().find(|compiled| compiled.admits(&self.grants));
        let scopes = match allowing {
            Some(compiled) => self.scopes_for(compiled),
            None => matching.iter().find_map(|compiled| self.scopes_for(compiled)),
        };
        scopes.map(|scopes| base.union(&scopes))
    }

    /// The scopes with which the caller meets the rule, where it can obtain them.
    fn scopes_for(&self, compiled: &Compiled) -> Option<ScopeSet> {
        let rule = &compiled.rule;
        let scopes = self.needed(&rule.scopes)?;
        let asserted = self.policy.vocabulary.role_mask(self.token.roles());
        if rule.roles.is_empty() || asserted.intersects(&compiled.roles) {
            return Some(scopes);
        }
        // A role that the issuer does not assert can only come with a scope; one that is held already
        // asks for nothing new.
        let brings = |(scope, role): &(Scope, _)| {
            if rule.roles.contains(role) { self.name_for(scope) } else { None }
        };
        let named = self.policy.scope_roles.iter().filter_map(brings);
        let scope = named.min_by_key(|named| !self.token.scopes().contains(named))?;
        Some(scopes.union(&ScopeSet::from_iter([scope])))
    }

    /// What a token must name to satisfy `scopes`; `None` where this caller cannot obtain it. What is
    /// held already is named too, since a client may ask for just what it is told.
    fn needed(&self, scopes: &ScopeSet) -> Option<ScopeSet> {
        scopes.iter().map(|scope| self.name_for(scope)).collect()
    }

    /// The scope itself, or the broader one by which the caller holds it.
    fn name_for(&self, scope: &Scope) -> Option<Scope> {
        let (vocabulary, held) = (&self.policy.vocabulary, self.token.scopes());
        let mask = vocabulary.mask(&ScopeSet::from_iter([scope.clone()]));
        if held.contains(scope) {
            return Some(scope.clone());
        }
        if !self.grants.scopes.contains_all(&mask) {
            return self.token.may_obtain(scope).then(|| scope.clone());
        }
        let alone = |held: &Scope| vocabulary.grants(&ScopeSet::from_iter([held.clone()]), &[]);
        held.iter().find(|held| alone(held).scopes.contains_all(&mask)).cloned()
    }
}
