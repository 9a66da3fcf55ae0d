//! The arguments of a call, as far as rules with `args` look at them.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, MapAccess};

use crate::fold::alike_as_read;
use crate::json::{self, Flaw, Items, Names, Note, Peek, ReadObject, Shape, Walk};

/// The arguments a policy asked for, of one call.
#[derive(Debug, Default)]
pub(crate) struct Arguments<'a>(Vec<(String, Argument<'a>)>);

/// One argument, in the shapes a pattern can be held against.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Argument<'a> {
    /// A string, a boolean or an integer, as text; several for an array of them.
    Texts(Vec<Cow<'a, str>>),
    /// Something no pattern matches: an object, null, a fraction, a mixed or empty array, or an
    /// argument beside which another stands that a lenient tool takes for it.
    Opaque,
}

impl<'a> Arguments<'a> {
    /// Reads the wanted arguments out of a message that was read strictly before.
    pub(super) fn read(message: &'a str, wanted: &[&str]) -> Arguments<'a> {
        let found = json::strictly(message, |de, flaw| {
            let leaf = Pick(wanted);
            Peek { walk: Walk::new(flaw), object: At { path: &["params", "arguments"], leaf } }
                .deserialize(de)
        });
        match found {
            Ok(Shape::Object(Some(arguments))) => arguments,
            _ => Arguments::default(),
        }
    }

    /// The argument of that name; `None` where there is none.
    pub(crate) fn get(&self, name: &str) -> Option<&Argument<'a>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, argument)| argument)
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

/// Each member's name is held against all that are wanted; where there are more, none of the values is
/// known. Tools have a dozen parameters.
const MAX_MEMBERS: usize = 1024;

/// Reads the members whose names are wanted, or could be taken for a wanted one.
#[derive(Clone, Copy)]
struct Pick<'w>(&'w [&'w str]);

impl<'de> ReadObject<'de> for Pick<'_> {
    type Out = Arguments<'de>;
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, mut map: A) -> Result<Self::Out, A::Error> {
        let mut arguments: Vec<(String, Argument<'de>)> = Vec::new();
        let (mut names, mut shadowed) = (Names::new(), Names::new());
        let mut members = 0_usize;
        while let Some(name) = map.next_key_seed(Note(&mut names))? {
            let name = name.ok_or_else(|| walk.refuse(Flaw::DuplicateMember))?;
            let has_escapes = matches!(name, Cow::Owned(_));
            members = members.saturating_add(1);
            let wanted = if members > MAX_MEMBERS { &[] } else { self.0 };
            for wanted in wanted.iter().filter(|wanted| alike_as_read(wanted, &name, has_escapes)) {
                shadowed.insert_resolved(wanted);
            }
            if self.0.contains(&name.as_ref()) {
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
            if members > MAX_MEMBERS || shadowed.contains(name) {
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

/// A value as the text that patterns are held against.
fn text_of(shape: Shape<'_>) -> Option<Cow<'_, str>> {
    match shape {
        Shape::Text(text) => Some(text),
        Shape::Bool(true) => Some(Cow::Borrowed("true")),
        Shape::Bool(false) => Some(Cow::Borrowed("false")),
        Shape::Integer(number) => json::exact(number).map(|number| Cow::Owned(number.to_string())),
        Shape::Null | Shape::Object(()) | Shape::Array(_) | Shape::LongArray | Shape::Other => None,
    }
}

impl<'a> From<Shape<'a>> for Argument<'a> {
    fn from(shape: Shape<'a>) -> Self {
        let texts: Option<Vec<_>> = match shape {
            Shape::Array(items) if items.is_empty() => None,
            Shape::Array(items) => items.into_iter().map(text_of).collect(),
            single => text_of(single).map(|text| vec![text]),
        };
        texts.map_or(Argument::Opaque, Argument::Texts)
    }
}
