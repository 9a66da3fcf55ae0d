//! Which process is whose, and how many there may be.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use portcullis_core::operation::Era;
use portcullis_core::token::Person;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::counts::Counts;
use super::failures::Failures;
use super::guests::Guests;
use super::link::{End, Link, Manner, Random, Sign, Stage, Wish};
use super::settings::{Settings, Unavailable};
use super::supervise;

/// A process that ends sooner than this has not come up.
const CAME_UP: Duration = Duration::from_secs(10);
/// How long it takes at most to be gone once one is killed.
const GONE: Duration = Duration::from_millis(500);
/// How long a server that said so is held for one of the older revisions.
const LEGACY: Duration = Duration::from_secs(600);
/// What a process is kept under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Session(Box<str>),
    Person(Person),
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
    /// Whether a process of this server has spoken 2026-07-28. The next one does as well, however slow it is.
    is_modern: AtomicBool,
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
    /// Of its owner each process takes a place as well, so that nobody's leaving processes are in the way of others.
    own_places: HashMap<Person, Weak<Semaphore>>,
    guests: Guests,
    failures: Failures,
    legacy_until: Option<Instant>,
    /// On their way out.
    leaving: Vec<Weak<Link>>,
    is_stopping: bool,
}

struct Process {
    owner: Option<Person>,
    link: Arc<Link>,
}

