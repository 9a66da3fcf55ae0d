//! A refusal, and the answer it becomes.
//!
//! [`Denial::respond`] is the only function that chooses a status, writes a challenge or a body. A
//! refusal on any step of a request's way becomes a [`Denial`] and leaves through here.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::bearer::{self, Presented, Scheme};
use crate::challenge::Challenge;
use crate::decide::Permit;
use crate::error::{Failure, NoAnswer};
use crate::header::DPOP_NONCE;
use crate::jws::Algorithm;
use crate::metadata::ProtectedResource;
use crate::operation::{Call, Era, Malformed, Operation, Reason, RequestId, Revision};
use crate::policy::Policy;
use crate::proof::Caller;

/// A request that is not allowed: what is needed to answer it, and to write down what happened.
#[derive(Debug)]
#[must_use]
pub struct Denial(Box<Parts>);

/// Boxed, since a denial is the error of most functions on the way and rare among their answers.
#[derive(Debug)]
struct Parts {
    failure: Failure,
    era: Era,
    /// The scheme under which the client came.
    scheme: Scheme,
    id: Option<RequestId>,
    dpop_nonce: Option<HeaderValue>,
    caller: Option<Caller>,
    operation: Option<Operation>,
}

impl From<Malformed> for Denial {
    fn from(malformed: Malformed) -> Self {
        let (era, id) = (malformed.era(), malformed.id().cloned());
        let failure = Failure::Message(malformed.reason().clone());
        Denial(Box::new(Parts { id, ..Parts::new(failure, era, Scheme::Bearer) }))
    }
}

/// What the log says; the client reads less.
impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.failure.fmt(f)
    }
}

impl std::error::Error for Denial {}

impl Parts {
    fn new(failure: Failure, era: Era, scheme: Scheme) -> Self {
        let (id, dpop_nonce, caller, operation) = (None, None, None, None);
        Parts { failure, era, scheme, id, dpop_nonce, caller, operation }
    }
}

impl Denial {
    /// A refusal before the body was read: of credentials, a token or a proof.
    pub fn before_reading(failure: impl Into<Failure>, headers: &HeaderMap) -> Self {
        let scheme = match bearer::present(headers, None) {
            Presented::Token(token) => token.scheme(),
            Presented::Absent | Presented::Malformed(_) => Scheme::Bearer,
        };
        Denial(Box::new(Parts::new(failure.into(), Era::of(headers), scheme)))
    }

    /// What was allowed and then could not be done.
    pub fn after_permit(failure: impl Into<Failure>, permit: &Permit) -> Self {
        let parts = Parts::new(failure.into(), permit.era(), permit.caller().scheme());
        Denial(Box::new(Parts { id: sole_id(permit.calls(), permit.is_batch()), ..parts }))
    }

    /// A refusal of what a caller asks for.
    pub(crate) fn of_operation(failure: Failure, operation: Operation, caller: Caller) -> Self {
        let id = sole_id(operation.calls(), operation.is_batch());
        let parts = Parts::new(failure, operation.era(), caller.scheme());
        let (caller, operation) = (Some(caller), Some(operation));
        Denial(Box::new(Parts { id, caller, operation, ..parts }))
    }

    /// Hands the client a nonce for its next proof (RFC 9449 section 9).
    pub fn with_dpop_nonce(mut self, nonce: HeaderValue) -> Self {
        self.0.dpop_nonce = Some(nonce);
        self
    }

    /// Notes who asked, where that was settled before the refusal.
    pub fn with_caller(mut self, caller: Caller) -> Self {
        self.0.caller = Some(caller);
        self
    }

    /// Why.
    pub fn failure(&self) -> &Failure {
        &self.0.failure
    }

    /// Who asked, where that was settled.
    pub fn caller(&self) -> Option<&Caller> {
        self.0.caller.as_ref()
    }

    /// What was asked, where it was read and refused for want of a permission.
    pub fn operation(&self) -> Option<&Operation> {
        self.0.operation.as_ref()
    }

    /// The era in which the client is answered.
    pub fn era(&self) -> Era {
        self.0.era
    }

    /// The id of the request that is answered, where there is one.
    pub fn id(&self) -> Option<&RequestId> {
        self.0.id.as_ref()
    }

    /// The answer to the client, for the server of that metadata and policy.
    pub fn respond(&self, resource: &ProtectedResource, policy: &Policy) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.body().to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge(resource, policy) {
            headers.insert(WWW_AUTHENTICATE, challenge.to_header_value());
        }
        if let Some(nonce) = &self.0.dpop_nonce {
            headers.insert(DPOP_NONCE, nonce.clone());
        }
        if let Some(wait) = self.retry_after() {
            // Up to whole seconds: who comes too early has come for nothing.
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.0.failure == Failure::Message(Reason::HttpMethod) {
            headers.insert(ALLOW, HeaderValue::from_static("POST, GET, DELETE"));
        }
        response
    }

