//! JSON as strictly as a security decision needs it.
//!
//! RFC 8259 leaves open what a repeated member means, and parsers differ. Whatever Portcullis decides
//! on must read the same everywhere, so a repeated member at any depth, a lone surrogate, a number
//! that does not fit, a byte order mark or bytes behind the value are refused by name, never resolved.
//!
//! [`parse`] builds a small tree for documents of a few kilobytes (token claims, JWKS, metadata).
//! [`Walk`] checks the same rules without building anything, for request bodies of megabytes.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Deeper nesting than this is refused. No MCP message or JOSE document comes near it.
pub const MAX_DEPTH: u8 = 64;

/// Why a text is not the one JSON value everybody would read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// A UTF-8, UTF-16 or UTF-32 byte order mark, or another encoding recognised by its zero bytes.
    #[error("not plain UTF-8: byte order mark or another encoding")]
    Encoding,
    /// A byte sequence that is not UTF-8 (compressed bodies end here too).
    #[error("not UTF-8")]
    InvalidUtf8,
    /// Not JSON by RFC 8259.
    #[error("not JSON")]
    Syntax,
    /// Something stands behind the value: a second document, a comment, a NUL.
    #[error("bytes after the JSON value")]
    TrailingBytes,
    /// Two members of one object have the same name once escapes are resolved.
    #[error("a member name stands twice in one object")]
    DuplicateMember,
    /// Nesting deeper than [`MAX_DEPTH`].
    #[error("nested too deeply")]
    TooDeep,
    /// A `\u` escape that is half of a surrogate pair; parsers replace, keep or refuse it.
    #[error("half of a surrogate pair")]
    LoneSurrogate,
    /// A number no double can hold, such as `1e400`.
    #[error("a number out of range")]
    NumberOutOfRange,
    /// An object was expected here and something else stands.
    #[error("not a JSON object")]
    NotAnObject,
}

/// Refuses encodings that a lenient parser would guess at.
pub(crate) fn not_foreign(bytes: &[u8]) -> Result<(), Flaw> {
    // JSON text starts with an ASCII character, so a zero among the first two bytes is UTF-16 or -32.
    let foreign = matches!(bytes, [0xEF, 0xBB, 0xBF, ..] | [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..])
        || matches!(bytes, [0, ..] | [_, 0, ..]);
    if foreign { Err(Flaw::Encoding) } else { Ok(()) }
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Flaw> {
    not_foreign(bytes)?;
    std::str::from_utf8(bytes).map_err(|_| Flaw::InvalidUtf8)
}

/// Whether the bytes are one JSON value that every parser reads alike.
pub fn check(bytes: &[u8]) -> Result<(), Flaw> {
    strictly(text(bytes)?, |de, flaw| Walk::new(flaw).deserialize(de))
}

/// Runs one strict deserialization over the whole of `text`.
///
/// `read` gets the deserializer and the cell in which [`Walk`] and [`Tree`] leave the name of what
/// they refuse; the error of serde has no room for it.
pub(crate) fn strictly<'de, T>(
    text: &'de str,
    read: impl FnOnce(
        &mut serde_json::Deserializer<serde_json::de::StrRead<'de>>,
        &Cell<Option<Flaw>>,
    ) -> serde_json::Result<T>,
) -> Result<T, Flaw> {
    let flaw = Cell::new(None);
    let mut de = serde_json::Deserializer::from_str(text);
    let value = read(&mut de, &flaw).map_err(|e| flaw.get().unwrap_or_else(|| classify(&e)))?;
    de.end().map_err(|_| Flaw::TrailingBytes)?;
    Ok(value)
}

/// serde_json tells its syntax errors apart in words only. Where the wording should change, a test
/// fails and the answer becomes the coarser [`Flaw::Syntax`]; nothing is let through.
fn classify(error: &serde_json::Error) -> Flaw {
    let words = error.to_string();
    if words.starts_with("lone leading surrogate") || words.starts_with("unexpected end of hex") {
        Flaw::LoneSurrogate
    } else if words.starts_with("number out of range") {
        Flaw::NumberOutOfRange
    } else {
        Flaw::Syntax
    }
}

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
    const FEW: usize = 8;

    pub(crate) const fn new() -> Self {
        Names { marks: 0, few: [""; Names::FEW], len: 0, many: BTreeSet::new() }
    }

    fn mark(name: &str) -> u64 {
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
    #[inline]
    fn insert_borrowed(&mut self, name: &'de str) -> bool {
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

/// A member name or string, borrowed where it has no escapes.
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
        f.write_str("a string")
    }
    fn visit_borrowed_str<E>(self, s: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(s))
    }
    fn visit_str<E>(self, s: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(s.to_owned()))
    }
}

/// Checks one value of any shape by the rules of this module and forgets it.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'c> {
    flaw: &'c Cell<Option<Flaw>>,
    depth: u8,
}

impl<'c> Walk<'c> {
    pub(crate) fn new(flaw: &'c Cell<Option<Flaw>>) -> Self {
        Walk { flaw, depth: MAX_DEPTH }
    }

