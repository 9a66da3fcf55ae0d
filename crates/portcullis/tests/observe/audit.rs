//! The lines of the audit trail, read back by another hand than wrote them.

use std::fs;
use std::path::{Path, PathBuf};

use http::StatusCode;
use portcullis::observe::{Audit, Claimed, Noted, Observer};
use portcullis_core::denial::Denial;
use portcullis_core::error::NoAnswer;
use serde_json::{Value, json};

use super::request::{about, call, headers, judge, metrics, token, watched};

/// A folder of this test alone.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = format!("portcullis-audit-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn observer(path: PathBuf) -> Observer {
    let metrics = metrics();
    let audit = Audit::open(path, metrics.audit_errors.clone()).unwrap();
    Observer::new(metrics, Some(audit))
}

async fn flush(observer: &Observer) {
    observer.audit().unwrap().flush().await.unwrap();
}

#[tokio::test]
async fn an_allowed_call_is_a_line_with_everything_an_auditor_asks_for() {
    let folder = Folder::new("allowed");
    let observer = observer(folder.file("audit.log"));
    let server = watched(&observer);
    let text = token(&json!({}));
    let permit = judge(&text, &call(1, "read_file")).unwrap();
    observer.note(&Noted::allowed(about(&server), &permit, StatusCode::OK));
    flush(&observer).await;
    let [line] = &lines(&folder.file("audit.log"))[..] else { panic!() };
    let hash = permit.caller().token().hash().to_string();
    let expected = json!({
        "time": "2026-11-20T00:00:00.042Z", "request": "r-1", "outcome": "allowed", "status": 200,
        "server": "files", "method": "tools/call", "target": "read_file", "rule": "portcullis.toml:12",
        "issuer": testkit::ISSUER, "subject": "alice", "client": "inspector",
        "token": hash.trim_end_matches('…'), "address": "203.0.113.7", "latency_us": 1234,
    });
    assert_eq!(*line, expected);
    // A rule without a place in a file has a number, as people count.
    let text = token(&json!({ "scope": "files:delete", "sub": null }));
    let permit = judge(&text, &call(1, "delete_file")).unwrap();
    observer.note(&Noted::allowed(about(&server), &permit, StatusCode::OK));
    flush(&observer).await;
    let line = &lines(&folder.file("audit.log"))[1];
    assert_eq!(line["rule"], "2");
    assert_eq!(line.get("subject"), None);
    assert_eq!(line["client"], "inspector");
}

#[tokio::test]
async fn a_refused_call_says_why_and_what_it_needs() {
    let folder = Folder::new("denied");
    let observer = observer(folder.file("audit.log"));
    let server = watched(&observer);
    let denial = judge(&token(&json!({})), &call(1, "delete_file")).unwrap_err();
    observer.note(&Noted::denied(about(&server), &denial));
    flush(&observer).await;
    let [line] = &lines(&folder.file("audit.log"))[..] else { panic!() };
    assert_eq!(line["outcome"], "denied");
    assert_eq!(line["class"], "insufficient_scope");
    assert_eq!(line["needs"], "files:delete");
    assert_eq!(line["status"], 403);
    assert_eq!(line["method"], "tools/call");
    assert_eq!(line["target"], "delete_file");
    assert_eq!(line["subject"], "alice");
    assert_eq!(line.get("rule"), None);
}

#[tokio::test]
async fn what_may_have_been_done_without_an_answer_is_told_from_what_was_refused() {
    let folder = Folder::new("failed");
    let observer = observer(folder.file("audit.log"));
    let server = watched(&observer);
    let permit = judge(&token(&json!({})), &call(1, "read_file")).unwrap();
    let denial = Denial::after_permit(NoAnswer::Timeout, &permit);
    observer.note(&Noted::failed(about(&server), &permit, &denial));
    flush(&observer).await;
    let [line] = &lines(&folder.file("audit.log"))[..] else { panic!() };
    assert_eq!(line["outcome"], "failed");
    assert_eq!(line["class"], "upstream");
    assert_eq!(line["status"], 504);
    assert_eq!(line["target"], "read_file");
    assert_eq!(line["subject"], "alice");
}

#[tokio::test]
async fn every_target_of_an_operation_is_written_down() {
    let folder = Folder::new("batch");
    let observer = observer(folder.file("audit.log"));
    let server = watched(&observer);
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let batch = json!([call(1, "read_a"), list, call(3, "delete_b"), call(4, "read_c")]);
    let text = token(&json!({ "scope": "files:delete" }));
    let permit = judge(&text, &batch).unwrap();
    observer.note(&Noted::allowed(about(&server), &permit, StatusCode::OK));
    flush(&observer).await;
    let [line] = &lines(&folder.file("audit.log"))[..] else { panic!() };
    assert_eq!(line["method"], "tools/call");
    assert_eq!(line["target"], "read_a");
    let more = json!([
        { "method": "tools/list" },
        { "method": "tools/call", "target": "delete_b" },
        { "method": "tools/call", "target": "read_c" },
    ]);
    assert_eq!(line["more"], more);
    assert_eq!(line["rule"], "portcullis.toml:12");
    assert_eq!(line["more_rules"], json!(["2"]));
}

