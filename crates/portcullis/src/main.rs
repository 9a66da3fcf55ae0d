//! The process around the library: arguments, clock, streams, exit codes.

use std::error::Error;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser as _;
use portcullis::args::{Arguments, Command, ConfigCommand, PolicyCommand};
use portcullis::command::{self, CommandError, inspect};
use portcullis::demo::{Colour, Report};
use portcullis_core::time::UnixTime;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(config) => done(command::serve::run(&config).map(|()| String::new())),
        Command::Check { config, online } => match inspect::check(&config, online) {
            Ok(checked) if checked.is_good => say(&checked.text),
            Ok(checked) => {
                say(&checked.text);
                ExitCode::FAILURE
            }
            Err(error) => complain(&error.to_string(), error.exit_code()),
        },
        Command::Config { what: ConfigCommand::Schema } => say(&inspect::schema()),
        Command::Config { what: ConfigCommand::Show { config, .. } } => {
            done(inspect::show(&config))
        }
        Command::Policy { what: PolicyCommand::Explain(asked) } => {
            done(command::explain::run(&asked))
        }
        Command::Demo { json } => match now().and_then(Report::of_the_table) {
            Ok(report) if json => say(&report.to_json_lines()),
            Ok(report) => say(&report.to_text(colour())),
            Err(error) => complain(&error.to_string(), ExitCode::FAILURE),
        },
    }
}

fn done(outcome: Result<String, CommandError>) -> ExitCode {
    match outcome {
        Ok(text) => say(&text),
        Err(error) => complain(&error.to_string(), error.exit_code()),
    }
}
#[expect(
    clippy::disallowed_methods,
    reason = "the one reading of the clock; everything below is told"
)]
fn now() -> Result<UnixTime, Box<dyn Error>> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.map_err(|_| "the clock of this machine stands before 1970")?;
    Ok(UnixTime::from_secs(since.as_secs()))
}

/// Colour is for people who have not asked for none (<https://no-color.org>).
#[expect(clippy::disallowed_methods, reason = "a custom of terminals, not a setting of ours")]
fn colour() -> Colour {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if io::stdout().is_terminal() && !refused { Colour::Ansi } else { Colour::None }
}

/// Prints to the standard output. A reader that has seen enough (`| head`) is no failure.
fn say(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("the output cannot be written: {error}"), ExitCode::FAILURE)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Prints to the standard error; where that is closed the exit code must say it all.
fn complain(message: &str, code: ExitCode) -> ExitCode {
    let _ = writeln!(io::stderr(), "portcullis: {message}");
    code
}
