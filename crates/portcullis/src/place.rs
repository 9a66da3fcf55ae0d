//! A place for each thread, so that threads do not meet where they need not.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many places as threads are likely to answer requests; more share them.
const PLACES: usize = 32;

/// Apart from its neighbours in the caches of processors.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// One for each place.
#[derive(Debug)]
pub(crate) struct Places<T>(Box<[Apart<T>]>);

impl<T: Default> Default for Places<T> {
    fn default() -> Self {
        Places((0..PLACES).map(|_| Apart::default()).collect())
    }
}

impl<T> Places<T> {
    /// That of this thread.
    pub(crate) fn here(&self) -> Option<&T> {
        self.0.get(place()).map(|Apart(here)| here)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|Apart(one)| one)
    }
}

fn place() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    PLACE.with(|place| {
        place.get().unwrap_or_else(|| {
            let new = THREADS.fetch_add(1, Ordering::Relaxed) % PLACES;
            place.set(Some(new));
            new
        })
    })
}
