//! Every way a request can end without being allowed, ordered by whose fault it is.
//!
//! A failure has two texts. The public one goes to the client and says what to do; the log text says
//! what was found, and never holds a token, a secret or a proof.

mod class;

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;

pub use self::class::FailureClass;
use crate::bearer::{AccessToken, Presented};
use crate::operation::Reason;
use crate::scope::ScopeSet;
use crate::{bearer, introspection, proof, token};

/// Who would have to act for the same request to be answered otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The client sent something nobody can act on.
    Request,
    /// The token, or the proof that goes with it, is not good here.
    Credential,
    /// The caller is known and lacks a permission.
    Permission,
    /// The issuer cannot be reached or answers nonsense.
    Issuer,
    /// The protected server cannot be reached or answers nonsense.
    Upstream,
    /// More is asked of us at once than we take on.
    Load,
}

/// Why there is no answer of the protected server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoAnswer {
    /// No connection, or one that broke before an answer; with the reason for the log.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// It is not running, and is not started again yet; with the reason for the log.
    #[error("does not start: {reason}")]
    NotStarted {
        /// Why.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// It refuses us, which is between it and us, and not for the client to mend (RS-5).
    #[error("refuses the gateway: {0}")]
    Refused(StatusCode),
    /// An answer that cannot be passed on; with the reason for the log.
    #[error("unusable answer: {0}")]
    Unusable(String),
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The `Authorization` header, or a token elsewhere, cannot be read as one token.
    #[error("credentials: {0}")]
    Credentials(#[from] bearer::Malformed),
    /// The request is not one unambiguous MCP operation.
    #[error("request: {0}")]
    Message(#[from] Reason),
    /// There is no token.
    #[error("no token")]
    Unauthenticated,
    /// The token names an issuer that this server does not accept, or none can tell whose it is.
    #[error("token of an issuer that is not accepted here")]
    UnknownIssuer,
    /// The token is refused.
    #[error("token: {0}")]
    Token(#[from] token::Refusal),
    /// The proof of possession is refused.
    #[error("proof: {0}")]
    Proof(#[from] proof::Refusal),
    /// Scopes are missing that the caller can obtain: all that the operation needs.
    #[error("insufficient scope, needs {0}")]
    InsufficientScope(ScopeSet),
    /// No rule allows it, and no scope that the caller can obtain would change that.
    #[error("no rule allows this")]
    Forbidden,
    /// The issuer's keys or its introspection cannot be had right now.
    #[error("the issuer cannot be asked: {detail}")]
    IssuerUnavailable {
        /// What failed, for the log.
        detail: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The page that asks is of an origin this server is not open to (RS-9).
    #[error("origin {0:?} is not allowed")]
    Origin(String),
    /// `Host` names another server (RS-9).
    #[error("host {0:?} is not this server")]
    Host(String),
    /// The session is nobody's, or somebody else's, which is the same to whoever asks (RS-13).
    #[error("unknown session")]
    UnknownSession,
    /// The task is nobody's, or somebody else's.
    #[error("unknown task")]
    UnknownTask,
    /// This client, or this address, has asked too often.
    #[error("too many requests")]
    TooManyRequests {
        /// When to try again.
        retry_after: Duration,
    },
    /// There is no room for the request now.
    #[error("no room: {0}")]
    Busy(&'static str),
    /// The body did not come in time.
    #[error("the body did not come in time")]
    SlowBody,
    /// The body broke off.
    #[error("the body broke off")]
    BrokenBody,
    /// The protected server gave no answer to pass on.
    #[error("upstream: {0}")]
    Upstream(#[from] NoAnswer),
}

/// The token, where a request needs one.
impl<'h> TryFrom<Presented<'h>> for AccessToken<'h> {
    type Error = Failure;
    fn try_from(presented: Presented<'h>) -> Result<Self, Failure> {
        match presented {
            Presented::Token(token) => Ok(token),
            Presented::Absent => Err(Failure::Unauthenticated),
            Presented::Malformed(malformed) => Err(malformed.into()),
        }
    }
}

impl From<introspection::Failure> for Failure {
    fn from(failure: introspection::Failure) -> Self {
        match failure {
            introspection::Failure::Refused(refusal) => Failure::Token(refusal),
            answer @ introspection::Failure::Answer(_) => Failure::IssuerUnavailable {
                detail: answer.to_string(),
                retry_after: Duration::from_secs(5),
            },
        }
    }
}

impl Failure {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Failure::Credentials(_)
            | Failure::Message(_)
            | Failure::Origin(_)
            | Failure::Host(_)
            | Failure::UnknownSession
            | Failure::UnknownTask
            | Failure::SlowBody
            | Failure::BrokenBody => Blame::Request,
            Failure::Unauthenticated
            | Failure::UnknownIssuer
            | Failure::Token(_)
            | Failure::Proof(_) => Blame::Credential,
            Failure::InsufficientScope(_) | Failure::Forbidden => Blame::Permission,
            Failure::IssuerUnavailable { .. } => Blame::Issuer,
            Failure::TooManyRequests { .. } | Failure::Busy(_) => Blame::Load,
            Failure::Upstream(_) => Blame::Upstream,
        }
    }

    /// The OAuth error code, where one is defined (RFC 6750 section 3.1, RFC 9449 section 7.1).
    pub fn oauth_code(&self) -> Option<&'static str> {
        match self {
            Failure::Credentials(_) => Some("invalid_request"),
            Failure::UnknownIssuer | Failure::Token(_) => Some("invalid_token"),
            Failure::Proof(refusal) => Some(proof_code(refusal)),
            Failure::InsufficientScope(_) => Some("insufficient_scope"),
            Failure::Forbidden => Some("access_denied"),
            Failure::IssuerUnavailable { .. }
            | Failure::TooManyRequests { .. }
            | Failure::Busy(_) => Some("temporarily_unavailable"),
            Failure::Message(_)
            | Failure::Unauthenticated
            | Failure::Origin(_)
            | Failure::Host(_)
            | Failure::UnknownSession
            | Failure::UnknownTask
            | Failure::SlowBody
            | Failure::BrokenBody
            | Failure::Upstream(_) => None,
        }
    }

    /// What the client is told.
    pub fn public(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Failure::Credentials(malformed) => return malformed.to_string().into(),
            Failure::Message(reason) => return reason.to_string().into(),
            Failure::Unauthenticated => "a token is needed",
            Failure::UnknownIssuer => "the token's issuer is not accepted here",
            Failure::Token(refusal) => about_token(refusal.class()),
            Failure::Proof(refusal) => about_token(refusal.class()),
            Failure::InsufficientScope(_) => "the operation needs more scopes",
            Failure::Forbidden => "the operation is not allowed",
            Failure::IssuerUnavailable { .. } => "the token cannot be checked right now",
            Failure::Origin(_) => "the origin is not allowed",
            Failure::Host(_) => "the host is not this server",
            Failure::UnknownSession => "Session not found",
            Failure::UnknownTask => "Task not found",
            Failure::TooManyRequests { .. } => "too many requests",
            Failure::Busy(_) => "the server is busy",
            Failure::SlowBody => "the body did not come in time",
            Failure::BrokenBody => "the body broke off",
            Failure::Upstream(NoAnswer::Timeout) => "the server did not answer in time",
            Failure::Upstream(NoAnswer::NotStarted { .. }) => {
                "the server does not start: try again later"
            }
            Failure::Upstream(_) => "the server gave no answer that could be passed on",
        })
    }
}

/// What the client is told of a refused token: enough to act on, nothing about our configuration.
fn about_token(class: token::Class) -> &'static str {
    match class {
        token::Class::Malformed => "the token is malformed",
        token::Class::Algorithm => "the token's algorithm is not accepted",
        token::Class::Key => "the token's key is not known",
        token::Class::Signature => "the token's signature does not verify",
        token::Class::Issuer => "the token's issuer is not accepted here",
        token::Class::Audience => "the token is not for this resource",
        token::Class::Lifetime => "the token has expired or is not valid yet",
        token::Class::TokenType => "the token is not an access token",
        token::Class::Claims => "the token's claims are not accepted",
        token::Class::Inactive => "the token is not active",
        token::Class::Possession => "possession of the token's key was not shown",
    }
}

/// RFC 9449 sections 7.1 and 9: a bad proof, a missing nonce, or a token that does not go with what was
/// shown.
fn proof_code(refusal: &proof::Refusal) -> &'static str {
    match refusal {
        proof::Refusal::NonceRequired => "use_dpop_nonce",
        refusal if refusal.is_about_token() => "invalid_token",
        _ => "invalid_dpop_proof",
    }
}
