//! `cargo xtask fuzz`: every fuzz target for a while, from the corpus that is checked in.
//!
//! No sanitizer is asked for, so that a stable toolchain will do: the code under test has no `unsafe`,
//! and what is looked for are panics, overflows, hangs and broken promises.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::args::Args;
use crate::repo::{Clock, Failure, Repo, Result, failed, tool};

pub(crate) const HELP: &str = "\
usage: cargo xtask fuzz [--seconds N] [--jobs N] [--merge] [--list] [TARGET…]

Runs the targets of fuzz/Cargo.toml (all of them, or those named) from fuzz/corpus/TARGET, with the words
of fuzz/dictionaries/TARGET.dict. New inputs go to fuzz/target/found/TARGET, findings to
fuzz/artifacts/TARGET; a finding fails, after the other targets have run.

  --seconds N   time for each target (20)
  --jobs N      targets run at the same time (as many as there are processors)
  --merge       afterwards take the new inputs that reach new code into fuzz/corpus/TARGET
  --list        name the targets
";

const FUZZ_VERSION: &str = "0.13.2";

/// Longer inputs find nothing that these do not, and cost time.
const MAX_INPUT: &str = "-max_len=16384";

pub(crate) fn main(repo: &Repo, mut args: Args) -> Result {
    let seconds = args.option::<u32>("--seconds")?.unwrap_or(20);
    let jobs = args.option::<NonZero<usize>>("--jobs")?.unwrap_or_else(processors);
    let (merge, list) = (args.flag("--merge"), args.flag("--list"));
    let wanted = args.words()?;
    if list {
        targets(repo)?.iter().for_each(|target| println!("{target}"));
        return Ok(());
    }
    let closing = run_side_by_side(repo, seconds, jobs, &wanted)?;
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
    run_side_by_side(repo, seconds, processors(), wanted)
}

fn processors() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

fn run_side_by_side(
    repo: &Repo,
    seconds: u32,
    jobs: NonZero<usize>,
    wanted: &[String],
) -> Result<String> {
    tool(repo, "fuzz", FUZZ_VERSION)?;
    let targets = chosen(repo, wanted)?;
    repo.show("cargo", &["fuzz", "build", "--sanitizer=none"], &[])?;
    let outcomes = side_by_side(&targets, jobs, |target| one(repo, target, seconds));
    let inputs = outcomes.into_iter().sum::<Result<u64>>()?;
    Ok(format!("fuzz: {} targets, {inputs} inputs, {seconds} s each, 0 findings", targets.len()))
}

/// Does `work` for each item, for `jobs` of them at a time; the answers come in the order of the items.
fn side_by_side<T: Sync, A: Send>(
    items: &[T],
    jobs: NonZero<usize>,
    work: impl Fn(&T) -> A + Sync,
) -> Vec<A> {
    let queue = Mutex::new(items.iter().enumerate());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let answers = Mutex::new(Vec::new());
    let worker = || {
        while let Some((place, item)) = next() {
            let answer = work(item);
            answers.lock().unwrap_or_else(PoisonError::into_inner).push((place, answer));
        }
    };
    // The scope waits for all of them, and panics where one did.
    thread::scope(|scope| (0..jobs.get()).for_each(|_| drop(scope.spawn(worker))));
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Runs one target, silently unless it has a finding, and counts its inputs.
fn one(repo: &Repo, target: &str, seconds: u32) -> Result<u64> {
    let (found, seeds) = folders(repo, target)?;
    let time = format!("-max_total_time={seconds}");
    let clock = Clock::start();
    let mut words = vec!["fuzz", "run", "--sanitizer=none", target, &found, &seeds, "--", &time];
    words.extend([MAX_INPUT, "-timeout=5", "-verbosity=0", "-print_final_stats=1"]);
    let dictionary = format!("-dict=fuzz/dictionaries/{target}.dict");
    if repo.path(dictionary.trim_start_matches("-dict=")).exists() {
        words.push(&dictionary);
    }
    let out = repo.capture("cargo", &words)?;
    if !out.ok {
        eprint!("{}{}", out.stdout, out.stderr);
        return failed(format!("target {target} has a finding: see fuzz/artifacts/{target}"));
    }
    let Some(inputs) = inputs(&out.stderr) else {
        return failed(format!("target {target} does not count its inputs:\n{}", out.stderr));
    };
    let took = clock.passed().as_secs_f64();
    println!("fuzz {target:<14} {inputs:>10} inputs in {took:>4.0} s, no finding");
    Ok(inputs)
}

/// What libFuzzer says at its end.
fn inputs(report: &str) -> Option<u64> {
    let mut counts =
        report.lines().filter_map(|l| l.strip_prefix("stat::number_of_executed_units:"));
    counts.next()?.trim().parse().ok()
}

/// Keeps inputs for the code they reach, not for how often: that would be hundreds.
fn merge_new(repo: &Repo, target: &str) -> Result {
    let (found, seeds) = folders(repo, target)?;
    let mut words = vec!["fuzz", "run", "--sanitizer=none", target, &seeds, &found, "--"];
    words.extend(["-set_cover_merge=1", "-use_counters=0", MAX_INPUT]);
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

/// The targets that fuzz/Cargo.toml names.
pub(crate) fn targets(repo: &Repo) -> Result<Vec<String>> {
    let metadata = repo.metadata("fuzz/Cargo.toml")?;
    let targets = metadata.pointer("/packages/0/targets").and_then(Value::as_array);
    let is_binary = |t: &&Value| t.pointer("/kind/0").and_then(Value::as_str) == Some("bin");
    let binaries = targets.into_iter().flatten().filter(is_binary);
    let names = binaries.filter_map(|binary| binary.get("name").and_then(Value::as_str));
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.is_empty() { failed("fuzz/Cargo.toml has no targets") } else { Ok(names) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_order_from_as_many_workers_as_allowed() {
        for jobs in 1..=4 {
            let together = Mutex::new((0, 0));
            let square = |n: &u64| {
                let mut now = together.lock().unwrap();
                *now = (now.0 + 1, now.1.max(now.0 + 1));
                drop(now);
                thread::yield_now();
                together.lock().unwrap().0 -= 1;
                n * n
            };
            let jobs = NonZero::new(jobs).unwrap();
            assert_eq!(side_by_side(&[3, 1, 2], jobs, square), [9, 1, 4]);
            assert!(together.lock().unwrap().1 <= jobs.get());
        }
    }

    #[test]
    fn the_number_of_inputs_is_found_in_the_report() {
        let report = "#1 INITED\nstat::number_of_executed_units: 4711\nstat::peak_rss_mb: 30\n";
        assert_eq!(inputs(report), Some(4711));
        assert_eq!(inputs("Done 4711 runs"), None);
    }
}
