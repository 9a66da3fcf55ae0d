//! Clients that are slow, silent or in no hurry to leave.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use testkit::server::{respond, stream};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::common::rig::{Rig, call};
use crate::common::wire::{SOON, Wire};
use crate::common::{free, skip, until_connections};
use crate::{JSON, bearer, post};

const MINUTE: Duration = Duration::from_secs(60);

/// A gateway that waits so long for a head, and for its end, which a test lets pass; and its admin listener.
async fn with_hours(head: &str, end: &str) -> (Rig, SocketAddr) {
    let admin = free();
    let top = format!(
        "[admin]\nlisten = \"{admin}\"\n[limits]\nheader_timeout = \"{head}\"\ndrain_timeout = \"{end}\""
    );
    (Rig::with(&top, "", |_| respond(200, &[], "{}")).await, admin)
}

/// Whatever was answered, nobody holds a connection on which nothing is asked.
#[tokio::test]
async fn an_idle_connection_is_closed_whatever_was_answered_on_it() {
    let limits = "[limits]\nidle_timeout = \"1s\"";
    let rig = Rig::with(limits, "", |_| respond(200, &[], "{}")).await;
    let good = format!("{JSON}{}", bearer(&rig.token(&json!({}))));
    let cases = [
        ("answered", post(&good, call("read_file")), 200),
        ("no token", post(JSON, call("read_file")), 401),
        ("a bad token", post(&format!("{JSON}{}", bearer("x")), call("read_file")), 401),
        ("two tokens", post(&format!("{good}{}", bearer("x")), call("read_file")), 400),
        ("not allowed", post(&good, call("delete_file")), 403),
        ("no message", post(&good, "{"), 400),
        ("no such place", b"GET /nowhere HTTP/1.1\r\nHost: localhost:8080\r\n\r\n".to_vec(), 404),
        ("another page", post(&format!("{good}Origin: https://evil.example\r\n"), "{}"), 403),
    ];
    let mut wires = Vec::new();
    for (case, request, status) in cases {
        let mut wire = Wire::connect(rig.serving.address()).await;
        let reply = wire.ask(&request).await.unwrap();
        assert_eq!(reply.status, status, "{case}");
        wires.push((case, wire));
    }
    for (case, mut wire) in wires {
        assert_eq!(wire.rest().await.as_deref(), Some(&b""[..]), "{case}: it stays open");
    }
    let mut wire = Wire::connect(rig.serving.address()).await;
    for _ in 0..3 {
        assert_eq!(wire.ask(&post(&good, call("read_file"))).await.unwrap().status, 200);
    }
}

/// Who does not say what he wants in time is not waited for. Who does is.
#[tokio::test]
async fn heads_and_bodies_come_in_time_or_not_at_all() {
    let limits =
        "[limits]\nheader_timeout = \"200ms\"\nbody_timeout = \"200ms\"\nidle_timeout = \"400ms\"";
    let rig = Rig::with(limits, "", |_| respond(200, &[], "{}")).await;
    let good = format!("{JSON}{}", bearer(&rig.token(&json!({}))));
    let request = post(&good, call("read_file"));
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("all of it", request.clone(), 200),
        ("nothing", Vec::new(), 0),
        ("a letter", b"P".to_vec(), 0),
        ("half a head", request[..60].to_vec(), 0),
        ("a head and no body", request[..request.len() - call("read_file").len()].to_vec(), 408),
        ("half a body", request[..request.len() - 5].to_vec(), 408),
    ];
    for (case, bytes, status) in cases {
        let sent = rig.sent();
        let mut wire = Wire::connect(rig.serving.address()).await;
        let reply = wire.ask(&bytes).await;
        assert_eq!(reply.map_or(0, |reply| reply.status), status, "{case}");
        assert_eq!(rig.sent() - sent, usize::from(status == 200), "{case}");
        assert!(wire.until_closed().await.is_empty(), "{case}");
    }
}

/// The time for the first head begins with the connection, whatever comes on it and when.
#[tokio::test]
async fn the_first_head_has_its_time_from_the_connection_on() {
    for (minutes, in_time) in [(15, true), (30, false)] {
        let (rig, admin) = with_hours("1h", "1s").await;
        let mut wire = Wire::connect(rig.serving.address()).await;
        until_connections(admin, 1).await;
        skip(MINUTE * 40).await;
        wire.send(b"GET /nowhere HTTP/1.1\r\nHost: local").await;
        skip(MINUTE * minutes).await;
        if in_time {
            assert_eq!(wire.ask(b"host:8080\r\n\r\n").await.unwrap().status, 404);
        } else {
            assert_eq!(wire.rest().await.as_deref(), Some(&b""[..]), "it stays open");
        }
    }
}

