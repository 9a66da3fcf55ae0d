//! The parts of a message that the two sides of a process name differently, and their replacement.
//!
//! Every text read here was found to be JSON that all parsers read alike before: a client's when its
//! operation was read, a process' by [`read`]. So a lenient reader finds the same members as any other,
//! and what is replaced is cut out and put in where it stands; every other byte stays as it came.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use portcullis_core::json::{self, Flaw};
use portcullis_core::operation::{ByteString, RequestId};
use serde_json::value::RawValue;

/// The `_meta` member that names the `subscriptions/listen` request which news belong to (2026-07-28).
pub(super) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
/// The `_meta` member by which a request of 2026-07-28 asks for log messages.
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// Most messages in a batch of a process.
const MAX_BATCH: usize = 256;

type Members<'t> = BTreeMap<String, &'t RawValue>;

/// Why a line of a process is none that a client could be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Garbage {
    /// Not JSON, or not the same to every reader.
    #[error(transparent)]
    Json(#[from] Flaw),
    /// No request, notification or answer.
    #[error("no JSON-RPC message")]
    NoMessage,
    /// More messages in a batch than are looked at.
    #[error("too many messages in a batch")]
    Batch,
}

/// A message whose members are found and not interpreted.
#[derive(Debug)]
pub(super) struct Message<'t> {
    text: &'t str,
    members: Members<'t>,
}

/// What a message of a process is.
#[derive(Debug)]
pub(super) enum Said<'t> {
    Request { method: String, id: RequestId },
    Notification { method: String },
    Answer { id: &'t RawValue },
}

/// The messages of a line that a process wrote.
pub(super) fn read(line: &[u8]) -> Result<Vec<Message<'_>>, Garbage> {
    json::check(line)?;
    let text = std::str::from_utf8(line).map_err(|_| Flaw::InvalidUtf8)?;
    // Servers of 2025-03-26 may answer in batches.
    let parts = batch(text).unwrap_or_else(|| vec![text]);
    if parts.len() > MAX_BATCH {
        return Err(Garbage::Batch);
    }
    parts.into_iter().map(|part| Message::of(part).ok_or(Garbage::NoMessage)).collect()
}

/// The texts of the messages of a batch; `None` where the text is none.
pub(super) fn batch(text: &str) -> Option<Vec<&str>> {
    if !text.trim_start().starts_with('[') {
        return None;
    }
    let parts: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(parts.into_iter().map(RawValue::get).collect())
}

impl<'t> Message<'t> {
    /// `text` is an object.
    pub(super) fn of(text: &'t str) -> Option<Message<'t>> {
        Some(Message { text, members: serde_json::from_str(text).ok()? })
    }

    /// What it is, where it is anything.
    pub(super) fn said(&self) -> Option<Said<'t>> {
        let id = self.members.get("id").copied();
        match (self.members.get("method"), id) {
            (Some(method), None) => Some(Said::Notification { method: text(method)? }),
            (Some(method), Some(id)) => {
                Some(Said::Request { method: text(method)?, id: request_id(id)? })
            }
            (None, Some(id)) if self.answers() => Some(Said::Answer { id }),
            (None, _) => None,
        }
    }

    fn answers(&self) -> bool {
        self.members.contains_key("result") || self.members.contains_key("error")
    }

    /// `id`, as it is written.
    pub(super) fn id(&self) -> Option<&'t RawValue> {
        self.members.get("id").copied()
    }

    /// `result`, as it is written.
    pub(super) fn result(&self) -> Option<&'t RawValue> {
        self.members.get("result").copied()
    }

    /// The code of the error that it answers with.
    pub(super) fn error(&self) -> Option<i64> {
        let error = object(self.members.get("error")?)?;
        // An error without a code is one all the same.
        Some(error.get("code").and_then(|code| code.get().parse().ok()).unwrap_or(0))
    }

    /// A member of `params`.
    pub(super) fn param(&self, name: &str) -> Option<&'t RawValue> {
        object(self.members.get("params")?)?.get(name).copied()
    }

    /// Where a request asks for progress: its token.
    pub(super) fn progress_token(&self) -> Option<&'t RawValue> {
        // Anything else than a text or a number is no token, and comes back in no notification.
        let token = object(self.param("_meta")?)?.get("progressToken").copied()?;
        matches!(token.get().as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9')).then_some(token)
    }

    /// Whether a request asks for log messages.
    pub(super) fn wants_logs(&self) -> bool {
        self.param("_meta").and_then(object).is_some_and(|meta| meta.contains_key(LOG_LEVEL))
    }

    /// The subscription that news belong to, or that an answer ends.
    pub(super) fn subscription(&self) -> Option<&'t RawValue> {
        let holder = self.members.get("params").or_else(|| self.members.get("result"))?;
        object(object(holder)?.get("_meta")?)?.get(SUBSCRIPTION).copied()
    }

    /// The message with some values replaced by others.
    pub(super) fn with(&self, replaced: &[(&RawValue, &str)]) -> Vec<u8> {
        let mut places: Vec<(Range<usize>, &str)> = replaced
            .iter()
            .filter_map(|(value, with)| Some((within(self.text, value.get())?, *with)))
            .collect();
        places.sort_by_key(|(place, _)| place.start);
        let added: usize = places.iter().map(|(_, with)| with.len()).sum();
        // One more, for the end of the line.
        let mut line = Vec::with_capacity(self.text.len() + added + 1);
        let mut done = 0;
        for (place, with) in places {
            line.extend(on_one_line(self.text.get(done..place.start).unwrap_or_default()));
            line.extend_from_slice(with.as_bytes());
            done = place.end;
        }
        line.extend(on_one_line(self.text.get(done..).unwrap_or_default()));
        line
    }
}

