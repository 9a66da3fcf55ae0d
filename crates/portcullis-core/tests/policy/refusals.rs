//! Rules that cannot mean what they say are refused when they are read.

use portcullis_core::policy::{BadPattern, BadPolicy, BadRule, MAX_PATTERN, PolicyBuilder, Rule};
use portcullis_core::scope::{Hierarchy, Role, Scope};

use crate::{rules, scopes};

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
    for never in
        ["file:///a/../b", "file:///a/%2e%2e/b", "file:///a\\b", "file:///a/%zz/%2F", "file:///a#b"]
    {
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
    for entry in ["tools/cal x", "com.example/run x", "com.example/run "] {
        assert_eq!(refused(entry), BadRule::NoTarget { text: entry.to_owned() });
    }
    let (entry, method) = ("tools/list x", "tools/list");
    assert_eq!(refused(entry), BadRule::NeedsNoRule { text: entry.to_owned(), method });
    assert!(Rule::allow(["com.example/run"]).is_ok());
}

#[test]
fn a_host_stands_behind_a_scheme() {
    for (entry, accepted) in [
        ("*.example.com/**", "*://*.example.com/**"),
        ("**.example.com/x", "example.com/x"),
        ("**.md/x", "**/a.md/x"),
    ] {
        let [entry, accepted] = [entry, accepted].map(|uri| format!("resources/read {uri}"));
        let bad = BadRule::Pattern { text: entry.clone(), bad: BadPattern::NoScheme };
        assert_eq!(Rule::allow([entry.as_str()]).unwrap_err(), bad);
        assert!(Rule::allow([accepted.as_str()]).is_ok(), "{accepted}");
    }
}

#[test]
fn methods_that_may_be_notifications_are_refused_since_no_rule_is_asked_about_them() {
    for entry in [
        "notifications/cancelled",
        "notifications/",
        "notifications/*",
        "notifications*",
        "notifications/com.example/*",
        "n*",
        "not*s/x",
        "*/run",
        "**x",
    ] {
        let text = entry.to_owned();
        assert_eq!(
            Rule::allow([entry]).unwrap_err(),
            BadRule::NeedsNoRule { text, method: "notifications/*" }
        );
    }
    for entry in ["notifications", "notification/*", "notificationsx/*", "com.example/*", "no/*"] {
        assert!(Rule::allow([entry]).is_ok(), "{entry}");
    }
}

#[test]
fn pattern_languages_of_other_tools_are_refused() {
    for (entry, accepted) in [
        ("tools/call {a,b}", "tools/call a,b"),
        ("tools/call a}", "tools/call a)"),
        ("tools/call read_[a-z]", "tools/call read_a-z"),
        ("tools/call a]", "tools/call a"),
        ("tools/call read_?", "tools/call read_*"),
        ("tools/call a\\*", "tools/call a*"),
        ("prompts/get a?", "prompts/get a*"),
        ("com.example/?", "com.example/*"),
        ("resources/read file:///{path}", "resources/read file:///*"),
        ("resources/read file:///[a-z]/**", "resources/read file:///a-z/**"),
        ("resources/read file:///a{b,c}?x", "resources/read file:///ab,c?x"),
    ] {
        let (text, bad) = (entry.to_owned(), BadPattern::ForeignSyntax);
        assert_eq!(Rule::allow([entry]).unwrap_err(), BadRule::Pattern { text, bad });
        assert!(Rule::allow([accepted]).is_ok(), "{accepted}");
    }
    let arg = |pattern: &str| Rule::allow(["tools/call x"]).unwrap().arg("path", [pattern]);
    for (pattern, accepted) in [
        ("/{a,b}/**", "/a/**"),
        ("[ab]*", "ab*"),
        ("https://x/{*}", "https://x/*"),
        ("a]?*", "a?*"),
    ] {
        let (name, text, bad) = ("path".into(), pattern.to_owned(), BadPattern::ForeignSyntax);
        assert_eq!(arg(pattern).unwrap_err(), BadRule::Argument { name, text, bad });
        assert!(arg(accepted).is_ok(), "{accepted}");
    }
    // The address of a host is no set of characters.
    for accepted in ["http://[::1]:8080/**", "http://[::1]:*/a"] {
        assert!(Rule::allow([format!("resources/read {accepted}").as_str()]).is_ok(), "{accepted}");
    }
}

