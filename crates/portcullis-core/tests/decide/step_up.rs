//! What a denial says would turn it.

use std::cell::Cell;
use std::collections::BTreeSet;

use portcullis_core::policy::{BadPolicy, RulePlace};
use portcullis_core::scope::{Entitlements, Hierarchy};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use super::*;

// req: RS-7
#[test]
fn a_denial_names_all_scopes_of_the_first_rule_that_can_be_met() {
    let policy = Policy::rules(
        resource(),
        [
            allow("tools/call *").scopes(scopes("admin")).roles([role("editor")]),
            allow("tools/call write_*").scopes(scopes("files:read files:write")),
            allow("tools/call *").scopes(scopes("everything")),
        ],
    )
    .base_scopes(scopes("mcp"))
    .build()
    .unwrap();
    // The first rule wants a role that no scope brings, so the second is named, with the base scopes.
    assert_eq!(
        failure(&policy, caller("", &[]), call("write_a")),
        needs("mcp files:read files:write")
    );
    assert_eq!(
        failure(&policy, caller("mcp files:read", &[]), call("write_a")),
        needs("mcp files:read files:write")
    );
    assert_eq!(failure(&policy, caller("mcp", &["editor"]), call("write_a")), needs("mcp admin"));
    assert_eq!(failure(&policy, caller("mcp", &[]), call("drop")), needs("mcp everything"));
    permit(&policy, caller("mcp files:read files:write", &[]), call("write_a"));
    permit(&policy, caller("mcp admin", &["editor"]), call("write_a"));
}

#[test]
fn scopes_that_the_caller_cannot_obtain_are_never_named() {
    let policy = Policy::rules(
        resource(),
        [
            allow("tools/call *").scopes(scopes("admin")),
            allow("tools/call w*").scopes(scopes("files:write")),
        ],
    )
    .base_scopes(scopes("mcp"))
    .build()
    .unwrap();
    let entitled = |listed: &[(&str, &[&str])]| {
        let listed =
            listed.iter().map(|(s, roles)| (scope(s), roles.iter().map(|r| role(r)).collect()));
        expectation().entitlements(Entitlements::new(scopes("mcp"), listed.collect()))
    };
    let both: &[(&str, &[&str])] = &[("files:write", &["editor"]), ("admin", &["boss"])];
    let editor = || caller_of(verified("mcp", &["editor"], entitled(both)));
    assert_eq!(failure(&policy, editor(), call("write")), needs("mcp files:write"));
    assert_eq!(failure(&policy, editor(), call("drop")), Failure::Forbidden);
    let staff = caller_of(verified("mcp", &["staff"], entitled(both)));
    assert_eq!(failure(&policy, staff, call("write")), Failure::Forbidden);
    let nobody = || caller_of(verified("", &["staff"], entitled(&[])));
    assert_eq!(failure(&policy, nobody(), read(&message("tools/list", &json!({})))), needs("mcp"));
}

// req: RS-8
#[test]
fn a_broader_scope_satisfies_a_narrower_one_where_the_operator_says_so() {
    let hierarchy = || {
        Hierarchy::new([(scope("files"), vec![scope("files:read"), scope("files:write")])]).unwrap()
    };
    let rules = || {
        [
            allow("tools/call w*").scopes(scopes("files:write")),
            allow("tools/call d*").scopes(scopes("admin files:write")),
        ]
    };
    let with = Policy::rules(resource(), rules())
        .base_scopes(scopes("files:read"))
        .hierarchy(hierarchy())
        .build()
        .unwrap();
    permit(&with, caller("files", &[]), call("write"));
    let without =
        Policy::rules(resource(), rules()).base_scopes(scopes("files:read")).build().unwrap();
    assert_eq!(
        failure(&without, caller("files", &[]), call("write")),
        needs("files:read files:write")
    );
    // What is held by way of a broader scope is named by that, so that asking for it keeps it.
    assert_eq!(failure(&with, caller("files", &[]), call("drop")), needs("admin files"));
    assert_eq!(
        failure(&with, caller("files:read", &[]), call("write")),
        needs("files:read files:write")
    );
}

