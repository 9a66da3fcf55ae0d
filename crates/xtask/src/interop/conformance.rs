//! The official conformance suite, at a server itself and at the same server behind the gateway.
//!
//! Whether the server is good is not the question: what is found must be the same both times.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::process::free_port;
use super::stage::{Config, Stage};
use super::stories::{FIXTURE_HTTP, OPEN};
use crate::repo::{Failure, Result, failed};

const SUITE: &str = "node_modules/@modelcontextprotocol/conformance/dist/index.js";
const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// How long a run may be silent.
const RUN: Duration = Duration::from_secs(60);

/// Checks that come out otherwise behind the gateway, and are meant to.
const EXCEPTIONS: &[Exception] = &[
    Exception {
        revision: "2026-07-28",
        scenario: "server-stateless",
        check: "sep-2575-server-unsupported-version-error",
        reason: "a revision nobody knows is refused before the server is asked, by a list of all that the \
                 gateway reads",
    },
    Exception {
        revision: "2026-07-28",
        scenario: "tasks-dispatch-and-envelope",
        check: "sep-2663-tasks-get-invalid-task-id-32602",
        reason: "a task id that the gateway has not sealed is unknown, also at a server without tasks",
    },
];

struct Exception {
    revision: &'static str,
    scenario: &'static str,
    check: &'static str,
    reason: &'static str,
}

/// By scenario, each check and what came of it.
type Findings = BTreeMap<String, Vec<(String, String)>>;

pub(super) fn play(stage: &mut Stage<'_>) -> Result {
    let issuer = stage.issuer("jwt", 0)?;
    let (_fixture, direct) = stage.server("fixture", FIXTURE_HTTP)?;
    let mut config = Config::behind(free_port()?)?;
    config.issuer("idp", &issuer.url, "");
    config.server("fixture", "idp", &format!("upstream = \"{direct}\"\n{OPEN}"));
    let gateway = stage.gateway(&config)?;
    let through = config.server_url("fixture");
    let told = json!({
        "port": config.public(), "target": gateway.url, "issuer": issuer.url, "server": through,
    });
    let injector = stage.node("inject", &["inject.mjs", &told.to_string()])?;
    injector.until_ready()?;
    for revision in REVISIONS {
        let wanted = run(stage, "direct", revision, &direct)?;
        let found = run(stage, "gateway", revision, &through)?;
        compare(stage, revision, &wanted, &found);
    }
    Ok(())
}

fn run(stage: &Stage<'_>, which: &str, revision: &str, url: &str) -> Result<Findings> {
    let name = format!("suite-{which}-{revision}");
    let folder = stage.parts.logs.join(&name);
    let _ = std::fs::remove_dir_all(&folder);
    let output = folder.display().to_string();
    let words = [SUITE, "server", "--url", url, "--requirements", revision, "-o", &output];
    let running = stage.node(&name, &words)?;
    // It fails where a scenario that nobody needs does: what counts is in the files.
    while running.line(RUN)?.is_some() {}
    let findings = read(&folder).map_err(|error| {
        Failure::Failed(format!("the findings of {name} cannot be read: {error}"))
    })?;
    if findings.is_empty() { failed(format!("{name} found nothing")) } else { Ok(findings) }
}

/// A folder for each scenario and run, `server-SCENARIO-MOMENT`, with a file of checks.
fn read(folder: &Path) -> std::io::Result<Findings> {
    let mut findings = Findings::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(entry.path().join("checks.json"))?;
        let checks: Vec<Value> = serde_json::from_str(&text)?;
        let of = |check: &Value, key| {
            check.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let checks = checks.iter().map(|check| (of(check, "id"), of(check, "status")));
        findings.insert(scenario(&name).to_owned(), checks.collect());
    }
    Ok(findings)
}

