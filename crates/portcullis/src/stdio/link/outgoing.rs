//! What a process is told, and when it is told that nobody waits any more.

use std::sync::Arc;

use bytes::Bytes;
use portcullis_core::operation::{Era, Method, RequestId};
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};

use super::super::answer::{self, INTERNAL_ERROR};
use super::super::message::{self, Message, SUBSCRIPTION};
use super::super::stream::Stream;
use super::table::UnderWay;
use super::{Awaited, Link, MAX_LINES, Manner, Share};

/// The longest reason of a client that a process is told with the end of a request.
const MAX_REASON: usize = 1024;

/// A request for a process.
pub(in crate::stdio) struct Asking<'a> {
    pub(in crate::stdio) message: &'a Message<'a>,
    pub(in crate::stdio) id: &'a RequestId,
    pub(in crate::stdio) method: Method,
    /// The session with a shared process that it belongs to.
    pub(in crate::stdio) guest: Option<&'a str>,
    /// When nobody waits any more.
    pub(in crate::stdio) until: Instant,
}

/// Lines on their way to a process. Those of clients take up room until they are written.
pub(in crate::stdio) struct Outgoing {
    pub(in crate::stdio) lines: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Room for lines on their way to a process.
pub(in crate::stdio) struct Place {
    sender: mpsc::Sender<Outgoing>,
    room: OwnedSemaphorePermit,
}

impl Place {
    /// Sends lines in their order, all at once.
    pub(in crate::stdio) fn send(self, mut lines: Vec<Bytes>) {
        let lines = match (lines.pop(), lines.as_slice()) {
            (None, _) => return,
            (Some(line), []) => line,
            (Some(last), before) => [before.concat().as_slice(), &last].concat().into(),
        };
        // Where there is room there is a place in the queue; else the process is no more, and whatever was
        // asked has been answered.
        let _ = self.sender.try_send(Outgoing { lines, _room: Some(self.room) });
    }
}

/// A request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stdio) enum NotTaken {
    /// The process is no more.
    Over,
    /// It has too much to do.
    Busy,
    /// It has as much to do for this person as it does for anybody.
    Share,
}

