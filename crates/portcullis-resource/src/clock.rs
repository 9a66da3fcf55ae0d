//! What time it is: asked in one place, and replaced by tests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portcullis_core::time::UnixTime;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixTime;

    /// Now, more finely than tokens count it: since 1970-01-01T00:00:00Z.
    fn since_epoch(&self) -> Duration {
        Duration::from_secs(self.now().as_secs())
    }
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.since_epoch().as_secs())
    }

    #[expect(clippy::disallowed_methods, reason = "the one reading of the clock of this crate")]
    fn since_epoch(&self) -> Duration {
        // A clock before 1970 makes every token one of the future, which is refused.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}
