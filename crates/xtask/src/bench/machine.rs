//! What the machine has: processors to share out, files to open, the foreign proxies, what was built.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::contender::Proxy;
use super::{CONNECTIONS, Plan};
use crate::repo::{Failure, Repo, Result, failed};

/// The packages of the foreign proxies, where they are missing.
const PACKAGES: [&str; 2] = ["nginx-light", "haproxy"];

/// Which processors do what, as taskset names them.
pub(super) struct Processors {
    pub(super) proxy: String,
    pub(super) rest: String,
}

impl Processors {
    /// The last ones for the proxy, the others for what is around it.
    pub(super) fn shared_out(workers: usize) -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")
            .map_err(|e| Failure::Failed(format!("the bench needs Linux: {e}")))?;
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let mut all = listed(line.unwrap_or_default().trim());
        if workers == 0 || all.len() <= workers {
            let wanted = workers + 1;
            return failed(format!("{} processors are too few: {wanted} at least", all.len()));
        }
        let proxy = all.split_off(all.len() - workers);
        let join =
            |list: Vec<usize>| list.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        Ok(Processors { proxy: join(proxy), rest: join(all) })
    }
}

/// `0-2,5` in full.
fn listed(text: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(from.parse::<usize>().ok()?..=to.parse().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

/// As many connections with clients as there are files for: each has one with the server as well.
pub(super) fn connections(plan: &Plan) -> Result<usize> {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let limit = line.and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
    let connections = limit.unwrap_or(1024).saturating_sub(200) / 2;
    if connections < plan.streams.max(CONNECTIONS) {
        return failed(format!("the limit of open files leaves {connections} streams: ulimit -n"));
    }
    Ok(connections)
}

/// Debian keeps them where only root looks.
pub(super) fn nginx() -> String {
    system_program("nginx")
}

pub(super) fn haproxy() -> String {
    system_program("haproxy")
}

fn system_program(name: &str) -> String {
    let path = format!("/usr/sbin/{name}");
    if Path::new(&path).exists() { path } else { name.to_owned() }
}

/// Sees to it that the foreign proxies are there, and what pins and ends them.
pub(super) fn foreign_programs(repo: &Repo) -> Result {
    let starts = |program: &str, word: &str| repo.capture(program, &[word]).is_ok_and(|out| out.ok);
    if !starts("taskset", "--version") || !starts("setpriv", "--version") {
        return failed("taskset and setpriv are missing: they are in the package util-linux");
    }
    if starts(&nginx(), "-v") && starts(&haproxy(), "-v") {
        return Ok(());
    }
    let root = repo.capture("id", &["-u"]).is_ok_and(|out| out.stdout.trim() == "0");
    if !root || !starts("apt-get", "--version") {
        return failed(format!(
            "nginx or HAProxy is missing: apt-get install {}",
            PACKAGES.join(" ")
        ));
    }
    println!("installing {}", PACKAGES.join(" and "));
    let mut words = vec!["install", "--yes", "--no-install-recommends"];
    words.extend(PACKAGES);
    repo.show("apt-get", &words, &[("DEBIAN_FRONTEND", "noninteractive")]).map(|_| ())
}

/// What was built, and a folder beside it for the run.
pub(super) struct Built {
    pub(super) programs: String,
    pub(super) gateway: String,
    pub(super) folder: PathBuf,
}

impl Built {
    pub(super) fn release(repo: &Repo, plan: &Plan) -> Result<Self> {
        let metadata = repo.metadata("Cargo.toml")?;
        let Some(target) = metadata.get("target_directory").and_then(Value::as_str) else {
            return failed("cargo metadata names no target directory");
        };
        let ours = plan.contenders.iter().any(|contender| contender.proxy == Proxy::Portcullis);
        // Apart from each other, so that what the example needs of a crate does not get into the gateway.
        let wanted = [("--example", "gateway-bench", true), ("--bin", "portcullis", ours)];
        for (kind, name, _) in wanted.iter().filter(|(_, _, wanted)| *wanted) {
            let words = ["build", "--release", "--locked", "--package", "portcullis", kind, name];
            repo.show("cargo", &words, &[])?;
        }
        Ok(Built {
            programs: format!("{target}/release/examples/gateway-bench"),
            gateway: format!("{target}/release/portcullis"),
            folder: PathBuf::from(target).join("gateway-bench"),
        })
    }
}

/// What a reader of the figures must know about the machine and the contenders.
pub(super) fn facts(repo: &Repo, processors: &Processors, plan: &Plan) -> Result<String> {
    let line = |path: &str, name: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.rsplit(": ").next().unwrap_or_default().trim().to_owned()
    };
    let said = |program: &str, args: &[&str]| -> Result<String> {
        let out = repo.capture(program, args)?;
        let text = if out.stdout.is_empty() { out.stderr } else { out.stdout };
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    };
    let mut text = String::from("\n");
    let Processors { proxy, rest } = processors;
    let _ = writeln!(
        text,
        "machine     {}, Linux {}, load {}",
        line("/proc/cpuinfo", "model name"),
        line("/proc/sys/kernel/osrelease", ""),
        line("/proc/loadavg", ""),
    );
    let _ = writeln!(text, "processors  {proxy} for the proxy, {rest} for client and server");
    let _ = writeln!(text, "nginx       {}", said(&nginx(), &["-v"])?);
    let _ = writeln!(text, "haproxy     {}", said(&haproxy(), &["-v"])?);
    let _ = writeln!(text, "rustc       {}", said("rustc", &["--version"])?);
    let commit = said("git", &["describe", "--always", "--dirty"])?;
    let _ = writeln!(text, "portcullis  {commit}");
    let _ = writeln!(
        text,
        "calls       {CONNECTIONS} kept connections, {} rounds of {} s; new tokens: {} calls",
        plan.rounds, plan.seconds, plan.tokens
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_read_in_full() {
        assert_eq!(listed("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(listed("3"), [3]);
        assert!(listed("").is_empty());
    }
}