impl Pool {
    pub(super) fn new(settings: Settings, counts: Arc<Counts>, random: Random) -> Arc<Pool> {
        let places = most(&settings).min(Semaphore::MAX_PERMITS);
        Arc::new_cyclic(|this| Pool {
            name: settings.name.as_str().into(),
            settings: Arc::new(settings),
            random,
            counts,
            places: Arc::new(Semaphore::new(places)),
            state: Mutex::default(),
            is_modern: AtomicBool::new(false),
            this: Weak::clone(this),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process under a key, started where there is none.
    pub(super) fn obtain(
        &self,
        key: Key,
        owner: Option<&Person>,
    ) -> Result<Arc<Link>, Unavailable> {
        let mut state = self.state();
        if state.is_stopping {
            return Err(Unavailable::Stopping);
        }
        if let Some(process) = state.processes.get(&key).filter(|process| process.link.is_open()) {
            return Ok(Arc::clone(&process.link));
        }
        let now = Instant::now();
        let manner = match &key {
            Key::Session(_) => Manner::Session,
            Key::Person(_) => Manner::Person,
            Key::Everyone(era) => Manner::Everyone(*era),
        };
        state.failures.check(&(owner.cloned(), manner.era()), now)?;
        state.make_room(&self.settings, owner)?;
        let (name, limits) = (Arc::clone(&self.name), self.settings.limits);
        let (counts, random) = (Arc::clone(&self.counts), Arc::clone(&self.random));
        let (link, lines) = Link::new(name, manner, limits, counts, random);
        let link = Arc::new(link);
        let own = owner.map(|owner| state.own_places(&self.settings, owner));
        let process = Process { owner: owner.cloned(), link: Arc::clone(&link) };
        state.processes.insert(key.clone(), process);
        drop(state);
        let (pool, owner, started) = (Weak::clone(&self.this), owner.cloned(), Arc::clone(&link));
        let settings = Arc::clone(&self.settings);
        // First its own: who waits for that is in nobody's way.
        let places = own.into_iter().chain([Arc::clone(&self.places)]).collect();
        tokio::spawn(async move {
            let end = supervise::run(Arc::clone(&started), &settings, places, lines).await;
            started.close();
            let end = match pool.upgrade() {
                Some(pool) => pool.ended(&key, owner, &started, end, now.elapsed()),
                None => end,
            };
            // Only now: whoever waits for it may ask for another at once.
            started.reach(Stage::Over(end));
        });
        Ok(link)
    }

    /// A process of a session, where it is this user's.
    pub(super) fn session(&self, id: &str, user: &Person) -> Option<Arc<Link>> {
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

    /// Begins a session with a shared process.
    pub(super) fn welcome(&self, id: Box<str>, user: &Person) {
        self.state().guests.welcome(id, user, &self.settings.limits);
    }

    /// Whether there is such a session with a shared process, and it is this user's.
    pub(super) fn is_guest(&self, id: &str, user: &Person) -> bool {
        self.state().guests.is(id, user)
    }

    /// Ends a session with a shared process.
    pub(super) fn part(&self, id: &str) {
        self.state().guests.part(id);
    }

    /// A process of this server speaks 2026-07-28.
    pub(super) fn is_modern(&self) {
        self.is_modern.store(true, Ordering::Relaxed);
    }

    /// Whether the server is known to speak the older revisions only: for all, or for this owner, whose last
    /// process did as if.
    pub(super) fn is_legacy(&self, owner: Option<&Person>) -> bool {
        let (state, now) = (self.state(), Instant::now());
        state.legacy_until.is_some_and(|until| now < until) || state.failures.is_legacy(owner, now)
    }

    /// What the end of a process means for the next one, and for those who wait for this one.
    fn ended(
        &self,
        key: &Key,
        owner: Option<Person>,
        link: &Arc<Link>,
        end: End,
        lived: Duration,
    ) -> End {
        let mut state = self.state();
        if state.processes.get(key).is_some_and(|process| Arc::ptr_eq(&process.link, link)) {
            state.processes.remove(key);
        }
        let now = Instant::now();
        let end = match end {
            End::Legacy(sign)
                if sign != Sign::Unknown && self.is_modern.load(Ordering::Relaxed) =>
            {
                End::NotStarted(
                    "it gave no answer to server/discover, which it has given before".into(),
                )
            }
            end => end,
        };
        let (reason, is_legacy) = match &end {
            // Silence: it may be the machine that is slow, or the process may have been given something else to
            // do. So nobody else is told, and nothing is remembered: it has taken long enough not to be tried in
            // a circle.
            End::Stopped | End::Legacy(Sign::Silent) => return end,
            End::Legacy(Sign::Unknown) => {
                self.is_modern.store(false, Ordering::Relaxed);
                state.legacy_until = Some(now + LEGACY);
                return end;
            }
            End::Legacy(Sign::Otherwise) => {
                ("its answer to server/discover is an error".into(), true)
            }
            End::Legacy(Sign::Exited) => ("it ended at server/discover".into(), true),
            End::NotStarted(reason) => (Arc::clone(reason), false),
            End::Exited => ("it ended by itself".into(), false),
        };
        tracing::warn!(server = &*self.name, %reason, "the process is gone");
        let of = (owner, link.manner.era());
        if end == End::Exited && lived >= CAME_UP {
            state.failures.forget(&of);
        } else {
            state.failures.note(of, reason, is_legacy, now);
        }
        end
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
        let all = u32::try_from(most(&self.settings)).unwrap_or(u32::MAX);
        // All places are free when all processes have ended, those that were dismissed before included.
        if tokio::time::timeout(deadline, self.places.acquire_many(all)).await.is_err() {
            for link in &links {
                link.wish(Wish::Kill);
            }
            let _ = tokio::time::timeout(GONE, self.places.acquire_many(all)).await;
        }
    }
}

/// How many processes there may be at a time. Where they are shared there is one for each era, and neither
/// is to wait for the other.
fn most(settings: &Settings) -> usize {
    let processes = settings.limits.processes;
    if settings.shared { processes.max(2) } else { processes }
}

/// How many of them a person may have: not all, so that others find some.
fn of_each(settings: &Settings) -> usize {
    settings.limits.per_user.min(most(settings) / 2).max(1)
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
    fn make_room(
        &mut self,
        settings: &Settings,
        owner: Option<&Person>,
    ) -> Result<(), Unavailable> {
        self.processes.retain(|_, process| process.link.is_open());
        let is_theirs = |process: &Process| process.owner.as_ref() == owner;
        let count = self.processes.values().filter(|process| is_theirs(process)).count();
        if owner.is_some() && count >= of_each(settings) {
            self.stop_idle(is_theirs)?;
        }
        if self.processes.len() >= most(settings) {
            self.stop_idle(|_| true)?;
        }
        Ok(())
    }

    /// The places of a person: as many again for processes on their way out, which take their time, and yet not
    /// all there are.
    fn own_places(&mut self, settings: &Settings, owner: &Person) -> Arc<Semaphore> {
        self.own_places.retain(|_, places| places.strong_count() > 0);
        let known = self.own_places.get(owner).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let places =
                of_each(settings).saturating_mul(2).min(most(settings).saturating_sub(1)).max(1);
            let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
            self.own_places.insert(owner.clone(), Arc::downgrade(&places));
            places
        })
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
}
