//! The conversation with one process: who asked it what, and under which id.
//!
//! Towards a process every request has a number of its own, so that two clients that count alike are told
//! apart, and an answer finds the one request that it is for. The table is locked for moments only, never
//! while something is waited for.

mod handle;
mod incoming;
mod outgoing;
mod share;
mod table;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use portcullis_core::operation::{Era, RequestId};
use portcullis_core::token::Person;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::Instant;

pub(super) use self::handle::{Attendance, Awaited};
pub(super) use self::outgoing::{Asking, NotTaken, Outgoing};
use self::share::Shares;
pub(super) use self::share::{Load, Share};
use self::table::Table;
use super::counts::Counts;
use super::settings::Limits;
use super::stream::{Event, Kind, Stream};

/// Lines on their way to a process, each of which may be as long as a body, and those of our own.
const MAX_LINES: usize = 8;
const MAX_OWN_LINES: usize = 1024;

/// Whose process it is, which says what its messages may be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// A session's own, of 2025-11-25 or older: one client, as the protocol of these processes has it.
    Session,
    /// A person's own, of 2026-07-28: several clients, all of one person.
    Person,
    /// Everybody's.
    Everyone(Era),
}

impl Manner {
    pub(super) fn era(self) -> Era {
        match self {
            Manner::Session => Era::Legacy,
            Manner::Person => Era::Modern,
            Manner::Everyone(era) => era,
        }
    }
}

/// How far a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Starting,
    Ready,
    Over(End),
}

/// Why a process is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was not to be had, or of no use.
    NotStarted(Arc<str>),
    /// It speaks revisions up to 2025-11-25 only, by what it did when it was asked.
    Legacy(Sign),
    /// By itself.
    Exited,
    /// Nobody needed it.
    Stopped,
}

/// What a process does that takes `server/discover` for nothing it knows (2026-07-28, stdio, Backward
/// Compatibility). The revision wants every other answer than a modern one to count, silence included; how far
/// each of them counts beyond those who wait for it is told apart here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It says that it does not know the question.
    Unknown,
    /// It answers with another error, which may be one of the moment.
    Otherwise,
    /// It ends, as it also would if it could not start.
    Exited,
    /// It says nothing in time, as it also would if it were slow.
    Silent,
}

/// What is wanted of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    Run,
    Stop,
    Kill,
}

/// Fills bytes with randomness.
pub(super) type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// A process, from this side of its input and output.
pub(super) struct Link {
    pub(super) name: Arc<str>,
    pub(super) manner: Manner,
    pub(super) limits: Limits,
    counts: Arc<Counts>,
    random: Random,
    table: Mutex<Table>,
    shares: Arc<Shares>,
    /// Room for lines of clients; closed when the process takes no more.
    room: Arc<Semaphore>,
    stage: watch::Sender<Stage>,
    wish: watch::Sender<Wish>,
    /// Wakes the supervisor, whose next moment may be another one now.
    pub(super) changed: Notify,
    /// The news of a session.
    standing: Arc<Stream>,
    /// What the shared process answered to our handshake.
    pub(super) greeting: OnceLock<Box<str>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("name", &self.name)
            .field("manner", &self.manner)
            .field("stage", &*self.stage.borrow())
            .finish_non_exhaustive()
    }
}

impl Link {
    /// A link, and the lines that its process is to read.
    pub(super) fn new(
        name: Arc<str>,
        manner: Manner,
        limits: Limits,
        counts: Arc<Counts>,
        random: Random,
    ) -> (Link, mpsc::Receiver<Outgoing>) {
        let (sender, lines) = mpsc::channel(MAX_LINES + MAX_OWN_LINES);
        let link = Link {
            name,
            manner,
            limits,
            counts,
            random,
            table: Mutex::new(Table::new(sender)),
            shares: Shares::new(manner, &limits),
            room: Arc::new(Semaphore::new(MAX_LINES)),
            stage: watch::Sender::new(Stage::Starting),
            wish: watch::Sender::new(Wish::Run),
            changed: Notify::new(),
            standing: Arc::new(Stream::standing()),
            greeting: OnceLock::new(),
        };
        (link, lines)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When something is due next: a request, or the end for want of use.
    pub(super) fn next_moment(&self) -> Option<Instant> {
        let table = self.table();
        if table.under_way.is_empty() && !self.standing.is_attended() {
            return Some(table.used + self.limits.idle);
        }
        table.under_way.values().map(|under_way| under_way.until).min()
    }

    /// Whether nobody is using it, and since when.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let table = self.table();
        (table.under_way.is_empty() && !self.standing.is_attended()).then_some(table.used)
    }

    /// Takes no more requests where none has come for so long; whether it does.
    pub(super) fn close_if_idle(&self, now: Instant) -> bool {
        let mut table = self.table();
        let is_idle = table.under_way.is_empty() && !self.standing.is_attended();
        let is_over = is_idle && table.used + self.limits.idle <= now;
        if is_over {
            self.shut(&mut table);
        }
        is_over
    }

    /// Takes no more requests, and answers those under way.
    pub(super) fn close(&self) {
        let mut table = self.table();
        self.shut(&mut table);
        table.asked.clear();
        table.tokens.clear();
        for (_, under_way) in std::mem::take(&mut table.under_way) {
            under_way.fail("the server's process ended");
        }
        self.standing.end();
    }

    fn shut(&self, table: &mut Table) {
        table.lines = None;
        self.room.close();
    }

    pub(super) fn is_open(&self) -> bool {
        self.table().lines.is_some()
    }

    /// Somebody is there.
    pub(super) fn touch(&self) {
        self.table().used = Instant::now();
    }

    /// Takes up a part of the process for a person's requests.
    pub(super) fn share(&self, user: &Person, load: Load) -> Result<Share, NotTaken> {
        self.shares.take(user, load)
    }

    /// Becomes the reader of the session's news.
    pub(super) fn attend(self: &Arc<Self>) -> Attendance {
        Attendance::new(Arc::clone(self), Arc::clone(&self.standing))
    }

    fn leave(&self, reader: u64) {
        if self.standing.leave(reader) {
            self.touch();
            self.changed.notify_one();
        }
    }

    /// Whether it is still being found out what the process speaks.
    pub(super) fn is_being_discovered(&self) -> bool {
        self.manner.era() == Era::Modern && *self.stage.borrow() == Stage::Starting
    }

    pub(super) fn reach(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    /// Until the process can be asked, or why it cannot.
    pub(super) async fn ready(&self) -> Result<(), End> {
        let mut stage = self.stage.subscribe();
        let reached = stage.wait_for(|stage| *stage != Stage::Starting).await;
        match reached.as_deref() {
            Ok(Stage::Over(end)) => Err(end.clone()),
            Ok(Stage::Ready | Stage::Starting) => Ok(()),
            Err(_) => Err(End::Stopped),
        }
    }

    pub(super) fn wish(&self, wish: Wish) {
        self.wish.send_if_modified(|current| {
            let is_more = wish > *current;
            *current = wish.max(*current);
            is_more
        });
    }

    pub(super) fn wishes(&self) -> watch::Receiver<Wish> {
        self.wish.subscribe()
    }
}

/// What found no room at its reader.
fn asked_in(event: Event) -> Option<RequestId> {
    match event.kind {
        Kind::Asked(id) => Some(id),
        Kind::News | Kind::Answer { .. } => None,
    }
}