#[test]
fn roles_come_from_the_issuer_or_with_a_scope() {
    let policy =
        Policy::rules(resource(), [allow("tools/call *").roles([role("editor"), role("boss")])])
            .scope_roles([(scope("edit"), role("editor"))])
            .build()
            .unwrap();
    permit(&policy, caller("", &["editor"]), call("x"));
    permit(&policy, caller("edit", &[]), call("x"));
    assert_eq!(failure(&policy, caller("", &["staff"]), call("x")), needs("edit"));
    let unobtainable = expectation().entitlements(Entitlements::new(ScopeSet::default(), vec![]));
    assert_eq!(
        failure(&policy, caller_of(verified("", &["staff"], unobtainable)), call("x")),
        Failure::Forbidden
    );
}

/// Of the scopes that bring a role, one that is held already asks for nothing new.
#[test]
fn a_role_that_is_held_by_a_scope_is_not_asked_for_by_another() {
    let rule = allow("tools/call *").scopes(scopes("x")).roles([role("editor")]);
    let policy = Policy::rules(resource(), [rule])
        .scope_roles([(scope("a"), role("editor")), (scope("b"), role("editor"))])
        .build()
        .unwrap();
    assert_eq!(failure(&policy, caller("", &[]), call("t")), needs("a x"));
    assert_eq!(failure(&policy, caller("b", &[]), call("t")), needs("b x"));
    assert_eq!(failure(&policy, caller("b", &["editor"]), call("t")), needs("x"));
}

/// Six scopes, three roles and a few names, so that random policies often overlap.
fn some_scopes() -> impl Strategy<Value = String> {
    prop::collection::btree_set(0_u8..6, 0..3)
        .prop_map(|set| set.iter().map(|s| format!("s{s}")).collect::<Vec<_>>().join(" "))
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let roles = prop::collection::vec(prop::sample::select(vec!["staff", "editor", "r1"]), 0..2);
    let args = prop::option::of(prop::sample::select(vec!["/public/**", "7", "*"]));
    (prop::sample::select(vec!["a*", "*b", "ab", "*"]), some_scopes(), roles, args).prop_map(
        |(pattern, s, roles, value)| {
            let rule = allow(&format!("tools/call {pattern}"))
                .scopes(scopes(&s))
                .roles(roles.into_iter().map(role));
            match value {
                Some(value) => rule.arg("x", [value]).unwrap(),
                None => rule,
            }
        },
    )
}

