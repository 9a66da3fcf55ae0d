//! What a request asks for, in exactly one reading.
//!
//! [`Operation::read`] takes the headers and the body of a request to the MCP endpoint and gives back
//! what policy decides on: a method and its targets for every message. The body goes upstream byte
//! for byte as it came, so it must mean to every parser what it meant here. Whatever two parsers read
//! differently is refused by name ([`Reason`]), never resolved (RS-12).
//!
//! * `message` – one strict pass over the JSON
//! * [`Method`] – the method table of every revision
//! * `headers` – what must agree with the body (RS-11)

mod arguments;
mod call;
mod headers;
mod malformed;
mod message;
mod method;
mod revision;

use std::cell::Cell;
use std::fmt;

use bytes::Bytes;
/// Text that shares the bytes of the body it was read from.
pub use bytestring::ByteString;
use http::HeaderMap;

pub(crate) use self::arguments::{Argument, Arguments, MAX_NAMES, Scalar};
use self::call::ReadCall;
pub use self::call::{Call, Target};
use self::headers::{Headers, Mirrored};
pub use self::malformed::{MAX_NAME, MAX_TARGET_BYTES, MAX_TARGETS, Malformed, Reason, RequestId};
use self::message::Message;
pub(crate) use self::method::NOTIFICATIONS;
pub use self::method::{Class, Method};
pub use self::revision::{Era, Revision};
use crate::fold::Wanted;
use crate::json;

/// How much of a request is read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest body in bytes.
    pub body: usize,
    /// Most messages in a batch.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { body: 4 << 20, batch: 32 }
    }
}

/// A request to the MCP endpoint, read and found unambiguous. Not yet allowed.
#[derive(Clone)]
pub struct Operation {
    body: ByteString,
    calls: Calls,
    revision: Option<Revision>,
}

#[derive(Clone)]
enum Calls {
    One(Call),
    Batch(Vec<Call>),
}

/// Without the body: arguments are for upstream, not for logs.
impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("calls", &self.calls())
            .field("revision", &self.revision)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Operation {
    /// Reads a request to the MCP endpoint.
    pub fn read(
        http_method: &http::Method,
        headers: &HeaderMap,
        body: Bytes,
        limits: Limits,
    ) -> Result<Operation, Malformed> {
        let mut id = None;
        Self::read_noting(http_method, headers, body, limits, &mut id).map_err(|reason| Malformed {
            reason,
            era: Era::of(headers),
            id,
        })
    }

    fn read_noting(
        http_method: &http::Method,
        headers: &HeaderMap,
        body: Bytes,
        limits: Limits,
        id: &mut Option<RequestId>,
    ) -> Result<Operation, Reason> {
        let headers = Headers::pick(headers)?;
        let revision = headers.revision().inspect_err(|_| {
            if *http_method == http::Method::POST {
                *id = id_alone(&body, limits);
            }
        })?;
        match *http_method {
            http::Method::POST => {}
            http::Method::GET => {
                return Self::bodiless(Method::OpenStream, &headers, &body, revision);
            }
            http::Method::DELETE => {
                return Self::bodiless(Method::EndSession, &headers, &body, revision);
            }
            _ => return Err(Reason::HttpMethod),
        }
        headers.media()?;
        if body.len() > limits.body {
            return Err(Reason::TooLarge { limit: limits.body });
        }
        json::not_foreign(&body)?;
        let body = ByteString::try_from(body).map_err(|_| json::Flaw::InvalidUtf8)?;
        let (calls, revision) = match message::split(&body, limits.batch)? {
            None => single(&body, &headers, revision, id)?,
            Some(messages) => {
                (batch(&body, &messages, &headers, revision, limits.batch)?, revision)
            }
        };
        let operation = Operation { body, calls, revision };
        if !operation.has_few_targets() {
            return Err(Reason::TooMany("the operation"));
        }
        Ok(operation)
    }

    fn has_few_targets(&self) -> bool {
        // Nearly every operation: a name is shorter than the bound on all.
        if let Calls::One(call) = &self.calls
            && call.targets().len() <= 1
        {
            return true;
        }
        let targets = || self.calls().iter().flat_map(Call::targets);
        targets().count() <= MAX_TARGETS
            && targets().map(|target| target.text().len()).sum::<usize>() <= MAX_TARGET_BYTES
    }

    /// A request of older revisions that HTTP itself names.
    fn bodiless(
        method: Method,
        headers: &Headers<'_>,
        body: &Bytes,
        revision: Option<Revision>,
    ) -> Result<Operation, Reason> {
        if !body.is_empty() {
            return Err(Reason::UnexpectedBody);
        }
        headers.agree(&Mirrored::NOTHING)?;
        Ok(Operation {
            body: ByteString::new(),
            calls: Calls::One(Call::bodiless(method)),
            revision,
        })
    }

    /// The same without the body, of which nothing is kept: for whoever has the operation for long.
    pub(crate) fn without_body(&self) -> Operation {
        let calls = match &self.calls {
            Calls::One(call) => Calls::One(call.without_body()),
            Calls::Batch(calls) => Calls::Batch(calls.iter().map(Call::without_body).collect()),
        };
        Operation { body: ByteString::new(), calls, revision: self.revision }
    }

    /// The body, byte for byte as it came.
    pub fn body(&self) -> &Bytes {
        self.body.as_bytes()
    }

    /// The calls: one, or those of a batch in order.
    pub fn calls(&self) -> &[Call] {
        match &self.calls {
            Calls::One(call) => std::slice::from_ref(call),
            Calls::Batch(calls) => calls,
        }
    }

    /// The wanted arguments of one of the calls, for the rules that look at them. Read when asked
    /// for, since most policies never do. `left` is how much of names may still be read.
    pub(crate) fn arguments<'a>(
        &'a self,
        call: &'a Call,
        wanted: &Wanted,
        left: &Cell<usize>,
    ) -> Arguments<'a> {
        // A member of that name in another method's params says nothing about its target.
        match call.method() {
            Method::ToolsCall | Method::PromptsGet => {
                Arguments::read(call.part().unwrap_or(&self.body), wanted, left)
            }
            _ => Arguments::default(),
        }
    }

    /// Whether the body is a JSON array of messages.
    pub fn is_batch(&self) -> bool {
        matches!(self.calls, Calls::Batch(_))
    }

    /// The revision that headers and body name, if they name one.
    pub fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// The era of that revision; a request that names none is legacy.
    pub fn era(&self) -> Era {
        self.revision.map_or(Era::Legacy, Revision::era)
    }
}

