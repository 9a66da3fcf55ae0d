//! Requests as the gateway gets to note them: permits and denials of the core, for real tokens.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use portcullis::config::server::Written;
use portcullis::observe::{About, Metrics, Moment, Observer, Trusts, Watched};
use portcullis_core::bearer::{AccessToken, present};
use portcullis_core::decide::{Permit, decide};
use portcullis_core::denial::Denial;
use portcullis_core::error::Failure;
use portcullis_core::id::ResourceId;
use portcullis_core::keys::KeySet;
use portcullis_core::operation::{Limits, Operation};
use portcullis_core::policy::{Policy, Rule};
use portcullis_core::proof::{Caller, Evidence, confirm};
use portcullis_core::scope::ScopeSet;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Unverified};
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims_with};
use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;

/// A token with these claims changed.
pub(crate) fn token(changes: &Value) -> String {
    Signer::new(TestKey::P256).sign(&claims_with(changes))
}

/// The headers of a request with that token.
pub(crate) fn headers(token: &str) -> HeaderMap {
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([
        (AUTHORIZATION, bearer),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ])
}

pub(crate) fn call(id: u32, tool: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool } })
}

/// The body's fate under two rules: `read_*` for all, everything else of the server for `files:delete`.
pub(crate) fn judge(token: &str, body: &Value) -> Result<Permit, Denial> {
    let headers = headers(token);
    let caller = caller(&headers).map_err(|failure| Denial::before_reading(failure, &headers))?;
    let body = Bytes::from(body.to_string());
    let operation = Operation::read(&Method::POST, &headers, body, Limits::default())?;
    let rule = |entry| Rule::allow([entry]).unwrap();
    let all = rule("tools/call *").scopes(ScopeSet::parse("files:delete").unwrap());
    let policy = Policy::rules(resource(), [rule("tools/call read_*"), all]).build().unwrap();
    decide(&policy, caller, operation, UnixTime::from_secs(NOW))
}

fn resource() -> ResourceId {
    ResourceId::parse(AUDIENCE).unwrap()
}

fn caller(headers: &HeaderMap) -> Result<Caller, Failure> {
    let keys = KeySet::parse(ISSUER.parse().unwrap(), &testkit::jwks(&[TestKey::P256])).unwrap();
    let expectation = Arc::new(Expectation::new(ISSUER.parse().unwrap(), resource()));
    let token = AccessToken::try_from(present(headers, None))?;
    let unverified = Unverified::of(&token)?;
    let expectation = unverified.expected_by([&expectation]).ok_or(Failure::UnknownIssuer)?;
    let verified = unverified.verify(&keys, expectation, UnixTime::from_secs(NOW))?;
    Ok(confirm(Arc::new(verified), &token, Evidence::None)?)
}

/// To be called before anything is logged or a log is begun: no test misses a line for what others do.
///
/// The product has one log. Here each test that reads one has its own, on its own thread, beside tests that log
/// and read nothing. With every place that logs, tracing keeps whether anybody listens (tracing-core,
/// `callsite.rs`). As long as it knows of no two subscribers it finds that out from the thread that comes by
/// first (`Rebuilder::JustOne`): where that one has none, "nobody" is kept, for all threads, and what the only log
/// was to hear is lost. From two subscribers on it asks all there are, under a lock that also whoever adds one
/// takes. So there are always two that listen to nothing.
pub(crate) fn logs_stay_apart() {
    static LISTEN_TO_NOTHING: LazyLock<[Dispatch; 2]> =
        LazyLock::new(|| [(); 2].map(|()| Dispatch::new(NoSubscriber::new())));
    LazyLock::force(&LISTEN_TO_NOTHING);
}

/// Whatever is told of requests is told by an observer, and every observer is made with these.
pub(crate) fn metrics() -> Metrics {
    logs_stay_apart();
    Metrics::new(Moment::since_epoch(Duration::from_secs(NOW)), || 4096)
}

/// The server that requests are for, with a place for the first of the two rules alone.
pub(crate) fn watched(observer: &Observer) -> Watched {
    let first = Written { file: "portcullis.toml".into(), line: 12 };
    let trusts = Trusts { issuers: vec![("acme".to_owned(), ISSUER.to_owned())], opaque: false };
    observer.watch_as("files", &[first], trusts)
}

pub(crate) fn about(server: &Watched) -> About<'_> {
    About {
        span: None,
        at: Moment::since_epoch(Duration::from_millis(NOW * 1000 + 42)),
        request: "r-1",
        client: "203.0.113.7".parse().unwrap(),
        server,
        latency: Duration::from_micros(1234),
    }
}
