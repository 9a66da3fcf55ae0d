//! What one star may match, by where it stands.

use std::ops::Range;

use super::Language;
use super::uri::{Regions, is_of_scheme};

/// The bytes that a run of stars may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// Where the text names no host.
    outside: Bytes,
    /// Within the authority of a URI.
    within: Bytes,
}

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bytes([u64; 4]);

impl Bytes {
    const ALL: Bytes = Bytes([u64::MAX; 4]);

    fn of(is_member: impl Fn(u8) -> bool) -> Bytes {
        let mut words = [0; 4];
        for byte in (0..=u8::MAX).filter(|byte| is_member(*byte)) {
            if let Some(word) = words.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
        Bytes(words)
    }

    fn without(mut self, others: &[u8]) -> Bytes {
        for byte in others {
            if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
                *word &= !(1 << (byte & 63));
            }
        }
        self
    }

    fn and(mut self, others: &[u8]) -> Bytes {
        for byte in others {
            if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
        self
    }

    fn common(self, other: Bytes) -> Bytes {
        let mut common = self;
        common.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
        common
    }

    /// What a host is made of, and a mailbox in front of its `@`. No reader takes any of it for a delimiter.
    fn host() -> Bytes {
        Bytes::of(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
    }

    fn has(self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }
}

/// A run of stars, and what stands around it in its pattern.
struct Stars<'p> {
    /// Not two or more.
    single: bool,
    before: &'p str,
    behind: &'p str,
    /// A literal stands somewhere behind it, which what it matches could lead astray.
    leads: bool,
    /// The segment goes on with a literal, which for some readers `;` would cut off.
    goes_on: bool,
}

impl Reach {
    /// What the stars at this place of the pattern may match.
    pub(super) fn of(language: Language, pattern: &Regions<'_>, place: &Range<usize>) -> Reach {
        let behind = pattern.text.get(place.end..).unwrap_or_default();
        let stars = Stars {
            single: place.len() == 1,
            before: pattern.text.get(..place.start).unwrap_or_default(),
            behind,
            leads: behind.bytes().any(|byte| byte != b'*'),
            goes_on: !behind.is_empty() && !behind.starts_with(['/', '?', '#']),
        };
        match language {
            Language::Name => Reach::anywhere(Bytes::ALL),
            Language::Value => Reach::anywhere(stars.in_value(pattern.text.contains('/'))),
            Language::Uri if pattern.authority.contains(&place.start) => {
                stars.in_authority(pattern, place.end == pattern.authority.end)
            }
            Language::Uri if place.start < pattern.authority.start => {
                Reach::anywhere(Bytes::of(is_of_scheme))
            }
            // The pattern `**`.
            Language::Uri if !stars.single && stars.before.is_empty() && !stars.leads => {
                Reach::anywhere(Bytes::ALL.without(b"#"))
            }
            Language::Uri => {
                let outside = stars.in_path();
                Reach { outside, within: outside.common(Bytes::host()) }
            }
        }
    }

    fn anywhere(bytes: Bytes) -> Reach {
        Reach { outside: bytes, within: bytes }
    }

    /// Whether the star may match the byte.
    pub(super) fn admits(self, byte: u8, in_authority: bool) -> bool {
        if in_authority { self.within.has(byte) } else { self.outside.has(byte) }
    }

    pub(super) fn is_all(self) -> bool {
        self == Reach::anywhere(Bytes::ALL)
    }
}

impl Stars<'_> {
    /// A value without a slash may be anything, so one star keeps to what a plain name is made of: a host,
    /// an address, a path or a scheme that brings more is not what the author of `*.example.com` or
    /// `localhost:*` has in mind.
    fn in_value(&self, is_path: bool) -> Bytes {
        let in_first_segment = !self.before.contains('/');
        let mut bytes = match (self.single, in_first_segment) {
            (true, true) if self.names_host() => return Bytes::host(),
            (true, true) => Bytes::ALL.without(b"/:?#@"),
            (true, false) => Bytes::ALL.without(b"/"),
            (false, _) => Bytes::ALL,
        };
        // Behind another star nobody sees what begins there.
        if self.before.contains('*') && self.before.trim_end().ends_with([':', '=']) {
            bytes = bytes.without(b"/:~$");
        }
        if is_path && self.leads {
            bytes = bytes.without(b"?#");
        }
        if self.goes_on && (is_path || self.single) { bytes.without(b";") } else { bytes }
    }

    /// Whether what follows is the end of a host name, a port or the host of an address.
    fn names_host(&self) -> bool {
        let tail = self.behind.split('/').next().unwrap_or_default();
        let port = tail.rsplit_once(':').map(|(_, port)| port);
        tail.bytes().filter(|byte| *byte == b'.').count() >= 2
            || tail.contains('@')
            || port.is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
    }

    /// Where anything but letters of a host could let the literal rest be no part of the host.
    fn in_authority(&self, pattern: &Regions<'_>, ends_it: bool) -> Reach {
        let is_last = !self.single && !self.leads;
        let is_host = pattern.may_name_a_host();
        let label = Bytes::ALL.without(b"/?#@:");
        match pattern.is_every_host() {
            true if is_last => Reach::anywhere(Bytes::ALL.without(b"#")),
            // No literal is left to be led astray, but a path that some readers begin earlier.
            true if is_host => Reach::anywhere(Bytes::host().and(b":@[]")),
            true => Reach::anywhere(Bytes::ALL.without(b"/?#")),
            false if is_last => Reach { outside: Bytes::ALL.without(b"#"), within: label },
            false if ends_it && pattern.has_starred_port() => {
                Reach::anywhere(Bytes::of(|byte| byte.is_ascii_digit()))
            }
            // Under schemes of MCP servers it is a name.
            false if ends_it && !is_host => Reach::anywhere(label),
            false => Reach::anywhere(Bytes::host()),
        }
    }

    fn in_path(&self) -> Bytes {
        let bytes = match (self.single, self.before.contains('?')) {
            (true, true) => return Bytes::ALL.without(b"/?#&;"),
            (false, true) => return Bytes::ALL.without(b"#&;"),
            (true, false) => Bytes::ALL.without(b"/?#"),
            (false, false) if self.leads => Bytes::ALL.without(b"?#"),
            (false, false) => Bytes::ALL.without(b"#"),
        };
        if self.goes_on { bytes.without(b";") } else { bytes }
    }
}
