//! The language of patterns, said the slow and obvious way, and compared.

use std::ops::Range;

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
    let (before, last) = (&pattern[..p], p + stars == pattern.len());
    let host = authority(pattern).map_or("", |range| &pattern[range]);
    let in_host = is_in(authority(pattern), p);
    let is_every_host = in_host && host.bytes().all(|byte| byte == b'*');
    if stars > 1 && last && (before.is_empty() || is_every_host) {
        return letter != '#';
    }
    if is_every_host {
        return !"/?#".contains(letter);
    }
    if in_host && !(stars > 1 && last) {
        let is_port = pattern[..pattern.find("://").unwrap()].contains('*')
            && before.ends_with(':')
            && before.len() + stars == authority(pattern).unwrap().end;
        return if is_port { letter.is_ascii_digit() } else { of_host };
    }
    if authority(pattern).is_some_and(|range| p < range.start) {
        return letter.is_ascii_alphanumeric() || "+.-".contains(letter);
    }
    if is_in(authority(text), t) && !of_host {
        return false;
    }
    match (stars, last) {
        (1, _) if before.contains('?') => !"/?#&;".contains(letter),
        (1, _) => !"/?#".contains(letter),
        (_, true) => letter != '#',
        (_, false) => !"?#".contains(letter),
    }
}

/// What is behind the first `://` and before the slash, question mark or fragment that follows.
fn authority(text: &str) -> Option<Range<usize>> {
    let scheme = text.split_once("://")?.0;
    if scheme.is_empty()
        || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-*".contains(&b))
    {
        return None;
    }
    let start = scheme.len() + 3;
    Some(start..text[start..].find(['/', '?', '#']).map_or(text.len(), |len| start + len))
}

fn is_in(range: Option<Range<usize>>, at: usize) -> bool {
    range.is_some_and(|range| range.contains(&at))
}

/// What is behind the authority and before the query; the whole of what is no URI.
fn path(text: &str) -> &str {
    authority(text).map_or(text, |range| text[range.end..].split('?').next().unwrap())
}

/// Whether stars would bring in a host that is none, or a drive: the only structure of that kind the
/// letters below can make.
fn slips(pattern: &str, text: &str) -> bool {
    if pattern.len() > 1 && pattern.bytes().all(|byte| byte == b'*') {
        return false;
    }
    let names_host = authority(pattern).is_some_and(|range| {
        // Two stars at the end are over all that follows, unless they are over the host alone.
        let host = pattern[..range.end].trim_end_matches('*');
        let is_tail = range.end == pattern.len() && pattern.len() - host.len() > 1;
        let is_starred =
            if is_tail && host.len() > range.start { host } else { &pattern[..range.end] };
        is_starred.contains('*')
    });
    let is_hostless =
        authority(text).is_some_and(|range| range.is_empty()) && !text.starts_with("file://");
    let drives = |text: &str| {
        let segments = path(text).split('/');
        segments.filter(|s| s.starts_with(char::is_alphabetic) && s[1..].starts_with(':')).count()
    };
    names_host && is_hostless || drives(pattern) != drives(text)
}

/// Whether the text has a segment of one dot or two, or an empty one that is neither the first nor the
/// last nor in the middle of `://`: the only things the letters below can make that no pattern lets
/// through.
fn is_plain(text: &str) -> bool {
    let separated = text.replace(['?', '#', ':', '&'], "/");
    let has_dots = ["/./", "/../"].iter().any(|dots| format!("/{separated}/").contains(dots));
    let has_empty = path(text).match_indices("//").any(|(at, _)| !path(text)[..at].ends_with(':'))
        || path(text).contains(":///");
    !has_dots && !has_empty
}

/// Whether it begins the host of any scheme, and leaves the end to a star.
fn is_open(pattern: &str) -> bool {
    let Some(range) = authority(pattern) else { return false };
    let host = &pattern[range.clone()];
    let named = host.trim_end_matches('*');
    pattern[..range.start].contains('*')
        && host.ends_with('*')
        && !named.is_empty()
        && !named.ends_with(':')
}

fn pieces(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 1..=most).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn patterns_over_uris_match_what_their_definition_says(
        patterns in prop::collection::vec(pieces(&["*", "**", "*", "a", "b", "/", "://", ".", "?", "@", "-", ":"], 7), 1..4),
        text in pieces(&["a", "b", "a", "b", "/", "://", ".", "?", "#", "@", "-", ":", "_", "&", "7"], 9),
    ) {
        let patterns: Vec<String> = patterns.into_iter().filter(|pattern| !pattern.starts_with('-')).collect();
        for pattern in &patterns {
            let loads = Rule::allow([format!("resources/read {pattern}").as_str()]).is_ok();
            prop_assert_eq!(loads, is_plain(pattern) && !is_open(pattern), "{}", pattern);
        }
        let loaded: Vec<&String> = patterns.iter().filter(|pattern| is_plain(pattern) && !is_open(pattern)).collect();
        let entries: Vec<String> = loaded.iter().map(|p| format!("resources/read {p}")).collect();
        if !entries.is_empty() {
            let policy = policy(&entries.iter().map(String::as_str).collect::<Vec<_>>());
            let wanted = is_plain(&text)
                && loaded.iter().any(|p| matches_slowly(p, 0, &text, 0, true) && !slips(p, &text));
            prop_assert_eq!(allows(&policy, &resource(&text)), wanted, "{:?} {}", loaded, text);
        }
    }

    /// URIs made out of the pattern, so that they nearly match.
    #[test]
    fn so_do_they_for_uris_that_nearly_match(
        parts in prop::collection::vec((prop::sample::select(vec!["", "*", "**"]), prop::sample::select(vec!["a", "b.", "/", "://", "/a", "?"])), 1..5),
        fill in prop::collection::vec(pieces(&["", "a", "b", "-", "/", "?", "@", "#", "a.b", "://", "7", "b:", "&"], 2), 5),
        end in prop::sample::select(vec!["", "*", "**"]),
    ) {
        let mut pattern: String = parts.iter().flat_map(|(stars, literal)| [*stars, *literal]).collect();
        pattern.push_str(end);
        let filled = |(stars, fill): (&str, &String)| if stars.is_empty() { String::new() } else { fill.clone() };
        let mut text: String = parts.iter().zip(&fill).map(|((stars, literal), fill)| filled((stars, fill)) + literal).collect();
        text.push_str(&filled((end, &fill[4])));
        let rule = Rule::allow([format!("resources/read {pattern}").as_str()]);
        prop_assert_eq!(rule.is_ok(), is_plain(&pattern) && !is_open(&pattern), "{}", pattern);
        if let Ok(rule) = rule {
            let policy = super::rules([rule]).build().unwrap();
            let wanted = is_plain(&text) && matches_slowly(&pattern, 0, &text, 0, true) && !slips(&pattern, &text);
            prop_assert_eq!(allows(&policy, &resource(&text)), wanted, "{} {}", pattern, text);
        }
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
