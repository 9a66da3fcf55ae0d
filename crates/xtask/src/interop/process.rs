//! Programs of others while they are needed, and not a moment longer.
//!
//! Each holds the reading end of a pipe whose writing end is ours. Whatever becomes of this process, the pipe
//! closes, and a watcher of its own ends the program.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::repo::{Clock, Failure, Result, failed};

/// Becomes the program, and leaves a watcher behind that ends it with our pipe.
const HOLD: &str =
    r#"exec 3<&0; { cat <&3; kill $$; } >/dev/null 2>&1 & exec "$@" 3<&- </dev/null"#;

/// How long a program may take to be ready, and to end.
const START: Duration = Duration::from_secs(30);
const END: Duration = Duration::from_secs(5);

/// Between two looks at a port that is not listened at yet.
const LOOK: Duration = Duration::from_millis(50);

/// Lines of a program that nobody has read yet; its log has all of them.
const LINES: usize = 4096;

/// A program that runs.
pub(super) struct Running {
    name: String,
    child: Child,
    pipe: Option<ChildStdin>,
    lines: Receiver<String>,
    log: PathBuf,
}

/// What to run.
pub(super) struct Program<'p> {
    pub(super) name: String,
    pub(super) file: &'p Path,
    pub(super) args: Vec<String>,
    /// Where it runs.
    pub(super) folder: &'p Path,
    /// The folder that what it says is written to.
    pub(super) logs: &'p Path,
}

impl Running {
    pub(super) fn start(what: Program<'_>) -> Result<Running> {
        let Program { name, file, args, folder, logs } = what;
        let bad = |error| Failure::Failed(format!("{name} does not start: {error}"));
        let log = logs.join(format!("{name}.log"));
        let errors = File::create(&log).map_err(bad)?;
        let mut copy = errors.try_clone().map_err(bad)?;
        let mut child = Command::new("sh")
            .args(["-c", HOLD, "sh"])
            .arg(file)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(bad)?;
        let (pipe, said) = (child.stdin.take(), child.stdout.take());
        let (send, lines) = sync_channel(LINES);
        std::thread::spawn(move || {
            for line in said.into_iter().flat_map(|said| BufReader::new(said).lines()) {
                let Ok(line) = line else { return };
                let _ = writeln!(copy, "{line}");
                // Read also where nobody listens, so that the program does not wait for us.
                let _ = send.try_send(line);
            }
        });
        Ok(Running { name, child, pipe, lines, log })
    }

    /// The next line; `None` at the end.
    pub(super) fn line(&self, within: Duration) -> Result<Option<String>> {
        match self.lines.recv_timeout(within) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                self.complain(&format!("says nothing for {} s", within.as_secs()))
            }
        }
    }

    /// Waits for `ready URL`, and answers the URL.
    pub(super) fn until_ready(&self) -> Result<String> {
        while let Some(line) = self.line(START)? {
            if let Some(url) = line.strip_prefix("ready ") {
                return Ok(url.to_owned());
            }
        }
        self.complain("ends before it is ready")
    }

    /// Waits until somebody listens there.
    pub(super) fn until_listening(&self, port: u16) -> Result {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let clock = Clock::start();
        while TcpStream::connect(address).is_err() {
            match self.lines.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Disconnected) => {
                    return self.complain("ends before it listens");
                }
                _ if clock.passed() > START => return self.complain("does not listen"),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether it went well, once it has ended.
    pub(super) fn succeeded(&mut self) -> Result<bool> {
        let ended = self.until_ended(END);
        drop(self.pipe.take());
        let status = self.child.wait();
        ended.map(|()| status.is_ok_and(|status| status.success()))
    }

    /// A failure that says what its log ends with.
    pub(super) fn complain<T>(&self, what: &str) -> Result<T> {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
        failed(format!("{} {what}; its last words:\n    {}", self.name, last.join("\n    ")))
    }

    /// Waits until it has ended by itself.
    pub(super) fn until_ended(&self, within: Duration) -> Result {
        let clock = Clock::start();
        while clock.passed() < within {
            match self.lines.recv_timeout(within) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        self.complain("does not end")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.pipe.take());
        if self.until_ended(END).is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// A port that nobody has just now.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address
        .map(|address| address.port())
        .map_err(|error| Failure::Failed(format!("no free port on loopback: {error}")))
}
