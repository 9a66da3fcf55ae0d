//! The words of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// OAuth 2.1 in front of any MCP server.
#[derive(Clone, Debug, Parser)]
#[command(name = "portcullis", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Colour is used on a terminal where NO_COLOR is not set.
Exit codes: 0 done, 1 failed, 2 the command line means nothing, 78 the configuration cannot be used.";

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the gateway.
    Serve(ConfigFile),
    /// Say whether the configuration can be used.
    Check {
        /// The configuration.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// What can be written in a configuration, and what is.
    Config {
        /// Which of them.
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Judge a table of requests by the real core; no network, no file.
    Demo {
        /// One JSON object for each request, one on each line.
        #[arg(long)]
        json: bool,
    },
}

/// The configuration.
#[derive(Args, Clone, Debug)]
pub struct ConfigFile {
    /// The file. Without it: ./portcullis.toml, then portcullis/portcullis.toml below the folder for settings
    /// (XDG_CONFIG_HOME), then /etc/portcullis/portcullis.toml.
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// About the configuration.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the JSON Schema of a configuration, for editors.
    Schema,
    /// Print the configuration in force: defaults, included files and overrides together.
    Show {
        /// The configuration.
        #[command(flatten)]
        config: ConfigFile,
        /// Secrets as "…". They are never shown, so this has to be said.
        #[arg(long, required = true)]
        redacted: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_words_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }
}
