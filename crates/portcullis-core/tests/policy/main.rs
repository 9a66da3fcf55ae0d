//! What policies allow: patterns, rules, and what is refused when a policy is read.
//!
//! * `definition` – the language of patterns, said the slow way and compared
//! * `uris` – which URIs a pattern reaches, and which none does
//! * `refusals` – rules that cannot mean what they say

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod definition;
mod refusals;
mod uris;

use std::sync::{Arc, LazyLock};

use portcullis_core::keys::KeySet;
use portcullis_core::operation::Target;
use portcullis_core::policy::{
    Ask, BadPolicy, Listing, MAX_NAMES, Policy, PolicyBuilder, Rule, RulePlace, Verdict, View,
};
use portcullis_core::scope::{Hierarchy, Role, Scope, ScopeSet};
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Unverified, VerifiedToken};
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims_with, jwks};

fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

/// The token of somebody without scopes and roles.
static NOBODY: LazyLock<VerifiedToken> = LazyLock::new(|| {
    let token = Signer::new(TestKey::P256).sign(&claims_with(&json!({ "scope": null })));
    let keys = KeySet::parse(ISSUER.parse().unwrap(), &jwks(&[TestKey::P256])).unwrap();
    let expectation = Expectation::new(ISSUER.parse().unwrap(), AUDIENCE.parse().unwrap());
    let unverified = Unverified::parse(&token).unwrap();
    unverified.verify(&keys, &Arc::new(expectation), UnixTime::from_secs(NOW)).unwrap()
});

fn view(policy: &Policy) -> View<'_> {
    policy.seen_by(&NOBODY)
}

fn rules(rules: impl IntoIterator<Item = Rule>) -> PolicyBuilder {
    Policy::rules(AUDIENCE.parse().unwrap(), rules)
}

fn signed_in() -> PolicyBuilder {
    Policy::signed_in(AUDIENCE.parse().unwrap())
}

fn policy(entries: &[&str]) -> Policy {
    rules([Rule::allow(entries.iter().copied()).unwrap()]).build().unwrap()
}

/// Whether the only rule allows the target to a caller who holds nothing.
fn allows(policy: &Policy, target: &Target) -> bool {
    match view(policy).evaluate(Ask::Target(target)) {
        Verdict::Yes { rule } => rule.map(RulePlace::index) == Some(0),
        Verdict::No | Verdict::DependsOnArguments => false,
    }
}

/// The place of the rule that allows it to such a caller.
fn allowed_by(policy: &Policy, ask: Ask<'_>) -> Option<usize> {
    match view(policy).evaluate(ask) {
        Verdict::Yes { rule } => Some(rule.unwrap().index()),
        Verdict::No | Verdict::DependsOnArguments => None,
    }
}

fn tool(name: &str) -> Target {
    Target::Tool(name.into())
}

fn resource(uri: &str) -> Target {
    Target::Resource(uri.into())
}

#[test]
fn names_match_with_stars_for_any_run_of_characters() {
    for (pattern, yes, no) in [
        ("read", &["read"][..], &["reads", "rea", "", "Read", "read "][..]),
        ("read_*", &["read_", "read_file", "read_a/b"], &["read", "xread_a", "READ_a"]),
        ("*", &["anything", "a/b", "\u{1f600}"], &[]),
        ("*_file", &["read_file", "_file"], &["read_files", "file"]),
        ("a*b*c", &["abc", "aXbYc", "abbcc", "abcbc"], &["ab", "acb", "abcd"]),
        ("**", &["x"], &[]),
        ("a**c", &["ac", "abc"], &["ab"]),
        ("*\u{e9}*", &["caf\u{e9}s"], &["cafe"]),
    ] {
        let policy = policy(&[&format!("tools/call {pattern}")]);
        for name in yes {
            assert!(allows(&policy, &tool(name)), "{pattern} {name}");
            assert!(!allows(&policy, &Target::Prompt((*name).into())), "tools are no prompts");
        }
        for name in no {
            assert!(!allows(&policy, &tool(name)), "{pattern} {name}");
        }
    }
}

#[test]
fn what_base_scopes_govern_needs_no_rule_and_unknown_methods_do() {
    let policy = policy(&["com.example/*"]);
    assert_eq!(view(&policy).evaluate(Ask::Base), Verdict::Yes { rule: None });
    assert_eq!(allowed_by(&policy, Ask::Method("com.example/a")), Some(0));
    assert_eq!(view(&policy).evaluate(Ask::Method("org.example/a")), Verdict::No);
    for free in [Target::Task("t".into()), Target::Changes("toolsListChanged".into())] {
        assert_eq!(view(&policy).evaluate(Ask::Target(&free)), Verdict::Yes { rule: None });
    }
    assert_eq!(view(&policy).evaluate(Ask::Target(&Target::OtherNews("x/y".into()))), Verdict::No);
    assert_eq!(view(&policy).evaluate(Ask::Target(&tool("a"))), Verdict::No);

    let open = signed_in().build().unwrap();
    assert_eq!(view(&open).evaluate(Ask::Target(&tool("a"))), Verdict::Yes { rule: None });
    assert_eq!(view(&open).evaluate(Ask::Method("org.example/a")), Verdict::Yes { rule: None });
    let with_base = signed_in().base_scopes(scopes("mcp")).build().unwrap();
    assert_eq!(view(&with_base).evaluate(Ask::Base), Verdict::No);
    assert_eq!(view(&with_base).evaluate(Ask::Target(&tool("a"))), Verdict::No);
}

