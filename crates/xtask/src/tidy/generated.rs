//! The rule that what is generated is current, and the writer that makes it so.
//!
//! A generated part stands between two comment lines in its file, so that the words around it stay
//! anybody's to edit.

use super::Report;
use crate::repo::{Repo, Result, failed};
use crate::steps;

struct Generated {
    path: &'static str,
    name: &'static str,
    make: fn() -> String,
}

const GENERATED: &[Generated] = &[
    Generated { path: "CONTRIBUTING.md", name: "ci-steps", make: steps::table },
    Generated { path: "CONTRIBUTING.md", name: "tidy-rules", make: rules_table },
];

fn rules_table() -> String {
    use std::fmt::Write as _;
    let mut text = "| rule | what holds |\n| --- | --- |\n".to_owned();
    for rule in super::RULES {
        let _ = writeln!(text, "| `{}` | {} |", rule.name, rule.holds);
    }
    text
}

/// Every generated part is what its generator makes now.
pub(super) fn clean(repo: &Repo, report: &mut Report) -> Result {
    for part in GENERATED {
        let text = repo.read(part.path)?;
        if part.fill(&text)? != text {
            report.breach(format!(
                "the part {:?} of {} is out of date: cargo xtask tidy --write",
                part.name, part.path
            ));
        }
    }
    Ok(())
}

/// Brings every generated part up to date.
pub(super) fn write(repo: &Repo) -> Result {
    for part in GENERATED {
        let text = repo.read(part.path)?;
        let filled = part.fill(&text)?;
        if filled != text {
            repo.write(part.path, &filled)?;
            println!("wrote the part {:?} of {}", part.name, part.path);
        }
    }
    Ok(())
}

impl Generated {
    /// `text` with this part as it should be.
    fn fill(&self, text: &str) -> Result<String> {
        let (open, close) = self.marks();
        let parts = text
            .split_once(&open)
            .and_then(|(before, rest)| rest.split_once(&close).map(|(_, after)| (before, after)));
        match parts {
            Some((before, after)) => Ok(format!("{before}{open}\n{}{close}{after}", (self.make)())),
            None => failed(format!("{} lacks {open} … {close}", self.path)),
        }
    }

    fn marks(&self) -> (String, String) {
        (format!("<!-- generated: {} -->", self.name), "<!-- end -->".to_owned())
    }
}

/// A file with every generated part in place, for the scratch repository.
pub(super) fn sample(path: &str) -> String {
    let parts = GENERATED.iter().filter(|part| part.path == path);
    let filled = parts.map(|part| {
        let (open, close) = part.marks();
        [open, "\n".to_owned(), (part.make)(), close, "\n".to_owned()].concat()
    });
    filled.collect()
}
