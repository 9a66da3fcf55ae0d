//! `portcullis check` and `portcullis config`: what a configuration says, without running it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use portcullis_resource::clock::{Clock, SystemClock};

use super::{CommandError, configured, runtime};
use crate::args::ConfigFile;
use crate::config::server::{Server, Upstream};
use crate::config::{self, Config};
use crate::gateway;
use crate::gateway::online::Finding;

/// Nothing that is said of one thing is longer.
const LONGEST: usize = 1_000;

/// What a check found out.
#[derive(Debug)]
pub struct Checked {
    /// For people, line by line.
    pub text: String,
    /// Whether all of it is as it should be.
    pub is_good: bool,
}

/// Says whether the configuration can be used, and what it comes to; `online` asks those whom it names, too.
pub fn check(file: &ConfigFile, online: bool) -> Result<Checked, CommandError> {
    let (path, config) = configured(file)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let unusable = gateway::online::files(&config, &clock);
    if !unusable.is_empty() {
        let text = format!("{}: cannot be used\n{}", path.display(), lines(&unusable));
        return Ok(Checked { text, is_good: false });
    }
    let mut checked = Checked { text: summary(&path, &config), is_good: true };
    if online {
        let findings = runtime()?.block_on(gateway::online::reach(&config, &clock));
        checked.is_good = findings.iter().all(|finding| finding.outcome.is_ok());
        checked.text += &lines(&findings);
    }
    Ok(checked)
}

fn lines(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { about, part, outcome } in findings {
        let (verdict, said) = match outcome {
            Ok(said) => ("ok", said),
            Err(said) => ("not ok", said),
        };
        // What others say comes in one line, and cannot draw on the terminal.
        let said: String =
            said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
        let _ = writeln!(text, "{verdict:6}  {about} {part}: {said}");
    }
    text
}

/// The configuration in force.
pub fn show(file: &ConfigFile) -> Result<String, CommandError> {
    configured(file).map(|(_, config)| config.redacted().to_owned())
}

/// The JSON Schema of a configuration.
pub fn schema() -> String {
    config::schema() + "\n"
}

fn summary(path: &Path, config: &Config) -> String {
    let mut text = format!("{}: can be used\n", path.display());
    for server in &config.servers {
        let issuers: Vec<&str> =
            server.tokens.iter().map(|accepted| accepted.issuer.name.as_str()).collect();
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "  {}  {} -> {}, tokens of {}",
            server.name,
            server.resource(),
            behind(server),
            issuers.join(", ")
        );
    }
    if let Some(clients) = config.tls.as_ref().and_then(|tls| tls.client_ca.as_ref()) {
        let count = gateway::online::authorities(clients);
        let _ = writeln!(
            text,
            "  certificates of clients: signed by one of the {count} in {}, and CA:FALSE themselves",
            clients.display()
        );
    }
    text
}

fn behind(server: &Server) -> String {
    match &server.upstream {
        Upstream::Http(http) => http.url.to_string(),
        Upstream::Stdio(process) => process.program.clone(),
    }
}
