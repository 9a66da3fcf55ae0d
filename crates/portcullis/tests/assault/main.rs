//! Mutated tokens and hostile bodies through the running gateway, over sockets, judged by an upstream that
//! reads every way.
//!
//! ```sh
//! PORTCULLIS_ASSAULT_CASES=100000 cargo test --release -p portcullis --test assault -- --nocapture
//! ```
//!
//! runs that many cases of each kind from a fresh seed, which is printed. Without the variable there are a few
//! from a fixed seed; `PORTCULLIS_ASSAULT_SEED` sets it, so that a run can be made again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests"
)]

mod bodies;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../common/mod.rs"]
mod common;
mod dressing;
mod tokens;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use portcullis::gateway::Serving;
use testkit::server::{Server, respond};
use tokio::task::JoinSet;
use tokio::time::timeout;

use common::wire::{Reply, SOON, Wire};

/// Clients at a time.
const CLIENTS: u64 = 16;

/// An idle connection is closed after so long, and all of them are when a run ends.
const IDLE: Duration = Duration::from_secs(5);

/// How many cases, and from which seed.
#[derive(Clone, Copy, Debug)]
struct Run {
    seed: u64,
    cases: u64,
}

impl Run {
    #[allow(clippy::disallowed_methods, reason = "how long a test may take is its caller's choice")]
    fn asked_for() -> Run {
        fn variable<T: FromStr>(name: &str) -> Option<T> {
            std::env::var(name).ok().map(|text| text.parse().ok().expect("a number"))
        }
        let cases = variable("PORTCULLIS_ASSAULT_CASES");
        let fresh = || {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            u64::from(since.unwrap().subsec_nanos())
        };
        let usual = if cases.is_some() { fresh() } else { 0x0061_7373_6175_6c74 };
        let seed = variable("PORTCULLIS_ASSAULT_SEED").unwrap_or(usual);
        let run = Run { seed, cases: cases.unwrap_or(2_000) };
        println!("PORTCULLIS_ASSAULT_SEED={} PORTCULLIS_ASSAULT_CASES={}", run.seed, run.cases);
        run
    }
}

/// What reached the upstream, by the number of the case that sent it.
type Arrived = Arc<Mutex<HashMap<u64, Vec<Request<Bytes>>>>>;

/// The header that says which case it is: the one kind that passes and that nobody compares.
const CASE: &str = "mcp-param-case";

/// An upstream that notes what it gets and answers with `status`.
async fn upstream(status: u16) -> (Server, Arrived) {
    let arrived = Arrived::default();
    let seen = Arc::clone(&arrived);
    let server = Server::start(move |request| {
        let case = request.headers()[CASE].to_str().unwrap().parse().unwrap();
        seen.lock().unwrap().entry(case).or_default().push(request.clone());
        respond(status, &[("content-type", "application/json"), ("x-upstream", "yes")], "{}")
    })
    .await;
    (server, arrived)
}

/// One client on one connection, which it opens anew where it was closed by the rules.
struct Client {
    address: SocketAddr,
    wire: Option<Wire>,
}

impl Client {
    /// The answer, or `None` where the connection was closed without one.
    async fn ask(&mut self, request: &[u8], arrived: impl Fn() -> bool) -> Option<Reply> {
        let is_reused = self.wire.is_some();
        if self.wire.is_none() {
            self.wire = Some(Wire::connect(self.address).await);
        }
        let wire = self.wire.as_mut().unwrap();
        let reply = match wire.ask(request).await {
            // It was idle for too long just when it was used again.
            None if is_reused && !arrived() => {
                *wire = Wire::connect(self.address).await;
                wire.ask(request).await
            }
            reply => reply,
        };
        let closes = reply.as_ref().is_none_or(Reply::closes);
        if closes {
            let rest = wire.rest().await.map(|rest| String::from_utf8_lossy(&rest).into_owned());
            let shown = || format!("{reply:?}\n{}", String::from_utf8_lossy(request));
            assert_eq!(rest.as_deref(), Some(""), "open, or more behind the end: {}", shown());
            self.wire = None;
        }
        reply
    }

    /// What was sent may have been more than one request: what else is answered is none of this case.
    fn hang_up(&mut self) {
        self.wire = None;
    }

    /// Nothing is asked any more, and the gateway closes what is still open.
    async fn rest(mut self) {
        if let Some(wire) = &mut self.wire {
            assert!(wire.until_closed().await.is_empty());
        }
    }
}

/// Gives every number below `cases` to one of the clients.
async fn assault<C, F>(serving: &Serving, cases: std::ops::Range<u64>, case: C)
where
    C: Fn(u64, Client) -> F + Clone + Send + 'static,
    F: Future<Output = Client> + Send,
{
    let next = Arc::new(AtomicU64::new(cases.start));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let mut client = Client { address: serving.address(), wire: None };
        let (next, end, case) = (Arc::clone(&next), cases.end, case.clone());
        clients.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return client.rest().await;
                }
                client = case(number, client).await;
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

/// No connection and no request is left: the end of the gateway waits for nothing.
async fn over(serving: Serving) {
    timeout(SOON, serving.drain()).await.expect("something is left open");
}
