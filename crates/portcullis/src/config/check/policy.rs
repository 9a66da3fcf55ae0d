//! Who may call what, and rules that never are asked.

use portcullis_core::id::ResourceId;
use portcullis_core::policy::{ArgumentPattern, BadPolicy, BadRule, Listing, Policy, Rule};
use portcullis_core::scope::{Hierarchy, Role, Scope, ScopeSet};

use super::server::written;
use super::{Here, Wrong, all};
use crate::config::raw::{self, Access, At, Field, List, Named, Parsed, Pattern};
use crate::config::server::Written;
use crate::config::source::Place;

/// A rule as it is written, to be held against others.
struct AsWritten<'r> {
    place: Place,
    entries: Vec<(&'r str, Place)>,
    scopes: ScopeSet,
    roles: Vec<&'r Role>,
    args: Vec<(&'r str, Vec<&'r Pattern>)>,
}

/// The policy, and where its rules stand.
pub(super) fn check(
    raw: &raw::Server,
    resource: Option<&ResourceId>,
    here: Here<'_>,
) -> Option<(Policy, Vec<Written>)> {
    if raw.access.is_absent() {
        here.report_here(Wrong::AccessMissing);
    }
    let base = raw.base_scopes.value();
    let hierarchy = hierarchy(raw.scope_includes.value(), here);
    let scope_roles = scope_roles(raw.scope_roles.value(), here);
    refuse_offline_access(base, here);
    let base: ScopeSet = scopes(base);
    let mut as_written = Vec::new();
    let mut rules = Vec::new();
    let mut is_whole = true;
    for (number, at) in raw.rules.value().into_iter().flat_map(List::numbered) {
        let path = format!("{}.rules[{number}]", here.path);
        match rule(at, Here { path: &path, place: at.place, ..here }) {
            Some((rule, text)) => {
                rules.push(rule);
                as_written.push(text);
            }
            None => is_whole = false,
        }
    }
    let is_idle = never_asked(&as_written, &base, hierarchy.as_ref(), here);
    let access = raw.access.get()?;
    if let Some(at) = raw.rules.get()
        && access.value == Access::SignedIn
        && !at.value.is_empty()
    {
        let place = at.value.iter().next().map_or(at.place, |rule| rule.place);
        here.report(place, Wrong::RulesUnasked);
    }
    if !is_whole || matches!(raw.rules, Field::Wrong) {
        return None;
    }
    let places = as_written.iter().map(|rule| written(here, rule.place)).collect();
    let policy = match access.value {
        Access::SignedIn => Policy::signed_in(resource?.clone()),
        Access::Rules => Policy::rules(resource?.clone(), rules),
    };
    let policy = policy
        .base_scopes(base)
        .hierarchy(hierarchy?)
        .scope_roles(scope_roles?)
        .listing(match raw.list.value() {
            None | Some(raw::Listing::Obtainable) => Listing::Obtainable,
            Some(raw::Listing::Allowed) => Listing::Allowed,
            Some(raw::Listing::All) => Listing::All,
        })
        .build();
    let place = |bad: &BadPolicy| match bad {
        BadPolicy::NoRules => access.place,
        _ => here.place,
    };
    let report = |bad| match bad {
        // Told already, with its place.
        BadPolicy::InVain { .. } if is_idle => {}
        bad => here.report(place(&bad), Wrong::Policy(bad)),
    };
    let policy = policy.map_err(report).ok()?;
    Some((policy, places))
}

fn scopes(list: Option<&List<Parsed<Scope>>>) -> ScopeSet {
    list.into_iter().flat_map(List::values).map(|Parsed(scope)| scope.clone()).collect()
}

/// Said where it stands, and not of the policy as a whole.
fn refuse_offline_access(list: Option<&List<Parsed<Scope>>>, here: Here<'_>) {
    for at in list.into_iter().flat_map(List::iter) {
        if at.value.0.as_str() == "offline_access" {
            here.report(at.place, Wrong::Policy(BadPolicy::OfflineAccess));
        }
    }
}

