//! A small repository that keeps every rule, made anew in the temporary folder and removed at its end.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::generated;
use crate::repo::{Failure, Repo, Result, failed};

pub(super) struct Scratch {
    repo: Repo,
}

const MEMBERS: &[(&str, &str)] = &[
    ("portcullis-core", "[dev-dependencies]\ntestkit = { path = \"../testkit\" }\n"),
    ("portcullis-oauth", "[dependencies]\nportcullis-core = { path = \"../portcullis-core\" }\n"),
    (
        "portcullis-resource",
        "[dependencies]\nportcullis-oauth = { path = \"../portcullis-oauth\" }\n",
    ),
    ("portcullis-issuer", "[dependencies]\n"),
    ("portcullis-client", "[dependencies]\n"),
    ("portcullis", "[dependencies]\nportcullis-resource = { path = \"../portcullis-resource\" }\n"),
    ("example-rmcp-server", "[dependencies]\n"),
    ("testkit", ""),
    ("xtask", ""),
];

impl Scratch {
    /// A repository in which every rule is kept and committed.
    pub(super) fn new() -> Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "portcullis-tidy-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let root = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&root).map_err(|e| {
            Failure::Failed(format!("no scratch folder at {}: {e}", root.display()))
        })?;
        let scratch = Scratch { repo: Repo::at(root) };
        scratch.fill()?;
        scratch.git(&["init", "--quiet"])?;
        scratch.commit()?;
        Ok(scratch)
    }

    fn fill(&self) -> Result {
        self.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\nexclude = [\"stand-in\", \"fuzz\"]\n\
             [workspace.lints.rust]\nunsafe_code = \"forbid\"\n",
        )?;
        for (name, rest) in MEMBERS {
            let manifest = format!(
                "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                 [lints]\nworkspace = true\n\n{rest}"
            );
            self.write(&format!("crates/{name}/Cargo.toml"), &manifest)?;
            self.write(&format!("crates/{name}/src/lib.rs"), "//! A page of documentation.\n")?;
        }
        self.write(
            "crates/portcullis-core/tests/token.rs",
            "// req: RS-1\n#[test]\nfn it_holds() {}\n",
        )?;
        self.write(
            "docs/ARCHITECTURE.md",
            "The core is `crates/portcullis-core/src/lib.rs`: [rows](requirements.md#rows).\n",
        )?;
        self.write(
            "fuzz/Cargo.toml",
            "[workspace]\n[package]\nname = \"fuzz\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [[bin]]\nname = \"bearer\"\npath = \"bearer.rs\"\n",
        )?;
        self.write("fuzz/bearer.rs", "fn main() {}\n")?;
        self.write("fuzz/corpus/bearer/seed", "Bearer a\n")?;
        self.write("fuzz/dictionaries/bearer.dict", "\"Bearer\"\n")?;
        self.write(
            "docs/requirements.md",
            "| id | level |\n|---|---|\n| RS-1 | M |\n| RS-2 | S |\n",
        )?;
        self.write("docs/untested-requirements.txt", "# Only shrinks.\nRS-2\n")?;
        self.write("CONTRIBUTING.md", &generated::sample("CONTRIBUTING.md"))
    }

    pub(super) fn repo(&self) -> &Repo {
        &self.repo
    }

    pub(super) fn write(&self, path: &str, text: &str) -> Result {
        self.repo.write(path, text)
    }

    pub(super) fn append(&self, path: &str, text: &str) -> Result {
        let old = self.repo.read(path).unwrap_or_default();
        self.write(path, &format!("{old}{text}"))
    }

    /// A crate of this name outside the workspace, so that a dependency on it needs no network.
    pub(super) fn stand_in(&self, name: &str) -> Result {
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n");
        self.write(&format!("stand-in/{name}/Cargo.toml"), &manifest)?;
        self.write(&format!("stand-in/{name}/src/lib.rs"), "")
    }

    pub(super) fn commit(&self) -> Result {
        self.git(&["add", "--all", "--force"])?;
        let author = ["-c", "user.name=tidy", "-c", "user.email=tidy@example.invalid"];
        let commit =
            ["-c", "commit.gpgsign=false", "commit", "--quiet", "--no-verify", "-m", "state"];
        self.git(&[&author[..], &commit[..]].concat())
    }

    fn git(&self, args: &[&str]) -> Result {
        let out = self.repo.capture("git", args)?;
        if out.ok {
            Ok(())
        } else {
            failed(format!("git {} fails: {}", args.join(" "), out.stderr))
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.repo.root());
    }
}
