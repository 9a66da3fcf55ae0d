//! Servers and issuers behind TLS.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use testkit::authority::{Authority, Certified};
use testkit::server::{Answer, Server, respond, stream};
use testkit::{TestKey, jwks};
use tokio::time::timeout;

use crate::client::BOTH;
use crate::common::folder::Folder;
use crate::common::rig::{Client, Rig, call, issuer, post};
use crate::common::wire::SOON;

const EVENTS: [(&str, &str); 1] = [("content-type", "text/event-stream")];
const HERE: [&str; 1] = ["127.0.0.1"];

/// A gateway before a server behind TLS, with its audit trail.
struct Before {
    rig: Rig,
    folder: Folder,
}

impl Before {
    /// `tls` is the table `upstream_tls`.
    async fn start(folder: Folder, upstream: Server, tls: &str) -> Before {
        let issuer = issuer().await;
        let top = format!("audit = \"{}\"\n", folder.file("audit"));
        let text = Rig::text(&issuer, &upstream, &top, &format!("upstream_tls = {{ {tls} }}\n"));
        Before { rig: Rig::of(issuer, upstream, &text).await, folder }
    }

    fn request(&self) -> Request<Bytes> {
        post(&self.rig.token(&json!({})), call("read_file"))
    }

    async fn client(&self) -> Client {
        self.rig.client().await
    }

    /// How often the upstream was asked.
    fn asked(&self) -> usize {
        self.rig.upstream.asked()
    }

    async fn status(&self) -> u16 {
        self.client().await.whole(self.request()).await.status().as_u16()
    }

    /// Class and reason of what was written down last.
    async fn audited(self) -> (String, String) {
        self.rig.serving.drain().await;
        let trail = std::fs::read_to_string(self.folder.file("audit")).unwrap();
        let last: Value = serde_json::from_str(trail.lines().last().unwrap()).unwrap();
        let text = |name: &str| last[name].as_str().unwrap_or_default().to_owned();
        (text("class"), text("reason"))
    }
}

fn ok(_: &Request<Bytes>) -> Answer {
    respond(200, &[("content-type", "application/json")], "{}")
}

/// The file of an authority, as a setting.
fn ca(folder: &Folder, authority: &Authority) -> String {
    format!("ca = \"{}\"", folder.write("ca.pem", &authority.pem()))
}

/// The certificate is the one of whom was meant, or nothing is sent.
#[tokio::test]
async fn an_upstream_is_known_by_its_authority_and_its_name() {
    let (own, other) = (Authority::new("of servers"), Authority::new("of servers"));
    for (case, shown, trusted, reason) in [
        ("as it should be", own.server(&HERE), Some(&own), None),
        ("of another authority", own.server(&HERE), Some(&other), Some("certificate")),
        ("another name", own.server(&["files.example"]), Some(&own), Some("not valid for name")),
        ("of a client", own.client("127.0.0.1"), Some(&own), Some("certificate")),
        ("unknown to the machine", own.server(&HERE), None, Some("certificate")),
    ] {
        let folder = Folder::new("tls-known");
        let upstream = Server::tls(&shown, &BOTH, None, ok).await;
        let ca = trusted.map_or(String::new(), |trusted| ca(&folder, trusted));
        let before = Before::start(folder, upstream, &ca).await;
        let (status, asked) = (before.status().await, before.asked());
        let (class, why) = before.audited().await;
        match reason {
            None => assert_eq!((status, asked, &*class), (200, 1, ""), "{case}: {why}"),
            Some(reason) => {
                assert_eq!((status, asked), (502, 0), "{case}: {why}");
                assert_eq!(class, "upstream", "{case}: {why}");
                assert!(why.contains("cannot be reached") && why.contains(reason), "{case}: {why}");
            }
        }
    }
}

/// A certificate that is its own authority is told apart from a stranger's.
#[tokio::test]
async fn a_server_that_shows_an_authority_is_told_what_is_wrong() {
    for (is_authority, status) in [(true, 502), (false, 200)] {
        let folder = Folder::new("tls-own");
        let own = Certified::by_itself("files", &HERE, is_authority);
        let upstream = Server::tls(&own, &BOTH, None, ok).await;
        let ca = format!("ca = \"{}\"", folder.write("ca.pem", &own.pem()));
        let before = Before::start(folder, upstream, &ca).await;
        assert_eq!(before.status().await, status, "authority: {is_authority}");
        let (_, why) = before.audited().await;
        assert_eq!(why.contains("CA:FALSE"), is_authority, "{why}");
    }
}

#[tokio::test]
async fn our_own_certificate_is_shown_where_it_is_asked_for() {
    let authority = Authority::new("of everybody");
    let (own, other) = (authority.client("gateway"), Authority::new("else").client("gateway"));
    for (shown, status) in [(None, 502), (Some(&other), 502), (Some(&own), 200)] {
        let folder = Folder::new("tls-shown");
        let upstream = Server::tls(&authority.server(&HERE), &BOTH, Some(&authority), ok).await;
        let mut tls = ca(&folder, &authority);
        if let Some(shown) = shown {
            let cert = folder.write("cert.pem", &shown.pem());
            let key = folder.write("key.pem", &shown.key_pem());
            tls = format!("{tls}, cert = \"{cert}\", key = \"{key}\"");
        }
        let before = Before::start(folder, upstream, &tls).await;
        assert_eq!(before.status().await, status);
        assert_eq!(before.asked(), usize::from(status == 200));
    }
}

