//! Processes from their start to their end.

use std::time::Duration;

use http::{HeaderMap, Method};
use portcullis::stdio::{Settings, Unavailable};
use portcullis_core::secret::Secret;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{Client, Started, settings, soon, start};
use crate::server::{LEGACY, MODERN, REFUSING, STUBBORN, WATCH};

/// Where processes say that they live, and how long they do.
struct Watch(TcpListener);

struct Watched {
    pid: Pid,
    connection: BufReader<TcpStream>,
}

impl Watch {
    async fn over(settings: &mut Settings) -> Watch {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        settings.env.insert(WATCH.to_owned(), Secret::new(address));
        Watch(listener)
    }

    async fn next(&self) -> Watched {
        let (stream, _) = soon(self.0.accept()).await.unwrap();
        let mut connection = BufReader::new(stream);
        let mut line = String::new();
        soon(connection.read_line(&mut line)).await.unwrap();
        Watched { pid: Pid::from_raw(line.trim().parse().unwrap()).unwrap(), connection }
    }
}

impl Watched {
    /// Until its end.
    async fn ended(&mut self) {
        let mut rest = Vec::new();
        // A connection that is reset has ended too.
        let _ = soon(self.connection.read_to_end(&mut rest)).await;
    }

    /// Whether there is such a process, be it one that nobody has asked what became of it.
    fn exists(&self) -> bool {
        test_kill_process(self.pid) != Err(Errno::SRCH)
    }
}

async fn is_there(client: &Client) -> bool {
    client.call(1, "echo", json!({})).await.status == 200
}

#[tokio::test]
async fn a_crash_is_an_error_for_those_who_wait_and_the_end_of_the_session() {
    let mut watched = settings(LEGACY);
    let watch = Watch::over(&mut watched).await;
    let stdio = start(watched);
    let alice = Client::in_session(&stdio, "alice").await;
    let mut process = watch.next().await;
    let bob = Client::in_session(&stdio, "bob").await;
    let mut held = alice.accepting("text/event-stream").call(1, "hold", json!({})).await;
    let mut news = alice.get().await;
    let crashed = alice.call("c", "crash", json!({})).await;
    assert_eq!(crashed.status, 200);
    let text = crashed.text().await;
    let wanted = r#"{"jsonrpc":"2.0","id":"c","error":{"code":-32603,"message":"the server's process ended"}}"#;
    assert_eq!(text, wanted);
    assert_eq!(held.event().await.unwrap()["error"]["code"], -32603);
    assert!(held.event().await.is_none() && news.event().await.is_none());
    process.ended().await;
    assert_eq!(alice.call(1, "echo", json!({})).await.status, 404);
    assert!(is_there(&bob).await);
}

#[tokio::test]
async fn a_session_that_does_not_begin_leaves_no_process() {
    let mut watched = settings(REFUSING);
    let watch = Watch::over(&mut watched).await;
    let stdio = start(watched);
    let reply = Client::new(&stdio, "alice").initialize("2025-11-25").await;
    assert_eq!((reply.status.as_u16(), reply.session()), (200, None));
    assert_eq!(reply.json().await["error"]["code"], -32601);
    watch.next().await.ended().await;
}

#[tokio::test]
async fn what_a_process_wrote_before_it_ended_is_heard() {
    let mut brief = settings(LEGACY);
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"last":"words"}}"#;
    brief.command = vec!["sh".to_owned(), "-c".to_owned(), format!("read line; echo '{answer}'")];
    let stdio = start(brief);
    let reply = Client::new(&stdio, "alice").initialize("2025-11-25").await.json().await;
    assert_eq!(reply["result"]["last"], "words");
}

