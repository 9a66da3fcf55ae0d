//! Ids on their way to upstream: opened, or unknown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use portcullis_core::header::{MCP_NAME, MCP_SESSION_ID};
use portcullis_core::json::{Outline, Place};
use portcullis_core::operation::{Call, Method, Target};

use super::edit::Edits;
use super::{Exchange, mentions, says, tasks};
use crate::seal::Kind;

/// What goes upstream in place of what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The body.
    pub body: Bytes,
    /// `Mcp-Session-Id`, where the request has one.
    pub session: Option<HeaderValue>,
    /// `Mcp-Name`, where it has to change with the body.
    pub name: Option<HeaderValue>,
}

/// An id that is none of this caller's, at this server. Whether it is somebody else's nobody learns: the
/// answer is that of an id that never was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// `Mcp-Session-Id`.
    #[error("an unknown session")]
    Session,
    /// A task id.
    #[error("an unknown task")]
    Task {
        /// The place of its message among the calls of the permit.
        call: usize,
    },
}

impl Exchange {
    /// What the permit's request is to upstream. `headers` are those it came with.
    pub fn request(&self, headers: &HeaderMap) -> Result<Outgoing, NotOpened> {
        let session = headers.get(MCP_SESSION_ID).map(|sealed| self.session(sealed)).transpose()?;
        let calls = self.permit.calls();
        let mut outgoing = Outgoing { body: self.permit.body().clone(), session, name: None };
        if calls.iter().any(|call| self.may_hold_tasks(call)) {
            outgoing.body = self.open_tasks(&outgoing.body)?;
            outgoing.name = self.task_name(headers)?;
        }
        Ok(outgoing)
    }

    fn session(&self, sealed: &HeaderValue) -> Result<HeaderValue, NotOpened> {
        let sealed = sealed.to_str().map_err(|_| NotOpened::Session)?;
        let id = self.sealer.open(Kind::Session, sealed, &self.owner());
        id.and_then(|id| HeaderValue::from_str(&id).ok()).ok_or(NotOpened::Session)
    }

    fn task(&self, sealed: &str) -> Option<String> {
        self.sealer.open(Kind::Task, sealed, &self.owner())
    }

    /// Whether the body could hold an id. A method that nobody defines can be about tasks under any name; the
    /// member by which others say what they are related to has the word in its name.
    fn may_hold_tasks(&self, call: &Call) -> bool {
        call.targets().iter().any(|target| matches!(target, Target::Task(_)))
            || self.says_task
                && (call.method() == Method::Other || mentions(self.permit.body(), b"related"))
    }

    /// The body with its task ids opened.
    fn open_tasks(&self, body: &Bytes) -> Result<Bytes, NotOpened> {
        // It was read as strictly before, so this does not fail; if it did nothing would pass.
        let outline = Outline::read(body).map_err(|_| NotOpened::Task { call: 0 })?;
        let mut edits = Edits::default();
        for (at, (call, message)) in
            self.permit.calls().iter().zip(tasks::messages(&outline)).enumerate()
        {
            self.open_in(call, message, &mut edits).ok_or(NotOpened::Task { call: at })?;
        }
        if edits.is_empty() { Ok(body.clone()) } else { Ok(edits.apply(body, 0).into()) }
    }

    /// `None` where there is an id that must open and does not.
    fn open_in(&self, call: &Call, message: Place<'_>, edits: &mut Edits) -> Option<()> {
        let method = call.method();
        let may_stay = may_be_of_client(call);
        let places = match method {
            Method::Response | Method::Notification => {
                tasks::related_by_client(message).into_iter().collect()
            }
            _ => tasks::of_client(method, message).ok()?,
        };
        for place in places {
            match place.as_text().and_then(|id| self.task(&id)) {
                Some(id) => edits.put_json(place.range(), &id),
                None if may_stay => {}
                None => return None,
            }
        }
        Some(())
    }

    /// The header that repeats the id of the task that is asked for.
    fn task_name(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, NotOpened> {
        let ([call], true) = (self.permit.calls(), headers.contains_key(MCP_NAME)) else {
            return Ok(None);
        };
        // Others that name tasks have no such header, or they were refused.
        let [Target::Task(sealed)] = call.targets() else { return Ok(None) };
        let unknown = NotOpened::Task { call: 0 };
        let id = self.task(sealed).ok_or(unknown)?;
        mirrored(&id).ok_or(unknown).map(Some)
    }
}

/// Whether an id that does not open may be something else. In 2025-11-25 a client answers for tasks of its
/// own, and a method that no revision defines may be about something else that has such a member. It names
/// no task of upstream's to anybody who was not told its id, and only upstream itself could tell.
fn may_be_of_client(call: &Call) -> bool {
    match call.method() {
        Method::Response | Method::Notification => true,
        Method::Other => !says(call.method_name().as_bytes(), b"task"),
        _ => false,
    }
}

/// The value of `Mcp-Name` for this text.
fn mirrored(text: &str) -> Option<HeaderValue> {
    const ENCODED: &str = "=?base64?";
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && text.trim() == text
        && !text.starts_with(ENCODED);
    if is_plain {
        HeaderValue::from_str(text).ok()
    } else {
        HeaderValue::from_str(&format!("{ENCODED}{}?=", STANDARD.encode(text))).ok()
    }
}
