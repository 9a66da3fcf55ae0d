//! The rule that keeps docs/ARCHITECTURE.md a map of what is there.

use super::Report;
use crate::repo::{Repo, Result, failed};

const PAGE: &str = "docs/ARCHITECTURE.md";

/// What makes a word in backticks a path of the repository, and not a media type or an MCP method.
const ROOTS: &[&str] = &["crates/", "docs/", "fuzz/", ".ci/", ".cargo/"];
const ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".txt", ".json", ".lock"];

/// Every path the page names exists.
pub(super) fn paths(repo: &Repo, report: &mut Report) -> Result {
    let text = repo.read(PAGE)?;
    let mut some = false;
    for (i, line) in text.lines().enumerate() {
        for word in quoted(line).filter(|word| looks_like_a_path(word)) {
            some = true;
            if !repo.path(word).exists() {
                report.breach(format!(
                    "{PAGE}:{} names `{word}`, which does not exist (paths start at the root)",
                    i + 1
                ));
            }
        }
    }
    if some { Ok(()) } else { failed(format!("{PAGE} names no path at all")) }
}

fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn looks_like_a_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let known = ROOTS.iter().any(|root| word.starts_with(root))
        || ENDINGS.iter().any(|ending| word.len() > ending.len() && word.ends_with(ending));
    plain && known && !word.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_methods_and_media_types() {
        for path in [
            "crates/portcullis-core/src/token.rs",
            "docs/",
            "fuzz/Cargo.toml",
            "deny.toml",
            ".ci/run",
        ] {
            assert!(looks_like_a_path(path), "{path}");
        }
        for other in [
            "tools/call",
            "text/event-stream",
            "/authorize",
            "crates/*/src",
            "a::b",
            "https://x/y.json",
        ] {
            assert!(!looks_like_a_path(other), "{other}");
        }
        assert_eq!(quoted("a `b` c `d/e` f").collect::<Vec<_>>(), ["b", "d/e"]);
    }
}
