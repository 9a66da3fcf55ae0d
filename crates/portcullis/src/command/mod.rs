//! The commands, each from its arguments to its exit code.

pub mod explain;
pub mod inspect;
mod manager;
pub mod serve;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::args::ConfigFile;
use crate::config::outside::{Machine, Outside};
use crate::config::{self, Config, ConfigError};

/// The configuration cannot be used (`EX_CONFIG` of sysexits.h).
pub const BAD_CONFIG: u8 = 78;

/// The command line means nothing.
pub const MISUSED: u8 = 2;

/// What a command could not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no configuration at any of its places.
    #[error(
        "there is no configuration: no {}\nName one by --config FILE",
        .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", no ")
    )]
    NoConfig(Vec<PathBuf>),
    /// It cannot be used.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// It can be read, but what it names is not to be had.
    #[error(transparent)]
    Gateway(#[from] crate::gateway::BadGateway),
    /// The words of the command do not go with each other, or with the configuration.
    #[error("{0}")]
    Misuse(String),
    /// The system refuses something.
    #[error("{what}: {error}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// Why it is refused.
        error: std::io::Error,
    },
}

impl CommandError {
    /// The exit code that tells scripts what to look at.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            CommandError::NoConfig(_) | CommandError::Config(_) => ExitCode::from(BAD_CONFIG),
            CommandError::Gateway(error) if error.is_of_config() => ExitCode::from(BAD_CONFIG),
            CommandError::Misuse(_) => ExitCode::from(MISUSED),
            CommandError::Gateway(_) | CommandError::System { .. } => ExitCode::FAILURE,
        }
    }
}

/// What a command waits in, that has to.
fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| CommandError::System { what: "no runtime", error })
}

/// The configuration that is meant, and what it says.
pub fn configured(file: &ConfigFile) -> Result<(PathBuf, Config), CommandError> {
    let path = path(file)?;
    let config = config::load(&path, &Machine)?;
    Ok((path, config))
}

/// The file that was named, else the first that there is.
fn path(file: &ConfigFile) -> Result<PathBuf, CommandError> {
    if let Some(path) = &file.config {
        return Ok(path.clone());
    }
    let variable = |name| Machine.variable(name).filter(|value| !value.is_empty());
    let settings = variable("XDG_CONFIG_HOME").map(|folder| PathBuf::from(folder.as_str()));
    let home = || variable("HOME").map(|home| Path::new(home.as_str()).join(".config"));
    let below = |folder: PathBuf| folder.join("portcullis/portcullis.toml");
    let places = [
        Some(PathBuf::from("portcullis.toml")),
        settings.or_else(home).map(below),
        Some(PathBuf::from("/etc/portcullis/portcullis.toml")),
    ];
    let places: Vec<PathBuf> = places.into_iter().flatten().collect();
    let found = places.iter().find(|path| path.is_file()).cloned();
    found.ok_or(CommandError::NoConfig(places))
}
