//! The page of metrics, read by a reader that takes nothing but the format.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::collections::BTreeMap;

use http::StatusCode;
use portcullis::observe::{Noted, Observer, Trusts};
use portcullis_core::denial::Denial;
use portcullis_core::error::{Failure, FailureClass, NoAnswer};
use portcullis_core::operation::Reason;
use portcullis_core::scope::ScopeSet;
use portcullis_core::{bearer, proof, token as core_token};
use serde_json::json;

use super::request::{about, call, headers, judge, metrics, token, watched};

/// Samples by name and labels, as they stand on the page.
type Page = BTreeMap<String, f64>;

/// Reads version 0.0.4: families in one piece each, of a known kind, every sample below its family and once.
fn read(text: &str) -> Page {
    assert!(text.ends_with('\n'));
    let mut page = Page::new();
    let mut families: Vec<(String, String)> = Vec::new();
    let mut helped = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty());
            helped = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(helped.take().as_deref(), Some(name));
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(families.iter().all(|(other, _)| other != name), "{name} twice");
            families.push((name.to_owned(), kind.to_owned()));
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let (family, kind) = families.last().unwrap();
            let suffix = name.strip_prefix(family.as_str()).unwrap();
            match kind.as_str() {
                "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
                kind => {
                    assert_eq!(suffix, "");
                    assert_eq!(kind == "counter", name.ends_with("_total"));
                }
            }
            check_labels(labels.strip_suffix('}').unwrap());
            assert!(page.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{line}");
        }
    }
    page
}

fn check_labels(labels: &str) {
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=').unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        let value = value.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        assert!(!value.contains(['"', '\\', '\n']));
    }
}

fn requests(page: &Page, outcome: &str, class: &str) -> f64 {
    let series = format!(
        "portcullis_requests_total{{server=\"files\",outcome=\"{outcome}\",class=\"{class}\"}}"
    );
    page[&series]
}

#[test]
fn requests_are_counted_by_what_became_of_them() {
    let observer = Observer::new(metrics(), None);
    let server = watched(&observer);
    let page = read(&observer.metrics().render());
    assert_eq!(requests(&page, "allowed", ""), 0.0);
    let permit = judge(&token(&json!({})), &call(1, "read_file")).unwrap();
    for _ in 0..3 {
        observer.note(&Noted::allowed(about(&server), &permit, StatusCode::OK));
    }
    let denial = judge(&token(&json!({})), &call(1, "delete_file")).unwrap_err();
    observer.note(&Noted::denied(about(&server), &denial));
    let denial = Denial::after_permit(NoAnswer::Timeout, &permit);
    observer.note(&Noted::failed(about(&server), &permit, &denial));
    let page = read(&observer.metrics().render());
    assert_eq!(requests(&page, "allowed", ""), 3.0);
    assert_eq!(requests(&page, "denied", "insufficient_scope"), 1.0);
    assert_eq!(requests(&page, "failed", "upstream"), 1.0);
    let requests = page.iter().filter(|(series, _)| series.starts_with("portcullis_requests"));
    assert_eq!(requests.map(|(_, count)| count).sum::<f64>(), 5.0);
}

/// One failure of every label.
fn failures() -> Vec<Failure> {
    use core_token::Refusal as R;
    use portcullis_core::jws::{self, Algorithm};
    let text = String::new;
    let now = portcullis_core::time::UnixTime::from_secs(0);
    let wait = std::time::Duration::from_secs(1);
    let token = [
        R::Jws(jws::Refusal::Parts),
        R::Algorithm(Algorithm::ES256),
        R::Key(portcullis_core::keys::NoMatch::UnknownKid),
        R::Jws(jws::Refusal::Signature),
        R::Issuer { found: text(), wanted: text() },
        R::Audience { found: text(), wanted: text() },
        R::Expired(now),
        R::NoEvidence,
        R::Requirement(text()),
        R::Inactive,
        R::Confirmation,
    ];
    let others = [
        Failure::Credentials(bearer::Malformed::InQuery),
        Failure::Message(Reason::HttpMethod),
        Failure::Unauthenticated,
        Failure::UnknownIssuer,
        Failure::Proof(proof::Refusal::NoDpopProof),
        Failure::InsufficientScope(ScopeSet::default()),
        Failure::Forbidden,
        Failure::IssuerUnavailable { detail: text(), retry_after: wait },
        Failure::Origin(text()),
        Failure::Host(text()),
        Failure::UnknownSession,
        Failure::UnknownTask,
        Failure::TooManyRequests { retry_after: wait },
        Failure::Busy("room"),
        Failure::SlowBody,
        Failure::BrokenBody,
        Failure::Upstream(NoAnswer::Timeout),
    ];
    token.into_iter().map(Failure::Token).chain(others).collect()
}

