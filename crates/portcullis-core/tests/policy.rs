//! What policies allow: patterns, rules, and what is refused when a policy is read.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use portcullis_core::operation::Target;
use portcullis_core::policy::{
    Ask, BadPattern, BadPolicy, BadRule, Grants, MAX_NAMES, MAX_PATTERN, Policy, Rule, RulePlace,
    Verdict,
};
use portcullis_core::scope::{Hierarchy, Role, Scope, ScopeSet};
use proptest::prelude::*;

fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

fn policy(entries: &[&str]) -> Policy {
    Policy::rules([Rule::allow(entries.iter().copied()).unwrap()]).build().unwrap()
}

/// Whether the only rule allows the target to a caller who holds nothing.
fn allows(policy: &Policy, target: &Target) -> bool {
    match policy.evaluate(&Grants::default(), Ask::Target(target)) {
        Verdict::Yes { rule } => rule.map(RulePlace::index) == Some(0),
        Verdict::No | Verdict::DependsOnArguments => false,
    }
}

/// The place of the rule that allows it to such a caller.
fn allowed_by(policy: &Policy, ask: Ask<'_>) -> Option<usize> {
    match policy.evaluate(&Grants::default(), ask) {
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
fn in_uris_one_star_stays_within_a_segment_and_two_do_not() {
    for (pattern, yes, no) in [
        (
            "file:///public/*",
            &["file:///public/a", "file:///public/"][..],
            &["file:///public/a/b", "file:///public"][..],
        ),
        (
            "file:///public/**",
            &["file:///public/a", "file:///public/a/b/c"],
            &["file:///publicity", "file:///x/public/a"],
        ),
        ("file:///*/docs/**", &["file:///u1/docs/a/b"], &["file:///u1/x/docs/a", "file:///docs/a"]),
        (
            "file:///**/x*",
            &["file:///a/x1", "file:///a/x/b/x1", "file:///a/b/xx"],
            &["file:///a/x/b/y", "file:///x1"],
        ),
        ("git://repo/**.md", &["git://repo/a.md", "git://repo/a/b.md"], &["git://repo/a.mdx"]),
        ("note://*", &["note://1"], &["note://1/2", "NOTE://1"]),
    ] {
        let policy = policy(&[&format!("resources/read {pattern}")]);
        for uri in yes {
            assert!(allows(&policy, &resource(uri)), "{pattern} {uri}");
        }
        for uri in no {
            assert!(!allows(&policy, &resource(uri)), "{pattern} {uri}");
        }
    }
}

#[test]
fn uris_that_servers_resolve_differently_match_nothing() {
    let policy = policy(&["resources/read file:///public/**", "resources/read **"]);
    assert!(allows(&policy, &resource("file:///public/a%20b/c.txt?x=1")));
    for uri in [
        "file:///public/../etc/passwd",
        "file:///public/./a",
        "file:///public/a/..",
        "file:///public/%2e%2e/etc",
        "file:///public/%2E./etc",
        "file:///public/..%2fetc",
        "file:///public/a%2Fb",
        "file:///public/a%5cb",
        "file:///public/%252e%252e/etc",
        "file:///public/%c0%ae%c0%ae/etc",
        "file:///public\\..\\etc",
        "file:///public/..;/etc",
        "file:///public/a?path=../etc",
        "file:///public/a%",
        "file:///public/a%2",
    ] {
        assert!(!allows(&policy, &resource(uri)), "{uri}");
    }
}

#[test]
fn what_base_scopes_govern_needs_no_rule_and_unknown_methods_do() {
    let policy = policy(&["com.example/*"]);
    let none = Grants::default();
    assert_eq!(policy.evaluate(&none, Ask::Base), Verdict::Yes { rule: None });
    assert_eq!(allowed_by(&policy, Ask::Method("com.example/a")), Some(0));
    assert_eq!(policy.evaluate(&none, Ask::Method("org.example/a")), Verdict::No);
    for free in [Target::Task("t".into()), Target::Changes("toolsListChanged".into())] {
        assert_eq!(policy.evaluate(&none, Ask::Target(&free)), Verdict::Yes { rule: None });
    }
    assert_eq!(policy.evaluate(&none, Ask::Target(&Target::OtherNews("x/y".into()))), Verdict::No);
    assert_eq!(policy.evaluate(&none, Ask::Target(&tool("a"))), Verdict::No);

    let signed_in = Policy::signed_in().build().unwrap();
    assert_eq!(signed_in.evaluate(&none, Ask::Target(&tool("a"))), Verdict::Yes { rule: None });
    assert_eq!(
        signed_in.evaluate(&none, Ask::Method("org.example/a")),
        Verdict::Yes { rule: None }
    );
    let with_base = Policy::signed_in().base_scopes(scopes("mcp")).build().unwrap();
    assert_eq!(with_base.evaluate(&none, Ask::Base), Verdict::No);
    assert_eq!(with_base.evaluate(&none, Ask::Target(&tool("a"))), Verdict::No);
}

#[test]
fn the_first_rule_in_order_that_allows_is_named() {
    let rule = |entry: &str| Rule::allow([entry]).unwrap();
    let guarded = rule("tools/call read_*").scopes(scopes("files:read"));
    let rules =
        [guarded, rule("tools/call *_b"), rule("tools/call read_*"), rule("tools/call read_b")];
    let policy = Policy::rules(rules).build().unwrap();
    let by = |name: &str| allowed_by(&policy, Ask::Target(&tool(name)));
    assert_eq!((by("read_b"), by("read_a"), by("write_a")), (Some(1), Some(2), None));
    let Verdict::Yes { rule: Some(rule) } =
        policy.evaluate(&Grants::default(), Ask::Target(&tool("read_b")))
    else {
        panic!("refused");
    };
    assert_eq!(rule.to_string(), "2", "people count from one");
}

#[test]
fn rules_that_cannot_mean_what_they_say_are_refused() {
    let refused = |entry: &str| Rule::allow([entry]).unwrap_err();
    let pattern = |text: &str, bad| BadRule::Pattern { text: text.to_owned(), bad };
    assert_eq!(Rule::allow([]).unwrap_err(), BadRule::NothingAllowed);
    assert_eq!(refused(""), pattern("", BadPattern::Empty));
    assert_eq!(refused("tools/call "), pattern("tools/call ", BadPattern::Empty));
    let long = format!("tools/call {}", "x".repeat(MAX_PATTERN + 1));
    assert_eq!(refused(&long), pattern(&long, BadPattern::TooLong));
    assert!(Rule::allow([format!("tools/call {}", "x".repeat(MAX_PATTERN)).as_str()]).is_ok());
    for exclusion in ["!tools/call x", "tools/call !x", "tools/call -x", "tools/call ^x"] {
        let bad = refused(exclusion);
        assert!(matches!(bad, BadRule::Pattern { .. }), "{exclusion}: {bad}");
    }
    assert_eq!(refused("tools/call  a"), pattern("tools/call  a", BadPattern::Characters));
    assert_eq!(refused("tools/call a\nb"), pattern("tools/call a\nb", BadPattern::Characters));
    for never in ["file:///a/../b", "file:///a/%2e%2e/b", "file:///a\\b", "file:///a/%zz/%2F"] {
        let text = format!("resources/read {never}");
        assert_eq!(refused(&text), pattern(&text, BadPattern::NeverMatches));
    }
    for missing in ["tools/call", "prompts/get", "resources/read"] {
        assert_eq!(refused(missing), BadRule::TargetMissing { text: missing.to_owned() });
        assert!(Rule::allow([format!("{missing} *").as_str()]).is_ok());
    }
    for (entry, method, instead) in [
        ("*", "tools/call", "tools/call NAME"),
        ("tools/c*", "tools/call", "tools/call NAME"),
        ("resources/subscribe file:///a", "resources/subscribe", "resources/read URI"),
        ("completion/complete", "completion/complete", "prompts/get NAME or resources/read URI"),
        ("subscriptions/listen", "subscriptions/listen", "resources/read URI"),
    ] {
        assert_eq!(refused(entry), BadRule::Governed { text: entry.to_owned(), method, instead });
    }
    for (entry, method) in [
        ("tools/list", "tools/list"),
        ("logging/*", "logging/setLevel"),
        ("ping", "ping"),
        ("tasks/get", "tasks/get"),
    ] {
        assert_eq!(refused(entry), BadRule::NeedsNoRule { text: entry.to_owned(), method });
    }
    assert!(Rule::allow(["com.example/run"]).is_ok());

    let rule = || Rule::allow(["tools/call x"]).unwrap();
    assert!(rule().arg("path", ["/public/**"]).is_ok());
    let empty = BadRule::EmptyCondition { name: "path".to_owned() };
    assert_eq!(rule().arg("path", []).unwrap_err(), empty);
    assert_eq!(
        rule().arg("path", ["/public/../**"]).unwrap_err(),
        pattern("/public/../**", BadPattern::NeverMatches)
    );
    let mixed = Rule::allow(["tools/call x", "resources/read file:///**"]).unwrap();
    let no_arguments = BadRule::NoArguments { text: "resources/read".to_owned() };
    assert_eq!(mixed.arg("path", ["*"]).unwrap_err(), no_arguments);
}

#[test]
fn policies_that_say_nothing_or_too_much_are_refused() {
    let rule = || Rule::allow(["tools/call x"]).unwrap();
    assert_eq!(Policy::rules([]).build().unwrap_err(), BadPolicy::NoRules);
    assert!(Policy::rules([rule()]).build().is_ok());

    let offline = Policy::rules([rule().scopes(scopes("files:read offline_access"))]);
    assert_eq!(offline.build().unwrap_err(), BadPolicy::OfflineAccess);
    assert_eq!(
        Policy::signed_in().base_scopes(scopes("offline_access")).build().unwrap_err(),
        BadPolicy::OfflineAccess
    );

    let roles = |count: usize| (0..count).map(|i| Role::parse(&format!("r{i}")).unwrap());
    assert!(Policy::rules([rule().roles(roles(MAX_NAMES))]).build().is_ok());
    assert_eq!(
        Policy::rules([rule().roles(roles(MAX_NAMES + 1))]).build().unwrap_err(),
        BadPolicy::TooManyNames
    );
    let pair = |i: usize| (Scope::parse(&format!("s{i}")).unwrap(), Role::parse("r").unwrap());
    let too_many = Policy::rules([rule()]).scope_roles((0..=MAX_NAMES).map(pair));
    assert_eq!(too_many.build().unwrap_err(), BadPolicy::TooManyNames);
}

#[test]
fn a_policy_varies_by_caller_where_scopes_or_roles_matter() {
    let rule = || Rule::allow(["tools/call x"]).unwrap();
    assert!(!Policy::signed_in().build().unwrap().varies());
    assert!(!Policy::rules([rule()]).build().unwrap().varies());
    assert!(Policy::signed_in().base_scopes(scopes("a")).build().unwrap().varies());
    assert!(Policy::rules([rule().scopes(scopes("a"))]).build().unwrap().varies());
    assert!(Policy::rules([rule().roles([Role::parse("r").unwrap()])]).build().unwrap().varies());
    assert_eq!(
        Policy::signed_in().hierarchy(Hierarchy::default()).build().unwrap().base_scopes(),
        &scopes_none()
    );
}

fn scopes_none() -> ScopeSet {
    ScopeSet::default()
}

/// The pattern language said once more, the slow and obvious way.
fn matches_slowly(pattern: &[u8], text: &[u8], slashes_separate: bool) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', b'*', rest @ ..] => {
            (0..=text.len()).any(|at| matches_slowly(rest, &text[at..], slashes_separate))
        }
        [b'*', rest @ ..] => {
            let reach =
                text.iter().position(|b| slashes_separate && *b == b'/').unwrap_or(text.len());
            (0..=reach).any(|at| matches_slowly(rest, &text[at..], slashes_separate))
        }
        [byte, rest @ ..] => text.split_first().is_some_and(|(first, text)| {
            first == byte && matches_slowly(rest, text, slashes_separate)
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn patterns_match_what_their_definition_says(
        patterns in prop::collection::vec("[ab/*]{1,8}", 1..6),
        text in "[ab/]{0,10}",
    ) {
        let entries: Vec<String> = patterns.iter().map(|p| format!("resources/read {p}")).collect();
        let policy = policy(&entries.iter().map(String::as_str).collect::<Vec<_>>());
        let wanted = patterns.iter().any(|pattern| matches_slowly(pattern.as_bytes(), text.as_bytes(), true));
        prop_assert_eq!(allows(&policy, &resource(&text)), wanted);

        let entries: Vec<String> = patterns.iter().map(|p| format!("tools/call {p}")).collect();
        let policy = Policy::rules(entries.iter().map(|entry| Rule::allow([entry.as_str()]).unwrap())).build().unwrap();
        let first = patterns.iter().position(|pattern| matches_slowly(pattern.as_bytes(), text.as_bytes(), false));
        prop_assert_eq!(allowed_by(&policy, Ask::Target(&tool(&text))), first);
    }
}
