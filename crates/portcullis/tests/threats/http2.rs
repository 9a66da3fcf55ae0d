//! The same in frames, and floods of them.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use testkit::server::{respond, stream};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::common::rig::{Rig, call};
use crate::common::wire::{SOON, Wire};

const LIMITS: &str = "[limits]\nstreams_per_connection = 8\nheader_timeout = \"500ms\"\nidle_timeout = \"1s\"\nwrite_timeout = \"1s\"";

async fn connect(rig: &Rig) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(rig.serving.address()).await.unwrap();
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(token: &str, lines: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .version(Version::HTTP_2)
        .method(Method::POST)
        .uri("http://localhost:8080/files/mcp")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Option<(StatusCode, Bytes)> {
    let answer = async {
        sender.ready().await.ok()?;
        let (head, body) = sender.send_request(request).await.ok()?.into_parts();
        Some((head.status, body.collect().await.ok()?.to_bytes()))
    };
    timeout(SOON, answer).await.expect("it hangs")
}

/// What is refused over HTTP/1 is refused in frames, and what passes is the same.
// req: RS-10, RS-11
#[tokio::test]
async fn frames_are_judged_as_lines_are() {
    let rig = Rig::start().await;
    let token = rig.token(&json!({}));
    let other = format!("Bearer {token}");
    let mut sender = connect(&rig).await;
    let body = call("read_a");
    let (long, longer) = ("a".repeat(20_000), "a".repeat(100_000));
    let many: Vec<(&str, &str)> = (0..2_000).map(|_| ("x-a", "b")).collect();
    type Case<'c> = (&'static str, Request<Full<Bytes>>, u16);
    let cases: Vec<Case<'_>> = vec![
        ("as it should be", request(&token, &[], &body), 200),
        ("no token of ours", request("x", &[], &body), 401),
        ("two tokens", request(&token, &[("authorization", &other)], &body), 400),
        ("not allowed", request(&token, &[], &call("delete_a")), 403),
        (
            "two methods of MCP",
            request(&token, &[("mcp-method", "tools/call"), ("mcp-method", "ping")], &body),
            400,
        ),
        ("a method that is none", request(&token, &[("mcp-method", "ping")], &body), 400),
        ("packed", request(&token, &[("content-encoding", "gzip")], &body), 415),
        ("a page of others", request(&token, &[("origin", "https://evil.example")], &body), 403),
        ("two hosts", request(&token, &[("host", "a.example"), ("host", "b.example")], &body), 400),
        ("a host beside the target", request(&token, &[("host", "localhost:8080")], &body), 200),
        ("a long header", request(&token, &[("x-a", &long)], &body), 200),
        ("a header too long", request(&token, &[("x-a", &longer)], &body), 431),
        ("too many headers", request(&token, &many, &body), 431),
        ("a broken message", request(&token, &[], "{"), 400),
        ("and again as it should be", request(&token, &[], &body), 200),
    ];
    for (case, request, status) in cases {
        let sent = rig.sent();
        let answer = ask(&mut sender, request).await;
        // A header that is too long may be the end of the connection.
        if answer.is_none() && status == 431 {
            sender = connect(&rig).await;
            continue;
        }
        assert_eq!(answer.unwrap().0, status, "{case}");
        assert_eq!(rig.sent() - sent, usize::from(status == 200), "{case}");
    }
    let mut elsewhere = request(&token, &[], &body);
    *elsewhere.uri_mut() = "http://evil.example/files/mcp".parse().unwrap();
    assert_eq!(ask(&mut sender, elsewhere).await.unwrap().0, 403);
}

/// More requests at a time than there may be wait for each other, and all are answered.
#[tokio::test]
async fn many_requests_on_one_connection_are_all_answered() {
    let rig = Rig::with(LIMITS, "", |_| respond(200, &[], "{}")).await;
    let token = rig.token(&json!({}));
    let mut sender = connect(&rig).await;
    // From its first answer on the client knows how many there may be.
    ask(&mut sender, request(&token, &[], &call("read_a"))).await.unwrap();
    let asking: Vec<_> = (0..200)
        .map(|_| {
            let (mut sender, request) = (sender.clone(), request(&token, &[], &call("read_a")));
            tokio::spawn(async move {
                ask(&mut sender, request).await.map(|(status, _)| status.as_u16())
            })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), Some(200));
    }
    assert_eq!(rig.sent(), 201);
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header that is in no table (RFC 7541 section 6.2.2).
fn literal(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).unwrap();
    assert!(name.len() < 127 && value.len() < 127);
    [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
}

fn head(path: &str) -> Vec<u8> {
    let pseudo = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost:8080"),
        (":path", path),
    ];
    pseudo.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

async fn begin(rig: &Rig) -> Wire {
    let mut wire = Wire::connect(rig.serving.address()).await;
    wire.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
    wire
}

