//! Rules about single files: length, loose ends, machine paths, reasons, leftovers.

use super::Report;
use crate::repo::{Repo, Result};
use crate::source::Source;

/// Files no one can hold in their head. Aim at half of it.
const MAX_LINES: usize = 600;

/// No Rust file is longer than [`MAX_LINES`].
pub(super) fn length(repo: &Repo, report: &mut Report) -> Result {
    for (path, text) in repo.sources()? {
        let lines = text.lines().count();
        if lines > MAX_LINES {
            report.breach(format!(
                "{path} has {lines} lines, more than {MAX_LINES}: it tells two stories"
            ));
        }
    }
    Ok(())
}

const LOOSE_ENDS: &[(&str, &str)] = &[
    ("#[ignore", "a test that does not run proves nothing: run it or delete it"),
    ("todo!", "code left for later: finish it or leave it out"),
    ("unimplemented!", "code left for later: finish it or leave it out"),
];

/// No ignored test and no code left for later.
pub(super) fn loose_ends(repo: &Repo, report: &mut Report) -> Result {
    for (path, text) in repo.sources()? {
        for (i, line) in Source::new(&text).code.lines().enumerate() {
            for (mark, way_out) in LOOSE_ENDS.iter().filter(|(mark, _)| line.contains(mark)) {
                report.breach(format!("{path}:{} has {mark}: {way_out}", i + 1));
            }
        }
    }
    Ok(())
}

/// Folders that belong to one machine. Spelled in two pieces, since this file is checked as well.
const MACHINE: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/t", "mp/"),
    concat!("C:\\", "Users"),
];

/// No path of somebody's machine in any text file. URIs, and longer paths that merely contain such
/// a folder, are somebody else's business.
pub(super) fn machine_paths(repo: &Repo, report: &mut Report) -> Result {
    for path in repo.files()? {
        let Ok(text) = std::fs::read_to_string(repo.path(&path)) else { continue };
        for (i, line) in text.lines().enumerate() {
            if let Some(folder) = MACHINE.iter().find(|folder| stands_alone(line, folder)) {
                report.breach(format!(
                    "{path}:{} has a path below {folder}: start at the repository, or ask for a \
                     temporary folder",
                    i + 1
                ));
            }
        }
    }
    Ok(())
}

fn stands_alone(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(i, _)| {
        let before = line.get(..i).and_then(|text| text.chars().next_back());
        before.is_none_or(|c| !(c.is_alphanumeric() || "/.-_}*".contains(c)))
    })
}

/// Every `allow` and `expect` attribute says why.
pub(super) fn allow_reasons(repo: &Repo, report: &mut Report) -> Result {
    for (path, text) in repo.sources()? {
        let code = Source::new(&text).code;
        for attribute in attributes(&code) {
            let inside = attribute.text;
            let lets = ["allow(", "expect("].iter().any(|verb| {
                inside.match_indices(verb).any(|(i, _)| {
                    let before = inside.get(..i).and_then(|text| text.chars().next_back());
                    before.is_none_or(|c| !(c.is_alphanumeric() || c == '_'))
                })
            });
            if lets && !gives_reason(inside) {
                report.breach(format!(
                    "{path}:{} allows something without `reason = \"…\"`",
                    attribute.line
                ));
            }
        }
    }
    Ok(())
}

/// `reason = "…"` with something between the quotes; the insides of strings come blanked.
fn gives_reason(attribute: &str) -> bool {
    let value = attribute.split_once("reason").map(|(_, rest)| rest.trim_start());
    let value = value.and_then(|rest| rest.strip_prefix('=')).map(str::trim_start);
    value.is_some_and(|text| text.starts_with('"') && !text.starts_with("\"\""))
}

/// What editors and merges leave behind.
const LEFT_BEHIND: &[&str] = &[".orig", ".rej", ".bak", "~"];

/// Nothing of that kind is tracked.
pub(super) fn stray(repo: &Repo, report: &mut Report) -> Result {
    let tracked = repo.capture("git", &["ls-files"])?;
    if !tracked.ok {
        report.unchecked("git lists no files here".to_owned());
    }
    let stray = |path: &&str| LEFT_BEHIND.iter().any(|ending| path.ends_with(ending));
    for path in tracked.stdout.lines().map(|line| line.trim_matches('"')).filter(stray) {
        report.breach(format!("{path} was left behind by a tool: git rm it"));
    }
    Ok(())
}

struct Attribute<'c> {
    line: usize,
    text: &'c str,
}

/// The insides of every `#[…]` and `#![…]`.
fn attributes(code: &str) -> Vec<Attribute<'_>> {
    let mut found = Vec::new();
    for (i, _) in code.match_indices('#') {
        let rest = code.get(i + 1..).unwrap_or_default();
        let Some(body) = rest.strip_prefix("![").or_else(|| rest.strip_prefix('[')) else {
            continue;
        };
        let mut depth = 1_usize;
        let end = body.char_indices().find(|(_, c)| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let text = end.and_then(|(end, _)| body.get(..end)).unwrap_or(body);
        let line = code.get(..i).map_or(0, |before| before.matches('\n').count()) + 1;
        found.push(Attribute { line, text });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_no_machine_path() {
        let folder = MACHINE.first().unwrap();
        assert!(stands_alone(&format!("open {folder}alice"), folder));
        assert!(stands_alone(&format!("\"{folder}alice\""), folder));
        assert!(!stands_alone(&format!("file://{folder}alice"), folder));
        assert!(!stands_alone(&format!("/public{folder}x"), folder));
    }

    #[test]
    fn reasons_are_seen_across_lines_and_conditions() {
        let text = "#[allow(\n  dead_code,\n  reason = \"why\"\n)]\n#[cfg_attr(test, allow(x))]\n#[allow(y, reason = \"\")]";
        let code = Source::new(text).code;
        let reasons: Vec<_> =
            attributes(&code).iter().map(|a| (a.line, gives_reason(a.text))).collect();
        assert_eq!(reasons, [(1, true), (5, false), (6, false)]);
    }
}
