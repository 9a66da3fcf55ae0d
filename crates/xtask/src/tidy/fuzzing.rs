//! The rule that every fuzz target has seeds and words, and that none are left of a target that is gone.

use super::Report;
use crate::fuzz;
use crate::repo::{Repo, Result};

const CORPUS: &str = "fuzz/corpus";
const WORDS: &str = "fuzz/dictionaries";

pub(super) fn complete(repo: &Repo, report: &mut Report) -> Result {
    let targets = fuzz::targets(repo)?;
    let (corpora, dictionaries) = (names(repo, CORPUS), names(repo, WORDS));
    for target in &targets {
        let folder = format!("{CORPUS}/{target}");
        if names(repo, &folder).is_empty() {
            report.breach(format!(
                "{folder} has no seed: a target that starts from nothing finds nothing"
            ));
        }
        let dictionary = format!("{target}.dict");
        if !dictionaries.is_empty() && !dictionaries.contains(&dictionary) {
            report.breach(format!(
                "{WORDS}/{dictionary} is missing: write down the words of {target}"
            ));
        }
    }
    let is_target = |name: &str| targets.iter().any(|target| target == name);
    for name in corpora.iter().filter(|name| !is_target(name)) {
        report.breach(format!("{CORPUS}/{name} belongs to no target of fuzz/Cargo.toml"));
    }
    for name in dictionaries.iter().filter(|n| !n.strip_suffix(".dict").is_some_and(is_target)) {
        report.breach(format!("{WORDS}/{name} belongs to no target of fuzz/Cargo.toml"));
    }
    Ok(())
}

/// What is in a folder, if it is there.
fn names(repo: &Repo, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(repo.path(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
