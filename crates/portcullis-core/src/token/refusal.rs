//! Why a token is not accepted.
//!
//! One variant for each reason, so that an operator reads what to put right. None of it holds token
//! text; what it quotes is public (an issuer, an audience, a type), cut to a length and free of control
//! characters, since a stranger wrote it and a log is going to hold it.

use crate::json::Flaw;
use crate::jws::{self, Algorithm};
use crate::keys::NoMatch;
use crate::time::UnixTime;

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The text is no signed token to rely on, or its signature does not verify.
    #[error(transparent)]
    Jws(#[from] jws::Refusal),
    /// The payload is not the one JSON object everybody would read.
    #[error("the claims are not a strict JSON object: {0}")]
    Json(Flaw),
    /// The issuer does not sign with this algorithm.
    #[error("tokens of this issuer are not signed with {0}")]
    Algorithm(Algorithm),
    /// No key of the issuer goes with the token.
    #[error(transparent)]
    Key(#[from] NoMatch),
    /// Another issuer.
    #[error("issued by {found:?}, not by {wanted:?}")]
    Issuer {
        /// Who the token says issued it.
        found: String,
        /// Who was expected.
        wanted: String,
    },
    /// Meant for somebody else (RFC 9068 section 4).
    #[error("meant for {found:?}, not for {wanted:?}")]
    Audience {
        /// Whom the token names.
        found: String,
        /// Who was expected.
        wanted: String,
    },
    /// Past its `exp`.
    #[error("expired at {}", .0.as_secs())]
    Expired(UnixTime),
    /// Before its `nbf`.
    #[error("not valid before {}", .0.as_secs())]
    NotYetValid(UnixTime),
    /// An `iat` in the future.
    #[error("issued in the future, at {}", .0.as_secs())]
    IssuedInFuture(UnixTime),
    /// A claim that must be there is not.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// A claim that does not have the form its specification gives it.
    #[error("the claim {0} is malformed")]
    Malformed(&'static str),
    /// A header `typ` this issuer's access tokens do not have.
    #[error("a token of type {0:?} is not accepted")]
    HeaderType(String),
    /// A token for another purpose, such as an ID token or a refresh token: the claim says so.
    #[error("the claim {0} says that this is not an access token")]
    OtherPurpose(&'static str),
    /// Neither header nor claims show that this is an access token.
    #[error("nothing shows that this is an access token")]
    NoEvidence,
    /// A claim the operator requires does not have one of the required values.
    #[error("the claim {0} does not have a required value")]
    Requirement(String),
    /// `cnf` asks for a proof of possession we cannot check, or for several, or is malformed; or it names
    /// no DPoP key where the token is said to be bound to one.
    #[error("the claim cnf names no key Portcullis can confirm")]
    Confirmation,
    /// A token that only its issuer can read, longer than any that the issuer is asked about.
    #[error("a token that cannot be read here is longer than {0} bytes")]
    TooLongToAsk(usize),
    /// The issuer says that the token is not, or no longer, active (RFC 7662 section 2.2).
    #[error("the issuer says that the token is not active")]
    Inactive,
}

/// Refusals by kind, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Not a token at all.
    Malformed,
    /// An algorithm that is not accepted.
    Algorithm,
    /// No key to verify with.
    Key,
    /// A signature that does not verify.
    Signature,
    /// Another issuer.
    Issuer,
    /// Another audience.
    Audience,
    /// Too early or too late.
    Lifetime,
    /// Not an access token.
    TokenType,
    /// Any other claim.
    Claims,
    /// Not active, says the issuer.
    Inactive,
    /// Possession of the token's key was not shown.
    Possession,
}

impl Class {
    /// A short lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::Malformed => "malformed",
            Class::Algorithm => "algorithm",
            Class::Key => "key",
            Class::Signature => "signature",
            Class::Issuer => "issuer",
            Class::Audience => "audience",
            Class::Lifetime => "lifetime",
            Class::TokenType => "token_type",
            Class::Claims => "claims",
            Class::Inactive => "inactive",
            Class::Possession => "possession",
        }
    }
}

impl Refusal {
    /// The kind of refusal.
    pub fn class(&self) -> Class {
        match self {
            Refusal::Jws(refusal) => class_of(*refusal),
            Refusal::Json(_) | Refusal::TooLongToAsk(_) => Class::Malformed,
            Refusal::Algorithm(_) => Class::Algorithm,
            Refusal::Key(_) => Class::Key,
            Refusal::Issuer { .. } | Refusal::Missing("iss") | Refusal::Malformed("iss") => {
                Class::Issuer
            }
            Refusal::Audience { .. } | Refusal::Missing("aud") | Refusal::Malformed("aud") => {
                Class::Audience
            }
            Refusal::Expired(_)
            | Refusal::NotYetValid(_)
            | Refusal::IssuedInFuture(_)
            | Refusal::Missing("exp")
            | Refusal::Malformed("exp" | "nbf" | "iat") => Class::Lifetime,
            Refusal::HeaderType(_) | Refusal::OtherPurpose(_) | Refusal::NoEvidence => {
                Class::TokenType
            }
            Refusal::Missing(_) | Refusal::Malformed(_) | Refusal::Requirement(_) => Class::Claims,
            Refusal::Confirmation => Class::Possession,
            Refusal::Inactive => Class::Inactive,
        }
    }
}

fn class_of(refusal: jws::Refusal) -> Class {
    use jws::Refusal as R;
    match refusal {
        R::AlgorithmMissing
        | R::AlgorithmNone
        | R::AlgorithmSymmetric
        | R::AlgorithmUnknown
        | R::KeyAlgorithm => Class::Algorithm,
        R::KeyInHeader(_) | R::KeyMissing | R::HeaderKey(_) => Class::Key,
        R::SignatureLength | R::Signature => Class::Signature,
        R::TooLong
        | R::Encrypted
        | R::Parts
        | R::Base64(_)
        | R::Header(_)
        | R::ParameterType(_)
        | R::Critical
        | R::Unencoded
        | R::Encryption(_)
        | R::Nested => Class::Malformed,
    }
}

/// A stranger's words, short enough for a log line. Escaping is left to whoever prints them; control
/// characters do not get that far.
pub(crate) fn excerpt<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    const LONGEST: usize = 200;
    let mut out = String::new();
    for word in words {
        if !out.is_empty() {
            out.push(' ');
        }
        for c in word.chars() {
            if out.len() >= LONGEST {
                out.push('…');
                return out;
            }
            if c.is_control() {
                out.push(char::REPLACEMENT_CHARACTER);
            } else {
                out.push(c);
            }
        }
    }
    out
}