async fn still_serves(rig: &Rig) {
    let token = rig.token(&json!({}));
    let answer = ask(&mut connect(rig).await, request(&token, &[], &call("read_a"))).await;
    assert_eq!(answer.unwrap().0, 200);
}

/// Floods of frames that cost the sender little end the connection, and nobody else's.
#[tokio::test]
async fn floods_of_frames_end_the_connection() {
    let rig = Rig::with(LIMITS, "", |_| respond(200, &[], "{}")).await;
    let opened = frame(HEADERS, END_STREAM, 1, &head("/"));
    type Flood<'f> = (&'static str, Vec<u8>, Box<dyn Fn(u32) -> Vec<u8> + 'f>);
    let floods: Vec<Flood<'_>> = vec![
        (
            "a head that goes on",
            opened.clone(),
            Box::new(|_| frame(CONTINUATION, 0, 1, &literal("x-a", &"b".repeat(100)).repeat(100))),
        ),
        (
            "a head that goes on with nothing",
            opened,
            Box::new(|_| frame(CONTINUATION, 0, 1, &[]).repeat(1_000)),
        ),
        (
            "requests that are taken back",
            Vec::new(),
            Box::new(|number| {
                let requests = (0..100).flat_map(|at| {
                    let stream = (number * 100 + at) * 2 + 1;
                    let open =
                        frame(HEADERS, END_STREAM | END_HEADERS, stream, &head("/files/mcp"));
                    [open, frame(RESET, 0, stream, &8_u32.to_be_bytes())].concat()
                });
                requests.collect()
            }),
        ),
    ];
    for (case, first, more) in floods {
        let mut wire = begin(&rig).await;
        wire.send(&first).await;
        let flood = async {
            for number in 0.. {
                if !wire.send(&more(number)).await {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, flood).await.unwrap_or_else(|_| panic!("{case}: it is borne for ever"));
        still_serves(&rig).await;
    }
    assert_eq!(rig.sent(), 3);
}

/// Frames that ask for nothing keep no connection open.
#[tokio::test]
async fn pings_and_half_a_head_keep_nothing_open() {
    let rig = Rig::with(LIMITS, "", |_| respond(200, &[], "{}")).await;
    let ping = frame(PING, 0, 0, &[0; 8]);
    let half = frame(HEADERS, END_STREAM, 1, &head("/files/mcp"));
    let asked = frame(HEADERS, END_STREAM | END_HEADERS, 1, &head("/nowhere"));
    let drip = frame(CONTINUATION, 0, 1, &literal("x-a", "b"));
    // Settings by which an answer has so much room in all.
    let with_room =
        |room: u8| [frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, room]), asked.clone()].concat();
    let (no_room, hardly_any) = (with_room(0), with_room(1));
    for (case, first, again) in [
        ("an answer that has no room, and pings", &no_room[..], &ping[..]),
        ("an answer that has hardly any, and pings", &hardly_any, &ping),
        ("nothing", &[][..], &[][..]),
        ("pings", &[], &ping),
        ("a request, then nothing", &asked, &[]),
        ("a request, then pings", &asked, &ping),
        ("half a head", &half, &[]),
        ("a head that drips", &half, &drip),
    ] {
        let mut wire = begin(&rig).await;
        wire.send(first).await;
        let held = async {
            let mut every = tokio::time::interval(Duration::from_millis(50));
            while wire.send(again).await && wire.is_open().await {
                every.tick().await;
            }
        };
        timeout(Duration::from_secs(10), held)
            .await
            .unwrap_or_else(|_| panic!("{case}: it stays open"));
    }
    still_serves(&rig).await;
}

/// A client that gives an answer no room holds it no longer than one that does not read. One that reads has
/// all of it.
#[tokio::test]
async fn an_answer_without_room_is_given_up() {
    for takes_it in [true, false] {
        let (mut sender, answer) = stream(200, &[("content-type", "text/event-stream")]);
        let mut answer = Some(answer);
        let rig = Rig::with(LIMITS, "", move |_| answer.take().unwrap()).await;
        let token = rig.token(&json!({}));
        let mut client = connect(&rig).await;
        client.ready().await.unwrap();
        let response = client.send_request(request(&token, &[], &call("read_a"))).await.unwrap();
        let chunk = Bytes::from(vec![b':'; 1 << 16]);
        let send = async move {
            for _ in 0..500 {
                if sender.send_data(chunk.clone()).await.is_err() {
                    return false;
                }
            }
            true
        };
        let outcome = async {
            if takes_it {
                let (sent, body) = tokio::join!(send, response.into_body().collect());
                sent && body.unwrap().to_bytes().len() == 500 << 16
            } else {
                // It is held and not read; the connection answers pings all the while.
                let sent = send.await;
                drop(response);
                sent
            }
        };
        assert_eq!(timeout(SOON, outcome).await.expect("it is held for ever"), takes_it);
    }
}
