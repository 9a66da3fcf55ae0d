//! From the tree to what is written in it, key by key.
//!
//! A reader for serde that does not stop: whatever is wrong with a key is found, with its place, and the
//! others are read all the same. Where serde would say what it found, this does not: it may be a secret.

use std::fmt;

use serde::de::value::{StrDeserializer, UsizeDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer as _, Visitor,
};

use super::field::{AT, FIELD, MANY, SECRET};
use crate::config::problem::{Findings, Wrong};
use crate::config::source::{Key, Kind, Node, Table};
use crate::nearest::nearest;

/// Reads what a tree says. What is wrong is among the findings.
pub(in crate::config) fn read<T: DeserializeOwned>(node: &Node, findings: &Findings) -> Option<T> {
    T::deserialize(Reader { node, path: String::new(), findings }).ok()
}

/// Keys that are read only to be refused.
const LATER: [&str; 3] = ["login", "clients", "acme"];

/// Why a value could not be read.
#[derive(Debug)]
pub(super) enum Failed {
    /// It is among the findings.
    Found,
    /// By its own grammar.
    Value(String),
    /// Something else is wanted.
    Wanted(String),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not readable")
    }
}

impl std::error::Error for Failed {}

impl de::Error for Failed {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Failed::Value(message.to_string())
    }

    fn invalid_type(_: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        Failed::Wanted(wanted.to_string())
    }

    fn invalid_value(_: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        Failed::Wanted(wanted.to_string())
    }
}

/// One value.
struct Reader<'n> {
    node: &'n Node,
    /// Its table or key, as `servers.files`.
    path: String,
    findings: &'n Findings,
}

impl<'n> Reader<'n> {
    /// What is wrong with this value is found, if it was not before.
    fn found(&self, failed: Failed) -> Failed {
        let wrong = match failed {
            Failed::Found => return Failed::Found,
            Failed::Value(message) => Wrong::Value(message),
            Failed::Wanted(wanted) => Wrong::Kind { wanted, found: self.node.what() },
        };
        if !matches!(self.node.kind, Kind::Unusable) {
            self.findings.report(self.node.place, &self.path, wrong);
        }
        Failed::Found
    }

    fn wanted<T>(&self, wanted: &str) -> Result<T, Failed> {
        Err(self.found(Failed::Wanted(wanted.to_owned())))
    }

