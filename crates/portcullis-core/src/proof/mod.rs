//! Proof of possession: a stolen token is not enough where the token names a key (RFC 9449, RFC 8705).
//!
//! [`confirm`] is the last step before a token speaks for a caller. It holds the token's `cnf` against
//! what the request showed, both ways: a bound token is never taken as a plain bearer token, and a
//! request that claims possession never passes without showing it.

mod dpop;

use std::sync::Arc;

pub use dpop::{DpopProof, Freshness, NoncePolicy, Target, dpop_header};

use crate::bearer::{AccessToken, Scheme};
use crate::json::Flaw;
use crate::jws;
use crate::keys::CertificateThumbprint;
use crate::time::UnixTime;
use crate::token::{Class, Confirmation, VerifiedToken};

/// Why possession was not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// More than one `DPoP` header (RFC 9449 section 4.3, check 1).
    #[error("several DPoP headers")]
    SeveralHeaders,
    /// The `DPoP` header is not text.
    #[error("the DPoP header is not visible ASCII")]
    NotAscii,
    /// The proof is no signed token, or its signature does not verify with its own key.
    #[error("the DPoP proof is refused: {0}")]
    Jws(#[from] jws::Refusal),
    /// The header type is not `dpop+jwt`.
    #[error("not of type dpop+jwt")]
    Type,
    /// The claims are not the one JSON object everybody would read.
    #[error("the claims of the DPoP proof are not a strict JSON object: {0}")]
    Json(Flaw),
    /// A claim that must be there is not.
    #[error("the claim {0} of the DPoP proof is missing")]
    Missing(&'static str),
    /// A claim that does not have the form RFC 9449 gives it.
    #[error("the claim {0} of the DPoP proof is malformed")]
    Malformed(&'static str),
    /// Made for another method.
    #[error("the DPoP proof is for another method")]
    Method,
    /// Made for another URI.
    #[error("the DPoP proof is for another URI")]
    Uri,
    /// Older than the window allows.
    #[error("the DPoP proof is too old, from {}", .0.as_secs())]
    TooOld(UnixTime),
    /// From the future.
    #[error("the DPoP proof is from the future, {}", .0.as_secs())]
    FromFuture(UnixTime),
    /// Made for another access token.
    #[error("the DPoP proof is for another access token")]
    OtherToken,
    /// The proof has none of the nonces asked for. The caller may try again with a fresh one.
    #[error("the DPoP proof needs a fresh nonce")]
    NonceRequired,
    /// The token that was verified is not the one that was presented.
    #[error("the token that was verified is not the one that was presented")]
    NotPresented,
    /// The token names no DPoP key, yet came under the `DPoP` scheme (RFC 9449 section 7.1).
    #[error("a token that is not bound to a DPoP key came under the DPoP scheme")]
    NotBound,
    /// A token bound to a DPoP key came under `Bearer` (RFC 9449 section 7.2).
    #[error("a token bound to a DPoP key came under the Bearer scheme")]
    WrongScheme,
    /// The token names a DPoP key and no proof was shown.
    #[error("no DPoP proof")]
    NoDpopProof,
    /// The token names a certificate and none was shown.
    #[error("no client certificate")]
    NoCertificate,
    /// Possession of another DPoP key was shown.
    #[error("possession of another key was shown")]
    OtherKey,
    /// Another certificate was shown.
    #[error("another client certificate was shown")]
    OtherCertificate,
    /// The proof was shown before. Which were is not known here: whoever keeps the `jti`s says this.
    #[error("the DPoP proof was shown before")]
    Replayed,
    /// The proof was not checked against any access token (`ath`).
    #[error("the DPoP proof was not made for an access token")]
    UntiedProof,
}

impl Refusal {
    /// Whether the proof, if any, was good and the token does not go with it.
    pub fn is_about_token(&self) -> bool {
        matches!(
            self,
            Refusal::NotPresented
                | Refusal::NotBound
                | Refusal::WrongScheme
                | Refusal::NoDpopProof
                | Refusal::NoCertificate
                | Refusal::OtherKey
                | Refusal::OtherCertificate
        )
    }

    /// The scheme under which this token would be taken, for a challenge to name. A token bound to a
    /// certificate goes by `Bearer` (RFC 8705 section 3).
    pub fn scheme(&self) -> Scheme {
        match self {
            Refusal::NotPresented
            | Refusal::NotBound
            | Refusal::NoCertificate
            | Refusal::OtherCertificate => Scheme::Bearer,
            Refusal::SeveralHeaders
            | Refusal::Replayed
            | Refusal::NotAscii
            | Refusal::Jws(_)
            | Refusal::Type
            | Refusal::Json(_)
            | Refusal::Missing(_)
            | Refusal::Malformed(_)
            | Refusal::Method
            | Refusal::Uri
            | Refusal::TooOld(_)
            | Refusal::FromFuture(_)
            | Refusal::OtherToken
            | Refusal::NonceRequired
            | Refusal::WrongScheme
            | Refusal::NoDpopProof
            | Refusal::OtherKey
            | Refusal::UntiedProof => Scheme::Dpop,
        }
    }

    /// The kind of refusal, for metrics.
    pub fn class(&self) -> Class {
        Class::Possession
    }
}

/// What a request showed beside its token.
#[derive(Debug)]
pub enum Evidence<'a> {
    /// Nothing.
    None,
    /// A DPoP proof, verified for this request and this token, and used up with it.
    Dpop(DpopProof),
    /// The certificate of the TLS connection the request came on.
    Certificate(&'a CertificateThumbprint),
}

/// Who is asking: a verified token whose key, where it names one, was shown for one request. There is no
/// copy of it to be used for another.
#[derive(Debug)]
pub struct Caller {
    token: Arc<VerifiedToken>,
    scheme: Scheme,
}

impl Caller {
    /// The token.
    pub fn token(&self) -> &VerifiedToken {
        &self.token
    }

    /// The same, to be kept.
    pub fn shared_token(&self) -> Arc<VerifiedToken> {
        Arc::clone(&self.token)
    }

    /// The scheme it was presented under.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
}

/// Holds what a token asks for against what a request showed.
///
/// `presented` is what `token` was made of, perhaps a while ago. A proof goes with that text and no other:
/// another token bound to the same key needs a proof of its own (RFC 9449 section 4.3, check 12).
pub fn confirm(
    token: Arc<VerifiedToken>,
    presented: &AccessToken<'_>,
    evidence: Evidence<'_>,
) -> Result<Caller, Refusal> {
    let scheme = presented.scheme();
    if token.hash() != presented.hash() {
        return Err(Refusal::NotPresented);
    }
    match (token.confirmation(), scheme, evidence) {
        (None, Scheme::Bearer, _) => {}
        (None | Some(Confirmation::Certificate(_)), Scheme::Dpop, _) => {
            return Err(Refusal::NotBound);
        }
        (Some(Confirmation::DpopKey(_)), Scheme::Bearer, _) => return Err(Refusal::WrongScheme),
        (Some(Confirmation::DpopKey(key)), Scheme::Dpop, Evidence::Dpop(proof)) => {
            if proof.thumbprint() != *key {
                return Err(Refusal::OtherKey);
            }
            if *proof.token().ok_or(Refusal::UntiedProof)? != token.hash() {
                return Err(Refusal::OtherToken);
            }
        }
        (Some(Confirmation::DpopKey(_)), Scheme::Dpop, _) => return Err(Refusal::NoDpopProof),
        (Some(Confirmation::Certificate(key)), Scheme::Bearer, Evidence::Certificate(shown)) => {
            if shown != key {
                return Err(Refusal::OtherCertificate);
            }
        }
        (Some(Confirmation::Certificate(_)), Scheme::Bearer, _) => {
            return Err(Refusal::NoCertificate);
        }
    }
    Ok(Caller { token, scheme })
}
