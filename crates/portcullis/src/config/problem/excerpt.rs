//! The line that a problem is about, without secrets.

use std::ops::Range;
use std::sync::Arc;

use crate::config::raw;
use crate::config::source::{Place, Source, Sources, is_secret_by_name};
use crate::nearest::nearest;

/// What stands for a secret.
pub(in crate::config) const MASK: &str = "…";

/// One line of a text, what is underlined in it, and why where that is not the problem itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) file: Arc<str>,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) text: String,
    pub(super) span: Range<usize>,
    pub(super) label: Option<&'static str>,
}

impl Excerpt {
    pub(super) fn of(
        sources: &Sources,
        place: Place,
        label: Option<&'static str>,
        masks: &[Place],
        is_syntax: bool,
    ) -> Option<Excerpt> {
        // A variable has a name and no lines.
        let source = sources.of(place).filter(|source| !source.is_variable)?;
        let whole = source.text.as_str();
        let at = source.local(place);
        let start =
            whole.get(..at.start)?.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
        let behind = whole.get(start..)?;
        let text = behind.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let end = start.saturating_add(text.len());
        let mut hidden = hidden(source, &(start..end), masks);
        hidden.extend(user_info(text));
        if is_syntax && (!is_open(text) || is_in_secrets(whole, start)) {
            hidden.push(values(text));
        }
        let local = |at: usize| at.clamp(start, end).saturating_sub(start);
        let (text, span) = masked(text, local(at.start)..local(at.end), hidden);
        let (text, span) = shortened(text, span);
        let column = whole.get(start..at.start)?.chars().count().saturating_add(1);
        let line = whole.get(..start)?.matches('\n').count().saturating_add(1);
        Some(Excerpt { file: Arc::clone(&source.name), line, column, text, span, label })
    }
}

/// Nobody reads a line of this many letters.
const LONG: usize = 400;

/// Of a very long line, what is around the beginning of what is underlined.
fn shortened(text: String, span: Range<usize>) -> (String, Range<usize>) {
    if text.len() <= LONG {
        return (text, span);
    }
    let start = boundary(&text, span.start.saturating_sub(LONG / 4));
    let end = boundary(&text, start.saturating_add(LONG));
    let shown = text.get(start..end).unwrap_or_default();
    let (before, behind) =
        (if start > 0 { MASK } else { "" }, if end < text.len() { MASK } else { "" });
    let moved = |at: usize| at.clamp(start, end).saturating_sub(start).saturating_add(before.len());
    let span = moved(span.start)..moved(span.end);
    (format!("{before}{shown}{behind}"), span)
}

/// Where a letter begins, no earlier than here.
fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// The parts of a line that are known to be secret. What only names a variable or a file is none.
fn hidden(source: &Source, line: &Range<usize>, masks: &[Place]) -> Vec<Range<usize>> {
    let in_line = masks.iter().filter(|mask| {
        let local = source.local(**mask);
        source.place(0..source.text.len()).contains(**mask)
            && local.start < line.end
            && local.end > line.start
            && !source.text.get(local).is_some_and(is_reference)
    });
    let local = |at: usize| at.clamp(line.start, line.end).saturating_sub(line.start);
    in_line.map(|mask| source.local(*mask)).map(|mask| local(mask.start)..local(mask.end)).collect()
}

/// Whether a string as it is written says only where the value is.
fn is_reference(written: &str) -> bool {
    let text = written.trim_matches(['"', '\'']);
    let is_variable = text.starts_with("${") && text.find('}') == text.len().checked_sub(1);
    is_variable || text.starts_with("file:")
}

/// Names and passwords before the hosts of URLs.
fn user_info(text: &str) -> Vec<Range<usize>> {
    let begins = text.match_indices("://").map(|(at, colon)| at.saturating_add(colon.len()));
    let users = begins.filter_map(|begin| {
        let authority = text.get(begin..)?.split(['/', '"', '\'', ' ', '?', '#']).next()?;
        Some(begin..begin.saturating_add(authority.rfind('@')?))
    });
    users.collect()
}

/// Where a text is broken, nobody knows what is a value and what is not. Only a line that begins with a key
/// of ours, one that holds no secret, and names none is shown whole.
fn is_open(line: &str) -> bool {
    const SECRETS: [&str; 4] = ["client_secret", "private_key", "seal_key", "authorization"];
    let mut words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_secret = words.any(|word| {
        is_secret_by_name(word) || nearest(&word.to_ascii_lowercase(), SECRETS).is_some()
    });
    let line = line.trim_start();
    let key = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next();
    let is_known = key.is_some_and(|key| raw::open_keys().contains(key));
    !is_secret && (is_known || line.starts_with('['))
}

/// Whether the line is in a table whose values are secrets, whatever their names.
fn is_in_secrets(whole: &str, line: usize) -> bool {
    let (before, line) = whole.split_at_checked(line).unwrap_or_default();
    if line.starts_with('[') {
        return false;
    }
    let header = before.lines().rev().find(|line| line.trim_start().starts_with('['));
    header.is_some_and(|header| header.split(['[', ']', '.']).any(is_secret_by_name))
}

/// All behind the first `=`, or everything.
fn values(line: &str) -> Range<usize> {
    let Some((key, value)) = line.split_once('=') else { return 0..line.len() };
    let blanks = value.len().saturating_sub(value.trim_start().len());
    key.len().saturating_add(1).saturating_add(blanks)..line.len()
}

/// The line with a mask for each hidden part, and where what is underlined has gone.
fn masked(line: &str, span: Range<usize>, mut hidden: Vec<Range<usize>>) -> (String, Range<usize>) {
    hidden.sort_by_key(|range| range.start);
    let (mut text, mut start, mut end) = (String::new(), None, None);
    let mut ranges = hidden.into_iter().peekable();
    let mut until = 0;
    for (at, character) in line.char_indices() {
        while let Some(range) = ranges.next_if(|range| range.start <= at) {
            if range.end > until.max(at) {
                if until <= at {
                    text.push_str(MASK);
                }
                until = range.end;
            }
        }
        // What is underlined begins no later than the mask that hides its beginning.
        let shown = if at < until { text.len().saturating_sub(MASK.len()) } else { text.len() };
        if at >= span.start && start.is_none() {
            start = Some(shown);
        }
        if at >= span.end && end.is_none() {
            end = Some(text.len());
        }
        if at >= until {
            let is_plain = !character.is_control() || character == '\t';
            text.push(if is_plain { character } else { char::REPLACEMENT_CHARACTER });
        }
    }
    let start = start.unwrap_or(text.len());
    let end = end.unwrap_or(text.len()).max(start);
    (text, start..end)
}