    fn child<'c>(&self, key: &str, node: &'c Node) -> Reader<'c>
    where
        'n: 'c,
    {
        let dot = if self.path.is_empty() { "" } else { "." };
        Reader { node, path: format!("{}{dot}{key}", self.path), findings: self.findings }
    }

    /// Reads the value of a variable as TOML, where that is wanted of it.
    fn typed<T>(
        self,
        wanted: &str,
        read: impl FnOnce(&Reader<'_>) -> Option<Result<T, Failed>>,
    ) -> Result<T, Failed> {
        let parsed = match &self.node.kind {
            Kind::Variable(text) => Node::from_variable(text, self.node.place),
            _ => None,
        };
        let node = parsed.as_ref().unwrap_or(self.node);
        let reader = Reader { node, path: self.path, findings: self.findings };
        match read(&reader) {
            Some(read) => read.map_err(|failed| reader.found(failed)),
            None => reader.wanted(wanted),
        }
    }

    /// A list, or a single value as a list of one.
    fn many<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        let is_list = match &self.node.kind {
            Kind::Array(_) => true,
            Kind::Variable(text) => text.trim_start().starts_with('['),
            _ => false,
        };
        if is_list {
            return self.deserialize_seq(visitor);
        }
        let items = std::slice::from_ref(self.node).iter();
        visitor.visit_seq(Items { rest: items, at: 0, outer: &self })
    }

    fn table<'de, V: Visitor<'de>>(
        &self,
        table: &Table,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Failed> {
        let is_known = |key: &Key| fields.is_none_or(|fields| fields.contains(&key.name.as_str()));
        let mut meant_keys = Vec::new();
        for (key, node) in table.entries.iter().filter(|(key, _)| !is_known(key)) {
            let fields = fields.unwrap_or_default();
            // It may be a secret under a misspelled name.
            self.findings.mask(node);
            let meant = nearest(&key.name, fields.iter().copied());
            let keys: Vec<&str> =
                fields.iter().copied().filter(|key| !LATER.contains(key)).collect();
            let wrong = Wrong::UnknownKey { key: key.name.clone(), meant, keys: keys.join(", ") };
            self.findings.report(key.place, &self.path, wrong);
            // Nobody needs to hear that the key is missing which was meant.
            let is_new = |name: &&str| {
                table.get(name).is_none()
                    && !meant_keys.iter().any(|(key, _): &(Key, Node)| key.name == **name)
            };
            if let Some(name) = meant.filter(is_new) {
                let key = Key { name: name.to_owned(), place: key.place };
                meant_keys.push((key, Node { place: node.place, kind: Kind::Unusable }));
            }
        }
        let known = table.entries.iter().filter(|(key, _)| is_known(key));
        let mut known = known.chain(&meant_keys);
        visitor.visit_map(Entries { rest: &mut known, next: None, outer: self })
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Failed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        let wanted = (&visitor as &dyn de::Expected).to_string();
        match &self.node.kind {
            Kind::Text(text) => visitor.visit_str(&text.value).map_err(|failed| self.found(failed)),
            Kind::Variable(text) if !text.trim_start().starts_with(['[', '{']) => {
                visitor.visit_str(text).map_err(|failed| self.found(failed))
            }
            Kind::Integer(number) => {
                visitor.visit_i64(*number).map_err(|failed| self.found(failed))
            }
            Kind::Bool(flag) => visitor.visit_bool(*flag).map_err(|failed| self.found(failed)),
            _ => self.typed(&wanted, |reader| match &reader.node.kind {
                Kind::Array(items) => {
                    Some(visitor.visit_seq(Items { rest: items.iter(), at: 0, outer: reader }))
                }
                Kind::Table(table) => Some(reader.table(table, None, visitor)),
                _ => None,
            }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.typed("true or false", |reader| match reader.node.kind {
            Kind::Bool(flag) => Some(visitor.visit_bool(flag)),
            _ => None,
        })
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.typed("an integer", |reader| match reader.node.kind {
            Kind::Integer(number) => Some(visitor.visit_i64(number)),
            _ => None,
        })
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        let text = match &self.node.kind {
            Kind::Text(text) => &text.value,
            Kind::Variable(text) => text,
            _ => return self.wanted("a string"),
        };
        visitor.visit_str(text).map_err(|failed| self.found(failed))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.typed("a list", |reader| match &reader.node.kind {
            Kind::Array(items) => {
                Some(visitor.visit_seq(Items { rest: items.iter(), at: 0, outer: reader }))
            }
            _ => None,
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.typed("a table", |reader| match &reader.node.kind {
            Kind::Table(table) => Some(reader.table(table, None, visitor)),
            _ => None,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failed> {
        self.typed("a table", |reader| match &reader.node.kind {
            Kind::Table(table) => Some(reader.table(table, Some(fields), visitor)),
            _ => None,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failed> {
        let text = match &self.node.kind {
            Kind::Text(text) => &text.value,
            Kind::Variable(text) => text,
            _ => return self.wanted("a string"),
        };
        let Some(variant) = variants.iter().find(|variant| **variant == text.as_str()) else {
            let quoted: Vec<String> = variants.iter().map(|word| format!("{word:?}")).collect();
            let meant = nearest(text, variants.iter().copied());
            let wrong = Wrong::Word { words: quoted.join(", "), meant };
            self.findings.report(self.node.place, &self.path, wrong);
            return Err(Failed::Found);
        };
        let variant: StrDeserializer<'_, Failed> = (*variant).into_deserializer();
        visitor.visit_enum(variant).map_err(|failed| self.found(failed))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failed> {
        match name {
            SECRET => self.findings.mask(self.node),
            MANY => return self.many(visitor),
            _ => debug_assert_eq!(name, FIELD, "no other kind of newtype is asked for"),
        }
        visitor.visit_newtype_struct(self)
    }

    /// Place and value, for [`super::field::At`].
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Failed> {
        debug_assert_eq!(name, AT, "no other kind of tuple is asked for");
        let place = self.node.place;
        let is_file = match &self.node.kind {
            Kind::Text(text) => text.is_file,
            Kind::Variable(text) => text.starts_with("file:"),
            _ => false,
        };
        let numbers = [place.start, place.end, usize::from(is_file)].into_iter();
        visitor.visit_seq(Placed { numbers, value: Some(self) })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.findings.mask(self.node);
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char string bytes byte_buf unit unit_struct tuple
        identifier
    }
}

/// The entries of a table.
struct Entries<'e, 'n, I> {
    rest: &'e mut I,
    next: Option<&'e (Key, Node)>,
    outer: &'e Reader<'n>,
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
    outer: &'e Reader<'n>,
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
struct Placed<D> {
    numbers: std::array::IntoIter<usize, 3>,
    value: Option<D>,
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
struct Items<'e, 'n> {
    rest: std::slice::Iter<'e, Node>,
    at: usize,
    outer: &'e Reader<'n>,
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
