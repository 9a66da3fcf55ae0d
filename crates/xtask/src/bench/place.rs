//! Where a run takes place: ports, tokens, the server and the issuer, and the contender between them.

use std::fs;
use std::net::TcpListener;

use super::contender::{Algorithm, Calls, Contender, Proxy, ROTATION};
use super::machine::{self, Built, Processors, haproxy, nginx};
use super::process::{Process, pinned};
use super::{Plan, WARM_UP, config};
use crate::repo::{Failure, Output, Repo, Result, failed};

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
    pub(super) processors: Processors,
    connections: usize,
    workers: usize,
    built: Built,
    /// Running until the end.
    servers: Vec<Process>,
}

impl<'a> Place<'a> {
    pub(super) fn prepare(repo: &'a Repo, plan: &Plan) -> Result<Self> {
        let processors = Processors::shared_out(plan.workers)?;
        let connections = machine::connections(plan)?;
        machine::foreign_programs(repo)?;
        let built = Built::release(repo, plan)?;
        // What a run left behind that was killed.
        let _ = fs::remove_dir_all(&built.folder);
        fs::create_dir_all(&built.folder)
            .map_err(|e| Failure::Failed(format!("no folder for the run: {e}")))?;
        let (ports, workers, servers) = (Ports::free()?, plan.workers, Vec::new());
        let mut place = Place { repo, ports, processors, connections, workers, built, servers };
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
        self.built.folder.join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> Result<String> {
        let path = self.file(name);
        fs::write(&path, text)
            .map_err(|e| Failure::Failed(format!("{path} cannot be written: {e}")))?;
        Ok(path)
    }

    /// A program of the bench, on the processors that the proxies leave free, until it ends.
    pub(super) fn drive(&self, args: &[&str]) -> Result<Output> {
        let mut words = vec!["--cpu-list", &self.processors.rest, &self.built.programs];
        words.extend(args);
        self.repo.capture("taskset", &words)
    }

    /// The same, not awaited.
    pub(super) fn driver(&self, args: &[&str]) -> std::process::Command {
        pinned(self.repo, &self.processors.rest, &self.built.programs, args)
    }

    fn server(&self, name: &str, args: &[&str]) -> Result<Process> {
        Process::start(name, self.driver(args), self.built.folder.join(format!("{name}.log")))
    }

    /// Signs every token that will be used, and writes the keys they are checked with.
    fn mint(&self, plan: &Plan) -> Result {
        for key in ["rsa", "p256"] {
            let asks = |c: &&Contender| matches!(c.calls, Calls::NewTokens(a) if a.key() == key);
            let many = plan.contenders.iter().any(asks);
            let count = if many { WARM_UP + plan.tokens } else { ROTATION }.to_string();
            let (issuer, resource) = (self.ports.issuer_url(), self.ports.resource());
            let (tokens, pem) =
                (self.file(&format!("{key}.txt")), self.file(&format!("{key}.pem")));
            println!("signing {count} tokens with {key}");
            let mut words = vec!["tokens", "--key", key, "--count", &count, "--issuer", &issuer];
            words.extend(["--resource", &resource, "--out", &tokens]);
            succeed(self.repo.capture(&self.built.programs, &words)?)?;
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
        let folder = self.built.folder.display().to_string();
        let (workers, connections) = (self.workers, self.connections);
        let told = Told { ports: self.ports, folder, workers, connections };
        let (to, from) = (self.ports.upstream(), self.ports.proxy());
        let log = self.built.folder.join("proxy.log");
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
                run(&self.built.programs, &args)
            }
            Proxy::Portcullis => {
                let file = self.write("portcullis.toml", &config::portcullis(&told))?;
                run(&self.built.gateway, &["serve", "--config", &file])
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.servers.clear();
        let _ = fs::remove_dir_all(&self.built.folder);
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
