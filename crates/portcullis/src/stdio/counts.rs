//! How often something of a process reached nobody.

use std::sync::atomic::{AtomicU64, Ordering};

/// What processes said that reached nobody, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines that are no message, or too long.
    pub garbage: u64,
    /// Answers to nothing that is asked, of processes or of clients.
    pub unasked: u64,
    /// Notifications and requests that belong to nobody in particular.
    pub unattributed: u64,
    /// Messages for somebody who was not there to read them, or too slow.
    pub unread: u64,
}

/// The same, while it is counted: for all processes of a server, and those that come after a reload.
#[derive(Debug, Default)]
pub struct Counts {
    garbage: AtomicU64,
    unasked: AtomicU64,
    unattributed: AtomicU64,
    unread: AtomicU64,
}

impl Counts {
    /// The number of this one.
    pub(super) fn garbage(&self) -> u64 {
        add(&self.garbage)
    }

    pub(super) fn unasked(&self) {
        add(&self.unasked);
    }

    pub(super) fn unattributed(&self) {
        add(&self.unattributed);
    }

    pub(super) fn unread(&self) {
        add(&self.unread);
    }

    /// How often so far.
    pub fn so_far(&self) -> Dropped {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Dropped {
            garbage: read(&self.garbage),
            unasked: read(&self.unasked),
            unattributed: read(&self.unattributed),
            unread: read(&self.unread),
        }
    }
}

fn add(count: &AtomicU64) -> u64 {
    count.fetch_add(1, Ordering::Relaxed).saturating_add(1)
}