/// A caller, a policy and a call, drawn at random.
#[derive(Clone, Debug)]
struct Case {
    rules: Vec<Rule>,
    base: String,
    broad: Vec<(u8, u8)>,
    brings: Vec<(u8, &'static str)>,
    held: String,
    roles: Vec<&'static str>,
    grantable: BTreeSet<u8>,
    tool: &'static str,
    argument: Value,
}

fn some_case() -> impl Strategy<Value = Case> {
    let role = || prop::sample::select(vec!["staff", "editor"]);
    let policy = (
        prop::collection::vec(some_rule(), 1..5),
        some_scopes(),
        prop::collection::vec((0_u8..6, 0_u8..6), 0..3),
        prop::collection::vec((0_u8..6, role()), 0..3),
    );
    let grantable = prop_oneof![
        3 => Just((0..6).collect()),
        1 => prop::collection::btree_set(0_u8..6, 0..6),
    ];
    let caller = (some_scopes(), prop::collection::vec(role(), 0..2), grantable);
    let arguments = vec![json!("/public/x"), json!("/etc"), json!(7), json!(null)];
    let call = (prop::sample::select(vec!["a", "ab", "b", "c"]), prop::sample::select(arguments));
    (policy, caller, call).prop_map(|((rules, base, broad, brings), caller, (tool, argument))| {
        let (held, roles, grantable) = caller;
        Case { rules, base, broad, brings, held, roles, grantable, tool, argument }
    })
}

impl Case {
    fn policy(&self, rules: &[Rule]) -> Result<Policy, BadPolicy> {
        let one = |number: u8| scope(&format!("s{number}"));
        let broad = self.broad.iter().map(|(broad, narrow)| (one(*broad), vec![one(*narrow)]));
        Policy::rules(resource(), rules.iter().cloned())
            .base_scopes(scopes(&self.base))
            .hierarchy(Hierarchy::new(broad).unwrap())
            .scope_roles(self.brings.iter().map(|(number, name)| (one(*number), role(name))))
            .build()
    }
}

/// Whoever a rule admits that asks in vain is admitted by the other, without it.
#[test]
fn a_rule_that_asks_in_vain_is_without_effect() {
    let (refused, admitted) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig {
        cases: 2_000,
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&some_case(), |case| {
            let Err(BadPolicy::InVain { rule, by, .. }) = case.policy(&case.rules) else {
                return Ok(());
            };
            refused.set(refused.get() + 1);
            let alone = |place: RulePlace| case.policy(&case.rules[place.index()..=place.index()]);
            let (with, without) = (alone(rule).unwrap(), alone(by).unwrap());
            let all: Vec<String> = (0..6).map(|number| format!("s{number}")).collect();
            for (held, tool) in [&case.held, &all.join(" ")].into_iter().zip([case.tool, "ab"]) {
                let denied = |policy: &Policy| {
                    let caller = caller_of(verified(held, &case.roles, expectation()));
                    let call = call_with(tool, &json!({ "x": case.argument }));
                    failure_or_none(policy, caller, call).is_some()
                };
                if !denied(&with) {
                    admitted.set(admitted.get() + 1);
                    prop_assert!(!denied(&without));
                }
            }
            Ok(())
        })
        .unwrap();
    let (refused, admitted) = (refused.get(), admitted.get());
    assert!(refused > 200 && admitted > 100, "{refused} {admitted}");
}

/// A token with exactly the scopes that a denial names is allowed, and so is one with more.
// req: RS-7
#[test]
fn the_scopes_a_denial_names_really_turn_it() {
    let turned = Cell::new(0);
    let config = ProptestConfig {
        cases: 1_000,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let one = |number: u8| scope(&format!("s{number}"));
    TestRunner::new(config)
        .run(&some_case(), |case| {
            let policy = match case.policy(&case.rules) {
                Ok(policy) => policy,
                Err(BadPolicy::InVain { .. }) => return Ok(()),
                Err(other) => panic!("{other}"),
            };
            let staff = || vec![role("staff"), role("editor")];
            let listed = case.grantable.iter().map(|number| (one(*number), staff())).collect();
            let entitlements = Entitlements::new(ScopeSet::default(), listed);
            let asks_with = |held: &str| {
                let expectation = expectation().entitlements(entitlements.clone());
                let caller = caller_of(verified(held, &case.roles, expectation));
                failure_or_none(
                    &policy,
                    caller,
                    call_with(case.tool, &json!({ "x": case.argument })),
                )
            };
            let Some(Failure::InsufficientScope(named)) = asks_with(&case.held) else {
                return Ok(());
            };
            turned.set(turned.get() + 1);
            for scope in &named {
                let listed = case.grantable.iter().any(|number| one(*number) == *scope);
                let obtainable = listed && !case.roles.is_empty();
                prop_assert!(
                    obtainable || scopes(&case.held).contains(scope),
                    "{} for whom?",
                    scope
                );
            }
            prop_assert_eq!(asks_with(&named.to_string()), None, "exactly what was named");
            let more = named.union(&scopes(&case.held)).to_string();
            prop_assert_eq!(asks_with(&more), None, "what was named and what was held");
            Ok(())
        })
        .unwrap();
    // Often enough to mean something.
    assert!(turned.get() > 100, "{}", turned.get());
}
