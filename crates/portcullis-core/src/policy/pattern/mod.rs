//! Patterns over names, URIs and argument values.
//!
//! `*` stands for any run of characters; where slashes separate (URIs, values) it does not cross one,
//! and `**` does. There is no other syntax, and no way to say "all but": rules only ever allow.
//!
//! A star brings in letters, not structure. What begins, parts and ends a URI or a path for some reader
//! (a scheme, a host, a drive, a query, an escape) must be written out; a star that brought it would move
//! the literal parts around it to where they mean something else. [`Reach`] says so byte by byte, and
//! [`Slip`] where it takes a look at the whole.
//!
//! * `reach` – what one star may match, by where it stands
//! * `slip` – what only a look at the whole text tells
//! * `automaton` – whether a text matches, in one pass
//! * `text` – what of a text matters to patterns, found once
//! * `uri` – the parts of a URI
//! * `plain` – which texts mean the same to everybody; others match nothing

mod automaton;
mod plain;
mod reach;
mod slip;
mod text;
mod uri;

use self::automaton::Ways;
use self::reach::Reach;
use self::slip::Slip;
pub(super) use self::text::Text;
use self::uri::Regions;

/// Longest pattern, in bytes. One bit of a set of states each, and one for the end.
pub const MAX_PATTERN: usize = 255;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    atoms: Box<[Atom]>,
    ways: Option<Ways>,
    slip: Slip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Atom {
    Byte(u8),
    /// A run of stars.
    Star(Reach),
}

/// The texts a pattern is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Tool and prompt names, methods.
    Name,
    /// Argument values.
    Value,
    /// URIs, and argument values under a pattern with `://`.
    Uri,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Nothing stands there.
    #[error("the pattern is empty")]
    Empty,
    /// It is longer than [`MAX_PATTERN`].
    #[error("the pattern is longer than {MAX_PATTERN} bytes")]
    TooLong,
    /// It begins like an exclusion of other tools' languages.
    #[error("rules only allow, there is no way to exclude: write what is allowed instead")]
    Exclusion,
    /// It has characters no name or URI can have.
    #[error("the pattern has control characters or spaces at its ends")]
    Characters,
    /// It has braces, brackets, or in a name a question mark or backslash, which mean something in other
    /// tools' languages and nothing here.
    #[error("there is only * and **: alternatives, character sets, ? and \\ mean nothing here")]
    ForeignSyntax,
    /// It can match nothing, since texts with such parts match nothing.
    #[error(
        "what has dot segments, empty segments, backslashes or slashes of other scripts, broken escapes or \
         escapes of . / \\ % ; ? # matches nothing, nor does a URI with a fragment, and so would this"
    )]
    NeverMatches,
    /// A URI of the Web that names no host.
    #[error("a URI of the Web names a host, \"*\" for every one")]
    NoHost,
    /// Something like a host that no scheme stands before.
    #[error("a host stands behind a scheme: write \"*://*.example.com/**\"")]
    NoScheme,
    /// A star would let any host through: names are read from their ends.
    #[error(
        "a host whose end is left to a star is anybody's: write \"*.example.com\", or \"*\" alone for every \
         host, or \":*\" behind it for every port"
    )]
    OpenHost,
    /// An integer that readers with doubles take for another.
    #[error("beyond \u{b1}(2^53 - 1) readers differ on integers, and no argument matches one")]
    InexactInteger,
}

impl BadPattern {
    /// Whether other tools would take it for an exclusion.
    pub(super) fn is_exclusion(text: &str) -> bool {
        text.starts_with(['!', '-', '^'])
    }
}

impl Language {
    /// The language of a pattern over argument values.
    pub(super) fn of_argument(pattern: &str) -> Language {
        if pattern.contains("://") { Language::Uri } else { Language::Value }
    }

    /// Whether any text of the language that is like this could be let through.
    fn has(self, text: &str) -> bool {
        let read = Text::new(text);
        match self {
            Language::Name => true,
            Language::Value => read.is_plain(),
            Language::Uri => read.is_plain() && !text.contains('#'),
        }
    }

    /// Whether the character belongs to the pattern languages of other tools. Templates of URIs have
    /// braces too; stars match those, so that no pattern needs to write them.
    fn is_foreign(self, character: char) -> bool {
        matches!(character, '{' | '}' | '[' | ']')
            || (self == Language::Name && matches!(character, '?' | '\\'))
    }

    /// Whether the pattern has such characters; the brackets of an IPv6 address are none.
    fn has_foreign(self, text: &str) -> bool {
        let host = Regions::of(text).authority;
        let is_address =
            |at: usize, c| self == Language::Uri && host.contains(&at) && "[]".contains(c);
        text.char_indices().any(|(at, c)| self.is_foreign(c) && !is_address(at, c))
    }
}

impl Pattern {
    pub(super) fn compile(text: &str, language: Language) -> Result<Pattern, BadPattern> {
        if text.is_empty() {
            return Err(BadPattern::Empty);
        }
        if text.len() > MAX_PATTERN {
            return Err(BadPattern::TooLong);
        }
        if BadPattern::is_exclusion(text) {
            return Err(BadPattern::Exclusion);
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            return Err(BadPattern::Characters);
        }
        if language.has_foreign(text) {
            return Err(BadPattern::ForeignSyntax);
        }
        if !language.has(text) {
            return Err(BadPattern::NeverMatches);
        }
        if language == Language::Uri && Text::new(text).lacks_its_host() {
            return Err(BadPattern::NoHost);
        }
        let regions = Regions::of(text);
        if language == Language::Uri && regions.has_open_host() {
            return Err(BadPattern::OpenHost);
        }
        if language == Language::Uri && is_host_without_scheme(text) {
            return Err(BadPattern::NoScheme);
        }
        let mut atoms = Vec::with_capacity(text.len());
        let mut at = 0;
        while let Some((&byte, rest)) = text.as_bytes().get(at..).and_then(<[u8]>::split_first) {
            let more = rest.iter().take_while(|next| byte == b'*' && **next == b'*').count();
            let end = at.saturating_add(1).saturating_add(more);
            atoms.push(match byte {
                b'*' => Atom::Star(Reach::of(language, &regions, &(at..end))),
                literal => Atom::Byte(literal),
            });
            at = end;
        }
        let slip = Slip::of(language, text, &atoms);
        Ok(Pattern::of(atoms, slip))
    }

    fn of(atoms: Vec<Atom>, slip: Slip) -> Pattern {
        Pattern { ways: Ways::of(&atoms), atoms: atoms.into(), slip }
    }

    /// The bytes every match begins with.
    pub(super) fn literal_prefix(&self) -> Vec<u8> {
        self.atoms
            .iter()
            .map_while(|atom| if let Atom::Byte(byte) = atom { Some(*byte) } else { None })
            .collect()
    }

    /// The pattern for what follows the literal prefix; `None` where nothing may follow.
    pub(super) fn after_prefix(&self) -> Option<Pattern> {
        let rest: Vec<Atom> =
            self.atoms.iter().skip_while(|a| matches!(a, Atom::Byte(_))).copied().collect();
        (!rest.is_empty()).then(|| Pattern::of(rest, self.slip))
    }
}

/// Whether it looks like `*.example.com/x`, a host that no scheme stands before.
fn is_host_without_scheme(pattern: &str) -> bool {
    let Some((first, _)) = pattern.split_once('/') else { return false };
    Regions::of(pattern).scheme.is_none()
        && first.trim_start_matches('*').starts_with('.')
        && first.starts_with('*')
}
