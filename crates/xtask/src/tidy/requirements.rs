//! Rules about the ledger: a requirement has a test that names it, or stands in the list of those without.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use crate::repo::{Repo, Result, failed};
use crate::source::Source;

pub(super) const LEDGER: &str = "docs/requirements.md";
pub(super) const UNTESTED: &str = "docs/untested-requirements.txt";

/// Every row is tested or listed, never both, and nothing names a row that is not there.
pub(super) fn rows(repo: &Repo, report: &mut Report) -> Result {
    let ledger = once(LEDGER, ids_of_ledger(&repo.read(LEDGER)?), report);
    if ledger.is_empty() {
        return failed(format!("{LEDGER} has no rows"));
    }
    let untested = once(UNTESTED, ids_of_list(&repo.read(UNTESTED)?), report);
    let tested = tested(repo)?;
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

/// The ids, each of which may stand once.
fn once(path: &str, ids: Vec<String>, report: &mut Report) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if seen.contains(&id) {
            report.breach(format!("{path} has {id} twice"));
        }
        seen.insert(id);
    }
    seen
}

/// Ids in the first column of the tables.
pub(super) fn ids_of_ledger(text: &str) -> Vec<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
    cells.map(str::trim).filter(|cell| is_id(cell)).map(str::to_owned).collect()
}

pub(super) fn ids_of_list(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// Ids that tests name, with the first place of each.
fn tested(repo: &Repo) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (path, text) in repo.sources()? {
        for (line, comment) in &Source::new(&text).comments {
            if let Mark::Rows(ids) = mark(comment) {
                for id in ids {
                    found.entry(id.to_owned()).or_insert_with(|| format!("{path}:{line}"));
                }
            }
        }
    }
    Ok(found)
}

/// Every comment that is meant as a mark is one, and stands directly above a test.
pub(super) fn marks(repo: &Repo, report: &mut Report) -> Result {
    for (path, text) in repo.sources()? {
        let source = Source::new(&text);
        for (line, comment) in &source.comments {
            match mark(comment) {
                Mark::None => {}
                Mark::Malformed => report.breach(format!(
                    "{path}:{line} is no mark, though it looks like one: write `// req: RS-3`, with ids alone"
                )),
                Mark::Rows(_) if stands_above_a_test(&text, &source.code, *line) => {}
                Mark::Rows(_) => report.breach(format!(
                    "{path}:{line} marks a requirement and does not stand directly above a test"
                )),
            }
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Mark<'c> {
    None,
    /// Somebody meant a mark, and no test would be counted by it.
    Malformed,
    Rows(Vec<&'c str>),
}

/// Reads what stands behind the two slashes of a comment.
fn mark(comment: &str) -> Mark<'_> {
    if let Some(ids) = comment.strip_prefix(" req: ") {
        let ids: Vec<&str> = ids.split([',', ' ']).filter(|word| !word.is_empty()).collect();
        let good = !ids.is_empty() && ids.iter().all(|id| is_id(id));
        return if good { Mark::Rows(ids) } else { Mark::Malformed };
    }
    let text = comment.trim_start_matches(['/', '!', ' ', '\t']).to_ascii_lowercase();
    let Some(rest) = text.strip_prefix("req") else { return Mark::None };
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    if rest.starts_with(|c: char| c.is_alphabetic()) {
        return Mark::None; // a word such as request
    }
    let names_a_row =
        rest.split(|c: char| !(c.is_alphanumeric() || c == '-')).any(|w| is_id(&w.to_uppercase()));
    if rest.starts_with(':') || names_a_row { Mark::Malformed } else { Mark::None }
}

/// Whether the comment on this line (from 1) is followed by comments and attributes alone, of which one
/// makes a test.
fn stands_above_a_test(text: &str, code: &str, line: usize) -> bool {
    let lines: Vec<(&str, &str)> =
        text.lines().zip(code.lines()).map(|(t, c)| (t.trim(), c.trim())).collect();
    let mut lines = lines.into_iter().skip(line - 1);
    if !lines.next().is_some_and(|(_, code)| code.is_empty()) {
        return false; // behind code
    }
    let mut open = 0_usize;
    for (text, code) in lines {
        if code.is_empty() && !text.is_empty() {
            continue;
        }
        if open == 0 && !code.starts_with("#[") {
            return false;
        }
        let attribute = code.trim_start_matches("#[");
        let of_a_harness = ["::test]", "::test("].iter().any(|mark| attribute.contains(mark));
        if open == 0 && (attribute.starts_with("test]") || of_a_harness) {
            return true;
        }
        open = (open + code.matches('[').count()).saturating_sub(code.matches(']').count());
    }
    false
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
        assert_eq!(ids_of_ledger(table), ["RS-1", "AS-12"]);
        assert_eq!(ids_of_list("# why\n\nRS-1\n  AS-2 \n"), ["RS-1", "AS-2"]);
        assert!(
            is_id("TX-10") && !is_id("RS-") && !is_id("rs-1") && !is_id("RFC-1") && !is_id("RS-1a")
        );
    }

    #[test]
    fn a_mark_is_told_from_prose_and_from_what_only_looks_like_one() {
        assert_eq!(mark(" req: RS-2 RS-6"), Mark::Rows(vec!["RS-2", "RS-6"]));
        assert_eq!(mark(" req: RS-2, RS-6"), Mark::Rows(vec!["RS-2", "RS-6"]));
        for text in [
            " req RS-11",
            "req: RS-1",
            " Req: RS-1",
            " reqs: RS-1",
            " req:",
            " req:RS-1",
            "/ req: RS-1",
        ] {
            assert_eq!(mark(text), Mark::Malformed, "{text}");
        }
        for text in [" req: RS-1 and RS-2", " req: RS1", " req: rs-1", " req RS-1: why"] {
            assert_eq!(mark(text), Mark::Malformed, "{text}");
        }
        for text in [" request RS-1", " requirement RS-12 says", " req is short", " see RS-3", ""] {
            assert_eq!(mark(text), Mark::None, "{text}");
        }
    }

    #[test]
    fn a_mark_stands_above_the_test_it_marks() {
        let above = |rest: &str| {
            let text = format!("fn x() {{}}\n// req: RS-1{rest}");
            stands_above_a_test(&text, &Source::new(&text).code, 2)
        };
        for rest in [
            "\n#[test]\nfn f() {}",
            "\n/// Doc.\n// req: RS-2\n#[should_panic(\n  expected = \"x\"\n)]\n#[test]\nfn f() {}",
            "\n    #[tokio::test(flavor = \"x\")]\nasync fn f() {}",
        ] {
            assert!(above(rest), "{rest}");
        }
        for rest in
            ["", "\n\n#[test]\nfn f() {}", "\nfn f() {}\n#[test]", "\n#[cfg(test)]\nmod t {}"]
        {
            assert!(!above(rest), "{rest}");
        }
        let behind = "let a = 1; // req: RS-1\n#[test]\nfn f() {}";
        assert!(!stands_above_a_test(behind, &Source::new(behind).code, 1));
    }
}
