//! What a caller may do at one server.
//!
//! A policy answers one question, [`View::evaluate`]: may the holder of this token do this? It never
//! looks at a request; [`decide`](crate::decide) does, and it alone turns answers into permits.
//! Rules are a union: each allows something, none takes anything back, and what none allows is denied.
//!
//! * [`Rule`] – one rule as written, refused when it cannot mean what its author thinks
//! * `condition` – what arguments may be
//! * `pattern` – `*` and `**`, and which URIs mean the same to everybody
//! * `index` – the rules that match a name, found without trying each
//! * [`View`] – the policy as one caller sees it: what is allowed, shown, and to be had
//! * `grants` – a caller's scopes and roles, numbered
//! * `vain` – entries that another rule makes pointless

mod condition;
mod grants;
mod index;
mod pattern;
mod rule;
mod vain;
mod view;

use std::fmt;
use std::sync::Arc;

pub use self::condition::ArgumentPattern;
pub(crate) use self::condition::{Budget, Given};
pub use self::grants::MAX_NAMES;
use self::grants::Mask;
pub(crate) use self::grants::{Grants, Vocabulary};
use self::index::Index;
use self::pattern::Text;
pub use self::pattern::{BadPattern, MAX_PATTERN};
use self::rule::Kind;
pub use self::rule::{BadRule, Rule};
pub use self::view::View;
use crate::fold::Wanted;
use crate::id::ResourceId;
use crate::operation::{Call, Class, Method, Operation, Target};
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
    resource: ResourceId,
    access: Access,
    listing: Listing,
    base_scopes: ScopeSet,
    base: Mask,
    rules: Vec<Compiled>,
    tools: Index,
    prompts: Index,
    resources: Index,
    methods: Index,
    vocabulary: Arc<Vocabulary>,
    scope_roles: Vec<(Scope, Role)>,
    /// The arguments that any rule looks at.
    arguments: Wanted,
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
    /// More than [`MAX_NAMES`] scopes or roles.
    #[error("the policy speaks of more than {MAX_NAMES} scopes or roles")]
    TooManyNames,
    /// `offline_access` is about refresh tokens, never about a resource (RS-2).
    #[error(
        "offline_access is no scope of a resource: clients ask the authorization server for it"
    )]
    OfflineAccess,
    /// What a rule asks for is asked of nobody, since another rule allows the same for less.
    #[error(
        "rule {rule}: {entry:?} asks in vain, since rule {by} allows the same for less, and rules add up: \
         narrow rule {by}, or leave the entry out"
    )]
    InVain {
        /// The rule that asks.
        rule: RulePlace,
        /// Its entry.
        entry: String,
        /// The rule that allows it anyway.
        by: RulePlace,
    },
}

/// A policy under construction.
#[derive(Clone, Debug)]
pub struct PolicyBuilder {
    resource: ResourceId,
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
        if self.access == Access::Rules && self.rules.is_empty() {
            return Err(BadPolicy::NoRules);
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
            resource: self.resource,
            access: self.access,
            listing: self.listing,
            base: vocabulary.mask(&self.base_scopes),
            base_scopes: self.base_scopes,
            rules: Vec::with_capacity(self.rules.len()),
            tools: Index::default(),
            prompts: Index::default(),
            resources: Index::default(),
            methods: Index::default(),
            vocabulary: Arc::new(vocabulary),
            scope_roles: self.scope_roles,
            arguments: self.rules.iter().flat_map(Rule::arguments).collect(),
        };
        for rule in self.rules {
            policy.add(rule);
        }
        policy.refuse_vain()
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
    pub fn signed_in(resource: ResourceId) -> PolicyBuilder {
        Policy::builder(resource, Access::SignedIn, Vec::new())
    }

    /// Only what these rules allow, beside what the base scopes govern.
    pub fn rules(resource: ResourceId, rules: impl IntoIterator<Item = Rule>) -> PolicyBuilder {
        Policy::builder(resource, Access::Rules, rules.into_iter().collect())
    }

    fn builder(resource: ResourceId, access: Access, rules: Vec<Rule>) -> PolicyBuilder {
        PolicyBuilder {
            resource,
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
        let (scopes, roles) =
            (self.vocabulary.mask(&rule.scopes), self.vocabulary.role_mask(&rule.roles));
        self.rules.push(Compiled { rule, scopes, roles });
    }

    /// The server this is the policy of. It decides about tokens for that resource only.
    pub fn resource(&self) -> &ResourceId {
        &self.resource
    }

    /// Every scope the policy speaks of.
    pub fn scopes(&self) -> ScopeSet {
        self.vocabulary.scopes().cloned().collect()
    }

    /// The scopes every call needs but the open ones.
    pub fn base_scopes(&self) -> &ScopeSet {
        &self.base_scopes
    }

    /// The policy as it is for the holder of this token.
    pub fn seen_by<'p>(&'p self, token: &'p VerifiedToken) -> View<'p> {
        View::new(self, token)
    }

    pub(crate) fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// Whether only what rules allow may be done.
    pub fn has_rules(&self) -> bool {
        self.access == Access::Rules
    }

    /// Whether two callers with valid tokens can be answered differently.
    pub fn varies(&self) -> bool {
        !self.base_scopes.is_empty()
            || self.rules.iter().any(|r| !r.rule.scopes.is_empty() || !r.rule.roles.is_empty())
    }

    /// Whether lists can show a caller less than the server has.
    pub fn filters_lists(&self) -> bool {
        // Where rules are not asked, whoever may list at all may use everything.
        self.has_rules() && self.listing != Listing::All
    }

    /// All that a call asks; nothing for the open ones.
    pub(crate) fn asks(call: &Call) -> impl Iterator<Item = Ask<'_>> {
        let (single, targets) = match call.method().class() {
            Class::Open => (None, &[][..]),
            Class::Target if !call.targets().is_empty() => (None, call.targets()),
            // It listens to nothing.
            Class::Target if call.method() == Method::SubscriptionsListen => {
                (Some(Ask::Base), &[][..])
            }
            Class::Base => (Some(Ask::Base), &[][..]),
            // No rule can name a method that is aimed at something, so without a target it is denied.
            Class::Target | Class::Method => (Some(Ask::Method(call.method_name())), &[][..]),
        };
        single.into_iter().chain(targets.iter().map(Ask::Target))
    }

    /// The arguments that rules want to see.
    pub(crate) fn given<'a>(
        &self,
        operation: &'a Operation,
        call: &'a Call,
        budget: &mut Budget,
    ) -> Given<'a> {
        if self.arguments.is_empty() {
            return Given::default();
        }
        Given::of(operation.arguments(call, &self.arguments, &budget.names), budget)
    }

    /// The rules to ask, in order; `None` where no rule needs to be asked.
    fn candidates(&self, ask: Ask<'_>) -> Option<impl Iterator<Item = (RulePlace, &Compiled)>> {
        let places = match ask {
            _ if self.access == Access::SignedIn => return None,
            Ask::Base | Ask::Target(Target::Task(_) | Target::Changes(_)) => return None,
            Ask::Target(Target::Tool(name)) => self.tools.rules(&Text::name(name)),
            Ask::Target(Target::Prompt(name)) => self.prompts.rules(&Text::name(name)),
            Ask::Target(Target::Resource(uri)) => self.resources.rules(&Text::new(&**uri)),
            Ask::Target(Target::OtherNews(_)) => Vec::new(),
            Ask::Method(name) => self.methods.rules(&Text::name(name)),
        };
        Some(
            places.into_iter().filter_map(|place| Some((RulePlace(place), self.rules.get(place)?))),
        )
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
