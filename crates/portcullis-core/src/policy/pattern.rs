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
//! * `automaton` – whether a text matches, in one pass
//! * `text` – what of a text matters to patterns, found once
//! * `plain` – which texts mean the same to everybody; others match nothing

mod automaton;
mod plain;
mod reach;
mod text;

use self::automaton::Ways;
use self::reach::{Reach, Regions};
pub(super) use self::text::Text;

/// Longest pattern, in bytes. One bit of a set of states each, and one for the end.
pub const MAX_PATTERN: usize = 255;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    atoms: Box<[Atom]>,
    ways: Option<Ways>,
    slip: Slip,
}

/// How stars could bring in structure that no single byte shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slip {
    /// A star over schemes or hosts. Browsers and the libraries that follow them take any number of
    /// slashes before a host: to them `https:///public/x` is about the host `public`. Servers that cut
    /// off their `docs://` take `docs:///etc` for `/etc`.
    host: bool,
    /// A star has a hexadecimal digit behind it, which could be the end of an escape that the star began:
    /// `1%40` is no `1*0` to who resolves it.
    escape: bool,
    /// The drives that are written out, where a star could match another: `main/C:/x` is all of `C:/x`
    /// to who cuts off `main/` and joins the rest to a directory.
    drives: Option<usize>,
    /// A value begins with a star, which is for something within the place a tool starts from.
    opening: Option<Opening>,
}

/// Stars that a pattern over values begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    Single,
    Double,
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
        "what has dot segments, empty segments, backslashes, encoded dots or slashes, or broken escapes \
         matches nothing, nor does a URI with a fragment, and so would this"
    )]
    NeverMatches,
    /// Its last star would let any host through: names are read from their ends.
    #[error(
        "a host that ends with a star is anybody's: write the end of it, such as \"*.example.com\", or \
         \"*\" alone for every host"
    )]
    OpenHost,
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
            Language::Uri => read.is_plain() && !text.contains('#') && !read.lacks_its_host(),
        }
    }

    /// Whether the character belongs to the pattern languages of other tools. Templates of URIs have
    /// braces too; stars match those, so that no pattern needs to write them.
    fn is_foreign(self, character: char) -> bool {
        matches!(character, '{' | '}' | '[' | ']')
            || (self == Language::Name && matches!(character, '?' | '\\'))
    }
}

impl Pattern {
    /// Whether the text could be a pattern, apart from what stars would mean in it.
    pub(super) fn check(text: &str, language: Language) -> Result<(), BadPattern> {
        if text.is_empty() {
            return Err(BadPattern::Empty);
        }
        if text.len() > MAX_PATTERN {
            return Err(BadPattern::TooLong);
        }
        if text.starts_with(['!', '-', '^']) {
            return Err(BadPattern::Exclusion);
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            return Err(BadPattern::Characters);
        }
        if text.chars().any(|character| language.is_foreign(character)) {
            return Err(BadPattern::ForeignSyntax);
        }
        Ok(())
    }

    pub(super) fn compile(text: &str, language: Language) -> Result<Pattern, BadPattern> {
        Self::check(text, language)?;
        if !language.has(text) {
            return Err(BadPattern::NeverMatches);
        }
        let regions = Regions::of(text);
        if language == Language::Uri && regions.has_open_host() {
            return Err(BadPattern::OpenHost);
        }
        let mut atoms = Vec::with_capacity(text.len());
        let mut at = 0;
        while let Some((&byte, rest)) = text.as_bytes().get(at..).and_then(<[u8]>::split_first) {
            let more = rest.iter().take_while(|next| byte == b'*' && **next == b'*').count();
            let end = at.saturating_add(1).saturating_add(more);
            atoms.push(match byte {
                b'*' => Atom::Star(regions.reach(language, at..end)),
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

/// Whether the pattern begins at the root of all files, from where a drive leads nowhere else.
fn is_every_file(pattern: &str) -> bool {
    let literal = pattern.split('*').next().unwrap_or_default();
    ["file://", "file:///"].iter().any(|root| literal.eq_ignore_ascii_case(root))
}

impl Slip {
    fn of(language: Language, text: &str, atoms: &[Atom]) -> Slip {
        if language == Language::Name || matches!(atoms, [Atom::Star(Reach::EveryUri)]) {
            return Slip::default();
        }
        let splits = |pair: &[Atom]| matches!(pair, [Atom::Star(_), Atom::Byte(byte)] if byte.is_ascii_hexdigit());
        let opening = match text.bytes().take_while(|byte| *byte == b'*').count() {
            _ if language == Language::Uri => None,
            0 => None,
            1 => Some(Opening::Single),
            _ => Some(Opening::Double),
        };
        Slip {
            host: atoms
                .iter()
                .any(|atom| matches!(atom, Atom::Star(reach) if reach.is_over_hosts())),
            escape: atoms.windows(2).any(splits),
            drives: (!is_every_file(text)).then(|| Text::new(text).drives()),
            opening,
        }
    }

    /// Whether a star would bring something into this text that is not written in the pattern.
    fn spoils(&self, text: &Text<'_>) -> bool {
        self.host && text.is_hostless()
            || self.escape && text.has_escapes()
            || self.drives.is_some_and(|drives| drives != text.drives())
            || self.opening.is_some_and(|opening| {
                text.is_rooted() || opening == Opening::Double && text.has_scheme()
            })
    }
}
