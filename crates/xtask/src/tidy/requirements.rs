//! Rules about the ledger: a requirement has a test that names it, or stands in a list that only shrinks.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use crate::repo::{Repo, Result, failed, unattended};
use crate::source::Source;

const LEDGER: &str = "docs/requirements.md";
const UNTESTED: &str = "docs/untested-requirements.txt";

/// Every row is tested or listed, never both, and nothing names a row that is not there.
pub(super) fn rows(repo: &Repo, report: &mut Report) -> Result {
    let ledger = ledger(&repo.read(LEDGER)?);
    if ledger.is_empty() {
        return failed(format!("{LEDGER} has no rows"));
    }
    let untested = listed(&repo.read(UNTESTED)?);
    let tested = tested(repo, report)?;
    for (id, place) in tested.iter().filter(|(id, _)| !ledger.contains(*id)) {
        report.breach(format!("{place} names {id}, which is no row of {LEDGER}"));
    }
    for id in untested.iter().filter(|id| !ledger.contains(*id)) {
        report.breach(format!("{UNTESTED} lists {id}, which is no row of {LEDGER}"));
    }
    for id in &ledger {
        match (tested.get(id), untested.contains(id)) {
            (None, false) => report.breach(format!(
                "{id} has no test: mark one with `// req: {id}` (a row leaves {UNTESTED} only so)"
            )),
            (Some(place), true) => {
                report.breach(format!("{id} is tested at {place}: take it out of {UNTESTED}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The list has no row that the commits before lack.
pub(super) fn shrinks(repo: &Repo, report: &mut Report) -> Result {
    let now = listed(&repo.read(UNTESTED)?);
    let mut compared = 0;
    for revision in before(repo)? {
        let shown = repo.capture("git", &["show", &format!("{revision}:{UNTESTED}")])?;
        if !shown.ok {
            continue;
        }
        compared += 1;
        let then = listed(&shown.stdout);
        for id in now.difference(&then) {
            report.breach(format!(
                "{UNTESTED} lists {id}, which {revision} does not: the list only shrinks, write the test"
            ));
        }
    }
    if compared == 0 {
        let why = format!("no committed version of {UNTESTED} to compare with");
        let history = repo.capture("git", &["rev-parse", "--verify", "HEAD"])?.ok;
        if unattended() && !history {
            return failed(format!("{why}: git shows no commit here"));
        }
        report.note(why);
    }
    Ok(())
}

/// The commits a change is measured by: what is checked in, what it was made from, where it lands.
fn before(repo: &Repo) -> Result<Vec<String>> {
    let mut revisions = vec!["HEAD".to_owned(), "HEAD~1".to_owned()];
    for target in ["origin/HEAD", "origin/main", "main"] {
        let base = repo.capture("git", &["merge-base", "HEAD", target])?;
        let base_id = base.stdout.trim().to_owned();
        if base.ok && !revisions.contains(&base_id) {
            revisions.push(base_id);
        }
    }
    Ok(revisions)
}

/// Ids in the first column of the tables.
fn ledger(text: &str) -> BTreeSet<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
    cells.map(str::trim).filter(|cell| is_id(cell)).map(str::to_owned).collect()
}

fn listed(text: &str) -> BTreeSet<String> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// Ids that tests name, with the first place of each.
fn tested(repo: &Repo, report: &mut Report) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (path, text) in repo.sources()? {
        let source = Source::new(&text);
        for (line, comment) in &source.comments {
            let Some(ids) = comment.trim_start().strip_prefix("req:") else { continue };
            let place = format!("{path}:{line}");
            if !source.has_tests() {
                report.breach(format!("{place} marks a requirement in a file without a test"));
                continue;
            }
            let words = ids.split([',', ' ']).filter(|word| !word.is_empty());
            let ids: Vec<&str> = words.take_while(|word| is_id(word)).collect();
            if ids.is_empty() {
                report.breach(format!("{place} has `req:` and no row behind it, such as RS-3"));
            }
            for id in ids {
                found.entry(id.to_owned()).or_insert_with(|| place.clone());
            }
        }
    }
    Ok(found)
}

/// `RS-3`: capital letters, a hyphen, a number.
fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(family, number)| {
        family.len() == 2
            && family.chars().all(|c| c.is_ascii_uppercase())
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_tables_and_lists() {
        let table =
            "| id | level |\n|---|---|\n| RS-1 | M | text RS-9 |\n|AS-12|S|x|\nRS-2 outside";
        assert_eq!(ledger(table).into_iter().collect::<Vec<_>>(), ["AS-12", "RS-1"]);
        assert_eq!(
            listed("# why\n\nRS-1\n  AS-2 \n").into_iter().collect::<Vec<_>>(),
            ["AS-2", "RS-1"]
        );
        assert!(
            is_id("TX-10") && !is_id("RS-") && !is_id("rs-1") && !is_id("RFC-1") && !is_id("RS-1a")
        );
    }
}
