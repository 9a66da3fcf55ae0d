//! `cargo xtask ci`: runs what every landing and every night needs, step by step.

use std::fmt::Write as _;
use std::time::Duration;

use crate::args::Args;
use crate::repo::{Clock, End, Failure, Repo, Result, failed, tool};
use crate::steps::{OLDEST_RUST, OLDEST_RUST_FEATURES, STEPS, Step, Tier, Work};
use crate::{fuzz, interop, mutants, tidy, vectors};

pub(crate) const HELP: &str = "\
usage: cargo xtask ci [--tier landing|nightly] [--skip-tests] [--list]

Runs the steps of a tier in order, with the time of each, and stops at the first failure. A step that
cannot run here says so and is counted apart.

  --tier T       landing (the default): before every landing; nightly: long runs, by hand
  --skip-tests   leave out the step `test`, where it has just been run
  --list         print the steps and run nothing
";

pub(crate) const ADVISORIES_HELP: &str = "\
usage: cargo xtask advisories

Runs `cargo deny check advisories`. Where the RustSec database cannot be had, says so and succeeds:
nothing was checked then.
";

pub(crate) const DENY_VERSION: &str = "0.20.2";

pub(crate) fn main(repo: &Repo, mut args: Args) -> Result {
    let tier = match args.option::<String>("--tier")?.as_deref() {
        None | Some("landing") => Tier::Landing,
        Some("nightly") => Tier::Nightly,
        Some(other) => return Err(Failure::Usage(format!("no tier named {other:?}"))),
    };
    let (skip_tests, list) = (args.flag("--skip-tests"), args.flag("--list"));
    args.end()?;
    let wanted = |step: &&Step| step.tier == tier && !(skip_tests && step.name == "test");
    let steps: Vec<&Step> = STEPS.iter().filter(wanted).collect();
    if list {
        for step in steps {
            println!("{:<13} {}", step.name, step.work.typed());
        }
        return Ok(());
    }
    let whole = Clock::start();
    let (tally, outcome) = run(&steps, |step| work(repo, &step.work));
    println!("\n== summary\n{}{}, {}", tally.lines, tally.closing(), seconds(whole.passed()));
    outcome
}

/// What became of the steps.
#[derive(Default)]
struct Tally {
    lines: String,
    passed: usize,
    failed: usize,
    not_run: usize,
}

impl Tally {
    fn closing(&self) -> String {
        format!("ci: {} passed, {} failed, {} not run", self.passed, self.failed, self.not_run)
    }
}

/// Runs the steps up to the first failure.
fn run(steps: &[&Step], mut work: impl FnMut(&Step) -> Result<End>) -> (Tally, Result) {
    let mut tally = Tally::default();
    for (i, step) in steps.iter().enumerate() {
        println!("\n== {}/{} {}: {}", i + 1, steps.len(), step.name, step.work.typed());
        let clock = Clock::start();
        let end = work(step);
        let took = seconds(clock.passed());
        let (verdict, closing) = match &end {
            Ok(End::Ran(closing)) => ("ok", closing.as_str()),
            Ok(End::NotRun(why)) => ("NOT RUN", why.as_str()),
            Err(_) => ("FAILED", ""),
        };
        println!("== {} {verdict}, {took}", step.name);
        let line = format!("   {:<13} {verdict:<7} {took:>7}  {closing}", step.name);
        let _ = writeln!(tally.lines, "{}", line.trim_end());
        match end {
            Ok(End::Ran(_)) => tally.passed += 1,
            Ok(End::NotRun(_)) => tally.not_run += 1,
            Err(why) => {
                tally.failed += 1;
                tally.not_run += steps.len() - i - 1;
                return (tally, failed(format!("step {} failed: {why}", step.name)));
            }
        }
    }
    (tally, Ok(()))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn work(repo: &Repo, work: &Work) -> Result<End> {
    match work {
        Work::Cargo(words, env) => {
            if words.first() == Some(&"deny") {
                tool(repo, "deny", DENY_VERSION)?;
            }
            repo.show("cargo", words, env).map(End::Ran)
        }
        Work::Tidy => tidy::check(repo).map(End::Ran),
        Work::Vectors => vectors::in_ci(repo),
        Work::Interop => interop::in_ci(repo),
        Work::Fuzz { seconds } => fuzz::run(repo, *seconds, &[]).map(End::Ran),
        Work::Mutants { minutes } => {
            mutants::run(repo, &mutants::Plan::whole(*minutes)).map(End::Ran)
        }
        Work::Advisories => advisories(repo),
        Work::OldestRust => oldest_rust(repo),
    }
}

fn oldest_rust(repo: &Repo) -> Result<End> {
    let has_it = repo.capture("rustup", &["run", OLDEST_RUST, "rustc", "--version"]);
    if !has_it.is_ok_and(|out| out.ok) {
        return Ok(End::NotRun(format!("NOT CHECKED: rustup toolchain install {OLDEST_RUST}")));
    }
    let check = [
        "run",
        OLDEST_RUST,
        "cargo",
        "check",
        "--workspace",
        "--all-targets",
        "--features",
        OLDEST_RUST_FEATURES,
        "--locked",
    ];
    // A build of its own, so that the other one is not thrown away.
    repo.show("rustup", &check, &[("CARGO_TARGET_DIR", "target/oldest-rust")]).map(End::Ran)
}

pub(crate) fn advisories_main(repo: &Repo, args: Args) -> Result {
    args.end()?;
    let (End::Ran(closing) | End::NotRun(closing)) = advisories(repo)?;
    println!("advisories: {closing}");
    Ok(())
}

fn advisories(repo: &Repo) -> Result<End> {
    tool(repo, "deny", DENY_VERSION)?;
    let out = repo.capture("cargo", &["deny", "--locked", "check", "advisories"])?;
    let unreachable = ["failed to fetch advisory database", "failed to load advisory database"];
    if out.ok {
        Ok(End::Ran("checked, none found".to_owned()))
    } else if unreachable.iter().any(|words| out.stderr.contains(words)) {
        Ok(End::NotRun("NOT CHECKED, the RustSec database cannot be had from here".to_owned()))
    } else {
        eprint!("{}{}", out.stdout, out.stderr);
        failed("a dependency has an advisory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Step =
        Step { name: "step", tier: Tier::Landing, proves: "", work: Work::Cargo(&[], &[]) };

    #[test]
    fn what_did_not_run_is_counted_apart() {
        let mut ends = [End::Ran("closing".to_owned()), End::NotRun("why".to_owned())].into_iter();
        let (tally, outcome) = run(&[&STEP, &STEP], |_| Ok(ends.next().unwrap()));
        assert!(outcome.is_ok());
        assert_eq!(tally.closing(), "ci: 1 passed, 0 failed, 1 not run");
        assert!(tally.lines.contains("closing") && tally.lines.contains("NOT RUN"));
    }

    #[test]
    fn the_first_failure_stops_the_run() {
        let mut runs = 0;
        let (tally, outcome) = run(&[&STEP; 4], |_| {
            runs += 1;
            if runs == 2 { failed("on purpose") } else { Ok(End::Ran(String::new())) }
        });
        assert!(outcome.unwrap_err().to_string().contains("on purpose"));
        assert_eq!((runs, tally.closing().as_str()), (2, "ci: 1 passed, 1 failed, 2 not run"));
    }
}
