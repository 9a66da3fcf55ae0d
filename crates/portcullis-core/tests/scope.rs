//! Scopes, what they imply, and who may have them.
#![allow(clippy::unwrap_used, reason = "tests")]

use portcullis_core::scope::{
    Entitlements, Hierarchy, Invalid, MAX_LENGTH, MAX_SCOPES, Role, Scope, ScopeSet,
};
use proptest::prelude::*;

fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

fn set(text: &str) -> ScopeSet {
    if text.is_empty() { ScopeSet::default() } else { ScopeSet::parse(text).unwrap() }
}

#[test]
fn scope_tokens_follow_rfc_6749() {
    for text in ["files:read", "!", "#", "[", "]", "~", "https://api.example.com/x.read"] {
        assert_eq!(Scope::parse(text).unwrap().as_str(), text);
    }
    for text in ["a b", "\"", "a\\b", "a\tb", "a\u{7f}", "ä", "a\0"] {
        assert_eq!(Scope::parse(text), Err(Invalid::Character), "{text:?}");
    }
    assert_eq!(Scope::parse(""), Err(Invalid::Empty));
    assert!(Scope::parse(&"a".repeat(MAX_LENGTH)).is_ok());
    assert_eq!(Scope::parse(&"a".repeat(MAX_LENGTH + 1)), Err(Invalid::TooLong));
    assert_ne!(scope("Files"), scope("files"));
}

#[test]
fn scope_lists_are_sorted_and_unique() {
    let scopes = set("b a b C");
    assert_eq!(scopes.to_string(), "C a b");
    assert_eq!(scopes.len(), 3);
    assert!(scopes.contains(&scope("a")) && !scopes.contains(&scope("A")));
    assert_eq!(scopes, ["a", "b", "C", "a"].into_iter().map(scope).collect());
    assert!(!scopes.is_empty() && ScopeSet::default().is_empty());
}

#[test]
fn scope_lists_have_single_spaces() {
    assert_eq!("a b".parse::<ScopeSet>().unwrap().to_string(), "a b");
    for text in ["", " ", " a", "a ", "a  b"] {
        assert_eq!(ScopeSet::parse(text), Err(Invalid::Empty), "{text:?}");
    }
    for text in ["a\tb", "a,\"b\"", "a\u{a0}b"] {
        assert_eq!(ScopeSet::parse(text), Err(Invalid::Character), "{text:?}");
    }
}

#[test]
fn scope_lists_are_bounded() {
    let list = |n: usize| (0..n).map(|i| format!("s{i}")).collect::<Vec<_>>().join(" ");
    assert_eq!(ScopeSet::parse(&list(MAX_SCOPES)).unwrap().len(), MAX_SCOPES);
    assert_eq!(ScopeSet::parse(&list(MAX_SCOPES + 1)), Err(Invalid::TooMany));
    // Repeating one scope is no way around it.
    assert_eq!(ScopeSet::parse(&vec!["a"; MAX_SCOPES + 1].join(" ")), Err(Invalid::TooMany));
}

#[test]
fn sets_combine() {
    assert_eq!(set("a b").union(&set("b c")), set("a b c"));
    assert_eq!(set("a b").minus(&set("b c")), set("a"));
    assert!(set("a").is_subset(&set("a b")) && !set("a c").is_subset(&set("a b")));
    assert!(set("").is_subset(&set("")) && set("a").union(&set("")) == set("a"));
}

#[test]
fn roles_are_any_text_without_control_characters() {
    for text in ["staff", "Équipe technique", "/groups/ops", "a b"] {
        assert_eq!(Role::parse(text).unwrap().to_string(), text);
    }
    assert_eq!(Role::parse(""), Err(Invalid::Empty));
    assert_eq!(Role::parse("a\nb"), Err(Invalid::Character));
    assert_eq!(Role::parse("a\u{85}b"), Err(Invalid::Character));
    assert_eq!(Role::parse(&"a".repeat(MAX_LENGTH + 1)), Err(Invalid::TooLong));
    assert!("a".repeat(MAX_LENGTH).parse::<Role>().is_ok());
}

fn hierarchy(pairs: &[(&str, &str)]) -> Hierarchy {
    let pair =
        |(broad, narrow): &(&str, &str)| (scope(broad), set(narrow).iter().cloned().collect());
    Hierarchy::new(pairs.iter().map(pair)).unwrap()
}

