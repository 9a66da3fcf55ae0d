//! What a process says, and whom it is for.
//!
//! An answer is for the request under its number. Progress and the news of subscriptions name what they
//! belong to. Whatever names nothing is for the one client of a session's process; a process with several
//! has said it to nobody.

use std::sync::Arc;

use bytes::Bytes;
use portcullis_core::operation::{Era, RequestId};
use serde_json::value::RawValue;

use super::super::answer::{self, INTERNAL_ERROR, METHOD_NOT_FOUND};
use super::super::message::{self, Message, Said};
use super::super::stream::{Event, Kind, Stream};
use super::table::Table;
use super::{Link, Manner, asked_in};

/// Requests of a process that wait for its client.
const MAX_ASKED: usize = 256;
/// The longest id of such a request, as it is written. It is kept until it is answered.
const MAX_ID: usize = 1024;

/// News of a session as a whole, whatever else is under way.
const OF_THE_SESSION: [&str; 6] = [
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/tasks/status",
    "notifications/elicitation/complete",
];

/// A message's way to a client: the stream, and what is replaced in it.
struct Way<'m> {
    stream: Arc<Stream>,
    replaced: Option<(&'m RawValue, Box<str>)>,
    /// The stream ends with it.
    is_last: bool,
}

impl Way<'_> {
    fn plain(stream: Arc<Stream>) -> Self {
        Way { stream, replaced: None, is_last: false }
    }
}