#[test]
fn conditions_that_no_argument_meets_are_refused() {
    let argument =
        |text: &str, bad| BadRule::Argument { name: "path".into(), text: text.to_owned(), bad };
    let rule = || Rule::allow(["tools/call x"]).unwrap();
    assert!(rule().arg("path", ["/public/**"]).is_ok());
    let empty = BadRule::EmptyCondition { name: "path".to_owned() };
    assert_eq!(rule().arg("path", [""; 0]).unwrap_err(), empty);
    // What is written out means itself.
    for exact in
        ["..", "a\\b", "50%", "https://example.com/#a", "a//b", "-x", "!x", "{}", "[a]", "", " a "]
    {
        assert!(rule().arg("path", [exact]).is_ok(), "{exact}");
    }
    let long = "x".repeat(MAX_PATTERN + 1);
    for (exact, bad) in [("a\n", BadPattern::Characters), (&long, BadPattern::TooLong)] {
        assert_eq!(rule().arg("path", [exact]).unwrap_err(), argument(exact, bad));
    }
    let largest = (1_i64 << 53) - 1;
    assert!(rule().arg("path", [largest, -largest]).is_ok());
    for beyond in [largest + 1, -largest - 1] {
        let refused = argument(&beyond.to_string(), BadPattern::InexactInteger);
        assert_eq!(rule().arg("path", [beyond]).unwrap_err(), refused);
    }
    for (never, accepted) in [
        ("/public/../**", "/public/**"),
        ("..*/..", "..a*/..a"),
        ("..;*", "..a;*"),
        ("50%*", "50*"),
        ("a%2*", "a%20*"),
        ("a\\*", "a*"),
        ("a//*", "a/*"),
        ("//*.example.com/", "https://*.example.com/"),
        ("/ /*", "/ a/*"),
        ("https://example.com/#*", "/example.com/#*"),
    ] {
        let refused = rule().arg("path", [never]).unwrap_err();
        assert_eq!(refused, argument(never, BadPattern::NeverMatches));
        assert!(rule().arg("path", [accepted]).is_ok(), "{accepted}");
    }
    let refused = rule().arg("path", ["https:///*"]).unwrap_err();
    assert_eq!(refused, argument("https:///*", BadPattern::NoHost));
    assert!(rule().arg("path", ["file:///*"]).is_ok());
    let mixed = Rule::allow(["tools/call x", "resources/read file:///**"]).unwrap();
    let no_arguments = BadRule::NoArguments { text: "resources/read file:///**".to_owned() };
    assert_eq!(mixed.arg("path", ["*"]).unwrap_err(), no_arguments);
}

/// Hosts are read from their ends, which belong to whoever registered them.
#[test]
fn hosts_of_the_web_with_open_ends_are_refused() {
    for (open, accepted) in [
        ("https://api.example.com*", "https://api.example.com/*"),
        ("https://api.example.com**", "https://api.example.com/**"),
        ("https://10.0.0.*/x", "https://10.0.0.1/x"),
        ("https://*.example.*/x", "https://*.example.com/x"),
        ("WSS://api*/x", "WSS://*/x"),
        ("*://api*/x", "*://**/x"),
        ("https://api*:8080/", "https://api.example.com:8080/"),
        ("https://api*:*/", "https://*.example.com:*/"),
        ("https://u@api*/", "https://u*@api/"),
        ("https://*example.com/", "https://*-a.example.com/"),
        ("ssh://git@github.com*", "ssh://git@github.com/*"),
        ("postgres://db.example.com*", "postgres://db.example.com/*"),
        ("postgres://db*/app", "note://db*/app"),
        ("git::https://git.example.com*", "git::https://git.example.com/*"),
        ("git+https://*github.com/**", "git+https://*.github.com/**"),
        ("https://example*.com/**", "https://example*.a.com/**"),
        ("https://api.*.com/**", "https://*.com/**"),
        ("https://*example.co.uk/**", "https://*.example.co.uk/**"),
        ("https://*-mycorp.co.uk/**", "https://*-a.mycorp.co.uk/**"),
        ("note://me@*x*", "note://me@*"),
        ("http*://a*", "note://a*"),
    ] {
        let [open, accepted] = [open, accepted].map(|uri| format!("resources/read {uri}"));
        let bad = BadRule::Pattern { text: open.clone(), bad: BadPattern::OpenHost };
        assert_eq!(Rule::allow([open.as_str()]).unwrap_err(), bad);
        assert!(Rule::allow([accepted.as_str()]).is_ok(), "{accepted}");
    }
}

fn rule(entries: &[&str]) -> Rule {
    Rule::allow(entries.iter().copied()).unwrap()
}

fn roles(names: &[&str]) -> Vec<Role> {
    names.iter().map(|name| Role::parse(name).unwrap()).collect()
}

