//! The repository: where it is, which files it has, and how programs are run in it.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Why a command ended badly.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line made no sense: exit code 2, with the help.
    Usage(String),
    /// Something was found or did not work: exit code 1.
    Failed(String),
}

pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Usage(why) | Failure::Failed(why)) = self;
        f.write_str(why)
    }
}

/// How a step ended that did not fail.
#[derive(Debug)]
pub(crate) enum End {
    /// It ran; its closing line.
    Ran(String),
    /// It could not run here, and why.
    NotRun(String),
}

/// A failure that says what was attempted.
pub(crate) fn failed<T>(why: impl Into<String>) -> Result<T> {
    Err(Failure::Failed(why.into()))
}

/// A checkout of the workspace.
pub(crate) struct Repo {
    root: PathBuf,
}

/// What a program left behind.
pub(crate) struct Output {
    pub(crate) ok: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Repo {
    /// The workspace this tool was started in.
    pub(crate) fn here() -> Result<Self> {
        let out = Command::new(cargo())
            .args(["locate-project", "--workspace", "--message-format=plain"])
            .output()
            .map_err(|e| Failure::Failed(format!("cargo does not start: {e}")))?;
        let manifest = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        match Path::new(&manifest).parent() {
            Some(root) if out.status.success() => Ok(Repo::at(root)),
            _ => failed("not inside a Cargo workspace"),
        }
    }

    pub(crate) fn at(root: impl Into<PathBuf>) -> Self {
        Repo { root: root.into() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    pub(crate) fn read(&self, relative: &str) -> Result<String> {
        std::fs::read_to_string(self.path(relative))
            .map_err(|e| Failure::Failed(format!("{relative} cannot be read: {e}")))
    }

    pub(crate) fn write(&self, relative: &str, text: &str) -> Result {
        let path = self.path(relative);
        let parent = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        parent
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|e| Failure::Failed(format!("{relative} cannot be written: {e}")))
    }

    /// Every file that belongs to the project, as a path from the root with `/`, sorted.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        self.walk("", &mut found)?;
        found.sort();
        Ok(found)
    }

    fn walk(&self, folder: &str, found: &mut Vec<String>) -> Result {
        let unreadable =
            |e: std::io::Error| Failure::Failed(format!("{folder:?} cannot be listed: {e}"));
        for entry in std::fs::read_dir(self.path(folder)).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_file() {
                found.push(path);
            } else if kind.is_dir() && !foreign(&path, &name) {
                self.walk(&path, found)?;
            }
        }
        Ok(())
    }

    /// The Rust sources of the workspace and of the fuzz targets.
    pub(crate) fn sources(&self) -> Result<Vec<(String, String)>> {
        let rust = self.files()?.into_iter().filter(|path| has_ending(path, "rs"));
        rust.map(|path| self.read(&path).map(|text| (path, text))).collect()
    }

    /// Runs a program to its end and keeps what it says.
    pub(crate) fn capture(&self, program: &str, args: &[&str]) -> Result<Output> {
        let mut command = self.command(program, args);
        let out = command
            .output()
            .map_err(|e| Failure::Failed(format!("{program} does not start: {e}")))?;
        Ok(Output {
            ok: out.status.success(),
            stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        })
    }

    /// Runs a program to its end while showing what it says; the last line it said comes back.
    pub(crate) fn show(
        &self,
        program: &str,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Result<String> {
        let mut command = self.command(program, args);
        command.envs(env.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|e| Failure::Failed(format!("{program} does not start: {e}")))?;
        let last = Arc::new(Mutex::new(String::new()));
        let tees: Vec<_> = [
            child.stdout.take().map(|s| tee(s, Stream::Out, &last)),
            child.stderr.take().map(|s| tee(s, Stream::Err, &last)),
        ]
        .into_iter()
        .flatten()
        .collect();
        let status = child
            .wait()
            .map_err(|e| Failure::Failed(format!("{program} cannot be awaited: {e}")))?;
        for tee in tees {
            let _ = tee.join();
        }
        let last = last.lock().map(|line| line.clone()).unwrap_or_default();
        if status.success() { Ok(last) } else { failed(told(program, args, status)) }
    }

    /// A program that will run at the root, with no input.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let program = if program == "cargo" { cargo() } else { program.to_owned() };
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// The workspace as `cargo metadata` tells it, without foreign packages.
    pub(crate) fn metadata(&self, manifest: &str) -> Result<serde_json::Value> {
        let args = [
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--all-features",
            "--manifest-path",
            manifest,
        ];
        let out = self.capture("cargo", &args)?;
        if !out.ok {
            return failed(format!("cargo metadata fails:\n{}", out.stderr));
        }
        serde_json::from_str(&out.stdout)
            .map_err(|e| Failure::Failed(format!("cargo metadata answers no JSON: {e}")))
    }
}

/// Whether a path ends in `.ending`.
pub(crate) fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == ending)
}

/// Folders whose files are made by tools or are inputs rather than text.
fn foreign(path: &str, name: &str) -> bool {
    name == "target"
        || path == "vectors"
        || name == ".git"
        || name.starts_with("mutants.out")
        || path == "fuzz/corpus"
        || path == "fuzz/artifacts"
}

enum Stream {
    Out,
    Err,
}

fn tee(
    stream: impl Read + Send + 'static,
    to: Stream,
    last: &Arc<Mutex<String>>,
) -> std::thread::JoinHandle<()> {
    let last = Arc::clone(last);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(std::result::Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            match to {
                Stream::Out => println!("{line}"),
                Stream::Err => eprintln!("{line}"),
            }
            if let (false, Ok(mut last)) = (line.is_empty(), last.lock()) {
                *last = line;
            }
        }
    })
}

fn told(program: &str, args: &[&str], status: ExitStatus) -> String {
    format!("`{program} {}` failed: {status}", args.join(" "))
}

fn cargo() -> String {
    setting("CARGO").unwrap_or_else(|| "cargo".to_owned())
}

/// A variable of the environment, if it is set to something.
#[expect(
    clippy::disallowed_methods,
    reason = "a tool of the developer: its settings are the environment's"
)]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether an unattended run asks: what cannot be checked must then fail, not be passed over.
pub(crate) fn unattended() -> bool {
    setting("CI").is_some_and(|value| value != "false" && value != "0")
}

/// Seconds on a clock that only runs forward.
pub(crate) struct Clock(std::time::Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "a tool measures its own running time")]
    pub(crate) fn start() -> Self {
        Clock(std::time::Instant::now())
    }

    #[expect(clippy::disallowed_methods, reason = "a tool measures its own running time")]
    pub(crate) fn passed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// `cargo NAME` at least starts; where not, how to get it.
pub(crate) fn tool(repo: &Repo, name: &str, version: &str) -> Result {
    let found = repo.capture("cargo", &[name, "--version"])?;
    if found.ok && !found.stdout.contains(version) {
        println!("note: cargo-{name} {version} is expected, found {}", found.stdout.trim());
    }
    if found.ok {
        Ok(())
    } else {
        failed(format!("cargo-{name} is missing: cargo install --locked cargo-{name}@{version}"))
    }
}
