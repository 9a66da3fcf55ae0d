//! What streamable HTTP answers, in the words of the revisions' transport chapters.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use portcullis_core::operation::{Era, RequestId};
use serde_json::json;
use tokio::time::Instant;

use super::body::{Body, Held, framed};
use super::link::{Attendance, Awaited};
use super::stream::{Beginning, Event, Kind, Stream};

/// Asks reverse proxies not to hold events back.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// JSON-RPC 2.0, and of 2026-07-28 the errors of its own that HTTP has a status for.
pub(super) const INVALID_REQUEST: i64 = -32600;
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
pub(super) const INVALID_PARAMS: i64 = -32602;
pub(super) const INTERNAL_ERROR: i64 = -32603;

/// The forms of answer that a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    pub(super) json: bool,
    pub(super) events: bool,
}

impl Accept {
    /// What the headers say. Where they say nothing, both, which every revision asks of clients.
    pub fn of(headers: &HeaderMap) -> Accept {
        let mut accept = Accept { json: false, events: false };
        let mut is_silent = true;
        for range in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
            for range in range.split(',') {
                is_silent = false;
                let mut parts = range.split(';').map(str::trim);
                let kind = parts.next().unwrap_or_default();
                if parts.any(is_none) {
                    continue;
                }
                let is = |wanted: [&str; 3]| wanted.iter().any(|it| it.eq_ignore_ascii_case(kind));
                accept.json |= is(["application/json", "application/*", "*/*"]);
                accept.events |= is(["text/event-stream", "text/*", "*/*"]);
            }
        }
        if is_silent { Accept { json: true, events: true } } else { accept }
    }
}

/// Whether a parameter is a weight of zero (RFC 9110 section 12.4.2).
fn is_none(parameter: &str) -> bool {
    let weight = parameter.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("q"));
    weight.is_some_and(|(_, weight)| weight.parse().is_ok_and(|weight: f32| weight <= 0.0))
}

/// No body.
pub(super) fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A method that the endpoint does not take, and those that it does.
pub(super) fn not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A text of JSON.
pub(super) fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An error of ours, as JSON-RPC has them.
pub(super) fn error(id: Option<&str>, code: i64, message: &str) -> Bytes {
    let error = json!({ "code": code, "message": message });
    let id = id.unwrap_or("null");
    // The id goes back as it came.
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#).into()
}

/// A request that is refused for what it is.
pub(super) fn refused(
    status: StatusCode,
    id: Option<&RequestId>,
    code: i64,
    message: &str,
) -> Response<Body> {
    let id = id.map(|id| id.to_json().to_string());
    json(status, error(id.as_deref(), code, message))
}

/// The status of an answer. 2026-07-28 has one for some errors, so that HTTP alone tells them.
pub(super) fn status_of(era: Era, error: Option<i64>) -> StatusCode {
    match (era, error) {
        (Era::Modern, Some(METHOD_NOT_FOUND)) => StatusCode::NOT_FOUND,
        (Era::Modern, Some(-32022..=-32020)) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

/// The answer to a POST with requests: JSON where the process answers all of them before it says anything
/// else, and within the silence that a stream would be told of; else an event stream.
pub(super) async fn exchanged(awaited: Awaited, how: Form) -> Response<Body> {
    let stream = Arc::clone(awaited.stream());
    if how.accept.json && !how.is_listen {
        let beginning = poll_fn(|cx| stream.poll_beginning(cx));
        let beginning = if how.accept.events {
            tokio::time::timeout(how.silence, beginning).await.ok()
        } else {
            Some(beginning.await)
        };
        if let Some(Beginning::Answers(answers)) = beginning {
            return whole(answers, &how);
        }
    }
    let reader = stream.attend();
    let held = Held::Awaited { _awaited: awaited };
    events(Body::events(stream, reader, how.silence, held))
}

/// How a client wants its answer.
pub(super) struct Form {
    pub(super) accept: Accept,
    pub(super) era: Era,
    pub(super) is_batch: bool,
    pub(super) is_listen: bool,
    pub(super) silence: Duration,
}

fn whole(mut answers: Vec<Event>, how: &Form) -> Response<Body> {
    if !how.is_batch {
        let Some(Event { message, kind }) = answers.pop() else {
            // The stream ended without an answer, which only its client's own cancelling brings about.
            return status(StatusCode::ACCEPTED);
        };
        let error = if let Kind::Answer { error, .. } = kind { error } else { None };
        return json(status_of(how.era, error), message);
    }
    let mut batch = BytesMut::from(&b"["[..]);
    for (place, answer) in answers.iter().enumerate() {
        batch.extend_from_slice(if place == 0 { b"" } else { b"," });
        batch.extend_from_slice(&answer.message);
    }
    batch.extend_from_slice(b"]");
    json(StatusCode::OK, batch.freeze())
}

/// An answer that is there already, in a form that the client takes.
pub(super) fn single(accept: Accept, message: Bytes) -> Response<Body> {
    if accept.json { json(StatusCode::OK, message) } else { events(Body::whole(framed(&message))) }
}

/// The news of a session, until then at most.
pub(super) fn listening(
    attendance: Attendance,
    silence: Duration,
    until: Instant,
) -> Response<Body> {
    let (stream, reader) = (Arc::clone(attendance.stream()), attendance.reader());
    let held = Held::Attendance { _attendance: attendance };
    events(Body::events(stream, reader, silence, held).ending(until))
}

fn events(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    response
}

/// Whether a stream has its single answer, for a request that is answered whole or not at all.
pub(super) async fn only_answer(stream: &Stream) -> Option<Event> {
    match poll_fn(|cx| stream.poll_beginning(cx)).await {
        Beginning::Answers(mut answers) => answers.pop(),
        Beginning::News => None,
    }
}
