//! Tables, lists and keys, as serde asks for what is in them.

use serde::de::value::UsizeDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer as _, Visitor};

use super::read::{Failed, Reader};
use crate::config::problem::Wrong;
use crate::config::source::{Key, Kind, Node};

/// The entries of a table.
pub(super) struct Entries<'e, 'n, I> {
    pub(super) rest: &'e mut I,
    pub(super) next: Option<&'e (Key, Node)>,
    pub(super) outer: &'e Reader<'n>,
}

impl<'de, 'e, I: Iterator<Item = &'e (Key, Node)>> de::MapAccess<'de> for Entries<'e, '_, I> {
    type Error = Failed;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failed> {
        self.next = self.rest.next();
        let Some((key, _)) = self.next else { return Ok(None) };
        seed.deserialize(NamedKey { key, outer: self.outer }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failed> {
        // serde asks for a value only behind a key.
        let (key, node) = self.next.take().ok_or(Failed::Found)?;
        seed.deserialize(self.outer.child(&key.name, node))
    }
}

/// A key, as text or as text with its place.
struct NamedKey<'e, 'n> {
    key: &'e Key,
    pub(super) outer: &'e Reader<'n>,
}

impl<'de> Deserializer<'de> for NamedKey<'_, '_> {
    type Error = Failed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        visitor.visit_str(&self.key.name).map_err(|failed| match failed {
            Failed::Value(message) => {
                let path = self.outer.child(&self.key.name, self.outer.node).path;
                self.outer.findings.report(self.key.place, &path, Wrong::Value(message));
                Failed::Found
            }
            other => other,
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Failed> {
        let numbers = [self.key.place.start, self.key.place.end, 0].into_iter();
        visitor.visit_seq(Placed { numbers, value: Some(self) })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple map struct enum identifier ignored_any
    }
}

/// Start, end, whether it names a file, and the value.
pub(super) struct Placed<D> {
    pub(super) numbers: std::array::IntoIter<usize, 3>,
    pub(super) value: Option<D>,
}

impl<'de, D: Deserializer<'de, Error = Failed>> de::SeqAccess<'de> for Placed<D> {
    type Error = Failed;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failed> {
        if let Some(number) = self.numbers.next() {
            let number: UsizeDeserializer<Failed> = number.into_deserializer();
            return seed.deserialize(number).map(Some);
        }
        self.value.take().map(|value| seed.deserialize(value)).transpose()
    }
}

/// The items of a list. A bad one does not keep the others from being read.
pub(super) struct Items<'e, 'n> {
    pub(super) rest: std::slice::Iter<'e, Node>,
    pub(super) at: usize,
    pub(super) outer: &'e Reader<'n>,
}

impl<'de> de::SeqAccess<'de> for Items<'_, '_> {
    type Error = Failed;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failed> {
        let Some(node) = self.rest.next() else { return Ok(None) };
        self.at = self.at.saturating_add(1);
        let findings = self.outer.findings;
        // A single value in a list is spoken of by the name of the list.
        let path = match node.kind {
            Kind::Table(_) => format!("{}[{}]", self.outer.path, self.at),
            _ => self.outer.path.clone(),
        };
        seed.deserialize(Reader { node, path, findings }).map(Some)
    }
}
