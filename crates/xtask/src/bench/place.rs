//! Where a run takes place: programs built and found, processors shared out, ports, tokens, the server
//! and the issuer that every contender stands between.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::Value;

use super::contender::{Algorithm, Calls, Contender, Proxy, ROTATION};
use super::process::{Process, pinned};
use super::{CONNECTIONS, Plan, WARM_UP, config};
use crate::repo::{Failure, Output, Repo, Result, failed};

/// The package that both foreign proxies come in, where they are missing.
const PACKAGES: [&str; 2] = ["nginx-light", "haproxy"];

/// Loopback ports of one run. All contenders listen on the same one, in turn.
#[derive(Clone, Copy)]
pub(super) struct Ports([u16; 4]);

impl Ports {
    fn free() -> Result<Self> {
        let bind = |_| TcpListener::bind("127.0.0.1:0").and_then(|l| Ok((l.local_addr()?, l)));
        // All are held until the last is found, so that they differ.
        let found: std::io::Result<Vec<_>> = (0..4).map(bind).collect();
        let found = found.map_err(|e| Failure::Failed(format!("no free port: {e}")))?;
        let mut ports = [0; 4];
        ports.iter_mut().zip(&found).for_each(|(port, (address, _))| *port = address.port());
        Ok(Ports(ports))
    }

    #[cfg(test)]
    pub(super) fn of(ports: [u16; 4]) -> Self {
        Ports(ports)
    }

    pub(super) fn proxy(self) -> String {
        format!("127.0.0.1:{}", self.0[0])
    }

    pub(super) fn upstream(self) -> String {
        format!("127.0.0.1:{}", self.0[1])
    }

    pub(super) fn issuer(self) -> String {
        format!("127.0.0.1:{}", self.0[2])
    }

    pub(super) fn admin(self) -> String {
        format!("127.0.0.1:{}", self.0[3])
    }

    pub(super) fn issuer_url(self) -> String {
        format!("http://{}", self.issuer())
    }

    /// The audience of the tokens.
    pub(super) fn resource(self) -> String {
        format!("http://{}/mcp", self.proxy())
    }
}

/// What a configuration depends on.
pub(super) struct Told {
    pub(super) ports: Ports,
    pub(super) folder: String,
    pub(super) workers: usize,
    /// With clients, at most.
    pub(super) connections: usize,
}

pub(super) struct Place<'a> {
    repo: &'a Repo,
    pub(super) ports: Ports,
    folder: PathBuf,
    workers: usize,
    connections: usize,
    processors: Processors,
    programs: PathBuf,
    gateway: PathBuf,
    /// Running until the end.
    servers: Vec<Process>,
}

