//! From the tree to what is written in it, key by key.
//!
//! A reader for serde that does not stop: whatever is wrong with a key is found, with its place, and the
//! others are read all the same. Where serde would say what it found, this does not: it may be a secret.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer as _, Visitor};

use super::access::{Entries, Items, Placed};
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
pub(super) struct Reader<'n> {
    pub(super) node: &'n Node,
    /// Its table or key, as `servers.files`.
    pub(super) path: String,
    pub(super) findings: &'n Findings,
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

    pub(super) fn child<'c>(&self, key: &str, node: &'c Node) -> Reader<'c>
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
