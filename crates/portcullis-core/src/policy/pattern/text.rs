//! What of a text matters to patterns, found once however many they are.

use std::borrow::Cow;
use std::ops::Range;

use super::plain::{begins, is_hollow, is_plain};
use super::uri::{Regions, behind_user, is_of_scheme, is_of_the_web, without_port};

/// A text that patterns are held against.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Text<'t> {
    written: Cow<'t, str>,
    is_plain: bool,
    /// Where the text, read as a URI, names a host.
    authority: Range<usize>,
    /// It is a URI without a host, or with one that some readers drop or take for a home.
    is_hostless: bool,
    escapes: usize,
    drives: usize,
}

impl<'t> Text<'t> {
    /// A URI, a path or another value.
    pub(in crate::policy) fn new(text: impl Into<Cow<'t, str>>) -> Text<'t> {
        let text = text.into();
        let regions = Regions::of(&text);
        let (path, host) = (regions.path(), regions.host());
        let bare = without_port(behind_user(host));
        let is_web = regions.scheme.is_some_and(is_of_the_web);
        // Servers cut off the schemes they made up, and take what follows for a path.
        let is_own = regions.scheme.is_some_and(|scheme| !is_web && !is_file(scheme));
        let is_hostless = match regions.scheme {
            Some(scheme) if is_file(scheme) => false,
            Some(_) if is_own => {
                let is_none = |host| is_hollow(host) || begins(host, |host| host.starts_with('~'));
                is_none(host) || is_none(bare)
            }
            Some(_) => host.is_empty(),
            None => false,
        };
        let drives = |text: &str| text.split('/').filter(|s| is_drive(s)).count();
        // A port of a host with one letter makes it look like a drive, too.
        let host_drives = usize::from(is_drive(host) || is_drive(behind_user(host)));
        Text {
            is_plain: is_plain(&text) && !has_hollow_segment(path) && !has_escaped_delimiter(host),
            is_hostless,
            escapes: text.bytes().filter(|byte| *byte == b'%').count(),
            drives: match (is_web, is_own) {
                // On the Web nobody takes a segment for a drive.
                (true, _) => 0,
                (_, true) => drives(path).saturating_add(host_drives),
                _ => drives(path),
            },
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
            escapes: 0,
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

    /// How many escapes it has.
    pub(super) fn escapes(&self) -> usize {
        self.escapes
    }

    /// How many segments begin as the drives of Windows do.
    pub(super) fn drives(&self) -> usize {
        self.drives
    }

    /// Whether a tool that is told this, from `at` on, begins elsewhere than where it stands: at the root, at
    /// home, on a drive, or where a variable says. An empty segment before a slash is the root to some.
    pub(super) fn is_rooted(&self, at: usize) -> bool {
        let rest = self.written.get(at..).unwrap_or_default();
        let is_hollow = rest.split_once('/').is_some_and(|(first, _)| is_hollow(first));
        is_hollow || is_drive(rest) || begins(rest, |text| text.starts_with(['~', '$']))
    }

    /// Whether a tool that is told this takes it for an option.
    pub(super) fn is_option(&self) -> bool {
        begins(&self.written, |text| text.starts_with('-'))
    }

    /// Whether from `at` on it begins as a URI does.
    pub(super) fn has_scheme(&self, at: usize) -> bool {
        self.written.get(at..).is_some_and(|rest| is_uri(rest, |_| true))
    }

    /// Whether from `at` on it begins as a URI with a path from the root, or a host.
    pub(super) fn has_rooted_scheme(&self, at: usize) -> bool {
        self.written.get(at..).is_some_and(|rest| is_uri(rest, |rest| rest.starts_with('/')))
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

/// Whether resolving escapes first would find another host.
fn has_escaped_delimiter(authority: &str) -> bool {
    let mut escapes =
        authority.split('%').skip(1).map(|behind| behind.get(..2).unwrap_or_default());
    escapes.any(|digits| matches!(digits, "40" | "3a" | "3A" | "5b" | "5B" | "5d" | "5D"))
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
    begins(
        segment,
        |text| matches!(text.as_bytes(), [letter, b':' | b'|', ..] if letter.is_ascii_alphabetic()),
    )
}

/// Whether it begins as a URI does, and goes on so. A blank behind the colon makes a sentence of it, but for
/// those who look for nothing else (browsers, `file: /x`).
fn is_uri(text: &str, so: impl Fn(&str) -> bool) -> bool {
    begins(text, |text| {
        text.split_once(':').is_some_and(|(scheme, rest)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(is_of_scheme)
                && (!rest.starts_with(' ') || is_of_the_web(scheme) || is_file(scheme))
                && so(rest)
        })
    })
}

fn is_file(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("file")
}
