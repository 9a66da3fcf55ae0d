//! How much of a process is taken up, and by whom.
//!
//! A process that people share takes so many requests at a time, and nobody may have all of them: else one
//! person's patience would be the end of everybody else's service. What listens is counted apart, since it
//! lasts, and would use up what calls need.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_core::operation::Method;
use portcullis_core::token::Person;

use super::super::settings::Limits;
use super::{Manner, NotTaken};

/// Requests by what they take up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::stdio) struct Load {
    requests: usize,
    listens: usize,
}

impl Load {
    /// What these requests take up.
    pub(in crate::stdio) fn of(methods: impl Iterator<Item = Method>) -> Load {
        methods.fold(Load::default(), |load, method| match method {
            Method::SubscriptionsListen => Load { listens: load.listens + 1, ..load },
            _ => Load { requests: load.requests + 1, ..load },
        })
    }

    pub(in crate::stdio) fn listens(self) -> bool {
        self.listens > 0
    }

    fn and(self, other: Load) -> Load {
        Load {
            requests: self.requests.saturating_add(other.requests),
            listens: self.listens.saturating_add(other.listens),
        }
    }

    fn without(self, other: Load) -> Load {
        Load {
            requests: self.requests.saturating_sub(other.requests),
            listens: self.listens.saturating_sub(other.listens),
        }
    }

    fn fits(self, most: Load) -> bool {
        self.requests <= most.requests && self.listens <= most.listens
    }
}

/// What a process takes at a time: of everybody, and of each person.
#[derive(Debug)]
pub(super) struct Shares {
    all: Load,
    each: Load,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: Load,
    people: HashMap<Person, Load>,
}

impl Shares {
    pub(super) fn new(manner: Manner, limits: &Limits) -> Arc<Shares> {
        let all = Load { requests: limits.requests, listens: limits.listens };
        let part = |of: usize| (of / limits.share.max(1)).max(1);
        let each = match manner {
            // Its process is one person's as a whole.
            Manner::Session | Manner::Person => all,
            Manner::Everyone(_) => {
                Load { requests: part(all.requests), listens: part(all.listens) }
            }
        };
        Arc::new(Shares { all, each, taken: Mutex::default() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up that much for a person, before anything is waited for: who waits takes up room as well.
    pub(super) fn take(self: &Arc<Self>, user: &Person, load: Load) -> Result<Share, NotTaken> {
        let mut taken = self.taken();
        let theirs = taken.people.get(user).copied().unwrap_or_default().and(load);
        if !theirs.fits(self.each) && self.each != self.all {
            return Err(NotTaken::Share);
        }
        let all = taken.all.and(load);
        if !all.fits(self.all) {
            return Err(NotTaken::Busy);
        }
        taken.all = all;
        taken.people.insert(user.clone(), theirs);
        Ok(Share { shares: Arc::clone(self), user: user.clone(), load })
    }
}

/// What a person's requests take up of a process: until they are answered, at the process as well, and nobody
/// reads the answers any more.
#[derive(Debug)]
pub(in crate::stdio) struct Share {
    shares: Arc<Shares>,
    user: Person,
    load: Load,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        taken.all = taken.all.without(self.load);
        if let Some(theirs) = taken.people.get_mut(&self.user) {
            *theirs = theirs.without(self.load);
            // Whoever has nothing is not remembered.
            if *theirs == Load::default() {
                taken.people.remove(&self.user);
            }
        }
    }
}
