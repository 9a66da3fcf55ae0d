//! A small JSON document, read once and kept in one piece.
//!
//! The header and the claims of a token are read before anybody knows which issuer to expect, verified
//! against that issuer's keys later, and asked about for as long as the token is in use. A tree that
//! borrows from its text cannot be carried along that way and a tree of owned strings is a dozen
//! allocations for every token, so a [`Document`] owns the text and a flat list of what stands where in
//! it. Proofs, introspection answers and key sets are read the same way, to have one set of rules.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Flaw, NUMBER_AS_MAP, Names, Note, Walk, not_foreign, strictly};
use crate::time::UnixTime;

/// A JSON object and everything in it. Strict in every way this module is.
pub(crate) struct Document {
    /// The JSON text, and behind it the strings that have escapes, with the escapes resolved.
    text: String,
    /// Where the JSON text ends.
    length: usize,
    /// The values in the order of the text, the root object first, each object and array directly
    /// followed by what is in it.
    nodes: Vec<Node>,
}

/// Longer texts are refused. Nothing that is read here comes near it, and places in them fit in 32 bits.
const MAX_LENGTH: usize = 16 * 1024 * 1024;

/// A value's place in its [`Document`].
#[derive(Clone, Copy)]
pub(crate) struct At(usize);

#[derive(Clone, Copy)]
struct Node {
    name: Span,
    /// The index behind everything in this value, which is where the next member or item stands.
    next: u32,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Bool(bool),
    Unsigned(u64),
    Float(f64),
    String(Span),
    Array,
    Object,
    Null,
    /// What nothing Portcullis reads may be: a negative integer.
    Other,
}

/// A range of the text.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, length: usize) -> Span {
        Span { start: narrow(start), end: narrow(start.wrapping_add(length)) }
    }
}

/// An index, which [`MAX_LENGTH`] keeps small.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn wide(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

impl Document {
    /// Reads a JSON object.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Self, Flaw> {
        if bytes.len() > MAX_LENGTH {
            return Err(Flaw::TooLong);
        }
        not_foreign(&bytes)?;
        let mut text = String::from_utf8(bytes).map_err(|_| Flaw::InvalidUtf8)?;
        let mut tape = Tape::over(&text);
        strictly(&text, |de, flaw| {
            let name = Span::default();
            Reader { walk: Walk::new(flaw), tape: &mut tape, name }.deserialize(de)
        })?;
        let Tape { nodes, resolved, .. } = tape;
        let length = text.len();
        text.push_str(&resolved);
        match nodes.first() {
            Some(Node { kind: Kind::Object, .. }) => Ok(Document { text, length, nodes }),
            _ => Err(Flaw::NotAnObject),
        }
    }

    /// The whole object.
    pub(crate) fn root(&self) -> Item<'_> {
        self.at(At(0))
    }

    /// The JSON text it was read from, and will be read from again without a flaw.
    pub(crate) fn into_text(self) -> Box<str> {
        let Document { mut text, length, .. } = self;
        text.truncate(length);
        text.into_boxed_str()
    }

    /// The value at a place found earlier in this document.
    pub(crate) fn at(&self, at: At) -> Item<'_> {
        Item { document: self, at: at.0 }
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(wide(span.start)..wide(span.end)).unwrap_or_default()
    }
}

/// One value of a document.
#[derive(Clone, Copy)]
pub(crate) struct Item<'d> {
    document: &'d Document,
    at: usize,
}

impl<'d> Item<'d> {
    /// Its place, to come back to without the borrow.
    pub(crate) fn place(self) -> At {
        At(self.at)
    }

    fn kind(self) -> Kind {
        self.node().map_or(Kind::Other, |node| node.kind)
    }

