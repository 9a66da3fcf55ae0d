//! The parts of a URI, or of a pattern over URIs, found without resolving anything.

use std::ops::Range;

/// The parts of a URI, or of a pattern over URIs.
pub(super) struct Regions<'t> {
    pub(super) text: &'t str,
    /// What stands before `://`, where that may be a scheme.
    pub(super) scheme: Option<&'t str>,
    /// Empty where there is none.
    pub(super) authority: Range<usize>,
}

impl<'t> Regions<'t> {
    pub(super) fn of(text: &'t str) -> Regions<'t> {
        let found = text.split_once("://").filter(|(scheme, _)| may_be_scheme(scheme));
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

    /// The authority as it is written.
    pub(super) fn host(&self) -> &'t str {
        self.text.get(self.authority.clone()).unwrap_or_default()
    }

    /// Whether the authority of a pattern is but a star.
    pub(super) fn is_every_host(&self) -> bool {
        !self.authority.is_empty() && self.host().bytes().all(|byte| byte == b'*')
    }

    /// Whether the pattern may be about the Web, where the ends of hosts say whose they are.
    pub(super) fn may_be_of_the_web(&self) -> bool {
        self.scheme.is_some_and(|scheme| scheme.contains('*') || is_of_the_web(scheme))
    }

    /// Whether one star ends the authority behind a colon, on the Web.
    pub(super) fn has_starred_port(&self) -> bool {
        self.may_be_of_the_web() && self.host().ends_with(":*")
    }

    /// Whether a pattern leaves whose a host is to a star: names are read from their ends, and anybody can
    /// register what such a star matches.
    pub(super) fn has_open_host(&self) -> bool {
        let authority = self.host();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |it| it.0);
        let Some((_, end)) = host.rsplit_once('*') else { return false };
        if self.may_be_of_the_web() {
            let is_somebodys =
                end.starts_with('.') || end.bytes().filter(|b| *b == b'.').count() >= 2;
            return host.bytes().any(|byte| byte != b'*') && !is_somebodys;
        }
        // Under schemes of MCP servers most authorities are names; some are hosts all the same.
        let is_domain =
            host.split('.').skip(1).any(|l| l.starts_with(|c: char| c.is_ascii_alphabetic()));
        end.is_empty() && (authority.contains('@') || is_domain)
    }
}

/// Whether it is a port, or a pattern over ports.
fn is_port(text: &str) -> bool {
    text == "*" || (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether the scheme is one of those whose hosts are names on the Web, whoever registered them, and which
/// browsers read by rules of their own.
pub(super) fn is_of_the_web(scheme: &str) -> bool {
    ["http", "https", "ws", "wss", "ftp"].iter().any(|web| scheme.eq_ignore_ascii_case(web))
}

/// What a scheme is made of (RFC 3986 section 3.1).
pub(super) fn is_of_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-')
}

/// Whether it is a scheme, or a pattern over schemes: a path may have `://` further on.
fn may_be_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'*' || is_of_scheme(byte))
}
