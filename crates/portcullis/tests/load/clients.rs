//! Callers who call all the time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use testkit::server::{Answer, respond};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::common::rig::call;
use crate::common::wire::{Reply, Wire};

/// The header that says which call it is.
const CALL: &str = "mcp-param-call";

/// Callers at a time.
pub const CALLERS: u64 = 8;

/// How often each call reached an upstream.
#[derive(Clone, Default)]
pub struct Arrived(Arc<Mutex<HashMap<u64, u32>>>);

impl Arrived {
    /// Notes a call and answers it.
    pub fn answer(&self, request: &Request<Bytes>) -> Answer {
        let number = request.headers()[CALL].to_str().unwrap();
        *self.0.lock().unwrap().entry(number.parse().unwrap()).or_default() += 1;
        respond(200, &[("content-type", "application/json")], number.to_owned())
    }

    pub fn count(&self, number: u64) -> u32 {
        self.0.lock().unwrap().get(&number).copied().unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered with what the upstream said to it.
    Answered,
    /// Answered with another status.
    Refused(u16),
    /// The connection that earlier ones were answered on ended without an answer.
    Unanswered,
    /// Nobody took the connection that was made for it.
    Untaken,
}

/// All that was called, in no order.
#[derive(Default)]
pub struct Calls {
    outcomes: Mutex<Vec<(u64, Outcome)>>,
    answered: watch::Sender<u64>,
    refused: watch::Sender<Option<u16>>,
    next: AtomicU64,
    over: AtomicBool,
}

impl Calls {
    /// Until so many more have been answered.
    pub async fn more(&self, count: u64) {
        let mut answered = self.answered.subscribe();
        let mut refused = self.refused.subscribe();
        let enough = *answered.borrow_and_update() + count;
        tokio::select! {
            answered = answered.wait_for(|now| *now >= enough) => drop(answered.unwrap()),
            status = refused.wait_for(Option::is_some) => panic!("refused with {:?}", *status.unwrap()),
        }
    }

    /// Nobody calls any more.
    pub fn stop(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// What became of them.
    pub fn outcomes(&self) -> Vec<(u64, Outcome)> {
        std::mem::take(&mut *self.outcomes.lock().unwrap())
    }
}

/// Calls until it is told to stop, or until nobody listens. `token` says who a call is from.
pub fn load(
    address: SocketAddr,
    token: impl Fn(u64) -> String + Clone + Send + 'static,
) -> (Arc<Calls>, JoinSet<()>) {
    let calls = Arc::new(Calls::default());
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(caller(Arc::clone(&calls), address, token.clone()));
    }
    (calls, callers)
}

async fn caller(calls: Arc<Calls>, address: SocketAddr, token: impl Fn(u64) -> String) {
    let mut wire = None;
    while !calls.over.load(Ordering::SeqCst) {
        let number = calls.next.fetch_add(1, Ordering::SeqCst);
        let outcome = one(&mut wire, address, &token(number), number).await;
        calls.outcomes.lock().unwrap().push((number, outcome));
        match outcome {
            Outcome::Answered => calls.answered.send_modify(|count| *count += 1),
            Outcome::Refused(status) => drop(calls.refused.send_replace(Some(status))),
            Outcome::Unanswered => {}
            Outcome::Untaken => return,
        }
        // Callers of one thread take turns.
        tokio::task::yield_now().await;
    }
}

async fn one(wire: &mut Option<Wire>, address: SocketAddr, token: &str, number: u64) -> Outcome {
    let is_fresh = wire.is_none();
    if is_fresh {
        let Ok(stream) = TcpStream::connect(address).await else { return Outcome::Untaken };
        *wire = Some(Wire::of(stream).patient());
    }
    let Some(open) = wire else { return Outcome::Untaken };
    let reply = open.ask(&request(token, number)).await;
    if reply.as_ref().is_none_or(Reply::closes) {
        *wire = None;
    }
    match reply {
        Some(reply) if reply.status == 200 && reply.text() == number.to_string() => {
            Outcome::Answered
        }
        Some(reply) => Outcome::Refused(reply.status),
        None if is_fresh => Outcome::Untaken,
        None => Outcome::Unanswered,
    }
}

fn request(token: &str, number: u64) -> Vec<u8> {
    let body = call("read_a");
    format!(
        "POST /files/mcp HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n{CALL}: {number}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Every call was answered, and reached the upstream once.
pub fn all_answered(calls: &Calls, arrived: &Arrived) -> usize {
    let outcomes = calls.outcomes();
    for (number, outcome) in &outcomes {
        assert_eq!(*outcome, Outcome::Answered, "call {number} of {}", outcomes.len());
        assert_eq!(arrived.count(*number), 1, "call {number}");
    }
    assert_eq!(arrived.len(), outcomes.len());
    outcomes.len()
}
