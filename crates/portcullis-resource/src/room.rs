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