/// At the end whoever has asked nothing yet is not waited for. Half a head is, as long as there is time.
// req: RS-16
#[tokio::test]
async fn the_end_waits_for_half_a_head_and_not_for_silence() {
    let whole = b"GET /nowhere HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";
    let (half, rest) = whole.split_at(30);
    for (case, bytes, (head, end), waits, rest) in [
        ("nothing", &b""[..], ("2h", "2h"), false, None),
        ("a letter", b"P", ("2h", "2h"), false, None),
        ("half a head", half, ("2h", "1h"), true, None),
        ("half a head, as long as heads have", half, ("1h", "2h"), true, None),
        ("half a head and the rest", half, ("2h", "2h"), true, Some(rest)),
        ("half of what HTTP/2 begins with", b"PRI * HTTP/2.0\r\n", ("2h", "1h"), true, None),
    ] {
        let (rig, admin) = with_hours(head, end).await;
        let address = rig.serving.address();
        let mut wire = Wire::connect(address).await;
        until_connections(admin, 1).await;
        wire.send(bytes).await;
        let drained = tokio::spawn(rig.serving.drain());
        let nobody_listens = async {
            while TcpStream::connect(address).await.is_ok() {
                skip(Duration::from_millis(100)).await;
            }
        };
        timeout(SOON, nobody_listens).await.expect(case);
        if waits {
            assert!(!drained.is_finished(), "{case}");
        }
        if let Some(rest) = rest {
            let reply = wire.ask(rest).await.expect(case);
            assert!(reply.status == 404 && reply.closes(), "{case}: {reply:?}");
        } else if waits {
            skip(MINUTE * 61).await;
        }
        timeout(SOON, drained).await.expect(case).unwrap();
        assert!(wire.rest().await.is_some(), "{case}: it stays open");
    }
}

/// A byte now and then is not enough: the whole head has its time, and so has the whole body.
#[tokio::test]
async fn a_byte_now_and_then_is_too_slow() {
    let limits = "[limits]\nheader_timeout = \"300ms\"\nbody_timeout = \"300ms\"";
    let rig = Rig::with(limits, "", |_| respond(200, &[], "{}")).await;
    let good = format!("{JSON}{}", bearer(&rig.token(&json!({}))));
    let request = post(&good, call("read_file"));
    let body = request.len() - call("read_file").len();
    for (case, start) in [("a head", 0), ("a body", body)] {
        let mut wire = Wire::connect(rig.serving.address()).await;
        wire.send(&request[..start]).await;
        let mut bytes = request[start..].iter().cycle();
        let drip = async {
            let mut every = tokio::time::interval(Duration::from_millis(20));
            // The request is longer than a connection may take, so this ends when the other side does.
            while wire.send(&[*bytes.next().unwrap()]).await {
                every.tick().await;
            }
        };
        timeout(SOON, drip).await.expect(case);
        assert_eq!(rig.sent(), 0, "{case}");
    }
}

/// Who takes nothing of an answer that waits is cut off, and the upstream with him. Who takes his time is not.
#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    for takes_it in [true, false] {
        let (mut sender, answer) = stream(200, &[("content-type", "text/event-stream")]);
        let mut answer = Some(answer);
        let rig =
            Rig::with("[limits]\nwrite_timeout = \"1s\"", "", move |_| answer.take().unwrap())
                .await;
        let mut wire = Wire::connect(rig.serving.address()).await;
        let good = format!("{JSON}{}", bearer(&rig.token(&json!({}))));
        wire.send(&post(&good, call("read_file"))).await;
        wire.head().await.unwrap();
        let chunk = bytes::Bytes::from(vec![b':'; 1 << 16]);
        let send = async {
            for _ in 0..1_000 {
                if sender.send_data(chunk.clone()).await.is_err() {
                    return false;
                }
            }
            drop(sender);
            true
        };
        let read = async {
            if takes_it {
                wire.chunked().await.is_some_and(|body| body.len() == 1_000 << 16)
            } else {
                std::future::pending().await
            }
        };
        let outcome = timeout(SOON, async {
            if takes_it {
                let (sent, read) = tokio::join!(send, read);
                sent && read
            } else {
                send.await
            }
        });
        assert_eq!(outcome.await.expect("nobody gives up"), takes_it);
    }
}