fn scope_of(key: &At<String>, here: Here<'_>) -> Option<Scope> {
    let scope = Scope::parse(&key.value);
    scope.map_err(|bad| here.report(key.place, Wrong::Value(format!("no scope: {bad}")))).ok()
}

fn hierarchy(named: Option<&Named<List<Parsed<Scope>>>>, here: Here<'_>) -> Option<Hierarchy> {
    let path = format!("{}.scope_includes", here.path);
    let here = Here { path: &path, ..here };
    let mut pairs = Vec::new();
    for (key, narrow) in named.into_iter().flat_map(|named| &named.0) {
        refuse_offline_access(narrow.value(), here);
        let narrow = narrow.value().into_iter().flat_map(List::values);
        let narrow = narrow.map(|Parsed(scope)| scope.clone()).collect();
        pairs.push(scope_of(key, here).map(|broad| (broad, narrow)));
    }
    Hierarchy::new(all(pairs)?).map_err(|bad| here.report_here(Wrong::Hierarchy(bad))).ok()
}

fn scope_roles(
    named: Option<&Named<List<Parsed<Role>>>>,
    here: Here<'_>,
) -> Option<Vec<(Scope, Role)>> {
    let path = format!("{}.scope_roles", here.path);
    let here = Here { path: &path, ..here };
    let mut pairs = Vec::new();
    for (key, roles) in named.into_iter().flat_map(|named| &named.0) {
        let scope = scope_of(key, here);
        let roles = roles.value().into_iter().flat_map(List::values);
        pairs.extend(roles.map(|Parsed(role)| Some((scope.clone()?, role.clone()))));
    }
    all(pairs)
}

fn rule<'r>(at: &'r At<raw::Rule>, here: Here<'_>) -> Option<(Rule, AsWritten<'r>)> {
    let raw = &at.value;
    refuse_offline_access(raw.scopes.value(), here);
    let (entries, allowed) = allowed(raw, here);
    let scopes = scopes(raw.scopes.value());
    let roles: Vec<&Role> =
        raw.roles.value().into_iter().flat_map(List::values).map(|Parsed(role)| role).collect();
    let is_right = allowed.is_some();
    // Where no entry is right, what narrows them is looked at all the same.
    let mut rule = allowed.or_else(|| Rule::allow(["tools/call *"]).ok())?;
    rule = rule.scopes(scopes.clone()).roles(roles.iter().copied().cloned());
    let mut args = Vec::new();
    let mut are_right = true;
    for (key, patterns) in raw.args.value().into_iter().flat_map(|args| &args.0) {
        let Some(patterns) = patterns.value().filter(|patterns| patterns.is_whole()) else {
            are_right = false;
            continue;
        };
        let patterns: Vec<&Pattern> = patterns.values().collect();
        let given = patterns.iter().map(|pattern| match pattern {
            Pattern::Text(text) => ArgumentPattern::Text(text),
            Pattern::Integer(number) => ArgumentPattern::Integer(*number),
            Pattern::Bool(flag) => ArgumentPattern::Bool(*flag),
        });
        match rule.clone().arg(&key.value, given) {
            Ok(narrowed) => rule = narrowed,
            Err(bad) => {
                here.report(key.place, Wrong::Rule(bad));
                are_right = false;
            }
        }
        args.push((key.value.as_str(), patterns));
    }
    let as_written = AsWritten { place: at.place, entries, scopes, roles, args };
    (is_right && are_right).then_some((rule, as_written))
}

/// The entries of a rule, and what they allow where all are right.
fn allowed<'r>(raw: &'r raw::Rule, here: Here<'_>) -> (Vec<(&'r str, Place)>, Option<Rule>) {
    let Some(allow) = here.needed("allow", &raw.allow) else { return (Vec::new(), None) };
    let entries: Vec<(&str, Place)> =
        allow.iter().map(|at| (at.value.0.0.as_str(), at.place)).collect();
    // One by one, so that what is wrong is said where it stands.
    let mut is_right = true;
    for (entry, place) in &entries {
        if let Err(bad) = Rule::allow([*entry]) {
            here.report(*place, Wrong::Rule(bad));
            is_right = false;
        }
    }
    let whole = Rule::allow(entries.iter().map(|(entry, _)| *entry)).ok();
    if allow.is_empty() {
        here.report(raw.allow.place().unwrap_or(here.place), Wrong::Rule(BadRule::NothingAllowed));
    }
    (entries, whole.filter(|_| is_right))
}

