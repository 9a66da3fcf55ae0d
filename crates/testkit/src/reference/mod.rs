//! The policy once more, slow and obvious, held against what a server would do.
//!
//! What a star in a rule lets through is *inside* it however the server resolves it:
//!
//! * a name is inside `read_*` if it begins with `read_`; nobody resolves names;
//! * a path is inside `/public/**` if, with escapes decoded once and twice, backslashes turned, dot and
//!   empty segments resolved, it still begins with `/public/`; inside `/public/*.md` if nothing but one
//!   segment that ends in `.md` follows;
//! * a value that does not begin with the pattern's own letters is relative: it is inside `**.md` if so
//!   resolved it ends in `.md` and has no `..` left, and inside `*.md` if moreover it is one segment;
//! * what follows the letters before the first star is relative too, for who cuts those off;
//! * all is inside `*`;
//! * a URI is inside `https://*.example.com/docs/**` if every reader finds the scheme `https`, a host
//!   that ends in `.example.com` and a path that so resolved begins with `/docs/`. A query is inside only
//!   behind a closing `**`. All is inside `**`.

mod resolve;

use crate::lenient::{Arguments, Call, Reading};

use self::resolve::{forms, paths, uris};

/// A rule as data: one entry, the scopes that it asks for, and perhaps a condition.
#[derive(Clone, Debug)]
pub struct RuleText {
    /// Of calls with this method.
    pub method: &'static str,
    /// What it is aimed at.
    pub pattern: String,
    /// All of which the caller needs.
    pub scopes: Vec<&'static str>,
    /// What an argument must be: any of these patterns.
    pub condition: Option<(&'static str, Vec<&'static str>)>,
}

/// Everything that the reading does and no rule allows to the holder of these scopes.
pub fn escapes<'r>(rules: &[RuleText], held: &[&str], reading: &'r Reading) -> Vec<&'r Call> {
    assert_eq!(reading.calls.len(), reading.arguments.len());
    let admits = |rule: &&RuleText| rule.scopes.iter().all(|scope| held.contains(scope));
    let rules: Vec<&RuleText> = rules.iter().filter(admits).collect();
    let both = reading.calls.iter().zip(&reading.arguments);
    both.filter(|(call, arguments)| !is_allowed(&rules, call, arguments))
        .map(|(call, _)| call)
        .collect()
}

/// `handed` is what the tool gets.
fn is_allowed(rules: &[&RuleText], (method, targets): &Call, handed: &Arguments) -> bool {
    let by = |kind: &'static str, target: &String| {
        rules.iter().filter(move |rule| rule.method == kind).any(|rule| {
            let matches = match kind {
                "resources/read" => is_uri_inside(&rule.pattern, target),
                _ => glob(&all_stars(&rule.pattern), target),
            };
            matches && is_condition_met(rule, handed)
        })
    };
    match &**method {
        "tools/call" => targets.iter().all(|name| by("tools/call", name)),
        "prompts/get" => targets.iter().all(|name| by("prompts/get", name)),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            targets.iter().all(|uri| by("resources/read", uri))
        }
        // Which kind of reference it is, the reader does not say.
        "completion/complete" => {
            targets.iter().all(|it| by("prompts/get", it) || by("resources/read", it))
        }
        // News of what changed: of lists for everybody, of a resource for whom it is allowed.
        "subscriptions/listen" => targets.iter().all(|it| {
            let lists = ["toolsListChanged", "promptsListChanged", "resourcesListChanged"];
            lists.contains(&&**it) || by("resources/read", it)
        }),
        // These need a valid token and nothing more.
        "<response>" | "ping" | "initialize" | "server/discover" | "logging/setLevel" => true,
        other => {
            let open = ["notifications/", "tasks/"].iter().any(|head| other.starts_with(head));
            open || other.ends_with("/list")
        }
    }
}

/// The argument is there, and each of its values is inside some pattern.
fn is_condition_met(rule: &RuleText, arguments: &Arguments) -> bool {
    let Some((name, patterns)) = &rule.condition else { return true };
    let mut values = arguments.iter().filter(|(known, _)| known == name).peekable();
    values.peek().is_some()
        && values.all(|(_, value)| patterns.iter().any(|pattern| is_value_inside(pattern, value)))
}

fn is_value_inside(pattern: &str, value: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    if pattern.contains("://") {
        return is_uri_inside(pattern, value);
    }
    let climbs = |path: &str| path.split('/').any(|segment| segment == "..");
    is_relative_behind(pattern, value)
        && paths(value)
            .iter()
            .all(|path| glob(pattern, path) && is_below(pattern, path) && !climbs(path))
}

/// Whether a server that cuts off the directory before the first star finds nothing that begins elsewhere.
fn is_relative_behind(pattern: &str, text: &str) -> bool {
    let literal = pattern.split('*').next().unwrap_or_default();
    let directory = literal.rfind('/').map_or("", |at| &literal[..=at]);
    forms(text).iter().all(|form| {
        let Some(rest) = form.strip_prefix(directory) else { return true };
        let is_drive = matches!(rest.as_bytes(), [drive, b':', ..] if drive.is_ascii_alphabetic());
        let is_home = literal.is_empty() && rest.starts_with('~');
        let is_rooted = rest.starts_with(['/', '\\']);
        !is_rooted && !is_home && (!is_drive || literal.ends_with(':'))
    })
}

fn is_uri_inside(pattern: &str, uri: &str) -> bool {
    if pattern == "**" {
        return true;
    }
    let (scheme, rest) = pattern.split_once("://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // A closing `**` in place of the host is one over all that follows.
    let path = if path.is_empty() && host.ends_with("**") { "**" } else { path };
    // Who reads the Web cuts nothing off, and the host that stands there is no directory.
    // Below the root of all files every drive is meant.
    let is_root = scheme == "file" && path.trim_matches('/').split('/').count() < 2;
    let is_root = is_root && path.trim_start_matches('/').starts_with('*');
    let is_web = scheme.contains('*') || scheme.starts_with("http");
    let is_cut = !is_web && !is_root && host.find('*').is_none();
    let cut_off = format!("{scheme}://{host}{}", if path.is_empty() { "**" } else { path });
    (!is_cut || is_relative_behind(&cut_off, uri))
        && uris(uri).iter().all(|seen| {
            glob(scheme, &seen.scheme)
                && glob(host, &seen.host)
                && glob(path, &seen.path)
                && is_below(path, &seen.path)
                && (!seen.has_query || pattern.ends_with("**"))
        })
}

/// Whether the path is below the directory that stands before the first star.
fn is_below(pattern: &str, path: &str) -> bool {
    let literal = pattern.split('*').next().unwrap_or_default();
    let directory = literal.rfind('/').map_or("", |at| &literal[..=at]);
    path.starts_with(directory)
}

/// Where nothing is separated by slashes, one star is as good as two.
fn all_stars(pattern: &str) -> String {
    pattern.replace('*', "**")
}

/// `*` is anything without a slash, two and more are anything.
fn glob(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    if first != '*' {
        let rest = text.strip_prefix(first);
        return rest.is_some_and(|rest| glob(&pattern[first.len_utf8()..], rest));
    }
    let rest = pattern.trim_start_matches('*');
    let is_wide = pattern.len() - rest.len() > 1;
    let end = if is_wide { text.len() } else { text.find('/').unwrap_or(text.len()) };
    (0..=end).any(|at| text.is_char_boundary(at) && glob(rest, &text[at..]))
}
