//! Which process is whose, and how many there may be.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use portcullis_core::operation::Era;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::counts::Counts;
use super::link::{End, Link, Manner, Random, Stage, Wish};
use super::settings::{Settings, Unavailable, User};
use super::supervise;

/// A process that ends sooner than this has not come up.
const CAME_UP: Duration = Duration::from_secs(10);
/// Between such ends and the next start, doubled from the first to the last.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Whose processes did not come up, at most.
const MAX_FAILURES: usize = 1024;
/// How long a server is held for one of the older revisions, where it said so and where it said nothing.
const LEGACY: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(30));
/// Sessions with a shared process: of one person for each process that would be theirs, and in all.
const GUESTS_PER_PROCESS: usize = 16;
const MAX_GUESTS: usize = 4096;

/// What a process is kept under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Session(Box<str>),
    Person(User),
    Everyone(Era),
}

/// The processes of one server.
pub(super) struct Pool {
    pub(super) settings: Arc<Settings>,
    name: Arc<str>,
    pub(super) random: Random,
    counts: Arc<Counts>,
    /// A place for each process there may be, given back when it has ended.
    places: Arc<Semaphore>,
    state: Mutex<State>,
    this: Weak<Pool>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    processes: HashMap<Key, Process>,
    /// Sessions with a shared process.
    guests: HashMap<Box<str>, Guest>,
    /// By owner; of a shared process there is none.
    failures: HashMap<Option<User>, Failure>,
    legacy_until: Option<Instant>,
    /// On their way out.
    leaving: Vec<Weak<Link>>,
    is_stopping: bool,
}

struct Process {
    owner: Option<User>,
    link: Arc<Link>,
}

struct Guest {
    user: User,
    used: Instant,
}

struct Failure {
    times: u32,
    until: Instant,
    reason: Arc<str>,
}

