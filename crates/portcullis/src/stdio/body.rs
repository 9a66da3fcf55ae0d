//! The bodies of answers: a text at once, or events as they come.

use std::convert::Infallible;
use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::link::{Attendance, Awaited};
use super::stream::Stream;

/// The body of an answer. Whoever drops it before its end is a client that went away.
pub struct Body(Kind);

enum Kind {
    Whole(Bytes),
    Events(Events),
}

/// Says on the event stream that it is still there.
const STILL_HERE: Bytes = Bytes::from_static(b":\n\n");

struct Events {
    stream: Arc<Stream>,
    reader: u64,
    silence: Duration,
    until: Pin<Box<Sleep>>,
    /// When it ends in any case, if it does.
    end: Option<Pin<Box<Sleep>>>,
    /// What is told when the body is dropped.
    _held: Held,
}

/// What lasts as long as an event stream.
pub(super) enum Held {
    Awaited { _awaited: Awaited },
    Attendance { _attendance: Attendance },
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Whole(bytes) => f.debug_tuple("Whole").field(&bytes.len()).finish(),
            Kind::Events(_) => f.write_str("Events"),
        }
    }
}

impl Body {
    /// Nothing, or all of it.
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
        Body(Kind::Whole(bytes.into()))
    }

    /// The messages of a stream, as its reader.
    pub(super) fn events(stream: Arc<Stream>, reader: u64, silence: Duration, held: Held) -> Body {
        let until = Box::pin(tokio::time::sleep(silence));
        Body(Kind::Events(Events { stream, reader, silence, until, end: None, _held: held }))
    }

    /// Ends at that moment in good order, where it is events.
    pub(super) fn ending(mut self, end: Instant) -> Body {
        if let Kind::Events(events) = &mut self.0 {
            events.end = Some(Box::pin(tokio::time::sleep_until(end)));
        }
        self
    }
}

impl Events {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(end) = &mut self.end
            && end.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        let chunk = match self.stream.poll_next(self.reader, cx) {
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(event)) => framed(&event.message),
            Poll::Pending => match self.until.as_mut().poll(cx) {
                Poll::Ready(()) => STILL_HERE,
                Poll::Pending => return Poll::Pending,
            },
        };
        let next = Instant::now() + self.silence;
        self.until.as_mut().reset(next);
        Poll::Ready(Some(chunk))
    }
}

/// A message as an event. It has no line breaks.
pub(super) fn framed(message: &[u8]) -> Bytes {
    const BEFORE: &[u8] = b"event: message\ndata: ";
    const AFTER: &[u8] = b"\n\n";
    let mut event = BytesMut::with_capacity(BEFORE.len() + message.len() + AFTER.len());
    for part in [BEFORE, message, AFTER] {
        event.extend_from_slice(part);
    }
    event.freeze()
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Events(events) => {
                events.poll_chunk(cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Kind::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Events(_) => SizeHint::default(),
        }
    }
}
