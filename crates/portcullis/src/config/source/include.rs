//! Several files as one tree.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::tree::Growing;
use super::{Key, Kind, Node, Place, Sources, Table, overrides};
use crate::config::outside::{Outside, beside};
use crate::config::problem::{Findings, Wrong};

/// Tables whose entries may come from several files. Of all others each key has one file.
const SHARED: [&str; 3] = ["servers", "issuers", "clients"];

/// More files than this are a mistake in the pattern.
const MAX_FILES: usize = 256;

/// Reads a file and what it includes, and lets the environment override it. What is wrong is found, and the
/// rest is there all the same.
pub(in crate::config) fn read(
    path: &Path,
    outside: &dyn Outside,
    sources: &mut Sources,
    findings: &Findings,
) -> Result<Node, std::io::Error> {
    let text = outside.read(path)?;
    let number = sources.add(path.to_owned(), text);
    let mut tree = parse(sources, number, outside, findings);
    let place = sources.get(number).map(|main| main.place(0..0)).unwrap_or_default();
    if let Some(include) = tree.take("include") {
        for (at, pattern) in patterns(&include, findings) {
            for found in matching(path, at, pattern, outside, findings) {
                let name = found.display().to_string();
                let text = match outside.read(&found) {
                    Ok(text) => text,
                    Err(error) => {
                        findings.report(at, "include", Wrong::Unreadable { path: name, error });
                        continue;
                    }
                };
                let number = sources.add(found, text);
                let more = parse(sources, number, outside, findings);
                merge(&mut tree, more, findings);
            }
        }
    }
    overrides::apply(&mut tree, path, outside, sources, findings);
    Ok(Node { place, kind: Kind::Table(tree) })
}

fn parse(sources: &Sources, number: usize, outside: &dyn Outside, findings: &Findings) -> Table {
    let Some(source) = sources.get(number) else { return Table::default() };
    // Spans count the bytes of the whole text, so a byte order mark has to stay where it is.
    let (tree, errors) = DeTable::parse_recoverable(&source.text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        findings.syntax(source.place(span), error.message());
    }
    // Where the text is broken, variables that it seems to name are no matter.
    let quiet = Findings::default();
    let seen = if errors.is_empty() { findings } else { &quiet };
    let table = Growing { source, outside, findings: seen }.table(tree.get_ref());
    findings.take_masks(&quiet);
    table
}

/// What `include` says: a string, or a list of strings.
fn patterns<'n>(include: &'n Node, findings: &Findings) -> Vec<(Place, &'n str)> {
    let single = std::slice::from_ref(include);
    let items = if let Kind::Array(items) = &include.kind { items.as_slice() } else { single };
    let mut patterns = Vec::new();
    for item in items {
        match &item.kind {
            Kind::Text(text) => patterns.push((item.place, text.value.as_str())),
            Kind::Unusable => {}
            _ => findings.report(
                item.place,
                "include",
                Wrong::Kind {
                    wanted: "a string or a list of strings".to_owned(),
                    found: item.what(),
                },
            ),
        }
    }
    patterns
}

/// The files that a pattern names, in the order of their names. A star stands in the last part of it.
fn matching(
    main: &Path,
    at: Place,
    pattern: &str,
    outside: &dyn Outside,
    findings: &Findings,
) -> Vec<PathBuf> {
    let (folder, last) = pattern.rsplit_once('/').map_or(("", pattern), |(f, l)| (f, l));
    let Some((start, end)) = last.split_once('*') else { return vec![beside(main, pattern)] };
    if folder.contains('*') || end.contains('*') || last.contains(['?', '[', '{']) {
        findings.report(at, "include", Wrong::IncludePattern);
        return Vec::new();
    }
    // A pattern from the root keeps its slash.
    let folder = if pattern.starts_with('/') && folder.is_empty() { "/" } else { folder };
    let folder = beside(main, folder);
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
    let mut names = match outside.list(listed) {
        Ok(names) => names,
        Err(error) => {
            let path = folder.display().to_string();
            findings.report(at, "include", Wrong::Unreadable { path, error });
            return Vec::new();
        }
    };
    let fits = |name: &str| {
        name.len() >= start.len().saturating_add(end.len())
            && name.starts_with(start)
            && name.ends_with(end)
            && !name.starts_with('.')
            && main.file_name().is_none_or(|main| main != name)
    };
    names.retain(|name| fits(name));
    names.sort_unstable();
    if names.len() > MAX_FILES {
        findings.report(at, "include", Wrong::TooManyFiles(MAX_FILES));
        names.truncate(MAX_FILES);
    }
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// Puts the tables of a further file beside those that are there.
fn merge(tree: &mut Table, more: Table, findings: &Findings) {
    for (key, node) in more.entries {
        if key.name == "include" {
            findings.report(key.place, "include", Wrong::NestedInclude);
            continue;
        }
        let Some(at) = tree.entries.iter().position(|(there, _)| there.name == key.name) else {
            tree.entries.push((key, node));
            continue;
        };
        let Some((first, there)) = tree.entries.get_mut(at) else { continue };
        match (&mut there.kind, node.kind) {
            (Kind::Table(there), Kind::Table(more)) if SHARED.contains(&key.name.as_str()) => {
                for (inner, node) in more.entries {
                    match there.entries.iter().find(|(there, _)| there.name == inner.name) {
                        Some((first, _)) => {
                            twice(first, &inner, &format!("{}.", key.name), findings);
                        }
                        None => there.entries.push((inner, node)),
                    }
                }
            }
            _ => twice(first, &key, "", findings),
        }
    }
}

fn twice(first: &Key, again: &Key, prefix: &str, findings: &Findings) {
    let path = format!("{prefix}{}", again.name);
    findings.report_with(again.place, &path, Wrong::Twice, first.place, "it stands here too");
}
