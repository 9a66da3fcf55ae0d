//! Reading a value without keeping it.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Flaw, MAX_DEPTH, NUMBER_AS_MAP, Names, Note};

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
            let name = name.ok_or_else(|| self.refuse(Flaw::DuplicateMember))?;
            if name == NUMBER_AS_MAP {
                return Err(self.refuse(Flaw::NumberOutOfRange));
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

/// As many items of an array are kept.
pub(crate) const MAX_ITEMS: usize = 256;

/// Reads the members of one object whose names mean something to the caller.
pub(crate) trait ReadObject<'de>: Sized {
    type Out;
    /// How many items of an array in the object's place are kept, where they are wanted.
    const KEEP_ITEMS: usize = 0;
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
    /// An array with more items than are kept: they were walked and forgotten.
    LongArray,
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

/// Objects of no interest, arrays item by item. A body of a million items must not become a million
/// shapes, so only as many are kept as anybody has use for.
#[derive(Clone, Copy)]
pub(crate) struct Items;

impl<'de> ReadObject<'de> for Items {
    type Out = ();
    const KEEP_ITEMS: usize = MAX_ITEMS;
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
        if R::KEEP_ITEMS == 0 {
            return self.walk.visit_seq(seq).map(|()| Shape::Other);
        }
        let item = Peek { walk: self.walk.inner()?, object: Skip };
        let mut items = Vec::new();
        while let Some(shape) = seq.next_element_seed(item)? {
            if items.len() == R::KEEP_ITEMS {
                while seq.next_element_seed(item.walk)?.is_some() {}
                return Ok(Shape::LongArray);
            }
            items.push(shape);
        }
        Ok(Shape::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.object.read(self.walk.inner()?, map).map(Shape::Object)
    }
}