/// Without the moment, which looks like `-2026-11-20T13-52-17-552Z`.
fn scenario(folder: &str) -> &str {
    let name = folder.strip_prefix("server-").unwrap_or(folder);
    let moment = "-2026-11-20T13-52-17-552Z".len();
    name.len().checked_sub(moment).and_then(|end| name.get(..end)).unwrap_or(name)
}

/// Notes each scenario, and each exception that is not needed.
fn compare(stage: &mut Stage<'_>, revision: &str, wanted: &Findings, found: &Findings) {
    let nothing = Vec::new();
    let names = wanted.keys().chain(found.keys().filter(|name| !wanted.contains_key(*name)));
    let mut exceptions: Vec<_> = EXCEPTIONS.iter().filter(|e| e.revision == revision).collect();
    for name in names {
        let wanted = wanted.get(name).unwrap_or(&nothing);
        let found = found.get(name).unwrap_or(&nothing);
        let (own, others): (Vec<_>, Vec<_>) =
            exceptions.into_iter().partition(|exception| exception.scenario == name);
        exceptions = others;
        let about = |what: String| format!("{revision} {name}: {what}");
        stage.tally.note(same(wanted, found, &own).map(about).map_err(about));
        for exception in own {
            println!("           exception: {}: {}", exception.check, exception.reason);
        }
    }
    for exception in exceptions {
        stage.tally.note(Err(format!("{}: no such scenario", exception.scenario)));
    }
}

/// What both have in common, or where they differ.
fn same(
    wanted: &[(String, String)],
    found: &[(String, String)],
    exceptions: &[&Exception],
) -> std::result::Result<String, String> {
    let is_meant = |id: &String| exceptions.iter().any(|exception| exception.check == id);
    let but_those = |checks: &[(String, String)]| -> Vec<(String, String)> {
        checks.iter().filter(|(id, _)| !is_meant(id)).cloned().collect()
    };
    let unneeded = exceptions.iter().find(|exception| {
        let is_it = |(id, _): &&(String, String)| id == exception.check;
        wanted.iter().find(is_it) == found.iter().find(is_it)
    });
    if let Some(exception) = unneeded {
        return Err(format!("the exception for {} is not needed", exception.check));
    }
    let (all, wanted, found) = (wanted.len(), but_those(wanted), but_those(found));
    if wanted == found {
        let passed = wanted.iter().filter(|(_, status)| status == "SUCCESS").count();
        Ok(format!("{passed} of {all} both times"))
    } else {
        let lost: Vec<_> = wanted.iter().filter(|check| !found.contains(check)).collect();
        let new: Vec<_> = found.iter().filter(|check| !wanted.contains(check)).collect();
        Err(format!("at the server itself {lost:?}, behind the gateway {new:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_unless_it_is_meant() {
        let findings = |statuses: [&str; 2]| -> Vec<(String, String)> {
            let named = ["a", "b"].into_iter().zip(statuses);
            named.map(|(id, status)| (id.to_owned(), status.to_owned())).collect()
        };
        let (good, bad) = (findings(["SUCCESS", "SUCCESS"]), findings(["SUCCESS", "FAILURE"]));
        let exception = Exception { revision: "", scenario: "", check: "b", reason: "" };
        assert_eq!(same(&good, &good, &[]).unwrap(), "2 of 2 both times");
        assert!(same(&good, &bad, &[]).unwrap_err().contains("FAILURE"));
        assert!(same(&good, &good[..1], &[]).is_err());
        assert_eq!(same(&good, &bad, &[&exception]).unwrap(), "1 of 2 both times");
        assert!(same(&good, &good, &[&exception]).unwrap_err().contains("not needed"));
    }

    #[test]
    fn the_name_of_a_scenario_is_what_is_left_of_its_folder() {
        assert_eq!(scenario("server-ping-2026-11-20T13-52-17-552Z"), "ping");
        assert_eq!(scenario("server-server-sse-2026-11-20T13-52-17-552Z"), "server-sse");
        assert_eq!(scenario("x"), "x");
    }
}
