//! Patterns over argument values, said the slow and obvious way, and compared.

use proptest::prelude::*;

use super::*;

/// The specification: whether the pattern from `p` on is the value from `t` on.
fn matches_slowly(pattern: &str, p: usize, value: &str, t: usize) -> bool {
    let stars = pattern[p..].bytes().take_while(|byte| *byte == b'*').count();
    if stars > 0 {
        return matches_slowly(pattern, p + stars, value, t)
            || (t < value.len()
                && star_may_match(pattern, p, stars, char::from(value.as_bytes()[t]))
                && matches_slowly(pattern, p, value, t + 1));
    }
    match (pattern.as_bytes().get(p), value.as_bytes().get(t)) {
        (None, None) => true,
        (Some(ours), Some(theirs)) if ours == theirs => {
            matches_slowly(pattern, p + 1, value, t + 1)
        }
        _ => false,
    }
}

fn star_may_match(pattern: &str, p: usize, stars: usize, letter: char) -> bool {
    let (before, behind) = (&pattern[..p], &pattern[p + stars..]);
    let has_slashes = pattern.contains('/');
    let goes_on = !behind.is_empty() && !behind.starts_with(['/', '?', '#']);
    if stars == 1 && !before.contains('/') {
        let tail = behind.split('/').next().unwrap();
        let is_port = |(_, port): (&str, &str)| port.parse::<u64>().is_ok();
        let names_host = tail.matches('.').count() > 1
            || tail.contains('@')
            || tail.rsplit_once(':').is_some_and(is_port);
        if names_host {
            return letter.is_ascii_alphanumeric() || ".-_+".contains(letter);
        }
        if "/:?#@".contains(letter) || goes_on && letter == ';' {
            return false;
        }
    }
    let begins = before.contains('*') && before.ends_with([':', '=']);
    !(stars == 1 && letter == '/'
        || begins && "/:~$".contains(letter)
        || has_slashes && !behind.is_empty() && "?#".contains(letter)
        || has_slashes && goes_on && letter == ';')
}

/// Whether a star would bring in a drive, or another place to start from.
fn slips(pattern: &str, value: &str) -> bool {
    let is_drive =
        |segment: &str| segment.starts_with(char::is_alphabetic) && segment[1..].starts_with(':');
    let drives = |text: &str| text.split('/').filter(|segment| is_drive(segment)).count();
    let (before, behind) = pattern.split_once('*').unwrap();
    let rest = value.get(before.len()..).unwrap_or_default();
    let begins = before.is_empty() || before.ends_with(['=', ':']);
    let first = rest.split_once('/').map(|(first, _)| first.split(';').next());
    let is_rooted = first == Some(Some("")) || rest.starts_with(['~', '$']) || is_drive(rest);
    // All letters of a scheme that the alphabet below has.
    let scheme = rest.split_once(':').filter(|(scheme, _)| {
        scheme.starts_with(char::is_alphabetic)
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
    });
    let is_single = !behind.starts_with('*');
    let is_written =
        behind.trim_start_matches('*').starts_with(':') || is_single && behind.contains(':');
    let has_scheme = match (before.ends_with(':'), is_written) {
        (true, _) => false,
        (false, true) => scheme.is_some_and(|(_, rest)| rest.starts_with('/')),
        (false, false) => scheme.is_some(),
    };
    let is_option = before.is_empty() && value.starts_with('-');
    begins && (is_rooted || has_scheme || is_option) || drives(pattern) != drives(value)
}

/// No dot segments, and no empty segment but the first and the last, nor one in the middle of `://`: the
/// only things the letters below can make that no pattern lets through.
fn is_plain(text: &str) -> bool {
    let separated = text.replace(['?', '#', ':', '=', ';'], "/");
    let has_dots = ["/./", "/../"].iter().any(|dots| format!("/{separated}/").contains(dots));
    let segments: Vec<&str> = text.split('/').collect();
    let is_hollow = |at: usize| {
        let is_of_uri = || segments[at].is_empty() && segments[at - 1].ends_with(':');
        segments[at].split(';').next() == Some("") && !is_of_uri()
    };
    !has_dots && !(1..segments.len().saturating_sub(1)).any(is_hollow)
}

fn pieces(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 1..=most).prop_map(|parts| parts.concat())
}

fn compare(pattern: &str, value: &str) -> Result<(), TestCaseError> {
    if pattern.starts_with('-') {
        return Ok(());
    }
    let is_uri = pattern.contains("://") || value.contains("://");
    if is_uri || !pattern.contains('*') || pattern.trim_matches('*').is_empty() {
        return Ok(());
    }
    let rule = allow("tools/call t").arg("v", [pattern]);
    prop_assert_eq!(rule.is_ok(), is_plain(pattern), "{}", pattern);
    if let Ok(rule) = rule {
        let policy = Policy::rules(resource(), [rule]).build().unwrap();
        let holder = caller_of(NOBODY.clone());
        let call = call_with("t", &json!({ "v": value }));
        let wanted =
            is_plain(value) && matches_slowly(pattern, 0, value, 0) && !slips(pattern, value);
        prop_assert_eq!(
            decide(&policy, holder, call, now()).is_ok(),
            wanted,
            "{} {}",
            pattern,
            value
        );
    }
    Ok(())
}

static NOBODY: LazyLock<Held> = LazyLock::new(|| verified("", &[], expectation()));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn patterns_over_values_match_what_their_definition_says(
        pattern in pieces(&["*", "**", "*", "a", "b", "/", ".", "?", "@", ":", ";", "7", "=", ".a.b", "~", "-"], 6),
        value in pieces(&["a", "b", "a", "/", ".", "?", "#", "@", ":", "7", ";", "=", "~", "a.b", "-", "$"], 8),
    ) {
        compare(&pattern, &value)?;
    }

    /// Values made out of the pattern, so that they nearly match.
    #[test]
    fn so_do_they_for_values_that_nearly_match(
        parts in prop::collection::vec((prop::sample::select(vec!["", "*", "**"]), prop::sample::select(vec!["a", "b.", "/", ":", "/a", ".a.b", "@a", "=", ":7"])), 1..4),
        fill in prop::collection::vec(pieces(&["", "a", "b", "/", "?", "@", "#", "a.b", ";", "b:", "~", "7"], 2), 5),
        end in prop::sample::select(vec!["", "*", "**"]),
    ) {
        let (mut pattern, mut value) = (String::new(), String::new());
        for ((stars, literal), fill) in parts.iter().chain([&(end, "")]).zip(&fill) {
            pattern.extend([*stars, *literal]);
            value.extend([if stars.is_empty() { "" } else { fill.as_str() }, *literal]);
        }
        compare(&pattern, &value)?;
    }
}