// req: RS-8
#[test]
fn a_broader_scope_satisfies_a_narrower_one() {
    let levels = hierarchy(&[("admin", "write"), ("write", "read list")]);
    for needed in ["admin", "write", "read", "list"] {
        assert!(levels.satisfies(&set("admin"), &scope(needed)), "{needed}");
    }
    assert!(levels.satisfies(&set("other write"), &scope("read")));
    // Not the other way round, not across, and not where the operator says nothing.
    assert!(!levels.satisfies(&set("read list"), &scope("write")));
    assert!(!levels.satisfies(&set("write"), &scope("admin")));
    assert!(!levels.satisfies(&set("admin"), &scope("other")));
    assert!(!levels.satisfies(&set(""), &scope("read")));
    assert!(!Hierarchy::default().satisfies(&set("admin"), &scope("read")));
    assert!(Hierarchy::default().satisfies(&set("admin read"), &scope("read")));
}

// req: RS-8
#[test]
fn the_closure_is_what_is_satisfied() {
    let levels = hierarchy(&[("admin", "write"), ("write", "read"), ("admin", "audit")]);
    assert_eq!(levels.closure(&set("admin")), set("admin audit read write"));
    assert_eq!(levels.closure(&set("write x")), set("read write x"));
    assert_eq!(levels.closure(&set("")), set(""));
}

#[test]
fn circles_make_equals() {
    let circle = hierarchy(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "d")]);
    assert_eq!(circle.closure(&set("b")), set("a b c"));
    assert!(circle.satisfies(&set("c"), &scope("b")));
    assert!(!circle.satisfies(&set("d"), &scope("a")));
}

#[test]
fn hierarchies_are_bounded() {
    let pairs = |n: usize| (1..n).map(|i| (scope("all"), vec![scope(&format!("s{i}"))]));
    assert!(Hierarchy::new(pairs(MAX_SCOPES)).is_ok());
    assert_eq!(Hierarchy::new(pairs(MAX_SCOPES + 1)), Err(Invalid::TooMany));
}

#[test]
fn unlisted_scopes_are_for_nobody() {
    let role = |text: &str| Role::parse(text).unwrap();
    let entitlements = Entitlements::new(
        set("read"),
        vec![
            (scope("write"), vec![role("editor")]),
            (scope("write"), vec![role("owner")]),
            (scope("locked"), vec![]),
        ],
    );
    let may = |roles: &[Role], text: &str| entitlements.may_obtain(roles, &scope(text));
    assert!(may(&[], "read"));
    assert!(!may(&[], "write") && !may(&[role("Editor")], "write"));
    assert!(may(&[role("x"), role("editor")], "write") && may(&[role("owner")], "write"));
    assert!(!may(&[role("editor")], "locked") && !may(&[role("editor")], "unlisted"));
    assert!(Entitlements::anything().may_obtain(&[], &scope("unlisted")));
}

fn scopes() -> impl Strategy<Value = ScopeSet> {
    let letters = prop::collection::vec("[a-h]", 0..8);
    letters.prop_map(|letters| letters.iter().map(|letter| scope(letter)).collect())
}

proptest! {
    #[test]
    fn any_text_is_a_list_or_refused(text in prop_oneof![any::<String>(), "[ -~]{0,40}"]) {
        if let Ok(scopes) = ScopeSet::parse(&text) {
            let written = scopes.to_string();
            prop_assert_eq!(ScopeSet::parse(&written), Ok(scopes.clone()));
            let mut words: Vec<_> = text.split(' ').collect();
            words.sort_unstable();
            words.dedup();
            prop_assert_eq!(written, words.join(" "));
        }
        if let Ok(role) = Role::parse(&text) {
            prop_assert_eq!(role.as_str(), &text);
        }
    }

    #[test]
    fn set_algebra(a in scopes(), b in scopes()) {
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert!(a.is_subset(&a.union(&b)));
        prop_assert!(a.minus(&b).iter().all(|s| a.contains(s) && !b.contains(s)));
        prop_assert_eq!(a.minus(&b).union(&b), a.union(&b));
    }

    /// `satisfies` and `closure` are two ways to ask one thing, whatever the pairs.
    #[test]
    fn closure_agrees_with_satisfies(
        pairs in prop::collection::vec(("[a-h]", prop::collection::vec("[a-h]", 0..4)), 0..8),
        held in scopes(),
    ) {
        let pairs = pairs.iter().map(|(broad, narrow)| {
            (scope(broad), narrow.iter().map(|n| scope(n)).collect())
        });
        let levels = Hierarchy::new(pairs).unwrap();
        let closure = levels.closure(&held);
        for needed in ["a", "b", "c", "d", "e", "f", "g", "h"].map(scope) {
            prop_assert_eq!(closure.contains(&needed), levels.satisfies(&held, &needed));
        }
        prop_assert!(held.is_subset(&closure));
        prop_assert_eq!(&levels.closure(&closure), &closure);
    }
}
