//! The lines of the log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use http::StatusCode;
use portcullis::config::gateway::{Log, LogFormat, LogLevel};
use portcullis::observe::{Claimed, Noted, Observer, log};
use portcullis_core::denial::Denial;
use portcullis_core::error::{Failure, NoAnswer};
use serde_json::{Value, json};

use super::request::{about, call, headers, judge, logs_stay_apart, metrics, token, watched};

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(format: LogFormat, level: LogLevel, is_terminal: bool, doing: impl FnOnce()) -> String {
    logs_stay_apart();
    let lines = Lines::default();
    let writer = lines.clone();
    let dispatch = log::to(Log { format, level }, is_terminal, move || writer.clone());
    tracing::dispatcher::with_default(&dispatch, doing);
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}

/// A request that is allowed, one that is refused, and one that fails.
fn requests() {
    let observer = Observer::new(metrics(), None);
    let server = watched(&observer);
    let permit = judge(&token(&json!({})), &call(1, "read_file")).unwrap();
    observer.note(&Noted::allowed(about(&server), &permit, StatusCode::OK));
    let text = token(&json!({ "aud": "account" }));
    let denial = judge(&text, &call(1, "read_file")).unwrap_err();
    let claimed = Claimed::of(&headers(&text)).unwrap();
    observer.note(&Noted::denied(about(&server), &denial).claiming(&claimed));
    let denial = Denial::after_permit(NoAnswer::Timeout, &permit);
    observer.note(&Noted::failed(about(&server), &permit, &denial));
}

#[test]
fn every_level_tells_those_above_it_as_well() {
    for (level, count) in [
        (LogLevel::Error, 0),
        (LogLevel::Warn, 1),
        (LogLevel::Info, 2),
        (LogLevel::Debug, 3),
        (LogLevel::Trace, 3),
    ] {
        let text = logged(LogFormat::Json, level, false, requests);
        assert_eq!(text.lines().count(), count, "{level:?}: {text}");
    }
}

/// Whoever comes first by a place that logs, and has no log, silences it for nobody.
#[test]
fn a_thread_without_a_log_costs_no_line() {
    let tell = || tracing::info!(target: "portcullis", "news");
    let text = logged(LogFormat::Json, LogLevel::Info, false, || {
        std::thread::scope(|scope| scope.spawn(tell).join()).unwrap();
        tell();
    });
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_line_of_json_has_what_a_search_asks_for() {
    let text = logged(LogFormat::Auto, LogLevel::Info, false, requests);
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["request"], "r-1");
    assert_eq!(line["server"], "files");
    assert_eq!(line["address"], "203.0.113.7");
    assert_eq!(line["status"], 401);
    assert_eq!(line["class"], "audience");
    assert_eq!(line["message"], "aud is [\"account\"], wanted https://mcp.example.com/mcp");
    assert_eq!(line["token"].as_str().unwrap().chars().count(), 9);
    let line: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["method"], "tools/call");
    assert_eq!(line["aimed_at"], "read_file");
}

#[test]
fn people_get_lines_for_people() {
    for (format, is_terminal, for_people) in [
        (LogFormat::Auto, true, true),
        (LogFormat::Auto, false, false),
        (LogFormat::Human, false, true),
        (LogFormat::Json, true, false),
    ] {
        let text = logged(format, LogLevel::Info, is_terminal, requests);
        assert_eq!(!text.starts_with('{'), for_people, "{text}");
        assert!(text.contains("wanted https://mcp.example.com/mcp"));
    }
}

#[test]
fn no_token_is_logged_at_any_level() {
    let good = token(&json!({}));
    let bad = token(&json!({ "iss": "https://eve.example.com" }));
    let text = logged(LogFormat::Json, LogLevel::Trace, false, || {
        let observer = Observer::new(metrics(), None);
        let server = watched(&observer);
        let permit = judge(&good, &call(1, "read_file")).unwrap();
        observer.note(&Noted::allowed(about(&server), &permit, StatusCode::OK));
        let denial = judge(&bad, &call(1, "read_file")).unwrap_err();
        let claimed = Claimed::of(&headers(&bad)).unwrap();
        observer.note(&Noted::denied(about(&server), &denial).claiming(&claimed));
    });
    assert_eq!(text.lines().count(), 2);
    for part in good.split('.').chain(bad.split('.')) {
        assert!(!text.contains(part), "{part} in {text}");
    }
}

#[test]
fn libraries_underneath_are_not_told_to_say_more() {
    let doing = || {
        tracing::debug!(target: "hyper::proto", "authorization: Bearer secret");
        tracing::warn!(target: "hyper::proto", "news of a library");
        tracing::debug!(target: "portcullis_resource::keys", "news of ours");
    };
    let text = logged(LogFormat::Json, LogLevel::Trace, false, doing);
    assert!(!text.contains("secret"));
    assert!(text.contains("news of a library") && text.contains("news of ours"));
    let text = logged(LogFormat::Json, LogLevel::Error, false, doing);
    assert_eq!(text, "");
}

#[test]
fn a_stranger_writes_no_line_of_the_log() {
    let text = logged(LogFormat::Human, LogLevel::Info, true, || {
        let observer = Observer::new(metrics(), None);
        let server = watched(&observer);
        let text = token(&json!({ "iss": "https://eve.example.com/\n\u{1b}[31mINFO all is well" }));
        let claimed = Claimed::of(&headers(&text)).unwrap();
        let denial = Denial::before_reading(Failure::UnknownIssuer, &headers(&text));
        let noted = Noted::denied(about(&server), &denial).claiming(&claimed);
        observer.note(&noted);
    });
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("eve.example.com"));
    assert!(!text.contains('\u{1b}'));
}
