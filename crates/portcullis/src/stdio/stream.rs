//! What waits to be sent to a client: the answers to a POST, or the news of a session.
//!
//! One task reads what a process writes, for all its clients, so it waits for none of them. News that
//! finds no room is let go; an answer always has room, since there are no more answers than requests.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use portcullis_core::operation::RequestId;

/// Most messages that wait at a time, beside answers.
const MAX_NEWS: usize = 256;
/// Most bytes of them, unless a single message has more.
const MAX_NEWS_BYTES: usize = 1 << 20;

/// A message for a client.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) message: Bytes,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// A notification.
    News,
    /// A request of the server, under its id.
    Asked(RequestId),
    /// The answer to a request, with the code of the error where it is one, and whether it is ours in place of
    /// the process'.
    Answer { error: Option<i64>, is_ours: bool },
}

/// What became of a stream's beginning.
#[derive(Debug)]
pub(super) enum Beginning {
    /// All answers are there, and nothing else ever was.
    Answers(Vec<Event>),
    /// Something came before the last answer.
    News,
}

/// A queue of messages with one reader at a time.
#[derive(Debug)]
pub(super) struct Stream(Mutex<State>);

#[derive(Debug)]
struct State {
    events: VecDeque<Event>,
    /// How many of the events are not answers, and their bytes.
    news: usize,
    news_bytes: usize,
    takes_news: bool,
    end: End,
    /// The reader at the time. A stream of a session is taken over by the next one.
    reader: u64,
    attended: bool,
    waker: Option<Waker>,
}

#[derive(Debug)]
enum End {
    /// After so many more answers.
    After(usize),
    /// When the session ends.
    Open,
    Now,
}

impl Stream {
    /// For the answers to so many requests; without `takes_news` for nothing else.
    pub(super) fn of_answers(count: usize, takes_news: bool) -> Stream {
        Stream::new(End::After(count), takes_news)
    }

    /// For the news of a session.
    pub(super) fn standing() -> Stream {
        Stream::new(End::Open, true)
    }

    fn new(end: End, takes_news: bool) -> Stream {
        Stream(Mutex::new(State {
            events: VecDeque::new(),
            news: 0,
            news_bytes: 0,
            takes_news,
            end,
            reader: 0,
            attended: false,
            waker: None,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message that is no answer. What finds no room comes back: the oldest where nobody may be
    /// listening, so that a listener finds the latest; else the newest, so that nothing is torn out of a
    /// sequence.
    pub(super) fn push(&self, event: Event) -> Vec<Event> {
        let mut state = self.state();
        if !state.takes_news || matches!(state.end, End::Now | End::After(0)) {
            return vec![event];
        }
        let size = event.message.len();
        let mut displaced = Vec::new();
        while state.is_full(size) {
            if !matches!(state.end, End::Open) {
                return vec![event];
            }
            displaced.extend(state.pop());
        }
        state.news += 1;
        state.news_bytes += size;
        state.events.push_back(event);
        state.wake();
        displaced
    }

    /// Whether anything but answers has a place here.
    pub(super) fn takes_news(&self) -> bool {
        self.state().takes_news
    }

    /// Adds an answer; the last one ends the stream.
    pub(super) fn answer(&self, message: Bytes, error: Option<i64>, is_ours: bool) {
        let mut state = self.state();
        if let End::After(left) = &mut state.end {
            *left = left.saturating_sub(1);
            state.events.push_back(Event { message, kind: Kind::Answer { error, is_ours } });
            state.wake();
        }
    }

    /// Ends the stream behind what waits.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.end = End::Now;
        state.wake();
    }

    /// Makes the caller the reader, in place of whoever was.
    pub(super) fn attend(&self) -> u64 {
        let mut state = self.state();
        state.reader += 1;
        state.attended = true;
        state.wake();
        state.reader
    }

    /// The reader goes; whether it still was the one.
    pub(super) fn leave(&self, reader: u64) -> bool {
        let mut state = self.state();
        let was = state.reader == reader && state.attended;
        if was {
            state.attended = false;
        }
        was
    }

    /// Whether somebody reads.
    pub(super) fn is_attended(&self) -> bool {
        self.state().attended
    }

    /// The next message; `None` where there are no more, or where another reads them.
    pub(super) fn poll_next(&self, reader: u64, cx: &Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.state();
        if state.reader != reader {
            return Poll::Ready(None);
        }
        if let Some(event) = state.pop() {
            return Poll::Ready(Some(event));
        }
        if matches!(state.end, End::Now | End::After(0)) {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Until all answers are there or something else is.
    pub(super) fn poll_beginning(&self, cx: &Context<'_>) -> Poll<Beginning> {
        let mut state = self.state();
        if state.news > 0 {
            return Poll::Ready(Beginning::News);
        }
        if matches!(state.end, End::Now | End::After(0)) {
            return Poll::Ready(Beginning::Answers(state.events.drain(..).collect()));
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl State {
    fn is_full(&self, more: usize) -> bool {
        self.news >= MAX_NEWS || (self.news > 0 && self.news_bytes + more > MAX_NEWS_BYTES)
    }

    fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if !matches!(event.kind, Kind::Answer { .. }) {
            self.news = self.news.saturating_sub(1);
            self.news_bytes = self.news_bytes.saturating_sub(event.message.len());
        }
        Some(event)
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
