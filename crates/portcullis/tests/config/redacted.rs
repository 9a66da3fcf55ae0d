//! What `config show --redacted` prints is a configuration, and the same, without its secrets.

use std::collections::BTreeSet;

use portcullis::config::{Config, schema};
use serde_json::Value;

use crate::accepted::{sample, small};
use crate::world::World;

/// All that is in force, but for secrets and for where it is written: where something stands in a file says
/// nothing about it. That is what `Debug` shows, which is derived and so forgets no setting that is yet to come.
fn in_force(mut config: Config) -> String {
    config.servers.sort_by(|one, other| one.name.cmp(&other.name));
    config.issuers.sort_by(|one, other| one.name.cmp(&other.name));
    let shown = format!("{config:#?}");
    // Of the configuration its files and its redacted text, and of a server the lines of its rules.
    let left_out = ["    files: ", "    redacted: ", "            rules: "];
    left_out.into_iter().fold(shown, |text, field| without(&text, field))
}

/// The text without the fields that begin so.
fn without(text: &str, field: &str) -> String {
    assert!(text.lines().any(|line| line.starts_with(field)), "there is no {field:?} in {text}");
    let indent = " ".repeat(field.len() - field.trim_start().len());
    let mut within = false;
    let stays = text.lines().filter(|line| {
        let begins = line.starts_with(field);
        let rest = line.strip_prefix(&*indent);
        let ends = within && rest.is_some_and(|rest| !rest.starts_with(' '));
        let stays = !within && !begins;
        within = (within && !ends) || (begins && line.ends_with(['[', '{', '(']));
        stays
    });
    stays.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn comes_back(world: &World) {
    let config = world.accepted();
    let shown = config.redacted().to_owned();
    let key = format!("seal_key = \"{}\"", "0f".repeat(32));
    let again = World::of(&shown.replace("seal_key = \"…\"", &key)).accepted();
    let redacted_again = again.redacted().to_owned();
    assert_eq!(in_force(again), in_force(config), "{shown}");
    assert_eq!(redacted_again, shown);
}

#[test]
fn the_sample_comes_back() {
    comes_back(&sample());
}

/// What is compared when something comes back: a setting that is another one is seen.
#[test]
fn what_is_in_force_tells_settings_apart() {
    let upstream = "upstream = \"http://127.0.0.1:3000/mcp\"";
    let usual = in_force(small(upstream, "").accepted());
    assert_eq!(in_force(small(&format!("# a line more\n{upstream}"), "").accepted()), usual);
    for server in [
        "dpop = { nonce = true }",
        "name = \"Files\"",
        "allowed_hosts = [\"files.internal\"]",
        "response_headers = { remove = [\"Server\"] }",
        "upstream_timeouts = { answer = \"1s\" }",
    ] {
        let world = small(&format!("{upstream}\n{server}"), "");
        assert_ne!(in_force(world.accepted()), usual, "{server}");
        comes_back(&world);
    }
    for top in ["skew = \"9s\"", "[limits]\nheaders = \"9KiB\"", "[log]\nlevel = \"debug\""] {
        let world = small(upstream, top);
        assert_ne!(in_force(world.accepted()), usual, "{top}");
        comes_back(&world);
    }
}

#[test]
fn every_default_that_is_documented_is_in_force() {
    let config = small("upstream = \"http://127.0.0.1:3000/mcp\"", "").accepted();
    let shown = config.redacted();
    for default in [
        "listen = \"127.0.0.1:8080\"",
        "body = \"4MiB\"",
        "calls_per_subject = \"unlimited\"",
        "level = \"info\"",
        "url = \"memory:\"",
        "list = \"obtainable\"",
        "skew = \"30s\"",
        "connect = \"5s\"",
    ] {
        assert!(shown.contains(default), "{default} in\n{shown}");
    }
    comes_back(&small("upstream = \"http://127.0.0.1:3000/mcp\"", ""));
    comes_back(&small(
        "command = [\"npx\"]\nenv = { A = \"b\" }",
        "[admin]\nlisten = \"127.0.0.1:1\"",
    ));
    let introspection =
        "introspection = { when = \"opaque\", client_id = \"us\", auth = \"none\" }";
    comes_back(&small("command = [\"npx\"]", introspection));
}

/// The paths of all keys of the schema that hold a secret; `*` stands for a name.
fn secrets(schema: &Value, value: &Value, path: &str, found: &mut BTreeSet<String>) {
    let named = value["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/"));
    let value = named.map_or(value, |name| &schema["$defs"][name]);
    if value["x-kind"] == "secret" {
        found.insert(path.to_owned());
    }
    let dot = if path.is_empty() { "" } else { "." };
    for (key, value) in value["properties"].as_object().into_iter().flatten() {
        secrets(schema, value, &format!("{path}{dot}{key}"), found);
    }
    if value["additionalProperties"].is_object() {
        secrets(schema, &value["additionalProperties"], &format!("{path}{dot}*"), found);
    }
    for options in ["anyOf", "oneOf", "allOf"] {
        for option in value[options].as_array().into_iter().flatten() {
            secrets(schema, option, path, found);
        }
    }
    if value["items"].is_object() {
        secrets(schema, &value["items"], path, found);
    }
}

