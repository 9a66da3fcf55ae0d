//! What time it is, and random bytes: asked in one place each, and replaced by tests.

use std::time::{SystemTime, UNIX_EPOCH};

use portcullis_core::time::UnixTime;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixTime;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one reading of the clock of this crate")]
    fn now(&self) -> UnixTime {
        // A clock before 1970 makes every token one of the future, which is refused.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime::from_secs(since.as_secs())
    }
}
