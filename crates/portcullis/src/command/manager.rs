//! What the manager of services is told, where one asked for it (`sd_notify(3)`): systemd, and those like it.
//!
//! It names a socket in `NOTIFY_SOCKET`. Elsewhere nothing is said, and nothing depends on it.

#[cfg(target_os = "linux")]
pub(super) use self::linux::{ready, reloading, stopping, watch};
#[cfg(not(target_os = "linux"))]
pub(super) use self::nowhere::{ready, reloading, stopping, watch};

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    use sd_notify::NotifyState;

    use crate::gateway::Workers;

    /// From now on it hears that the process is alive, where it wants to (`WATCHDOG_USEC`).
    pub(in crate::command) fn watch(workers: Workers) {
        let Some(within) = sd_notify::watchdog_enabled() else { return };
        tokio::spawn(async move {
            let mut times = tokio::time::interval(within.max(Duration::from_millis(2)) / 2);
            loop {
                times.tick().await;
                // Alive is what answers requests: where one of them hangs, nothing is said any more.
                workers.respond().await;
                tell(&[NotifyState::Watchdog]);
            }
        });
    }

    /// Requests are answered.
    pub(in crate::command) fn ready(status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// The configuration is being read again; [`ready`] says that this is over.
    pub(in crate::command) fn reloading() {
        match NotifyState::monotonic_usec_now() {
            // Both in one message: the moment is how it knows which of its requests this answers.
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(%error, "no clock for the manager of services"),
        }
    }

    /// The end has begun.
    pub(in crate::command) fn stopping(status: &str) {
        tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
    }

    fn tell(state: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(state) {
            tracing::warn!(%error, "the manager of services is not told");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use crate::gateway::Workers;

    pub(in crate::command) fn watch(_: Workers) {}

    pub(in crate::command) fn ready(_: &str) {}

    pub(in crate::command) fn reloading() {}

    pub(in crate::command) fn stopping(_: &str) {}
}
