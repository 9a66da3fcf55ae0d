//! The words of the command line.

use std::path::PathBuf;

use crate::nearest::nearest;

/// What `--help` prints.
pub const USAGE: &str = "\
Portcullis: OAuth 2.1 in front of any MCP server. Under construction; README.md says what works.

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

/// Reads the words behind the program's name.
pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Command, Misuse> {
    let (mut demo, mut json) = (false, false);
    for word in words {
        match word.as_str() {
            "-h" | "--help" | "help" => return Ok(Command::Help),
            "-V" | "--version" => return Ok(Command::Version),
            "demo" if !demo => demo = true,
            "--json" => json = true,
            "serve" if !demo => return Err(Misuse::NotYet),
            _ => return Err(Misuse::Unknown(word)),
        }
    }
    match (demo, json) {
        (true, json) => Ok(Command::Demo { json }),
        (false, true) => Err(Misuse::JsonOfNothing),
        (false, false) => Err(Misuse::NoCommand),
    }
}

/// What is wrong, and the way out.
impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misuse::NoCommand => f.write_str("no command; try: portcullis demo")?,
            Misuse::NotYet => f.write_str("the gateway is not there yet; try: portcullis demo")?,
            Misuse::JsonOfNothing => {
                f.write_str("--json is an option of demo; try: portcullis demo --json")?;
            }
            Misuse::Unknown(word) => {
                // Quoted and escaped: the word may hold anything.
                write!(f, "{word:?} is no command and no option")?;
                if let Some(meant) = nearest(word, WORDS) {
                    write!(f, "; did you mean {meant}?")?;
                }
            }
        }
        f.write_str("\nportcullis --help prints all there is")
    }
}

impl std::error::Error for Misuse {}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn commands_and_options_are_read_in_any_order() {
        assert_eq!(parsed(&["demo"]), Ok(Command::Demo { json: false }));
        assert_eq!(parsed(&["demo", "--json"]), Ok(Command::Demo { json: true }));
        assert_eq!(parsed(&["--json", "demo"]), Ok(Command::Demo { json: true }));
        assert_eq!(parsed(&["demo", "--help"]), Ok(Command::Help));
        assert_eq!(parsed(&["-V"]), Ok(Command::Version));
    }

    #[test]
    fn what_means_nothing_is_refused_with_the_way_out() {
        for (words, way_out) in [
            (&[][..], "portcullis demo\n"),
            (&["--json"], "portcullis demo --json\n"),
            (&["serve"], "not there yet; try: portcullis demo\n"),
            (&["dmo"], "\"dmo\" is no command and no option; did you mean demo?"),
            (&["demo", "--jsno"], "did you mean --json?"),
            (&["--versions"], "did you mean --version?"),
            (&["demo", "demo"], "\"demo\" is no command and no option\n"),
            (&["demo", "serve"], "\"serve\" is no command and no option\n"),
            (&["\u{1b}[2J"], "\"\\u{1b}[2J\" is no command"),
        ] {
            let message = parsed(words).unwrap_err().to_string();
            assert!(message.contains(way_out), "{words:?}: {message}");
            assert!(message.ends_with("portcullis --help prints all there is"), "{message}");
        }
    }
}
