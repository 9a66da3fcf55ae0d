//! Ratios of two pieces of work in one run.
//!
//! An absolute time says more about the machine than about the code. Here the two are timed in turn,
//! round by round, and the median of the rounds' ratios is compared with a bound.

#![allow(
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measuring program"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 101;
/// Long enough that the clock's own cost vanishes, short enough that rounds are disturbed alike.
const ROUND: Duration = Duration::from_millis(4);

/// Times `ours` against `reference` and prints one line; `false` if the median ratio is over `bound`.
pub fn compare<A, B>(
    what: &str,
    bound: f64,
    mut ours: impl FnMut() -> A,
    mut reference: impl FnMut() -> B,
) -> bool {
    let calls = calls_per_round(&mut ours).max(calls_per_round(&mut reference));
    let (mut ratios, mut own, mut base) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (a, b) = (per_call(calls, &mut ours), per_call(calls, &mut reference));
        own.push(a);
        base.push(b);
        ratios.push(a / b);
    }
    let ratio = median(&mut ratios);
    let verdict = if ratio <= bound { "ok" } else { "OVER" };
    println!(
        "{what:<56} {:>11.0} ns {:>11.0} ns  ratio {ratio:.3}  bound {bound:.2}  {verdict}",
        median(&mut own),
        median(&mut base),
    );
    ratio <= bound
}

/// The heading over [`compare`]'s lines.
pub fn heading() {
    println!("{:<56} {:>14} {:>14}", "", "ours", "reference");
}

fn calls_per_round<T>(work: &mut impl FnMut() -> T) -> u32 {
    let mut calls = 1;
    while per_call(calls, work) * f64::from(calls) < ROUND.as_nanos() as f64 {
        calls *= 2;
    }
    calls
}

fn per_call<T>(calls: u32, work: &mut impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(work());
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
