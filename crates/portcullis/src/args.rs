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
        /// Ask all issuers and servers as well. Commands of servers are started for it, and ended.
        #[arg(long)]
        online: bool,
    },
    /// What can be written in a configuration, and what is.
    Config {
        /// Which of them.
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// What the policy makes of a call.
    Policy {
        /// What about it.
        #[command(subcommand)]
        what: PolicyCommand,
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
#[expect(clippy::doc_markdown, reason = "a page for terminals")]
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

/// About the policy.
#[derive(Clone, Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say what becomes of an operation, by which rule, and which scopes are missing.
    Explain(Explain),
}

/// A caller and what it asks for.
#[derive(Args, Clone, Debug)]
pub struct Explain {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigFile,
    /// The server, by its name in the configuration.
    pub server: String,
    /// The operation: a method, and what it is aimed at, as in: tools/call echo
    #[arg(num_args = 1..=2, required = true, value_names = ["METHOD", "TARGET"])]
    pub operation: Vec<String>,
    /// The arguments of the call, as a JSON object.
    #[arg(long, value_name = "JSON")]
    pub arguments: Option<String>,
    /// A file with the claims of a token, as a JSON object. What every token has is filled in where it lacks.
    #[arg(long, value_name = "FILE", required_unless_present = "token")]
    pub claims: Option<PathBuf>,
    /// A file with a token. Its signature is not verified: only what it says is judged.
    #[arg(long, value_name = "FILE", conflicts_with = "claims")]
    pub token: Option<PathBuf>,
    /// The answer for a machine to read.
    #[arg(long)]
    pub json: bool,
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
