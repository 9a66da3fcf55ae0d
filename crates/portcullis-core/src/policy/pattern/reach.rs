//! What one star may match, by where it stands.

use std::ops::Range;

use super::Language;

/// What a run of stars may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Any byte. Stars in names and values, two stars in paths.
    All,
    /// Any byte but a slash. One star in a path.
    PathSegment,
    /// A letter of a scheme. Stars before the `://` of a URI.
    Scheme,
    /// A letter of a host name. Stars between `://` and the next slash of a URI, where anything else
    /// (`@`, `:`, a slash of another script) would let the literal rest be no part of the host.
    Host,
    /// Any byte but `/`, `?` and `#`. One star in a URI.
    Segment,
    /// Any byte but `?` and `#`. Two stars in a URI, with something behind them.
    Segments,
    /// Any byte but `#`. Two stars at the end of a URI: no literal is left to be led astray.
    Tail,
    /// The same, and what a host is made of does not matter either. The pattern `**`.
    EveryUri,
}

impl Reach {
    /// Whether the star may match the byte. Within the authority of a URI, stars of no part of their own
    /// are stars over hosts as well.
    pub(super) fn admits(self, byte: u8, in_authority: bool) -> bool {
        let fits = !in_authority || is_host(byte);
        match self {
            Reach::All => true,
            Reach::PathSegment => byte != b'/',
            Reach::Scheme => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'),
            Reach::Host => is_host(byte),
            Reach::Segment => fits && !matches!(byte, b'/' | b'?' | b'#'),
            Reach::Segments => fits && !matches!(byte, b'?' | b'#'),
            Reach::Tail => fits && byte != b'#',
            Reach::EveryUri => byte != b'#',
        }
    }
}

/// What a host is made of, and the names and templates that stand in its place under schemes of MCP
/// servers (`note://my_note`, `users://{id}/profile`). No reader takes any of it for a delimiter.
fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'{' | b'}')
}

/// Where the parts of a URI, or of a pattern over URIs, end.
pub(super) struct Regions {
    len: usize,
    /// Empty where there is none.
    pub(super) authority: Range<usize>,
}

impl Regions {
    pub(super) fn of(text: &str) -> Regions {
        let authority = match text.split_once("://") {
            None => 0..0,
            Some((_, rest)) => {
                let start = text.len().saturating_sub(rest.len());
                let len = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                start..start.saturating_add(len)
            }
        };
        Regions { len: text.len(), authority }
    }

    /// What the stars at this place of the pattern may match.
    pub(super) fn reach(&self, language: Language, stars: Range<usize>) -> Reach {
        let (single, last) = (stars.len() == 1, stars.end == self.len);
        match language {
            Language::Path if single => Reach::PathSegment,
            Language::Name | Language::Value | Language::Path => Reach::All,
            Language::Uri if !single && last && stars.start == 0 => Reach::EveryUri,
            Language::Uri if !single && last => Reach::Tail,
            Language::Uri if stars.start < self.authority.start => Reach::Scheme,
            Language::Uri if stars.start < self.authority.end => Reach::Host,
            Language::Uri if single => Reach::Segment,
            Language::Uri => Reach::Segments,
        }
    }
}
