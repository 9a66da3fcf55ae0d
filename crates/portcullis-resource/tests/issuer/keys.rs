//! An issuer's keys over a real socket: found, kept, fetched anew, and missed.

use std::sync::Arc;
use std::time::Duration;

use portcullis_core::id::Issuer;
use portcullis_core::jws::Algorithm;
use portcullis_core::keys::KeySet;
use portcullis_resource::Unavailable;
use portcullis_resource::fetch::{Fetcher, Limits};
use portcullis_resource::keys::{RemoteKeys, Source, Timing};
use portcullis_resource::metadata::Metadata;
use serde_json::json;
use testkit::server::{Answer, Server, respond};
use testkit::{TestKey, jwks};

/// Nothing by time, but what a test makes short.
fn never() -> Timing {
    let hour = Duration::from_secs(3600);
    let wait = Duration::from_secs(20);
    Timing { cooldown: hour, refresh: hour, stale: hour, retry: (hour, hour), wait }
}

fn issuer(server: &Server) -> Issuer {
    server.url("").parse().unwrap()
}

fn fetcher() -> Fetcher {
    Fetcher::new("127.0.0.1", Limits::default()).unwrap()
}

fn discovered(issuer: Issuer) -> Arc<Metadata> {
    Arc::new(Metadata::new(issuer, fetcher()))
}

fn start(server: &Server, timing: Timing) -> RemoteKeys {
    let metadata = Metadata::new(issuer(server), fetcher());
    RemoteKeys::start(Arc::new(metadata), Source::At(server.url("/keys")), timing)
}

fn keys(keys: &[TestKey]) -> Answer {
    respond(200, &[], jwks(keys))
}

async fn find(keys: &RemoteKeys, key: TestKey) -> Result<Arc<KeySet>, Unavailable> {
    portcullis_resource::keys::Keys::find(keys, Some(&key.kid()), Algorithm::ES256)
        .await
        .map(|found| found.keys)
}

fn has(set: &KeySet, key: TestKey) -> bool {
    set.find(Some(&key.kid()), Algorithm::ES256).is_ok()
}

#[tokio::test]
async fn keys_are_found_where_metadata_says() {
    for (found_at, path) in [
        ("/.well-known/oauth-authorization-server", ""),
        ("/.well-known/openid-configuration", ""),
        ("/.well-known/oauth-authorization-server/realms/a", "/realms/a"),
        ("/.well-known/openid-configuration/realms/a", "/realms/a"),
        ("/realms/a/.well-known/openid-configuration", "/realms/a"),
    ] {
        let server = Server::start(|_| respond(404, &[], "")).await;
        let (base, issuer) = (server.url(""), server.url(path));
        server.answer(move |request| {
            let metadata = json!({ "issuer": issuer, "jwks_uri": format!("{base}/keys") });
            match request.uri().path() {
                "/keys" => keys(&[TestKey::P256]),
                path if path == found_at => respond(200, &[], metadata.to_string()),
                _ => respond(404, &[], "not here"),
            }
        });
        let issuer = server.url(path).parse().unwrap();
        let remote = RemoteKeys::start(discovered(issuer), Source::Discovered, never());
        assert!(has(&find(&remote, TestKey::P256).await.unwrap(), TestKey::P256), "{found_at}");
    }
}

/// Metadata that speaks for somebody else is not used, and nothing after it.
#[tokio::test]
async fn metadata_of_another_issuer_is_refused() {
    let document = |issuer: String, base: &str| {
        json!({ "issuer": issuer, "jwks_uri": format!("{base}/keys") }).to_string()
    };
    for (tail, is_good) in [("", true), ("/", false), ("/other", false)] {
        let server = Server::start(|_| respond(404, &[], "")).await;
        let base = server.url("");
        server.answer(move |request| match request.uri().path() {
            "/keys" => keys(&[TestKey::P256]),
            _ => respond(200, &[], document(format!("{base}{tail}"), &base)),
        });
        let issuer = issuer(&server);
        let remote = RemoteKeys::start(discovered(issuer), Source::Discovered, never());
        assert_eq!(find(&remote, TestKey::P256).await.is_ok(), is_good, "{tail}");
        assert_eq!(server.asked(), if is_good { 2 } else { 1 });
    }
}

