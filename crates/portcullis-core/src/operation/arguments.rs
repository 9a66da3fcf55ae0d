//! The arguments of a call, as far as rules with `args` look at them.

use std::borrow::Cow;
use std::cell::Cell;

use serde::de::{DeserializeSeed, MapAccess};

use crate::fold::Wanted;
use crate::json::{self, Flaw, Items, Names, Note, Peek, ReadObject, Shape, Walk};

/// The arguments a policy asked for, of one call.
#[derive(Debug, Default)]
pub(crate) struct Arguments<'a>(Vec<(String, Argument<'a>)>);

/// One argument, in the shapes a pattern can be held against.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Argument<'a> {
    /// One value, or those of an array.
    Values(Vec<Scalar<'a>>),
    /// Something no pattern matches: an object, null, a fraction, an empty array or one with such items,
    /// or an argument beside which another stands that a lenient tool takes for it. Nor does an array
    /// with booleans: many languages take any array for true.
    Opaque,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Bool(bool),
}

impl<'a> IntoIterator for Arguments<'a> {
    type Item = (String, Argument<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> Arguments<'a> {
    /// Reads the wanted arguments out of a message that was read strictly before.
    pub(super) fn read(message: &'a str, wanted: &Wanted, left: &Cell<usize>) -> Arguments<'a> {
        let found = json::strictly(message, |de, flaw| {
            let leaf = Pick { wanted, left };
            Peek { walk: Walk::new(flaw), object: At { path: &["params", "arguments"], leaf } }
                .deserialize(de)
        });
        match found {
            Ok(Shape::Object(Some(arguments))) => arguments,
            _ => Arguments::default(),
        }
    }
}

/// Goes down a path of member names and reads the object at its end.
#[derive(Clone, Copy)]
struct At<'p, R> {
    path: &'p [&'static str],
    leaf: R,
}

impl<'de, R: ReadObject<'de> + Copy> ReadObject<'de> for At<'_, R> {
    type Out = Option<R::Out>;
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, mut map: A) -> Result<Self::Out, A::Error> {
        let Some((head, rest)) = self.path.split_first() else {
            return walk.members(map).map(|()| None);
        };
        let (mut found, mut names) = (None, Names::new());
        while let Some(name) = map.next_key_seed(Note(&mut names))? {
            // Whoever compares names before resolving escapes finds none, and then a call without arguments.
            if !matches!(name, Some(Cow::Borrowed(name)) if name == *head) {
                map.next_value_seed(walk)?;
            } else if rest.is_empty() {
                if let Shape::Object(leaf) =
                    map.next_value_seed(Peek { walk, object: self.leaf })?
                {
                    found = Some(leaf);
                }
            } else if let Shape::Object(inner) =
                map.next_value_seed(Peek { walk, object: At { path: rest, leaf: self.leaf } })?
            {
                found = inner;
            }
        }
        Ok(found)
    }
}

/// So much of the names of an operation's arguments is held against those that are wanted, a batch's
/// together. Behind it none of the values is known. Tools have a dozen parameters.
pub(crate) const MAX_NAMES: usize = 32 * 1024;

/// Reads the members whose names are wanted, or could be taken for a wanted one.
#[derive(Clone, Copy)]
struct Pick<'w> {
    wanted: &'w Wanted,
    /// How much of names may still be read.
    left: &'w Cell<usize>,
}

impl<'de> ReadObject<'de> for Pick<'_> {
    type Out = Arguments<'de>;
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, mut map: A) -> Result<Self::Out, A::Error> {
        let mut arguments: Vec<(String, Argument<'de>)> = Vec::new();
        let (mut names, mut shadowed) = (Names::new(), Names::new());
        let Pick { wanted, left } = self;
        let mut is_read = true;
        while let Some(name) = map.next_key_seed(Note(&mut names))? {
            let name = name.ok_or_else(|| walk.refuse(Flaw::DuplicateMember))?;
            let has_escapes = matches!(name, Cow::Owned(_));
            // A name without letters costs something as well.
            let rest = left.get().checked_sub(name.len().saturating_add(1));
            left.set(rest.unwrap_or_default());
            is_read &= rest.is_some();
            if !is_read {
                map.next_value_seed(walk)?;
                continue;
            }
            for wanted in wanted.alike(&name, has_escapes) {
                shadowed.insert_resolved(wanted);
            }
            if wanted.contains(&name) {
                if has_escapes && name.bytes().all(needs_no_escape) {
                    shadowed.insert_resolved(&name);
                }
                arguments.push((
                    name.into_owned(),
                    map.next_value_seed(Peek { walk, object: Items })?.into(),
                ));
            } else {
                map.next_value_seed(walk)?;
            }
        }
        for (name, argument) in &mut arguments {
            if !is_read || shadowed.contains(name) {
                *argument = Argument::Opaque;
            }
        }
        Ok(Arguments(arguments))
    }
}

/// Such a letter is written as it is by all but those who hide it from readers that compare names before
/// resolving escapes. Letters beyond ASCII are escaped by many honest writers.
fn needs_no_escape(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn scalar(shape: Shape<'_>) -> Option<Scalar<'_>> {
    match shape {
        Shape::Text(text) => Some(Scalar::Text(text)),
        Shape::Bool(flag) => Some(Scalar::Bool(flag)),
        Shape::Integer(number) => json::exact(number).map(Scalar::Integer),
        Shape::Null | Shape::Object(()) | Shape::Array(_) | Shape::LongArray | Shape::Other => None,
    }
}

impl<'a> From<Shape<'a>> for Argument<'a> {
    fn from(shape: Shape<'a>) -> Self {
        let item = |item| scalar(item).filter(|item| !matches!(item, Scalar::Bool(_)));
        let values: Option<Vec<_>> = match shape {
            Shape::Array(items) if items.is_empty() => None,
            Shape::Array(items) => items.into_iter().map(item).collect(),
            single => scalar(single).map(|value| vec![value]),
        };
        values.map_or(Argument::Opaque, Argument::Values)
    }
}
