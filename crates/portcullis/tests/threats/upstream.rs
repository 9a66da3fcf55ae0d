//! Servers behind the gateway that misbehave.

use std::time::Duration;

use http_body_util::BodyExt as _;
use portcullis::gateway::Gateway;
use serde_json::json;
use testkit::server::{Server, respond};
use testkit::{TestKey, jwks};
use tokio::time::timeout;

use crate::common::rig::{self, Client, Noon, Rig, call, post};
use crate::common::skip;
use crate::common::wire::{SOON, Wire};
use crate::raw_server::{Act, RawServer};
use crate::{JSON, bearer};

const GOOD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// A gateway before an upstream that acts so, and a token.
async fn rig(act: impl Fn(usize) -> Act + Send + Sync + 'static) -> (Rig, RawServer, String) {
    let raw = RawServer::start(act).await;
    let issuer = Server::start(|_| respond(200, &[], jwks(&[TestKey::P256]))).await;
    let upstream = Server::start(|_| respond(500, &[], "")).await;
    let settings = "upstream_timeouts = { answer = \"500ms\" }\n";
    let limits = "[limits]\nwrite_timeout = \"1s\"\n";
    let text = Rig::text(&issuer, &upstream, limits, settings)
        .replace(&upstream.url("/up"), &format!("http://{}/up", raw.address));
    let serving = Gateway::start(&rig::config(&text), std::sync::Arc::new(Noon)).await.unwrap();
    let rig = Rig { issuer, upstream, requests: rig::Requests::default(), serving };
    let token = rig.token(&json!({}));
    (rig, raw, token)
}

