//! How stars could bring in structure that no single byte shows.

use super::text::Text;
use super::uri::{Regions, is_of_the_web};
use super::{Atom, Language};

/// What a look at the whole text tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slip {
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
    pub(super) fn of(language: Language, text: &str, atoms: &[Atom]) -> Slip {
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
    pub(super) fn spoils(&self, text: &Text<'_>) -> bool {
        self.host && text.is_hostless()
            || self.escapes.is_some_and(|escapes| escapes != text.escapes())
            || self.drives.is_some_and(|drives| drives != text.drives())
            || self.start.is_some_and(|start| start.spoils(text))
    }
}
