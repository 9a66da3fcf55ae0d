//! What one star may match, by where it stands.

use std::ops::Range;

use super::Language;
use super::text::is_of_the_web;

/// What a run of stars may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Any byte. Stars in names, two stars in values.
    Any,
    /// What a plain name is made of. One star that a value begins with: a host, a path or a scheme would
    /// begin with something else than the author of `*.example.com` and `*.md` has in mind.
    Opening,
    /// Any byte but a slash. One star further on in a value.
    Step,
    /// A letter of a scheme. Stars before the `://` of a URI.
    Scheme,
    /// A letter of a host name. Stars in the authority of a URI, where anything else (`@`, `:`, a slash
    /// of another script) would let the literal rest be no part of the host.
    Host,
    /// Any byte but `/`, `?` and `#`. The whole authority: no literal is left to be led astray.
    Authority,
    /// A digit. A star that ends the authority behind a colon, on the Web.
    Port,
    /// Any byte but `/`, `?` and `#`. One star in the path of a URI.
    Segment,
    /// The same, and neither `&` nor `;`. One star in the query of a URI.
    Parameter,
    /// Any byte but `?` and `#`. Two stars in a URI, with something behind them.
    Segments,
    /// Any byte but `#`. Two stars at the end of a URI.
    Tail,
    /// The same, and what a host is made of does not matter either. Two stars that are all there is, or
    /// all but a scheme.
    EveryUri,
}

impl Reach {
    /// Whether the star may match the byte. Within the authority of a URI, stars of no part of their own
    /// are stars over hosts as well.
    pub(super) fn admits(self, byte: u8, in_authority: bool) -> bool {
        let fits = !in_authority || is_host(byte);
        match self {
            Reach::Any => true,
            Reach::Opening => !matches!(byte, b'/' | b':' | b'?' | b'#' | b'@'),
            Reach::Step => byte != b'/',
            Reach::Scheme => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'),
            Reach::Host => is_host(byte),
            Reach::Authority => !matches!(byte, b'/' | b'?' | b'#'),
            Reach::Port => byte.is_ascii_digit(),
            Reach::Segment => fits && !matches!(byte, b'/' | b'?' | b'#'),
            Reach::Parameter => fits && !matches!(byte, b'/' | b'?' | b'#' | b'&' | b';'),
            Reach::Segments => fits && !matches!(byte, b'?' | b'#'),
            Reach::Tail => fits && byte != b'#',
            Reach::EveryUri => byte != b'#',
        }
    }

    /// Whether the star decides which scheme or host it is.
    pub(super) fn is_over_hosts(self) -> bool {
        matches!(self, Reach::Scheme | Reach::Host | Reach::Authority | Reach::EveryUri)
    }
}

/// What a host is made of, and the names and templates that stand in its place under schemes of MCP
/// servers (`note://my_note`, `users://{id}/profile`). No reader takes any of it for a delimiter.
fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'{' | b'}')
}

/// Whether it is what schemes are made of, or a pattern over that: a path may have `://` further on.
fn is_scheme(text: &str) -> bool {
    let is_part = |byte| byte == b'*' || Reach::Scheme.admits(byte, false);
    !text.is_empty() && text.bytes().all(is_part)
}

/// The parts of a URI, or of a pattern over URIs.
pub(super) struct Regions<'t> {
    text: &'t str,
    /// What stands before `://`.
    pub(super) scheme: Option<&'t str>,
    /// Empty where there is none.
    pub(super) authority: Range<usize>,
}

impl<'t> Regions<'t> {
    pub(super) fn of(text: &'t str) -> Regions<'t> {
        let found = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme));
        let authority = match found {
            None => 0..0,
            Some((_, rest)) => {
                let start = text.len().saturating_sub(rest.len());
                let len = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                start..start.saturating_add(len)
            }
        };
        Regions { text, scheme: found.map(|(scheme, _)| scheme), authority }
    }

    /// What stands behind the authority and before the query; all of what is no URI, where a question
    /// mark is a letter.
    pub(super) fn path(&self) -> &'t str {
        let behind = self.text.get(self.authority.end..).unwrap_or_default();
        match self.scheme {
            Some(_) => behind.split('?').next().unwrap_or_default(),
            None => behind,
        }
    }

    fn host(&self) -> &'t str {
        self.text.get(self.authority.clone()).unwrap_or_default()
    }

    /// Whether the authority of a pattern is but a star.
    fn is_every_host(&self) -> bool {
        !self.authority.is_empty() && self.host().bytes().all(|byte| byte == b'*')
    }

    /// Whether the pattern may be about the Web, where the ends of hosts say whose they are.
    fn may_be_of_the_web(&self) -> bool {
        self.scheme.is_some_and(|scheme| scheme.contains('*') || is_of_the_web(scheme))
    }

    fn has_starred_port(&self) -> bool {
        self.may_be_of_the_web() && self.host().trim_end_matches('*').ends_with(':')
    }

    /// Whether a pattern names the beginning of a host of the Web, and leaves its end to whoever registers it.
    pub(super) fn has_open_host(&self) -> bool {
        let is_open = self.host().ends_with('*') && !self.is_every_host();
        is_open && self.may_be_of_the_web() && !self.has_starred_port()
    }

    /// What the stars at this place of the pattern may match.
    pub(super) fn reach(&self, language: Language, stars: Range<usize>) -> Reach {
        let (single, last) = (stars.len() == 1, stars.end == self.text.len());
        let before = self.text.get(..stars.start).unwrap_or_default();
        match language {
            Language::Value if single && before.is_empty() => Reach::Opening,
            Language::Value if single => Reach::Step,
            Language::Name | Language::Value => Reach::Any,
            Language::Uri if self.authority.contains(&stars.start) => self.reach_over_hosts(&stars),
            Language::Uri if stars.start < self.authority.start => Reach::Scheme,
            Language::Uri if single && before.contains('?') => Reach::Parameter,
            Language::Uri if single => Reach::Segment,
            Language::Uri if !last => Reach::Segments,
            Language::Uri if before.is_empty() => Reach::EveryUri,
            Language::Uri => Reach::Tail,
        }
    }

    /// The same, where they stand in the authority.
    fn reach_over_hosts(&self, stars: &Range<usize>) -> Reach {
        let is_tail = stars.len() > 1 && stars.end == self.text.len();
        match (self.is_every_host(), is_tail) {
            (true, true) => Reach::EveryUri,
            (true, false) => Reach::Authority,
            (false, true) => Reach::Tail,
            (false, false) if stars.end == self.authority.end && self.has_starred_port() => {
                Reach::Port
            }
            (false, false) => Reach::Host,
        }
    }
}
