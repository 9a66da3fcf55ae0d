//! `cargo xtask interop`: the gateway among real parts of others, on loopback.
//!
//! * `install` – the packages, from a lock file, into `target/interop`
//! * `process` – programs that never outlive us
//! * `stage` – issuers, servers, a gateway, and checks played on them
//! * `stories` – what is played, and `conformance`, the longest of it
//!
//! The scripts are in `crates/xtask/interop`, the client in Rust in `crates/xtask/examples/rmcp_client.rs`. Each
//! prints a line for each check, and what they print is counted here.

mod conformance;
mod install;
mod process;
mod stage;
mod stories;

use std::fmt::Write as _;

use crate::args::Args;
use crate::repo::{Clock, End, Failure, Repo, Result, failed, unattended};
use install::{Missing, Parts};
use stage::{Stage, Tally};
use stories::{STORIES, Story};

pub(crate) const HELP: &str = "\
usage: cargo xtask interop [--only NAME…] [--list]

Plays the gateway's stories with parts of others: oidc-provider, server-everything, servers and clients of the
TypeScript SDK, a client made with rmcp, the official conformance suite. Needs Node.js 20 or later, with npm; and
the network where npm has not kept the packages. Everything is below target/interop, what the programs said in
target/interop/logs. What cannot be run here is a failure that says NOT RUN.

  --only NAME…   these stories alone
  --list         name the stories
";

pub(crate) fn main(repo: &Repo, mut args: Args) -> Result {
    let (list, only) = (args.flag("--list"), args.flag("--only"));
    let names = args.words()?;
    if list {
        for story in STORIES {
            println!("{:<12} {}", story.name, story.tells);
        }
        return Ok(());
    }
    if only == names.is_empty() {
        return Err(Failure::Usage("--only takes names of stories".to_owned()));
    }
    let known = |name: &String| STORIES.iter().any(|story| story.name == name.as_str());
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(Failure::Usage(format!("no story named {unknown:?}: try --list")));
    }
    let stories: Vec<&Story> =
        STORIES.iter().filter(|s| !only || names.iter().any(|name| name == s.name)).collect();
    match run(repo, &stories)? {
        End::Ran(closing) => println!("{closing}"),
        End::NotRun(why) => return failed(format!("NOT RUN: {why}")),
    }
    Ok(())
}

/// As a step of `ci`: an attended run may lack the parts, an unattended one may not.
pub(crate) fn in_ci(repo: &Repo) -> Result<End> {
    match run(repo, &STORIES.iter().collect::<Vec<_>>())? {
        End::NotRun(why) if unattended() => failed(format!("NOT RUN: {why}")),
        end => {
            if let End::Ran(closing) = &end {
                println!("{closing}");
            }
            Ok(end)
        }
    }
}

fn run(repo: &Repo, stories: &[&'static Story]) -> Result<End> {
    let clock = Clock::start();
    let folder = match install::packages(repo)? {
        Ok(folder) => folder,
        Err(Missing(why)) => return Ok(End::NotRun(why)),
    };
    let parts = install::build(repo, folder)?;
    println!("the parts are there after {:.1} s", clock.passed().as_secs_f64());
    let mut table = String::new();
    let (mut passed, mut broken) = (0, Vec::new());
    for story in stories {
        let clock = Clock::start();
        let tally = play(story, &parts);
        let took = clock.passed().as_secs_f64();
        let (good, bad) = (tally.passed, tally.failed.len());
        let _ = writeln!(
            table,
            "{:<12} {good:>4} passed, {bad:>2} failed, {took:>5.1} s  {}",
            story.name, story.tells
        );
        passed += good;
        broken.extend(tally.failed.into_iter().map(|why| format!("{}: {why}", story.name)));
    }
    print!("\n{table}");
    for why in &broken {
        println!("FAILED {why}");
    }
    let took = clock.passed().as_secs_f64();
    let closing =
        format!("interop: {passed} passed, {} failed, 0 not run, {took:.1} s", broken.len());
    if broken.is_empty() { Ok(End::Ran(closing)) } else { failed(closing) }
}

/// A story that breaks off is one failure more; the others are played all the same.
fn play(story: &Story, parts: &Parts) -> Tally {
    println!("\n== {}: {}", story.name, story.tells);
    let mut stage = Stage { parts, story: story.name, tally: Tally::default() };
    if let Err(why) = (story.play)(&mut stage) {
        stage.tally.note(Err(why.to_string()));
    }
    stage.tally
}
