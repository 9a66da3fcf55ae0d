//! What a caller may do at one server.
//!
//! A policy answers one question, [`Policy::evaluate`]: may a caller with these grants do this? It
//! never looks at a request; [`decide`](crate::decide) does, and it alone turns answers into permits.
//! Rules are a union: each allows something, none takes anything back, and what none allows is denied.
//!
//! * [`Rule`] – one rule as written, refused when it cannot mean what its author thinks
//! * `pattern` – `*` and `**`, and which URIs mean the same to everybody
//! * `index` – the rules that match a name, found without trying each
//! * [`Grants`] – a caller's scopes and roles, numbered once per token

mod grants;
mod index;
mod pattern;
mod rule;

use std::fmt;

pub use self::grants::{Grants, MAX_NAMES};
use self::grants::{Mask, Vocabulary};
use self::index::Index;
pub use self::pattern::{BadPattern, MAX_PATTERN};
use self::rule::{ArgumentCondition, Kind};
pub use self::rule::{BadRule, Rule};
use crate::operation::{Arguments, Call, Class, Operation, Target};
use crate::scope::{Hierarchy, Role, Scope, ScopeSet};
use crate::token::VerifiedToken;

/// Who may call what, before rules are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Every valid token with the base scopes may do everything.
    SignedIn,
    /// Only what a rule allows.
    Rules,
}

/// What lists (tools, prompts, resources, templates) show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// What the caller may use now or could after asking for more scopes.
    #[default]
    Obtainable,
    /// What the caller may use now.
    Allowed,
    /// Everything upstream lists.
    All,
}

/// The policy of one server, compiled.
#[derive(Clone, Debug)]
pub struct Policy {
    access: Access,
    listing: Listing,
    base_scopes: ScopeSet,
    base: Mask,
    rules: Vec<Compiled>,
    tools: Index,
    prompts: Index,
    resources: Index,
    methods: Index,
    vocabulary: Vocabulary,
    scope_roles: Vec<(Scope, Role)>,
    /// The arguments that any rule looks at.
    arguments: Vec<String>,
}

/// A rule with its names numbered.
#[derive(Clone, Debug)]
struct Compiled {
    rule: Rule,
    scopes: Mask,
    roles: Mask,
}

/// Why a policy is refused when it is built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPolicy {
    /// `access = "rules"` without a rule denies everything.
    #[error("access is \"rules\" and there is no rule: every call would be refused")]
    NoRules,
    /// `access = "signed-in"` beside rules, which it would never ask.
    #[error("access is \"signed-in\", so the rules would never be asked; write access = \"rules\"")]
    RulesUnused,
    /// More than [`MAX_NAMES`] scopes or roles.
    #[error("the policy speaks of more than {MAX_NAMES} scopes or roles")]
    TooManyNames,
    /// `offline_access` is about refresh tokens, never about a resource (RS-2).
    #[error(
        "offline_access is no scope of a resource: clients ask the authorization server for it"
    )]
    OfflineAccess,
}

/// A policy under construction.
#[derive(Clone, Debug)]
pub struct PolicyBuilder {
    access: Access,
    listing: Listing,
    base_scopes: ScopeSet,
    rules: Vec<Rule>,
    hierarchy: Hierarchy,
    scope_roles: Vec<(Scope, Role)>,
}

impl PolicyBuilder {
    /// Scopes that every call needs but the open ones; named in the 401.
    #[must_use]
    pub fn base_scopes(mut self, scopes: ScopeSet) -> Self {
        self.base_scopes = scopes;
        self
    }

    /// Which scopes include which (RS-8).
    #[must_use]
    pub fn hierarchy(mut self, hierarchy: Hierarchy) -> Self {
        self.hierarchy = hierarchy;
        self
    }

    /// Roles that come with a scope at this server.
    #[must_use]
    pub fn scope_roles(mut self, scope_roles: impl IntoIterator<Item = (Scope, Role)>) -> Self {
        self.scope_roles = scope_roles.into_iter().collect();
        self
    }