    fn node(self) -> Option<&'d Node> {
        self.document.nodes.get(self.at)
    }

    pub(crate) fn is_null(self) -> bool {
        matches!(self.kind(), Kind::Null)
    }

    pub(crate) fn is_object(self) -> bool {
        matches!(self.kind(), Kind::Object)
    }

    pub(crate) fn as_str(self) -> Option<&'d str> {
        match self.kind() {
            Kind::String(span) => Some(self.document.slice(span)),
            _ => None,
        }
    }

    pub(crate) fn as_bool(self) -> Option<bool> {
        match self.kind() {
            Kind::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// A `NumericDate` (RFC 7519 section 2): seconds since the epoch, of which fractions are dropped.
    /// Nothing before the epoch or after the year 9999 is a date.
    pub(crate) fn as_time(self) -> Option<UnixTime> {
        const MAX: u64 = UnixTime::MAX.as_secs();
        match self.kind() {
            Kind::Unsigned(seconds @ ..=MAX) => Some(UnixTime::from_secs(seconds)),
            Kind::Float(seconds) => {
                #[expect(clippy::cast_precision_loss, reason = "MAX has 38 bits, a double has 53")]
                let limit = MAX as f64;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "in range"
                )]
                (0.0..=limit).contains(&seconds).then(|| UnixTime::from_secs(seconds as u64))
            }
            _ => None,
        }
    }

    /// The members of an object with their names; nothing where this is no object.
    pub(crate) fn members(self) -> impl Iterator<Item = (&'d str, Item<'d>)> {
        let document = self.document;
        let object = self.is_object().then(|| self.children());
        object.into_iter().flatten().map(move |(node, item)| (document.slice(node.name), item))
    }

    /// The items of an array, or `None` where this is no array.
    pub(crate) fn items(self) -> Option<impl Iterator<Item = Item<'d>>> {
        matches!(self.kind(), Kind::Array).then(|| self.children().map(|(_, item)| item))
    }

    /// The member of that name.
    pub(crate) fn get(self, name: &str) -> Option<Item<'d>> {
        self.members().find(|(found, _)| *found == name).map(|(_, item)| item)
    }

    /// The string this is, or the strings in the array this is; other values are passed over.
    pub(crate) fn strings(self) -> impl Iterator<Item = &'d str> {
        let items = self.items().into_iter().flatten().filter_map(Item::as_str);
        self.as_str().into_iter().chain(items)
    }

    fn children(self) -> impl Iterator<Item = (&'d Node, Item<'d>)> {
        let end = self.node().map_or(0, |node| wide(node.next));
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let item = Item { document: self.document, at };
            let node = item.node()?;
            at = wide(node.next);
            Some((node, item))
        })
    }
}

/// Where the nodes are collected while the text is still borrowed.
struct Tape<'t> {
    text: &'t str,
    nodes: Vec<Node>,
    resolved: String,
}

impl<'t> Tape<'t> {
    fn over(text: &'t str) -> Self {
        // Room for as many values as such documents commonly have; growing costs more.
        let nodes = Vec::with_capacity((text.len() / 16).clamp(8, 64));
        let resolved = String::new();
        Tape { text, nodes, resolved }
    }

    /// The place of a string that is part of the text.
    fn borrowed(&self, string: &str) -> Span {
        let start = string.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
        Span::new(start, string.len())
    }

    /// The place of a string that has escapes: kept behind the text.
    fn resolved(&mut self, string: &str) -> Span {
        let start = self.text.len() + self.resolved.len();
        self.resolved.push_str(string);
        Span::new(start, string.len())
    }

    fn push(&mut self, name: Span, kind: Kind) -> usize {
        let at = self.nodes.len();
        self.nodes.push(Node { name, next: narrow(at + 1), kind });
        at
    }

    /// Ends the object or array that began at `at`.
    fn close(&mut self, at: usize) {
        let next = narrow(self.nodes.len());
        if let Some(node) = self.nodes.get_mut(at) {
            node.next = next;
        }
    }
}

/// Reads one value onto the tape.
struct Reader<'c, 't, 'x> {
    walk: Walk<'c>,
    tape: &'x mut Tape<'t>,
    name: Span,
}

impl Reader<'_, '_, '_> {
    fn push(self, kind: Kind) {
        self.tape.push(self.name, kind);
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_, '_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.push(Kind::Null);
        Ok(())
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.push(Kind::Bool(value));
        Ok(())
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.push(Kind::Unsigned(value));
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.push(Kind::Other);
        Ok(())
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.push(Kind::Float(value));
        Ok(())
    }
    fn visit_borrowed_str<E>(self, string: &'de str) -> Result<(), E> {
        let span = self.tape.borrowed(string);
        self.push(Kind::String(span));
        Ok(())
    }
    fn visit_str<E>(self, string: &str) -> Result<(), E> {
        let span = self.tape.resolved(string);
        self.push(Kind::String(span));
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Reader { walk, tape, name } = self;
        let walk = walk.inner()?;
        let at = tape.push(name, Kind::Array);
        let name = Span::default();
        while seq.next_element_seed(Reader { walk, tape: &mut *tape, name })?.is_some() {}
        tape.close(at);
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Reader { walk, tape, name } = self;
        let walk = walk.inner()?;
        let at = tape.push(name, Kind::Object);
        let mut names = Names::new();
        while let Some(name) = map.next_key_seed(Note(&mut names))? {
            let name = name.ok_or_else(|| walk.refuse(Flaw::DuplicateMember))?;
            if name == NUMBER_AS_MAP {
                return Err(walk.refuse(Flaw::NumberOutOfRange));
            }
            let name = match name {
                Cow::Borrowed(name) => tape.borrowed(name),
                Cow::Owned(name) => tape.resolved(&name),
            };
            map.next_value_seed(Reader { walk, tape: &mut *tape, name })?;
        }
        tape.close(at);
        Ok(())
    }
}
