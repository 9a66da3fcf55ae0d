//! Patterns over names, URIs and argument values.
//!
//! `*` stands for any run of characters; where slashes separate (URIs, paths) it does not cross one,
//! and `**` does. There is no other syntax, and no way to say "all but": rules only ever allow.

/// Longest pattern, in bytes. One bit of [`States`] each, and one for the end.
pub const MAX_PATTERN: usize = 255;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    atoms: Box<[Atom]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Atom {
    Byte(u8),
    /// Any byte, any number of times.
    Any,
    /// Any byte but a slash, any number of times.
    AnyInSegment,
}

/// What separates segments in the texts a pattern is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    /// Nothing: tool and prompt names, methods.
    None,
    /// Slashes: URIs, and argument values of patterns that have slashes.
    Slash,
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
    /// It can match no URI, since URIs with such parts match nothing.
    #[error(
        "URIs with dot segments, backslashes or encoded dots and slashes match nothing, and so would this"
    )]
    NeverMatches,
}

impl Pattern {
    pub(super) fn compile(text: &str, separator: Separator) -> Result<Pattern, BadPattern> {
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
        if separator == Separator::Slash && !is_plain_path(text) {
            return Err(BadPattern::NeverMatches);
        }
        let mut atoms = Vec::with_capacity(text.len());
        for byte in text.bytes() {
            let atom = match (byte, atoms.last()) {
                // A second star widens the first; further ones say nothing new.
                (b'*', Some(Atom::Any | Atom::AnyInSegment)) => {
                    atoms.pop();
                    Atom::Any
                }
                (b'*', _) if separator == Separator::Slash => Atom::AnyInSegment,
                (b'*', _) => Atom::Any,
                _ => Atom::Byte(byte),
            };
            atoms.push(atom);
        }
        Ok(Pattern { atoms: atoms.into() })
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
        let rest: Box<[Atom]> =
            self.atoms.iter().skip_while(|a| matches!(a, Atom::Byte(_))).copied().collect();
        (!rest.is_empty()).then_some(Pattern { atoms: rest })
    }

    /// Whether the whole text matches. Linear in the text for every pattern.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        match *self.atoms {
            [Atom::Any] => true,
            [Atom::AnyInSegment] => !text.contains(&b'/'),
            _ => self.simulate(text),
        }
    }

    /// Runs the pattern as the automaton it is: state `i` means that `i` atoms are behind us.
    fn simulate(&self, text: &[u8]) -> bool {
        let mut states = States::default();
        self.enter(&mut states, 0);
        for &byte in text {
            let mut next = States::default();
            for (index, atom) in self.atoms.iter().enumerate() {
                if states.has(index) {
                    match atom {
                        Atom::Byte(own) if *own == byte => {
                            self.enter(&mut next, index.saturating_add(1));
                        }
                        Atom::Any => self.enter(&mut next, index),
                        Atom::AnyInSegment if byte != b'/' => self.enter(&mut next, index),
                        _ => {}
                    }
                }
            }
            if next.is_empty() {
                return false;
            }
            states = next;
        }
        states.has(self.atoms.len())
    }

    /// Enters a state, and all that stars let through without reading anything.
    fn enter(&self, states: &mut States, from: usize) {
        for index in from.. {
            states.set(index);
            if !matches!(self.atoms.get(index), Some(Atom::Any | Atom::AnyInSegment)) {
                break;
            }
        }
    }
}

/// A set of states of the automaton.
#[derive(Default)]
struct States([u64; 4]);

impl States {
    fn set(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }
    fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }
    fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }
}

/// Whether a URI or path means to everybody what it spells: no dot segments, no backslashes, no
/// encoded dots, slashes, backslashes or percent signs, which servers resolve differently.
///
/// Query and fragment are held to the same: a server that maps `?path=../x` is as easily misled.
pub(super) fn is_plain_path(text: &str) -> bool {
    if text.contains(|c: char| c == '\\' || c.is_control()) {
        return false;
    }
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        let hex = after.as_bytes().first_chunk::<2>();
        let encoded = hex.map(|pair| pair.map(|byte| byte.to_ascii_lowercase()));
        // C0 and C1 begin only overlong forms, an old disguise of dots and slashes.
        if matches!(encoded.as_ref(), Some(b"2e" | b"2f" | b"5c" | b"25" | b"c0" | b"c1") | None) {
            return false;
        }
        rest = after;
    }
    !text.split(['/', '?', '#', '&', '=', ';']).any(|segment| segment == "." || segment == "..")
}
