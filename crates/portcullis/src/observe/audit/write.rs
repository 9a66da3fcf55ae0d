//! The thread that writes the audit trail.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Lines;
use crate::observe::metrics::Counter;

/// Lines gather for so long before they are written, and so long passes between attempts that fail.
const PAUSE: Duration = Duration::from_millis(50);

/// A disk that does not take it is complained of so often.
const COMPLAINTS: Duration = Duration::from_secs(60);

/// A buffer larger than this is given back when little of it was used.
const LARGE: usize = 256 << 10;

/// What the thread is told.
pub(super) enum Order {
    /// There are lines.
    Lines,
    /// Write them now, and say how it went.
    Flush(oneshot::Sender<io::Result<()>>),
    /// Write them, then open the destination anew.
    Reopen(oneshot::Sender<io::Result<()>>),
}

/// Where lines go: opened at the start, and whenever it is told.
pub trait Destination: Send {
    /// Opens it, to append.
    fn open(&mut self) -> io::Result<Box<dyn Write + Send>>;
}

/// A file. One that is made is readable to its owner alone; one that is there keeps its permissions.
#[derive(Clone, Debug)]
pub struct LogFile(pub PathBuf);

impl Destination for LogFile {
    fn open(&mut self) -> io::Result<Box<dyn Write + Send>> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file: File = options.open(&self.0)?;
        Ok(Box::new(file))
    }
}

/// Whoever writes.
pub(super) struct Scribe {
    lines: Arc<Lines>,
    destination: Box<dyn Destination>,
    out: Box<dyn Write + Send>,
    /// What is being written, and how much of it is.
    batch: Vec<u8>,
    written: usize,
    errors: Arc<Counter>,
    complaints: Complaints,
}

impl Scribe {
    pub(super) fn new(
        lines: Arc<Lines>,
        mut destination: Box<dyn Destination>,
        errors: Arc<Counter>,
    ) -> io::Result<Self> {
        let out = destination.open()?;
        let batch = Vec::new();
        Ok(Scribe {
            lines,
            destination,
            out,
            batch,
            written: 0,
            errors,
            complaints: Complaints(None),
        })
    }

    /// Until nobody is left to give orders.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        let mut has_lines = false;
        loop {
            let order = if has_lines {
                orders.recv_timeout(PAUSE)
            } else {
                orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match order {
                Ok(Order::Lines) => has_lines = true,
                Ok(Order::Flush(done)) => {
                    let result = self.write();
                    has_lines = result.is_err();
                    // Whoever asked may have stopped waiting.
                    let _ = done.send(result);
                }
                Ok(Order::Reopen(done)) => {
                    // What the old one does not take goes to the new one.
                    has_lines = self.write().is_err();
                    let _ = done.send(self.reopen());
                }
                Err(RecvTimeoutError::Timeout) => has_lines = self.write().is_err(),
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.write();
                    return;
                }
            }
        }
    }

    /// Writes every line there is.
    fn write(&mut self) -> io::Result<()> {
        let result = self.write_all();
        if let Err(error) = &result {
            self.errors.count();
            self.complain(error);
        }
        result
    }

    fn write_all(&mut self) -> io::Result<()> {
        // Before looking: who appends after a buffer was looked at tells again.
        self.lines.is_told.store(false, Ordering::Release);
        self.write_batch()?;
        let lines = Arc::clone(&self.lines);
        for buffer in lines.buffers.iter() {
            let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
            if buffer.is_empty() {
                continue;
            }
            // The lock is held for as long as it takes to exchange two buffers, one of them empty.
            mem::swap(&mut *buffer, &mut self.batch);
            drop(buffer);
            self.write_batch()?;
        }
        lines.is_full.store(false, Ordering::Release);
        lines.room.notify_waiters();
        Ok(())
    }

    fn write_batch(&mut self) -> io::Result<()> {
        while let Some(rest) = self.batch.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.out.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written = self.written.saturating_add(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.batch.capacity() > LARGE && self.batch.len() < self.batch.capacity() / 8 {
            self.batch = Vec::new();
        }
        self.batch.clear();
        self.written = 0;
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.out = self.destination.open()?;
        // A line that was torn is written whole into the new file, and on a line of its own, since that may
        // be the old one.
        let done = self.batch.get(..self.written).unwrap_or_default();
        let whole = done.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < self.written {
            self.batch.drain(..whole);
            self.batch.insert(0, b'\n');
            self.written = 0;
        }
        Ok(())
    }

    fn complain(&mut self, error: &io::Error) {
        if self.complaints.are_due(Instant::now()) {
            tracing::error!(
                "the audit trail cannot be written, requests will have to wait: {error}"
            );
        }
    }
}

/// When there was a complaint last.
struct Complaints(Option<Instant>);

impl Complaints {
    /// Whether it is time for another, which is then made.
    fn are_due(&mut self, now: Instant) -> bool {
        let are_due = self.0.is_none_or(|last| now.duration_since(last) >= COMPLAINTS);
        if are_due {
            self.0 = Some(now);
        }
        are_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_is_complained_of_once_a_minute() {
        let start = Instant::now();
        let mut complaints = Complaints(None);
        let due = [0, 1, 59, 60, 61, 119, 120].map(|second| {
            let now = start + Duration::from_secs(second);
            complaints.are_due(now).then_some(second)
        });
        assert_eq!(due.into_iter().flatten().collect::<Vec<_>>(), [0, 60, 120]);
    }
}
