//! Variables of the environment that stand for keys: `PORTCULLIS_SERVERS__FILES__UPSTREAM`.

use std::path::Path;

use super::{Key, Kind, Node, Place, Sources, Table};
use crate::config::outside::Outside;
use crate::config::problem::{Findings, Wrong};
use crate::config::raw;
use crate::nearest::nearest;

const PREFIX: &str = "PORTCULLIS_";

/// Named tables, whose names may have a `-` where a variable has `_`.
const NAMED: [&str; 2] = ["servers", "issuers"];

/// Sets what variables say, over what files say.
pub(super) fn apply(
    tree: &mut Table,
    main: &Path,
    outside: &dyn Outside,
    sources: &mut Sources,
    findings: &Findings,
) {
    let mut names = outside.variables();
    names.retain(|name| name.starts_with(PREFIX));
    names.sort_unstable();
    for variable in names {
        let Some(rest) = variable.strip_prefix(PREFIX) else { continue };
        let keys: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        if !is_ours(&keys) {
            continue;
        }
        let number = sources.add_variable(main.to_owned(), &variable);
        let Some(source) = sources.get(number) else { continue };
        let place = source.whole();
        let Some(value) = outside.variable(&variable) else {
            findings.report(place, &keys.join("."), Wrong::NoText);
            continue;
        };
        if keys.first().is_some_and(|key| key == "include") {
            findings.report(place, "include", Wrong::IncludeOverridden);
            continue;
        }
        set(tree, &keys, Node { place, kind: Kind::Variable(value) }, place, findings);
    }
}

/// Whether a variable is meant for the configuration. Others have the prefix too: Kubernetes sets
/// `PORTCULLIS_PORT` and more for a service of that name. A slip of the fingers is told all the same.
fn is_ours(keys: &[String]) -> bool {
    let known = || raw::top_level_keys().iter().map(String::as_str);
    match keys {
        [single] => known().any(|key| key == single) || nearest(single, known()).is_some(),
        _ => true,
    }
}

fn set(tree: &mut Table, keys: &[String], value: Node, place: Place, findings: &Findings) {
    let mut table = tree;
    let mut path = String::new();
    let mut keys = keys.iter().peekable();
    let mut in_names = false;
    while let Some(key) = keys.next() {
        let is_same = |there: &str| there == key || in_names && there.replace('-', "_") == *key;
        let at = table.entries.iter().position(|(there, _)| is_same(&there.name));
        let dot = if path.is_empty() { "" } else { "." };
        path = format!("{path}{dot}{key}");
        if keys.peek().is_none() {
            match at.and_then(|at| table.entries.get_mut(at)) {
                Some((_, there)) => *there = value,
                None => table.entries.push((Key { name: key.clone(), place }, value)),
            }
            return;
        }
        in_names = dot.is_empty() && NAMED.contains(&key.as_str());
        let at = at.unwrap_or_else(|| {
            let node = Node { place, kind: Kind::Table(Table::default()) };
            table.entries.push((Key { name: key.clone(), place }, node));
            table.entries.len().saturating_sub(1)
        });
        let inner = table.entries.get_mut(at).map(|(_, node)| &mut node.kind);
        let Some(Kind::Table(inner)) = inner else {
            findings.report(place, &path, Wrong::NoTableToOverride);
            return;
        };
        table = inner;
    }
}
