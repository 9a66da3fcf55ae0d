//! `portcullis check` and `portcullis config`: what a configuration says, without running it.

use std::fmt::Write as _;
use std::path::Path;

use super::{CommandError, configured};
use crate::args::ConfigFile;
use crate::config::server::{Server, Upstream};
use crate::config::{self, Config};

/// Says that the configuration can be used, and what it comes to.
pub fn check(file: &ConfigFile) -> Result<String, CommandError> {
    let (path, config) = configured(file)?;
    Ok(summary(&path, &config))
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
    text
}

fn behind(server: &Server) -> String {
    match &server.upstream {
        Upstream::Http(http) => http.url.to_string(),
        Upstream::Stdio(process) => process.program.clone(),
    }
}
