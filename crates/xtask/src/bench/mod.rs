//! `cargo xtask bench gateway`: the gateway and other proxies before the same server, round by round.
//!
//! Times of a shared machine mean nothing, ratios of one moment do: every round measures each contender
//! in turn, and before and after each what it is held against (nginx, where its bound names no other), so that
//! whatever slows the machine down slows both; and each figure is the median of the rounds. [`contender`] says who takes part and what is asked of ours, [`config`] how each is
//! told what to do, [`machine`] what there is to do it with, [`place`] sets up what is around them,
//! [`process`] starts them and reads what they cost, [`held`] counts the memory of streams that stay open,
//! [`table`] judges and prints.

mod config;
mod contender;
mod held;
mod machine;
mod place;
mod process;
mod table;

use std::fmt::Write as _;

use serde_json::Value;

use crate::args::Args;
use crate::repo::{Failure, Repo, Result, failed};
use contender::{CONTENDERS, Calls, Contender};
use place::Place;
use process::Process;
use table::{Measured, Series};

pub(crate) const HELP: &str = "\
usage: cargo xtask bench gateway [--rounds N] [--seconds N] [--only NAME,NAME…] [--quick] [--gate]

Builds the release of Portcullis and the programs of crates/portcullis/examples/gateway-bench, and measures
nginx, HAProxy with jwt_verify, a bare proxy of hyper, and Portcullis before the same small MCP server:
CPU time for each request, requests in a second, latency, memory, and the ratios to nginx. Run it on an
idle machine.

  --rounds N     each contender is measured so many times (7)
  --seconds N    for so long (2)
  --only NAMES   these contenders, and nginx as the yardstick; separated by commas
  --tokens N     calls of a run in which every token is new (20000)
  --streams N    event streams that are held open (1000); 0 leaves that out
  --workers N    processors of the proxy; the rest is for client and server (1)
  --quick        one round of one second, 3000 new tokens, 200 streams: shows that everything runs
  --gate         fail where a bound is passed
  --list         name the contenders
";

/// Calls before a run is measured: pools are filled then, caches warm, and every token of a rotation was
/// seen twice.
const WARM_UP: usize = 4000;

/// Kept connections of the client.
const CONNECTIONS: usize = 64;

/// What a run is made of.
pub(crate) struct Plan {
    rounds: usize,
    seconds: u32,
    tokens: usize,
    streams: usize,
    workers: usize,
    contenders: Vec<&'static Contender>,
}

pub(crate) fn main(repo: &Repo, mut args: Args) -> Result {
    let (quick, gate, list) = (args.flag("--quick"), args.flag("--gate"), args.flag("--list"));
    let plan = plan(&mut args, quick)?;
    match args.words()?.as_slice() {
        [what] if what == "gateway" => {}
        _ => return Err(Failure::Usage("what is to be measured? There is: gateway".to_owned())),
    }
    if list {
        for contender in CONTENDERS {
            println!("{:<24} {}", contender.name, contender.about);
        }
        return Ok(());
    }
    let passed = run(repo, &plan)?;
    if gate && !passed { failed("a bound is passed, or was not measured") } else { Ok(()) }
}

fn plan(args: &mut Args, quick: bool) -> Result<Plan> {
    let or = |given: Option<usize>, short, long| given.unwrap_or(if quick { short } else { long });
    Ok(Plan {
        rounds: or(args.option("--rounds")?, 1, 7).max(1),
        seconds: args.option("--seconds")?.unwrap_or(if quick { 1 } else { 2 }).max(1),
        tokens: or(args.option("--tokens")?, 3000, 20_000),
        streams: or(args.option("--streams")?, 200, 1000),
        workers: args.option("--workers")?.unwrap_or(1),
        contenders: contender::chosen(args.option::<String>("--only")?.as_deref())?,
    })
}

/// Measures, prints, and says whether every bound was kept.
fn run(repo: &Repo, plan: &Plan) -> Result<bool> {
    let place = Place::prepare(repo, plan)?;
    print!("{}", machine::facts(repo, &place.processors, plan)?);
    let series = rounds(&place, plan)?;
    let held = if plan.streams == 0 { Vec::new() } else { held::measure(&place, plan)? };
    let mut text = String::new();
    let _ = writeln!(text, "\n{}", table::of_calls(&series));
    let _ = write!(text, "{}", table::of_streams(&held, plan.streams));
    let (verdicts, passed) = table::verdicts(&series, &held);
    println!("{text}\n{verdicts}");
    Ok(passed)
}

/// Each contender between two measurements of what it is held against, round by round.
fn rounds(place: &Place, plan: &Plan) -> Result<Vec<Series>> {
    let mut series: Vec<Series> = plan.contenders.iter().copied().map(Series::new).collect();
    for round in 1..=plan.rounds {
        println!("\nround {round} of {}", plan.rounds);
        let mut last: Option<(&str, Measured)> = None;
        for one in &mut series {
            let beside = one.contender.beside();
            let before = match last {
                Some((name, measured)) if name == beside.name => measured,
                _ => measure(place, plan, beside)?,
            };
            // The yardstick, held against itself, shows how restless the machine is.
            let measured = measure(place, plan, one.contender)?;
            let after = measure(place, plan, beside)?;
            one.add(measured, f64::midpoint(before.cpu_us, after.cpu_us));
            last = Some((beside.name, after));
            println!("  {one}");
        }
    }
    Ok(series)
}

/// Starts one contender afresh, warms it up, and measures it for a moment.
fn measure(place: &Place, plan: &Plan, contender: &Contender) -> Result<Measured> {
    let proxy = place.start(contender)?;
    let tokens = place.tokens(contender.calls);
    let (warm, seconds) = (WARM_UP.to_string(), plan.seconds.to_string());
    let connections = CONNECTIONS.to_string();
    let mut warming = vec!["--connections", &connections, "--wait", "10", "--requests", &warm];
    let mut measuring = vec!["--connections", &connections, "--skip", &warm];
    match contender.calls {
        // As many calls as there are tokens that were not seen yet.
        Calls::NewTokens(_) => {
            warming.push("--once");
            measuring.push("--once");
        }
        _ => measuring.extend(["--seconds", &seconds]),
    }
    load(place, &proxy, &tokens, &warming)?;
    let before = proxy.cpu()?;
    let report = load(place, &proxy, &tokens, &measuring)?;
    let cpu = proxy.cpu()?.saturating_sub(before);
    let number = |name: &str| report.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let (requests, took) = (number("requests"), number("seconds"));
    Ok(Measured {
        cpu_us: cpu.as_secs_f64() * 1e6 / requests,
        per_second: requests / took,
        p50_us: number("p50_us"),
        p99_us: number("p99_us"),
        resident_kib: proxy.resident_kib()?,
        busy: cpu.as_secs_f64() / took,
    })
}

/// Calls the tool through this proxy; what the client reports.
fn load(place: &Place, proxy: &Process, tokens: &str, words: &[&str]) -> Result<Value> {
    let to = place.ports.proxy();
    let mut args = vec!["load", "--to", &to, "--tokens", tokens];
    args.extend(words);
    let out = place.drive(&args)?;
    if !out.ok {
        return failed(format!("{}: {}{}", proxy.name, out.stderr.trim(), proxy.said()));
    }
    serde_json::from_str(&out.stdout)
        .map_err(|e| Failure::Failed(format!("the client's report is no JSON: {e}")))
}
