//! The language of patterns, said the slow and obvious way, and compared.

use portcullis_core::policy::{Ask, Rule};
use proptest::prelude::*;

use crate::{allowed_by, allows, policy, resource, tool};

/// The specification: whether the pattern from `p` on is the text from `t` on.
fn matches_slowly(pattern: &str, p: usize, text: &str, t: usize, uri: bool) -> bool {
    let stars = pattern[p..].bytes().take_while(|byte| *byte == b'*').count();
    if stars > 0 {
        return matches_slowly(pattern, p + stars, text, t, uri)
            || (t < text.len()
                && (!uri || star_may_match(pattern, p, stars, text, t))
                && matches_slowly(pattern, p, text, t + 1, uri));
    }
    match (pattern.as_bytes().get(p), text.as_bytes().get(t)) {
        (None, None) => true,
        (Some(ours), Some(theirs)) if ours == theirs => {
            matches_slowly(pattern, p + 1, text, t + 1, uri)
        }
        _ => false,
    }
}

/// Whether so many stars at `p` of a pattern over URIs may match what stands at `t` of the text.
fn star_may_match(pattern: &str, p: usize, stars: usize, text: &str, t: usize) -> bool {
    let letter = char::from(text.as_bytes()[t]);
    let of_host = letter.is_ascii_alphanumeric() || ".-_{}".contains(letter);
    if pattern == "*".repeat(stars) && stars > 1 {
        return letter != '#';
    }
    if in_authority(text, t) && !of_host {
        return false;
    }
    let last = p + stars == pattern.len();
    if stars > 1 && last {
        return letter != '#';
    }
    if pattern[p..].contains("://") && !pattern[..p].contains("://") {
        return letter.is_ascii_alphanumeric() || "+.-".contains(letter);
    }
    if in_authority(pattern, p) {
        return of_host;
    }
    if stars > 1 { !"?#".contains(letter) } else { !"/?#".contains(letter) }
}

/// Whether the place is behind the first `://` and before the slash or question mark that follows.
fn in_authority(text: &str, at: usize) -> bool {
    let Some(start) = text.find("://").map(|found| found + 3) else { return false };
    at >= start && !text[start..at].contains(['/', '?']) && !text[at..].starts_with(['/', '?'])
}

/// Whether a star over paths has a slash behind it, and the text an empty segment: readers that drop
/// those would find the literal rest elsewhere than where it matched.
fn slips(pattern: &str, text: &str) -> bool {
    let over_paths = |at: &usize| {
        let is_last = pattern[*at..].len() > 1 && pattern[*at..].bytes().all(|byte| byte == b'*');
        let in_scheme = pattern[*at..].contains("://") && !pattern[..*at].contains("://");
        is_last || !in_scheme && !in_authority(pattern, *at)
    };
    let runs = pattern.match_indices('*').map(|(at, _)| at);
    let mut starts = runs.filter(|at| *at == 0 || !pattern[..*at].ends_with('*'));
    let behind = starts.find(over_paths).map_or("", |at| &pattern[at..]);
    let rest = text
        .split_once("://")
        .map_or(text, |(_, rest)| rest.find(['/', '?', '#']).map_or("", |end| &rest[end..]));
    behind.contains('/') && rest.split('?').next().unwrap().contains("//")
}

/// Whether the text has a segment of one dot or two: the only thing the letters below can make that no
/// pattern lets through.
fn has_dot_segment(text: &str) -> bool {
    let separated = text.replace(['?', '#', ':', '&'], "/");
    format!("/{separated}/").contains("/./") || format!("/{separated}/").contains("/../")
}