/// Answers that go on, and answers that nobody reads, leave room for those of others. A server takes 200 streams
/// on a connection, by hyper's default.
// req: RS-16
#[tokio::test]
async fn streams_of_some_leave_room_for_others() {
    let authority = Authority::new("of servers");
    for (what, many, length) in [("that goes on", 250, 0), ("that nobody reads", 8, 32 << 20)] {
        let folder = Folder::new("tls-room");
        let held = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&held);
        let (certified, long) = (authority.server(&HERE), Bytes::from(vec![b':'; length]));
        let upstream = Server::tls(&certified, &["h2"], None, move |request| {
            let mut kept = kept.lock().unwrap();
            if kept.len() == many {
                return ok(request);
            }
            let (sender, answer) = stream(200, &EVENTS);
            kept.push(Some(sender));
            if length > 0 { respond(200, &EVENTS, long.clone()) } else { answer }
        })
        .await;
        let ca = ca(&folder, &authority);
        let before = Before::start(folder, upstream, &ca).await;
        let mut open = Vec::new();
        for number in 0..many {
            let mut client = before.client().await;
            let response = timeout(SOON, client.send(before.request())).await;
            let response = response.unwrap_or_else(|_| panic!("an answer {what}: {number}"));
            assert_eq!(response.status(), 200);
            open.push((client, response));
        }
        // Well before the patience ends that anybody has with a client who does not read.
        let answered = timeout(Duration::from_secs(5), before.status());
        assert_eq!(answered.await.expect(what), 200);
        drop((open, held));
    }
}

/// HTTP/2 where the server knows it, and HTTP/1.1 else.
#[tokio::test]
async fn the_newest_version_that_both_know_is_spoken() {
    let authority = Authority::new("of servers");
    for (known, version) in [
        (&BOTH[..], Version::HTTP_2),
        (&["h2"], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let folder = Folder::new("tls-version");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let upstream = Server::tls(&authority.server(&HERE), known, None, move |request| {
            let host = request.uri().host().map(str::to_owned);
            noted.lock().unwrap().push((request.version(), host, request.body().clone()));
            ok(request)
        })
        .await;
        let ca = ca(&folder, &authority);
        let before = Before::start(folder, upstream, &ca).await;
        for _ in 0..2 {
            assert_eq!(before.status().await, 200, "{known:?}");
        }
        for (spoken, host, body) in seen.lock().unwrap().iter() {
            assert_eq!((*spoken, body), (version, &Bytes::from(call("read_file"))), "{known:?}");
            let is_whole = host.as_deref() == Some("127.0.0.1");
            assert_eq!(is_whole, version == Version::HTTP_2, "{host:?}");
        }
    }
}

/// Each event is there before the next one is sent, also over HTTP/2.
// req: RS-16
#[tokio::test]
async fn events_pass_one_by_one_over_http_2() {
    let authority = Authority::new("of servers");
    let (mut sender, answer) = stream(200, &EVENTS);
    let mut answer = Some(answer);
    let upstream = Server::tls(&authority.server(&HERE), &["h2"], None, move |request| {
        answer.take().unwrap_or_else(|| ok(request))
    })
    .await;
    let folder = Folder::new("tls-events");
    let ca = ca(&folder, &authority);
    let before = Before::start(folder, upstream, &ca).await;
    let mut client = before.client().await;
    let response = client.send(before.request()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    for number in 0..3 {
        let event = Bytes::from(format!("data: {{\"number\":{number}}}\n\n"));
        sender.send_data(event.clone()).await.unwrap();
        let frame = timeout(SOON, body.frame()).await.unwrap().unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), event);
        // Others are answered meanwhile, on the same connection.
        assert_eq!(before.status().await, 200);
    }
    drop(sender);
    assert!(timeout(SOON, body.frame()).await.unwrap().is_none());
}

/// Whoever goes away takes their stream along, and nobody else's.
// req: RS-16
#[tokio::test]
async fn a_client_that_goes_away_ends_its_own_stream_over_http_2() {
    let authority = Authority::new("of servers");
    let (mut first, answer) = stream(200, &EVENTS);
    let (mut second, other) = stream(200, &EVENTS);
    let mut answers = vec![other, answer];
    let upstream =
        Server::tls(&authority.server(&HERE), &["h2"], None, move |_| answers.pop().unwrap()).await;
    let folder = Folder::new("tls-away");
    let ca = ca(&folder, &authority);
    let before = Before::start(folder, upstream, &ca).await;
    let (mut leaving, mut staying) = (before.client().await, before.client().await);
    let response = leaving.send(before.request()).await;
    let mut stays = staying.send(before.request()).await.into_body();
    drop((response, leaving));
    let gone = async { while first.send_data(Bytes::from_static(b":\n\n")).await.is_ok() {} };
    timeout(SOON, gone).await.unwrap();
    let event = Bytes::from_static(b"data: {}\n\n");
    second.send_data(event.clone()).await.unwrap();
    let frame = timeout(SOON, stays.frame()).await.unwrap().unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), event);
}

/// An issuer's own authority is trusted beside those of the machine.
// req: RS-15
#[tokio::test]
async fn an_issuer_is_known_by_its_authority() {
    let (own, other) = (Authority::new("of issuers"), Authority::new("of issuers"));
    for (trusted, status) in [(&own, 200), (&other, 503)] {
        let folder = Folder::new("tls-issuer");
        let keys = |_: &Request<Bytes>| respond(200, &[], jwks(&[TestKey::P256]));
        let issuer = Server::tls(&own.server(&HERE), &BOTH, None, keys).await;
        let upstream = Server::start(ok).await;
        let text = Rig::text(&issuer, &upstream, "", "");
        let text =
            text.replace("[issuers.idp]", &format!("[issuers.idp]\n{}", ca(&folder, trusted)));
        let before = Before { rig: Rig::of(issuer, upstream, &text).await, folder };
        assert_eq!(before.status().await, status);
    }
}