#[tokio::test]
async fn a_process_that_does_not_come_up_is_not_started_in_a_circle() {
    let mut broken = settings(LEGACY);
    broken.command = ["false"].map(str::to_owned).to_vec();
    let stdio = start(broken);
    let (alice, bob) = (Client::new(&stdio, "alice"), Client::new(&stdio, "bob"));
    let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize" }).to_string();
    let initialize =
        async |client: &Client| client.ask(&Method::POST, &HeaderMap::new(), &message).await;
    let mut last = Duration::ZERO;
    for _ in 0..4 {
        // Started, and told that it ended; until that is known to all.
        let pause = soon(async {
            loop {
                match initialize(&alice).await {
                    Ok(reply) => assert_eq!(reply.json().await["error"]["code"], -32603),
                    Err(Unavailable::NotStarted { retry_after, .. }) if !retry_after.is_zero() => {
                        break retry_after;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        })
        .await;
        assert!(pause > last, "{pause:?}");
        last = pause;
        tokio::time::pause();
        tokio::time::advance(pause + Duration::from_millis(1)).await;
        tokio::time::resume();
    }
    assert!(!matches!(initialize(&bob).await, Err(Unavailable::Busy)), "others try for themselves");
    assert!(last <= Duration::from_secs(30));
}

#[tokio::test]
async fn a_process_that_nobody_uses_ends() {
    let mut watched = settings(LEGACY);
    let watch = Watch::over(&mut watched).await;
    let idle = watched.limits.idle;
    let stdio = start(watched);
    let alice = Client::in_session(&stdio, "alice").await;
    let listener = Client::in_session(&stdio, "bob").await;
    let mut process = watch.next().await;
    let news = listener.get().await;
    // While the clock stands nothing is awaited but it, or it would run on by itself.
    let pass = async |time: Duration| {
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    };
    for _ in 0..3 {
        pass(idle - Duration::from_secs(2)).await;
        assert!(is_there(&alice).await, "it is used");
    }
    pass(idle + Duration::from_secs(1)).await;
    process.ended().await;
    assert_eq!(alice.call(1, "echo", json!({})).await.status, 404);
    assert!(is_there(&listener).await, "somebody listens");
    drop(news);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_an_error_and_cancelled() {
    for kind in [LEGACY, MODERN] {
        let stdio = start(settings(kind));
        let limits = settings(kind).limits;
        let alice = Client::in_session(&stdio, "alice").await;
        let params = json!({ "name": "hold", "arguments": {} });
        let events = alice.accepting("text/event-stream");
        let mut held = if kind == LEGACY {
            events.call(1, "hold", json!({})).await
        } else {
            events.modern(1, "tools/call", params).await
        };
        tokio::time::pause();
        tokio::time::advance(limits.answer).await;
        tokio::time::resume();
        let answer = loop {
            let frame = String::from_utf8(held.frame().await.to_vec()).unwrap();
            // A stream that is silent for so long says that it is there.
            if let Some(data) = frame.strip_prefix("event: message\ndata: ") {
                break serde_json::from_str::<Value>(data).unwrap();
            }
        };
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32603)));
        if kind == LEGACY {
            alice.until_heard("notifications/cancelled").await;
        }
    }
}

/// A process, and one that it started, which holds its output open.
async fn family(settings: Settings, watch: &Watch) -> (Started, Client, Watched, Pid) {
    let stdio = start(settings);
    let alice = Client::in_session(&stdio, "alice").await;
    let parent = watch.next().await;
    let child = alice.call(1, "have a child", json!({})).await.json().await;
    let child = i32::try_from(child["result"].as_i64().unwrap()).unwrap();
    (stdio, alice, parent, Pid::from_raw(child).unwrap())
}

/// Whether a process runs. One whose parent has gone may be left for the system to bury.
fn runs(pid: Pid) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())) else {
        return test_kill_process(pid) != Err(Errno::SRCH) && !cfg!(target_os = "linux");
    };
    !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z')
}