fn pieces(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 1..=most).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn patterns_over_uris_match_what_their_definition_says(
        patterns in prop::collection::vec(pieces(&["*", "**", "*", "a", "b", "/", "://", ".", "?", "@", "-"], 7), 1..4),
        text in pieces(&["a", "b", "a", "b", "/", "://", ".", "?", "#", "@", "-", ":", "_"], 9),
    ) {
        let patterns: Vec<String> = patterns.into_iter().filter(|pattern| !pattern.starts_with('-')).collect();
        for pattern in &patterns {
            let loads = Rule::allow([format!("resources/read {pattern}").as_str()]).is_ok();
            prop_assert_eq!(loads, !has_dot_segment(pattern), "{}", pattern);
        }
        let loaded: Vec<&String> = patterns.iter().filter(|pattern| !has_dot_segment(pattern)).collect();
        let entries: Vec<String> = loaded.iter().map(|p| format!("resources/read {p}")).collect();
        if !entries.is_empty() {
            let policy = policy(&entries.iter().map(String::as_str).collect::<Vec<_>>());
            let wanted = !has_dot_segment(&text)
                && loaded.iter().any(|p| matches_slowly(p, 0, &text, 0, true) && !slips(p, &text));
            prop_assert_eq!(allows(&policy, &resource(&text)), wanted, "{:?} {}", loaded, text);
        }
    }

    /// URIs made out of the pattern, so that they nearly match.
    #[test]
    fn so_do_they_for_uris_that_nearly_match(
        parts in prop::collection::vec((prop::sample::select(vec!["", "*", "**"]), prop::sample::select(vec!["a", "b.", "/", "://", "/a", "?"])), 1..5),
        fill in prop::collection::vec(pieces(&["", "a", "b", "-", "/", "?", "@", "#", "a.b", "://"], 2), 5),
        end in prop::sample::select(vec!["", "*", "**"]),
    ) {
        let mut pattern: String = parts.iter().flat_map(|(stars, literal)| [*stars, *literal]).collect();
        pattern.push_str(end);
        let filled = |(stars, fill): (&str, &String)| if stars.is_empty() { String::new() } else { fill.clone() };
        let mut text: String = parts.iter().zip(&fill).map(|((stars, literal), fill)| filled((stars, fill)) + literal).collect();
        text.push_str(&filled((end, &fill[4])));
        prop_assume!(!has_dot_segment(&pattern) && !has_dot_segment(&text));
        let policy = policy(&[&format!("resources/read {pattern}")]);
        let wanted = matches_slowly(&pattern, 0, &text, 0, true) && !slips(&pattern, &text);
        prop_assert_eq!(allows(&policy, &resource(&text)), wanted, "{} {}", pattern, text);
    }

    #[test]
    fn patterns_over_names_match_what_their_definition_says(
        patterns in prop::collection::vec("[ab/*]{1,8}", 1..6),
        text in "[ab/]{0,10}",
    ) {
        let entries: Vec<String> = patterns.iter().map(|p| format!("tools/call {p}")).collect();
        let policy = super::rules(entries.iter().map(|entry| Rule::allow([entry.as_str()]).unwrap())).build().unwrap();
        let first = patterns.iter().position(|pattern| matches_slowly(pattern, 0, &text, 0, false));
        prop_assert_eq!(allowed_by(&policy, Ask::Target(&tool(&text))), first);
    }
}

/// Patterns of more than 64 letters need more than one word of states.
#[test]
fn long_patterns_match_as_short_ones_do() {
    for length in [2, 61, 62, 63, 64, 65, 126, 127, 128, 129, 190, 191, 192, 193, 250] {
        let middle: String = "abcdefg".chars().cycle().take(length).collect();
        let policy = policy(&[&format!("tools/call *{middle}*x")]);
        let shorter = &middle[..length - 1];
        assert!(allows(&policy, &tool(&format!("{middle}x"))), "{length}");
        assert!(allows(&policy, &tool(&format!("abc{shorter}{middle}cba x"))), "{length}");
        assert!(!allows(&policy, &tool(&format!("{shorter}_x"))), "{length}");
        assert!(!allows(&policy, &tool(&format!("{middle}y"))), "{length}");
        assert!(
            !allows(&policy, &tool(&format!("{shorter}_{}x", &middle[length - 1..]))),
            "{length}"
        );
    }
}