    /// What lists show.
    #[must_use]
    pub fn listing(mut self, listing: Listing) -> Self {
        self.listing = listing;
        self
    }

    /// Compiles the policy.
    pub fn build(self) -> Result<Policy, BadPolicy> {
        match (self.access, self.rules.is_empty()) {
            (Access::Rules, true) => return Err(BadPolicy::NoRules),
            (Access::SignedIn, false) => return Err(BadPolicy::RulesUnused),
            _ => {}
        }
        let mut names = self.base_scopes.union(&self.hierarchy.broad_scopes().cloned().collect());
        names = names.union(&self.scope_roles.iter().map(|(scope, _)| scope.clone()).collect());
        names = self.rules.iter().fold(names, |names, rule| names.union(&rule.scopes));
        if names.iter().any(|scope| scope.as_str() == "offline_access") {
            return Err(BadPolicy::OfflineAccess);
        }
        let asked = self.rules.iter().flat_map(|rule| rule.roles.iter().cloned());
        let roles = asked.chain(self.scope_roles.iter().map(|(_, role)| role.clone()));
        let vocabulary = Vocabulary::new(&names, roles, &self.hierarchy, &self.scope_roles);
        let vocabulary = vocabulary.ok_or(BadPolicy::TooManyNames)?;

        let mut policy = Policy {
            access: self.access,
            listing: self.listing,
            base: vocabulary.mask(&self.base_scopes),
            base_scopes: self.base_scopes,
            rules: Vec::with_capacity(self.rules.len()),
            tools: Index::default(),
            prompts: Index::default(),
            resources: Index::default(),
            methods: Index::default(),
            vocabulary,
            scope_roles: self.scope_roles,
            arguments: Vec::new(),
        };
        for rule in self.rules {
            policy.add(rule);
        }
        policy.arguments.sort_unstable();
        policy.arguments.dedup();
        Ok(policy)
    }
}

/// One thing that must be allowed for a call to be.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// The base scopes and nothing more.
    Base,
    /// A tool, prompt, resource or other target.
    Target(&'a Target),
    /// A method no revision defines, by name.
    Method(&'a str),
}

/// The place of a rule in its policy. Shown as people count: the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RulePlace(usize);

impl RulePlace {
    /// Counted from 0, to find the rule again.
    pub const fn index(self) -> usize {
        self.0
    }
}

impl fmt::Display for RulePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.saturating_add(1).fmt(f)
    }
}

/// The answer of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed, by that rule where rules were asked.
    Yes {
        /// The first rule in order that allows it.
        rule: Option<RulePlace>,
    },
    /// Not allowed.
    No,
    /// Allowed or not by the arguments of the call.
    DependsOnArguments,
}

impl Policy {
    /// Every valid token with the base scopes may do everything.
    pub fn signed_in() -> PolicyBuilder {
        Policy::builder(Access::SignedIn, Vec::new())
    }

    /// Only what these rules allow, beside what the base scopes govern.
    pub fn rules(rules: impl IntoIterator<Item = Rule>) -> PolicyBuilder {
        Policy::builder(Access::Rules, rules.into_iter().collect())
    }

    fn builder(access: Access, rules: Vec<Rule>) -> PolicyBuilder {
        PolicyBuilder {
            access,
            rules,
            listing: Listing::default(),
            base_scopes: ScopeSet::default(),
            hierarchy: Hierarchy::default(),
            scope_roles: Vec::new(),
        }
    }

    fn add(&mut self, rule: Rule) {
        let place = self.rules.len();
        for allow in &rule.allow {
            let index = match allow.kind {
                Kind::Tool => &mut self.tools,
                Kind::Prompt => &mut self.prompts,
                Kind::Resource => &mut self.resources,
                Kind::Method => &mut self.methods,
            };
            index.insert(&allow.pattern, place);
        }
        self.arguments.extend(rule.args.iter().map(|ArgumentCondition { name, .. }| name.clone()));
        let (scopes, roles) =
            (self.vocabulary.mask(&rule.scopes), self.vocabulary.role_mask(&rule.roles));
        self.rules.push(Compiled { rule, scopes, roles });
    }

