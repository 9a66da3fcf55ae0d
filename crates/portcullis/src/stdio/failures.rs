//! Processes that did not come up, so that none is started in a circle.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::operation::Era;
use portcullis_core::token::Person;
use tokio::time::Instant;

use super::settings::Unavailable;

/// Between a failure and the next start, doubled from the first to the last.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Most that are remembered.
const MOST: usize = 1024;

/// Whose process it was to be, of which a shared one has nobody, and what it was to speak: what fails in one era
/// may do in the other.
pub(super) type Of = (Option<Person>, Era);

/// What failed lately.
#[derive(Debug, Default)]
pub(super) struct Failures(HashMap<Of, Failure>);

#[derive(Debug)]
struct Failure {
    times: u32,
    until: Instant,
    reason: Arc<str>,
    is_legacy: bool,
}

impl Failures {
    /// Whether another may be started now.
    pub(super) fn check(&self, of: &Of, now: Instant) -> Result<(), Unavailable> {
        let failure = self.0.get(of).filter(|failure| failure.until > now);
        failure.map_or(Ok(()), |failure| {
            let (reason, retry_after) = (Arc::clone(&failure.reason), failure.until - now);
            Err(Unavailable::NotStarted { reason, retry_after })
        })
    }

    /// Whether none may be started now, of which the last did what a server of the older revisions would do.
    pub(super) fn is_legacy(&self, owner: Option<&Person>, now: Instant) -> bool {
        let failure = self.0.get(&(owner.cloned(), Era::Modern));
        failure.is_some_and(|failure| failure.is_legacy && failure.until > now)
    }

    /// Another one.
    pub(super) fn note(&mut self, of: Of, reason: Arc<str>, is_legacy: bool, now: Instant) {
        // Long enough after the last pause it was another failure.
        self.0.retain(|_, failure| now < failure.until + PAUSE.1);
        if self.0.len() >= MOST && !self.0.contains_key(&of) {
            return;
        }
        let times = self.0.get(&of).map_or(0, |failure| failure.times);
        let until = now + PAUSE.0.saturating_mul(1 << times.min(8)).min(PAUSE.1);
        let times = times.saturating_add(1);
        self.0.insert(of, Failure { times, until, reason, is_legacy });
    }

    /// It came up.
    pub(super) fn forget(&mut self, of: &Of) {
        self.0.remove(of);
    }
}
