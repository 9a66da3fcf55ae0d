//! `cargo xtask tidy`: the rules of this repository that no compiler knows.
//!
//! A rule is a function from the repository to what is wrong with it. [`breach`] breaks each of them
//! on purpose, in the tests and under `tidy --breach`: a rule that cannot fail is a defect.

mod architecture;
mod breach;
mod crates;
mod files;
mod generated;
mod requirements;
mod scratch;

use crate::args::Args;
use crate::repo::{Repo, Result, failed};

pub(crate) const HELP: &str = "\
usage: cargo xtask tidy [--list | --write | --breach]

Checks the rules no compiler knows and prints every breach with the way out.

  --list     name the rules
  --write    write what is generated into its files, then check
  --breach   break every rule in a scratch repository and show its message
";

/// One rule of the house.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    /// What holds where the rule is kept.
    pub(crate) holds: &'static str,
    check: fn(&Repo, &mut Report) -> Result,
}

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "sans-io-tree",
        holds: "no runtime, socket, clock or random crate below portcullis-core and portcullis-oauth",
        check: crates::sans_io_tree,
    },
    Rule {
        name: "sans-io-source",
        holds: "their sources name no clock, random source, socket, file, process or environment",
        check: crates::sans_io_source,
    },
    Rule {
        name: "strict-json",
        holds: "they read JSON with the strict reader alone: no serde_json::from_…, no derived Deserialize",
        check: crates::strict_json,
    },
    Rule {
        name: "crate-edges",
        holds: "workspace crates depend on each other only as the design says",
        check: crates::edges,
    },
    Rule {
        name: "crate-lints",
        holds: "every crate takes the lints of the workspace",
        check: crates::lints,
    },
    Rule {
        name: "architecture-paths",
        holds: "every path that docs/ARCHITECTURE.md names exists",
        check: architecture::paths,
    },
    Rule {
        name: "requirement-rows",
        holds: "every row of docs/requirements.md has a test or stands in docs/untested-requirements.txt",
        check: requirements::rows,
    },
    Rule {
        name: "untested-shrinks",
        holds: "docs/untested-requirements.txt has no row that its committed versions lack",
        check: requirements::shrinks,
    },
    Rule {
        name: "generated-clean",
        holds: "what is generated is what its generator makes now",
        check: generated::clean,
    },
    Rule {
        name: "file-length",
        holds: "no Rust file is longer than 600 lines",
        check: files::length,
    },
    Rule {
        name: "no-loose-ends",
        holds: "no ignored test and no code left for later",
        check: files::loose_ends,
    },
    Rule {
        name: "no-machine-paths",
        holds: "no path of somebody's machine in any text file",
        check: files::machine_paths,
    },
    Rule {
        name: "allow-reasons",
        holds: "every allow and expect attribute says why",
        check: files::allow_reasons,
    },
];

/// What a rule found.
#[derive(Default)]
pub(crate) struct Report {
    /// Breaches: each says where, what, and the way out.
    pub(crate) breaches: Vec<String>,
    /// What could not be checked here, and why that is no breach.
    pub(crate) notes: Vec<String>,
}

impl Report {
    pub(crate) fn breach(&mut self, text: impl Into<String>) {
        self.breaches.push(text.into());
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

impl Rule {
    fn run(&self, repo: &Repo) -> Report {
        let mut report = Report::default();
        if let Err(why) = (self.check)(repo, &mut report) {
            report.breach(format!("the rule cannot be checked: {why}"));
        }
        report
    }
}

pub(crate) fn main(repo: &Repo, mut args: Args) -> Result {
    let (list, write, breach) = (args.flag("--list"), args.flag("--write"), args.flag("--breach"));
    args.end()?;
    if list {
        for rule in RULES {
            println!("{:<19} {}", rule.name, rule.holds);
        }
        return Ok(());
    }
    if breach {
        return breach::show();
    }
    if write {
        generated::write(repo)?;
    }
    check(repo)
}

/// Runs every rule and prints what it found.
pub(crate) fn check(repo: &Repo) -> Result {
    let mut broken = 0;
    for rule in RULES {
        let report = rule.run(repo);
        let verdict = if report.breaches.is_empty() { "ok" } else { "BROKEN" };
        println!("{:<19} {verdict}", rule.name);
        for note in &report.notes {
            println!("    note: {note}");
        }
        for breach in &report.breaches {
            println!("    {breach}");
        }
        broken += usize::from(!report.breaches.is_empty());
    }
    println!("tidy: {} rules kept, {broken} broken", RULES.len() - broken);
    if broken == 0 { Ok(()) } else { failed(format!("{broken} rules are broken")) }
}