/// The rule that asks in vain, its entry, and the rule that allows it anyway.
fn vain(policy: PolicyBuilder) -> Option<(usize, String, usize)> {
    match policy.build() {
        Ok(_) => None,
        Err(BadPolicy::InVain { rule, entry, by }) => Some((rule.index(), entry, by.index())),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_rule_that_asks_for_what_another_gives_for_less_is_refused() {
    let all = rule(&["tools/call *"]);
    let delete = rule(&["tools/call delete_*"]);
    let write = delete.clone().scopes(scopes("files:write"));
    let found = |rule: usize, entry: &str, by: usize| Some((rule, entry.to_owned(), by));
    let delete_text = "tools/call delete_*";
    // In whatever order they stand.
    assert_eq!(vain(rules([all.clone(), write.clone()])), found(1, delete_text, 0));
    assert_eq!(vain(rules([write.clone(), all.clone()])), found(0, delete_text, 1));
    // One entry of several.
    let several = rule(&["prompts/get x", delete_text]).scopes(scopes("files:write"));
    assert_eq!(vain(rules([several, all.clone()])), found(0, delete_text, 1));
    // By arguments, roles, more scopes; by the base scopes and by broader ones.
    let narrow = delete.clone().arg("path", ["/public/**"]).unwrap();
    assert_eq!(vain(rules([all.clone(), narrow.clone()])), found(1, delete_text, 0));
    let bosses = delete.clone().roles(roles(&["boss"]));
    assert_eq!(vain(rules([all.clone(), bosses.clone()])), found(1, delete_text, 0));
    let read = all.clone().scopes(scopes("files:read"));
    let both = delete.clone().scopes(scopes("files:read files:write"));
    assert_eq!(vain(rules([read.clone(), both])), found(1, delete_text, 0));
    let based = rules([read.clone(), write.clone()]).base_scopes(scopes("files:read"));
    assert_eq!(vain(based), found(1, delete_text, 0));
    let scope = |text| Scope::parse(text).unwrap();
    let broader = Hierarchy::new([(scope("files:write"), vec![scope("files:read")])]).unwrap();
    let with = rules([read.clone(), write.clone()]).hierarchy(broader);
    assert_eq!(vain(with), found(1, delete_text, 0));
    let staff = all.clone().roles(roles(&["boss", "clerk"]));
    assert_eq!(vain(rules([staff.clone(), bosses.clone()])), found(1, delete_text, 0));
    let brings = rules([staff.clone(), write.clone()])
        .scope_roles([(scope("files:write"), Role::parse("clerk").unwrap())]);
    assert_eq!(vain(brings), found(1, delete_text, 0));
    let said = rules([all, write]).build().unwrap_err().to_string();
    assert!(
        said.starts_with("rule 2: \"tools/call delete_*\" asks in vain, since rule 1 "),
        "{said}"
    );
}

/// What may matter to anybody is left alone.
#[test]
fn a_rule_that_matters_to_somebody_stands() {
    let all = rule(&["tools/call *"]);
    let delete = rule(&["tools/call delete_*"]);
    let (read, write) = (scopes("files:read"), scopes("files:write"));
    let staff = delete.clone().roles(roles(&["boss", "clerk"]));
    for policy in [
        // For less than the other, or for something else.
        rules([all.clone().scopes(write.clone()), delete.clone()]),
        rules([all.clone().scopes(read), delete.clone().scopes(write.clone())]),
        rules([all.clone().roles(roles(&["boss"])), delete.clone().scopes(write.clone())]),
        rules([all.clone().roles(roles(&["boss"])), staff.clone()]),
        rules([all.clone().arg("path", ["*"]).unwrap(), delete.clone().scopes(write.clone())]),
        rules([all.clone().roles(roles(&["boss", "clerk"])), delete.clone()]),
        // Of other things.
        rules([rule(&["prompts/get *"]), delete.clone().scopes(write.clone())]),
        rules([rule(&["tools/call delete_a*"]), delete.clone().scopes(write.clone())]),
        rules([rule(&["tools/call *_all"]), delete.clone().scopes(write.clone())]),
        // The same twice, or a part of the same, asks nobody for anything.
        rules([all.clone(), delete.clone()]),
        rules([delete.clone().scopes(write.clone()), delete.clone().scopes(write.clone())]),
        // A star of a URI does not match all that a written-out one does.
        rules([
            rule(&["resources/read **"]),
            rule(&["resources/read x:///a"]).scopes(write.clone()),
        ]),
    ] {
        assert_eq!(vain(policy), None);
    }
}

/// A pattern covers another if it matches whatever that does.
#[test]
fn patterns_that_cover_others() {
    for (wide, narrow, covers) in [
        ("tools/call *", "tools/call **", true),
        ("tools/call a*", "tools/call a*b", true),
        ("tools/call a*", "tools/call a", true),
        ("tools/call *a*", "tools/call ba*", true),
        ("tools/call a*", "tools/call *", false),
        ("tools/call a*b", "tools/call a*", false),
        ("tools/call ab", "tools/call a*", false),
        ("prompts/get x", "prompts/get x", true),
        ("acme/*", "acme/run", true),
        ("acme/run", "acme/*", false),
        ("resources/read file:///a/**", "resources/read file:///a/**", true),
        ("resources/read file:///a/**", "resources/read file:///a/b", false),
    ] {
        let policy = rules([rule(&[wide]), rule(&[narrow]).scopes(scopes("x"))]);
        assert_eq!(vain(policy).is_some(), covers, "{wide} {narrow}");
    }
}
