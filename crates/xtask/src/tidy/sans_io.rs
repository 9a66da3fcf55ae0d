//! Rules about the crates that decide: what may be linked into them and named in their sources.

use std::collections::BTreeSet;

use super::Report;
use crate::repo::{Repo, Result, failed};
use crate::source::Source;

/// The crates that decide, and must be callable from any runtime at any moment of time.
const SANS_IO: &[&str] = &["portcullis-core", "portcullis-oauth"];

/// Every crate that may be linked into them, and what for. None of them is a runtime, reads a clock or
/// opens a socket by itself; `aws-lc-rs` has a random source, which the rule `sans-io-source` refuses by name.
const LINKED: &[(&str, &str)] = &[
    ("portcullis-core", "the decisions themselves"),
    ("portcullis-oauth", "the protocol messages themselves"),
    ("aws-lc-rs", "signatures and digests"),
    ("aws-lc-sys", "below aws-lc-rs"),
    ("base64", "the encoding of JOSE"),
    ("bytes", "bodies that are shared and not copied"),
    ("bytestring", "text in shared bytes"),
    ("fluent-uri", "URIs that keep their text"),
    ("borrow-or-share", "below fluent-uri"),
    ("ref-cast", "below fluent-uri"),
    ("ref-cast-impl", "below ref-cast"),
    ("form_urlencoded", "the bodies of OAuth requests"),
    ("percent-encoding", "below form_urlencoded"),
    ("http", "header and method types"),
    ("itoa", "below http and serde_json"),
    ("serde", "the driver of the strict reader"),
    ("serde_core", "below serde"),
    ("serde_derive", "below serde"),
    ("serde_json", "the lexer of the strict reader, and writing"),
    ("memchr", "search in bytes"),
    ("zmij", "below serde_json"),
    ("thiserror", "error types"),
    ("thiserror-impl", "below thiserror"),
    ("proc-macro2", "derives, while compiling"),
    ("quote", "derives, while compiling"),
    ("syn", "derives, while compiling"),
    ("unicode-ident", "derives, while compiling"),
    ("zeroize", "secrets that are wiped"),
];

/// Nothing but [`LINKED`] is linked into the crates that decide.
pub(super) fn tree(repo: &Repo, report: &mut Report) -> Result {
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
        let known =
            |name: &str| name.is_empty() || LINKED.iter().any(|(linked, _)| *linked == name);
        for name in names.into_iter().filter(|name| !known(name)) {
            report.breach(format!(
                "{member} depends on {name}: hand in what it brings as an argument, or, if it does \
                 nothing but compute, give it a reason in crates/xtask/src/tidy/sans_io.rs \
                 (see `cargo tree -p {member} -e normal -i {name}`)"
            ));
        }
    }
    Ok(())
}

const MOMENT: &str = "take `now: UnixTime` as an argument";
const RANDOM: &str = "take random bytes as an argument";
const ORDER: &str = "its order differs from run to run: use a BTreeMap or BTreeSet";
const STATE: &str = "state that outlives a call is the caller's";

/// Segments that mean a clock, a random source, a socket or shared state wherever they come from.
const NAMES: &[(&str, &str)] = &[
    ("SystemTime", MOMENT),
    ("Instant", MOMENT),
    ("SystemRandom", RANDOM),
    ("OsRng", RANDOM),
    ("thread_rng", RANDOM),
    ("RandomState", ORDER),
    ("HashMap", ORDER),
    ("HashSet", ORDER),
    ("TcpStream", "connect in the caller"),
    ("TcpListener", "listen in the caller"),
    ("UdpSocket", "connect in the caller"),
    ("UnixStream", "connect in the caller"),
    ("ToSocketAddrs", "look names up in the caller"),
    ("Mutex", STATE),
    ("RwLock", STATE),
    ("OnceLock", STATE),
    ("LazyLock", STATE),
    ("thread_local", STATE),
];

/// Modules no sans-IO crate looks into.
const MODULES: &[(&str, &str)] = &[
    ("std::fs", "read files in the caller"),
    ("std::io", "read and write in the caller"),
    ("std::env", "read settings in the caller"),
    ("std::process", "start programs in the caller"),
    ("std::thread", "start threads in the caller"),
    ("std::os", "stay off the operating system"),
    ("std::net", "only the address types are allowed"),
    ("std::time::*", "name Duration, so that no clock slips in"),
    ("std::collections::*", "name the collection, so that no random order slips in"),
    ("std::sync::atomic", STATE),
    ("rand", RANDOM),
    ("aws_lc_rs::rand", RANDOM),
];

/// Crates whose name may only begin a path: under another name they would not be seen here.
const ROOTS: &[&str] = &["std", "aws_lc_rs"];

const PLAIN_ADDRESSES: &[&str] = &[
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::net::SocketAddr",
    "std::net::AddrParseError",
];

/// Nothing of that kind is named in the sources of the crates that decide.
pub(super) fn source(repo: &Repo, report: &mut Report) -> Result {
    for (path, source) in sources(repo)? {
        for (line, named) in source.paths() {
            if let Some(way_out) = impure(&named) {
                report.breach(format!("{path}:{line} names `{named}`: {way_out}"));
            }
        }
    }
    Ok(())
}

