//! An issuer's keys, fetched before they are needed and kept while the issuer is away.
//!
//! One task for each issuer fetches, so that there is never more than one request under way, and whoever
//! waits for it may go away without harm. Requests look at what the task left last and take no lock. Only
//! where a token names a key that is not there, or where there are none yet, is the task woken; and then not
//! before the cooldown is over, whatever tokens say.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use portcullis_core::id::Issuer;
use portcullis_core::jws::Algorithm;
use portcullis_core::keys::{KeySet, KeysError, NoMatch};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Unavailable;
use crate::fetch::FetchError;
use crate::metadata::{DiscoveryError, Metadata};

/// Where the keys of an issuer come from.
pub trait Keys: Send + Sync {
    /// Which keys there are: the number changes whenever they do, and there is none while there are no keys
    /// that may be used. What was verified with other keys is verified again.
    fn generation(&self) -> Option<u64>;

    /// The keys to verify a token with that names this key and algorithm. They may lack it all the same:
    /// then the token is refused, and not before they were asked for anew.
    fn find<'a>(&'a self, kid: Option<&'a str>, algorithm: Algorithm) -> Finding<'a>;
}

/// What [`Keys::find`] comes to.
pub type Finding<'a> = Pin<Box<dyn Future<Output = Result<Found, Unavailable>> + Send + 'a>>;

/// Keys, and which they are: the number that [`Keys::generation`] has for as long as they are there.
#[derive(Clone, Debug)]
pub struct Found {
    /// The keys.
    pub keys: Arc<KeySet>,
    /// Their number.
    pub generation: u64,
}

/// When keys are fetched, and how long they are good for.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between a fetch and the next one that a token can cause.
    pub cooldown: Duration,
    /// Between fetches where the issuer does not say; what it says is kept within a quarter and four times
    /// of this.
    pub refresh: Duration,
    /// How long a set is used that could not be fetched anew.
    pub stale: Duration,
    /// Between tries while the issuer is away, doubled from the first to the last.
    pub retry: (Duration, Duration),
    /// How long a request waits for a fetch under way.
    pub wait: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            cooldown: Duration::from_secs(30),
            refresh: Duration::from_secs(15 * 60),
            stale: Duration::from_secs(60 * 60),
            retry: (Duration::from_secs(1), Duration::from_secs(15)),
            wait: Duration::from_secs(5),
        }
    }
}

/// Where to find the keys.
#[derive(Clone, Debug)]
pub enum Source {
    /// Where the issuer's metadata says (RFC 8414, `OpenID` Connect Discovery).
    Discovered,
    /// At this URL.
    At(String),
}

/// Why a fetch brought no keys.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("{url} answers {status}")]
    Status { url: String, status: StatusCode },
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error("{url} is refused: {error}")]
    Document { url: String, error: KeysError },
}

/// The keys of an issuer on the network.
#[derive(Debug)]
pub struct RemoteKeys {
    shared: Arc<Shared>,
    timing: Timing,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    issuer: Issuer,
    current: ArcSwapOption<Current>,
    /// Wakes the task before its time.
    wanted: Notify,
    /// What became of the last try. Whoever waits for the next sees it change.
    tries: watch::Sender<Try>,
}

/// A set, and until when it may be used.
#[derive(Clone, Debug)]
struct Current {
    keys: Arc<KeySet>,
    /// What they were read from: the same document again is the same keys.
    document: Bytes,
    generation: u64,
    /// The document's name for itself, to ask whether it has changed.
    etag: Option<HeaderValue>,
    usable_until: Instant,
}

#[derive(Clone, Debug, Default)]
struct Try {
    /// When it ended.
    ended: Option<Instant>,
    /// Why it brought nothing; `None` where it did.
    failure: Option<Arc<str>>,
}

impl RemoteKeys {
    /// Begins to fetch, within the runtime that this is called in.
    pub fn start(metadata: Arc<Metadata>, source: Source, timing: Timing) -> RemoteKeys {
        let shared = Arc::new(Shared {
            issuer: metadata.issuer().clone(),
            current: ArcSwapOption::empty(),
            wanted: Notify::new(),
            tries: watch::Sender::new(Try::default()),
        });
        let fetching = Fetching { shared: Arc::clone(&shared), source, metadata, timing };
        RemoteKeys { shared, timing, task: tokio::spawn(fetching.run()) }
    }

    /// Until there are keys that may be used.
    pub async fn ready(&self) {
        let mut tries = self.shared.tries.subscribe();
        while self.shared.usable().is_none() {
            // The sender lives as long as the task, which `self` keeps.
            if tries.changed().await.is_err() {
                return;
            }
        }
    }

    /// What the first try came to, once it has ended.
    pub async fn tried(&self) -> Result<Found, Unavailable> {
        let mut tries = self.shared.tries.subscribe();
        let ended = tries.wait_for(|tried| tried.ended.is_some()).await;
        // The sender lives as long as the task, which `self` keeps.
        let last = ended.map(|tried| tried.clone()).unwrap_or_default();
        self.shared.usable().ok_or_else(|| self.unavailable(&last))
    }

    async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Found, Unavailable> {
        // Before looking, so that no try is missed that ends in between.
        let mut tries = self.shared.tries.subscribe();
        if let Some(found) = self.shared.usable()
            && (found.keys.find(kid, algorithm).err() != Some(NoMatch::UnknownKid)
                || !self.may_ask(&tries))
        {
            return Ok(found);
        }
        let last = tries.borrow_and_update().clone();
        // The task tries again by itself: nobody waits for an issuer that is known to be away.
        if last.failure.is_some() && self.shared.usable().is_none() {
            return Err(self.unavailable(&last));
        }
        self.shared.wanted.notify_one();
        // Whether the try brought keys or not, it is over; if it takes too long, what is there has to do.
        let _ = tokio::time::timeout(self.timing.wait, tries.changed()).await;
        self.shared.usable().ok_or_else(|| self.unavailable(&tries.borrow()))
    }

