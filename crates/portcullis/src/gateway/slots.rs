//! Slots for connections: so many together, and so many of one address.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::client::network::network;

/// Counters of addresses. Two that the same one counts have one share together; which those are nobody can
/// choose.
const COUNTERS: usize = 16_384;

/// The slots of a listener.
pub(super) struct Slots {
    all: usize,
    of_one: usize,
    taken: AtomicUsize,
    hasher: RandomState,
    addresses: Box<[AtomicUsize]>,
}

/// A slot, given back when it is dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    /// The counter of its address, where that is counted.
    address: Option<u32>,
}

impl Slots {
    pub(super) fn new(all: usize, of_one: usize) -> Slots {
        let addresses = std::iter::repeat_with(AtomicUsize::default).take(COUNTERS).collect();
        let (taken, hasher) = (AtomicUsize::new(0), RandomState::new());
        Slots { all, of_one, taken, hasher, addresses }
    }

    /// A slot, if one is left. Without an address it counts against the total alone.
    pub(super) fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Slot> {
        let counter = |address| self.hasher.hash_one(network(address)) % COUNTERS as u64;
        let address = address.map(counter).and_then(|counter| u32::try_from(counter).ok());
        let own = self.of(address);
        if !own.is_none_or(|own| take(own, self.of_one)) {
            return None;
        }
        if !take(&self.taken, self.all) {
            if let Some(own) = own {
                own.fetch_sub(1, Ordering::Relaxed);
            }
            return None;
        }
        Some(Slot { slots: Arc::clone(self), address })
    }

    fn of(&self, address: Option<u32>) -> Option<&AtomicUsize> {
        self.addresses.get(usize::try_from(address?).ok()?)
    }
}

/// Counts one more, where that stays within the limit.
fn take(counter: &AtomicUsize, limit: usize) -> bool {
    let more = |taken: usize| Some(taken + 1).filter(|taken| *taken <= limit);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.taken.fetch_sub(1, Ordering::Relaxed);
        if let Some(own) = self.slots.of(self.address) {
            own.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses<const N: usize>(texts: [&str; N]) -> [Option<IpAddr>; N] {
        texts.map(|text| Some(text.parse().unwrap()))
    }

    #[test]
    fn one_address_has_a_share_and_gets_back_what_it_gives_back() {
        let slots = Arc::new(Slots::new(100, 2));
        // A network of IPv6 is one address, and one of IPv4 is itself in either dress.
        for [one, same] in [
            ["192.0.2.1", "192.0.2.1"],
            ["192.0.2.2", "::ffff:192.0.2.2"],
            ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2"],
        ]
        .map(addresses)
        {
            let first = slots.take(one);
            let second = slots.take(same);
            assert!(first.is_some() && second.is_some());
            assert!(slots.take(one).is_none() && slots.take(same).is_none());
            drop(first);
            let third = slots.take(same);
            assert!(third.is_some() && slots.take(one).is_none());
            assert!(slots.take(None).is_some(), "whoever has no share");
        }
        assert_eq!(slots.taken.load(Ordering::Relaxed), 0);
        assert!(slots.addresses.iter().all(|own| own.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn all_together_have_no_more_than_there_is() {
        let slots = Arc::new(Slots::new(3, 2));
        let taken: Vec<_> = (0..3).filter_map(|_| slots.take(None)).collect();
        let [one] = addresses(["192.0.2.1"]);
        assert!(taken.len() == 3 && slots.take(None).is_none() && slots.take(one).is_none());
        drop(taken);
        assert!(slots.take(one).is_some(), "what was not to be had is not counted");
        assert!(slots.addresses.iter().all(|own| own.load(Ordering::Relaxed) == 0));
    }
}
