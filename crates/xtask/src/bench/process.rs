//! Programs that run for as long as somebody holds on to them, and what the kernel says they cost.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use crate::repo::{Clock, Failure, Repo, Result, failed};

/// Ticks of `utime` and `stime` in a second: the kernel's `USER_HZ`, the same on every Linux.
const TICK: Duration = Duration::from_millis(10);
/// How long a program may take to end that was asked to.
const FAREWELL: Duration = Duration::from_secs(5);
/// What is looked at again and again is looked at so often.
const BEAT: Duration = Duration::from_millis(250);
/// A process of this many beats without change has settled.
const QUIET_BEATS: usize = 4;
const MOST_BEATS: usize = 60;

/// A running program. It ends when this is dropped, and when this tool is killed.
pub(super) struct Process {
    pub(super) name: String,
    child: Child,
    log: PathBuf,
    /// How it is asked to end, where killing it would leave children behind.
    farewell: Option<Command>,
}

/// The command that runs a program on these processors, and kills it when this tool is no more.
pub(super) fn pinned(repo: &Repo, processors: &str, program: &str, args: &[&str]) -> Command {
    // nginx takes TERM as "at once" and tells its workers; the others need no warning.
    let signal = if program.ends_with("nginx") { "TERM" } else { "KILL" };
    let mut command = repo.command("setpriv", &["--pdeathsig", signal, "--"]);
    command.args(["taskset", "--cpu-list", processors, program]).args(args);
    command
}

impl Process {
    /// Starts a program; what it says goes to a file.
    pub(super) fn start(name: &str, mut command: Command, log: PathBuf) -> Result<Self> {
        let told = |e: std::io::Error| Failure::Failed(format!("{name} does not start: {e}"));
        let out = File::create(&log).map_err(told)?;
        let err = out.try_clone().map_err(told)?;
        let child = command.stdout(out).stderr(err).spawn().map_err(told)?;
        Ok(Process { name: name.to_owned(), child, log, farewell: None })
    }

    pub(super) fn with_farewell(mut self, farewell: Command) -> Self {
        self.farewell = Some(farewell);
        self
    }

    /// The end of what it said, for a failure's message.
    pub(super) fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(20).collect();
        let lines: Vec<&str> = lines.into_iter().rev().collect();
        if lines.is_empty() { String::new() } else { format!("\nit said:\n{}", lines.join("\n")) }
    }

    /// User and system time of the program and its children, since each began.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let ticks = self.family()?.iter().map(|stat| stat.ticks).sum::<u32>();
        Ok(TICK * ticks)
    }

    /// Resident memory of the program and its children. What children share counts for each of them.
    pub(super) fn resident_kib(&self) -> Result<u64> {
        self.family()?.iter().map(|stat| resident_kib(stat.pid)).sum()
    }

    /// Resident memory once it has stopped changing.
    pub(super) fn settled_kib(&self) -> Result<u64> {
        let (mut last, mut quiet) = (self.resident_kib()?, 0);
        for _ in 0..MOST_BEATS {
            pause(BEAT);
            let now = self.resident_kib()?;
            // A page here and there is a timer at work.
            quiet = if now.abs_diff(last) <= 16 { quiet + 1 } else { 0 };
            last = now;
            if quiet >= QUIET_BEATS {
                break;
            }
        }
        Ok(last)
    }

    fn family(&self) -> Result<Vec<Stat>> {
        let all = processes()?;
        let mut wanted = vec![self.child.id()];
        // Children have been found when their parents have: one pass for each generation.
        loop {
            let known = wanted.len();
            for stat in &all {
                if wanted.contains(&stat.parent) && !wanted.contains(&stat.pid) {
                    wanted.push(stat.pid);
                }
            }
            if wanted.len() == known {
                break;
            }
        }
        if all.iter().any(|stat| stat.pid == self.child.id()) {
            Ok(all.into_iter().filter(|stat| wanted.contains(&stat.pid)).collect())
        } else {
            failed(format!("{} has ended{}", self.name, self.said()))
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(farewell) = &mut self.farewell {
            let _ = farewell.output();
            let clock = Clock::start();
            while clock.passed() < FAREWELL {
                if let Ok(Some(_)) = self.child.try_wait() {
                    return;
                }
                pause(Duration::from_millis(20));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `/proc` says of a process.
struct Stat {
    pid: u32,
    parent: u32,
    ticks: u32,
}

fn processes() -> Result<Vec<Stat>> {
    let entries = fs::read_dir("/proc")
        .map_err(|e| Failure::Failed(format!("CPU time is read from /proc, which is not: {e}")))?;
    let texts = entries.flatten().filter_map(|entry| {
        let is_process = entry.file_name().to_string_lossy().parse::<u32>().is_ok();
        is_process.then(|| fs::read_to_string(entry.path().join("stat")).ok()).flatten()
    });
    Ok(texts.filter_map(|text| stat(&text)).collect())
}

/// See `proc_pid_stat(5)`. The name in parentheses may hold anything, parentheses too.
fn stat(text: &str) -> Option<Stat> {
    let (pid, rest) = text.split_once(' ')?;
    let fields: Vec<&str> = rest.rsplit_once(") ")?.1.split(' ').collect();
    let number = |place: usize| fields.get(place)?.parse::<u32>().ok();
    // Counted from the third field, the state.
    let ticks = number(11)? + number(12)?;
    Some(Stat { pid: pid.parse().ok()?, parent: number(1)?, ticks })
}

/// `smaps_rollup` is exact; the figure in `status` lags behind by some pages for each thread.
fn resident_kib(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path)
        .map_err(|e| Failure::Failed(format!("{path} cannot be read: {e}")))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let figure = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    figure.ok_or_else(|| Failure::Failed(format!("{path} has no Rss")))
}

#[expect(clippy::disallowed_methods, reason = "a foreign program cannot be awaited otherwise")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read_whatever_the_program_is_called() {
        let line = "4711 (a ) (b) S 12 4711 4711 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 1 0 99";
        let read = stat(line).unwrap();
        assert_eq!((read.pid, read.parent, read.ticks), (4711, 12, 300));
        assert!(stat("4711 (a) S 12").is_none());
    }
}
