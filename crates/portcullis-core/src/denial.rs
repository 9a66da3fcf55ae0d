//! A refusal, and the answer it becomes.
//!
//! [`Denial::respond`] is the only function that chooses a status, writes a challenge or a body. A
//! refusal on any step of a request's way becomes a [`Denial`] and leaves through here.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::challenge::Challenge;
use crate::error::Failure;
use crate::jws::Algorithm;
use crate::metadata::ProtectedResource;
use crate::operation::{Era, Malformed, Operation, Reason, RequestId, Revision};
use crate::policy::Policy;

const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A request that is not allowed, and what is needed to answer it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Denial {
    /// Boxed, since a denial is the error of most functions on the way and rare among their answers.
    failure: Box<Failure>,
    era: Era,
    id: Option<RequestId>,
    dpop_nonce: Option<HeaderValue>,
}

impl From<Malformed> for Denial {
    fn from(malformed: Malformed) -> Self {
        let (era, id) = (malformed.era(), malformed.id().cloned());
        let failure = Box::new(Failure::Message(malformed.reason().clone()));
        Denial { failure, era, id, dpop_nonce: None }
    }
}

impl Denial {
    /// A refusal before the body was read: of credentials, a token or a proof.
    pub fn before_reading(failure: impl Into<Failure>, headers: &HeaderMap) -> Self {
        let failure = Box::new(failure.into());
        Denial { failure, era: Era::of(headers), id: None, dpop_nonce: None }
    }

    /// A refusal of what a request asks for.
    pub(crate) fn of_operation(failure: Failure, operation: &Operation) -> Self {
        let id = match operation.calls() {
            [call] if !operation.is_batch() => call.id().cloned(),
            _ => None,
        };
        Denial { failure: Box::new(failure), era: operation.era(), id, dpop_nonce: None }
    }

    /// Hands the client a nonce for its next proof (RFC 9449 section 9).
    pub fn with_dpop_nonce(mut self, nonce: HeaderValue) -> Self {
        self.dpop_nonce = Some(nonce);
        self
    }

    /// Why.
    pub fn failure(&self) -> &Failure {
        &self.failure
    }

    /// The answer to the client, for the server of that metadata and policy.
    pub fn respond(&self, resource: &ProtectedResource, policy: &Policy) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.body().to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for challenge in self.challenges(resource, policy) {
            headers.append(WWW_AUTHENTICATE, challenge.to_header_value());
        }
        if let Some(nonce) = &self.dpop_nonce {
            headers.insert(DPOP_NONCE, nonce.clone());
        }
        match &*self.failure {
            Failure::IssuerUnavailable { retry_after, .. } => {
                headers.insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
            }
            Failure::Message(Reason::HttpMethod) => {
                headers.insert(ALLOW, HeaderValue::from_static("POST, GET, DELETE"));
            }
            _ => {}
        }
        response
    }

    /// RS-6: 401 for the token, 403 for the permission, 400 for the request; RS-15: 503 for the issuer.
    pub fn status(&self) -> StatusCode {
        match &*self.failure {
            Failure::Credentials(_) => StatusCode::BAD_REQUEST,
            Failure::Message(reason) => match reason {
                Reason::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                Reason::MediaType | Reason::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Reason::HttpMethod => StatusCode::METHOD_NOT_ALLOWED,
                _ => StatusCode::BAD_REQUEST,
            },
            Failure::Unauthenticated
            | Failure::UnknownIssuer
            | Failure::Token(_)
            | Failure::Proof(_) => StatusCode::UNAUTHORIZED,
            Failure::InsufficientScope(_) | Failure::Forbidden => StatusCode::FORBIDDEN,
            Failure::IssuerUnavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// RS-1, RS-2, RS-7: what `WWW-Authenticate` asks for.
    fn challenges(&self, resource: &ProtectedResource, policy: &Policy) -> Vec<Challenge> {
        let scopes = match &*self.failure {
            Failure::Credentials(_)
            | Failure::Unauthenticated
            | Failure::UnknownIssuer
            | Failure::Token(_)
            | Failure::Proof(_) => policy.base_scopes(),
            Failure::InsufficientScope(scopes) => scopes,
            // Where no scope helps, a challenge would send the client round in circles.
            Failure::Forbidden | Failure::Message(_) | Failure::IssuerUnavailable { .. } => {
                return Vec::new();
            }
        };
        let fill = |mut challenge: Challenge| {
            if let Some(code) = self.failure.oauth_code() {
                challenge =
                    challenge.with("error", code).with("error_description", &self.failure.public());
            }
            if !scopes.is_empty() {
                challenge = challenge.with("scope", &scopes.to_string());
            }
            challenge.with("resource_metadata", &resource.metadata_url())
        };
        let bearer = || fill(Challenge::new("Bearer"));
        let dpop = || {
            let algorithms: Vec<&str> =
                Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
            fill(Challenge::new("DPoP").with("algs", &algorithms.join(" ")))
        };
        match &*self.failure {
            Failure::Proof(refusal) if refusal.is_about_token() => vec![bearer(), dpop()],
            Failure::Proof(_) => vec![dpop()],
            _ => vec![bearer()],
        }
    }

    /// What concerns the message is answered in JSON-RPC, what concerns the token as OAuth does. A
    /// client of 2026-07-28 takes a 400 without a JSON-RPC error for a server of another era and
    /// falls back to `initialize`, so its 400s are all JSON-RPC.
    fn body(&self) -> Value {
        match &*self.failure {
            Failure::Message(reason) => self.json_rpc(reason.code(), data(reason)),
            Failure::Credentials(_) if self.era == Era::Modern => self.json_rpc(-32020, None),
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
        let mut error = json!({ "code": code, "message": self.failure.public() });
        if let (Some(data), Some(members)) = (data, error.as_object_mut()) {
            members.insert("data".to_owned(), data);
        }
        match (&self.id, self.era) {
            (Some(id), _) => json!({ "jsonrpc": "2.0", "id": id.to_json(), "error": error }),
            (None, Era::Legacy) => json!({ "jsonrpc": "2.0", "id": null, "error": error }),
            // 2026-07-28 leaves the id out where it is not known.
            (None, Era::Modern) => json!({ "jsonrpc": "2.0", "error": error }),
        }
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
