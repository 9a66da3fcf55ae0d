//! One question at a time about each token, whoever asks.
//!
//! The question runs in a task of its own: whoever asked first may go away, and those who wait still get the
//! answer.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use portcullis_core::bearer::{AccessToken, TokenHash};
use portcullis_core::error::Failure;
use portcullis_core::introspection::{Failure as Judged, is_active};
use portcullis_core::secret::Secret;
use portcullis_core::token::Refusal;
use quick_cache::sync::Cache;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Introspect;
use crate::Unavailable;

/// So many questions are under way at once; a stranger makes them up for nothing.
const MOST: usize = 1_024;

/// How long a token stays refused that its issuer does not know. A new one may take a moment to be known
/// everywhere, so it is not long.
const INACTIVE: Duration = Duration::from_secs(5);

/// So many of them are remembered.
const INACTIVE_MOST: usize = 10_000;

type Answer = Result<Bytes, Unavailable>;

/// Asks about tokens.
#[derive(Clone)]
pub struct Inquiry(Arc<Shared>);

struct Shared {
    issuer: Arc<dyn Introspect>,
    under_way: Mutex<HashMap<TokenHash, watch::Receiver<Option<Answer>>>>,
    inactive: Cache<TokenHash, Instant>,
}

impl Inquiry {
    /// Of this issuer.
    pub fn of(issuer: Arc<dyn Introspect>) -> Inquiry {
        Inquiry(Arc::new(Shared {
            issuer,
            under_way: Mutex::default(),
            inactive: Cache::new(INACTIVE_MOST),
        }))
    }

    /// The issuer's answer about a token; one that says inactive is a refusal.
    pub async fn ask(&self, token: &AccessToken<'_>) -> Result<Bytes, Failure> {
        let hash = token.hash();
        if self.0.inactive.get(&hash).is_some_and(|until| Instant::now() < until) {
            return Err(Refusal::Inactive.into());
        }
        let mut answer = self.follow(token)?;
        // The task leaves an answer before it ends, come what may.
        let answer = match answer.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        };
        let answer = answer.ok_or(Failure::Busy("an inquiry ended without an answer"))??;
        let is_active = is_active(&answer).map_err(Judged::Answer)?;
        if is_active { Ok(answer) } else { Err(Refusal::Inactive.into()) }
    }

    /// The question under way about this token, or a new one.
    fn follow(&self, token: &AccessToken<'_>) -> Result<watch::Receiver<Option<Answer>>, Failure> {
        let hash = token.hash();
        let mut under_way = self.0.under_way();
        if let Some(answer) = under_way.get(&hash) {
            return Ok(answer.clone());
        }
        if under_way.len() >= MOST {
            return Err(Failure::Busy("too many tokens are asked about"));
        }
        let (sender, answer) = watch::channel(None);
        under_way.insert(hash, answer.clone());
        drop(under_way);
        let (shared, token) = (Arc::clone(&self.0), Secret::new(token.text().to_owned()));
        tokio::spawn(async move {
            // Taken out again also where asking panics.
            let _entry = Entry { shared: &shared, hash };
            let answer = shared.issuer.ask(&token).await;
            if matches!(&answer, Ok(answer) if is_active(answer) == Ok(false)) {
                shared.inactive.insert(hash, Instant::now() + INACTIVE);
            }
            sender.send_replace(Some(answer));
        });
        Ok(answer)
    }
}

impl Shared {
    fn under_way(&self) -> MutexGuard<'_, HashMap<TokenHash, watch::Receiver<Option<Answer>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Entry<'a> {
    shared: &'a Shared,
    hash: TokenHash,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.shared.under_way().remove(&self.hash);
    }
}

impl fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiry").finish_non_exhaustive()
    }
}