    /// The walk for values one level down.
    pub(crate) fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Walk { depth, ..self }),
            None => Err(self.refuse(Flaw::TooDeep)),
        }
    }

    /// Checks all members of an object, each value by `self`.
    pub(crate) fn members<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = Names::new();
        while let Some(name) = map.next_key_seed(Note(&mut names))? {
            if name.is_none() {
                return Err(self.refuse(Flaw::DuplicateMember));
            }
            map.next_value_seed(self)?;
        }
        Ok(())
    }

    /// Leaves the flaw's name where [`strictly`] finds it.
    pub(crate) fn refuse<E: serde::de::Error>(self, flaw: Flaw) -> E {
        self.flaw.set(Some(flaw));
        E::custom(flaw)
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.inner()?.members(map)
    }
}

/// Reads the members of one object whose names mean something to the caller.
pub(crate) trait ReadObject<'de>: Sized {
    type Out;
    /// Whether the items of an array in the object's place are wanted.
    const KEEP_ITEMS: bool = false;
    /// `walk` is the walk for the values of `map`.
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, map: A) -> Result<Self::Out, A::Error>;
}

/// One value, as far as a caller that must not be surprised by its type wants to know it.
#[derive(Debug)]
pub(crate) enum Shape<'de, T = ()> {
    Null,
    Bool(bool),
    /// Written as an integer that fits 64 bits, signed or not.
    Integer(i128),
    Text(Cow<'de, str>),
    Object(T),
    /// An array, where its items are wanted.
    Array(Vec<Shape<'de>>),
    /// Another array, or a number with a fraction, an exponent or more than 64 bits.
    Other,
}

/// Reads one value of any type by the rules of this module and says what it was.
#[derive(Clone, Copy)]
pub(crate) struct Peek<'c, R> {
    pub(crate) walk: Walk<'c>,
    pub(crate) object: R,
}

/// Objects of no interest: checked, then forgotten.
#[derive(Clone, Copy)]
pub(crate) struct Skip;

impl<'de> ReadObject<'de> for Skip {
    type Out = ();
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, map: A) -> Result<(), A::Error> {
        walk.members(map)
    }
}

/// Objects of no interest, arrays item by item.
#[derive(Clone, Copy)]
pub(crate) struct Items;

impl<'de> ReadObject<'de> for Items {
    type Out = ();
    const KEEP_ITEMS: bool = true;
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, map: A) -> Result<(), A::Error> {
        walk.members(map)
    }
}

impl<'de, R: ReadObject<'de>> DeserializeSeed<'de> for Peek<'_, R> {
    type Value = Shape<'de, R::Out>;
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Self::Value, D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de, R: ReadObject<'de>> Visitor<'de> for Peek<'_, R> {
    type Value = Shape<'de, R::Out>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Shape::Null)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Self::Value, E> {
        Ok(Shape::Bool(b))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
        Ok(Shape::Integer(n.into()))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Shape::Integer(n.into()))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Shape::Other)
    }
    fn visit_borrowed_str<E>(self, s: &'de str) -> Result<Self::Value, E> {
        Ok(Shape::Text(Cow::Borrowed(s)))
    }
    fn visit_str<E>(self, s: &str) -> Result<Self::Value, E> {
        Ok(Shape::Text(Cow::Owned(s.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        if !R::KEEP_ITEMS {
            return self.walk.visit_seq(seq).map(|()| Shape::Other);
        }
        let item = Peek { walk: self.walk.inner()?, object: Skip };
        let mut items = Vec::new();
        while let Some(shape) = seq.next_element_seed(item)? {
            items.push(shape);
        }
        Ok(Shape::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.object.read(self.walk.inner()?, map).map(Shape::Object)
    }
}

/// A JSON value whose objects have no repeated members.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// A number that was written as a non-negative integer up to 2⁶⁴ − 1.
    Unsigned(u64),
    /// A number that was written as a negative integer.
    Signed(i64),
    /// Any other number, as the nearest double.
    Float(f64),
    String(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(Object<'a>),
}

impl<'a> Value<'a> {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }
}

/// The members of an object, in the order they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Object<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

/// Reads a small document whole.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value<'_>, Flaw> {
    strictly(text(bytes)?, |de, flaw| Tree(Walk::new(flaw)).deserialize(de))
}

/// Reads a small document that must be an object.
pub(crate) fn object(bytes: &[u8]) -> Result<Object<'_>, Flaw> {
    match parse(bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err(Flaw::NotAnObject),
    }
}

/// Builds a [`Value`] under the same rules as [`Walk`].
#[derive(Clone, Copy)]
struct Tree<'c>(Walk<'c>);

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value<'de>;
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Self::Value, D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(b))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
        Ok(Value::Unsigned(n))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Value::Signed(n))
    }
    fn visit_f64<E>(self, n: f64) -> Result<Self::Value, E> {
        Ok(Value::Float(n))
    }
    fn visit_borrowed_str<E>(self, s: &'de str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Borrowed(s)))
    }
    fn visit_str<E>(self, s: &str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Owned(s.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let inner = Tree(self.0.inner()?);
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let inner = Tree(self.0.inner()?);
        let mut members: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
        let mut names = Names::new();
        while let Some(name) = map.next_key_seed(Note(&mut names))? {
            let name = name.ok_or_else(|| self.0.refuse(Flaw::DuplicateMember))?;
            members.push((name, map.next_value_seed(inner)?));
        }
        Ok(Value::Object(Object(members)))
    }
}
