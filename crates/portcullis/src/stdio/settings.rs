//! What an operator says about a stdio server, and how much of it there may be.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::secret::Secret;

/// A server that is a command.
pub struct Settings {
    /// The server's name in logs.
    pub name: String,
    /// The program and its arguments. No shell reads them.
    pub command: Vec<String>,
    /// What its environment holds beside the little that every program needs.
    pub env: BTreeMap<String, Secret>,
    /// Where it runs; where the gateway does, if nothing is said.
    pub cwd: Option<PathBuf>,
    /// One process for everybody, in place of processes of each person's own.
    pub shared: bool,
    /// The bounds.
    pub limits: Limits,
}

/// Without arguments and values: any of them may be a secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("program", &self.command.first())
            .field("env", &self.env.keys())
            .field("cwd", &self.cwd)
            .field("shared", &self.shared)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// A server with the usual bounds, whose processes belong to one person each.
    pub fn new(name: impl Into<String>, command: Vec<String>) -> Settings {
        Settings {
            name: name.into(),
            command,
            env: BTreeMap::new(),
            cwd: None,
            shared: false,
            limits: Limits::default(),
        }
    }
}

/// How many, how much and how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Processes at a time.
    pub processes: usize,
    /// Processes of one person at a time, but never more than half of all; of sessions with a shared process
    /// sixteen times as many.
    pub per_user: usize,
    /// Requests under way at one process, without those that listen.
    pub requests: usize,
    /// Requests that listen at one process.
    pub listens: usize,
    /// Of both a person has this part at most where people share a process: a half with 2, a quarter with 4.
    /// One may always be had.
    pub share: usize,
    /// The longest message of a process, in bytes.
    pub line: usize,
    /// How long a process may take to begin to answer.
    pub start: Duration,
    /// How long a request may take to be answered.
    pub answer: Duration,
    /// How long a stream may listen before its client has to ask again.
    pub listen: Duration,
    /// How long a process nobody uses is kept.
    pub idle: Duration,
    /// How long a stream is silent before it says that it is still there.
    pub silence: Duration,
    /// How long a process has to end once it is asked to: first by the end of its input, then by a signal.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            processes: 64,
            per_user: 4,
            requests: 256,
            listens: 128,
            share: 4,
            line: 8 << 20,
            start: Duration::from_secs(60),
            answer: Duration::from_secs(15 * 60),
            listen: Duration::from_secs(60 * 60),
            idle: Duration::from_secs(10 * 60),
            silence: Duration::from_secs(30),
            grace: Duration::from_secs(2),
        }
    }
}

/// Why a request got no answer of the server's. Nothing was sent to a process, so it may be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// A session that is not, not any more, or somebody else's: nobody learns which.
    #[error("unknown session")]
    UnknownSession,
    /// As many processes or requests as there may be are at work.
    #[error("too many processes or requests at work")]
    Busy,
    /// One person has as many requests at work at a shared process as anybody may have.
    #[error("too many requests of one person at work")]
    Share,
    /// The process does not start, or ends as soon as it does.
    #[error("the process does not start: {reason}")]
    NotStarted {
        /// Why, for the log.
        reason: Arc<str>,
        /// When it is started again.
        retry_after: Duration,
    },
    /// The gateway is about to stop.
    #[error("the gateway is stopping")]
    Stopping,
}
