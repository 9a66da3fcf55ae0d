//! `cargo xtask sizes`: how long files and functions are, and which are longer than they should be.

use crate::args::Args;
use crate::repo::{Repo, Result};
use crate::source::Source;

pub(crate) const HELP: &str = "\
usage: cargo xtask sizes

Prints the median and the maximum length of the Rust files and functions, and names what is above
300 and 80 lines.
";

const LONG_FILE: usize = 300;
const LONG_FUNCTION: usize = 80;

pub(crate) fn main(repo: &Repo, args: Args) -> Result {
    args.end()?;
    let (mut files, mut functions) = (Vec::new(), Vec::new());
    for (path, text) in repo.sources()? {
        files.push((text.lines().count(), path.clone()));
        for (name, line, lines) in lengths(&Source::new(&text).code) {
            functions.push((lines, format!("{name} at {path}:{line}")));
        }
    }
    show("file", files, LONG_FILE);
    show("function", functions, LONG_FUNCTION);
    Ok(())
}

fn show(what: &str, mut sizes: Vec<(usize, String)>, long: usize) {
    sizes.sort();
    let median = sizes.get(sizes.len() / 2).map_or(0, |(lines, _)| *lines);
    if let Some((lines, name)) = sizes.last() {
        println!("{what}s: {}, median {median} lines, longest {lines} ({name})", sizes.len());
    }
    for (lines, name) in sizes.iter().rev().take_while(|(lines, _)| *lines > long) {
        println!("    above {long}: {lines} lines, {name}");
    }
}

/// Name, line and length of every function with a body.
fn lengths(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code.get(..at).unwrap_or_default();
        if before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = code.get(at + 3..).unwrap_or_default();
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let body =
            rest.find(['{', ';']).filter(|i| rest.get(*i..).is_some_and(|b| b.starts_with('{')));
        let Some(body) = body.filter(|_| !name.is_empty()) else { continue };
        let mut depth = 0_usize;
        let end = rest.char_indices().skip_while(|(i, _)| *i < body).find(|(_, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        });
        let text = end.and_then(|(end, _)| rest.get(..end)).unwrap_or(rest);
        found.push((name, before.matches('\n').count() + 1, text.matches('\n').count() + 1));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_measured_and_signatures_are_not() {
        let code =
            "trait T { fn declared(&self); }\nfn one() {}\nfn three(\n) {\n}\nconst F: fn(u8) = x;";
        assert_eq!(lengths(code), [("one".to_owned(), 2, 1), ("three".to_owned(), 3, 3)]);
    }
}