#[tokio::test]
async fn a_key_that_is_not_there_is_asked_for_once_in_a_cooldown() {
    let server = Server::start(|_| keys(&[TestKey::P256])).await;
    let remote = start(&server, Timing { cooldown: Duration::ZERO, ..never() });
    assert!(has(&find(&remote, TestKey::P256).await.unwrap(), TestKey::P256));
    assert_eq!(server.asked(), 1, "a key that is there asks for nothing");
    find(&remote, TestKey::P256).await.unwrap();
    assert_eq!(server.asked(), 1);
    server.answer(|_| keys(&[TestKey::P256, TestKey::P256Second]));
    assert!(has(&find(&remote, TestKey::P256Second).await.unwrap(), TestKey::P256Second));
    assert_eq!(server.asked(), 2);

    let server = Server::start(|_| keys(&[TestKey::P256])).await;
    let remote = start(&server, never());
    find(&remote, TestKey::P256).await.unwrap();
    let never_asks = async {
        for _ in 0..100 {
            assert!(!has(&find(&remote, TestKey::P256Second).await.unwrap(), TestKey::P256Second));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), never_asks).await.unwrap();
    assert_eq!(server.asked(), 1, "by time alone, whatever tokens say");
}

#[tokio::test]
async fn many_who_wait_cause_one_request() {
    let server = Server::start(|_| keys(&[TestKey::P256])).await;
    let remote = Arc::new(start(&server, Timing { cooldown: Duration::ZERO, ..never() }));
    let wait = || {
        let remote = Arc::clone(&remote);
        tokio::spawn(async move { find(&remote, TestKey::P256).await.is_ok() })
    };
    // The first of them goes away, and takes nothing with it.
    wait().abort();
    let waiting: Vec<_> = (0..50).map(|_| wait()).collect();
    for found in waiting {
        assert!(found.await.unwrap());
    }
    // Nor one afterwards, before this.
    fetcher().get(&server.url("/keys"), None).await.unwrap();
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_bad_answer_never_replaces_good_keys_and_an_empty_set_does() {
    let bad: &[fn() -> Answer] = &[
        || respond(500, &[], jwks(&[])),
        || respond(302, &[("location", "/elsewhere")], ""),
        || respond(200, &[], "<html>"),
        || respond(200, &[], "{\"keys\":{}}"),
        || respond(200, &[], vec![b' '; 1 << 20]),
        || respond(304, &[], ""),
    ];
    for (number, bad) in bad.iter().enumerate() {
        let server = Server::start(|_| keys(&[TestKey::P256])).await;
        let timing = Timing { cooldown: Duration::ZERO, ..never() };
        let remote = start(&server, timing);
        find(&remote, TestKey::P256).await.unwrap();
        server.answer(|_| bad());
        let kept = find(&remote, TestKey::P256Second).await.unwrap();
        assert!(has(&kept, TestKey::P256), "{number}");
        assert_eq!(server.asked(), 2, "no redirect is followed");
    }
    let server = Server::start(|_| keys(&[TestKey::P256])).await;
    let remote = start(&server, Timing { cooldown: Duration::ZERO, ..never() });
    find(&remote, TestKey::P256).await.unwrap();
    server.answer(|_| keys(&[]));
    find(&remote, TestKey::P256Second).await.unwrap();
    assert!(!has(&find(&remote, TestKey::P256).await.unwrap(), TestKey::P256));
}

#[tokio::test]
async fn an_issuer_that_is_away_is_named_and_found_again() {
    let server = Server::start(|_| respond(503, &[], "")).await;
    let soon = Duration::from_millis(1);
    let remote = start(&server, Timing { retry: (soon, soon), ..never() });
    let missing = find(&remote, TestKey::P256).await.unwrap_err();
    assert_eq!(missing.issuer, issuer(&server));
    assert!(missing.reason.contains("503"), "{missing}");
    assert!(missing.retry_after >= Duration::from_secs(1));
    server.answer(|_| keys(&[TestKey::P256]));
    remote.ready().await;
    assert!(has(&find(&remote, TestKey::P256).await.unwrap(), TestKey::P256));
}

#[tokio::test]
async fn keys_end_when_they_could_not_be_had_for_too_long() {
    let server = Server::start(|_| keys(&[TestKey::P256])).await;
    let moment = Duration::from_millis(1);
    let timing =
        Timing { refresh: moment, stale: Duration::ZERO, retry: (moment, moment), ..never() };
    let remote = start(&server, timing);
    server.until_asked(1).await;
    server.answer(|_| respond(500, &[], ""));
    let asked = server.asked();
    server.until_asked(asked + 3).await;
    let missing = find(&remote, TestKey::P256).await.unwrap_err();
    assert!(missing.reason.contains("500"), "{missing}");
}

#[tokio::test]
async fn an_unchanged_document_is_not_sent_again() {
    let server =
        Server::start(|_| respond(200, &[("etag", "\"1\"")], jwks(&[TestKey::P256]))).await;
    let remote = start(&server, Timing { cooldown: Duration::ZERO, ..never() });
    find(&remote, TestKey::P256).await.unwrap();
    let (seen, last) = std::sync::mpsc::channel();
    server.answer(move |request| {
        seen.send(request.headers().get("if-none-match").cloned()).unwrap();
        respond(304, &[], "")
    });
    let kept = find(&remote, TestKey::P256Second).await.unwrap();
    assert!(has(&kept, TestKey::P256) && !has(&kept, TestKey::P256Second));
    assert_eq!(last.recv().unwrap().unwrap(), "\"1\"");
}

/// What the issuer's documents name is asked only at public addresses, unless it is the issuer's own host.
#[tokio::test]
async fn documents_cannot_send_us_into_private_networks() {
    let server = Server::start(|_| keys(&[TestKey::P256])).await;
    let port = server.address.port();
    for (own, host, is_open) in [
        ("127.0.0.1", "127.0.0.1", true),
        ("localhost", "localhost", true),
        ("LOCALHOST", "localhost", true),
        ("idp.example.com", "127.0.0.1", false),
        ("idp.example.com", "localhost", false),
        ("idp.example.com", "127.1", false),
        ("idp.example.com", "0x7f.1", false),
        ("idp.example.com", "2130706433", false),
        ("idp.example.com", "[::1]", false),
        ("idp.example.com", "[::ffff:127.0.0.1]", false),
        ("127.0.0.1", "127.0.0.2", false),
        ("127.0.0.1", "localhost", false),
    ] {
        let fetcher = Fetcher::new(own, Limits::default()).unwrap();
        let answer = fetcher.get(&format!("http://{host}:{port}/keys"), None).await;
        assert_eq!(answer.is_ok(), is_open, "{own} {host}: {answer:?}");
        if !is_open && host != "[::1]" {
            let said = answer.unwrap_err().to_string();
            assert!(said.contains("not at a public address"), "{host}: {said}");
        }
    }
}

#[tokio::test]
async fn answers_are_bounded_in_length_and_time() {
    let server = Server::start(|_| respond(200, &[], vec![b'x'; 1000])).await;
    let limits = |length, answer| Limits { length, answer, ..Limits::default() };
    let long = Duration::from_secs(60);
    let get = async |limits| {
        let fetcher = Fetcher::new("127.0.0.1", limits).unwrap();
        fetcher.get(&server.url("/"), None).await.map(|answer| answer.body.len())
    };
    assert_eq!(get(limits(1000, long)).await.unwrap(), 1000);
    let said = get(limits(999, long)).await.unwrap_err().to_string();
    assert!(said.contains("longer than 999 bytes"), "{said}");
    server.answer(|_| None);
    let said = get(limits(1000, Duration::from_millis(20))).await.unwrap_err().to_string();
    assert!(said.contains("within 0.02 s"), "{said}");
}

#[tokio::test]
async fn what_is_no_url_is_not_asked() {
    let fetcher = fetcher();
    for url in ["", "/keys", "http://", "http:// a/", "mailto:a@b"] {
        let said = fetcher.get(url, None).await.unwrap_err().to_string();
        assert!(said.contains("not a URL"), "{url}: {said}");
    }
}
