//! `cargo xtask tidy`: the rules of this repository that no compiler knows.
//!
//! A rule is a function from the repository to what is wrong with it. [`breach`] breaks each of them
//! on purpose, in the tests and under `tidy --breach`: a rule that cannot fail is a defect.

mod breach;
mod crates;
mod documents;
mod files;
mod fuzzing;
mod generated;
mod history;
mod requirements;
mod sans_io;
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
        holds: "only the listed crates, which compute and nothing else, below portcullis-core and portcullis-oauth",
        check: sans_io::tree,
    },
    Rule {
        name: "sans-io-source",
        holds: "their sources name no clock, random source, stream, socket, file, process, environment or shared state",
        check: sans_io::source,
    },
    Rule {
        name: "strict-json",
        holds: "they read JSON with the strict reader alone: no serde_json::from_…, no derived Deserialize",
        check: sans_io::strict_json,
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
        check: documents::paths,
    },
    Rule {
        name: "architecture-modules",
        holds: "every module of portcullis-core is named in docs/ARCHITECTURE.md",
        check: documents::modules,
    },
    Rule {
        name: "links",
        holds: "every relative link of a page at the root or in docs/ leads to something",
        check: documents::links,
    },
    Rule {
        name: "requirement-rows",
        holds: "every row of docs/requirements.md has a test or stands in docs/untested-requirements.txt, and stands once",
        check: requirements::rows,
    },
    Rule {
        name: "requirement-marks",
        holds: "every `// req: ID` is spelled so and stands directly above a test",
        check: requirements::marks,
    },
    Rule {
        name: "untested-shrinks",
        holds: "docs/untested-requirements.txt has no row that its committed versions lack",
        check: history::untested_shrinks,
    },
    Rule {
        name: "ledger-grows",
        holds: "docs/requirements.md has every row that its committed versions have",
        check: history::ledger_grows,
    },
    Rule {
        name: "fuzz-targets",
        holds: "every fuzz target has seeds and a dictionary, and none are left of a target that is gone",
        check: fuzzing::complete,
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
    Rule {
        name: "no-stray-files",
        holds: "no file that an editor or a merge left behind is tracked",
        check: files::stray,
    },
];

/// What a rule found.
#[derive(Default)]
pub(crate) struct Report {
    /// Breaches: each says where, what, and the way out.
    pub(crate) breaches: Vec<String>,
    /// What could not be checked here, and why.
    pub(crate) unchecked: Vec<String>,
}

impl Report {
    pub(crate) fn breach(&mut self, text: impl Into<String>) {
        self.breaches.push(text.into());
    }

    pub(crate) fn unchecked(&mut self, why: impl Into<String>) {
        self.unchecked.push(why.into());
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
            println!("{:<20} {}", rule.name, rule.holds);
        }
        return Ok(());
    }
    if breach {
        return breach::show();
    }
    if write {
        generated::write(repo)?;
    }
    check(repo).map(|_| ())
}

/// Runs every rule, prints what it found and answers the closing line.
pub(crate) fn check(repo: &Repo) -> Result<String> {
    let (mut broken, mut unchecked) = (0, 0);
    for rule in RULES {
        let report = rule.run(repo);
        let verdict = match (report.breaches.is_empty(), report.unchecked.is_empty()) {
            (false, _) => {
                broken += 1;
                "BROKEN"
            }
            (true, false) => {
                unchecked += 1;
                "NOT CHECKED"
            }
            (true, true) => "ok",
        };
        println!("{:<20} {verdict}", rule.name);
        for text in report.unchecked.iter().chain(&report.breaches) {
            println!("    {text}");
        }
    }
    let kept = RULES.len() - broken - unchecked;
    let closing = format!("tidy: {kept} rules kept, {broken} broken, {unchecked} not checked");
    println!("{closing}");
    if broken == 0 { Ok(closing) } else { failed(format!("{broken} rules are broken")) }
}
