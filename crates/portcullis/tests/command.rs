//! The commands as a person or a script runs them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use portcullis_resource::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

/// A folder of a test's own, with a configuration and what it needs.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    fn run(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        let command = command.args(words).current_dir(&self.0).stdin(Stdio::null());
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code(), text(stdout), text(stderr))
    }
}

const CONFIG: &str = r#"
public_url = "https://mcp.example.com"
listen = "127.0.0.1:0"
trusted_proxies = ["loopback"]

[issuers.idp]
issuer = "https://idp.example.com"
accept_typ = ["JWT"]
introspection = { when = "opaque", client_id = "gateway", client_secret = "hunter2" }

[servers.files]
path = "/files/mcp"
upstream = "http://127.0.0.1:3000/mcp"
issuers = ["idp"]
access = "rules"
base_scopes = ["files:read"]

[[servers.files.rules]]
allow = ["tools/call read_*"]

[[servers.files.rules]]
allow = ["tools/call write_*"]
scopes = ["files:write"]

[[servers.files.rules]]
allow = ["tools/call find"]
args = { path = ["/public/**"] }
"#;

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("portcullis.toml", CONFIG);
    folder
}

#[test]
fn a_page_of_usage_is_no_error() {
    let folder = Folder::new("usage");
    let (code, page, err) = folder.run(&["--help"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for command in ["serve", "check", "config", "policy", "demo"] {
        assert!(page.contains(command), "{command}: {page}");
    }
    assert!(page.lines().all(|line| line.len() <= 100), "{page}");
    let version = format!("portcullis {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(folder.run(&["--version"]).1, version);
}

#[test]
fn a_command_line_that_means_nothing_exits_2_and_says_the_way_out() {
    let folder = folder("misuse");
    for (words, way_out) in [
        (&[][..], "Usage: portcullis <COMMAND>"),
        (&["serv"], "serve"),
        (&["demo", "--jsn"], "--json"),
        (&["config", "show"], "--redacted"),
        (&["policy", "explain", "files", "tools/call", "x"], "--claims"),
        (&["policy", "explain", "other", "ping", "--claims", "none"], "there is: files"),
    ] {
        let (code, out, err) = folder.run(words);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{words:?}");
        assert!(err.contains(way_out), "{words:?}: {err}");
    }
}

#[test]
fn a_configuration_is_checked_and_shown_without_its_secrets() {
    let folder = folder("check");
    let (code, out, err) = folder.run(&["check"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("https://mcp.example.com/files/mcp"), "{out}");
    let (code, shown, _) = folder.run(&["config", "show", "--redacted"]);
    assert_eq!(code, Some(0));
    assert!(shown.contains("client_id = \"gateway\"") && !shown.contains("hunter2"), "{shown}");
    let (_, schema, _) = folder.run(&["config", "schema"]);
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert!(schema["properties"]["servers"].is_object());

    folder.write("portcullis.toml", &CONFIG.replace("access = \"rules\"\n", ""));
    for command in [&["check"][..], &["serve"], &["config", "show", "--redacted"]] {
        let (code, out, err) = folder.run(command);
        assert_eq!((code, out.as_str()), (Some(78), ""), "{command:?}");
        assert!(err.contains("\"access\" is missing") && err.contains("portcullis.toml:"), "{err}");
        assert!(!err.contains("hunter2"), "{err}");
    }
}

/// What the first page shows can be used as it is.
#[test]
fn the_configuration_of_the_readme_is_accepted() {
    let readme = include_str!("../../../README.md");
    let blocks = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<&str> = blocks.collect();
    assert_eq!(blocks.len(), 1);
    let folder = Folder::new("readme");
    folder.write("portcullis.toml", blocks[0]);
    let (code, _, err) = folder.run(&["check"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
}

/// Each decision beside the one that turns when one thing is put right.
#[test]
fn a_decision_is_explained_by_what_would_turn_it() {
    let folder = folder("explain");
    folder.write("reader.json", r#"{ "scope": "files:read" }"#);
    folder.write("writer.json", r#"{ "scope": "files:read files:write" }"#);
    folder.write("other.json", r#"{ "aud": ["account"], "scope": "files:read" }"#);
    let explain = |claims: &str, operation: &[&str]| -> Value {
        let mut words = vec!["policy", "explain", "files"];
        words.extend(operation);
        words.extend(["--claims", claims, "--json"]);
        let (code, out, err) = folder.run(&words);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{words:?}");
        serde_json::from_str(&out).unwrap()
    };
    let write = ["tools/call", "write_file"];
    let said = explain("reader.json", &write);
    assert_eq!((&said["decision"], &said["status"]), (&json!("denied"), &json!(403)));
    assert_eq!(said["scopes"], json!(["files:read", "files:write"]));
    let said = explain("writer.json", &write);
    assert_eq!(said["decision"], "allowed");
    assert_eq!(said["rules"], json!(["portcullis.toml:21"]));

    let said = explain("other.json", &write);
    assert_eq!((&said["status"], &said["class"]), (&json!(401), &json!("audience")));
    let why = said["why"].as_str().unwrap();
    assert!(why.contains("account") && why.contains("https://mcp.example.com/files/mcp"), "{why}");

    for (arguments, decision) in
        [(r#"{"path":"/public/a"}"#, "allowed"), (r#"{"path":"/private/a"}"#, "denied")]
    {
        let said = explain("reader.json", &["tools/call", "find", "--arguments", arguments]);
        assert_eq!(said["decision"], decision, "{arguments}");
    }
    let words = ["policy", "explain", "files", "tools/list", "--claims", "reader.json"];
    let (_, text, _) = folder.run(&words);
    assert!(text.starts_with("allowed  no rule is needed"), "{text}");
    assert!(text.contains("assumed  iss, aud, exp, sub"), "{text}");
}

/// A token is judged by what it says and when: its signature is left out, its type is not.
#[test]
fn a_token_is_explained_as_it_is() {
    let folder = folder("token");
    let now = SystemClock.now().as_secs();
    let claims = |exp: u64| {
        json!({
            "iss": "https://idp.example.com", "aud": "https://mcp.example.com/files/mcp",
            "sub": "ada", "scope": "files:read", "exp": exp, "iat": now - 60,
        })
    };
    for (name, token, status) in [
        ("good", testkit::Signer::new(testkit::TestKey::P256).sign(&claims(now + 600)), 200),
        ("ended", testkit::Signer::new(testkit::TestKey::P256).sign(&claims(now - 600)), 401),
        ("opaque", "2YotnFZFEjr1zCsicMWpAA".to_owned(), 0),
    ] {
        folder.write("token", &token);
        let (code, out, err) = folder.run(&[
            "policy",
            "explain",
            "files",
            "tools/call",
            "read_file",
            "--token",
            "token",
            "--json",
        ]);
        if status == 0 {
            assert_eq!(code, Some(2), "{name}");
            assert!(err.contains("not a JWT"), "{err}");
            continue;
        }
        let said: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(said["status"], status, "{name}: {out}");
        assert!(!out.contains(&token), "{name}");
    }
}