/// What is no answer is 502, what does not come is 504, and neither hurts the next request. None was sent twice.
// req: RS-5
#[tokio::test]
async fn what_is_no_answer_is_not_passed() {
    let head = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n").into_bytes();
    let line = |name: &str, value: &str| format!("{name}: {value}\r\nContent-Length: 0\r\n");
    let many = "X-Many: a\r\n".repeat(10_000);
    let cases: Vec<(&str, Act, u16)> = vec![
        ("an answer", Act::Write(GOOD.to_vec()), 200),
        ("an answer, and the end", Act::Last(GOOD.to_vec()), 200),
        ("a header of 1 MB", Act::Last(head(&line("X-Bomb", &"a".repeat(1 << 20)))), 502),
        ("10,000 headers", Act::Last(head(&many)), 502),
        (
            "headers without end",
            Act::Forever(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-A: b\r\n".repeat(1_000)),
            502,
        ),
        (
            "a status line without end",
            Act::Forever(b"HTTP/1.1 200 ".to_vec(), vec![b'a'; 1 << 16]),
            502,
        ),
        ("no HTTP", Act::Last(b"SSH-2.0-OpenSSH\r\n".to_vec()), 502),
        ("nothing", Act::Last(Vec::new()), 502),
        ("half a head", Act::Last(b"HTTP/1.1 200 OK\r\nContent-".to_vec()), 502),
        ("nothing ever", Act::Stall(Vec::new()), 504),
        ("half a head, then nothing", Act::Stall(b"HTTP/1.1 200 OK\r\n".to_vec()), 504),
        (
            "hints without end",
            Act::Forever(Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec()),
            504,
        ),
        ("two lengths", Act::Last(head("Content-Length: 2\r\nContent-Length: 3\r\n")), 502),
        (
            "other protocols",
            Act::Last(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
                    .to_vec(),
            ),
            502,
        ),
    ];
    for (case, act, status) in cases {
        let (rig, raw, token) =
            rig(move |before| if before == 1 { act.clone() } else { Act::Write(GOOD.to_vec()) })
                .await;
        let mut client = rig.client().await;
        for (number, expected) in [200, status, 200].into_iter().enumerate() {
            let request = client.whole(post(&token, call("read_a")));
            let answer = timeout(SOON, request).await.expect(case);
            assert_eq!(answer.status(), expected, "{case}, request {number}");
            assert_eq!(
                raw.read(),
                number + 1,
                "{case}, request {number}: sent again, or not at all"
            );
        }
    }
}

/// A call that may have arrived is not sent again, also on a connection that was used before.
#[tokio::test]
async fn a_call_is_never_sent_twice() {
    // Every other connection ends behind the request, with nothing or with something.
    for last in [&b""[..], b"HTTP", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"] {
        let (rig, raw, token) = rig(move |before| match before % 2 {
            0 => Act::Write(GOOD.to_vec()),
            _ => Act::Last(last.to_vec()),
        })
        .await;
        for number in 0..60 {
            let lines = format!("{JSON}{}Connection: close\r\n", bearer(&token));
            let mut wire = Wire::connect(rig.serving.address()).await;
            wire.send(&crate::post(&lines, call("read_a"))).await;
            let head = wire.head().await.unwrap();
            let expected = if number % 2 == 0 || last.len() > 10 { 200 } else { 502 };
            assert_eq!(head.status, expected, "{number}");
            assert_eq!(raw.read(), number + 1, "{number}");
        }
    }
}

/// An upstream that closes idle connections at the worst moment costs no request, and doubles none.
#[tokio::test]
async fn an_upstream_that_closes_what_it_kept_open_costs_nothing() {
    let (rig, raw, token) = rig(|_| Act::Last(GOOD.to_vec())).await;
    let mut client = rig.client().await;
    for number in 0..200 {
        let answer = client.whole(post(&token, call("read_a"))).await;
        assert_eq!((answer.status().as_u16(), raw.read()), (200, number + 1));
    }
}

/// A connection is used again for half a minute. Servers close theirs after a minute or so, and no request is to meet
/// that.
#[tokio::test]
async fn a_connection_that_nobody_used_for_long_is_not_used_again() {
    let (rig, raw, token) = rig(|_| Act::Write(GOOD.to_vec())).await;
    for (seconds, connections) in [(0, 1), (20, 1), (20, 1), (31, 2), (20, 2), (600, 3)] {
        skip(Duration::from_secs(seconds)).await;
        let mut client = rig.client().await;
        let answer = client.whole(post(&token, call("read_a"))).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(raw.connections(), connections, "after {seconds} seconds");
    }
}

/// A list that is filtered has to be there as a whole, and does not keep its client waiting for ever. An answer
/// that is passed on as it comes may take its time.
#[tokio::test]
async fn a_list_that_never_ends_is_given_up() {
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let whole = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let framed = format!("{head}Content-Length: {}\r\n\r\n{whole}", whole.len());
    let half = framed.get(..framed.len() - 3).unwrap();
    for (answer, ends) in [(&*framed, true), (half, false)] {
        for (body, status) in [(call("read_a"), 200), (list.clone(), if ends { 200 } else { 504 })]
        {
            let bytes = answer.as_bytes().to_vec();
            let act = if ends { Act::Write(bytes) } else { Act::Stall(bytes) };
            let (rig, _raw, token) = rig(move |_| act.clone()).await;
            let mut client = rig.client().await;
            let response = timeout(SOON, client.send(post(&token, body.clone()))).await.unwrap();
            assert_eq!(response.status(), status, "{body}");
        }
    }
}

/// What is behind an answer is nobody's answer.
#[tokio::test]
async fn an_answer_too_many_reaches_nobody() {
    let stray = [GOOD, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"].concat();
    let (rig, raw, token) = rig(move |_| Act::Write(stray.clone())).await;
    let mut client = rig.client().await;
    for number in 0..100 {
        let answer = client.whole(post(&token, call("read_a"))).await;
        assert_eq!((answer.status().as_u16(), &**answer.body()), (200, &b"{}"[..]), "{number}");
    }
    assert_eq!(raw.read(), 100);
}

/// What breaks off upstream breaks off for the client, and does not look like an end.
#[tokio::test]
async fn an_answer_that_breaks_off_is_not_whole() {
    for (framing, whole) in [
        ("Content-Length: 4\r\n\r\n{}", false),
        ("Content-Length: 2\r\n\r\n{}", true),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", false),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", true),
        ("\r\n{}", true),
    ] {
        let bytes = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{framing}");
        let (rig, _raw, token) = rig(move |_| Act::Last(bytes.clone().into_bytes())).await;
        let response = rig.client().await.send(post(&token, call("read_a"))).await;
        let body = timeout(SOON, response.into_body().collect()).await.unwrap();
        assert_eq!(body.is_ok(), whole, "{framing}");
    }
}

/// 100 MB pass, and are nowhere at once: who takes nothing gets little more than what lies in sockets, and is
/// cut off.
#[tokio::test]
async fn a_long_answer_passes_and_is_not_kept() {
    const LENGTH: u64 = 100 << 20;
    let endless = || {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {LENGTH}\r\n\r\n"
        );
        Act::Forever(head.into_bytes(), vec![b' '; 1 << 16])
    };
    let (rig, raw, token) = rig(move |_| endless()).await;
    let response = rig.client().await.send(post(&token, call("read_a"))).await;
    let (mut body, mut length) = (response.into_body(), 0);
    while let Some(frame) = timeout(SOON, body.frame()).await.unwrap() {
        length += frame.unwrap().into_data().unwrap().len() as u64;
    }
    assert_eq!(length, LENGTH);
    let mut progress = raw.progress();
    // It wrote more than it said, and was not listened to.
    let before = *timeout(SOON, progress.wait_for(|now| now.cut == 1)).await.unwrap().unwrap();
    let mut wire = Wire::connect(rig.serving.address()).await;
    wire.send(&crate::post(&format!("{JSON}{}", bearer(&token)), call("read_a"))).await;
    // Nobody reads.
    let cut = timeout(SOON, progress.wait_for(|now| now.cut == 2)).await;
    let taken = cut.expect("it waits for ever").unwrap().written - before.written;
    assert!(taken < 20 << 20, "{taken} bytes are somewhere");
    let rest = wire.until_closed().await;
    assert!((rest.len() as u64) < taken + (1 << 20), "{}", rest.len());
    let mut client = Client::connect(rig.serving.address()).await;
    assert_eq!(client.send(post(&token, call("read_a"))).await.status(), 200);
}
