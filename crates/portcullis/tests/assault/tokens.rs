//! Whoever has no token of the issuer for this server gets nothing through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use testkit::hostile::tokens::{PUBLISHED, Tokens};
use testkit::hostile::{Dice, rolls};
use testkit::jwks;
use testkit::server::{Server, respond};

use crate::common::rig::{self, Noon, RESOURCE, Rig, call};
use crate::{CASE, IDLE, Run, assault, over, upstream};
use portcullis::gateway::Gateway;

/// Once in so many cases the token is a good one.
const TWIN: usize = 8;

fn request(case: u64, lines: &[Vec<u8>], query: &str) -> Vec<u8> {
    let body = call("read_file");
    let head = format!("POST /files/mcp{query} HTTP/1.1\r\nHost: localhost:8080\r\n");
    let mut bytes = head.into_bytes();
    for line in lines {
        bytes.extend(line);
        bytes.extend(b"\r\n");
    }
    let length = body.len();
    bytes.extend(
        format!(
            "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         {CASE}: {case}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes(),
    );
    bytes
}

// req: RS-3, RS-4, RS-10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_forged_token_is_accepted() {
    let run = Run::asked_for();
    let issuer = Server::start(|_| respond(200, &[], jwks(&PUBLISHED))).await;
    let (upstream, arrived) = upstream(200).await;
    // Who fails so often would be asked to wait before long, and nothing would be tried any more.
    let idle = IDLE.as_secs();
    let limits =
        format!("[limits]\nidle_timeout = \"{idle}s\"\nfailures_per_address = \"unlimited\"");
    let text = Rig::text(&issuer, &upstream, &limits, "");
    let serving = Gateway::start(&rig::config(&text), Arc::new(Noon)).await.unwrap();
    let tokens = Arc::new(Tokens::new(&issuer.url(""), RESOURCE, "files:read"));
    let accepted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&accepted);
    let judge = move |case, mut client: crate::Client| {
        let (tokens, arrived) = (Arc::clone(&tokens), Arc::clone(&arrived));
        let count = Arc::clone(&count);
        async move {
            let dice = rolls(run.seed, case, 200);
            let dice = &mut Dice(dice.iter());
            let is_twin = dice.one_in(TWIN);
            let (how, lines, query) = if is_twin {
                ("good", vec![tokens.accepted(dice)], String::new())
            } else {
                let forgery = tokens.forged(dice);
                (forgery.how, forgery.lines, forgery.query)
            };
            let bytes = request(case, &lines, &query);
            let has_arrived = || arrived.lock().unwrap().contains_key(&case);
            let reply = client.ask(&bytes, has_arrived).await;
            let status = reply.as_ref().map(|reply| reply.status);
            let sent = arrived.lock().unwrap().remove(&case).map_or(0, |sent| sent.len());
            let shown = || {
                let bytes = String::from_utf8_lossy(&bytes).into_owned();
                format!("case {case} of {run:?}: {how}: {reply:?}\n{bytes}")
            };
            if is_twin {
                count.fetch_add(1, Ordering::Relaxed);
                assert_eq!((status, sent), (Some(200), 1), "{}", shown());
            } else {
                assert_eq!(sent, 0, "accepted: {}", shown());
                assert!(matches!(status, None | Some(400 | 401 | 431)), "{}", shown());
            }
            // A line end within a line may have made two requests of it.
            if lines.iter().flatten().any(|byte| matches!(byte, b'\n' | b'\r')) {
                client.hang_up();
            }
            client
        }
    };
    assault(&serving, 0..run.cases, judge).await;
    over(serving).await;
    let accepted = accepted.load(Ordering::Relaxed);
    println!("{} forged tokens refused, {accepted} good ones accepted", run.cases - accepted);
    // Good ones stand between the others, or the gateway could have refused everything.
    assert!(accepted > run.cases / (2 * TWIN as u64), "{accepted}");
}
