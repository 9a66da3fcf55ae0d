//! The stage of a story: issuers, servers and a gateway, on loopback, and the checks that are played on it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::install::Parts;
use super::process::{Program, Running, free_port};
use crate::repo::{Failure, Result};

/// How long the checks of one script may take.
const SCRIPT: Duration = Duration::from_secs(120);

/// What came of the checks of a story.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: Vec<String>,
}

impl Tally {
    /// Takes a line of a script: whether it is about a check at all.
    fn take(&mut self, about: &str, line: &str) -> bool {
        if let Some(name) = line.strip_prefix("ok ") {
            self.note(Ok(format!("{about}{name}")));
        } else if let Some(why) = line.strip_prefix("not ok ") {
            self.note(Err(format!("{about}{why}")));
        } else {
            return false;
        }
        true
    }

    /// Notes one check.
    pub(super) fn note(&mut self, outcome: std::result::Result<String, String>) {
        match outcome {
            Ok(name) => {
                println!("   ok      {name}");
                self.passed += 1;
            }
            Err(why) => {
                println!("   FAILED  {why}");
                self.failed.push(why);
            }
        }
    }
}

/// Starts what a story needs. Names of programs are those of their logs, and carry that of the story.
pub(super) struct Stage<'p> {
    pub(super) parts: &'p Parts,
    pub(super) story: &'static str,
    pub(super) tally: Tally,
}

/// An authorization server, and where it is.
pub(super) struct Issuer {
    _running: Running,
    pub(super) url: String,
}

/// The gateway, and where it is.
pub(super) struct Gateway {
    _running: Running,
    pub(super) url: String,
}

/// What a gateway does beside the servers that a story writes down.
pub(super) struct Config {
    port: u16,
    public: u16,
    limits: &'static str,
    text: String,
}

impl Config {
    /// With a port of its own, by which clients reach it.
    pub(super) fn new() -> Result<Config> {
        let port = free_port()?;
        Ok(Config { port, public: port, limits: "", text: String::new() })
    }

    /// With another port that clients reach it by.
    pub(super) fn behind(public: u16) -> Result<Config> {
        Ok(Config { port: free_port()?, public, limits: "", text: String::new() })
    }

    /// With further limits, each with a comma before it.
    pub(super) fn limited(self, limits: &'static str) -> Config {
        Config { limits, ..self }
    }

    /// The port that clients reach it by.
    pub(super) fn public(&self) -> u16 {
        self.public
    }

    /// The URL of a server.
    pub(super) fn server_url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}/mcp", self.public)
    }

    /// An issuer by name, with further lines.
    pub(super) fn issuer(&mut self, name: &str, url: &str, more: &str) {
        let _ = write!(self.text, "[issuers.{name}]\nissuer = \"{url}\"\nskew = \"1s\"\n{more}\n");
    }

    /// A server by name, with the tokens of one issuer and further lines.
    pub(super) fn server(&mut self, name: &str, issuer: &str, more: &str) {
        let path = format!("path = \"/{name}/mcp\"\nissuers = [\"{issuer}\"]");
        let _ = write!(self.text, "[servers.{name}]\n{path}\n{more}\n");
    }

    fn whole(&self) -> String {
        format!(
            "public_url = \"http://127.0.0.1:{}\"\nlisten = \"127.0.0.1:{}\"\n\
             trusted_proxies = [\"loopback\"]\nlimits = {{ drain_timeout = \"1s\"{} }}\n{}",
            self.public, self.port, self.limits, self.text
        )
    }
}

impl Stage<'_> {
    fn start(&self, name: &str, file: &Path, args: Vec<String>) -> Result<Running> {
        let name = format!("{}-{name}", self.story);
        let Parts { folder, logs, .. } = self.parts;
        Running::start(Program { name, file, args, folder, logs })
    }

    /// A script of ours, or a program of the packages.
    pub(super) fn node(&self, name: &str, args: &[&str]) -> Result<Running> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.start(name, &self.parts.node, args)
    }

    /// oidc-provider, whose tokens are of this format; at a port that it had before, or at any.
    pub(super) fn issuer(&self, format: &str, port: u16) -> Result<Issuer> {
        let keys = format!("logs/{}-{format}.keys", self.story);
        let name = format!("issuer-{format}");
        let running = self.node(&name, &["issuer.mjs", format, &port.to_string(), &keys])?;
        Ok(Issuer { url: running.until_ready()?, _running: running })
    }

    /// A server over HTTP that is a script; the URL is that of its endpoint.
    pub(super) fn server(&self, name: &str, args: &[&str]) -> Result<(Running, String)> {
        let running = self.node(name, args)?;
        let url = running.until_ready()?;
        Ok((running, format!("{url}/mcp")))
    }

    /// The gateway by this configuration.
    pub(super) fn gateway(&self, config: &Config) -> Result<Gateway> {
        let file = self.parts.logs.join(format!("{}.toml", self.story));
        std::fs::write(&file, config.whole()).map_err(|error| {
            Failure::Failed(format!("{} cannot be written: {error}", file.display()))
        })?;
        let args = vec!["serve".to_owned(), "--config".to_owned(), file.display().to_string()];
        let running = self.start("gateway", &self.parts.gateway, args)?;
        running.until_listening(config.port)?;
        Ok(Gateway { _running: running, url: format!("http://127.0.0.1:{}", config.port) })
    }

    /// The line of a configuration for a server that is a command.
    pub(super) fn command(&self, args: &[&str]) -> String {
        let node = self.parts.node.display().to_string();
        let words: Vec<&str> = [node.as_str()].into_iter().chain(args.iter().copied()).collect();
        format!("command = {words:?}\ncwd = \"{}\"", self.parts.folder.display())
    }

    /// A token of an issuer for a server and a client.
    pub(super) fn token(&self, issuer: &str, server: &str, client: &str) -> Result<String> {
        let running = self.node("token", &["token.mjs", issuer, server, client])?;
        match running.line(SCRIPT)? {
            Some(token) => Ok(token),
            None => running.complain("has no token"),
        }
    }

    /// Plays a script of checks, told this.
    pub(super) fn checks(&mut self, about: &str, script: &str, told: &Value) -> Result {
        let args = vec![script.to_owned(), told.to_string()];
        let node = self.parts.node.clone();
        self.play(about, &node, args)
    }

    /// Plays the same with the client in Rust.
    pub(super) fn rmcp_checks(&mut self, about: &str, told: &Value) -> Result {
        let rmcp = self.parts.rmcp.clone();
        self.play(about, &rmcp, vec![told.to_string()])
    }

    fn play(&mut self, about: &str, program: &Path, args: Vec<String>) -> Result {
        let name = format!("checks-{}", self.tally.passed + self.tally.failed.len());
        let mut running = self.start(&name, program, args)?;
        let mut done = 0;
        while let Some(line) = running.line(SCRIPT)? {
            done += usize::from(self.tally.take(about, &line));
        }
        // A script that dies has not made the checks that were to come.
        if !running.succeeded()? || done == 0 {
            return running.complain("ends too early");
        }
        Ok(())
    }
}