impl<'a> Place<'a> {
    pub(super) fn prepare(repo: &'a Repo, plan: &Plan) -> Result<Self> {
        let processors = Processors::shared_out(plan.workers)?;
        let connections = connections(plan)?;
        foreign_programs(repo)?;
        let (programs, gateway, folder) = build(repo, plan)?;
        // What a run left behind that was killed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)
            .map_err(|e| Failure::Failed(format!("{} cannot be made: {e}", folder.display())))?;
        let ports = Ports::free()?;
        let mut place = Place {
            repo,
            ports,
            folder,
            workers: plan.workers,
            connections,
            processors,
            programs,
            gateway,
            servers: Vec::new(),
        };
        place.mint(plan)?;
        let (upstream, issuer, resource) = (ports.upstream(), ports.issuer(), ports.resource());
        let servers = [
            place.server("upstream", &["upstream", "--listen", &upstream])?,
            place.server("issuer", &["issuer", "--listen", &issuer, "--resource", &resource])?,
        ];
        place.servers.extend(servers);
        Ok(place)
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> Result<String> {
        let path = self.file(name);
        fs::write(&path, text)
            .map_err(|e| Failure::Failed(format!("{path} cannot be written: {e}")))?;
        Ok(path)
    }

    /// A program of the bench, on the processors that the proxies leave free, until it ends.
    pub(super) fn drive(&self, args: &[&str]) -> Result<Output> {
        let program = self.programs.display().to_string();
        let mut words = vec!["--cpu-list", &self.processors.rest, &program];
        words.extend(args);
        self.repo.capture("taskset", &words)
    }

    /// The same, not awaited.
    pub(super) fn driver(&self, args: &[&str]) -> std::process::Command {
        let program = self.programs.display().to_string();
        pinned(self.repo, &self.processors.rest, &program, args)
    }

    fn server(&self, name: &str, args: &[&str]) -> Result<Process> {
        Process::start(name, self.driver(args), self.folder.join(format!("{name}.log")))
    }

    /// Signs every token that will be used, and writes the keys they are checked with.
    fn mint(&self, plan: &Plan) -> Result {
        for key in ["rsa", "p256"] {
            let asked = |c: &&Contender| matches!(c.calls, Calls::NewTokens(a) if a.key() == key);
            let many = plan.contenders.iter().any(|contender| asked(&contender));
            let count = if many { WARM_UP + plan.tokens } else { ROTATION }.to_string();
            let (issuer, resource) = (self.ports.issuer_url(), self.ports.resource());
            let (tokens, pem) =
                (self.file(&format!("{key}.txt")), self.file(&format!("{key}.pem")));
            println!("signing {count} tokens with {key}");
            let mut words = vec!["tokens", "--key", key, "--count", &count, "--issuer", &issuer];
            words.extend(["--resource", &resource, "--out", &tokens]);
            succeed(self.repo.capture(&self.programs.display().to_string(), &words)?)?;
            succeed(self.drive(&["public", "--key", key, "--out", &pem])?)?;
            let text = fs::read_to_string(&tokens).unwrap_or_default();
            self.write(&format!("{key}-one.txt"), &first_lines(&text, 1))?;
            self.write(&format!("{key}-rotation.txt"), &first_lines(&text, ROTATION))?;
        }
        self.write("opaque.txt", "2YotnFZFEjr1zCsicMWpAAq0v7Hk3uTg9yXzRcB5dLw\n").map(|_| ())
    }

    /// The file of the tokens for such calls.
    pub(super) fn tokens(&self, calls: Calls) -> String {
        match calls {
            Calls::OneToken(algorithm) => self.file(&format!("{}-one.txt", algorithm.key())),
            Calls::Rotation => self.file("rsa-rotation.txt"),
            Calls::NewTokens(algorithm) => self.file(&format!("{}.txt", algorithm.key())),
            Calls::Opaque => self.file("opaque.txt"),
        }
    }

    /// Starts a contender on processors of its own.
    pub(super) fn start(&self, contender: &Contender) -> Result<Process> {
        let folder = self.folder.display().to_string();
        let (workers, connections) = (self.workers, self.connections);
        let told = Told { ports: self.ports, folder, workers, connections };
        let (to, from) = (self.ports.upstream(), self.ports.proxy());
        let log = self.folder.join("proxy.log");
        let run = |program: &str, args: &[&str]| {
            let command = pinned(self.repo, &self.processors.proxy, program, args);
            Process::start(contender.name, command, log.clone())
        };
        match contender.proxy {
            Proxy::Nginx { access_log } => {
                let file = self.write("nginx.conf", &config::nginx(&told, access_log))?;
                let args = ["-p", &told.folder, "-c", &file];
                let mut stop = self.repo.command(&nginx(), &args);
                stop.args(["-s", "stop"]);
                Ok(run(&nginx(), &args)?.with_farewell(stop))
            }
            Proxy::Haproxy(verify) => {
                let file = self.write("haproxy.cfg", &config::haproxy(&told, verify))?;
                run(&haproxy(), &["-db", "-f", &file])
            }
            Proxy::Bare(options) => {
                let mut args = vec!["bare", "--listen", &from, "--to", &to];
                args.extend(options);
                run(&self.programs.display().to_string(), &args)
            }
            Proxy::Portcullis => {
                let file = self.write("portcullis.toml", &config::portcullis(&told))?;
                let program = self.gateway.display().to_string();
                run(&program, &["serve", "--config", &file])
            }
        }
    }

    /// What a reader of the figures must know about the machine and the contenders.
    pub(super) fn facts(&self, repo: &Repo, plan: &Plan) -> Result<String> {
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
        let Processors { proxy, rest } = &self.processors;
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
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.servers.clear();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Algorithm {
    /// Its key among those of the testkit.
    fn key(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "rsa",
            Algorithm::Es256 => "p256",
        }
    }
}

fn first_lines(text: &str, count: usize) -> String {
    text.split_inclusive('\n').take(count).collect()
}

fn succeed(out: Output) -> Result {
    if out.ok { Ok(()) } else { failed(out.stderr) }
}

/// Which processors do what, as taskset names them.
struct Processors {
    proxy: String,
    rest: String,
}

impl Processors {
    /// The last ones for the proxy, the others for what is around it.
    fn shared_out(workers: usize) -> Result<Self> {
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
fn connections(plan: &Plan) -> Result<usize> {
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
fn nginx() -> String {
    system_program("nginx")
}

fn haproxy() -> String {
    system_program("haproxy")
}

fn system_program(name: &str) -> String {
    let path = format!("/usr/sbin/{name}");
    if PathBuf::from(&path).exists() { path } else { name.to_owned() }
}

/// Sees to it that the foreign proxies are there, and what pins and ends them.
fn foreign_programs(repo: &Repo) -> Result {
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

/// Builds; where the programs of the bench and the gateway are, and a folder for the run.
fn build(repo: &Repo, plan: &Plan) -> Result<(PathBuf, PathBuf, PathBuf)> {
    let metadata = repo.metadata("Cargo.toml")?;
    let Some(target) = metadata.get("target_directory").and_then(Value::as_str) else {
        return failed("cargo metadata names no target directory");
    };
    let (target, release) = (PathBuf::from(target), PathBuf::from(target).join("release"));
    let ours = plan.contenders.iter().any(|contender| contender.proxy == Proxy::Portcullis);
    // Apart from each other, so that what the examples need of a crate does not get into the gateway.
    let wanted = [("--example", "gateway-bench", true), ("--bin", "portcullis", ours)];
    for (kind, name, _) in wanted.iter().filter(|(_, _, wanted)| *wanted) {
        let words = ["build", "--release", "--locked", "--package", "portcullis", kind, name];
        repo.show("cargo", &words, &[])?;
    }
    let programs = release.join("examples").join("gateway-bench");
    Ok((programs, release.join("portcullis"), target.join("gateway-bench")))
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