#[tokio::test]
async fn no_token_is_written_down() {
    let folder = Folder::new("secrets");
    let observer = observer(folder.file("audit.log"));
    let server = watched(&observer);
    for text in [
        token(&json!({})),
        token(&json!({ "aud": "account" })),
        token(&json!({ "iss": "https://evil.example.com" })),
        token(&json!({ "exp": 1 })),
        token(&json!({})) + "x",
        "an-opaque-token-of-some-length".to_owned(),
    ] {
        let headers = headers(&text);
        let claimed = Claimed::of(&headers).unwrap();
        match judge(&text, &call(1, "read_file")) {
            Ok(permit) => {
                observer.note(&Noted::allowed(about(&server), &permit, StatusCode::OK));
            }
            Err(denial) => {
                observer.note(&Noted::denied(about(&server), &denial).claiming(&claimed));
            }
        }
        flush(&observer).await;
        let written = fs::read_to_string(folder.file("audit.log")).unwrap();
        for part in text.split('.').filter(|part| part.len() > 4) {
            assert!(!written.contains(part), "{part} in {written}");
        }
    }
    let lines = lines(&folder.file("audit.log"));
    // All six are there, and each can be told from the others.
    assert_eq!(lines.len(), 6);
    for (place, line) in lines.iter().enumerate() {
        assert_eq!(line["token"].as_str().unwrap().len(), 8);
        assert!(lines[..place].iter().all(|other| other["token"] != line["token"]));
    }
}

#[tokio::test]
async fn nothing_that_a_client_sends_makes_a_line_of_its_own() {
    let folder = Folder::new("lines");
    let observer = observer(folder.file("audit.log"));
    let server = watched(&observer);
    let text = token(&json!({ "scope": "files:delete" }));
    let target = "read_\u{2028}\u{202e}\"},{\"outcome\":\"allowed";
    let permit = judge(&text, &call(1, target)).unwrap();
    let mut about = about(&server);
    about.request = "r\n{\"outcome\":\"allowed\"}";
    observer.note(&Noted::allowed(about, &permit, StatusCode::OK));
    flush(&observer).await;
    let written = fs::read_to_string(folder.file("audit.log")).unwrap();
    assert_eq!(written.matches('\n').count(), 1);
    assert!(!written.contains(['\u{2028}', '\u{202e}']));
    let [line] = &lines(&folder.file("audit.log"))[..] else { panic!() };
    assert_eq!(line["target"], target);
    assert_eq!(line["request"], about.request);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_made_is_for_nobody_else_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("mode");
    let mode = |name| fs::metadata(folder.file(name)).unwrap().permissions().mode() & 0o777;
    let _made = observer(folder.file("new.log"));
    assert_eq!(mode("new.log"), 0o600);
    // Whoever made one for a group of readers has decided so.
    fs::write(folder.file("old.log"), "{}\n").unwrap();
    fs::set_permissions(folder.file("old.log"), fs::Permissions::from_mode(0o640)).unwrap();
    let _found = observer(folder.file("old.log"));
    assert_eq!(mode("old.log"), 0o640);
    assert_eq!(fs::read_to_string(folder.file("old.log")).unwrap(), "{}\n");
}

#[tokio::test]
async fn a_renamed_file_is_left_at_a_line_and_a_new_one_begun() {
    let folder = Folder::new("rotation");
    let observer = observer(folder.file("audit.log"));
    let server = watched(&observer);
    let permit = judge(&token(&json!({})), &call(1, "read_file")).unwrap();
    let note = |request| {
        let about = portcullis::observe::About { request, ..about(&server) };
        observer.note(&Noted::allowed(about, &permit, StatusCode::OK));
    };
    note("before");
    fs::rename(folder.file("audit.log"), folder.file("audit.log.1")).unwrap();
    note("between");
    observer.audit().unwrap().reopen().await.unwrap();
    note("after");
    flush(&observer).await;
    let requests = |name| -> Vec<Value> {
        lines(&folder.file(name)).iter().map(|line| line["request"].clone()).collect()
    };
    assert_eq!(requests("audit.log.1"), ["before", "between"]);
    assert_eq!(requests("audit.log"), ["after"]);
}
