//! Which DPoP proofs were shown before (RFC 9449 section 11.1).

use std::collections::{HashMap, VecDeque};
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest;
use portcullis_core::proof::DpopProof;
use portcullis_core::time::UnixTime;

/// Remembers proofs.
pub trait Replay: Send + Sync {
    /// Whether the proof is seen for the first time. From then on it is not, until nobody takes it any more.
    fn is_first<'a>(&'a self, proof: &'a DpopProof, now: UnixTime) -> FirstUse<'a>;
}

/// What [`Replay::is_first`] comes to; `Err` where there is no room to remember, so that nobody knows.
pub type FirstUse<'a> = Pin<Box<dyn Future<Output = Result<bool, NoRoom>> + Send + 'a>>;

/// More proofs in a minute than are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more DPoP proofs than can be remembered")]
pub struct NoRoom;

/// So many proofs are remembered of all keys together, and of one key.
const MOST: usize = 200_000;
const MOST_OF_ONE: u32 = 20_000;

/// The memory of one process.
#[derive(Debug, Default)]
pub struct LocalReplay(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// When each may be forgotten, by the hash of key and `jti`.
    known: HashMap<[u8; 32], UnixTime>,
    /// The same in the order they came, with the key: about the order in which they end.
    order: VecDeque<([u8; 32], [u8; 32])>,
    of_key: HashMap<[u8; 32], u32>,
}

impl LocalReplay {
    /// Nothing was shown yet.
    pub fn new() -> LocalReplay {
        LocalReplay::default()
    }
}

impl Replay for LocalReplay {
    fn is_first<'a>(&'a self, proof: &'a DpopProof, now: UnixTime) -> FirstUse<'a> {
        let key = *proof.thumbprint().as_bytes();
        let mut hash = digest::Context::new(&digest::SHA256);
        // The thumbprint has a fixed length, so nothing is ambiguous.
        hash.update(&key);
        hash.update(proof.jti().as_bytes());
        let mut id = [0; 32];
        id.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(ready(memory.note(id, key, proof.remember_until(), now)))
    }
}

impl Memory {
    fn note(
        &mut self,
        id: [u8; 32],
        key: [u8; 32],
        until: UnixTime,
        now: UnixTime,
    ) -> Result<bool, NoRoom> {
        self.forget(now);
        if self.known.contains_key(&id) {
            return Ok(false);
        }
        let of_key = self.of_key.get(&key).copied().unwrap_or_default();
        if self.known.len() >= MOST || of_key >= MOST_OF_ONE {
            return Err(NoRoom);
        }
        self.of_key.insert(key, of_key + 1);
        self.known.insert(id, until);
        self.order.push_back((id, key));
        Ok(true)
    }

    /// Drops from the front what nobody takes any more. What ends before those in front of it waits for them,
    /// a minute at most.
    fn forget(&mut self, now: UnixTime) {
        while let Some((id, key)) = self.order.front() {
            if self.known.get(id).is_some_and(|until| now <= *until) {
                return;
            }
            self.known.remove(id);
            if let Some(count) = self.of_key.get_mut(key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.of_key.remove(key);
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

    fn id(number: u32) -> [u8; 32] {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        id
    }

    #[test]
    fn one_key_takes_no_more_than_its_share() {
        let mut memory = Memory::default();
        for number in 0..MOST_OF_ONE {
            assert_eq!(memory.note(id(number), id(1), SOON, NOW), Ok(true));
        }
        assert_eq!(memory.note(id(MOST_OF_ONE), id(1), SOON, NOW), Err(NoRoom));
        assert_eq!(memory.note(id(0), id(1), SOON, NOW), Ok(false), "what was seen is known");
        assert_eq!(memory.note(id(MOST_OF_ONE), id(2), SOON, NOW), Ok(true), "others have theirs");
        let later = UnixTime::from_secs(1_061);
        assert_eq!(
            memory.note(id(MOST_OF_ONE), id(1), later, later),
            Ok(true),
            "when they are over"
        );
        assert_eq!((memory.known.len(), memory.order.len(), memory.of_key.len()), (1, 1, 1));
    }

    /// Keys that find no room leave nothing behind either.
    #[test]
    fn all_keys_together_take_no_more_than_there_is() {
        let mut memory = Memory::default();
        let most = u32::try_from(MOST).unwrap();
        for number in 0..most {
            let key = id(number / MOST_OF_ONE);
            assert_eq!(memory.note(id(number), key, SOON, NOW), Ok(true));
        }
        for number in most..most + 1_000 {
            assert_eq!(memory.note(id(number), id(number), SOON, NOW), Err(NoRoom));
        }
        let keys = MOST / MOST_OF_ONE as usize;
        assert_eq!((memory.known.len(), memory.of_key.len()), (MOST, keys));
        assert_eq!(memory.note(id(0), id(0), SOON, SOON), Ok(false), "good to its last second");
        let later = UnixTime::from_secs(1_061);
        assert_eq!(memory.note(id(0), id(0), later, later), Ok(true));
        assert_eq!((memory.known.len(), memory.of_key.len()), (1, 1));
    }
}
