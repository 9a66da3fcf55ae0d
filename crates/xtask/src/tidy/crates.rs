//! Rules about crates: who may depend on whom, and under which lints.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Report;
use crate::repo::{Repo, Result, failed};

/// Who may depend on whom inside the workspace. `None` among development dependencies: nobody else's
/// business. The three siblings never import each other; what they share lies below them.
const EDGES: &[(&str, &[&str])] = &[
    ("portcullis-core", &[]),
    ("portcullis-oauth", &["portcullis-core"]),
    ("portcullis-resource", &["portcullis-oauth", "portcullis-core"]),
    ("portcullis-issuer", &["portcullis-oauth", "portcullis-core"]),
    ("portcullis-client", &["portcullis-oauth", "portcullis-core"]),
    (
        "portcullis",
        &[
            "portcullis-resource",
            "portcullis-issuer",
            "portcullis-client",
            "portcullis-oauth",
            "portcullis-core",
        ],
    ),
    // What a reader copies: not shipped.
    ("example-rmcp-server", &["portcullis-resource"]),
    // An independent judge in tests: it must not be made of what it judges.
    ("testkit", &[]),
];

const TOOL: &str = "xtask";

/// The crates of the workspace depend on each other only as the design says.
pub(super) fn edges(repo: &Repo, report: &mut Report) -> Result {
    let metadata = repo.metadata("Cargo.toml")?;
    let members = packages(&metadata);
    let known: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    for name in known.keys().filter(|name| !members.contains_key(**name)) {
        report.breach(format!("the design has a crate {name} and the workspace has none"));
    }
    for (member, package) in &members {
        if *member != TOOL && !known.contains_key(member) {
            report.breach(format!(
                "the design has no crate {member}: add it to docs/ARCHITECTURE.md and to EDGES in \
                 crates/xtask/src/tidy/crates.rs, with the edges it may have"
            ));
            continue;
        }
        for (target, kind) in
            dependencies(package).filter(|(target, _)| members.contains_key(*target))
        {
            let allowed = match (*member, target) {
                (_, TOOL) => false,
                (TOOL, _) => true,
                (_, "testkit") => kind == "dev",
                // How the tests of a crate switch its features on.
                (own, target) if own == target => kind == "dev",
                _ => known.get(member).is_some_and(|below| below.contains(&target)),
            };
            if !allowed {
                report.breach(format!(
                    "{member} has a {kind} dependency on {target}: the design has no such edge"
                ));
            }
        }
    }
    Ok(())
}

fn packages(metadata: &Value) -> BTreeMap<&str, &Value> {
    let list = metadata.get("packages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(|p| p.get("name").and_then(Value::as_str).map(|name| (name, p)))
        .collect()
}

fn dependencies(package: &Value) -> impl Iterator<Item = (&str, &str)> {
    let list = package.get("dependencies").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|d| {
        let name = d.get("name").and_then(Value::as_str)?;
        Some((name, d.get("kind").and_then(Value::as_str).unwrap_or("normal")))
    })
}

/// Every crate takes the lints of the workspace.
pub(super) fn lints(repo: &Repo, report: &mut Report) -> Result {
    let manifests = repo.files()?.into_iter().filter(|path| {
        path.strip_prefix("crates/")
            .or_else(|| path.strip_prefix("examples/"))
            .and_then(|rest| rest.split_once('/'))
            .is_some_and(|(_, file)| file == "Cargo.toml")
    });
    let mut some = false;
    for path in manifests {
        some = true;
        let text = repo.read(&path)?;
        let mut lines = text.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
        if !lines.any(|line| line == "workspace = true") {
            report.breach(format!("{path} lacks `[lints]` with `workspace = true`"));
        }
    }
    if some { Ok(()) } else { failed("no crates/*/Cargo.toml found") }
}
