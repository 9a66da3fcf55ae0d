//! The member names of one object, and whether one of them stands twice.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Visitor};

/// The names of one object's members so far.
///
/// Nearly every object has few members with names that differ in length, first or last letter: a
/// filter of one word answers for those, a handful on the stack for the rest, and past them a set
/// keeps an object of a hundred thousand members cheap.
pub(crate) struct Names<'de> {
    /// A bit for each name's [`Names::mark`]; a clear bit means that the name is new.
    marks: u64,
    few: [&'de str; Names::FEW],
    len: usize,
    many: BTreeSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    pub(super) const FEW: usize = 8;

    pub(crate) const fn new() -> Self {
        Names { marks: 0, few: [""; Names::FEW], len: 0, many: BTreeSet::new() }
    }

    pub(super) fn mark(name: &str) -> u64 {
        let end = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(*byte));
        let bytes = name.as_bytes();
        1 << ((bytes.len() ^ end(bytes.first()) ^ end(bytes.last()) << 2) % 64)
    }

    /// Whether a name whose mark is set is really there.
    #[cold]
    fn holds(&self, name: &str) -> bool {
        self.few.iter().take(self.len).any(|known| *known == name) || self.many.contains(name)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.marks & Self::mark(name) != 0 && self.holds(name)
    }

    /// Notes a name; `false` if it was there.
    pub(crate) fn insert(&mut self, name: Cow<'de, str>) -> bool {
        match name {
            Cow::Borrowed(name) => self.insert_borrowed(name),
            Cow::Owned(name) => self.insert_resolved(&name),
        }
    }

    #[inline]
    pub(super) fn insert_borrowed(&mut self, name: &'de str) -> bool {
        let mark = Self::mark(name);
        if self.marks & mark != 0 && self.holds(name) {
            return false;
        }
        self.marks |= mark;
        match self.few.get_mut(self.len) {
            Some(free) => {
                *free = name;
                self.len = self.len.wrapping_add(1);
            }
            None => self.overflow(Cow::Borrowed(name)),
        }
        true
    }

    /// A name that had escapes.
    #[cold]
    pub(crate) fn insert_resolved(&mut self, name: &str) -> bool {
        if self.contains(name) {
            return false;
        }
        self.marks |= Self::mark(name);
        self.overflow(Cow::Owned(name.to_owned()));
        true
    }

    #[cold]
    fn overflow(&mut self, name: Cow<'de, str>) {
        self.many.insert(name);
    }
}

/// Reads a member name into [`Names`]; `None` where it was there before.
pub(crate) struct Note<'n, 'de>(pub(crate) &'n mut Names<'de>);

impl<'de> DeserializeSeed<'de> for Note<'_, 'de> {
    type Value = Option<Cow<'de, str>>;
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Self::Value, D::Error> {
        de.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Note<'_, 'de> {
    type Value = Option<Cow<'de, str>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }
    #[inline]
    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(self.0.insert_borrowed(name).then_some(Cow::Borrowed(name)))
    }
    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.insert_resolved(name).then(|| Cow::Owned(name.to_owned())))
    }
}

/// Reads a member name, borrowed where it has no escapes. Whoever asks sees to repeated ones.
#[derive(Clone, Copy)]
pub(crate) struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Self::Value, D::Error> {
        de.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }
    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }
    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