impl Link {
    /// Takes a line that the process wrote.
    pub(in crate::stdio) fn hear(&self, line: &[u8]) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        match message::read(line) {
            Ok(messages) => messages.iter().for_each(|message| self.hear_one(message)),
            Err(garbage) => self.complain(&garbage.to_string()),
        }
    }

    /// The process wrote a line that is too long to be read: the answer to that request, if to any.
    pub(in crate::stdio) fn hear_too_much(&self, answers: Option<u64>) {
        self.complain("a line longer than a message may be");
        let found = answers.and_then(|number| self.table().take(number));
        if let Some(under_way) = found {
            under_way.fail("the server's answer was too long");
            self.changed.notify_one();
        }
    }

    /// Says that a line was dropped, ever more rarely, and nothing of what it held.
    fn complain(&self, why: &str) {
        let lines = self.counts.garbage();
        if lines.is_power_of_two() {
            tracing::warn!(server = &*self.name, lines, why, "no message on standard output");
        }
    }

    fn hear_one(&self, message: &Message<'_>) {
        match message.said() {
            Some(Said::Answer { id }) => self.hear_answer(message, id),
            Some(Said::Notification { method }) => self.hear_news(message, &method),
            Some(Said::Request { .. }) if message.id().is_none_or(|id| id.get().len() > MAX_ID) => {
                self.complain("a request with an id longer than an id may be");
            }
            Some(Said::Request { method, id }) => self.hear_request(message, &method, id),
            None => self.complain(&message::Garbage::NoMessage.to_string()),
        }
    }

    fn hear_answer(&self, message: &Message<'_>, id: &RawValue) {
        let found = id.get().parse().ok().and_then(|number| self.table().take(number));
        let Some(under_way) = found else { return self.counts.unasked() };
        let mut replaced = vec![(id, &*under_way.written)];
        if under_way.is_listen
            && let Some(subscription) = message.subscription()
            && subscription.get() == id.get()
        {
            replaced.push((subscription, &under_way.written));
        }
        match &under_way.stream {
            Some(stream) => stream.answer(message.with(&replaced).into(), message.error(), false),
            None => self.counts.unread(),
        }
        self.changed.notify_one();
    }

    fn hear_news(&self, message: &Message<'_>, method: &str) {
        let way = self.way(&mut self.table(), message, method);
        let Some(way) = way else { return self.counts.unattributed() };
        let replaced = way.replaced.as_ref().map(|(value, with)| (*value, &**with));
        let text = message.with(replaced.as_slice()).into();
        self.push(&way.stream, Event { message: text, kind: Kind::News });
        if way.is_last {
            way.stream.end();
        }
    }

    /// Whom a notification is for.
    fn way<'m>(&self, table: &mut Table, message: &Message<'m>, method: &str) -> Option<Way<'m>> {
        if method == "notifications/progress" {
            return self.way_of_progress(table, message);
        }
        if self.manner.era() == Era::Modern
            && let Some(value) = subscription(message, method)
        {
            let number = value.get().parse().ok()?;
            let under_way = table.under_way.get(&number).filter(|under_way| under_way.is_listen)?;
            let stream = Arc::clone(under_way.stream.as_ref()?);
            let replaced = Some((value, under_way.written.clone()));
            // So a server says that a subscription is over (2026-07-28); the end of the stream says it here.
            let is_last = method == CANCELLED;
            if is_last {
                table.take(number);
            }
            return Some(Way { stream, replaced, is_last });
        }
        match self.manner {
            Manner::Session if method == CANCELLED => {
                let id = message::request_id(message.param("requestId")?)?;
                let during = table.asked.remove(&id)?;
                let under_way = during.and_then(|number| table.under_way.get(&number));
                let stream = under_way.and_then(|under_way| under_way.stream.as_ref());
                Some(Way::plain(Arc::clone(stream.unwrap_or(&self.standing))))
            }
            Manner::Session if OF_THE_SESSION.contains(&method) => {
                Some(Way::plain(Arc::clone(&self.standing)))
            }
            Manner::Session => Some(Way::plain(self.likely(table).0)),
            Manner::Person if method == "notifications/message" => {
                let mut asked = table.under_way.values().filter(|under_way| under_way.wants_logs);
                let under_way = asked.next().filter(|_| asked.next().is_none())?;
                under_way.stream.clone().map(Way::plain)
            }
            Manner::Person | Manner::Everyone(_) => None,
        }
    }

    fn way_of_progress<'m>(&self, table: &Table, message: &Message<'m>) -> Option<Way<'m>> {
        let token = message.param("progressToken")?;
        let number = table.tokens.get(&message::request_id(token)?);
        let Some(under_way) = number.and_then(|number| table.under_way.get(number)) else {
            // A task's progress goes on when the request that began it is answered.
            return (self.manner == Manner::Session)
                .then(|| Way::plain(Arc::clone(&self.standing)));
        };
        let stream = Arc::clone(under_way.stream.as_ref()?);
        let replaced = match &under_way.token {
            Some((_, written)) if self.manner != Manner::Session => Some((token, written.clone())),
            _ => None,
        };
        Some(Way { stream, replaced, is_last: false })
    }

    /// Where a session's client most likely looks for what names no request: at the one that is under way. Of
    /// several nobody knows, so then it is the session's news, if anybody reads them; else the latest request.
    fn likely(&self, table: &Table) -> (Arc<Stream>, Option<u64>) {
        let mut heard = table.under_way.iter().rev().filter_map(|(number, under_way)| {
            let stream = under_way.stream.as_ref().filter(|stream| stream.takes_news())?;
            Some((stream, *number))
        });
        let latest = heard.next();
        let is_only = heard.next().is_none();
        match latest {
            Some((stream, number)) if is_only || !self.standing.is_attended() => {
                (Arc::clone(stream), Some(number))
            }
            _ => (Arc::clone(&self.standing), None),
        }
    }

    fn hear_request(&self, message: &Message<'_>, method: &str, id: RequestId) {
        if self.manner.era() == Era::Modern {
            // Servers of 2026-07-28 ask in their results, and their clients send no answers.
            return self.counts.unattributed();
        }
        let written = id.to_json();
        if method == "ping" {
            // It asks for the other end of its input, which is here.
            let pong = format!(r#"{{"jsonrpc":"2.0","id":{written},"result":{{}}}}"#);
            return self.tell(message::line(pong.into_bytes()));
        }
        if self.manner != Manner::Session {
            self.counts.unattributed();
            return self.refuse(
                &id,
                METHOD_NOT_FOUND,
                "clients of a shared server cannot be asked",
            );
        }
        let stream = {
            let mut table = self.table();
            if table.asked.len() >= MAX_ASKED {
                drop(table);
                return self.refuse(&id, INTERNAL_ERROR, "too many requests wait for the client");
            }
            let (stream, during) = self.likely(&table);
            table.asked.insert(id.clone(), during);
            stream
        };
        let event = Event { message: message.with(&[]).into(), kind: Kind::Asked(id) };
        self.push(&stream, event);
    }

    /// Answers a request of the process in place of a client.
    fn refuse(&self, id: &RequestId, code: i64, why: &str) {
        let error: Bytes = answer::error(Some(&id.to_json().to_string()), code, why);
        self.tell(message::line(error.into()));
    }

    fn push(&self, stream: &Stream, event: Event) {
        for displaced in stream.push(event) {
            self.counts.unread();
            if let Some(id) = asked_in(displaced) {
                self.table().asked.remove(&id);
                self.refuse(&id, INTERNAL_ERROR, "no client is listening");
            }
        }
    }
}

const CANCELLED: &str = "notifications/cancelled";

/// The subscription that a notification of 2026-07-28 belongs to.
fn subscription<'m>(message: &Message<'m>, method: &str) -> Option<&'m RawValue> {
    if method == CANCELLED { message.param("requestId") } else { message.subscription() }
}
