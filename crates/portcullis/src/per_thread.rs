//! One of a thing for each thread, so that threads do not meet where they need not.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many as threads are likely to answer requests; more share them.
const MOST: usize = 32;

/// Apart from its neighbours in the caches of processors.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// One for each thread.
#[derive(Debug)]
pub(crate) struct PerThread<T>(Box<[Apart<T>]>);

impl<T: Default> Default for PerThread<T> {
    fn default() -> Self {
        PerThread((0..MOST).map(|_| Apart::default()).collect())
    }
}

impl<T> PerThread<T> {
    /// That of this thread.
    pub(crate) fn here(&self) -> Option<&T> {
        self.0.get(number()).map(|Apart(here)| here)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|Apart(one)| one)
    }
}

/// That of this thread.
fn number() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.with(|number| {
        number.get().unwrap_or_else(|| {
            let new = THREADS.fetch_add(1, Ordering::Relaxed) % MOST;
            number.set(Some(new));
            new
        })
    })
}
