//! Points in time, always handed in by the caller: this crate has no clock.

use std::time::Duration;

/// Seconds since 1970-01-01T00:00:00Z, the resolution of every time in OAuth.
///
/// Arithmetic saturates: a time that cannot be expressed is the furthest one that can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// 9999-12-31T23:59:59Z. Later moments in a token are a mistake or an attack.
    pub const MAX: UnixTime = UnixTime(253_402_300_799);

    /// From seconds since the epoch.
    pub const fn from_secs(seconds: u64) -> Self {
        UnixTime(seconds)
    }

    /// Seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// This moment and `duration` more, whole seconds.
    #[must_use]
    pub const fn plus(self, duration: Duration) -> Self {
        UnixTime(self.0.saturating_add(duration.as_secs()))
    }

    /// This moment less `duration`, whole seconds.
    #[must_use]
    pub const fn minus(self, duration: Duration) -> Self {
        UnixTime(self.0.saturating_sub(duration.as_secs()))
    }
}
