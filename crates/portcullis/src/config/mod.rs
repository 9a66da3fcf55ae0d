//! What an operator wants, from a TOML file to types that nothing is left to check about.
//!
//! [`Config`] is all the gateway is told. Whoever reads it has input and output before them and nothing
//! else: every identifier is parsed, every policy compiled, every pair of server and issuer has its
//! [`Expectation`](portcullis_core::token::Expectation), and what contradicts itself was refused with its
//! place in the file and the way out.
//!
//! * [`gateway`] – what there is once: listeners, limits, logs, the store
//! * [`server`] – an MCP server behind the gateway
//! * [`issuer`] – whose tokens are accepted
//! * [`outside`] – files and variables, given by whoever calls
//! * `source` – texts, includes, `${ENV}` and overrides, as one tree that knows its places
//! * `raw` – what can be written, key by key
//! * `check` – whether it goes together, and what it comes to
//! * `problem` – what is wrong, with the line it stands on
//! * `redact` – what is in force, without secrets

mod check;
pub mod gateway;
pub mod issuer;
pub mod outside;
mod problem;
mod raw;
mod redact;
pub mod server;
mod source;

use std::cell::{Cell, RefCell};
use std::path::Path;

pub use self::gateway::Config;
use self::outside::Outside;
use self::problem::Findings;
pub use self::problem::{ConfigError, Problem};
use self::source::Sources;

/// Reads a configuration and what belongs to it. All that is wrong is told at once.
pub fn load(path: &Path, outside: &dyn Outside) -> Result<Config, ConfigError> {
    let (mut sources, findings) = (Sources::default(), Findings::default());
    let tree = source::read(path, outside, &mut sources, &findings)
        .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
    // What is no TOML says little about what it was to mean.
    if findings.has_syntax() {
        return Err(ConfigError::Wrong(findings.problems(&sources)));
    }
    let context = check::Context {
        sources: &sources,
        findings: &findings,
        outside,
        secret_files: RefCell::default(),
        has_public_url: Cell::new(false),
    };
    let config = raw::read(&tree, &findings)
        .and_then(|root| check::check(root, tree.place, &context))
        .filter(|_| findings.is_empty());
    let Some(mut config) = config else {
        return Err(ConfigError::Wrong(findings.problems(&sources)));
    };
    config.files = sources.files();
    config.files.append(&mut context.secret_files.into_inner());
    config.redacted = redact::toml(&tree, &findings);
    Ok(config)
}

/// The JSON Schema (draft 2020-12) of a configuration, for editors. Descriptions are those of the reference.
pub fn schema() -> String {
    // Indented, since people read it too. It is made of maps and texts, which always have a text.
    serde_json::to_string_pretty(raw::schema()).unwrap_or_default()
}
