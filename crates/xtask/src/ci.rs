//! `cargo xtask ci`: what every landing and every night runs, as one ordered table.

use std::fmt::Write as _;
use std::time::Duration;

use crate::args::Args;
use crate::repo::{Clock, Failure, Repo, Result, failed, tool};
use crate::{fuzz, mutants, tidy, vectors};

pub(crate) const HELP: &str = "\
usage: cargo xtask ci [--tier landing|nightly] [--skip-tests] [--list]

Runs the steps of a tier in order, with the time of each, and stops at the first failure.

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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tier {
    Landing,
    Nightly,
}

struct Step {
    name: &'static str,
    tier: Tier,
    proves: &'static str,
    work: Work,
}

enum Work {
    /// `cargo` with these words and this environment.
    Cargo(&'static [&'static str], &'static [(&'static str, &'static str)]),
    /// A command of this tool, as it would be typed, and its function; the closing line comes back.
    Own(&'static str, fn(&Repo) -> Result<String>),
}

const STEPS: &[Step] = &[
    Step {
        name: "test",
        tier: Tier::Landing,
        proves: "every test of every crate passes",
        work: Work::Cargo(&["test", "--workspace"], &[]),
    },
    Step {
        name: "fmt",
        tier: Tier::Landing,
        proves: "formatting is settled",
        work: Work::Cargo(&["fmt", "--all", "--check"], &[]),
    },
    Step {
        name: "clippy",
        tier: Tier::Landing,
        proves: "no lint of the workspace is broken",
        work: Work::Cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]),
    },
    Step {
        name: "doc",
        tier: Tier::Landing,
        proves: "documentation builds and its links hold",
        work: Work::Cargo(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")]),
    },
    Step {
        name: "deny",
        tier: Tier::Landing,
        proves: "licences, bans and sources of dependencies are as agreed",
        work: Work::Cargo(&["deny", "check", "bans", "licenses", "sources"], &[]),
    },
    Step {
        name: "tidy",
        tier: Tier::Landing,
        proves: "the rules below hold",
        work: Work::Own("cargo xtask tidy", |repo| tidy::check(repo).map(|()| String::new())),
    },
    Step {
        name: "vectors",
        tier: Tier::Landing,
        proves: "public vectors are judged as their authors say",
        work: Work::Own("cargo xtask vectors", vectors::in_ci),
    },
    Step {
        name: "fuzz",
        tier: Tier::Landing,
        proves: "no target has a finding within 20 seconds",
        work: Work::Own("cargo xtask fuzz --seconds 20", |repo| fuzz::run(repo, 20, &[])),
    },
    Step {
        name: "bench-build",
        tier: Tier::Landing,
        proves: "the benchmarks compile",
        work: Work::Cargo(&["bench", "--package", "portcullis-core", "--no-run"], &[]),
    },
    Step {
        name: "long-fuzz",
        tier: Tier::Nightly,
        proves: "no target has a finding within ten minutes",
        work: Work::Own("cargo xtask fuzz --seconds 600", |repo| fuzz::run(repo, 600, &[])),
    },
    Step {
        name: "long-vectors",
        tier: Tier::Nightly,
        proves: "public vectors are judged as their authors say",
        work: Work::Own("cargo xtask vectors", vectors::in_ci),
    },
    Step {
        name: "mutants",
        tier: Tier::Nightly,
        proves: "the tests notice at least nine changed lines of ten",
        work: Work::Own("cargo xtask mutants --minutes 60", |repo| {
            mutants::run(repo, &mutants::Plan::night())
        }),
    },
    Step {
        name: "bench",
        tier: Tier::Nightly,
        proves: "the figures of docs/PERFORMANCE.md",
        work: Work::Cargo(&["bench", "--package", "portcullis-core"], &[]),
    },
    Step {
        name: "advisories",
        tier: Tier::Nightly,
        proves: "no dependency has a known advisory, where the database can be had",
        work: Work::Own("cargo xtask advisories", advisories),
    },
];

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
    run(repo, &steps)
}

