//! What has to be there before anything runs: node and the packages, the gateway, the client in Rust.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::repo::{Failure, Repo, Result, failed};

/// Scripts and the list of packages.
const SCRIPTS: &str = "crates/xtask/interop";

/// The one that the scripts are written for, whatever the machine has.
const NODE: &str = "node_modules/.bin/node";

/// Everything that stories are played with.
pub(super) struct Parts {
    /// Where packages and copies of the scripts are, and where everything runs.
    pub(super) folder: PathBuf,
    pub(super) logs: PathBuf,
    pub(super) node: PathBuf,
    pub(super) gateway: PathBuf,
    pub(super) rmcp: PathBuf,
}

/// Why nothing can be run here; that is no verdict about the gateway.
pub(super) struct Missing(pub(super) String);

/// Gets the packages: those of the lock file and no others. Once they are there no network is needed.
pub(super) fn packages(repo: &Repo) -> Result<std::result::Result<PathBuf, Missing>> {
    let folder = target(repo)?.join("interop");
    let written = copy_scripts(repo, &folder);
    written.map_err(|error| {
        Failure::Failed(format!("{} cannot be written: {error}", folder.display()))
    })?;
    let lock = repo.read(&format!("{SCRIPTS}/package-lock.json"))?;
    // Written last, so that what was interrupted is done again.
    let stamp = folder.join("node_modules/.installed");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(Ok(folder));
    }
    let install = ["ci", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
    println!("npm {} (below {})", install.join(" "), folder.display());
    let mut npm = Command::new("npm");
    npm.args(install).current_dir(&folder);
    if let Err(why) = quietly(&mut npm) {
        return Ok(Err(Missing(format!("npm {why}; wanted are Node.js 20 or later and its npm"))));
    }
    // Comes by a script of its package, which npm can be told not to run.
    let node = quietly(Command::new(folder.join(NODE)).arg("--version"));
    if let Err(why) = node {
        return Ok(Err(Missing(format!("the Node.js of the packages {why}"))));
    }
    match std::fs::write(&stamp, lock) {
        Ok(()) => Ok(Ok(folder)),
        Err(error) => failed(format!("{} cannot be written: {error}", stamp.display())),
    }
}

/// Runs a program that has nothing to say unless it fails; then why, in a line.
fn quietly(command: &mut Command) -> std::result::Result<(), String> {
    match command.stdin(Stdio::null()).output() {
        Err(error) => Err(format!("does not start: {error}")),
        Ok(out) if out.status.success() => Ok(()),
        Ok(out) => {
            let said = String::from_utf8_lossy(&out.stderr);
            let lines: Vec<&str> = said.lines().take(4).collect();
            Err(format!("fails with {}: {}", out.status, lines.join(", ")))
        }
    }
}

/// Scripts find packages in a folder above them, hence the copies.
fn copy_scripts(repo: &Repo, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder.join("logs"))?;
    for entry in std::fs::read_dir(repo.path(SCRIPTS))? {
        let entry = entry?;
        std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    Ok(())
}

/// Builds what is ours.
pub(super) fn build(repo: &Repo, folder: PathBuf) -> Result<Parts> {
    // With the whole workspace, so that it is the same build as that of the tests.
    let mut words = vec!["build", "--quiet", "--workspace", "--locked"];
    words.extend(["--bin", "portcullis", "--example", "rmcp_client"]);
    repo.show("cargo", &words, &[])?;
    let built = target(repo)?.join("debug");
    Ok(Parts {
        logs: folder.join("logs"),
        node: folder.join(NODE),
        gateway: built.join("portcullis"),
        rmcp: built.join("examples/rmcp_client"),
        folder,
    })
}

fn target(repo: &Repo) -> Result<PathBuf> {
    let metadata = repo.metadata("Cargo.toml")?;
    match metadata.get("target_directory").and_then(Value::as_str) {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => failed("cargo metadata names no target directory"),
    }
}
