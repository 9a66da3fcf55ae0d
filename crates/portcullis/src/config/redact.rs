//! What is in force, as TOML: defaults and overrides included, secrets left out.

use serde_json::Value as Json;
use toml::Value;

use super::problem::{Findings, MASK};
use super::raw;
use super::source::{Kind, Node, Table};

/// The tree as text.
pub(super) fn toml(tree: &Node, findings: &Findings) -> String {
    let schema = raw::schema();
    let redacting = Redacting { schema, findings };
    match &tree.kind {
        Kind::Table(table) => redacting.table(table, schema, false).to_string(),
        _ => String::new(),
    }
}

struct Redacting<'a> {
    schema: &'a Json,
    findings: &'a Findings,
}

impl Redacting<'_> {
    fn table(&self, table: &Table, schema: &Json, in_command: bool) -> toml::Table {
        let keys = schema.get("properties").and_then(Json::as_object);
        let of = |key: &str| keys.and_then(|keys| keys.get(key));
        let named = schema.get("additionalProperties");
        let mut redacted = toml::Table::new();
        for (key, node) in &table.entries {
            let schema = of(&key.name).or(named).map_or(&Json::Null, |schema| self.resolve(schema));
            let in_command = in_command || key.name == "command";
            redacted.insert(key.name.clone(), self.value(node, schema, in_command));
        }
        for (key, schema) in keys.into_iter().flatten() {
            if !redacted.contains_key(key)
                && belongs(key, table)
                && let Some(value) = self.usual(schema)
            {
                redacted.insert(key.clone(), value);
            }
        }
        redacted
    }

    fn value(&self, node: &Node, schema: &Json, in_command: bool) -> Value {
        if self.findings.is_masked(node.place) {
            return Value::String(MASK.to_owned());
        }
        match &node.kind {
            // Arguments of a command may hold what should have stood in its environment.
            Kind::Text(text) if in_command && text.is_expanded => Value::String(MASK.to_owned()),
            Kind::Text(text) => Value::String(text.value.to_string()),
            Kind::Integer(number) => Value::Integer(*number),
            Kind::Bool(flag) => Value::Boolean(*flag),
            Kind::Array(items) => {
                let of_item = schema.get("items").map_or(&Json::Null, |items| self.resolve(items));
                let items = items.iter().map(|item| self.value(item, of_item, in_command));
                Value::Array(items.collect())
            }
            Kind::Table(table) => Value::Table(self.table(table, schema, in_command)),
            Kind::Variable(text) => {
                let is_text = schema.get("type").is_some_and(|kind| kind == "string")
                    || schema.get("oneOf").is_some()
                    || schema.get("anyOf").is_some() && !text.trim_start().starts_with('[');
                let read = if is_text { None } else { Node::from_variable(text, node.place) };
                read.map_or_else(
                    || Value::String(text.to_string()),
                    |node| self.value(&node, schema, in_command),
                )
            }
            // A configuration that has these was refused.
            Kind::Fraction | Kind::Datetime | Kind::Unusable => Value::String(MASK.to_owned()),
        }
    }

    /// What stands for a key that is not written: its default, or a table of defaults.
    fn usual(&self, schema: &Json) -> Option<Value> {
        if let Some(default) = schema.get("default") {
            return Value::try_from(default).ok();
        }
        let table = self.resolve(schema);
        let keys = table.get("properties")?.as_object()?;
        if table.get("required").is_some() {
            return None;
        }
        let usual =
            keys.iter().filter_map(|(key, schema)| Some((key.clone(), self.usual(schema)?)));
        let usual: toml::Table = usual.collect();
        (!usual.is_empty()).then_some(Value::Table(usual))
    }

    /// The schema that is referred to.
    fn resolve<'s>(&'s self, schema: &'s Json) -> &'s Json {
        let name = schema.get("$ref").and_then(Json::as_str);
        let name = name.and_then(|name| name.strip_prefix("#/$defs/"));
        let found = name.and_then(|name| self.schema.get("$defs")?.get(name));
        found.unwrap_or(schema)
    }
}

/// Whether a key means something beside the others of its table.
fn belongs(key: &str, table: &Table) -> bool {
    let is_server = table.get("access").is_some();
    let of_http = key.starts_with("upstream_") || key == "transport";
    let of_stdio = matches!(key, "env" | "cwd" | "shared" | "processes" | "idle_timeout");
    !is_server
        || !(of_http || of_stdio)
        || of_http && table.get("upstream").is_some()
        || of_stdio && table.get("command").is_some()
}
