//! How often somebody may ask: calls of a subject, and refused tokens of an address.
//!
//! The arithmetic is governor's (GCRA: one number for each account); what is kept here is whose accounts.
//! There is a fixed number of places for them, so that no crowd takes memory. Where all places are taken,
//! the account goes that has the least on it. To have one's own forgotten takes as many worse ones as there
//! are places, each of an address of its own; since addresses of IPv6 come by the billion, those of a site
//! share an account beside their own.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use portcullis_core::error::Failure;
use portcullis_core::proof;
use portcullis_core::token::VerifiedToken;
use tokio::time::Instant;

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
}

impl Calls {
    /// So many for each.
    pub fn new(rate: Rate) -> Self {
        let (accounts, clock) = (Arc::<Accounts>::default(), Since(Instant::now()));
        let limit = RateLimiter::new(quota(rate), Count(Arc::clone(&accounts)), clock);
        Calls { accounts, limit }
    }

    /// Counts a call of the token's subject, or says after which time it would be taken. A token without a
    /// subject speaks for its client.
    pub fn check(&self, token: &VerifiedToken) -> Result<(), Duration> {
        let client = if token.subject().is_none() { token.client_id() } else { None };
        let key = self.accounts.key((token.issuer().as_str(), token.subject(), client));
        ask(&self.limit, key)
    }
}

/// Refused tokens of addresses.
///
/// Behind one address there may be many people, one of whom sends bad tokens. The limit keeps an address from
/// making the gateway verify signatures and ask issuers for nothing, and is meant for the moment before that
/// alone: a token that is known to be good passes, whatever its address has done.
#[derive(Debug)]
pub struct Failures {
    accounts: Arc<Accounts>,
    network: Limits,
    site: Limits,
}

/// The same limit, asked in two ways.
#[derive(Debug)]
struct Limits {
    look: Limiter<Look>,
    count: Limiter<Count>,
}

impl Failures {
    /// So many for each address.
    pub fn new(rate: Rate) -> Self {
        let (accounts, clock) = (Arc::<Accounts>::default(), Since(Instant::now()));
        let limits = |rate| Limits {
            look: RateLimiter::new(quota(rate), Look(Arc::clone(&accounts)), clock),
            count: RateLimiter::new(quota(rate), Count(Arc::clone(&accounts)), clock),
        };
        let site = Rate { count: rate.count.saturating_mul(networks_of_a_site()), ..rate };
        let (network, site) = (limits(rate), limits(site));
        Failures { accounts, network, site }
    }

    /// Whether a token that is not known may be looked at, or after which time.
    pub fn may_try(&self, address: IpAddr) -> Result<(), Duration> {
        let (network, site) = networks(address);
        ask(&self.network.look, self.accounts.key(network))?;
        site.map_or(Ok(()), |site| ask(&self.site.look, self.accounts.key(("site", site))))
    }

    /// Counts a token that was refused.
    pub fn failed(&self, address: IpAddr) {
        let (network, site) = networks(address);
        // An account that is full stays as it is.
        let _ = ask(&self.network.count, self.accounts.key(network));
        if let Some(site) = site {
            let _ = ask(&self.site.count, self.accounts.key(("site", site)));
        }
    }

    /// Whether it counts: where a token, or a proof for one, was looked at in vain. A request without a token
    /// is how every client begins, and to be sent for a nonce is how a proof does.
    pub fn counts(failure: &Failure) -> bool {
        match failure {
            Failure::Proof(refusal) => *refusal != proof::Refusal::NonceRequired,
            Failure::Token(_) | Failure::UnknownIssuer => true,
            _ => false,
        }
    }
}

/// What an address is counted as: an IPv4 address, or the /64 of an IPv6 one, since whoever has one has all of
/// that; and of IPv6 the site, a /48.
fn networks(address: IpAddr) -> (IpAddr, Option<IpAddr>) {
    match address.to_canonical() {
        IpAddr::V4(v4) => (v4.into(), None),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            let network = Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0);
            let site = Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0);
            (network.into(), Some(site.into()))
        }
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

    /// Hands out what is on an account, none where there is no account, and puts on it what comes back.
    fn change<T, E>(
        &self,
        key: u64,
        change: impl FnOnce(Option<Nanos>) -> Result<(T, Option<Nanos>), E>,
    ) -> Result<T, E> {
        let group = usize::try_from(key % GROUPS as u64).unwrap_or(0);
        let Some(group) = self.groups.get(group) else { return change(None).map(|(said, _)| said) };
        let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
        let known = group.iter().position(|account| account.key == key);
        let account = known.and_then(|place| group.get(place));
        let (said, until) = change(account.map(|account| account.until))?;
        let Some(until) = until else { return Ok(said) };
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
        self.0.change(*key, |known| f(known).map(|(said, until)| (said, Some(until))))
    }
}

/// Asks whether one more would be taken, and counts nothing.
#[derive(Debug)]
struct Look(Arc<Accounts>);

impl StateStore for Look {
    type Key = u64;
    fn measure_and_replace<T, F, E>(&self, key: &u64, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.change(*key, |known| f(known).map(|(said, _)| (said, None)))
    }
}
