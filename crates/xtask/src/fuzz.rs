//! `cargo xtask fuzz`: every fuzz target for a while, from the corpus that is checked in.
//!
//! No sanitizer is asked for, so that a stable toolchain will do: the code under test has no `unsafe`,
//! and what is looked for are panics, overflows, hangs and broken promises.

use serde_json::Value;

use crate::args::Args;
use crate::repo::{Clock, Failure, Repo, Result, failed, tool};

pub(crate) const HELP: &str = "\
usage: cargo xtask fuzz [--seconds N] [--merge] [--list] [TARGET…]

Runs the targets of fuzz/Cargo.toml (all of them, or those named) from fuzz/corpus/TARGET.
New inputs go to fuzz/target/found/TARGET, findings to fuzz/artifacts/TARGET; a finding fails.

  --seconds N   time for each target (20)
  --merge       afterwards take the new inputs that reach new code into fuzz/corpus/TARGET
  --list        name the targets
";

const FUZZ_VERSION: &str = "0.13.2";

/// Longer inputs find nothing that these do not, and cost time.
const MAX_INPUT: &str = "-max_len=16384";

pub(crate) fn main(repo: &Repo, mut args: Args) -> Result {
    let seconds = args.option::<u32>("--seconds")?.unwrap_or(20);
    let (merge, list) = (args.flag("--merge"), args.flag("--list"));
    let wanted = args.words()?;
    if list {
        targets(repo)?.iter().for_each(|target| println!("{target}"));
        return Ok(());
    }
    let closing = run(repo, seconds, &wanted)?;
    if merge {
        for target in chosen(repo, &wanted)? {
            merge_new(repo, &target)?;
        }
    }
    println!("{closing}");
    Ok(())
}

/// Runs the targets and answers the closing line.
pub(crate) fn run(repo: &Repo, seconds: u32, wanted: &[String]) -> Result<String> {
    tool(repo, "fuzz", FUZZ_VERSION)?;
    let targets = chosen(repo, wanted)?;
    for target in &targets {
        repo.show("cargo", &["fuzz", "build", "--sanitizer=none", target], &[])?;
    }
    let mut inputs = 0;
    for target in &targets {
        inputs += one(repo, target, seconds)?;
    }
    Ok(format!("fuzz: {} targets, {inputs} inputs, {seconds} s each, 0 findings", targets.len()))
}

fn one(repo: &Repo, target: &str, seconds: u32) -> Result<u64> {
    let (found, seeds) = folders(repo, target)?;
    let time = format!("-max_total_time={seconds}");
    let clock = Clock::start();
    let words = [
        "fuzz",
        "run",
        "--sanitizer=none",
        target,
        &found,
        &seeds,
        "--",
        &time,
        MAX_INPUT,
        "-timeout=5",
    ];
    let out =
        repo.capture("cargo", &[&words[..], &["-verbosity=0", "-print_final_stats=1"]].concat())?;
    if !out.ok {
        eprint!("{}{}", out.stdout, out.stderr);
        return failed(format!("target {target} has a finding: see fuzz/artifacts/{target}"));
    }
    let inputs = out.stderr.lines().find_map(|line| {
        line.strip_prefix("stat::number_of_executed_units:")
            .and_then(|count| count.trim().parse().ok())
    });
    let Some(inputs) = inputs else {
        return failed(format!(
            "target {target} did not say how many inputs it ran:\n{}",
            out.stderr
        ));
    };
    println!(
        "fuzz {target:<14} {inputs:>10} inputs in {:>4.0} s, no finding",
        clock.passed().as_secs_f64()
    );
    Ok(inputs)
}

fn merge_new(repo: &Repo, target: &str) -> Result {
    let (found, seeds) = folders(repo, target)?;
    let words =
        ["fuzz", "run", "--sanitizer=none", target, &seeds, &found, "--", "-merge=1", MAX_INPUT];
    repo.show("cargo", &words, &[]).map(|_| ())
}

/// Where new inputs go, and where the seeds are. Paths from the root, where cargo-fuzz is started.
fn folders(repo: &Repo, target: &str) -> Result<(String, String)> {
    let (found, seeds) = (format!("fuzz/target/found/{target}"), format!("fuzz/corpus/{target}"));
    let seeded = std::fs::read_dir(repo.path(&seeds)).is_ok_and(|mut files| files.next().is_some());
    if !seeded {
        return failed(format!(
            "{seeds} has no seed: a target that starts from nothing finds nothing"
        ));
    }
    std::fs::create_dir_all(repo.path(&found))
        .map_err(|e| Failure::Failed(format!("{found} cannot be made: {e}")))?;
    Ok((found, seeds))
}

fn chosen(repo: &Repo, wanted: &[String]) -> Result<Vec<String>> {
    let all = targets(repo)?;
    match wanted.iter().find(|name| !all.contains(name)) {
        Some(unknown) => {
            Err(Failure::Usage(format!("no target named {unknown:?}; there are {all:?}")))
        }
        None if wanted.is_empty() => Ok(all),
        None => Ok(wanted.to_vec()),
    }
}

fn targets(repo: &Repo) -> Result<Vec<String>> {
    let metadata = repo.metadata("fuzz/Cargo.toml")?;
    let binaries = metadata.pointer("/packages/0/targets").and_then(Value::as_array);
    let binaries =
        binaries.into_iter().flatten().filter_map(|t| t.get("name").and_then(Value::as_str));
    let names: Vec<String> = binaries.map(str::to_owned).collect();
    if names.is_empty() { failed("fuzz/Cargo.toml has no targets") } else { Ok(names) }
}
