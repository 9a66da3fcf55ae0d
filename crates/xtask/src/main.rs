//! Housekeeping of the workspace, run as `cargo xtask COMMAND`.
//!
//! Each command is one module; [`repo`] finds the repository and runs programs in it, [`source`] tells
//! Rust code from its comments and strings.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool speaks on its streams"
)]

mod args;
mod bench;
mod ci;
mod fuzz;
mod interop;
mod mutants;
mod repo;
mod sizes;
mod source;
mod steps;
mod tidy;
mod vectors;

use std::process::ExitCode;

use args::Args;
use repo::{Failure, Repo, Result};

struct Command {
    name: &'static str,
    about: &'static str,
    help: &'static str,
    run: fn(&Repo, Args) -> Result,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "tidy",
        about: "check the rules no compiler knows",
        help: tidy::HELP,
        run: tidy::main,
    },
    Command {
        name: "ci",
        about: "run everything a landing or a night needs",
        help: ci::HELP,
        run: ci::main,
    },
    Command { name: "fuzz", about: "run the fuzz targets", help: fuzz::HELP, run: fuzz::main },
    Command {
        name: "interop",
        about: "play the gateway's stories with real parts of others",
        help: interop::HELP,
        run: interop::main,
    },
    Command {
        name: "mutants",
        about: "see whether the tests notice a changed line",
        help: mutants::HELP,
        run: mutants::main,
    },
    Command {
        name: "bench",
        about: "measure the gateway beside other proxies",
        help: bench::HELP,
        run: bench::main,
    },
    Command {
        name: "vectors",
        about: "judge public test vectors",
        help: vectors::HELP,
        run: vectors::main,
    },
    Command {
        name: "advisories",
        about: "look for known advisories, where their database can be had",
        help: ci::ADVISORIES_HELP,
        run: ci::advisories_main,
    },
    Command {
        name: "sizes",
        about: "length of files and functions",
        help: sizes::HELP,
        run: sizes::main,
    },
];

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_else(|| "--help".to_owned());
    let rest: Vec<String> = words.collect();
    if matches!(name.as_str(), "--help" | "-h" | "help") {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|c| c.name == name) else {
        eprint!("xtask: no command named {name:?}\n\n{}", usage());
        return ExitCode::from(2);
    };
    if rest.iter().any(|w| w == "--help" || w == "-h") {
        print!("{}", command.help);
        return ExitCode::SUCCESS;
    }
    match Repo::here().and_then(|repo| (command.run)(&repo, Args::new(rest))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(why)) => {
            eprint!("xtask {name}: {why}\n\n{}", command.help);
            ExitCode::from(2)
        }
        Err(Failure::Failed(why)) => {
            eprintln!("xtask {name}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    use std::fmt::Write as _;
    let mut text =
        "usage: cargo xtask COMMAND [OPTIONS]\n\ncommands (each takes --help):\n".to_owned();
    for command in COMMANDS {
        let _ = writeln!(text, "  {:<11} {}", command.name, command.about);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_explains_itself() {
        for command in COMMANDS {
            let start = format!("usage: cargo xtask {}", command.name);
            assert!(
                command.help.starts_with(&start),
                "help of {} must start with its usage",
                command.name
            );
            assert!(usage().contains(command.name));
        }
    }
}
