//! What of a text matters to patterns, found once however many they are.

use std::borrow::Cow;
use std::ops::Range;

use super::plain::{is_hollow, is_plain, trimmed, unescaped};
use super::reach::Regions;

/// A text that patterns are held against.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Text<'t> {
    written: Cow<'t, str>,
    is_plain: bool,
    /// Where the text, read as a URI, names a host.
    authority: Range<usize>,
    /// It is a URI without a host.
    is_hostless: bool,
    has_escapes: bool,
    drives: usize,
}

impl<'t> Text<'t> {
    /// A URI, a path or another value.
    pub(in crate::policy) fn new(text: impl Into<Cow<'t, str>>) -> Text<'t> {
        let text = text.into();
        let regions = Regions::of(&text);
        let path = regions.path();
        let is_web = regions.scheme.is_some_and(is_of_the_web);
        Text {
            is_plain: is_plain(&text) && !has_hollow_segment(path),
            is_hostless: regions.authority.is_empty()
                && regions.scheme.is_some_and(|scheme| !scheme.eq_ignore_ascii_case("file")),
            has_escapes: text.contains('%'),
            // On the Web nobody takes a segment for a drive.
            drives: if is_web { 0 } else { path.split('/').filter(|s| is_drive(s)).count() },
            authority: regions.authority,
            written: text,
        }
    }

    /// A name, which means to everybody what it spells.
    pub(in crate::policy) fn name(text: &'t str) -> Text<'t> {
        Text {
            written: Cow::Borrowed(text),
            is_plain: true,
            authority: 0..0,
            is_hostless: false,
            has_escapes: false,
            drives: 0,
        }
    }

    /// A text that no pattern is to be held against.
    pub(in crate::policy) fn unread(text: Cow<'t, str>) -> Text<'t> {
        Text { is_plain: false, written: text, ..Text::name("") }
    }

    pub(in crate::policy) fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether it means to everybody what it spells.
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain
    }

    pub(super) fn is_hostless(&self) -> bool {
        self.is_hostless
    }

    pub(super) fn has_escapes(&self) -> bool {
        self.has_escapes
    }

    /// How many segments begin as the drives of Windows do.
    pub(super) fn drives(&self) -> usize {
        self.drives
    }

    /// Whether a tool that is told this begins elsewhere than where it stands: at the root, or at home.
    pub(super) fn is_rooted(&self) -> bool {
        begins(&self.written, |text| text.starts_with(['/', '~']))
    }

    /// Whether it begins as a URI does, or with a drive.
    pub(super) fn has_scheme(&self) -> bool {
        is_drive(&self.written)
            || begins(&self.written, |text| {
                text.split_once(':').is_some_and(|(scheme, _)| {
                    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
                })
            })
    }

    /// Whether it is a URI of the Web, where browsers find a host behind the scheme however many slashes
    /// stand between, and names none.
    pub(super) fn lacks_its_host(&self) -> bool {
        self.is_hostless && self.written.split(':').next().is_some_and(is_of_the_web)
    }

    /// What stands before, in and behind the authority, of a part of the text.
    pub(super) fn parts(&self, range: &Range<usize>) -> [(&[u8], bool); 3] {
        let clamped = |at: usize| at.clamp(range.start, range.end.max(range.start));
        let (start, end) = (clamped(self.authority.start), clamped(self.authority.end));
        let part = |range: Range<usize>| self.written.as_bytes().get(range).unwrap_or_default();
        [(part(range.start..start), false), (part(start..end), true), (part(end..range.end), false)]
    }
}

pub(super) fn is_of_the_web(scheme: &str) -> bool {
    ["http", "https", "ws", "wss", "ftp"].iter().any(|web| scheme.eq_ignore_ascii_case(web))
}

/// Whether a segment but the last is empty, or is so for some reader: file systems and many servers take
/// `//` for `/`, and who cuts off `repo://main/` takes `repo://main//etc` for `/etc`. Behind a colon it is
/// the middle of another URI's `://`.
fn has_hollow_segment(path: &str) -> bool {
    let mut before = "";
    let mut segments = path.split('/').enumerate().peekable();
    while let Some((at, segment)) = segments.next() {
        let is_inner = at > 0 && segments.peek().is_some();
        let is_in_scheme = segment.is_empty() && before.ends_with(':');
        if is_inner && is_hollow(segment) && !is_in_scheme {
            return true;
        }
        before = segment;
    }
    false
}

/// `C:`, and `C|` as old browsers wrote it.
fn is_drive(segment: &str) -> bool {
    begins(segment, |text| {
        let mut letters = text.chars();
        letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && matches!(letters.next(), Some(':' | '|' | '\u{ff1a}'))
    })
}

/// Whether the text begins so for who resolves escapes and drops blanks and what is invisible.
fn begins(text: &str, so: impl Fn(&str) -> bool) -> bool {
    unescaped(text).is_some_and(|read| so(trimmed(&read)))
}
