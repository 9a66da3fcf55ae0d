//! What can be written, as a JSON Schema (draft 2020-12).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::Value;

use super::field::{At, Field, List, Many, Named, SecretText};
use super::issuer::{Claim, Require};
use super::server::Pattern;
use super::values::{FromText, Line, Parsed};
use super::{Count, Root};
use crate::config::problem::BadValue;

/// The schema of a configuration.
pub(in crate::config) fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(made);
    &SCHEMA
}

fn made() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Root>();
    schema.insert("title".to_owned(), "Portcullis".into());
    let mut schema = schema.to_value();
    unwrap_lines(&mut schema);
    schema
}

/// Comments are wrapped for those who read the source; elsewhere their lines are somebody else's business.
fn unwrap_lines(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(unwrap_lines),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => *text = text.replace('\n', " "),
                    member => unwrap_lines(member),
                }
            }
        }
        _ => {}
    }
}

/// The names of the keys of one table.
pub(super) fn keys_of(table: &Value) -> impl Iterator<Item = &String> {
    table.get("properties").and_then(Value::as_object).into_iter().flat_map(|keys| keys.keys())
}

/// The names of the keys that hold nothing secret in any table, and no table that could.
pub(super) fn open_keys(schema: &Value) -> BTreeSet<String> {
    let tables = schema.get("$defs").and_then(Value::as_object);
    let tables = tables.into_iter().flat_map(|tables| tables.values()).chain([schema]);
    let keys = tables.filter_map(|table| table.get("properties").and_then(Value::as_object));
    let (open, closed): (Vec<_>, Vec<_>) = keys.flatten().partition(|(_, value)| is_open(value));
    let closed: BTreeSet<&String> = closed.into_iter().map(|(key, _)| key).collect();
    open.into_iter().map(|(key, _)| key).filter(|key| !closed.contains(key)).cloned().collect()
}

fn is_open(value: &Value) -> bool {
    let kind = value.get("type").and_then(Value::as_str);
    match (value.get("x-kind").and_then(Value::as_str), value.get("items")) {
        (Some(kind), _) => kind != "secret",
        (None, Some(items)) => is_open(items),
        (None, None) => matches!(kind, Some("integer" | "boolean")) || value.get("oneOf").is_some(),
    }
}

/// Places are no business of a schema: it is that of the value.
macro_rules! transparent {
    ($($name:ident),*) => {$(
        impl<T: JsonSchema> JsonSchema for $name<T> {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                T::schema_name()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                generator.subschema_for::<T>()
            }
        }
    )*};
}
transparent!(Field, At);

/// Schemas that stand where they are needed, without a name to refer to.
macro_rules! inline {
    ([$($t:ident: $bound:ident)?] $name:ty, $generator:ident => $schema:expr) => {
        impl$(<$t: $bound>)? JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

inline!([T: FromText] Parsed<T>, _generator => {
    let mut schema = json_schema!({ "type": "string", "x-kind": T::KIND });
    if let Some(pattern) = T::PATTERN {
        // Any text may come from a variable.
        schema.insert("pattern".to_owned(), format!("^({pattern})$|\\$\\{{").into());
    }
    schema
});
inline!([] SecretText, _generator => json_schema!({ "type": "string", "x-kind": "secret" }));
inline!([] Count, _generator => json_schema!({ "type": "integer", "minimum": 1, "maximum": Count::MAX }));
inline!([] Pattern, _generator => json_schema!({ "type": ["string", "integer", "boolean"] }));
inline!([T: JsonSchema] List<T>, generator => {
    let item = generator.subschema_for::<T>();
    json_schema!({ "type": "array", "items": item })
});
inline!([T: JsonSchema] Many<T>, generator => {
    let item = generator.subschema_for::<T>();
    json_schema!({ "anyOf": [item, { "type": "array", "items": item }] })
});
inline!([T: JsonSchema] Named<T>, generator => {
    let value = generator.subschema_for::<T>();
    json_schema!({ "type": "object", "additionalProperties": value })
});
inline!([] Require, generator => {
    let by_name = generator.subschema_for::<Named<Many<Parsed<Line>>>>();
    let by_path = generator.subschema_for::<List<Claim>>();
    json_schema!({ "anyOf": [by_name, by_path] })
});

impl Count {
    const MAX: u32 = 1_000_000;
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl Visitor<'_> for Reading {
            type Value = Count;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Count, E> {
                let number = u32::try_from(number).ok().filter(|n| (1..=Count::MAX).contains(n));
                number.map(Count).ok_or_else(|| E::custom(BadValue::Count))
            }
        }
        deserializer.deserialize_i64(Reading)
    }
}