    /// Whether a token may cause a fetch: by time alone, and not by what it says.
    fn may_ask(&self, tries: &watch::Receiver<Try>) -> bool {
        tries.borrow().ended.is_none_or(|ended| ended.elapsed() >= self.timing.cooldown)
    }

    fn unavailable(&self, last: &Try) -> Unavailable {
        Unavailable {
            issuer: self.shared.issuer.clone(),
            reason: last.failure.clone().unwrap_or_else(|| "no answer yet".into()),
            retry_after: self.timing.retry.0.max(Duration::from_secs(1)),
        }
    }
}

impl Keys for RemoteKeys {
    fn generation(&self) -> Option<u64> {
        let current = self.shared.current.load();
        let current = current.as_ref()?;
        (Instant::now() < current.usable_until).then_some(current.generation)
    }

    fn find<'a>(&'a self, kid: Option<&'a str>, algorithm: Algorithm) -> Finding<'a> {
        Box::pin(RemoteKeys::find(self, kid, algorithm))
    }
}

impl Drop for RemoteKeys {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn usable(&self) -> Option<Found> {
        let current = self.current.load();
        let Current { keys, generation, usable_until, .. } = &**current.as_ref()?;
        let found = || Found { keys: Arc::clone(keys), generation: *generation };
        (Instant::now() < *usable_until).then(found)
    }
}

/// The task.
struct Fetching {
    shared: Arc<Shared>,
    source: Source,
    metadata: Arc<Metadata>,
    timing: Timing,
}

impl Fetching {
    async fn run(self) {
        let (first, last) = self.timing.retry;
        let mut retry = first;
        loop {
            let failure = match self.fetch().await {
                Ok(next) => {
                    retry = first;
                    self.ended(None).await;
                    self.pause(next).await;
                    continue;
                }
                Err(failed) => failed.to_string(),
            };
            tracing::warn!(issuer = self.shared.issuer.as_str(), %failure, "no keys");
            self.ended(Some(failure.into())).await;
            self.pause(retry).await;
            retry = last.min(retry.saturating_mul(2));
        }
    }

    /// Tells whoever waits.
    async fn ended(&self, failure: Option<Arc<str>>) {
        // Whoever asked during this try gets what came of it, and needs no other. Only then are they told:
        // from that moment on they may ask again.
        let _ = tokio::time::timeout(Duration::ZERO, self.shared.wanted.notified()).await;
        self.shared.tries.send_replace(Try { ended: Some(Instant::now()), failure });
    }

    /// Until the next fetch is due, or a token asks for one after the cooldown.
    async fn pause(&self, until_due: Duration) {
        let asked = async {
            tokio::time::sleep(self.timing.cooldown).await;
            self.shared.wanted.notified().await;
        };
        let _ = tokio::time::timeout(until_due, asked).await;
    }

    /// Fetches the keys; the time until they are due again.
    async fn fetch(&self) -> Result<Duration, Failed> {
        let url = match &self.source {
            Source::At(url) => url.clone(),
            Source::Discovered => {
                let server = self.metadata.get().await?;
                server.jwks_uri.clone().ok_or(DiscoveryError::Missing("jwks_uri"))?
            }
        };
        let fetched = self.fetch_from(url).await;
        if fetched.is_err() {
            self.metadata.forget();
        }
        fetched
    }

    async fn fetch_from(&self, url: String) -> Result<Duration, Failed> {
        let current = self.shared.current.load_full();
        let etag = current.as_ref().and_then(|current| current.etag.as_ref());
        let answer = self.metadata.fetcher().get(&url, etag).await?;
        let due = due(&answer.headers, self.timing.refresh);
        let usable_until = Instant::now() + due + self.timing.stale;
        let etag = answer.headers.get(header::ETAG).cloned();
        let next = match (answer.status, current) {
            (StatusCode::NOT_MODIFIED, Some(current)) => {
                Current { etag: current.etag.clone(), usable_until, ..Current::clone(&current) }
            }
            (StatusCode::OK, Some(current)) if current.document == answer.body => {
                Current { etag, usable_until, ..Current::clone(&current) }
            }
            (StatusCode::OK, current) => {
                let keys = KeySet::parse(self.shared.issuer.clone(), &answer.body)
                    .map_err(|error| Failed::Document { url, error })?;
                let generation = current.map_or(0, |current| current.generation.wrapping_add(1));
                let (keys, document) = (Arc::new(keys), answer.body);
                Current { keys, document, generation, etag, usable_until }
            }
            (status, _) => return Err(Failed::Status { url, status }),
        };
        self.shared.current.store(Some(Arc::new(next)));
        Ok(due)
    }
}

/// When a document is due again: by `Cache-Control: max-age` within bounds, a fifth before the time.
fn due(headers: &HeaderMap, usual: Duration) -> Duration {
    let said = headers.get_all(header::CACHE_CONTROL).iter();
    let directives =
        said.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let max_age = directives.filter_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        let seconds = value.trim_matches('"').parse().ok().map(Duration::from_secs);
        seconds.filter(|_| name.eq_ignore_ascii_case("max-age"))
    });
    let said = max_age.min().unwrap_or(usual);
    said.clamp(usual / 4, usual.saturating_mul(4)).mul_f32(0.8)
}