fn run(repo: &Repo, steps: &[&Step]) -> Result {
    let whole = Clock::start();
    let mut summary = String::new();
    for (i, step) in steps.iter().enumerate() {
        println!("\n== {}/{} {}: {}", i + 1, steps.len(), step.name, step.work.typed());
        let clock = Clock::start();
        let outcome = step.work.run(repo);
        let took = seconds(clock.passed());
        match outcome {
            Ok(closing) => {
                let _ = writeln!(summary, "   {:<13} ok {took:>7}  {closing}", step.name);
                println!("== {} ok, {took}", step.name);
            }
            Err(why) => {
                println!("\n== summary\n{summary}   {:<13} FAILED {took}", step.name);
                let left = steps.len() - i - 1;
                println!(
                    "ci: {i} steps passed, 1 failed, {left} not run, {}",
                    seconds(whole.passed())
                );
                return failed(format!("step {} failed: {why}", step.name));
            }
        }
    }
    println!(
        "\n== summary\n{summary}ci: {} steps passed, 0 failed, {}",
        steps.len(),
        seconds(whole.passed())
    );
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

impl Work {
    fn typed(&self) -> String {
        match self {
            Work::Cargo(words, env) => {
                let mut text = String::new();
                for (name, value) in *env {
                    let _ = write!(text, "{name}=\"{value}\" ");
                }
                text + "cargo " + &words.join(" ")
            }
            Work::Own(typed, _) => (*typed).to_owned(),
        }
    }

    fn run(&self, repo: &Repo) -> Result<String> {
        match self {
            Work::Cargo(words, env) => {
                if words.first() == Some(&"deny") {
                    tool(repo, "deny", DENY_VERSION)?;
                }
                repo.show("cargo", words, env)
            }
            Work::Own(_, call) => call(repo),
        }
    }
}

/// The table of CONTRIBUTING.md.
pub(crate) fn steps_table() -> String {
    let mut text =
        "| tier | step | command | what it proves |\n| --- | --- | --- | --- |\n".to_owned();
    for step in STEPS {
        let tier = if step.tier == Tier::Landing { "landing" } else { "nightly" };
        let _ = writeln!(
            text,
            "| {tier} | {} | `{}` | {} |",
            step.name,
            step.work.typed(),
            step.proves
        );
    }
    text
}

pub(crate) fn advisories_main(repo: &Repo, args: Args) -> Result {
    args.end()?;
    advisories(repo).map(|closing| println!("{closing}"))
}

fn advisories(repo: &Repo) -> Result<String> {
    tool(repo, "deny", DENY_VERSION)?;
    let out = repo.capture("cargo", &["deny", "check", "advisories"])?;
    let unreachable = ["failed to fetch advisory database", "failed to load advisory database"];
    if out.ok {
        Ok("advisories: checked, none found".to_owned())
    } else if unreachable.iter().any(|words| out.stderr.contains(words)) {
        Ok("advisories: NOT CHECKED, the RustSec database cannot be had from here".to_owned())
    } else {
        eprint!("{}{}", out.stdout, out.stderr);
        failed("a dependency has an advisory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_names_are_unique() {
        let first_night = STEPS.iter().position(|step| step.tier == Tier::Nightly).unwrap();
        assert!(STEPS[first_night..].iter().all(|step| step.tier == Tier::Nightly));
        for (i, step) in STEPS.iter().enumerate() {
            assert!(STEPS[..i].iter().all(|other| other.name != step.name), "{}", step.name);
        }
    }

    #[test]
    fn the_first_failure_stops_the_run() {
        let step = |call| Step {
            name: "step",
            tier: Tier::Landing,
            proves: "",
            work: Work::Own("step", call),
        };
        let passes = step(|_| Ok("closing line".to_owned()));
        let fails = step(|_| failed("on purpose"));
        let never = step(|_| panic!("ran after a failure"));
        assert!(run(&Repo::at("."), &[&passes, &passes]).is_ok());
        let ended = run(&Repo::at("."), &[&passes, &fails, &never]);
        assert!(ended.unwrap_err().to_string().contains("on purpose"));
    }
}
