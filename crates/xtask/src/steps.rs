//! The steps of a landing and of a night: one ordered table, which `ci` runs and CONTRIBUTING.md shows.

use std::fmt::Write as _;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    Landing,
    Nightly,
}

pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) tier: Tier,
    pub(crate) proves: &'static str,
    pub(crate) work: Work,
}

pub(crate) enum Work {
    /// `cargo` with these words and this environment.
    Cargo(&'static [&'static str], &'static [(&'static str, &'static str)]),
    // Commands of this tool.
    Tidy,
    Vectors,
    Fuzz {
        seconds: u32,
    },
    Interop,
    Mutants {
        minutes: u64,
    },
    Advisories,
    OldestRust,
}

/// `rust-version` of the workspace's crates, as rustup names it.
pub(crate) const OLDEST_RUST: &str = concat!(env!("CARGO_PKG_RUST_VERSION"), ".0");

/// Every feature but those that need a newer Rust.
pub(crate) const OLDEST_RUST_FEATURES: &str = "portcullis/otlp,portcullis-resource/axum,portcullis-resource/testing,testkit/server,testkit/tls";

/// Features that need a newer Rust, since what they are for does.
#[cfg(test)]
const NEWER_FEATURES: &[&str] = &["portcullis-resource/tower-mcp"];

pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "test",
        tier: Tier::Landing,
        proves: "every test of every crate passes, but those of features that are off",
        work: Work::Cargo(&["test", "--workspace", "--locked"], &[]),
    },
    Step {
        name: "test-features",
        tier: Tier::Landing,
        proves: "and those of the gateway with every feature",
        work: Work::Cargo(&["test", "--package", "portcullis", "--all-features", "--locked"], &[]),
    },
    Step {
        name: "test-layer-features",
        tier: Tier::Landing,
        proves: "and those of the layer",
        work: Work::Cargo(
            &["test", "--package", "portcullis-resource", "--all-features", "--locked"],
            &[],
        ),
    },
    Step {
        name: "fmt",
        tier: Tier::Landing,
        proves: "formatting is settled",
        work: Work::Cargo(&["fmt", "--all", "--check"], &[]),
    },
    Step {
        name: "fmt-fuzz",
        tier: Tier::Landing,
        proves: "that of the fuzz targets as well",
        work: Work::Cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"], &[]),
    },
    Step {
        name: "clippy",
        tier: Tier::Landing,
        proves: "no lint of the workspace is broken; benchmarks compile",
        work: Work::Cargo(
            &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
            &[],
        ),
    },
    Step {
        name: "lint-features",
        tier: Tier::Landing,
        proves: "nor with every feature",
        work: Work::Cargo(
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--all-features",
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
            &[],
        ),
    },
    Step {
        name: "doc",
        tier: Tier::Landing,
        proves: "documentation builds and its links hold",
        work: Work::Cargo(
            &["doc", "--workspace", "--all-features", "--no-deps", "--locked"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        ),
    },
    Step {
        name: "deny",
        tier: Tier::Landing,
        proves: "licences, bans and sources of dependencies are as agreed",
        work: Work::Cargo(&["deny", "--locked", "check", "bans", "licenses", "sources"], &[]),
    },
    Step { name: "tidy", tier: Tier::Landing, proves: "the rules below hold", work: Work::Tidy },
    Step {
        name: "vectors",
        tier: Tier::Landing,
        proves: "public vectors are judged as their authors say",
        work: Work::Vectors,
    },
    Step {
        name: "interop",
        tier: Tier::Landing,
        proves: "parts of others get along with the gateway",
        work: Work::Interop,
    },
    Step {
        name: "fuzz",
        tier: Tier::Landing,
        proves: "no target has a finding within 20 seconds",
        work: Work::Fuzz { seconds: 20 },
    },
    // The fuzz targets share no build with the workspace: more than a minute on a fresh clone.
    Step {
        name: "clippy-fuzz",
        tier: Tier::Nightly,
        proves: "no lint is broken in the fuzz targets",
        work: Work::Cargo(
            &[
                "clippy",
                "--manifest-path",
                "fuzz/Cargo.toml",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
            &[],
        ),
    },
    Step {
        name: "oldest-rust",
        tier: Tier::Nightly,
        proves: "the oldest Rust that is promised compiles all but the feature `tower-mcp`",
        work: Work::OldestRust,
    },
    Step {
        name: "long-fuzz",
        tier: Tier::Nightly,
        proves: "no target has a finding within ten minutes",
        work: Work::Fuzz { seconds: 600 },
    },
    Step {
        name: "long-vectors",
        tier: Tier::Nightly,
        proves: "public vectors are judged as their authors say",
        work: Work::Vectors,
    },
    Step {
        name: "mutants",
        tier: Tier::Nightly,
        proves: "the tests notice at least nine changed lines of ten",
        work: Work::Mutants { minutes: 60 },
    },
    Step {
        name: "bench",
        tier: Tier::Nightly,
        proves: "the figures of the core in docs/PERFORMANCE.md",
        work: Work::Cargo(&["bench", "--package", "portcullis-core", "--locked"], &[]),
    },
    Step {
        name: "advisories",
        tier: Tier::Nightly,
        proves: "no dependency has a known advisory, where the database can be had",
        work: Work::Advisories,
    },
];

impl Work {
    /// The command as it would be typed.
    pub(crate) fn typed(&self) -> String {
        match self {
            Work::Cargo(words, env) => {
                let mut text = String::new();
                for (name, value) in *env {
                    let _ = write!(text, "{name}=\"{value}\" ");
                }
                text + "cargo " + &words.join(" ")
            }
            Work::Tidy => "cargo xtask tidy".to_owned(),
            Work::Vectors => "cargo xtask vectors".to_owned(),
            Work::Interop => "cargo xtask interop".to_owned(),
            Work::Fuzz { seconds } => format!("cargo xtask fuzz --seconds {seconds}"),
            Work::Mutants { minutes } => format!("cargo xtask mutants --minutes {minutes}"),
            Work::Advisories => "cargo xtask advisories".to_owned(),
            Work::OldestRust => {
                format!(
                    "rustup run {OLDEST_RUST} cargo check --workspace --all-targets --features \
                     {OLDEST_RUST_FEATURES} --locked"
                )
            }
        }
    }
}

/// The table of CONTRIBUTING.md.
pub(crate) fn table() -> String {
    let mut text =
        "| tier | step | command | what it proves |\n| --- | --- | --- | --- |\n".to_owned();
    for step in STEPS {
        let tier = if step.tier == Tier::Landing { "landing" } else { "nightly" };
        let (name, typed) = (step.name, step.work.typed());
        let _ = writeln!(text, "| {tier} | {name} | `{typed}` | {} |", step.proves);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::repo::Repo;

    /// A feature that is new is compiled by the oldest Rust, or named as one that is not.
    #[test]
    fn every_feature_is_one_of_the_oldest_rust_or_not() {
        let metadata = Repo::here().unwrap().metadata("Cargo.toml").unwrap();
        let mut features = BTreeSet::new();
        for package in metadata["packages"].as_array().unwrap() {
            let own = package["features"].as_object().unwrap().keys();
            let own = own.filter(|feature| *feature != "default");
            features.extend(own.map(|own| format!("{}/{own}", package["name"].as_str().unwrap())));
        }
        let listed = OLDEST_RUST_FEATURES.split(',').chain(NEWER_FEATURES.iter().copied());
        assert_eq!(features, listed.map(str::to_owned).collect());
    }

    #[test]
    fn the_table_is_in_order_and_names_are_unique() {
        let first_night = STEPS.iter().position(|step| step.tier == Tier::Nightly).unwrap();
        assert!(STEPS[first_night..].iter().all(|step| step.tier == Tier::Nightly));
        for (i, step) in STEPS.iter().enumerate() {
            assert!(STEPS[..i].iter().all(|other| other.name != step.name), "{}", step.name);
        }
    }
}