/// A message as the line that a process reads.
pub(super) fn line(mut message: Vec<u8>) -> Bytes {
    message.push(b'\n');
    message.into()
}

/// Line breaks stand only between the tokens of JSON, where a blank means the same. To a process and in an
/// event stream they would end the message.
fn on_one_line(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte })
}

/// Where a part of a text stands in it.
fn within(text: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let place = start..start.checked_add(part.len())?;
    (text.get(place.clone()) == Some(part)).then_some(place)
}

fn object(value: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(value.get()).ok()
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// An id as JSON-RPC in MCP has them: a text or an integer.
pub(super) fn request_id(value: &RawValue) -> Option<RequestId> {
    match text(value) {
        Some(text) => Some(RequestId::Text(ByteString::from(text))),
        None => value.get().parse().ok().map(RequestId::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_replaced_changes() {
        let text =
            "{ \"id\" : 7,\r\n \"params\":{\"_meta\":{\"progressToken\":\"a\\u0062\"},\"id\":7} }";
        let message = Message::of(text).unwrap();
        let (id, token) = (message.id().unwrap(), message.progress_token().unwrap());
        let line = message.with(&[(token, "\"x\""), (id, "10")]);
        let wanted = "{ \"id\" : 10,   \"params\":{\"_meta\":{\"progressToken\":\"x\"},\"id\":7} }";
        assert_eq!(String::from_utf8(line).unwrap(), wanted);
    }

    #[test]
    fn what_a_process_says_is_read_strictly() {
        let read = |line: &'static str| read(line.as_bytes()).map(|messages| messages.len());
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok(1));
        assert_eq!(read(r#"[{"id":1,"result":{}},{"id":2,"error":{}}]"#), Ok(2));
        for (line, flaw) in [
            (r#"{"id":1,"id":2,"result":{}}"#, Flaw::DuplicateMember),
            (r#"{"id":1,"result":{"a":{"b":1,"b":2}}}"#, Flaw::DuplicateMember),
            (r#"{"id":1,"result":{}} {"id":2,"result":{}}"#, Flaw::TrailingBytes),
            ("server running on stdio", Flaw::Syntax),
        ] {
            assert_eq!(read(line), Err(Garbage::Json(flaw)), "{line}");
        }
        assert_eq!(read("7"), Err(Garbage::NoMessage));
        assert_eq!(read("[7]"), Err(Garbage::NoMessage));
    }

    #[test]
    fn a_message_is_one_thing_or_none() {
        let said = |text: &'static str| Message::of(text).unwrap().said();
        assert!(matches!(said(r#"{"id":1,"method":"m"}"#), Some(Said::Request { .. })));
        assert!(matches!(said(r#"{"method":"m"}"#), Some(Said::Notification { .. })));
        assert!(matches!(said(r#"{"id":1,"result":null}"#), Some(Said::Answer { .. })));
        for none in [r#"{"id":1}"#, r#"{"method":7}"#, r#"{"id":null,"method":"m"}"#, "{}"] {
            assert!(said(none).is_none(), "{none}");
        }
    }

    #[test]
    fn a_token_is_a_text_or_a_number() {
        let token = |text: &'static str| {
            Message::of(text).unwrap().progress_token().map(|token| token.get().to_owned())
        };
        assert_eq!(token(r#"{"params":{"_meta":{"progressToken":-7}}}"#).unwrap(), "-7");
        assert_eq!(token(r#"{"params":{"_meta":{"progressToken":"a"}}}"#).unwrap(), "\"a\"");
        for none in ["null", "{}", "[1]", "true"] {
            let text = format!(r#"{{"params":{{"_meta":{{"progressToken":{none}}}}}}}"#);
            assert!(Message::of(&text).unwrap().progress_token().is_none(), "{none}");
        }
    }
}
