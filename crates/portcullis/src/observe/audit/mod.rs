//! The audit trail: one JSON object on a line for every answered request, in a file of its own.
//!
//! Nobody waits for the disk: a line is appended to a buffer in memory, of which there are several so that
//! threads do not meet at one, and a thread writes all of them out every 50 milliseconds. Lines are therefore
//! ordered by time but for that long. They are not lost when the disk stalls or is full: they stay in memory
//! up to a bound, and beyond it [`Audit::room`] makes whoever answers requests wait. A gateway that cannot
//! write its audit trail ends up answering nothing, which is what an audit trail is for.

mod line;
mod write;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{Notify, oneshot};

pub use self::write::{Destination, LogFile};
use self::write::{Order, Scribe};
use super::Noted;
use super::metrics::Counter;
use crate::per_thread::PerThread;

/// A buffer longer than this makes everybody wait.
const FULL: usize = 1 << 20;

/// Orders that wait for the thread; more are refused, and one that says the same is among them.
const ORDERS: usize = 16;

/// The audit trail. Dropped, it is written to its end as far as the disk takes it; [`Audit::flush`] waits for
/// that.
#[derive(Debug)]
pub struct Audit {
    lines: Arc<Lines>,
    orders: SyncSender<Order>,
}

/// Lines on their way to the disk.
#[derive(Debug, Default)]
struct Lines {
    buffers: PerThread<Mutex<Vec<u8>>>,
    /// Whether the thread knows that there are lines.
    is_told: AtomicBool,
    /// Whether there is no room for more.
    is_full: AtomicBool,
    room: Notify,
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The disk did not take it.
    #[error("the audit trail cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The thread does not come to it: the disk stalls.
    #[error("the audit trail is stalled")]
    Stalled,
}

impl Audit {
    /// Appends to a file, which is made where it is not there, for nobody else to read. `errors` counts
    /// attempts to write that failed.
    pub fn open(path: PathBuf, errors: Arc<Counter>) -> io::Result<Self> {
        Self::to(Box::new(LogFile(path)), errors)
    }

    /// Appends to anything.
    pub fn to(destination: Box<dyn Destination>, errors: Arc<Counter>) -> io::Result<Self> {
        let lines = Arc::<Lines>::default();
        let (orders, taken) = sync_channel(ORDERS);
        let scribe = Scribe::new(Arc::clone(&lines), destination, errors)?;
        thread::Builder::new().name("audit".to_owned()).spawn(move || scribe.run(&taken))?;
        Ok(Audit { lines, orders })
    }

    /// Returns when there is room for the lines of another request. To be asked before one is taken on: those
    /// that are under way are written down all the same.
    pub async fn room(&self) {
        while self.lines.is_full.load(Ordering::Acquire) {
            let mut freed = std::pin::pin!(self.lines.room.notified());
            freed.as_mut().enable();
            if self.lines.is_full.load(Ordering::Acquire) {
                freed.await;
            }
        }
    }

    /// Writes down what happened.
    pub fn note(&self, noted: &Noted<'_>) {
        let length = self.lines.append(|buffer| line::write(buffer, noted));
        if length > FULL {
            self.lines.is_full.store(true, Ordering::Release);
        }
        let is_told = &self.lines.is_told;
        if !is_told.load(Ordering::Relaxed) && !is_told.swap(true, Ordering::AcqRel) {
            // Where there are so many orders, one of them makes it look for lines.
            let _ = self.orders.try_send(Order::Lines);
        }
    }

    /// Waits until all that was noted so far is written. While the disk stalls that may be never.
    pub async fn flush(&self) -> Result<(), AuditError> {
        self.order(Order::Flush).await
    }

    /// Opens the file anew, for whoever renamed it (`SIGHUP`). What was noted before goes to the old one. Where
    /// the new one cannot be opened, the old one stays.
    pub async fn reopen(&self) -> Result<(), AuditError> {
        self.order(Order::Reopen).await
    }

    async fn order(
        &self,
        order: impl FnOnce(oneshot::Sender<io::Result<()>>) -> Order,
    ) -> Result<(), AuditError> {
        let (done, result) = oneshot::channel();
        match self.orders.try_send(order(done)) {
            Ok(()) => Ok(result.await.unwrap_or(Err(io::ErrorKind::BrokenPipe.into()))?),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(AuditError::Stalled),
        }
    }
}

impl Lines {
    /// Appends to the buffer of this thread, and says how long that is now.
    fn append(&self, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let Some(buffer) = self.buffers.here() else { return 0 };
        let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut buffer);
        buffer.len()
    }
}
