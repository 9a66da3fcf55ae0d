//! Room for bodies that are held in memory, all of them together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that bodies may take together. Clones share it.
#[derive(Clone, Debug)]
pub struct Room(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    taken: AtomicUsize,
}

impl Room {
    /// For so many bytes.
    pub fn new(limit: usize) -> Room {
        Room(Arc::new(Shared { limit, taken: AtomicUsize::new(0) }))
    }

    /// How many bytes are taken.
    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// A place without any bytes yet.
    pub(crate) fn place(&self) -> Place {
        Place { room: self.clone(), taken: 0 }
    }
}

/// The bytes that one body takes, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    room: Room,
    taken: usize,
}

impl Place {
    /// Takes more; whether there was room.
    pub(crate) fn grow(&mut self, more: usize) -> bool {
        let shared = &self.room.0;
        let grown = |taken: usize| taken.checked_add(more).filter(|taken| *taken <= shared.limit);
        let is_room =
            shared.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok();
        if is_room {
            self.taken += more;
        }
        is_room
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.0.taken.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_take_room_and_give_it_back() {
        let room = Room::new(100);
        let (mut one, mut other) = (room.place(), room.clone().place());
        assert!(one.grow(60) && !other.grow(41) && other.grow(40));
        assert_eq!(room.taken(), 100);
        assert!(!one.grow(1) && one.grow(0));
        assert!(!one.grow(usize::MAX), "and no sum of them wraps around");
        drop(one);
        assert_eq!(room.taken(), 40, "what was not to be had is not given back");
        assert!(other.grow(60));
        drop(other);
        assert_eq!(room.taken(), 0);
    }

    #[test]
    fn many_at_once_never_take_more_than_there_is() {
        let room = Room::new(1_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let mut place = room.place();
                        while place.grow(37) {
                            assert!(room.taken() <= 1_000);
                        }
                    }
                });
            }
        });
        assert_eq!(room.taken(), 0);
    }
}
