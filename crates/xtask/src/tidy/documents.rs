//! Rules that keep docs/ARCHITECTURE.md a map of what is there, and links whole.

use super::Report;
use crate::repo::{Repo, Result, failed, has_ending};
use crate::source::Source;

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

const CORE: &str = "crates/portcullis-core/src/lib.rs";

/// Every module of the core is on the page.
pub(super) fn modules(repo: &Repo, report: &mut Report) -> Result {
    let page = repo.read(PAGE)?;
    let named: Vec<&str> = page.lines().flat_map(quoted).collect();
    for module in declared(&Source::new(&repo.read(CORE)?).code) {
        if !named.contains(&module) {
            report.breach(format!("{PAGE} lacks `{module}`, a module of {CORE}"));
        }
    }
    Ok(())
}

/// `mod name;` and `pub mod name;`.
fn declared(code: &str) -> impl Iterator<Item = &str> {
    code.lines().filter_map(|line| {
        let line = line.trim();
        line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';')
    })
}

/// Every relative link of the documents leads to something.
pub(super) fn links(repo: &Repo, report: &mut Report) -> Result {
    let is_page = |path: &String| {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        has_ending(path, "md") && matches!(folder, "" | "docs")
    };
    for path in repo.files()?.into_iter().filter(is_page) {
        let folder =
            path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        for (line, target) in targets(&repo.read(&path)?) {
            let file = target.split('#').next().unwrap_or_default();
            let elsewhere = file.is_empty() || file.contains(':');
            if !elsewhere && !repo.path(&format!("{folder}{file}")).exists() {
                report.breach(format!("{path}:{line} links to {target}, which does not exist"));
            }
        }
    }
    Ok(())
}

/// What the links of a page lead to, with their lines; code is not looked into.
fn targets(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut fenced) = (Vec::new(), false);
    for (i, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // A link's text may be code, so that a pair of backticks is cut out and not what is around it.
        let words: String = line.split('`').step_by(2).collect();
        let inline = words.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let definition = words.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        let defined = definition.and_then(|(_, rest)| rest.split(' ').next());
        found.extend(inline.chain(defined).map(|target| (i + 1, target.to_owned())));
    }
    found
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

    #[test]
    fn links_are_found_outside_of_code() {
        let page = "[a](b.md) and [`c`](d.md#e \"title\")\n`[x](y.md)`\n```\n[x](y.md)\n```\n[f]: g.md\n[ ] h";
        let found: Vec<_> = targets(page).into_iter().map(|(l, t)| format!("{l} {t}")).collect();
        assert_eq!(found, ["1 b.md", "1 d.md#e", "6 g.md"]);
    }

    #[test]
    fn modules_are_told_from_uses_and_bodies() {
        let code = "pub mod a;\nmod b;\npub use a::c;\nmod tests {\n}";
        assert_eq!(declared(code).collect::<Vec<_>>(), ["a", "b"]);
    }
}