#[test]
fn the_first_rule_in_order_that_allows_is_named() {
    let rule = |entry: &str| Rule::allow([entry]).unwrap();
    let guarded = rule("tools/call read_*").scopes(scopes("files:read"));
    let ordered =
        [guarded, rule("tools/call *_b"), rule("tools/call *ead_a"), rule("tools/call read_b")];
    let policy = rules(ordered).build().unwrap();
    let by = |name: &str| allowed_by(&policy, Ask::Target(&tool(name)));
    assert_eq!((by("read_b"), by("read_a"), by("write_a")), (Some(1), Some(2), None));
    let Verdict::Yes { rule: Some(rule) } = view(&policy).evaluate(Ask::Target(&tool("read_b")))
    else {
        panic!("refused");
    };
    assert_eq!(rule.to_string(), "2", "people count from one");
}

#[test]
fn policies_that_say_nothing_or_too_much_are_refused() {
    let rule = || Rule::allow(["tools/call x"]).unwrap();
    assert_eq!(rules([]).build().unwrap_err(), BadPolicy::NoRules);
    assert!(rules([rule()]).build().is_ok());

    let offline = rules([rule().scopes(scopes("files:read offline_access"))]);
    assert_eq!(offline.build().unwrap_err(), BadPolicy::OfflineAccess);
    assert_eq!(
        signed_in().base_scopes(scopes("offline_access")).build().unwrap_err(),
        BadPolicy::OfflineAccess
    );

    let roles = |count: usize| (0..count).map(|i| Role::parse(&format!("r{i}")).unwrap());
    assert!(rules([rule().roles(roles(MAX_NAMES))]).build().is_ok());
    assert_eq!(
        rules([rule().roles(roles(MAX_NAMES + 1))]).build().unwrap_err(),
        BadPolicy::TooManyNames
    );
    let pair = |i: usize| (Scope::parse(&format!("s{i}")).unwrap(), Role::parse("r").unwrap());
    let too_many = rules([rule()]).scope_roles((0..=MAX_NAMES).map(pair));
    assert_eq!(too_many.build().unwrap_err(), BadPolicy::TooManyNames);
}

#[test]
fn lists_can_show_less_where_rules_are_asked_and_lists_obey_them() {
    let rule = || Rule::allow(["tools/call a"]).unwrap();
    for (listing, filters) in
        [(Listing::Obtainable, true), (Listing::Allowed, true), (Listing::All, false)]
    {
        let policy = rules([rule()]).listing(listing).build().unwrap();
        assert_eq!(policy.filters_lists(), filters, "{listing:?}");
        assert_eq!(!view(&policy).shows(&tool("b")), filters, "{listing:?}");
        let open = signed_in().listing(listing).build().unwrap();
        assert!(!open.filters_lists() && view(&open).shows(&tool("b")), "{listing:?}");
    }
}

#[test]
fn a_policy_varies_by_caller_where_scopes_or_roles_matter() {
    let rule = || Rule::allow(["tools/call x"]).unwrap();
    assert!(!signed_in().build().unwrap().varies());
    assert!(!rules([rule()]).build().unwrap().varies());
    assert!(signed_in().base_scopes(scopes("a")).build().unwrap().varies());
    assert!(rules([rule().scopes(scopes("a"))]).build().unwrap().varies());
    assert!(rules([rule().roles([Role::parse("r").unwrap()])]).build().unwrap().varies());
    assert_eq!(
        signed_in().hierarchy(Hierarchy::default()).build().unwrap().base_scopes(),
        &scopes_none()
    );
}

fn scopes_none() -> ScopeSet {
    ScopeSet::default()
}

#[test]
fn a_policy_knows_every_scope_it_speaks_of() {
    let pair = (Scope::parse("s1").unwrap(), Role::parse("r").unwrap());
    let broad = (Scope::parse("s2").unwrap(), vec![Scope::parse("s3").unwrap()]);
    let policy = rules([Rule::allow(["tools/call x"]).unwrap().scopes(scopes("s4 s5"))])
        .base_scopes(scopes("s6"))
        .hierarchy(Hierarchy::new([broad]).unwrap())
        .scope_roles([pair])
        .build()
        .unwrap();
    assert_eq!(policy.scopes(), scopes("s1 s2 s4 s5 s6"), "s3 is needed by nothing");
    assert_eq!(policy.resource().as_str(), AUDIENCE);
}