/// Of every secret there is a configuration here that has it, and shows it nowhere; nor does a complaint about
/// one. What is no secret is shown.
#[test]
fn no_secret_of_the_schema_is_shown() {
    const HTTP: &str = "upstream = \"http://127.0.0.1:3000/mcp\"";
    const HEX: &str = "686e7465723268756e7465723268756e686e7465723268756e7465723268756e";
    let asking =
        |more: &str| format!("introspection = {{ when = \"opaque\", client_id = \"us\", {more} }}");
    let cases = [
        ("issuers.*.introspection.client_secret", HTTP, asking("client_secret = \"hunter2\"")),
        (
            "issuers.*.introspection.private_key",
            HTTP,
            asking("private_key = \"hunter2\", alg = \"ES256\""),
        ),
        ("servers.*.env.*", "command = [\"x\"]\nenv = { A = \"hunter2\" }", String::new()),
        (
            "servers.*.upstream_headers.add.*",
            "upstream = \"http://127.0.0.1/mcp\"\nupstream_headers = { add = { X-Key = \"hunter2\" } }",
            String::new(),
        ),
        ("store.seal_key", HTTP, format!("[store]\nseal_key = \"{HEX}\"")),
        ("store.url", HTTP, "[store]\nurl = \"postgres://us:hunter2@plain.example/db\"".to_owned()),
        (
            "telemetry.request_headers.*",
            HTTP,
            "[telemetry]\nendpoint = \"http://127.0.0.1/v1/traces\"\nrequest_headers = { X-Key = \"hunter2\" }"
                .to_owned(),
        ),
    ];
    let mut tried = BTreeSet::new();
    for (path, server, more) in cases {
        let is_refused =
            path == "store.url" || path.starts_with("telemetry") && !cfg!(feature = "otlp");
        let shown = match small(&format!("{server}\nname = \"plain\""), &more).load() {
            Ok(config) if !is_refused => {
                assert!(config.redacted().contains("= \"…\""), "{path}: {}", config.redacted());
                assert!(config.redacted().contains("plain"), "{path}: {}", config.redacted());
                format!("{config:#?}{}", config.redacted())
            }
            Err(error) if is_refused => format!("{error}{error:?}"),
            other => panic!("{path}: {other:?}"),
        };
        assert!(!shown.contains("hunter2") && !shown.contains(HEX), "{path}: {shown}");
        tried.insert(path.to_owned());
    }
    let schema: Value = serde_json::from_str(&schema()).expect("JSON");
    let mut all = BTreeSet::new();
    secrets(&schema, &schema, "", &mut all);
    assert_eq!(tried, all, "a secret that is not tried here, or one that is none");
}
