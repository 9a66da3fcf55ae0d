//! `cargo xtask mutants`: changes one line at a time and sees whether a test notices.
//!
//! cargo-mutants makes the changes, in place, in copies of the tree that live below target/ and keep
//! their own build: a mutant costs one incremental build of the core and its tests. The order is
//! shuffled by a seed, so that a run that is cut short is a sample and can be repeated.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::args::Args;
use crate::repo::{Clock, Failure, Repo, Result, failed, tool};

pub(crate) const HELP: &str = "\
usage: cargo xtask mutants [--minutes N] [--seed S] [--jobs N] [MODULE…]

Mutates modules of portcullis-core (token keys operation policy) and runs the tests of that crate.
Fails below 90 % killed. Survivors are written to docs/mutant-survivors.txt.

  --minutes N   no mutant is begun after this time (60); what was not begun counts as untested
  --seed S      order of the mutants (random, printed)
  --jobs N      copies of the tree that work side by side (2)
";

const MUTANTS_VERSION: &str = "27.1.0";
const PACKAGE: &str = "portcullis-core";
const MODULES: &[&str] = &["token", "keys", "operation", "policy"];
const SURVIVORS: &str = "docs/mutant-survivors.txt";
const ENOUGH_PERCENT: usize = 90;
const MINUTES: u64 = 60;
const JOBS: usize = 2;

/// Doc tests and benches prove nothing here and cost a link each.
const TESTS: &[&str] = &["--lib", "--tests"];

pub(crate) struct Plan {
    minutes: u64,
    seed: u64,
    jobs: usize,
    modules: Vec<String>,
}

impl Plan {
    /// All modules, in a random order.
    pub(crate) fn whole(minutes: u64) -> Self {
        let modules = MODULES.iter().map(|m| (*m).to_owned()).collect();
        let seed = std::hash::RandomState::new().build_hasher().finish() % 1_000_000;
        Plan { minutes, seed, jobs: JOBS, modules }
    }
}

pub(crate) fn main(repo: &Repo, mut args: Args) -> Result {
    let mut plan = Plan::whole(args.option("--minutes")?.unwrap_or(MINUTES));
    plan.seed = args.option("--seed")?.unwrap_or(plan.seed);
    plan.jobs = args.option("--jobs")?.unwrap_or(plan.jobs).max(1);
    let words = args.words()?;
    if !words.is_empty() {
        plan.modules = words;
    }
    run(repo, &plan).map(|closing| println!("{closing}"))
}

/// What became of the mutants that were tried.
#[derive(Default)]
struct Outcome {
    caught: Vec<String>,
    /// Ran until stopped: a test that hangs is noticed as well.
    timeout: Vec<String>,
    missed: Vec<String>,
    /// Did not compile: says nothing about the tests.
    unviable: Vec<String>,
}

impl Outcome {
    fn killed(&self) -> usize {
        self.caught.len() + self.timeout.len()
    }

    fn tried(&self) -> usize {
        self.killed() + self.missed.len() + self.unviable.len()
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        [&self.caught, &self.timeout, &self.missed, &self.unviable].into_iter().flatten()
    }

    /// Of the mutants that compiled.
    fn percent(&self) -> usize {
        let viable = self.killed() + self.missed.len();
        (self.killed() * 100).checked_div(viable).unwrap_or(0)
    }

    fn add(&mut self, mut other: Outcome) {
        self.caught.append(&mut other.caught);
        self.timeout.append(&mut other.timeout);
        self.missed.append(&mut other.missed);
        self.unviable.append(&mut other.unviable);
    }
}

/// Runs the plan and answers the closing line.
pub(crate) fn run(repo: &Repo, plan: &Plan) -> Result<String> {
    tool(repo, "mutants", MUTANTS_VERSION)?;
    let files = files(repo, &plan.modules)?;
    let names = list(repo, &files)?;
    let total = names.len();
    let mut order: Vec<usize> = (0..total).collect();
    shuffle(&mut order, plan.seed);
    println!(
        "mutants: {total} in {}, seed {}, {} min, {} jobs",
        plan.modules.join(" "),
        plan.seed,
        plan.minutes,
        plan.jobs
    );
    let copies = copies(repo, plan.jobs)?;
    let (first, others) =
        copies.split_first().ok_or_else(|| Failure::Failed("no copy".to_owned()))?;
    let limit = baseline(first)?;
    for other in others {
        share_build(repo, first, other)?;
    }
    let time = Duration::from_secs(plan.minutes * 60);
    let hunt = Hunt { files, names, limit, time, clock: Clock::start() };
    let (outcome, ended) = hunt.run(&copies, VecDeque::from(order));
    write_survivors(repo, plan, &outcome, total)?;
    let closing = closing(&outcome, total);
    if let Err(why) = ended {
        return failed(format!("{closing}; cut short: {why}"));
    }
    if outcome.percent() >= ENOUGH_PERCENT {
        Ok(closing)
    } else {
        failed(format!("{closing}; {ENOUGH_PERCENT} % are asked for, survivors in {SURVIVORS}"))
    }
}