impl Link {
    /// Takes requests whose answers go to `stream`; the lines to send for them. `share` is what they take up;
    /// a request of our own takes up nothing.
    pub(in crate::stdio) fn ask(
        self: &Arc<Self>,
        asking: &[Asking<'_>],
        stream: Arc<Stream>,
        share: Option<Share>,
    ) -> Result<(Awaited, Vec<Bytes>), NotTaken> {
        let share = share.map(Arc::new);
        let mut table = self.table();
        if table.lines.is_none() {
            return Err(NotTaken::Over);
        }
        table.used = Instant::now();
        let mut numbers = Vec::with_capacity(asking.len());
        let mut lines = Vec::with_capacity(asking.len());
        for asking in asking {
            let Some(written) = asking.message.id() else { continue };
            let number = table.number();
            let ours = number.to_string();
            let mut replaced: Vec<(&RawValue, &str)> = vec![(written, &ours)];
            let token = asking.message.progress_token().map(|theirs| self.token(theirs));
            if let Some(Token { theirs, ours: Some(ours), .. }) = &token {
                replaced.push((theirs, ours));
            }
            lines.push(message::line(asking.message.with(&replaced)));
            table.begin(
                number,
                UnderWay {
                    stream: Some(Arc::clone(&stream)),
                    id: asking.id.clone(),
                    written: written.get().into(),
                    guest: asking.guest.map(Into::into),
                    is_listen: asking.method == Method::SubscriptionsListen,
                    wants_logs: self.manner == Manner::Person && asking.message.wants_logs(),
                    until: asking.until,
                    token: token.and_then(|token| Some((token.key?, token.theirs.get().into()))),
                    _share: share.clone(),
                },
            );
            numbers.push(number);
        }
        drop(table);
        self.changed.notify_one();
        Ok((Awaited::new(Arc::clone(self), stream, numbers, share), lines))
    }

    /// What a progress token is to the process. Where it has one client, that client's tokens are as good as
    /// ours, and a task's are good beyond its request. Where it has several, nobody may guess another's.
    fn token<'t>(&self, theirs: &'t RawValue) -> Token<'t> {
        if self.manner == Manner::Session {
            return Token { theirs, ours: None, key: message::request_id(theirs) };
        }
        let mut bytes = [0; 16];
        (self.random)(&mut bytes);
        let text = format!("{:032x}", u128::from_be_bytes(bytes));
        let ours = Some(format!("\"{text}\""));
        Token { theirs, ours, key: Some(RequestId::Text(text.into())) }
    }

    /// Room for lines on their way to the process. Before it is had nothing is asked, so that what a process
    /// does not read in time was not sent.
    pub(in crate::stdio) async fn place(&self) -> Result<Place, NotTaken> {
        let room = timeout(self.limits.start, Arc::clone(&self.room).acquire_owned()).await;
        let room = room.map_err(|_| NotTaken::Busy)?.map_err(|_| NotTaken::Over)?;
        let sender = self.table().lines.clone().ok_or(NotTaken::Over)?;
        Ok(Place { sender, room })
    }

    /// Sends a line of our own, unless the process has left too many of them unread. It comes behind whatever
    /// was sent before.
    pub(in crate::stdio) fn tell(&self, lines: Bytes) {
        let Some(sender) = self.table().lines.clone() else { return };
        let is_sent = sender.capacity() > MAX_LINES
            && sender.try_send(Outgoing { lines, _room: None }).is_ok();
        if !is_sent {
            self.counts.unread();
        }
    }

    /// The answer of a client to a request that was put to it; `None` where none was. It goes as it came,
    /// since a process with one client is asked under its own ids.
    pub(in crate::stdio) fn reply(&self, id: &RequestId, message: &Message<'_>) -> Option<Bytes> {
        let mut table = self.table();
        table.used = Instant::now();
        if table.asked.remove(id).is_none() {
            self.counts.unasked();
            return None;
        }
        Some(message::line(message.with(&[])))
    }

    /// A client of 2025-11-25 or older wants no answer any more; the line that says so to the process.
    pub(in crate::stdio) fn cancel(
        &self,
        guest: Option<&str>,
        message: &Message<'_>,
    ) -> Option<Bytes> {
        let id = message::request_id(message.param("requestId")?)?;
        let (number, under_way) = self.table().take_of(guest, &id)?;
        under_way.fail("the request was cancelled");
        let reason = message
            .param("reason")
            .filter(|reason| reason.get().starts_with('"') && reason.get().len() <= MAX_REASON);
        Some(cancelled(number, reason.map(RawValue::get)))
    }

    /// Clients went away. In 2026-07-28 that is how they cancel; before, it says nothing, and what they
    /// asked for runs on, unheard.
    pub(super) fn abandon(&self, numbers: &[u64]) {
        let mut gone = Vec::new();
        {
            let mut table = self.table();
            for number in numbers {
                if self.manner.era() == Era::Modern {
                    gone.extend(table.take(*number).map(|_| *number));
                } else if let Some(under_way) = table.under_way.get_mut(number) {
                    under_way.stream = None;
                }
            }
            table.used = Instant::now();
        }
        for number in gone {
            self.tell(cancelled(number, None));
        }
        self.changed.notify_one();
    }

    /// Ends what took too long, at the process as well.
    pub(in crate::stdio) fn expire(&self, now: Instant) {
        let overdue = self.table().take_overdue(now);
        for (number, under_way) in overdue {
            if under_way.is_listen {
                under_way.complete();
            } else {
                under_way.fail("the server did not answer in time");
            }
            self.tell(cancelled(number, None));
        }
    }
}

/// A progress token of a client.
struct Token<'t> {
    theirs: &'t RawValue,
    /// What stands in its place, where something does.
    ours: Option<String>,
    /// What the process calls it.
    key: Option<RequestId>,
}

/// The notification that ends a request at its process. It is made anew, so that nothing in it could mean
/// another request to some reader.
fn cancelled(number: u64, reason: Option<&str>) -> Bytes {
    let reason = reason.map(|reason| format!(r#","reason":{reason}"#)).unwrap_or_default();
    let line = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{number}{reason}}}}}"#
    );
    message::line(line.into_bytes())
}

impl UnderWay {
    /// Ends a listening stream as a server does on its own initiative (2026-07-28, Graceful Closure): its client
    /// knows that nothing was lost, and may listen again.
    fn complete(&self) {
        if let Some(stream) = &self.stream {
            let id = &self.written;
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","_meta":{{"{SUBSCRIPTION}":{id}}}}}}}"#
            );
            stream.answer(text.into(), None, true);
        }
    }

    /// Answers in place of the process.
    pub(super) fn fail(&self, why: &str) {
        if let Some(stream) = &self.stream {
            let error = answer::error(Some(&self.written), INTERNAL_ERROR, why);
            stream.answer(error, Some(INTERNAL_ERROR), true);
        }
    }
}
