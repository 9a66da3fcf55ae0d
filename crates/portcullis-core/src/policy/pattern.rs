//! Patterns over names, URIs and argument values.
//!
//! `*` stands for any run of characters; where slashes separate (URIs, paths) it does not cross one,
//! and `**` does. There is no other syntax, and no way to say "all but": rules only ever allow.
//!
//! In URIs stars also keep to the part they are written in, since a `?`, `#` or `@` within what a star
//! matches would move the literal parts around it to where they mean nothing. [`Reach`] has the rules.
//!
//! No star lets the literal parts behind it slip by standing for an empty part that readers drop: see
//! [`Slip`].
//!
//! * `reach` – what one star may match, by where it stands
//! * `automaton` – whether a text matches, in one pass
//! * `plain` – which texts mean the same to everybody; others match nothing

mod automaton;
mod plain;
mod reach;

pub(super) use self::automaton::Text;
use self::automaton::Ways;
pub(super) use self::plain::is_plain_path;
use self::reach::{Reach, Regions};

/// Longest pattern, in bytes. One bit of a set of states each, and one for the end.
pub const MAX_PATTERN: usize = 255;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    atoms: Box<[Atom]>,
    ways: Option<Ways>,
    slip: Slip,
}

/// How the literal parts of a pattern could come to mean another part of a text than the one they match.
///
/// File systems and many servers take `//` for `/`, and some what looks empty for empty. A star that
/// stands for nothing between two slashes is gone for them: in `/srv//public/x` the directory is that of
/// `public`. Browsers and the libraries that follow them take any number of slashes before a host: to
/// them `https:///public/x` is about the host `public`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slip {
    /// A star over paths has a slash somewhere behind it.
    segments: bool,
    /// A star over schemes or hosts.
    host: bool,
    /// A star has a hexadecimal digit behind it, which could be the end of an escape that the star began:
    /// `1%40` is no `1*0` to who resolves it.
    escape: bool,
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
    /// Argument values, under a pattern without a slash.
    Value,
    /// Argument values, under a pattern with slashes.
    Path,
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
        "what has dot segments, backslashes, encoded dots or slashes, or broken escapes matches nothing, \
         nor does a URI with a fragment, and so would this"
    )]
    NeverMatches,
}

impl Language {
    /// The language of a pattern over argument values, which its slashes tell.
    pub(super) fn of_argument(pattern: &str) -> Language {
        match pattern {
            uri if uri.contains("://") => Language::Uri,
            path if path.contains('/') => Language::Path,
            _ => Language::Value,
        }
    }

    /// Whether any text of the language that is like this could be let through.
    fn has(self, text: &str) -> bool {
        match self {
            Language::Name => true,
            Language::Value | Language::Path => is_plain_path(text),
            Language::Uri => is_plain_path(text) && !text.contains('#'),
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
    pub(super) fn compile(text: &str, language: Language) -> Result<Pattern, BadPattern> {
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
        if !language.has(text) {
            return Err(BadPattern::NeverMatches);
        }
        let regions = Regions::of(text);
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
        let slip = Slip::of(language, &atoms);
        Ok(Pattern::of(atoms, slip))
    }

    fn of(atoms: Vec<Atom>, slip: Slip) -> Pattern {
        Pattern { ways: Ways::of(&atoms), atoms: atoms.into(), slip }
    }

    /// Whether it is but a star over names or argument values, which asks for nothing.
    pub(super) fn is_anything(&self) -> bool {
        *self.atoms == [Atom::Star(Reach::All)]
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

impl Slip {
    fn of(language: Language, atoms: &[Atom]) -> Slip {
        let is_path = matches!(language, Language::Path | Language::Uri);
        // The parts before a path are told apart by other means.
        let over_paths = |atom: &Atom| matches!(atom, Atom::Star(reach) if !matches!(reach, Reach::Scheme | Reach::Host));
        let splits = |pair: &[Atom]| matches!(pair, [Atom::Star(_), Atom::Byte(byte)] if byte.is_ascii_hexdigit());
        let mut from_star = atoms.iter().skip_while(|atom| !over_paths(atom));
        Slip {
            segments: is_path && from_star.any(|atom| *atom == Atom::Byte(b'/')),
            host: [Reach::Scheme, Reach::Host].iter().any(|r| atoms.contains(&Atom::Star(*r))),
            escape: language != Language::Name && atoms.windows(2).any(splits),
        }
    }
}