impl Pool {
    pub(super) fn new(settings: Settings, counts: Arc<Counts>, random: Random) -> Arc<Pool> {
        let places = settings.limits.processes.min(Semaphore::MAX_PERMITS);
        Arc::new_cyclic(|this| Pool {
            name: settings.name.as_str().into(),
            settings: Arc::new(settings),
            random,
            counts,
            places: Arc::new(Semaphore::new(places)),
            state: Mutex::default(),
            this: Weak::clone(this),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process under a key, started where there is none.
    pub(super) fn obtain(&self, key: Key, owner: Option<&User>) -> Result<Arc<Link>, Unavailable> {
        let mut state = self.state();
        if state.is_stopping {
            return Err(Unavailable::Stopping);
        }
        if let Some(process) = state.processes.get(&key).filter(|process| process.link.is_open()) {
            return Ok(Arc::clone(&process.link));
        }
        let now = Instant::now();
        if let Some(failure) = state.failures.get(&owner.cloned())
            && failure.until > now
        {
            let (reason, retry_after) = (Arc::clone(&failure.reason), failure.until - now);
            return Err(Unavailable::NotStarted { reason, retry_after });
        }
        state.make_room(&self.settings, owner)?;
        let manner = match &key {
            Key::Session(_) => Manner::Session,
            Key::Person(_) => Manner::Person,
            Key::Everyone(era) => Manner::Everyone(*era),
        };
        let (name, limits) = (Arc::clone(&self.name), self.settings.limits);
        let (counts, random) = (Arc::clone(&self.counts), Arc::clone(&self.random));
        let (link, lines) = Link::new(name, manner, limits, counts, random);
        let link = Arc::new(link);
        let process = Process { owner: owner.cloned(), link: Arc::clone(&link) };
        state.processes.insert(key.clone(), process);
        drop(state);
        let (pool, owner, started) = (Weak::clone(&self.this), owner.cloned(), Arc::clone(&link));
        let (settings, places) = (Arc::clone(&self.settings), Arc::clone(&self.places));
        tokio::spawn(async move {
            let end = supervise::run(Arc::clone(&started), &settings, places, lines).await;
            started.close();
            if let Some(pool) = pool.upgrade() {
                pool.ended(&key, owner, &started, &end, now.elapsed());
            }
            // Only now: whoever waits for it may ask for another at once.
            started.reach(Stage::Over(end));
        });
        Ok(link)
    }

    /// A process of a session, where it is this user's.
    pub(super) fn session(&self, id: &str, user: &User) -> Option<Arc<Link>> {
        let state = self.state();
        let process = state.processes.get(&Key::Session(id.into()))?;
        let is_theirs = process.owner.as_ref() == Some(user) && process.link.is_open();
        is_theirs.then(|| Arc::clone(&process.link))
    }

    /// The process under a key, where it runs.
    pub(super) fn running(&self, key: &Key) -> Option<Arc<Link>> {
        let state = self.state();
        let link = &state.processes.get(key)?.link;
        link.is_open().then(|| Arc::clone(link))
    }

    /// Ends a process that nobody is to find any more.
    pub(super) fn dismiss(&self, key: &Key) -> bool {
        self.state().stop(key)
    }

    /// Begins a session with a shared process. Where there are too many, the one that was used longest ago
    /// ends: its client begins another.
    pub(super) fn welcome(&self, id: Box<str>, user: &User) {
        let mut state = self.state();
        let now = Instant::now();
        let most = self.settings.limits.per_user.saturating_mul(GUESTS_PER_PROCESS);
        if state.guests.values().filter(|guest| guest.user == *user).count() >= most {
            state.forget_guest(|guest| guest.user == *user);
        }
        if state.guests.len() >= MAX_GUESTS {
            state.forget_guest(|_| true);
        }
        state.guests.insert(id, Guest { user: user.clone(), used: now });
    }

    /// Whether there is such a session with a shared process, and it is this user's.
    pub(super) fn is_guest(&self, id: &str, user: &User) -> bool {
        let mut state = self.state();
        let guest = state.guests.get_mut(id).filter(|guest| guest.user == *user);
        guest.is_some_and(|guest| {
            guest.used = Instant::now();
            true
        })
    }

    /// Ends a session with a shared process.
    pub(super) fn part(&self, id: &str) {
        self.state().guests.remove(id);
    }

    /// Whether the server is known to speak the older revisions only.
    pub(super) fn is_legacy(&self) -> bool {
        self.state().legacy_until.is_some_and(|until| Instant::now() < until)
    }

    /// What the end of a process means for the next one.
    fn ended(&self, key: &Key, owner: Option<User>, link: &Arc<Link>, end: &End, lived: Duration) {
        let mut state = self.state();
        if state.processes.get(key).is_some_and(|process| Arc::ptr_eq(&process.link, link)) {
            state.processes.remove(key);
        }
        let now = Instant::now();
        let reason = match end {
            End::Stopped => return,
            End::Legacy { said } => {
                state.legacy_until = Some(now + if *said { LEGACY.0 } else { LEGACY.1 });
                return;
            }
            End::NotStarted(reason) => Arc::clone(reason),
            End::Exited => "it ended by itself".into(),
        };
        tracing::warn!(server = &*self.name, %reason, "the process is gone");
        if *end == End::Exited && lived >= CAME_UP {
            state.failures.remove(&owner);
        } else {
            state.note_failure(owner, reason, now);
        }
    }

    /// Ends all processes, and takes nothing more. Those that are not gone when `deadline` is over are killed.
    pub(super) async fn shutdown(&self, deadline: Duration) {
        let links: Vec<_> = {
            let mut state = self.state();
            state.is_stopping = true;
            state.guests.clear();
            let processes = std::mem::take(&mut state.processes).into_values();
            let leaving = state.leaving.iter().filter_map(Weak::upgrade);
            processes.map(|process| process.link).chain(leaving).collect()
        };
        for link in &links {
            link.wish(Wish::Stop);
        }
        let all = u32::try_from(self.settings.limits.processes).unwrap_or(u32::MAX);
        // All places are free when all processes have ended, those that were dismissed before included.
        if tokio::time::timeout(deadline, self.places.acquire_many(all)).await.is_err() {
            for link in &links {
                link.wish(Wish::Kill);
            }
            let _ = tokio::time::timeout(PAUSE.0, self.places.acquire_many(all)).await;
        }
    }
}

/// A server that nobody names any more.
impl Drop for Pool {
    fn drop(&mut self) {
        for process in self.state().processes.values() {
            process.link.wish(Wish::Stop);
        }
    }
}

impl State {
    /// Sees to it that there may be another process, of this owner: for it the one that was used longest ago
    /// ends, if it is idle.
    fn make_room(&mut self, settings: &Settings, owner: Option<&User>) -> Result<(), Unavailable> {
        self.processes.retain(|_, process| process.link.is_open());
        let limits = settings.limits;
        let is_theirs = |process: &Process| process.owner.as_ref() == owner;
        let count = self.processes.values().filter(|process| is_theirs(process)).count();
        if owner.is_some() && count >= limits.per_user {
            self.stop_idle(is_theirs)?;
        }
        if self.processes.len() >= limits.processes {
            self.stop_idle(|_| true)?;
        }
        Ok(())
    }

    fn stop_idle(&mut self, among: impl Fn(&Process) -> bool) -> Result<(), Unavailable> {
        let idle = self.processes.iter().filter(|(_, process)| among(process));
        let idle =
            idle.filter_map(|(key, process)| Some((process.link.idle_since()?, key.clone())));
        let (_, key) = idle.min_by_key(|(since, _)| *since).ok_or(Unavailable::Busy)?;
        self.stop(&key);
        Ok(())
    }

    /// Ends a process that nobody is to find any more; whether there was one.
    fn stop(&mut self, key: &Key) -> bool {
        let Some(Process { link, .. }) = self.processes.remove(key) else { return false };
        link.wish(Wish::Stop);
        self.leaving.retain(|link| link.strong_count() > 0);
        self.leaving.push(Arc::downgrade(&link));
        true
    }

    fn forget_guest(&mut self, among: impl Fn(&Guest) -> bool) {
        let guests = self.guests.iter().filter(|(_, guest)| among(guest));
        let oldest = guests.min_by_key(|(_, guest)| guest.used).map(|(id, _)| id.clone());
        if let Some(id) = oldest {
            self.guests.remove(&id);
        }
    }

    fn note_failure(&mut self, owner: Option<User>, reason: Arc<str>, now: Instant) {
        // Long enough after the last pause it was another failure.
        self.failures.retain(|_, failure| now < failure.until + PAUSE.1);
        if self.failures.len() >= MAX_FAILURES && !self.failures.contains_key(&owner) {
            return;
        }
        let failure = self.failures.entry(owner);
        let failure =
            failure.or_insert(Failure { times: 0, until: now, reason: Arc::clone(&reason) });
        let pause = PAUSE.0.saturating_mul(1 << failure.times.min(8)).min(PAUSE.1);
        *failure = Failure { times: failure.times.saturating_add(1), until: now + pause, reason };
    }
}