fn closing(outcome: &Outcome, total: usize) -> String {
    format!(
        "mutants: {} killed ({} by time), {} survived, {} % killed; {} did not compile; {} of {total} tried, {} untested",
        outcome.killed(),
        outcome.timeout.len(),
        outcome.missed.len(),
        outcome.percent(),
        outcome.unviable.len(),
        outcome.tried(),
        total - outcome.tried(),
    )
}

/// The source files of the modules, as arguments of cargo-mutants.
fn files(repo: &Repo, modules: &[String]) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for module in modules {
        let source = format!("crates/{PACKAGE}/src/{module}");
        let (file, folder) = (format!("{source}.rs"), repo.path(&source).is_dir());
        if !folder && !repo.path(&file).is_file() {
            return failed(format!("{PACKAGE} has no module {module}"));
        }
        words.extend(["--file".to_owned(), file]);
        if folder {
            words.extend(["--file".to_owned(), format!("{source}/**/*.rs")]);
        }
    }
    Ok(words)
}

/// The names of all mutants of the files, in the order of cargo-mutants.
fn list(repo: &Repo, files: &[String]) -> Result<Vec<String>> {
    let words = ["mutants", "--list", "--no-config", "--no-shuffle", "--package", PACKAGE];
    let words: Vec<&str> = words.into_iter().chain(files.iter().map(String::as_str)).collect();
    let out = repo.capture("cargo", &words)?;
    let names: Vec<String> = out.stdout.lines().map(str::to_owned).collect();
    if out.ok && !names.is_empty() {
        Ok(names)
    } else {
        failed(format!("no mutants:\n{}", out.stderr))
    }
}

/// Fisher and Yates by `SplitMix64`: the same order for the same seed on every machine.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    for i in (1..items.len()).rev() {
        let bound = u64::try_from(i + 1).unwrap_or(u64::MAX);
        items.swap(i, usize::try_from(next() % bound).unwrap_or(0));
    }
}

/// Copies of the tree below target/, each with a build of its own that is kept from run to run.
fn copies(repo: &Repo, jobs: usize) -> Result<Vec<Repo>> {
    let files = repo.files()?;
    (0..jobs)
        .map(|i| {
            let root = repo.path(&format!("target/mutants/{i}"));
            let copy = Repo::at(&root);
            std::fs::create_dir_all(&root)
                .map_err(|e| Failure::Failed(format!("{}: {e}", root.display())))?;
            // A file that is gone must go; one that is the same keeps its time, and its build.
            for stale in copy.files()?.iter().filter(|path| !files.contains(path)) {
                let _ = std::fs::remove_file(copy.path(stale));
            }
            for path in &files {
                copy_if_different(&repo.path(path), &copy.path(path))?;
            }
            Ok(copy)
        })
        .collect()
}

fn copy_if_different(from: &Path, to: &Path) -> Result {
    let read =
        |e: std::io::Error| Failure::Failed(format!("{} cannot be copied: {e}", from.display()));
    let bytes = std::fs::read(from).map_err(read)?;
    if std::fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    to.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(read)?;
    std::fs::write(to, bytes).map_err(read)
}

/// Builds and runs the tests unchanged; answers how long a changed run may take before it is stopped.
fn baseline(copy: &Repo) -> Result<u64> {
    println!("baseline: building and running the unchanged tests");
    let words = [&["test", "--quiet", "--package", PACKAGE], TESTS].concat();
    copy.show("cargo", &words, &[])?;
    let clock = Clock::start();
    copy.show("cargo", &words, &[])?;
    Ok((clock.passed().as_secs() * 5).max(30))
}

/// Gives a copy the finished build of another, so that dependencies are built once.
fn share_build(repo: &Repo, from: &Repo, to: &Repo) -> Result {
    if to.path("target").is_dir() {
        return Ok(());
    }
    let (from, to) = (from.path("target"), to.path("target"));
    let out =
        repo.capture("cp", &["-a", &from.display().to_string(), &to.display().to_string()])?;
    if out.ok { Ok(()) } else { failed(format!("the build cannot be shared: {}", out.stderr)) }
}

