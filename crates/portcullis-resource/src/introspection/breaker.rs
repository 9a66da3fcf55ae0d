//! Leaves an endpoint alone that does not answer, so that nobody waits for what is not coming.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row, and it is left alone.
const FAILURES: u32 = 5;

/// For how long, doubled from the first to the last as long as it keeps failing.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    rest: Duration,
    until: Option<Instant>,
}

impl Breaker {
    /// Whether to ask now; if not, how long to wait. Of those who come when a rest is over one is let
    /// through, and the others wait for what becomes of it.
    pub(super) fn admit(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                state.until = Some(now + state.rest);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Notes what became of a request.
    pub(super) fn note(&self, is_answered: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_answered {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.rest = (state.rest * 2).clamp(REST.0, REST.1);
            state.until = Some(Instant::now() + state.rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rests_after_failures_and_lets_one_try() {
        let breaker = Breaker::default();
        for _ in 1..FAILURES {
            breaker.note(false);
            assert!(breaker.admit().is_ok(), "a failure or two are no outage");
        }
        breaker.note(false);
        assert_eq!(breaker.admit(), Err(REST.0));
        tokio::time::advance(REST.0).await;
        assert!(breaker.admit().is_ok());
        assert_eq!(breaker.admit(), Err(REST.0), "one at a time");
        breaker.note(false);
        assert_eq!(breaker.admit(), Err(REST.0 * 2));
        tokio::time::advance(REST.0 * 2).await;
        assert!(breaker.admit().is_ok());
        breaker.note(true);
        assert!(breaker.admit().is_ok() && breaker.admit().is_ok());
        breaker.note(false);
        assert!(breaker.admit().is_ok(), "what was before an answer does not count");
    }
}