/// Until a process is gone that was killed. Nobody is told of the end of a stranger's child.
async fn gone(pid: Pid) {
    soon(async {
        while runs(pid) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_when_the_gateway_stops() {
    let mut watched = settings(LEGACY);
    let watch = Watch::over(&mut watched).await;
    let (stdio, alice, mut parent, child) = family(watched, &watch).await;
    let modern = Client::new(&stdio, "alice");
    assert_eq!(modern.modern_call(1, "echo", json!({})).await.status, 400, "stopping, or stopped");
    assert!(parent.exists() && runs(child));
    let mut held = alice.accepting("text/event-stream").call(2, "hold", json!({})).await;
    soon(stdio.shutdown(Duration::from_secs(30))).await;
    assert!(!parent.exists(), "it ended, and was asked what became of it");
    parent.ended().await;
    gone(child).await;
    assert_eq!(held.event().await.unwrap()["error"]["code"], -32603);
    assert_eq!(alice.call(1, "echo", json!({})).await.status, 404);
    let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize" }).to_string();
    let asked = Client::new(&stdio, "alice").ask(&Method::POST, &HeaderMap::new(), &message).await;
    assert_eq!(asked.err(), Some(Unavailable::Stopping));
}

#[tokio::test]
async fn nothing_is_left_of_a_session_that_ended() {
    let mut watched = settings(LEGACY);
    let watch = Watch::over(&mut watched).await;
    let (_stdio, alice, mut parent, child) = family(watched, &watch).await;
    assert_eq!(alice.delete().await.status, 204);
    parent.ended().await;
    gone(child).await;
    gone(parent.pid).await;
}

#[tokio::test]
async fn nothing_is_left_of_a_server_that_is_dropped() {
    let mut watched = settings(LEGACY);
    let watch = Watch::over(&mut watched).await;
    let (stdio, alice, mut parent, _) = family(watched, &watch).await;
    drop((stdio, alice));
    parent.ended().await;
}

#[tokio::test]
async fn a_process_that_does_not_go_is_told_to_and_then_made_to() {
    for ignores in ["", "trap '' TERM; "] {
        let mut stubborn = settings(LEGACY);
        let watch = Watch::over(&mut stubborn).await;
        stubborn.env.insert(STUBBORN.to_owned(), Secret::new("1".to_owned()));
        stubborn.limits.grace = Duration::from_millis(10);
        let script = format!("{ignores}exec \"$0\" \"$@\"");
        stubborn.command.splice(0..0, ["sh".to_owned(), "-c".to_owned(), script]);
        let (_stdio, alice, mut parent, child) = family(stubborn, &watch).await;
        alice.delete().await;
        parent.ended().await;
        gone(child).await;
        gone(parent.pid).await;
    }
}

#[tokio::test]
async fn a_process_that_is_told_to_go_can_see_to_its_affairs() {
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let script =
        format!("trap 'echo told; exit' TERM; read line; echo '{answer}'; sleep 300 & wait");
    let mut slow = settings(LEGACY);
    slow.command = vec!["sh".to_owned(), "-c".to_owned(), script];
    let grace = slow.limits.grace;
    let stdio = start(slow);
    let mut alice = Client::new(&stdio, "alice");
    alice.session = alice.initialize("2025-11-25").await.session();
    let mut news = alice.get().await;
    alice.delete().await;
    assert!(news.event().await.is_none());
    assert_eq!(stdio.dropped().garbage, 0);
    // From here on it has its time.
    tokio::time::pause();
    tokio::time::advance(grace).await;
    tokio::time::resume();
    soon(async {
        while stdio.dropped().garbage == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_deadline_is_one() {
    let mut stubborn = settings(LEGACY);
    let watch = Watch::over(&mut stubborn).await;
    stubborn.env.insert(STUBBORN.to_owned(), Secret::new("1".to_owned()));
    stubborn.limits.grace = Duration::from_secs(1000);
    let (stdio, alice, mut parent, child) = family(stubborn, &watch).await;
    let other = Client::in_session(&stdio, "alice").await;
    let mut leaving = watch.next().await;
    // One is on its way out already, and takes its time.
    other.delete().await;
    soon(stdio.shutdown(Duration::from_millis(10))).await;
    assert!(!parent.exists() && !leaving.exists());
    gone(child).await;
    parent.ended().await;
    leaving.ended().await;
    drop(alice);
}