    /// When the same request may be answered otherwise.
    fn retry_after(&self) -> Option<Duration> {
        match &self.0.failure {
            Failure::IssuerUnavailable { retry_after, .. }
            | Failure::TooManyRequests { retry_after }
            | Failure::Upstream(NoAnswer::NotStarted { retry_after, .. }) => Some(*retry_after),
            Failure::Busy(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// RS-6: 401 for the token, 403 for the permission, 400 for the request; RS-15: 503 for the issuer.
    pub fn status(&self) -> StatusCode {
        match &self.0.failure {
            Failure::Credentials(_) | Failure::BrokenBody => StatusCode::BAD_REQUEST,
            Failure::Message(reason) => match reason {
                Reason::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                Reason::MediaType | Reason::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Reason::HttpMethod => StatusCode::METHOD_NOT_ALLOWED,
                // As a server of 2026-07-28 answers that has no such method.
                Reason::Dropped(_) => StatusCode::NOT_FOUND,
                _ => StatusCode::BAD_REQUEST,
            },
            Failure::Unauthenticated
            | Failure::UnknownIssuer
            | Failure::Token(_)
            | Failure::Proof(_) => StatusCode::UNAUTHORIZED,
            Failure::InsufficientScope(_)
            | Failure::Forbidden
            | Failure::Origin(_)
            | Failure::Host(_) => StatusCode::FORBIDDEN,
            Failure::IssuerUnavailable { .. }
            | Failure::Busy(_)
            | Failure::Upstream(NoAnswer::NotStarted { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            // A client of an era with sessions takes it for the word to begin a new one.
            Failure::UnknownSession => StatusCode::NOT_FOUND,
            // As a server answers that keeps tasks and knows none of that name.
            Failure::UnknownTask => StatusCode::OK,
            Failure::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Failure::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Failure::Upstream(NoAnswer::Timeout) => StatusCode::GATEWAY_TIMEOUT,
            Failure::Upstream(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// RS-1, RS-2, RS-7: what `WWW-Authenticate` asks for.
    fn challenge(&self, resource: &ProtectedResource, policy: &Policy) -> Option<Challenge> {
        let scopes = match &self.0.failure {
            Failure::Credentials(_)
            | Failure::Unauthenticated
            | Failure::UnknownIssuer
            | Failure::Token(_)
            | Failure::Proof(_) => policy.base_scopes(),
            Failure::InsufficientScope(scopes) => scopes,
            // Where no scope helps, a challenge would send the client round in circles.
            _ => return None,
        };
        let scheme = match &self.0.failure {
            Failure::Proof(refusal) => refusal.scheme(),
            _ => self.0.scheme,
        };
        let mut challenge = Challenge::new(scheme.as_str());
        if scheme == Scheme::Dpop {
            let algorithms = Algorithm::ALL.map(Algorithm::as_str);
            challenge = challenge.with("algs", &algorithms.join(" "));
        }
        if let Some(code) = self.0.failure.oauth_code() {
            challenge =
                challenge.with("error", code).with("error_description", &self.0.failure.public());
        }
        if !scopes.is_empty() {
            challenge = challenge.with("scope", &scopes.to_string());
        }
        Some(challenge.with("resource_metadata", &resource.metadata_url()))
    }

    /// What concerns the message is answered in JSON-RPC, what concerns the token as OAuth does. A
    /// client of 2026-07-28 takes a 400 without a JSON-RPC error for a server of another era and
    /// falls back to `initialize`, so its 400s are all JSON-RPC.
    fn body(&self) -> Value {
        match &self.0.failure {
            Failure::Message(reason) => self.json_rpc(reason.code(), data(reason)),
            Failure::Credentials(_) | Failure::BrokenBody if self.0.era == Era::Modern => {
                self.json_rpc(-32020, None)
            }
            // As the servers of the official SDKs say it.
            Failure::UnknownSession => self.json_rpc(-32001, None),
            Failure::UnknownTask => self.json_rpc(-32602, None),
            Failure::Upstream(_) => self.json_rpc(-32603, None),
            failure => {
                let description = failure.public();
                match failure.oauth_code() {
                    Some(code) => json!({ "error": code, "error_description": description }),
                    None => json!({ "error_description": description }),
                }
            }
        }
    }

    fn json_rpc(&self, code: i32, data: Option<Value>) -> Value {
        let mut error = json!({ "code": code, "message": self.0.failure.public() });
        if let (Some(data), Some(members)) = (data, error.as_object_mut()) {
            members.insert("data".to_owned(), data);
        }
        match (&self.0.id, self.0.era) {
            (Some(id), _) => json!({ "jsonrpc": "2.0", "id": id.to_json(), "error": error }),
            (None, Era::Legacy) => json!({ "jsonrpc": "2.0", "id": null, "error": error }),
            // 2026-07-28 leaves the id out where it is not known.
            (None, Era::Modern) => json!({ "jsonrpc": "2.0", "error": error }),
        }
    }
}

/// The id to answer under, where there is one.
fn sole_id(calls: &[Call], is_batch: bool) -> Option<RequestId> {
    match calls {
        [call] if !is_batch => call.id().cloned(),
        _ => None,
    }
}

/// What a client needs to choose another revision.
fn data(reason: &Reason) -> Option<Value> {
    match reason {
        Reason::UnknownRevision { requested } => {
            let supported: Vec<&str> =
                Revision::ALL.iter().map(|revision| revision.as_str()).collect();
            Some(json!({ "supported": supported, "requested": requested }))
        }
        _ => None,
    }
}
