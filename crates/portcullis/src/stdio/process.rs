//! Processes as the system has them: their surroundings and their group.

use std::ffi::OsString;
use std::io;
use std::process::Stdio as Pipe;

use tokio::process::{Child, Command};

use super::settings::Settings;

/// What of the gateway's surroundings a process sees. The rest may hold its secrets.
const INHERITED: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Starts the command of a server, in a group of its own.
pub(super) fn spawn(settings: &Settings) -> io::Result<(Child, Group)> {
    let (program, arguments) = settings
        .command
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(inherited())
        .envs(settings.env.iter().map(|(name, value)| (name, value.expose())))
        .stdin(Pipe::piped())
        .stdout(Pipe::piped())
        .stderr(Pipe::piped())
        .kill_on_drop(true);
    if let Some(cwd) = &settings.cwd {
        command.current_dir(cwd);
    }
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn()?;
    let group = Group::of(&child);
    Ok((child, group))
}

#[expect(
    clippy::disallowed_methods,
    reason = "what every program needs to run at all, not a setting of ours"
)]
fn inherited() -> impl Iterator<Item = (&'static str, OsString)> {
    INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// A process and all that it started. Killed when it is dropped.
#[derive(Debug)]
pub(super) struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

#[cfg(unix)]
impl Group {
    fn of(child: &Child) -> Group {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Group { leader: id.and_then(rustix::process::Pid::from_raw) }
    }

    /// Tells it to end.
    pub(super) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Ends it.
    ///
    /// Its leader may be gone already. Its number stays taken while there is anybody in the group; once
    /// nobody is, it may become somebody else's some day, so this is done once.
    pub(super) fn kill(&mut self) {
        self.signal(rustix::process::Signal::KILL);
        self.leader = None;
    }

    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(leader) = self.leader {
            // It fails where nobody is left.
            let _ = rustix::process::kill_process_group(leader, signal);
        }
    }
}

/// Where there are no groups, the process itself is killed when its handle is dropped.
#[cfg(not(unix))]
impl Group {
    fn of(_: &Child) -> Group {
        Group {}
    }

    pub(super) fn terminate(&self) {}

    pub(super) fn kill(&mut self) {}
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