    /// Every scope the policy speaks of.
    pub fn scopes(&self) -> ScopeSet {
        self.vocabulary.scopes().cloned().collect()
    }

    /// The scopes every call needs but the open ones.
    pub fn base_scopes(&self) -> &ScopeSet {
        &self.base_scopes
    }

    /// What a caller holds, in this policy's terms.
    pub fn grants(&self, token: &VerifiedToken) -> Grants {
        self.vocabulary.grants_of(token)
    }

    /// Whether two callers with valid tokens can be answered differently.
    pub fn varies(&self) -> bool {
        !self.base_scopes.is_empty()
            || self.rules.iter().any(|r| !r.rule.scopes.is_empty() || !r.rule.roles.is_empty())
    }

    /// Whether a caller with these grants may do this.
    pub fn evaluate(&self, grants: &Grants, ask: Ask<'_>) -> Verdict {
        self.judge(grants, ask, None)
    }

    /// Whether lists show this to the caller.
    pub fn shows(&self, token: &VerifiedToken, target: &Target) -> bool {
        let grants = self.grants(token);
        let ask = Ask::Target(target);
        match self.listing {
            Listing::All => true,
            Listing::Allowed => self.evaluate(&grants, ask) != Verdict::No,
            Listing::Obtainable => {
                self.evaluate(&grants, ask) != Verdict::No
                    || self.step_up(token, &grants, ask, None).is_some()
            }
        }
    }

