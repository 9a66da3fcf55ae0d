//! The binary as a person or a script runs it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::process::{Command, Output, Stdio};

use portcullis::demo::{Colour, Report};
use portcullis_core::time::UnixTime;
use serde_json::{Value, json};

fn portcullis(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(words).stdin(Stdio::null());
    command
}

/// Runs to the end; whatever is printed must hold no token.
fn run(words: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = portcullis(words).output().unwrap();
    let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    // Every token starts with the base64url of `{"`.
    assert!(!out.contains("eyJ") && !err.contains("eyJ"), "{out}{err}");
    (status.code(), out, err)
}

fn printed(words: &[&str]) -> String {
    let (code, out, err) = run(words);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{words:?}");
    out
}

fn judged() -> Vec<Value> {
    printed(&["demo", "--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What is asked, with what, the status or the rule, and the reason.
type Expected = (&'static str, &'static str, Result<Option<u64>, u16>, &'static str);

const TABLE: [Expected; 21] = [
    ("tools/list", "reader", Ok(None), ""),
    ("tools/call read_file", "reader", Ok(Some(1)), ""),
    ("tools/call read_file of 2026-07-28", "reader", Ok(Some(1)), ""),
    ("tools/call find path=/public/notes", "reader", Ok(Some(3)), ""),
    ("resources/read file:///public/a.txt", "reader", Ok(Some(1)), ""),
    ("tools/call write_file", "writer", Ok(Some(2)), ""),
    ("tools/call read_file", "none", Err(401), "unauthenticated"),
    ("tools/call read_file", "two headers", Err(400), "credentials"),
    ("tools/call read_file", "in the query", Err(400), "credentials"),
    ("tools/call read_file", "other issuer", Err(401), "issuer"),
    ("tools/call read_file", "bad audience", Err(401), "audience"),
    ("tools/call read_file", "expired", Err(401), "lifetime"),
    ("tools/call read_file", "alg none", Err(401), "algorithm"),
    ("tools/call read_file", "forged", Err(401), "signature"),
    ("tools/call with two names", "writer", Err(400), "message"),
    ("tools/call with `Name` by `name`", "writer", Err(400), "message"),
    ("header read_file, body write_file", "writer", Err(400), "message"),
    ("tools/call write_file", "reader", Err(403), "insufficient_scope"),
    ("batch of read_file, delete_file", "reader", Err(403), "insufficient_scope"),
    ("tools/call find path=/private/notes", "reader", Err(403), "insufficient_scope"),
    ("resources/read file:///public/%2e%2e", "writer", Err(403), "forbidden"),
];

#[test]
fn every_request_gets_the_verdict_of_the_table() {
    let judged = judged();
    assert_eq!(judged.len(), TABLE.len());
    for (object, (request, credential, outcome, reason)) in judged.iter().zip(TABLE) {
        assert_eq!(
            (&object["request"], &object["credential"]),
            (&json!(request), &json!(credential))
        );
        let (verdict, rule, status) = match outcome {
            Ok(rule) => ("allowed", json!(rule), Value::Null),
            Err(status) => ("denied", Value::Null, json!(status)),
        };
        let reason = if reason.is_empty() { Value::Null } else { json!(reason) };
        let found = ["verdict", "rule", "status", "reason"].map(|name| &object[name]);
        assert_eq!(found, [&json!(verdict), &rule, &status, &reason], "{request}, {credential}");
    }
}

#[test]
fn the_machine_form_has_the_same_names_everywhere() {
    for object in judged() {
        let names: Vec<&String> = object.as_object().unwrap().keys().collect();
        let wanted = [
            "credential",
            "error",
            "log",
            "reason",
            "request",
            "rule",
            "scope",
            "status",
            "told",
            "verdict",
        ];
        assert_eq!(names, wanted, "{object}");
        let denied = object["verdict"] == "denied";
        assert_eq!(
            object["told"].as_str().is_some_and(|told| !told.is_empty()),
            denied,
            "{object}"
        );
        assert_eq!(object["log"].is_string(), denied, "{object}");
    }
}

#[test]
fn a_client_is_told_what_would_turn_the_answer() {
    let judged = judged();
    let of = |reason: &str| judged.iter().find(|object| object["reason"] == reason).unwrap();
    let step_up = of("insufficient_scope");
    assert_eq!(
        (&step_up["error"], &step_up["scope"]),
        (&json!("insufficient_scope"), &json!("files:read files:write"))
    );
    let anonymous = of("unauthenticated");
    assert_eq!((&anonymous["error"], &anonymous["scope"]), (&Value::Null, &json!("files:read")));
    let forbidden = of("forbidden");
    assert_eq!((&forbidden["error"], &forbidden["scope"]), (&json!("access_denied"), &Value::Null));
    let mismatch = judged.iter().find(|object| object["error"] == -32020).unwrap();
    assert_eq!(mismatch["told"], "header Mcp-Name does not match the body");
    // The log says more than the client is told.
    let audience = of("audience");
    assert!(audience["log"].as_str().unwrap().contains("https://other.example.com/mcp"));
    assert!(!audience["told"].as_str().unwrap().contains("other.example.com"));
}

#[test]
fn the_table_fits_a_screen_and_is_plain_where_nobody_looks() {
    let text = printed(&["demo"]);
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 100 && line == line.trim_end()),
        "{text}"
    );
    assert!(text.lines().count() <= 48, "{}", text.lines().count());
    for (request, credential, outcome, _) in TABLE {
        let shown = match outcome {
            Ok(Some(rule)) => format!("allowed by rule {rule}"),
            Ok(None) => "allowed by base scope".to_owned(),
            Err(status) => format!("{status} "),
        };
        let cells = |line: &str| {
            let mut cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
            cells.next() == Some(request)
                && cells.next() == Some(credential)
                && cells.next().is_some_and(|cell| cell.starts_with(&shown))
        };
        assert!(text.lines().any(cells), "{request}, {credential}, {shown}\n{text}");
    }
    assert!(text.contains("HTTP/1.1 403 Forbidden\n"));
    assert!(text.contains("www-authenticate: Bearer error=\"insufficient_scope\""));
    assert!(text.ends_with("portcullis serve, see README.md.\n"));
}

#[test]
fn colours_change_nothing_else() {
    let report = Report::of_the_table(UnixTime::from_secs(1_795_132_800)).unwrap();
    let (mut coloured, plain) = (report.to_text(Colour::Ansi), report.to_text(Colour::None));
    assert!(
        coloured.contains("\u{1b}[31m403\u{1b}[0m")
            && coloured.contains("\u{1b}[32mallowed\u{1b}[0m")
    );
    for sequence in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[31m", "\u{1b}[32m"] {
        coloured = coloured.replace(sequence, "");
    }
    assert_eq!(coloured, plain);
    assert_eq!(plain, printed(&["demo"]), "the table is the same at any moment and by any key");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = portcullis(&["demo"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = portcullis(&["demo"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("the output cannot be written"));
}
