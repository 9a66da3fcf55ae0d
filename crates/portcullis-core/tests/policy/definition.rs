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
    let of_host = letter.is_ascii_alphanumeric() || ".-_+".contains(letter);
    let (before, behind) = (&pattern[..p], &pattern[p + stars..]);
    let is_tail = stars > 1 && behind.is_empty();
    if let Some(range) = authority(pattern).filter(|range| range.contains(&p)) {
        let (host, ends_it) = (&pattern[range.clone()], p + stars == range.end);
        let any_scheme = scheme(pattern).unwrap().contains('*');
        return match host.bytes().all(|byte| byte == b'*') {
            true if is_tail => letter != '#',
            true if any_scheme => of_host || ":@[]".contains(letter),
            true => !"/?#".contains(letter),
            false if is_tail && !is_in(authority(text), t) => letter != '#',
            false if ends_it && any_scheme && host.ends_with(":*") => letter.is_ascii_digit(),
            false if is_tail || ends_it && !any_scheme => !"/?#@:".contains(letter),
            false => of_host,
        };
    }
    if authority(pattern).is_some_and(|range| p < range.start) {
        return letter.is_ascii_alphanumeric() || "+.-".contains(letter);
    }
    if is_tail && before.is_empty() {
        return letter != '#';
    }
    let goes_on = !behind.is_empty() && !behind.starts_with(['/', '?', '#']);
    let excluded = match (stars, before.contains('?')) {
        (1, true) => "/?#&;",
        (_, true) => "#&;",
        (1, false) => "/?#",
        _ if is_tail => "#",
        _ => "?#",
    };
    !(excluded.contains(letter)
        || goes_on && letter == ';'
        || is_in(authority(text), t) && !of_host)
}

/// What a scheme is made of, directly before the first `://`, where that is in no path.
fn scheme(text: &str) -> Option<&str> {
    let before = text.split_once("://")?.0;
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || "+.-*".contains(c);
    let scheme = before.rsplit(|c| !of_scheme(c)).next()?;
    (!scheme.is_empty() && !before.contains(['/', '?', '#'])).then_some(scheme)
}

/// What is behind the first `://` and before the slash, question mark or fragment that follows.
fn authority(text: &str) -> Option<Range<usize>> {
    scheme(text)?;
    let start = text.find("://")? + 3;
    Some(start..text[start..].find(['/', '?', '#']).map_or(text.len(), |len| start + len))
}

fn is_in(range: Option<Range<usize>>, at: usize) -> bool {
    range.is_some_and(|range| range.contains(&at))
}

/// What is behind the authority and before the query; the whole of what is no URI.
fn path(text: &str) -> &str {
    authority(text).map_or(text, |range| text[range.end..].split('?').next().unwrap())
}

fn is_drive(segment: &str) -> bool {
    segment.starts_with(char::is_alphabetic) && segment[1..].starts_with(':')
}

/// Whether stars would bring in a host that is none, a drive, or another place to start from: the only
/// structure of that kind the letters below can make.
fn slips(pattern: &str, text: &str) -> bool {
    if pattern == "**" {
        return false;
    }
    let names_host = authority(pattern).is_some_and(|range| pattern[..range.end].contains('*'));
    let is_hollow = |text: &str| text.split(';').next() == Some("");
    let is_hostless = authority(text)
        .is_some_and(|range| is_hollow(&text[range.clone()]) || is_hollow(host(&text[range])));
    let drives = |text: &str| {
        let host = authority(text).map_or("", |range| &text[range]);
        let of_host = is_drive(host) || is_drive(host.rsplit('@').next().unwrap());
        path(text).split('/').filter(|s| is_drive(s)).count() + usize::from(of_host)
    };
    let starts_elsewhere = pattern.split_once('*').is_some_and(|(before, _)| {
        let rest = text.get(before.len()..).unwrap_or_default();
        before.ends_with(':')
            && !is_in(authority(pattern), before.len())
            && (rest.split_once('/').is_some_and(|(first, _)| is_hollow(first)) || is_drive(rest))
    });
    names_host && is_hostless || drives(pattern) != drives(text) || starts_elsewhere
}

/// Whether the text has a segment of one dot or two, or an empty one that is neither the first nor the
/// last nor in the middle of `://`: the only things the letters below can make that no pattern lets
/// through.
fn is_plain(text: &str) -> bool {
    let separated = text.replace(['?', '#', ':', '&', ';'], "/").replace('+', "");
    let has_dots = ["/./", "/../"].iter().any(|dots| format!("/{separated}/").contains(dots));
    let segments: Vec<&str> = path(text).split('/').collect();
    let is_hollow = |at: usize| {
        let is_inner = at > 0 && at + 1 < segments.len();
        let is_of_uri = || segments[at].is_empty() && segments[at - 1].ends_with(':');
        is_inner && segments[at].split(';').next() == Some("") && !is_of_uri()
    };
    !has_dots && !(0..segments.len()).any(is_hollow)
}

/// Whether it leaves to a star whose a host is, or has something like a host without a scheme.
fn is_open(pattern: &str) -> bool {
    let head = pattern.trim_start_matches('*');
    let Some(range) = authority(pattern) else {
        return head.len() < pattern.len() && head.starts_with('.') && head.contains('/');
    };
    let host = host(&pattern[range.clone()]);
    let Some((before, end)) = host.rsplit_once('*') else { return false };
    if host.trim_matches('*').is_empty() {
        return false;
    }
    if !scheme(pattern).unwrap().contains('*') {
        return end.is_empty() && pattern[range].contains('@');
    }
    let labels: Vec<&str> = end.split('.').rev().collect();
    let is_public = labels[0].len() == 2 && labels.get(1).is_none_or(|second| second.len() < 3);
    let of_all_below = end.starts_with('.') && before.trim_matches('*').is_empty();
    !of_all_below && labels.len() < if is_public { 4 } else { 3 }
}

/// The authority without user and port.
fn host(authority: &str) -> &str {
    let host = authority.rsplit('@').next().unwrap();
    match host.rsplit_once(':') {
        Some((host, port)) if port == "*" || port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => host,
    }
}

fn pieces(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 1..=most).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn patterns_over_uris_match_what_their_definition_says(
        patterns in prop::collection::vec(pieces(&["*", "**", "*", "a", "b", "/", "://", ".", "?", "@", "-", ":", ";", "7"], 7), 1..4),
        text in pieces(&["a", "b", "a", "b", "/", "://", ".", "?", "#", "@", "-", ":", "_", "&", "7", ";", "+"], 9),
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
        fill in prop::collection::vec(pieces(&["", "a", "b", "-", "/", "?", "@", "#", "a.b", "://", "7", "b:", "&", ";"], 2), 5),
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