    /// All that a call asks; nothing for the open ones.
    pub(crate) fn asks(call: &Call) -> impl Iterator<Item = Ask<'_>> {
        let (single, targets) = match call.method().class() {
            Class::Open => (None, &[][..]),
            Class::Target if !call.targets().is_empty() => (None, call.targets()),
            Class::Base | Class::Target => (Some(Ask::Base), &[][..]),
            Class::Method => (Some(Ask::Method(call.method_name())), &[][..]),
        };
        single.into_iter().chain(targets.iter().map(Ask::Target))
    }

    /// [`Policy::evaluate`] with the arguments of the call, where they are known.
    pub(crate) fn judge(
        &self,
        grants: &Grants,
        ask: Ask<'_>,
        arguments: Option<&Arguments<'_>>,
    ) -> Verdict {
        if !grants.scopes.contains_all(&self.base) {
            return Verdict::No;
        }
        let Some(candidates) = self.candidates(ask) else { return Verdict::Yes { rule: None } };
        let mut depends = false;
        for (place, compiled) in candidates {
            if compiled.admits(grants) {
                match arguments {
                    _ if compiled.rule.args.is_empty() => {
                        return Verdict::Yes { rule: Some(place) };
                    }
                    Some(arguments) if compiled.rule.arguments_match(arguments) => {
                        return Verdict::Yes { rule: Some(place) };
                    }
                    Some(_) => {}
                    None => depends = true,
                }
            }
        }
        if depends { Verdict::DependsOnArguments } else { Verdict::No }
    }

    /// The arguments that rules want to see.
    pub(crate) fn arguments<'a>(&self, operation: &'a Operation, call: &'a Call) -> Arguments<'a> {
        if self.arguments.is_empty() {
            return Arguments::default();
        }
        let wanted: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        operation.arguments(call, &wanted)
    }

    /// The scopes with which this caller is allowed, or would be and can obtain them: those of the rule
    /// that allows it, else of the first rule in order that could be met. `None` where no scope helps.
    /// Where arguments are unknown they are taken to match.
    pub(crate) fn step_up(
        &self,
        token: &VerifiedToken,
        grants: &Grants,
        ask: Ask<'_>,
        arguments: Option<&Arguments<'_>>,
    ) -> Option<ScopeSet> {
        let base = self.needed(token, grants, &self.base_scopes)?;
        let Some(candidates) = self.candidates(ask) else { return Some(base) };
        let matching: Vec<&Compiled> = candidates
            .map(|(_, compiled)| compiled)
            .filter(|compiled| {
                arguments.is_none_or(|arguments| compiled.rule.arguments_match(arguments))
            })
            .collect();
        let allowing = matching.iter().find(|compiled| compiled.admits(grants));
        let scopes = |compiled: &&Compiled| self.scopes_for(token, grants, compiled);
        let scopes = match allowing {
            Some(compiled) => scopes(compiled),
            None => matching.iter().find_map(scopes),
        };
        scopes.map(|scopes| base.union(&scopes))
    }

    /// The scopes with which the caller meets the rule, where it can obtain them.
    fn scopes_for(
        &self,
        token: &VerifiedToken,
        grants: &Grants,
        compiled: &Compiled,
    ) -> Option<ScopeSet> {
        let rule = &compiled.rule;
        let mut scopes = self.needed(token, grants, &rule.scopes)?;
        let asserted = self.vocabulary.role_mask(token.roles());
        if !rule.roles.is_empty() && !asserted.intersects(&compiled.roles) {
            // A role that the issuer does not assert can only come with a scope.
            let brings = |(scope, role): &(Scope, Role)| {
                let named =
                    rule.roles.contains(role).then(|| self.name_for(token, grants, scope))?;
                named.map(|named| (!token.scopes().contains(&named), named))
            };
            let (_, scope) = self
                .scope_roles
                .iter()
                .filter_map(brings)
                .min_by_key(|(asks_more, _)| *asks_more)?;
            scopes = scopes.union(&ScopeSet::from_iter([scope]));
        }
        Some(scopes)
    }

    /// The rules to ask, in order; `None` where no rule needs to be asked.
    fn candidates(&self, ask: Ask<'_>) -> Option<impl Iterator<Item = (RulePlace, &Compiled)>> {
        let places = match ask {
            _ if self.access == Access::SignedIn => return None,
            Ask::Base | Ask::Target(Target::Task(_) | Target::Changes(_)) => return None,
            Ask::Target(Target::Tool(name)) => self.tools.rules(name),
            Ask::Target(Target::Prompt(name)) => self.prompts.rules(name),
            Ask::Target(Target::Resource(uri)) if pattern::is_plain_path(uri) => {
                self.resources.rules(uri)
            }
            Ask::Target(Target::Resource(_) | Target::OtherNews(_)) => Vec::new(),
            Ask::Method(name) => self.methods.rules(name),
        };
        Some(
            places.into_iter().filter_map(|place| Some((RulePlace(place), self.rules.get(place)?))),
        )
    }

    /// What a token must name to satisfy `scopes`; `None` where this caller cannot obtain it. What is
    /// held already is named too, since a client may ask for just what it is told.
    fn needed(
        &self,
        token: &VerifiedToken,
        grants: &Grants,
        scopes: &ScopeSet,
    ) -> Option<ScopeSet> {
        scopes.iter().map(|scope| self.name_for(token, grants, scope)).collect()
    }

    /// The scope itself, or the broader one by which the caller holds it.
    fn name_for(&self, token: &VerifiedToken, grants: &Grants, scope: &Scope) -> Option<Scope> {
        let mask = self.vocabulary.mask(&ScopeSet::from_iter([scope.clone()]));
        if token.scopes().contains(scope) || !grants.scopes.contains_all(&mask) {
            return (token.scopes().contains(scope) || token.may_obtain(scope))
                .then(|| scope.clone());
        }
        let alone =
            |held: &Scope| self.vocabulary.grants(&ScopeSet::from_iter([held.clone()]), &[]);
        token.scopes().iter().find(|held| alone(held).scopes.contains_all(&mask)).cloned()
    }
}

impl Compiled {
    fn roles_met(&self, grants: &Grants) -> bool {
        self.rule.roles.is_empty() || grants.roles.intersects(&self.roles)
    }

    fn admits(&self, grants: &Grants) -> bool {
        grants.scopes.contains_all(&self.scopes) && self.roles_met(grants)
    }
}