/// The `id` of a message that is refused by its headers, for the answer: a client of 2026-07-28 looks for it
/// there to find a revision that both know.
fn id_alone(body: &Bytes, limits: Limits) -> Option<RequestId> {
    let is_short = body.len() <= limits.body;
    let body = ByteString::try_from(body.clone()).ok().filter(|_| is_short)?;
    let mut message = Message::default();
    message::read(&body, &mut message).ok()?;
    message.id
}

/// The one call of a body that is one message, and the revision it is in. What is refused leaves its
/// `id` for the answer.
fn single(
    body: &ByteString,
    headers: &Headers<'_>,
    revision: Option<Revision>,
    id: &mut Option<RequestId>,
) -> Result<(Calls, Option<Revision>), Reason> {
    let mut message = Message::default();
    let call = message::read(body, &mut message)
        .and_then(|()| judge_single(body, headers, revision, &message));
    if call.is_err() {
        *id = message.id;
    }
    call
}

fn judge_single(
    body: &ByteString,
    headers: &Headers<'_>,
    revision: Option<Revision>,
    message: &Message<'_>,
) -> Result<(Calls, Option<Revision>), Reason> {
    let read = ReadCall::of(body, message)?;
    let is_response = read.call.method() == Method::Response;
    // What 2026-07-28 asks of requests it leaves open for notifications. A call without an id is not
    // one: some servers would run it.
    let must_mirror = !is_response && read.call.method() != Method::Notification;
    let revision = headers::agree_on_revision(revision, read.revision, must_mirror)?;
    let era = revision.map_or(Era::Legacy, Revision::era);
    if era == Era::Modern && is_response {
        return Err(Reason::ResponseNotExpected);
    }
    headers.agree(&Mirrored {
        method: (!is_response).then_some(read.call.method_name()),
        name: read.mirrored_name,
        required: must_mirror && era == Era::Modern,
    })?;
    Ok((Calls::One(read.call), revision))
}

/// RS-19: only 2025-03-26 has batches, and a client that names no revision may speak it.
fn batch(
    body: &ByteString,
    messages: &[&str],
    headers: &Headers<'_>,
    revision: Option<Revision>,
    limit: usize,
) -> Result<Calls, Reason> {
    if !matches!(revision, None | Some(Revision::V2025_03_26)) {
        return Err(Reason::Batch);
    }
    if messages.is_empty() {
        return Err(Reason::BatchSize { limit });
    }
    // No header can mirror several messages.
    headers.agree(&Mirrored::NOTHING)?;
    let mut calls = Vec::with_capacity(messages.len());
    for message in messages {
        let part = body.slice_ref(message);
        let mut read = Message::default();
        message::read(message, &mut read)?;
        let read = ReadCall::of(&part, &read)?;
        // A message that names a revision of its own belongs to one without batches.
        if read.revision.is_some() {
            return Err(Reason::Batch);
        }
        let call = read.call.part_of_batch(part);
        // Two answers under one id could be taken for one another.
        if call.id().is_some() && calls.iter().any(|other: &Call| other.id() == call.id()) {
            return Err(Reason::Envelope);
        }
        calls.push(call);
    }
    Ok(Calls::Batch(calls))
}