/// Entries that another rule makes idle: it allows the same to everybody whom theirs would. Who wrote them
/// thinks that they take something away. Whether there are any.
fn never_asked(
    rules: &[AsWritten<'_>],
    base: &ScopeSet,
    hierarchy: Option<&Hierarchy>,
    here: Here<'_>,
) -> bool {
    let mut is_idle = false;
    let none = Hierarchy::default();
    let hierarchy = hierarchy.unwrap_or(&none);
    for (at, rule) in rules.iter().enumerate() {
        let held = hierarchy.closure(&rule.scopes.union(base));
        for (entry, place) in &rule.entries {
            let idle = rules.iter().enumerate().find_map(|(other_at, other)| {
                let covering = other.entries.iter().find(|(other, _)| covers(other, entry))?;
                let is_broader = other_at != at && other.asks_no_more(rule, &held);
                // Of two that allow the same the later is idle.
                let other_held = hierarchy.closure(&other.scopes.union(base));
                let is_same = covers(entry, covering.0) && rule.asks_no_more(other, &other_held);
                (is_broader && (!is_same || other_at < at)).then_some(covering.1)
            });
            if let Some(by) = idle {
                let entry = (*entry).to_owned();
                let wrong = Wrong::NeverAsked { entry, by: written(here, by) };
                here.report_with(*place, wrong, by, "this allows it already");
                is_idle = true;
            }
        }
    }
    is_idle
}

impl AsWritten<'_> {
    /// Whether whoever meets `other`, and holds what it asks, meets this rule.
    fn asks_no_more(&self, other: &AsWritten<'_>, held: &ScopeSet) -> bool {
        let roles = self.roles.is_empty()
            || !other.roles.is_empty() && other.roles.iter().all(|role| self.roles.contains(role));
        let args = self.args.iter().all(|(name, patterns)| {
            let same = other.args.iter().find(|(other, _)| other == name);
            same.is_some_and(|(_, others)| others.iter().all(|other| patterns.contains(other)))
        });
        self.scopes.is_subset(held) && roles && args
    }
}

/// Whether all that `narrow` matches is certainly matched by `broad`. Where the language of patterns makes it
/// hard to say, no.
fn covers(broad: &str, narrow: &str) -> bool {
    if broad == narrow {
        return true;
    }
    let (Some((kind, broad)), Some((other, narrow))) =
        (broad.split_once(' '), narrow.split_once(' '))
    else {
        return false;
    };
    match kind {
        _ if kind != other => false,
        // Of names a star brings in whatever there is.
        "tools/call" | "prompts/get" => like(broad.as_bytes(), narrow.as_bytes()),
        // Stars bring in no URI without a host, so `**` does not cover all. All below a path that is written out, as long as nothing in it means something special.
        _ => broad.strip_suffix("/**").is_some_and(|path| {
            let rest = narrow.strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./*".contains(&byte);
            let is_below_host = path.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
            is_below_host
                && !path.contains('*')
                && rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain))
        }),
    }
}

/// Whether a text matches, in which stars stand for themselves.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    // Which lengths of the text the pattern so far can match.
    let mut reached = vec![false; text.len().saturating_add(1)];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for letter in pattern {
        let mut next = Vec::with_capacity(reached.len());
        let mut before = false;
        for (at, was) in reached.iter().enumerate() {
            let last = at.checked_sub(1);
            next.push(if *letter == b'*' {
                *was || last.and_then(|last| next.get(last)).copied().unwrap_or(false)
            } else {
                before && last.and_then(|last| text.get(last)) == Some(letter)
            });
            before = *was;
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}