/// The sources of the crates that decide; each of them has some.
fn sources(repo: &Repo) -> Result<Vec<(String, Source)>> {
    let of = |path: &str, member: &str| path.starts_with(&format!("crates/{member}/src/"));
    let mut found = repo.sources()?;
    found.retain(|(path, _)| SANS_IO.iter().any(|member| of(path, member)));
    match SANS_IO.iter().find(|member| !found.iter().any(|(path, _)| of(path, member))) {
        Some(member) => failed(format!("crates/{member}/src has no sources")),
        None => Ok(found.into_iter().map(|(path, text)| (path, Source::new(&text))).collect()),
    }
}

fn impure(path: &str) -> Option<&'static str> {
    let within = |module: &str| {
        path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    if ROOTS.iter().any(|root| is_alone(path, root)) {
        return Some("name the item: under another name it would not be seen");
    }
    let (before, last) = path.rsplit_once("::").unwrap_or_default();
    if !before.is_empty() && (last == "generate" || last == "generate_pkcs8") {
        return Some("draws random bytes: keys are made by the caller");
    }
    let segment = path
        .split("::")
        .find_map(|segment| NAMES.iter().find(|(name, _)| *name == segment).map(|(_, why)| *why));
    let module = || {
        let plain = PLAIN_ADDRESSES.iter().any(|address| within(address));
        let found = MODULES.iter().find(|(module, _)| within(module)).map(|(_, why)| *why);
        found.filter(|_| !plain)
    };
    segment.or_else(module)
}

/// Whether a path is a crate itself, or everything in it.
fn is_alone(path: &str, root: &str) -> bool {
    let rest = path.strip_prefix(root);
    rest.is_some_and(|rest| matches!(rest, "" | "::*" | "::self"))
}

/// Where the strict reader is made of serde's lexer.
const READER: &str = "crates/portcullis-core/src/json/";

/// JSON that decides is read by one strict reader. Serde's own resolves what should be refused.
pub(super) fn strict_json(repo: &Repo, report: &mut Report) -> Result {
    for (path, source) in sources(repo)? {
        for (line, named) in source.paths() {
            if let Some(why) = lenient(&named, path.starts_with(READER)) {
                report.breach(format!(
                    "{path}:{line} names `{named}`{why}: read with `portcullis_core::json`"
                ));
            }
        }
        for (line, target) in parse_targets(&source.code) {
            report.breach(format!(
                "{path}:{line} parses a `{target}`, in which a member may stand twice: read with \
                 `portcullis_core::json`"
            ));
        }
    }
    Ok(())
}

fn lenient(path: &str, reader: bool) -> Option<&'static str> {
    let (before, last) = path.rsplit_once("::").unwrap_or(("", path));
    let lexer = ["serde_json::Deserializer", "serde_json::StreamDeserializer", "serde_json::de"];
    if is_alone(path, "serde_json") {
        Some(", under which a lenient reader would not be seen")
    } else if path.starts_with("serde_json::from_")
        || (last.starts_with("from_") && is_value(before))
        || (!reader && lexer.iter().any(|name| path.starts_with(name)))
    {
        Some(", which lets members stand twice")
    } else if last == "Deserialize" {
        Some(", by which an array is taken for an object")
    } else {
        None
    }
}

/// `Value`, by its own name or the one it goes by where another has that.
fn is_value(path: &str) -> bool {
    matches!(path.rsplit("::").next(), Some("Value" | "Json"))
}

/// `parse::<Value>` of JSON, with its line.
fn parse_targets(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.match_indices("parse::<").filter_map(|(i, mark)| {
        let target = code.get(i + mark.len()..)?.split('>').next()?.trim();
        let line = code.get(..i)?.matches('\n').count() + 1;
        is_value(target).then_some((line, target))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_types_are_no_sockets_and_durations_no_clocks() {
        let fine = [
            "std::net::IpAddr",
            "std::time::Duration",
            "std::sync::Arc",
            "crate::environment",
            "random::x",
            "generate",
            "http::Uri",
            "aws_lc_rs::signature::self",
        ];
        assert!(fine.iter().all(|path| impure(path).is_none()));
        for path in [
            "std::net::lookup_host",
            "std::fs",
            "std::env::var",
            "std::io::stdin",
            "std::sync::atomic::AtomicU64",
            "rand::rng",
            "std::time::*",
            "std",
            "std::self",
            "aws_lc_rs::*",
            "Instant::now",
            "std::time::SystemTime::now",
            "x::HashMap",
            "aws_lc_rs::rand::fill",
            "EcdsaKeyPair::generate",
            "Ed25519KeyPair::generate_pkcs8",
        ] {
            assert!(impure(path).is_some(), "{path}");
        }
    }

    #[test]
    fn values_are_written_and_never_read() {
        for path in ["serde_json::Value", "serde_json::Value::from", "Value::from", "Id::from_str"]
        {
            assert_eq!(lenient(path, false), None, "{path}");
        }
        for path in ["serde_json", "serde_json::from_str", "Json::from_str", "serde::Deserialize"] {
            assert!(lenient(path, true).is_some(), "{path}");
        }
        let lexer = "serde_json::Deserializer::from_str";
        assert!(lenient(lexer, true).is_none() && lenient(lexer, false).is_some());
        let code = "a.parse::<u16>();\nb.parse::<serde_json::Value>()";
        assert_eq!(parse_targets(code).collect::<Vec<_>>(), [(2, "serde_json::Value")]);
    }
}
