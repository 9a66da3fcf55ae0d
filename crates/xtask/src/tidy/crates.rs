//! Rules about crates: what may stand below `core` and `oauth`, and who may depend on whom.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Report;
use crate::repo::{Repo, Result, failed};
use crate::source::Source;

/// The crates that decide, and must be callable from any runtime at any moment of time.
const SANS_IO: &[&str] = &["portcullis-core", "portcullis-oauth"];

/// Crates that bring what a sans-IO crate takes as an argument.
const FORBIDDEN: &[(&str, &str)] = &[
    ("tokio", "a runtime"),
    ("tokio-util", "a runtime"),
    ("async-std", "a runtime"),
    ("async-io", "a runtime"),
    ("async-global-executor", "a runtime"),
    ("smol", "a runtime"),
    ("futures-executor", "a runtime"),
    ("rayon", "threads"),
    ("polling", "sockets"),
    ("mio", "sockets"),
    ("socket2", "sockets"),
    ("rustls", "connections"),
    ("hyper", "connections"),
    ("hyper-util", "connections"),
    ("h2", "connections"),
    ("axum", "connections"),
    ("reqwest", "connections"),
    ("ureq", "connections"),
    ("curl", "connections"),
    ("sqlx", "a database"),
    ("rusqlite", "a database"),
    ("redis", "a database"),
    ("hickory-resolver", "name lookups"),
    ("rand", "randomness"),
    ("rand_core", "randomness"),
    ("rand_chacha", "randomness"),
    ("getrandom", "randomness"),
    ("fastrand", "randomness"),
    ("oorandom", "randomness"),
    ("uuid", "randomness and a clock"),
    ("ulid", "randomness and a clock"),
    ("chrono", "a clock"),
    ("time", "a clock"),
    ("jiff", "a clock"),
    ("coarsetime", "a clock"),
    ("quanta", "a clock"),
    ("web-time", "a clock"),
    ("tempfile", "files"),
    ("notify", "files"),
    ("dotenvy", "the environment"),
    ("tracing-subscriber", "output"),
    ("env_logger", "output"),
];

/// Nothing of that kind is linked into the crates that decide.
pub(super) fn sans_io_tree(repo: &Repo, report: &mut Report) -> Result {
    for member in SANS_IO {
        let args = [
            "tree",
            "--package",
            member,
            "--edges=normal",
            "--target=all",
            "--all-features",
            "--prefix=none",
            "--format={p}",
        ];
        let out = repo.capture("cargo", &args)?;
        if !out.ok {
            return failed(format!("cargo tree --package {member} fails:\n{}", out.stderr));
        }
        let names: BTreeSet<&str> =
            out.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
        if !names.contains(member) {
            return failed(format!("cargo tree --package {member} does not show {member}"));
        }
        for (name, brings) in FORBIDDEN.iter().filter(|(name, _)| names.contains(name)) {
            report.breach(format!(
                "{member} depends on {name}, which brings {brings}: hand it in as an argument \
                 (see `cargo tree -p {member} -e normal -i {name}`)"
            ));
        }
    }
    Ok(())
}

/// Last segments that mean a clock, a random source or a socket wherever they come from.
const NAMES: &[(&str, &str)] = &[
    ("SystemTime", "take `now: UnixTime` as an argument"),
    ("Instant", "take `now: UnixTime` as an argument"),
    ("SystemRandom", "take random bytes as an argument"),
    ("OsRng", "take random bytes as an argument"),
    ("thread_rng", "take random bytes as an argument"),
    ("RandomState", "hashes differ from run to run: use a BTreeMap"),
    ("HashMap", "its order differs from run to run: use a BTreeMap"),
    ("HashSet", "its order differs from run to run: use a BTreeSet"),
    ("TcpStream", "connect in the caller"),
    ("TcpListener", "listen in the caller"),
    ("UdpSocket", "connect in the caller"),
    ("UnixStream", "connect in the caller"),
    ("ToSocketAddrs", "look names up in the caller"),
];

/// Modules no sans-IO crate looks into.
const MODULES: &[(&str, &str)] = &[
    ("std::fs", "read files in the caller"),
    ("std::env", "read settings in the caller"),
    ("std::process", "start programs in the caller"),
    ("std::thread", "start threads in the caller"),
    ("std::os", "stay off the operating system"),
    ("std::net", "only the address types are allowed"),
    ("std::time::*", "name Duration, so that no clock slips in"),
    ("std::collections::*", "name the collection, so that no random order slips in"),
    ("rand", "take random bytes as an argument"),
    ("aws_lc_rs::rand", "take random bytes as an argument"),
];

const PLAIN_ADDRESSES: &[&str] = &[
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::net::SocketAddr",
    "std::net::AddrParseError",
];

/// Nothing of that kind is named in the sources of the crates that decide.
pub(super) fn sans_io_source(repo: &Repo, report: &mut Report) -> Result {
    let mut seen = BTreeSet::new();
    for (path, text) in repo.sources()? {
        let Some(member) = SANS_IO.iter().find(|m| path.starts_with(&format!("crates/{m}/src/")))
        else {
            continue;
        };
        seen.insert(*member);
        for (line, named) in Source::new(&text).paths() {
            if let Some(way_out) = impure(&named) {
                report.breach(format!("{path}:{line} names `{named}`: {way_out}"));
            }
        }
    }
    match SANS_IO.iter().find(|m| !seen.contains(**m)) {
        Some(member) => failed(format!("crates/{member}/src has no sources")),
        None => Ok(()),
    }
}

/// JSON that decides is read by one strict reader. Serde's own resolves what should be refused.
pub(super) fn strict_json(repo: &Repo, report: &mut Report) -> Result {
    let decides =
        |path: &str| SANS_IO.iter().any(|m| path.starts_with(&format!("crates/{m}/src/")));
    for (path, text) in repo.sources()?.into_iter().filter(|(path, _)| decides(path)) {
        let source = Source::new(&text);
        for (line, named) in source.paths() {
            let last = named.rsplit("::").next().unwrap_or_default();
            if named.contains("serde_json::from_") || named == "serde_json::*" {
                report.breach(format!(
                    "{path}:{line} names `{named}`, which lets members stand twice: read with \
                     `portcullis_core::json`"
                ));
            } else if last == "Deserialize" {
                report.breach(format!(
                    "{path}:{line} names `{named}`: a derived reader takes an array for an object; read \
                     with `portcullis_core::json`"
                ));
            }
        }
    }
    Ok(())
}

fn impure(path: &str) -> Option<&'static str> {
    let segment = path
        .split("::")
        .find_map(|segment| NAMES.iter().find(|(name, _)| *name == segment).map(|(_, why)| *why));
    let within = |module: &str| {
        path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let module = || {
        let plain = PLAIN_ADDRESSES.iter().any(|address| within(address));
        let found = MODULES.iter().find(|(module, _)| within(module)).map(|(_, why)| *why);
        found.filter(|_| !plain)
    };
    segment.or_else(module)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_types_are_no_sockets_and_durations_no_clocks() {
        let fine = [
            "std::net::IpAddr",
            "std::time::Duration",
            "crate::environment",
            "random::x",
            "http::Uri",
        ];
        assert!(fine.iter().all(|path| impure(path).is_none()));
        for path in
            ["std::net::lookup_host", "std::fs", "std::env::var", "rand::rng", "std::time::*"]
        {
            assert!(impure(path).is_some(), "{path}");
        }
        for path in
            ["Instant::now", "std::time::SystemTime::now", "x::HashMap", "aws_lc_rs::rand::fill"]
        {
            assert!(impure(path).is_some(), "{path}");
        }
    }
}
