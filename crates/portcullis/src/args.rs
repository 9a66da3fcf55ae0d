//! The words of the command line, and what to answer to those that mean nothing.
//!
//! One command with one option needs no parser crate.

use std::fmt;

use crate::nearest::nearest;

/// What `--help` prints.
pub const USAGE: &str = "\
Portcullis: OAuth 2.1 in front of any MCP server. Under construction; README.md says what works.

usage: portcullis demo [--json]

commands:
  demo             judge a table of requests by the real core; no network, no file

options:
      --json       of demo: one JSON object for each request, one on each line
  -h, --help       this page
  -V, --version    the version

Colour is used on a terminal where NO_COLOR is not set.
Exit codes: 0 done, 1 failed, 2 the command line means nothing.
";

/// Every word there is, for suggestions.
const WORDS: [&str; 4] = ["demo", "--json", "--help", "--version"];

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Print [`USAGE`].
    Help,
    /// Print the version.
    Version,
    /// Judge the table of requests.
    Demo {
        /// For a machine to read.
        json: bool,
    },
}

/// A command line that means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// There is no command.
    NoCommand,
    /// `serve`, which the documentation names as the goal.
    NotYet,
    /// `--json` without a command.
    JsonOfNothing,
    /// A word that is neither a command nor an option.
    Unknown(String),
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
    use super::*;

    fn parsed(words: &[&str]) -> Result<Command, Misuse> {
        parse(words.iter().map(|word| (*word).to_owned()))
    }

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
