//! One question at a time about each token, whoever asks.
//!
//! The question runs in a task of its own: whoever asked first may go away, and those who wait still get the
//! answer.
//!
//! Strangers make up tokens, as many as they like. Those on one behalf have a share of the questions under way,
//! and of those that are put to the issuer at a time, so that the questions of others are not behind theirs.

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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::Introspect;
use crate::stranger::Behalf;

/// So many questions are under way at once, and so many of them on one behalf.
const MOST: usize = 1_024;
const MOST_OF_ONE: usize = MOST / 4;

/// So many on one behalf are put to the issuer at a time: a quarter of what it is asked at a time at most. The
/// others wait for their turn, and not for longer than this.
const TURNS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a token stays refused that its issuer does not know. A new one may take a moment to be known
/// everywhere, so it is not long.
const INACTIVE: Duration = Duration::from_secs(5);

/// So many of them are remembered.
const INACTIVE_MOST: usize = 10_000;

type Answer = Result<Bytes, Failure>;

#[derive(Default)]
struct UnderWay {
    questions: HashMap<TokenHash, watch::Receiver<Option<Answer>>>,
    /// Of those who have a question.
    shares: HashMap<Behalf, Share>,
}

/// What is under way on one behalf.
struct Share {
    questions: usize,
    turns: Arc<Semaphore>,
}

/// Asks about tokens.
#[derive(Clone)]
pub struct Inquiry(Arc<Shared>);

struct Shared {
    issuer: Arc<dyn Introspect>,
    under_way: Mutex<UnderWay>,
    inactive: Cache<TokenHash, Instant>,
}

impl Inquiry {
    /// Asks this issuer.
    pub fn of(issuer: Arc<dyn Introspect>) -> Inquiry {
        Inquiry(Arc::new(Shared {
            issuer,
            under_way: Mutex::default(),
            inactive: Cache::new(INACTIVE_MOST),
        }))
    }

    /// The issuer's answer about a token; one that says inactive is a refusal.
    pub async fn ask(
        &self,
        token: &AccessToken<'_>,
        behalf: Option<Behalf>,
    ) -> Result<Bytes, Failure> {
        let hash = token.hash();
        if self.0.inactive.get(&hash).is_some_and(|until| Instant::now() < until) {
            return Err(Refusal::Inactive.into());
        }
        let mut answer = self.follow(token, behalf)?;
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
    fn follow(
        &self,
        token: &AccessToken<'_>,
        behalf: Option<Behalf>,
    ) -> Result<watch::Receiver<Option<Answer>>, Failure> {
        let hash = token.hash();
        let mut under_way = self.0.under_way();
        if let Some(answer) = under_way.questions.get(&hash) {
            return Ok(answer.clone());
        }
        if under_way.questions.len() >= MOST {
            return Err(Failure::Busy("too many tokens are asked about"));
        }
        let turns = behalf.map(|behalf| under_way.share(behalf)).transpose()?;
        let (sender, answer) = watch::channel(None);
        under_way.questions.insert(hash, answer.clone());
        drop(under_way);
        let (shared, token) = (Arc::clone(&self.0), Secret::new(token.text().to_owned()));
        tokio::spawn(async move {
            // Taken out again also where asking panics.
            let _entry = Entry { shared: &shared, hash, behalf };
            let answer = match turn(turns).await {
                Ok(_turn) => shared.issuer.ask(&token).await.map_err(Failure::from),
                Err(failure) => Err(failure),
            };
            if matches!(&answer, Ok(answer) if is_active(answer) == Ok(false)) {
                shared.inactive.insert(hash, Instant::now() + INACTIVE);
            }
            sender.send_replace(Some(answer));
        });
        Ok(answer)
    }
}

/// Waits for a turn, where turns are taken.
async fn turn(turns: Option<Arc<Semaphore>>) -> Result<Option<OwnedSemaphorePermit>, Failure> {
    let Some(turns) = turns else { return Ok(None) };
    match tokio::time::timeout(PATIENCE, turns.acquire_owned()).await {
        Ok(Ok(turn)) => Ok(Some(turn)),
        _ => Err(Failure::Busy("too many tokens of this client wait to be asked about")),
    }
}

impl UnderWay {
    /// Counts a question on this behalf, and hands out by what it has its turn.
    fn share(&mut self, behalf: Behalf) -> Result<Arc<Semaphore>, Failure> {
        let none = || Share { questions: 0, turns: Arc::new(Semaphore::new(TURNS)) };
        let share = self.shares.entry(behalf).or_insert_with(none);
        if share.questions >= MOST_OF_ONE {
            return Err(Failure::Busy("too many tokens of this client are asked about"));
        }
        share.questions += 1;
        Ok(Arc::clone(&share.turns))
    }

    fn remove(&mut self, hash: &TokenHash, behalf: Option<Behalf>) {
        self.questions.remove(hash);
        let Some(behalf) = behalf else { return };
        if let Some(share) = self.shares.get_mut(&behalf) {
            share.questions = share.questions.saturating_sub(1);
            if share.questions == 0 {
                self.shares.remove(&behalf);
            }
        }
    }
}

impl Shared {
    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Entry<'a> {
    shared: &'a Shared,
    hash: TokenHash,
    behalf: Option<Behalf>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.shared.under_way().remove(&self.hash, self.behalf);
    }
}

impl fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiry").finish_non_exhaustive()
    }
}
