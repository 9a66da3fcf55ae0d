//! The binary is told to end while it is called all the time, with streams open.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use portcullis_resource::clock::{Clock as _, SystemClock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use testkit::server::{Server, respond, stream};
use testkit::{Signer, TestKey, claims_with, jwks};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::clients::{Arrived, Outcome, load};
use crate::common::rig::{RESOURCE, Rig, call};
use crate::common::wire::{SOON, Wire};

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Binary {
    child: Child,
    address: SocketAddr,
    _folder: Folder,
}

impl Binary {
    /// `name` is that of the test.
    async fn start(name: &str, issuer: &Server, upstream: &Server, top: &str) -> Binary {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text =
            Rig::text(issuer, upstream, top, "").replace("127.0.0.1:0", &address.to_string());
        let folder = Folder(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir_all(&folder.0).unwrap();
        let file = folder.0.join("portcullis.toml");
        fs::write(&file, text).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["serve", "--config"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let listening = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, listening).await.expect("it does not listen");
        Binary { child, address, _folder: folder }
    }

    fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    fn end(&self) {
        let id = Pid::from_raw(i32::try_from(self.id()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
    }

    /// The most memory it ever had, in KiB.
    fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// A token of now: the binary has the clock of the machine.
fn token(issuer: &Server) -> String {
    let now = SystemClock.now().as_secs();
    let claims = json!({
        "iss": issuer.url(""), "aud": RESOURCE, "scope": "files:read", "iat": now, "exp": now + 3600,
    });
    Signer::new(TestKey::P256).sign(&claims_with(&claims))
}

async fn issuer() -> Server {
    Server::start(|_| respond(200, &[], jwks(&[TestKey::P256]))).await
}

const EVENTS: [(&str, &str); 1] = [("content-type", "text/event-stream")];

fn streaming(method: &str, token: &str) -> Vec<u8> {
    let body = if method == "GET" { String::new() } else { call("read_a") };
    format!(
        "{method} /files/mcp HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         Mcp-Param-Stream: 1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What was taken is answered whole, what was not is not taken: between the two nothing is lost. Listening
/// streams end in good order, answers run to their end, and the process says that all went well.
// req: RS-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_end_under_load_nothing_is_lost() {
    let (issuer, arrived) = (issuer().await, Arrived::default());
    let (senders, mut opened) = tokio::sync::mpsc::channel(16);
    let seen = arrived.clone();
    let upstream = Server::start(move |request| {
        if !request.headers().contains_key("mcp-param-stream") {
            return seen.answer(request);
        }
        let (sender, answer) = stream(200, &EVENTS);
        senders.try_send((request.method() == "GET", sender)).unwrap();
        answer
    })
    .await;
    let mut binary = Binary::start("told-to-end", &issuer, &upstream, "").await;
    let token = token(&issuer);
    let mut open = Vec::new();
    for method in ["POST", "GET", "POST", "GET"] {
        let mut wire = Wire::connect(binary.address).await;
        wire.send(&streaming(method, &token)).await;
        assert_eq!(wire.head().await.unwrap().status, 200);
        open.push((method, wire, opened.recv().await.unwrap().1));
    }
    let caller = token.clone();
    let (calls, mut callers) = load(binary.address, move |_| caller.clone());
    calls.more(500).await;
    binary.end();
    // They go on until nobody listens.
    while let Some(ended) = callers.join_next().await {
        timeout(SOON, async { ended }).await.unwrap().unwrap();
    }
    assert!(binary.child.try_wait().unwrap().is_none(), "it waits for answers under way");
    for (method, mut wire, mut sender) in open {
        if method == "POST" {
            sender.send_data("data: late\n\n".into()).await.unwrap();
            drop(sender);
            let body = wire.chunked().await.expect("cut off");
            assert_eq!(body, b"data: late\n\n");
        } else {
            assert_eq!(wire.chunked().await.as_deref(), Some(&b""[..]), "ended in good order");
        }
    }
    let status = timeout(SOON, binary.child.wait()).await.expect("it does not end").unwrap();
    assert!(status.success(), "{status}");
    let outcomes = calls.outcomes();
    let count = |wanted: Outcome| outcomes.iter().filter(|(_, outcome)| *outcome == wanted).count();
    let answered = count(Outcome::Answered);
    println!("{answered} calls answered, {} not taken any more", count(Outcome::Untaken));
    for (number, outcome) in &outcomes {
        let arrived = arrived.count(*number);
        match outcome {
            Outcome::Answered => assert_eq!(arrived, 1, "call {number}"),
            // A client may go elsewhere with it: nobody has done anything about it.
            Outcome::Untaken => assert_eq!(arrived, 0, "call {number} is lost"),
            Outcome::Unanswered => panic!("call {number} is lost"),
            Outcome::Refused(status) => panic!("call {number}: {status}"),
        }
    }
    assert_eq!(arrived.len(), answered);
}

/// 100 MB pass through a process that never has a tenth of them.
#[tokio::test]
async fn a_long_answer_takes_little_memory() {
    const CHUNKS: usize = 1_600;
    let issuer = issuer().await;
    let (mut sender, answer) = stream(200, &[("content-type", "application/json")]);
    let mut answers = vec![answer, respond(200, &[], "{}")];
    let upstream = Server::start(move |_| answers.pop().unwrap()).await;
    let binary = Binary::start("long-answer", &issuer, &upstream, "").await;
    let token = token(&issuer);
    let mut wire = Wire::connect(binary.address).await;
    assert_eq!(wire.ask(&streaming("POST", &token)).await.unwrap().status, 200);
    let before = binary.peak();
    wire.send(&streaming("POST", &token)).await;
    assert_eq!(wire.head().await.unwrap().status, 200);
    let chunk = bytes::Bytes::from(vec![b' '; 1 << 16]);
    let (stuck, is_stuck) = tokio::sync::oneshot::channel();
    let send = async {
        // Nobody reads for a while.
        while let Ok(sent) =
            timeout(Duration::from_millis(200), sender.send_data(chunk.clone())).await
        {
            sent.unwrap();
        }
        stuck.send(()).unwrap();
        for _ in 0..CHUNKS {
            sender.send_data(chunk.clone()).await.unwrap();
        }
        drop(sender);
    };
    let read = async {
        is_stuck.await.unwrap();
        wire.chunked().await
    };
    let (body, ()) = tokio::join!(read, send);
    assert!(body.unwrap().len() >= CHUNKS << 16);
    let grown = binary.peak() - before;
    println!("{grown} KiB more than at rest");
    assert!(grown < 10 << 10, "{grown} KiB");
}
