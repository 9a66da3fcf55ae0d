//! A connection that does not wait for ever: for the head of a request, for something to do, or for a client
//! that takes nothing of its answer.
//!
//! hyper has a timer for heads alone, which also runs while nothing is asked, and none for slow readers. One
//! timer here serves all three. It is set for the first moment at which something could be over and looked at
//! again then, so that a request costs no timer of its own.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// For how long a connection waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For the rest of a request's head.
    pub(super) head: Duration,
    /// For the next request.
    pub(super) idle: Duration,
    /// For a client to take a bit of its answer.
    pub(super) write: Duration,
}

/// The requests of one connection: how many there were, and how many are not answered yet.
#[derive(Debug)]
pub(super) struct UnderWay {
    begun: AtomicUsize,
    open: AtomicUsize,
    /// On HTTP/2, where a client may take from one answer and not from another and the connection is none the
    /// worse for it: the answers of which a piece waits for the client, and since when, in the order of these
    /// moments. On HTTP/1 it is seen by what can be written, which is finer.
    held: Option<Mutex<VecDeque<(usize, Instant)>>>,
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Request {
    under_way: Arc<UnderWay>,
    number: usize,
    is_held: bool,
}

impl UnderWay {
    pub(super) fn new(is_http2: bool) -> UnderWay {
        let (begun, open) = Default::default();
        UnderWay { begun, open, held: is_http2.then(Mutex::default) }
    }

    pub(super) fn begin(self: &Arc<Self>) -> Request {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Request { under_way: Arc::clone(self), number, is_held: false }
    }

    /// Since when the client has taken nothing of some answer.
    fn held_since(&self) -> Option<Instant> {
        self.held()?.front().map(|(_, since)| *since)
    }

    fn held(&self) -> Option<MutexGuard<'_, VecDeque<(usize, Instant)>>> {
        Some(self.held.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Request {
    /// Whether it came by HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.under_way.held.is_some()
    }

    /// A piece of the answer is on its way to the client.
    pub(super) fn hold(&mut self) {
        if let Some(mut held) = self.under_way.held() {
            held.push_back((self.number, Instant::now()));
            self.is_held = true;
        }
    }

    /// The client has taken it.
    pub(super) fn let_go(&mut self) {
        if std::mem::take(&mut self.is_held)
            && let Some(mut held) = self.under_way.held()
        {
            held.retain(|(number, _)| *number != self.number);
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.let_go();
        self.under_way.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a connection is waiting for, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// Nothing of ours: a request is under way.
    Answering,
    /// For the next request.
    Idle(Instant),
    /// For the rest of a head.
    Head(Instant),
}

pin_project! {
    /// The connection.
    pub(super) struct Patient<I> {
        #[pin]
        io: I,
        // What was read before.
        first: Bytes,
        patience: Patience,
        under_way: Arc<UnderWay>,
        // How many requests there had been when `waiting` was set.
        begun: usize,
        waiting: Waiting,
        // Since when nothing could be written.
        stuck: Option<Instant>,
        // Its frames come at any time and say nothing about heads.
        is_http2: bool,
        #[pin]
        timer: Sleep,
    }
}

impl<I> Patient<I> {
    /// Since that moment the first request is waited for, and `first` has been read of it already.
    pub(super) fn new(
        io: I,
        (accepted, first): (Instant, Bytes),
        is_http2: bool,
        patience: Patience,
        under_way: Arc<UnderWay>,
    ) -> Self {
        // Who says nothing at all after connecting is not idle but late.
        let (waiting, timer) = (Waiting::Head(accepted), sleep_until(accepted + patience.head));
        let (begun, stuck) = (0, None);
        Patient { io, first, patience, under_way, begun, waiting, stuck, is_http2, timer }
    }
}

impl UnderWay {
    /// What the connection is waiting for, of which nothing was read just now.
    fn now_waiting(&self, before: Waiting, begun: &mut usize) -> Waiting {
        let were = std::mem::replace(begun, self.begun.load(Ordering::Relaxed));
        if self.open.load(Ordering::Relaxed) > 0 {
            return Waiting::Answering;
        }
        // Whatever was waited for before has come since.
        if were != *begun || before == Waiting::Answering {
            return Waiting::Idle(Instant::now());
        }
        before
    }
}

impl Waiting {
    /// When it is over.
    fn deadline(self, patience: &Patience) -> Option<Instant> {
        match self {
            Waiting::Answering => None,
            Waiting::Idle(since) => Some(since + patience.idle),
            Waiting::Head(since) => Some(since + patience.head),
        }
    }
}

/// Whether the deadline is over; if not, the timer wakes us when it is.
fn is_over(mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>, deadline: Instant) -> bool {
    // A timer that is set for earlier just wakes us too early.
    if timer.deadline() > deadline || timer.is_elapsed() {
        timer.as_mut().reset(deadline);
    }
    while timer.as_mut().poll(cx).is_ready() {
        if Instant::now() >= deadline {
            return true;
        }
        timer.as_mut().reset(deadline);
    }
    false
}

impl<I: AsyncRead> AsyncRead for Patient<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        let read = if this.first.is_empty() {
            this.io.poll_read(cx, buffer)
        } else {
            let some = this.first.len().min(buffer.remaining());
            buffer.put_slice(&this.first.split_to(some));
            if this.first.is_empty() {
                // An empty rest would keep all of it in memory.
                *this.first = Bytes::new();
            }
            Poll::Ready(Ok(()))
        };
        *this.waiting = this.under_way.now_waiting(*this.waiting, this.begun);
        if read.is_ready() {
            *this.waiting = match *this.waiting {
                // That it speaks at all; frames after that, answers to our pings among them, ask for nothing.
                Waiting::Head(_) if *this.is_http2 => Waiting::Idle(Instant::now()),
                Waiting::Idle(_) if !*this.is_http2 => Waiting::Head(Instant::now()),
                waiting => waiting,
            };
            return read;
        }
        let held = this.under_way.held_since();
        let held = held.map(|since| since + this.patience.write);
        let deadline = [this.waiting.deadline(this.patience), held].into_iter().flatten().min();
        match deadline {
            Some(deadline) if is_over(this.timer, cx, deadline) => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            _ => Poll::Pending,
        }
    }
}

impl<I> Patient<I> {
    /// Sets the timer for the next request once an answer is out. Whoever read while it was under way was told
    /// to wait without one, and does not ask again before there is something to read.
    fn rest(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let this = self.project();
        if *this.waiting != Waiting::Answering {
            return;
        }
        *this.waiting = this.under_way.now_waiting(*this.waiting, this.begun);
        if let Some(deadline) = this.waiting.deadline(this.patience) {
            // Begun just now, so not over: this is for the waker alone.
            let _ = is_over(this.timer, cx, deadline);
        }
    }
}

impl<I: AsyncWrite> Patient<I> {
    /// Notes whether the other side takes what is written.
    fn watch<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let this = self.project();
        if written.is_ready() {
            *this.stuck = None;
            return written;
        }
        let deadline = *this.stuck.get_or_insert_with(Instant::now) + this.patience.write;
        if is_over(this.timer, cx, deadline) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<I: AsyncWrite> AsyncWrite for Patient<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().project().io.poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().project().io.poll_write_vectored(cx, bytes);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.as_mut().project().io.poll_flush(cx);
        let flushed = self.as_mut().watch(cx, flushed);
        if flushed.is_ready() {
            self.rest(cx);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = self.as_mut().project().io.poll_shutdown(cx);
        self.watch(cx, shut)
    }
}
