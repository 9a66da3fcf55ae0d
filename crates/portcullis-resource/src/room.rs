//! Room for bodies that are held in memory: all of them together, and those of each caller.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis_core::error::Failure;
use portcullis_core::token::Speaker;

/// One caller takes no more than one part of so many, so that what one fills there is room beside.
const PARTS: usize = 4;

/// Counters of callers. Two of whom the same one counts have one share together; who those are nobody can
/// choose.
const COUNTERS: usize = 4096;

/// A number of bytes that bodies may take together. Clones share it.
#[derive(Clone, Debug)]
pub struct Room(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    taken: AtomicUsize,
    hasher: RandomState,
    callers: Box<[AtomicUsize]>,
}

/// Whose bodies they are: a caller's counter. Worked out once for a token, and not for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whose(u32);

impl Room {
    /// For so many bytes.
    pub fn new(limit: usize) -> Room {
        let callers = std::iter::repeat_with(AtomicUsize::default).take(COUNTERS).collect();
        let (taken, hasher) = (AtomicUsize::new(0), RandomState::new());
        Room(Arc::new(Shared { limit, taken, hasher, callers }))
    }

    /// How many bytes are taken.
    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Which counter is this caller's.
    pub(crate) fn whose(&self, speaker: Speaker<'_>) -> Whose {
        let counter = self.0.hasher.hash_one(speaker) % COUNTERS as u64;
        Whose(u32::try_from(counter).unwrap_or(0))
    }

    /// A place without any bytes yet, of a caller who may have one body of the largest size in any case.
    pub(crate) fn place(&self, whose: Whose, largest: usize) -> Place {
        let share = (self.0.limit / PARTS).max(largest);
        Place { room: self.clone(), whose, share, taken: 0 }
    }
}

impl Shared {
    fn of(&self, whose: Whose) -> Option<&AtomicUsize> {
        self.callers.get(usize::try_from(whose.0).ok()?)
    }
}

/// The bytes that one body takes, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    room: Room,
    whose: Whose,
    share: usize,
    taken: usize,
}

impl Place {
    /// Takes more, where there is room.
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), Failure> {
        let shared = &self.room.0;
        let own = shared.of(self.whose);
        if !own.is_none_or(|own| take(own, more, self.share)) {
            return Err(Failure::Busy("bodies of this caller take all the room that is for one"));
        }
        if !take(&shared.taken, more, shared.limit) {
            if let Some(own) = own {
                own.fetch_sub(more, Ordering::Relaxed);
            }
            return Err(Failure::Busy("bodies under way take all the room there is"));
        }
        self.taken += more;
        Ok(())
    }
}

/// Adds to a counter what stays within its limit.
fn take(counter: &AtomicUsize, more: usize, limit: usize) -> bool {
    let grown = |taken: usize| taken.checked_add(more).filter(|taken| *taken <= limit);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
}

impl Drop for Place {
    fn drop(&mut self) {
        let shared = &self.room.0;
        shared.taken.fetch_sub(self.taken, Ordering::Relaxed);
        if let Some(own) = shared.of(self.whose) {
            own.fetch_sub(self.taken, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Whose = Whose(1);
    const OTHER: Whose = Whose(2);

    fn own(room: &Room, whose: Whose) -> usize {
        room.0.of(whose).unwrap().load(Ordering::Relaxed)
    }

    #[test]
    fn places_take_room_and_give_it_back() {
        let room = Room::new(100);
        let (mut one, mut other) = (room.place(ONE, 100), room.clone().place(OTHER, 100));
        assert!(one.grow(60).is_ok() && other.grow(41).is_err() && other.grow(40).is_ok());
        assert_eq!((room.taken(), own(&room, OTHER)), (100, 40));
        assert!(one.grow(1).is_err() && one.grow(0).is_ok());
        assert!(one.grow(usize::MAX).is_err(), "and no sum of them wraps around");
        drop(one);
        assert_eq!(room.taken(), 40, "what was not to be had is not given back");
        assert!(other.grow(60).is_ok());
        drop(other);
        assert_eq!((room.taken(), own(&room, ONE), own(&room, OTHER)), (0, 0, 0));
    }

    #[test]
    fn one_caller_takes_a_quarter_or_one_body() {
        for (largest, share) in [(10, 25), (25, 25), (40, 40)] {
            let room = Room::new(100);
            let (mut first, mut second) = (room.place(ONE, largest), room.place(ONE, largest));
            assert!(first.grow(10).is_ok() && second.grow(share - 10).is_ok());
            assert!(first.grow(1).is_err() && second.grow(1).is_err());
            assert_eq!(room.taken(), share, "and of all there is, nothing was taken in vain");
            let mut other = room.place(OTHER, largest);
            assert!(other.grow(share).is_ok() && other.grow(1).is_err());
            drop(first);
            assert!(second.grow(10).is_ok(), "{share}");
        }
    }

    #[test]
    fn many_at_once_never_take_more_than_there_is() {
        let room = Room::new(1_000);
        std::thread::scope(|scope| {
            for number in 0..4 {
                let room = &room;
                scope.spawn(move || {
                    for _ in 0..1_000 {
                        let mut place = room.place(Whose(number / 2), 700);
                        while place.grow(37).is_ok() {
                            assert!(room.taken() <= 1_000 && own(room, place.whose) <= 700);
                        }
                    }
                });
            }
        });
        assert_eq!(room.taken(), 0);
    }
}
