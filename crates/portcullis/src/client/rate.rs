//! How often somebody may ask: calls of a subject, and refused tokens of an address.
//!
//! The arithmetic is governor's (GCRA: one number for each account); what is kept here is whose accounts.
//! There is a fixed number of places for them, so that no crowd takes memory. Where all places are taken,
//! the account goes that has the least on it. To have one's own forgotten takes as many worse ones as there
//! are places, each of an address of its own; since addresses of IPv6 come by the billion, those of a site
//! share an account beside their own.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use portcullis_core::token::VerifiedToken;
use tokio::time::Instant;

use super::network::{network, site};
use crate::config::gateway::Rate;

/// Groups of places; an account belongs to one by its key.
const GROUPS: usize = 4096;

/// Places in each.
const PLACES: usize = 16;

/// A site of IPv6 may fail so many times as often as a network in it.
const NETWORKS_OF_A_SITE: u32 = 64;

/// Rates are counted over no longer than this.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Calls of subjects.
#[derive(Debug)]
pub struct Calls {
    accounts: Arc<Accounts>,
    limit: Limiter<Count>,
    rate: Rate,
}

impl Calls {
    /// So many for each.
    pub fn new(rate: Rate) -> Self {
        let (accounts, clock) = (Arc::<Accounts>::default(), Since(Instant::now()));
        let limit = RateLimiter::new(quota(rate), Count(Arc::clone(&accounts)), clock);
        Calls { accounts, limit, rate }
    }

    /// Counts so many calls of whoever the token speaks for, or says after which time they would be taken. What
    /// is more at once than is taken in all that time, is not taken.
    pub fn check(&self, token: &VerifiedToken, calls: NonZeroU32) -> Result<(), Duration> {
        let never = self.rate.per.min(LONGEST);
        if calls > self.rate.count {
            return Err(never);
        }
        let key = self.accounts.key(token.speaker());
        let counted = self.limit.check_key_n(&key, calls).map_err(|_| never)?;
        counted.map_err(|not_until| not_until.wait_time_from(self.limit.clock().now()))
    }
}

/// Refused tokens of addresses.
///
/// Behind one address there may be many people, one of whom sends bad tokens. The limit keeps an address from
/// making the gateway verify signatures and ask issuers for nothing, and is meant for the moment before that
/// alone: a token that is known to be good passes, whatever its address has done.
///
/// A try is counted before the look, since many may look at once, and given back where it was not in vain.
#[derive(Debug)]
pub struct Failures {
    accounts: Arc<Accounts>,
    network: Limit,
    site: Limit,
}

#[derive(Debug)]
struct Limit {
    count: Limiter<Count>,
    /// What one puts on an account.
    each: Nanos,
}

impl Failures {
    /// So many for each address.
    pub fn new(rate: Rate) -> Self {
        let (accounts, clock) = (Arc::<Accounts>::default(), Since(Instant::now()));
        let limit = |rate| Limit {
            count: RateLimiter::new(quota(rate), Count(Arc::clone(&accounts)), clock),
            each: quota(rate).replenish_interval().into(),
        };
        let site = Rate { count: rate.count.saturating_mul(networks_of_a_site()), ..rate };
        let (network, site) = (limit(rate), limit(site));
        Failures { accounts, network, site }
    }

    /// Counts a look at a token or a proof, or says after which time one may be taken.
    pub fn take(&self, address: IpAddr) -> Result<(), Duration> {
        let (network, site) = self.keys(address);
        ask(&self.network.count, network)?;
        let taken = site.map_or(Ok(()), |site| ask(&self.site.count, site));
        taken.inspect_err(|_| self.accounts.take_off(network, self.network.each))
    }

    /// Gives back what was taken.
    pub fn give_back(&self, address: IpAddr) {
        let (network, site) = self.keys(address);
        self.accounts.take_off(network, self.network.each);
        if let Some(site) = site {
            self.accounts.take_off(site, self.site.each);
        }
    }

    fn keys(&self, address: IpAddr) -> (u64, Option<u64>) {
        let site = site(address).map(|site| self.accounts.key(("site", site)));
        (self.accounts.key(network(address)), site)
    }
}

fn networks_of_a_site() -> NonZeroU32 {
    NonZeroU32::new(NETWORKS_OF_A_SITE).unwrap_or(NonZeroU32::MIN)
}

fn quota(rate: Rate) -> Quota {
    let each = rate.per.min(LONGEST) / rate.count.get();
    let quota = Quota::with_period(each.max(Duration::from_nanos(1)));
    quota.unwrap_or(Quota::per_second(rate.count)).allow_burst(rate.count)
}

type Limiter<S> = RateLimiter<u64, S, Since, NoOpMiddleware<Duration>>;

fn ask<S: StateStore<Key = u64>>(limiter: &Limiter<S>, key: u64) -> Result<(), Duration> {
    limiter.check_key(&key).map_err(|not_until| not_until.wait_time_from(limiter.clock().now()))
}

/// The clock of the runtime, which tests can stop, counted from when the limit was made.
#[derive(Clone, Copy, Debug)]
struct Since(Instant);

impl Clock for Since {
    type Instant = Duration;
    fn now(&self) -> Duration {
        Instant::now().duration_since(self.0)
    }
}

/// What there is on the accounts.
struct Accounts {
    /// With keys of its own, so that nobody can choose whom they share a group with.
    hasher: RandomState,
    groups: Box<[Mutex<Vec<Account>>]>,
}

#[derive(Clone, Copy)]
struct Account {
    key: u64,
    /// When it will be empty.
    until: Nanos,
}

impl Default for Accounts {
    fn default() -> Self {
        let groups = std::iter::repeat_with(Mutex::default).take(GROUPS).collect();
        Accounts { hasher: RandomState::new(), groups }
    }
}

impl Accounts {
    fn key(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    fn group(&self, key: u64) -> Option<MutexGuard<'_, Vec<Account>>> {
        let group = self.groups.get(usize::try_from(key % GROUPS as u64).ok()?)?;
        Some(group.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands out what is on an account, none where there is no account, and puts on it what comes back.
    fn change<T, E>(
        &self,
        key: u64,
        change: impl FnOnce(Option<Nanos>) -> Result<(T, Nanos), E>,
    ) -> Result<T, E> {
        let Some(mut group) = self.group(key) else { return change(None).map(|(said, _)| said) };
        let known = group.iter().position(|account| account.key == key);
        let account = known.and_then(|place| group.get(place));
        let (said, until) = change(account.map(|account| account.until))?;
        if known.is_none() && group.len() < PLACES {
            group.push(Account { key, until });
            return Ok(said);
        }
        let mut places = group.iter_mut();
        let place = match known {
            Some(place) => places.nth(place),
            None => places.min_by_key(|account| account.until),
        };
        if let Some(place) = place {
            *place = Account { key, until };
        }
        Ok(said)
    }

    /// Takes something off an account, if it is still there.
    fn take_off(&self, key: u64, what: Nanos) {
        let Some(mut group) = self.group(key) else { return };
        if let Some(account) = group.iter_mut().find(|account| account.key == key) {
            account.until = account.until.saturating_sub(what);
        }
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts")
    }
}

/// Asks and counts.
#[derive(Debug)]
struct Count(Arc<Accounts>);

impl StateStore for Count {
    type Key = u64;
    fn measure_and_replace<T, F, E>(&self, key: &u64, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.change(*key, f)
    }
}
