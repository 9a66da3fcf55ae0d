//! The reference of every key says what the schema says, and the sample is what it says it is.

use std::fmt::Write as _;
use std::path::Path;

use portcullis::config::schema;
use serde_json::Value;

use crate::world::World;

const REFERENCE: &str = include_str!("../../../../docs/configuration.md");
const SAMPLE: &str = include_str!("../../../../docs/portcullis.sample.toml");
const BEGIN: &str = "<!-- from the schema: cargo test -p portcullis --test config -->\n";
const END: &str = "<!-- end -->\n";

/// The part of the page that lists keys.
fn keys() -> String {
    let schema: Value = serde_json::from_str(&schema()).expect("JSON");
    let mut page = String::new();
    let mut tables = vec![("top level".to_owned(), String::new(), schema.clone())];
    let mut at = 0;
    while let Some((title, path, table)) = tables.get(at).cloned() {
        let description = table["description"].as_str().unwrap_or_default();
        write!(page, "\n### {title}\n\n{description}\n\n").expect("room");
        page.push_str("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
        let needed: Vec<&str> =
            table["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (key, value) in table["properties"].as_object().into_iter().flatten() {
            let default = match (value.get("default"), needed.contains(&key.as_str())) {
                (Some(default), _) => format!("`{default}`"),
                (None, true) => "needed".to_owned(),
                (None, false) => String::new(),
            };
            let meaning = format!("{}{}", text(&value["description"]), words(value));
            writeln!(page, "| `{key}` | {} | {default} | {meaning} |", kind(value)).expect("room");
            let (inner, suffix) = table_within(value);
            if let Some(name) = inner {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{key}{suffix}");
                if !tables.iter().any(|(_, there, _)| *there == path) {
                    let table = schema["$defs"][name].clone();
                    tables.push((format!("`[{path}]`"), path, table));
                }
            }
        }
        at += 1;
    }
    page
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The words that may stand there, with what they mean.
fn words(value: &Value) -> String {
    let words = value["oneOf"].as_array().into_iter().flatten();
    let words = words.map(|word| format!("{}: {}", word["const"], text(&word["description"])));
    let words: Vec<String> = words.collect();
    if words.is_empty() { String::new() } else { format!(" {}.", words.join("; ")) }
}

/// What a value is, in words.
fn kind(value: &Value) -> String {
    if let Some(kind) = value["x-kind"].as_str() {
        return kind.to_owned();
    }
    if let Some(options) = value["anyOf"].as_array() {
        return options.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if value.get("$ref").is_some() {
        return "table".to_owned();
    }
    if value.get("oneOf").is_some() {
        return "word".to_owned();
    }
    match &value["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::String(kind) if kind == "array" => {
            format!("list of {}", kind_of_many(&value["items"]))
        }
        Value::String(kind) if kind == "object" => {
            format!("table of {}", kind_of_many(&value["additionalProperties"]))
        }
        kind => text(kind).to_owned(),
    }
}

fn kind_of_many(value: &Value) -> String {
    match kind(value).as_str() {
        "table" => "tables".to_owned(),
        "address" => "addresses".to_owned(),
        "client identifier" => "client identifiers".to_owned(),
        other if other.contains(' ') => other.to_owned(),
        "text" => "texts".to_owned(),
        "secret" => "secrets".to_owned(),
        other => format!("{other}s"),
    }
}

/// The table that is referred to.
fn named(value: &Value) -> Option<&str> {
    value["$ref"].as_str()?.strip_prefix("#/$defs/")
}

/// The table that a value is or holds, and how its path goes on.
fn table_within(value: &Value) -> (Option<&str>, &'static str) {
    if let Some(name) = named(value) {
        return (Some(name), "");
    }
    if let Some(name) = named(&value["items"]) {
        return (Some(name), "");
    }
    let inner = &value["additionalProperties"];
    let many = inner["anyOf"].as_array().and_then(|options| options.iter().find_map(named));
    if let Some(name) = named(inner).or(many) {
        return (Some(name), ".NAME");
    }
    let mut listed = value["anyOf"].as_array().into_iter().flatten();
    (listed.find_map(|option| named(&option["items"])), "")
}

#[test]
fn the_reference_has_every_key() {
    let (before, rest) = REFERENCE.split_once(BEGIN).expect("where the keys begin");
    let (listed, after) = rest.split_once(END).expect("where the keys end");
    let keys = keys();
    if listed != keys {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("configuration.md");
        let page = format!("{before}{BEGIN}{keys}{END}{after}");
        std::fs::write(&path, page).expect("a folder to write to");
        panic!("docs/configuration.md is stale; how it should be is in {}", path.display());
    }
}

#[test]
fn the_sample_is_accepted_with_and_without_what_it_leaves_to_choose() {
    let world = |text: &str| {
        World::of(text)
            .variable("IDP_CLIENT_SECRET", "hunter2")
            .variable("NOTES_API_KEY", "hunter2")
            .file("etc/seal.key", &"0f".repeat(32))
    };
    let config = world(SAMPLE).accepted();
    assert_eq!(config.servers.len(), 3);
    // A line that begins with `#:` is a setting that could be made.
    let chosen = SAMPLE.replace("\n#: ", "\n");
    assert!(chosen.len() < SAMPLE.len());
    world(&chosen).file("etc/conf.d/none.txt", "").accepted();
}
