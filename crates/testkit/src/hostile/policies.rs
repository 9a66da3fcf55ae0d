//! Policies, and bodies that are aimed at their edges.

use super::messages::Sample;
use super::spelling::{Dice, Json, escaped};
use crate::reference::RuleText;

type Condition = (&'static str, &'static [&'static str]);

/// The scopes that rules ask for.
pub const SCOPES: &[&str] = &["read", "write", "admin"];
const NAMES: &[&str] =
    &["read", "read_*", "read_*", "*", "**", "*_file", "re*d", "admin.*.run", "docs/*", "r**_*e"];
const SCHEMES: &[&str] = &["file://", "https://", "https://", "note://", "*://", "http*://"];
const HOSTS: &[&str] = &["", "example.com", "*.example.com", "*.example.com", "api.*", "*", "a*.b"];
const PATHS: &[&str] =
    &["/public", "/docs", "/*", "/**", "/*.md", "/pub*", "/a", "/**/a.md", "/a*b", "/**.md", "/"];
const CONDITIONS: &[Condition] = &[
    ("path", &["/public/**"]),
    ("path", &["/public/**"]),
    ("path", &["/public/*.md", "/srv/*/a.txt"]),
    ("path", &["/srv/*/public/**", "docs/**"]),
    ("path", &["/public**/a"]),
    ("name", &["*.md"]),
    ("name", &["**.md", "*/a.md"]),
    ("name", &["report-*", "safe"]),
    ("url", &["https://*.example.com/**"]),
    ("url", &["https://*.example.com/**", "https://example.com/docs/*"]),
    ("url", &["https://*/docs/**", "https://example.com/*.md"]),
    ("host", &["*.example.com", "example.com"]),
    ("mode", &["safe"]),
    ("mode", &["safe", "true", "1", "1*0"]),
    ("mode", &["*"]),
];
const STARS: &[&str] = &["a", "x_1", "README", "a.b", "", "etc", "a b", "\u{e9}", "%61", "passwd"];
const EVIL: &[&str] = &[
    "../",
    "/..",
    "..",
    "./",
    "/../..",
    "%2e%2e/",
    "%2E.",
    "%2f",
    "%5c",
    "\\..\\",
    "\\",
    "\u{ff0e}\u{ff0e}/",
    "\u{ff0f}",
    "\u{2025}/",
    "\u{2024}.",
    "@evil.test",
    "evil.test/",
    "evil.test?",
    "evil.test#",
    "evil.test\\",
    "user@",
    "?",
    "#",
    "?q=../x",
    "/",
    "//",
    "///",
    "C:/",
    "~/",
    "file:///",
    "\0",
    "\0.md",
    ";",
    "..;/",
    "%00",
    "%23",
    "%3f",
    "%252e%252e/",
    " ",
    ".. /",
    "\t",
    "\n",
    "\u{200b}",
    ":",
    ":80",
    "%c0%ae",
    "+",
    "%",
    "%40",
    "\u{3002}",
    "..\u{200b}/",
    ",",
    "&",
    "=",
];
const ELSEWHERE: &[&str] =
    &["/etc/passwd", "../../etc/passwd", "https://evil.test/", "unsafe", "delete", "secret.key"];

/// One to four rules.
pub fn policy(dice: &mut Dice<'_>) -> Vec<RuleText> {
    (0..=dice.below(4)).map(|_| rule(dice)).collect()
}

fn rule(dice: &mut Dice<'_>) -> RuleText {
    let method = dice.pick(&["tools/call", "tools/call", "resources/read", "prompts/get"]);
    let scopes = SCOPES.iter().copied().filter(|_| dice.one_in(4)).collect();
    if method == "resources/read" {
        let path: String = (0..=dice.below(3)).map(|_| dice.pick(PATHS)).collect();
        // A directory that the operator writes without a name is the operator's own affair.
        let path = path.replace("///", "/").replace("//", "/");
        let pattern = match dice.below(12) {
            11 => "**".to_owned(),
            10 => format!("{}**", dice.pick(SCHEMES)),
            _ => match (dice.pick(SCHEMES), dice.pick(HOSTS)) {
                // Nor does a pattern mean much that names a scheme of the Web and no host.
                (scheme, "") if scheme.starts_with("http") => format!("file://{path}"),
                (scheme, host) => format!("{scheme}{host}{path}"),
            },
        };
        return RuleText { method, pattern, scopes, condition: None };
    }
    let is_narrowed = dice.below(4) > 0;
    let condition = is_narrowed.then(|| dice.pick(CONDITIONS)).map(|(n, any)| (n, any.to_vec()));
    RuleText { method, pattern: dice.pick(NAMES).to_owned(), scopes, condition }
}

/// A message, or a batch of some, that is near what the rules allow.
pub fn body(rules: &[RuleText], dice: &mut Dice<'_>) -> Sample {
    let mut messages: Vec<Json> =
        (0..dice.pick(&[1, 1, 1, 2, 3])).map(|id| message(rules, id, dice)).collect();
    let (body, headers) = match messages.pop() {
        Some(only) if messages.is_empty() && !dice.one_in(8) => (only, vec![]),
        last => {
            messages.extend(last);
            (Json::List(messages), vec![("mcp-protocol-version", "2025-03-26".to_owned())])
        }
    };
    Sample { body, calls: Vec::new(), headers }
}

fn message(rules: &[RuleText], id: usize, dice: &mut Dice<'_>) -> Json {
    let rule = &rules[dice.below(rules.len())];
    let target = near(&rule.pattern, dice);
    let (method, params) = match rule.method {
        _ if dice.one_in(24) => {
            let kind = if rule.method == "prompts/get" { "prompt" } else { "resource" };
            let name = if kind == "prompt" { "name" } else { "uri" };
            let kind = member("type", Json::text(&format!("ref/{kind}")));
            let reference = Json::Map(vec![kind, member(name, spelled(&target, dice))]);
            ("completion/complete", vec![member("ref", reference)])
        }
        "resources/read" => {
            let method = dice.pick(&["resources/read", "resources/read", "resources/subscribe"]);
            (method, vec![member("uri", spelled(&target, dice))])
        }
        method => {
            let mut members = vec![member("name", spelled(&target, dice))];
            let at = dice.below(2);
            members.insert(at, member("arguments", arguments(rule, dice)));
            (method, members)
        }
    };
    Json::Map(vec![
        member("jsonrpc", Json::text("2.0")),
        member("id", Json::Raw(id.to_string())),
        member("method", Json::text(method)),
        member("params", Json::Map(params)),
    ])
}

fn member(name: &str, value: Json) -> (String, Json) {
    (name.to_owned(), value)
}

fn arguments(rule: &RuleText, dice: &mut Dice<'_>) -> Json {
    let mut members = vec![member("other", Json::text("/etc/passwd"))];
    let Some((name, patterns)) = &rule.condition else { return Json::Map(members) };
    let value = |dice: &mut Dice<'_>| {
        let text = near(patterns[dice.below(patterns.len())], dice);
        let is_word = text == "true" || text.parse::<i32>().is_ok();
        if is_word && dice.one_in(2) { Json::Raw(text) } else { spelled(&text, dice) }
    };
    let wanted = match dice.below(8) {
        7 => Json::List((0..dice.below(4)).map(|_| value(dice)).collect()),
        6 if dice.one_in(3) => Json::Map(vec![member(name, value(dice))]),
        _ => value(dice),
    };
    let written =
        if dice.one_in(8) { escaped(name, |_| dice.one_in(2)) } else { escaped(name, |_| false) };
    members.insert(dice.below(2), (written, wanted));
    if dice.one_in(5) {
        let other = Json::text(dice.pick(ELSEWHERE));
        let at = dice.below(members.len() + 1);
        members.insert(at, decoy(name, other, dice));
    }
    Json::Map(members)
}

/// A member that some reader takes for the one of that name.
fn decoy(name: &str, value: Json, dice: &mut Dice<'_>) -> (String, Json) {
    let (head, tail) = name.split_at(1 + dice.below(name.len() - 1));
    let written = match dice.below(12) {
        0 => name.to_owned(),
        1 => name.to_uppercase(),
        2 => format!("{}{}", head.to_uppercase(), tail),
        3 => format!("{head}_{tail}"),
        4 => format!("{head}-{tail}"),
        5 => format!("{name}\\u0000"),
        6 => format!("{name}\\u0000x"),
        7 => escaped(name, |_| true),
        8 => format!("{name} "),
        9 => format!("\\ufeff{name}"),
        10 => return member("__proto__", Json::Map(vec![member(name, value)])),
        _ => format!("{name}2"),
    };
    (written, value)
}

/// What the pattern matches, or nearly: stars filled in, and often a trap somewhere.
fn near(pattern: &str, dice: &mut Dice<'_>) -> String {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('*') {
        text.push_str(&rest[..at]);
        rest = rest[at..].trim_start_matches('*');
        let is_scheme = rest.starts_with("://");
        text.push_str(if is_scheme { dice.pick(&["https", "s"]) } else { dice.pick(STARS) });
        if dice.one_in(5) {
            // At the start of a segment most traps are worst.
            text.push_str(dice.pick(&["", "/", "/"]));
            text.push_str(dice.pick(EVIL));
            text.push_str(dice.pick(&["", "/"]));
            text.push_str(dice.pick(STARS));
        }
    }
    text.push_str(rest);
    if dice.one_in(5) {
        let places: Vec<usize> =
            text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        text.insert_str(dice.pick(&places), dice.pick(EVIL));
    }
    if dice.one_in(16) { dice.pick(ELSEWHERE).to_owned() } else { text }
}

/// The text, plainly or with escapes that none needs.
fn spelled(text: &str, dice: &mut Dice<'_>) -> Json {
    Json::Text(match dice.below(6) {
        5 => escaped(text, |_| true),
        4 => escaped(text, |c| c == '/' || dice.one_in(4)),
        _ => escaped(text, |_| false),
    })
}
