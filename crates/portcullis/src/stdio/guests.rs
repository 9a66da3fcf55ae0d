//! Sessions with a shared process, which knows nothing of them.

use std::collections::HashMap;

use portcullis_core::token::Person;
use tokio::time::Instant;

use super::settings::Limits;

/// Of one person for each process that would be theirs, and in all.
const FOR_EACH_PROCESS: usize = 16;
const MOST: usize = 4096;

/// Whose sessions there are.
#[derive(Debug, Default)]
pub(super) struct Guests(HashMap<Box<str>, Guest>);

#[derive(Debug)]
struct Guest {
    user: Person,
    used: Instant,
}

impl Guests {
    /// Begins a session. Where there are too many, the one that was used longest ago ends: its client begins
    /// another.
    pub(super) fn welcome(&mut self, id: Box<str>, user: &Person, limits: &Limits) {
        let most = limits.per_user.saturating_mul(FOR_EACH_PROCESS);
        if self.0.values().filter(|guest| guest.user == *user).count() >= most {
            self.forget(|guest| guest.user == *user);
        }
        if self.0.len() >= MOST {
            self.forget(|_| true);
        }
        self.0.insert(id, Guest { user: user.clone(), used: Instant::now() });
    }

    /// Whether there is such a session, and it is this user's.
    pub(super) fn is(&mut self, id: &str, user: &Person) -> bool {
        let guest = self.0.get_mut(id).filter(|guest| guest.user == *user);
        guest.is_some_and(|guest| {
            guest.used = Instant::now();
            true
        })
    }

    /// Ends a session.
    pub(super) fn part(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Ends all of them.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn forget(&mut self, among: impl Fn(&Guest) -> bool) {
        let guests = self.0.iter().filter(|(_, guest)| among(guest));
        let oldest = guests.min_by_key(|(_, guest)| guest.used).map(|(id, _)| id.clone());
        if let Some(id) = oldest {
            self.0.remove(&id);
        }
    }
}