#[test]
fn every_failure_is_counted_under_its_own_label() {
    let observer = Observer::new(metrics(), None);
    let server = watched(&observer);
    for failure in failures() {
        let outcome = if matches!(failure, Failure::Upstream(_)) { "failed" } else { "denied" };
        let label = failure.label();
        let before = requests(&read(&observer.metrics().render()), outcome, label);
        let denial = Denial::before_reading(failure, &headers("x"));
        observer.note(&Noted::denied(about(&server), &denial));
        let after = requests(&read(&observer.metrics().render()), outcome, label);
        assert_eq!(after - before, 1.0, "{label}");
    }
    let known: Vec<FailureClass> = failures().iter().map(Failure::class).collect();
    for class in FailureClass::ALL {
        assert!(known.contains(&class), "no failure above is of {class:?}");
    }
}

#[test]
fn latencies_are_counted_up_to_each_bound() {
    let observer = Observer::new(metrics(), None);
    let server = watched(&observer);
    let permit = judge(&token(&json!({})), &call(1, "read_file")).unwrap();
    for micros in [1, 500, 501, 1_000_000, 31_000_000] {
        let latency = std::time::Duration::from_micros(micros);
        let about = portcullis::observe::About { latency, ..about(&server) };
        observer.note(&Noted::allowed(about, &permit, StatusCode::OK));
    }
    let page = read(&observer.metrics().render());
    let of = |rest: &str| page[&format!("portcullis_request_duration_seconds_{rest}")];
    for (bound, count) in
        [("0.0005", 2.0), ("0.001", 3.0), ("0.5", 3.0), ("1", 4.0), ("30", 4.0), ("+Inf", 5.0)]
    {
        assert_eq!(of(&format!("bucket{{server=\"files\",le=\"{bound}\"}}")), count, "{bound}");
    }
    assert_eq!(of("count{server=\"files\"}"), 5.0);
    assert!((of("sum{server=\"files\"}") - 32.001_002).abs() < 1e-6);
}

#[test]
fn nothing_that_a_client_sends_makes_a_series() {
    let observer = Observer::new(metrics(), None);
    let server = watched(&observer);
    let series = || read(&observer.metrics().render()).into_keys().collect::<Vec<_>>();
    let before = series();
    let permit = judge(&token(&json!({ "sub": "eve" })), &call(1, "read_\"} 1 x{a=\"")).unwrap();
    let mut about = about(&server);
    about.request = "r\"} 1";
    observer.note(&Noted::allowed(about, &permit, StatusCode::IM_A_TEAPOT));
    let denial = judge(&token(&json!({ "iss": "https://eve.example.com" })), &call(1, "x"));
    observer.note(&Noted::denied(about, &denial.unwrap_err()));
    assert_eq!(series(), before);
    // A server of the configuration does.
    observer.watch_as("git", &[], Trusts::default());
    assert!(series().len() > before.len());
}

#[test]
fn a_reload_goes_on_counting() {
    let observer = Observer::new(metrics(), None);
    let permit = judge(&token(&json!({})), &call(1, "read_file")).unwrap();
    for _ in 0..2 {
        let server = watched(&observer);
        observer.note(&Noted::allowed(about(&server), &permit, StatusCode::OK));
    }
    assert_eq!(requests(&read(&observer.metrics().render()), "allowed", ""), 2.0);
}

#[test]
fn what_there_is_now_is_counted_until_it_is_dropped() {
    let observer = Observer::new(metrics(), None);
    let server = watched(&observer);
    let now = || {
        let page = read(&observer.metrics().render());
        (page["portcullis_connections_open"], page["portcullis_streams_open{server=\"files\"}"])
    };
    let connections =
        [observer.metrics().connections.hold(), observer.metrics().connections.hold()];
    let stream = server.metrics().streams.hold();
    assert_eq!(now(), (2.0, 1.0));
    drop((connections, stream));
    assert_eq!(now(), (0.0, 0.0));
    observer.metrics().connections_refused.count();
    let page = read(&observer.metrics().render());
    assert_eq!(page["portcullis_connections_refused_total"], 1.0);
    assert_eq!(page["portcullis_body_bytes_held"], 4096.0);
    assert_eq!(page["process_start_time_seconds"], 1_795_132_800.0);
    assert_eq!(page["portcullis_audit_write_errors_total"], 0.0);
}
