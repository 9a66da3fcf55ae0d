//! Which DPoP proofs were shown before (RFC 9449 section 11.1).

use std::collections::{HashMap, VecDeque};
use std::future::{Future, ready};
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest;
use portcullis_core::proof::DpopProof;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Speaker, VerifiedToken};

/// Remembers proofs.
pub trait Replay: Send + Sync {
    /// Whether the proof, which goes with that token, is seen for the first time. From then on it is not, until
    /// nobody takes it any more.
    fn is_first<'a>(
        &'a self,
        proof: &'a DpopProof,
        token: &'a VerifiedToken,
        now: UnixTime,
    ) -> FirstUse<'a>;
}

/// What [`Replay::is_first`] comes to; `Err` where there is no room to remember, so that nobody knows.
pub type FirstUse<'a> = Pin<Box<dyn Future<Output = Result<bool, NoRoom>> + Send + 'a>>;

/// More proofs in a minute than are remembered, of this caller or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more DPoP proofs than can be remembered")]
pub struct NoRoom;

/// So many proofs are remembered, unless it is said.
const MOST: usize = 200_000;

/// One caller has no more than one part of so many, whatever keys he has: he can have as many as he likes
/// bound to tokens.
const PARTS: usize = 10;

/// The memory of one process.
#[derive(Debug)]
pub struct LocalReplay {
    hasher: RandomState,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    most: usize,
    /// When each may be forgotten, by the hash of key and `jti`.
    known: HashMap<[u8; 32], UnixTime>,
    /// The same in the order they came, with the caller: about the order in which they end.
    order: VecDeque<([u8; 32], u64)>,
    of_caller: HashMap<u64, usize>,
}

impl LocalReplay {
    /// Nothing was shown yet.
    pub fn new() -> LocalReplay {
        LocalReplay::of(MOST)
    }

    /// For so many proofs.
    pub fn of(most: usize) -> LocalReplay {
        LocalReplay { hasher: RandomState::new(), memory: Mutex::new(Memory::of(most)) }
    }

    /// Nobody can choose with whom to have a number in common.
    fn caller(&self, speaker: Speaker<'_>) -> u64 {
        self.hasher.hash_one(speaker)
    }
}

impl Default for LocalReplay {
    fn default() -> Self {
        LocalReplay::new()
    }
}

impl Replay for LocalReplay {
    fn is_first<'a>(
        &'a self,
        proof: &'a DpopProof,
        token: &'a VerifiedToken,
        now: UnixTime,
    ) -> FirstUse<'a> {
        let mut hash = digest::Context::new(&digest::SHA256);
        // The thumbprint has a fixed length, so nothing is ambiguous.
        hash.update(proof.thumbprint().as_bytes());
        hash.update(proof.jti().as_bytes());
        let mut id = [0; 32];
        id.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
        let caller = self.caller(token.speaker());
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(ready(memory.note(id, caller, proof.remember_until(), now)))
    }
}

impl Memory {
    fn of(most: usize) -> Memory {
        Memory { most, known: HashMap::new(), order: VecDeque::new(), of_caller: HashMap::new() }
    }

    fn note(
        &mut self,
        id: [u8; 32],
        caller: u64,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<bool, NoRoom> {
        self.forget(now);
        if self.known.contains_key(&id) {
            return Ok(false);
        }
        let own = self.of_caller.get(&caller).copied().unwrap_or_default();
        if self.known.len() >= self.most || own >= (self.most / PARTS).max(1) {
            return Err(NoRoom);
        }
        self.of_caller.insert(caller, own + 1);
        self.known.insert(id, until);
        self.order.push_back((id, caller));
        Ok(true)
    }

    /// Drops from the front what nobody takes any more. What ends before those in front of it waits for them,
    /// a minute at most.
    fn forget(&mut self, now: UnixTime) {
        while let Some((id, caller)) = self.order.front() {
            if self.known.get(id).is_some_and(|until| now <= *until) {
                return;
            }
            self.known.remove(id);
            if let Some(count) = self.of_caller.get_mut(caller) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.of_caller.remove(caller);
                }
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000);
    const SOON: UnixTime = UnixTime::from_secs(1_060);

    fn id(number: u64) -> [u8; 32] {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        id
    }

    #[test]
    fn one_caller_takes_no_more_than_a_share() {
        let mut memory = Memory::of(200);
        for number in 0..20 {
            assert_eq!(memory.note(id(number), 1, SOON, NOW), Ok(true));
        }
        assert_eq!(memory.note(id(20), 1, SOON, NOW), Err(NoRoom));
        assert_eq!(memory.note(id(0), 1, SOON, NOW), Ok(false), "what was seen is known");
        assert_eq!(memory.note(id(20), 2, SOON, NOW), Ok(true), "others have theirs");
        let later = UnixTime::from_secs(1_061);
        assert_eq!(memory.note(id(20), 1, later, later), Ok(true), "when they are over");
        assert_eq!((memory.known.len(), memory.order.len(), memory.of_caller.len()), (1, 1, 1));
    }

    /// Callers who find no room leave nothing behind either.
    #[test]
    fn all_together_take_no_more_than_there_is() {
        let mut memory = Memory::of(2_000);
        for number in 0..2_000 {
            assert_eq!(memory.note(id(number), number / 200, SOON, NOW), Ok(true));
        }
        for number in 2_000..3_000 {
            assert_eq!(memory.note(id(number), number, SOON, NOW), Err(NoRoom));
        }
        assert_eq!((memory.known.len(), memory.of_caller.len()), (2_000, 10));
        assert_eq!(memory.note(id(0), 0, SOON, SOON), Ok(false), "good to its last second");
        let later = UnixTime::from_secs(1_061);
        assert_eq!(memory.note(id(0), 0, later, later), Ok(true));
        assert_eq!((memory.known.len(), memory.of_caller.len()), (1, 1));
    }
}
