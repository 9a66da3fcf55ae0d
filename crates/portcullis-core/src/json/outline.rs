//! Where in a text its values stand.
//!
//! Whoever changes one value of a text must leave every other byte as it was, and needs places for
//! that, not a tree. An [`Outline`] reads the text as strictly as everything here is read; after that
//! nothing about it is in doubt, and a second pass notes where things are by skipping strings and
//! counting brackets. It goes no deeper than anybody asks, so that the schemas of a long list of tools
//! cost one look at each byte and no memory.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;
use serde::de::DeserializeSeed as _;

use super::{Flaw, Text, Walk, strictly, text};
use crate::fold::alike_as_read;

/// What is further down is only part of what it stands in. The id in
/// `[{"params":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":…}}}}]` is this deep.
const DEPTH: u8 = 5;

/// A strict JSON text and the places of its upper values.
#[derive(Debug)]
pub struct Outline<'t> {
    text: &'t str,
    /// The values in the order of the text, each object and array directly followed by what is in it.
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    /// A member's name with its quotes; empty for items.
    name: Range<usize>,
    value: Range<usize>,
    /// The index behind everything in this value.
    next: usize,
}

/// A member whose name a lenient reader takes for another that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a member name differs from a known one only by case, separators or Unicode folding")]
pub struct LookAlike;

impl<'t> Outline<'t> {
    /// Reads a text of one JSON value.
    pub fn read(bytes: &'t [u8]) -> Result<Outline<'t>, Flaw> {
        let text = text(bytes)?;
        strictly(text, |de, flaw| Walk::new(flaw).deserialize(de))?;
        let mut outline = Outline { text, nodes: Vec::with_capacity(32) };
        outline.note(0..0, blank(bytes, 0), DEPTH);
        Ok(outline)
    }

    /// The outermost value.
    pub fn root(&self) -> Place<'_> {
        Place { outline: self, at: 0 }
    }

    /// Notes the value at `start` and those in it; the place behind it.
    fn note(&mut self, name: Range<usize>, start: usize, depth: u8) -> usize {
        let bytes = self.text.as_bytes();
        let at = self.nodes.len();
        self.nodes.push(Node { name, value: start..start, next: at });
        let end = match bytes.get(start) {
            Some(b'{' | b'[') if depth > 0 => self.inside(start, depth.wrapping_sub(1)),
            _ => end_of_value(bytes, start),
        };
        let next = self.nodes.len();
        if let Some(node) = self.nodes.get_mut(at) {
            (node.value.end, node.next) = (end, next);
        }
        end
    }

    /// Notes what is in the object or array that begins at `start`; the place behind it.
    fn inside(&mut self, start: usize, depth: u8) -> usize {
        let bytes = self.text.as_bytes();
        let is_object = bytes.get(start) == Some(&b'{');
        let mut at = blank(bytes, start + 1);
        loop {
            match bytes.get(at) {
                None => return at,
                Some(b'}' | b']') => return at + 1,
                Some(b',') => at = blank(bytes, at + 1),
                Some(_) if is_object => {
                    let name = at..end_of_string(bytes, at);
                    // Behind the name and its colon.
                    let value = blank(bytes, blank(bytes, name.end) + 1);
                    at = blank(bytes, self.note(name, value, depth));
                }
                Some(_) => at = blank(bytes, self.note(0..0, at, depth)),
            }
        }
    }

    fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }
}

/// One value of an outline.
#[derive(Clone, Copy, Debug)]
pub struct Place<'o> {
    outline: &'o Outline<'o>,
    at: usize,
}

impl<'o> Place<'o> {
    fn node(self) -> Option<&'o Node> {
        self.outline.nodes.get(self.at)
    }

    fn raw(self) -> &'o str {
        self.outline.slice(self.range())
    }

    /// The name it has as a member, in its quotes.
    fn name(self) -> &'o str {
        self.outline.slice(self.node().map_or(0..0, |node| node.name.clone()))
    }

    /// The bytes it takes in the text.
    pub fn range(self) -> Range<usize> {
        self.node().map_or(0..0, |node| node.value.clone())
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.raw().starts_with('{')
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        self.raw().starts_with('[')
    }

    /// Whether nothing is in it: no member, no item.
    pub fn is_empty(self) -> bool {
        self.children().next().is_none()
    }

    /// The string this is, escapes resolved.
    pub fn as_text(self) -> Option<Cow<'o, str>> {
        resolved(self.raw())
    }

    /// The items of an array; nothing where this is none.
    pub fn items(self) -> impl Iterator<Item = Place<'o>> {
        let array = self.is_array().then(|| self.children());
        array.into_iter().flatten()
    }

    /// The member of that name.
    pub fn get(self, name: &str) -> Option<Place<'o>> {
        let mut members = self.is_object().then(|| self.children()).into_iter().flatten();
        members.find(|member| resolved(member.name()).is_some_and(|found| found == name))
    }

    /// The members of an object that have these names. Refused where another member could be taken for
    /// one of them.
    pub fn pick<const N: usize>(
        self,
        names: [&str; N],
    ) -> Result<[Option<Place<'o>>; N], LookAlike> {
        let mut picked = [None; N];
        if !self.is_object() {
            return Ok(picked);
        }
        for member in self.children() {
            let name = resolved(member.name()).unwrap_or_default();
            let has_escapes = matches!(name, Cow::Owned(_));
            for (wanted, place) in names.iter().zip(&mut picked) {
                if name == *wanted {
                    *place = Some(member);
                } else if alike_as_read(wanted, &name, has_escapes) {
                    return Err(LookAlike);
                }
            }
        }
        Ok(picked)
    }

    fn children(self) -> impl Iterator<Item = Place<'o>> {
        let Place { outline, at } = self;
        let end = self.node().map_or(0, |node| node.next);
        let mut next = at + 1;
        std::iter::from_fn(move || {
            let at = next;
            next = outline.nodes.get(at).filter(|_| at < end)?.next;
            Some(Place { outline, at })
        })
    }
}

/// The text of a string in quotes.
fn resolved(raw: &str) -> Option<Cow<'_, str>> {
    let plain = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', plain.as_bytes()).is_none() {
        return Some(Cow::Borrowed(plain));
    }
    strictly(raw, |de, _| Text.deserialize(de)).ok().map(|text| Cow::Owned(text.into_owned()))
}

/// The next place that is no white space.
fn blank(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    from + blank.count()
}

/// The place behind a string that begins with the quote at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found + 1;
        if bytes.get(at - 1) == Some(&b'"') {
            return at;
        }
        // What is escaped ends nothing.
        at += 1;
    }
    bytes.len()
}

/// The place behind the value at `start`.
fn end_of_value(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut open) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(bytes, at);
                if open == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => open += 1,
            b'}' | b']' if open > 1 => open -= 1,
            b'}' | b']' if open == 1 => return at + 1,
            // Behind a number or a word.
            b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if open == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}