/// One run over all mutants.
struct Hunt {
    files: Vec<String>,
    names: Vec<String>,
    /// Seconds a changed run may take.
    limit: u64,
    time: Duration,
    clock: Clock,
}

impl Hunt {
    /// Lets every copy take mutants until none is left, the time is up or one cannot be tried. What was
    /// learned up to then counts in any case.
    fn run(&self, copies: &[Repo], order: VecDeque<usize>) -> (Outcome, Result) {
        let (queue, whole) = (Mutex::new(order), Mutex::new(Outcome::default()));
        let ended = std::thread::scope(|scope| {
            let (queue, whole) = (&queue, &whole);
            let work = |copy| scope.spawn(move || self.work(copy, queue, whole));
            let threads: Vec<_> = copies.iter().map(work).collect();
            let ends: Vec<Result> = threads
                .into_iter()
                .map(|t| t.join().unwrap_or_else(|_| failed("a worker panicked")))
                .collect();
            ends.into_iter().collect()
        });
        (whole.into_inner().unwrap_or_else(PoisonError::into_inner), ended)
    }

    fn work(&self, copy: &Repo, queue: &Mutex<VecDeque<usize>>, whole: &Mutex<Outcome>) -> Result {
        while self.clock.passed() < self.time {
            let Some(mutant) = queue.lock().ok().and_then(|mut queue| queue.pop_front()) else {
                break;
            };
            let one = self.try_one(copy, mutant)?;
            one.missed.iter().for_each(|name| println!("survived: {name}"));
            whole.lock().unwrap_or_else(PoisonError::into_inner).add(one);
        }
        Ok(())
    }

    /// Tries the mutant of this number. It is named as a shard of one, since `--re` lets some kinds of
    /// mutant through that it does not match.
    fn try_one(&self, copy: &Repo, mutant: usize) -> Result<Outcome> {
        let out_folder = "target/tried";
        let (limit, shard) = (self.limit.to_string(), format!("{mutant}/{}", self.names.len()));
        let mut words =
            vec!["mutants", "--in-place", "--no-config", "--baseline=skip", "--no-shuffle"];
        words.extend(["--package", PACKAGE, "--timeout", &limit, "--output", out_folder]);
        words.extend(["--sharding=round-robin", "--shard", &shard]);
        words.extend(self.files.iter().map(String::as_str));
        words.extend(["--"].into_iter().chain(TESTS.iter().copied()));
        std::fs::create_dir_all(copy.path(out_folder))
            .map_err(|e| Failure::Failed(format!("{out_folder} cannot be made: {e}")))?;
        let out = copy.capture("cargo", &words)?;
        let read = |name: &str| -> Vec<String> {
            let text =
                copy.read(&format!("{out_folder}/mutants.out/{name}.txt")).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        };
        let outcome = Outcome {
            caught: read("caught"),
            timeout: read("timeout"),
            missed: read("missed"),
            unviable: read("unviable"),
        };
        if outcome.tried() == 1 && outcome.names().next() == self.names.get(mutant) {
            Ok(outcome)
        } else {
            let wanted = self.names.get(mutant);
            failed(format!(
                "mutant {mutant} ({wanted:?}) was not tried:\n{}{}",
                out.stdout, out.stderr
            ))
        }
    }
}

fn write_survivors(repo: &Repo, plan: &Plan, outcome: &Outcome, total: usize) -> Result {
    let mut text = format!(
        "# Mutants that no test noticed, from the last run of:\n\
         # cargo xtask mutants --minutes {} --seed {} {}\n# {}\n",
        plan.minutes,
        plan.seed,
        plan.modules.join(" "),
        closing(outcome, total)
    );
    let mut missed: Vec<&String> = outcome.missed.iter().collect();
    missed.sort();
    for name in missed {
        let _ = writeln!(text, "{name}");
    }
    repo.write(SURVIVORS, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_order_of_the_same_items() {
        let items: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        let order = |seed| {
            let mut items = items.clone();
            shuffle(&mut items, seed);
            items
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let mut sorted = order(3);
        sorted.sort_by_key(|i| i.parse::<u32>().unwrap());
        assert_eq!(sorted, items);
    }

    #[test]
    fn only_what_compiled_counts() {
        let names = |n: usize| vec![String::new(); n];
        let outcome =
            Outcome { caught: names(8), timeout: names(1), missed: names(1), unviable: names(5) };
        assert_eq!((outcome.percent(), outcome.tried()), (90, 15));
        assert!(
            closing(&outcome, 20).ends_with(
                "1 survived, 90 % killed; 5 did not compile; 15 of 20 tried, 5 untested"
            )
        );
        assert_eq!(Outcome::default().percent(), 0, "nothing tried is not enough");
    }
}
