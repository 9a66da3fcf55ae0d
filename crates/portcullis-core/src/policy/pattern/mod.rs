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
//! * `uri` – the parts of a URI
//! * `plain` – which texts mean the same to everybody; others match nothing

mod automaton;
mod plain;
mod reach;
mod text;
mod uri;

use self::automaton::Ways;
use self::reach::Reach;
pub(super) use self::text::Text;
use self::uri::{Regions, is_of_the_web};

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
    /// `1%40` is no `1*0` to who resolves it. These are the escapes that are written out.
    escapes: Option<usize>,
    /// The drives that are written out, where a star could match another: `main/C:/x` is all of `C:/x`
    /// to who cuts off `main/` and joins the rest to a directory.
    drives: Option<usize>,
    /// Where the first star begins something, which is to be within the place a tool starts from.
    start: Option<Start>,
}

/// A star that begins a value, or what follows the `docs:` or `file=` that a server or tool cuts off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Start {
    at: usize,
    scheme: SchemeAtStart,
}

/// Which scheme may stand where a star begins something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SchemeAtStart {
    /// None.
    Never,
    /// One that is written out in part, as in `*:latest`, and that no root follows.
    Written,
    /// Any, as in `urn:**`.
    Any,
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

/// Whether the pattern begins at the root of all files and names no directory, so that a drive leads nowhere
/// else.
fn is_every_file(pattern: &str) -> bool {
    let (literal, rest) = pattern.split_once('*').unwrap_or((pattern, ""));
    let is_root = ["file://", "file:///"].iter().any(|root| literal.eq_ignore_ascii_case(root));
    is_root && !rest.contains('/')
}

impl Start {
    fn of(language: Language, text: &str) -> Option<Start> {
        let (before, behind) = text.split_once('*')?;
        let lead = before.trim_end();
        let is_value = language == Language::Value;
        let regions = Regions::of(text);
        let is_start = match lead.strip_suffix(':') {
            None => is_value && (lead.is_empty() || lead.ends_with('=')),
            // Of files and of the Web all is meant, and a port begins nothing.
            Some(scheme) if scheme.eq_ignore_ascii_case("file") || is_of_the_web(scheme) => false,
            Some(_) if regions.scheme.is_some_and(is_of_the_web) => false,
            Some(_) => !regions.authority.contains(&before.len()),
        };
        let is_single = !behind.starts_with('*');
        let is_written =
            behind.trim_start_matches('*').starts_with(':') || is_single && behind.contains(':');
        let scheme = match (lead.ends_with(':'), is_written) {
            (true, _) => SchemeAtStart::Any,
            (false, true) => SchemeAtStart::Written,
            (false, false) => SchemeAtStart::Never,
        };
        is_start.then_some(Start { at: before.len(), scheme })
    }

    /// Whether something begins there that the pattern does not write out.
    fn spoils(self, text: &Text<'_>) -> bool {
        let has_scheme = match self.scheme {
            SchemeAtStart::Never => text.has_scheme(self.at),
            SchemeAtStart::Written => text.has_rooted_scheme(self.at),
            SchemeAtStart::Any => false,
        };
        has_scheme || text.is_rooted(self.at) || self.at == 0 && text.is_option()
    }
}

impl Slip {
    fn of(language: Language, text: &str, atoms: &[Atom]) -> Slip {
        let is_every_uri = language == Language::Uri && text == "**";
        if language == Language::Name || is_every_uri {
            return Slip::default();
        }
        let splits = |pair: &[Atom]| matches!(pair, [Atom::Star(_), Atom::Byte(byte)] if byte.is_ascii_hexdigit());
        let regions = Regions::of(text);
        let host_end = if language == Language::Uri { regions.authority.end } else { 0 };
        Slip {
            host: text.get(..host_end).is_some_and(|head| head.contains('*')),
            escapes: atoms.windows(2).any(splits).then(|| Text::new(text).escapes()),
            drives: (!is_every_file(text)).then(|| Text::new(text).drives()),
            start: Start::of(language, text),
        }
    }

    /// Whether a star would bring something into this text that is not written in the pattern.
    fn spoils(&self, text: &Text<'_>) -> bool {
        self.host && text.is_hostless()
            || self.escapes.is_some_and(|escapes| escapes != text.escapes())
            || self.drives.is_some_and(|drives| drives != text.drives())
            || self.start.is_some_and(|start| start.spoils(text))
    }
}
