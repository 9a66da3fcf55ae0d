//! What an event stream costs that is open and silent: the growth of resident memory, for each kind of
//! proxy, once it has settled.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::contender::{Algorithm, Calls, Contender};
use super::place::Place;
use super::process::Process;
use super::{Plan, load};
use crate::repo::{Failure, Result, failed};

/// Calls over one connection before anything is counted, so that what is needed once is there.
const FIRST_CALLS: &str = "500";

pub(super) struct Held {
    pub(super) contender: &'static Contender,
    /// Started, and asked nothing.
    pub(super) idle_kib: u64,
    pub(super) each_kib: f64,
}

pub(super) fn measure(place: &Place<'_>, plan: &Plan) -> Result<Vec<Held>> {
    println!("\nholding {} streams", plan.streams);
    let holders = plan.contenders.iter().filter(|contender| contender.holds_streams);
    let mut all = Vec::new();
    for contender in holders {
        let held = one(place, plan.streams, contender)?;
        println!("  {:<24} {:>6.1} KiB each", contender.name, held.each_kib);
        all.push(held);
    }
    Ok(all)
}

fn one(place: &Place<'_>, streams: usize, contender: &'static Contender) -> Result<Held> {
    let proxy = place.start(contender)?;
    let idle_kib = proxy.settled_kib()?;
    let tokens = place.tokens(Calls::OneToken(Algorithm::Rs256));
    let first = ["--wait", "10", "--connections", "1", "--requests", FIRST_CALLS];
    load(place, &proxy, &tokens, &first)?;
    let before = proxy.settled_kib()?;
    let after = holding(place, &proxy, &tokens, streams)?;
    let count = u32::try_from(streams).unwrap_or(u32::MAX);
    let growth = u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX);
    Ok(Held { contender, idle_kib, each_kib: f64::from(growth) / f64::from(count) })
}

/// Resident memory while the streams are open; an error where one of them was not.
fn holding(place: &Place<'_>, proxy: &Process, tokens: &str, streams: usize) -> Result<u64> {
    let told = |e: std::io::Error| Failure::Failed(format!("streams: {e}"));
    let (to, count) = (place.ports.proxy(), streams.to_string());
    let words = ["streams", "--to", &to, "--tokens", tokens, "--count", &count];
    let mut command = place.driver(&words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = command.spawn().map_err(told)?;
    let mut line = String::new();
    let opened = holder.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
    let all_open = matches!(opened, Some(Ok(_))) && line.trim_end() == format!("held {count}");
    let settled = if all_open { proxy.settled_kib() } else { Ok(0) };
    // The end of its input is its end.
    drop(holder.stdin.take());
    let ended = holder.wait().map_err(told)?;
    if all_open && ended.success() {
        settled
    } else {
        failed(format!("{}: its streams were not held{}", proxy.name, proxy.said()))
    }
}
