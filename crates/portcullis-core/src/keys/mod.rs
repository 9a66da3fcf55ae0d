//! The public keys of an issuer: a JWK Set (RFC 7517) in, the keys a token may be verified with out.
//!
//! Issuers publish keys for many purposes in one document, and the next one may be of a kind nobody
//! has heard of yet. So a key that cannot be used is set aside with its reason and never spoils its
//! neighbours, while a document that is not a key set at all is an error, so that it cannot replace
//! the good one before it.

mod algorithm;
mod public_key;
mod small_order;
mod thumbprint;
mod unusable;

pub use algorithm::Algorithm;
pub use public_key::{PublicKey, VerifyError};
pub use thumbprint::{CertificateThumbprint, Thumbprint};
pub use unusable::Unusable;

use crate::id::Issuer;
use crate::json::{Document, Flaw, Item};

/// Longer documents are refused unread.
pub const MAX_DOCUMENT: usize = 1024 * 1024;

/// A set with more keys than this is refused.
pub const MAX_KEYS: usize = 256;

/// Why a document is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeysError {
    /// Longer than [`MAX_DOCUMENT`].
    #[error("the key set is longer than {MAX_DOCUMENT} bytes")]
    TooLong,
    /// Not the one JSON object everybody would read.
    #[error("the key set is not a strict JSON object: {0}")]
    Json(#[from] Flaw),
    /// No `keys` member that is an array (RFC 7517 section 5.1).
    #[error("the key set has no array of keys")]
    NoKeys,
    /// More than [`MAX_KEYS`] keys.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooMany,
}

/// Why no key of a set was chosen for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoMatch {
    /// The keys are another issuer's.
    #[error("the keys are another issuer's")]
    OtherIssuer,
    /// The set has no usable key of that name. After a rotation, a fresh set may have it.
    #[error("no key of that kid is known")]
    UnknownKid,
    /// The key of that name, or without a name every key, is for other algorithms.
    #[error("no key is for this algorithm")]
    WrongAlgorithm,
    /// The token names no key and several would fit. Trying them in turn would let the token choose.
    #[error("the token names no key and several keys fit")]
    Ambiguous,
}

/// A key that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its `kid`, where it has one that is a string.
    pub kid: Option<String>,
    /// What is wrong with it.
    pub reason: Unusable,
}

/// The usable keys of one issuer. An empty set is a statement too: nothing verifies.
#[derive(Debug)]
pub struct KeySet {
    issuer: Issuer,
    usable: Vec<PublicKey>,
    skipped: Vec<Skipped>,
}

impl KeySet {
    /// Reads the JWK Set document of an issuer. Its keys verify no other issuer's tokens.
    pub fn parse(issuer: Issuer, document: &[u8]) -> Result<Self, KeysError> {
        if document.len() > MAX_DOCUMENT {
            return Err(KeysError::TooLong);
        }
        let document = Document::read(document.to_vec())?;
        let keys = document.root().get("keys").and_then(Item::items).ok_or(KeysError::NoKeys)?;
        let mut set = KeySet { issuer, usable: Vec::new(), skipped: Vec::new() };
        for (count, key) in keys.enumerate() {
            if count >= MAX_KEYS {
                return Err(KeysError::TooMany);
            }
            match PublicKey::from_members(key) {
                Ok(key) => set.usable.push(key),
                Err(reason) => {
                    let kid = key.get("kid").and_then(Item::as_str).map(str::to_owned);
                    set.skipped.push(Skipped { kid, reason });
                }
            }
        }
        set.set_duplicates_aside();
        Ok(set)
    }

    /// Whose keys they are.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Two keys of one name that one token could mean both: RFC 7517 section 4.5 asks for distinct
    /// names, and preferring either would depend on the order of the document.
    fn set_duplicates_aside(&mut self) {
        let rival = |a: &PublicKey, b: &PublicKey| {
            a.kid().is_some()
                && a.kid() == b.kid()
                && Algorithm::ALL.iter().any(|&x| a.allows(x) && b.allows(x))
        };
        let keys = std::mem::take(&mut self.usable);
        let alone: Vec<bool> = keys
            .iter()
            .map(|key| keys.iter().filter(|other| rival(key, other)).count() <= 1)
            .collect();
        for (key, alone) in keys.into_iter().zip(alone) {
            if alone {
                self.usable.push(key);
            } else {
                let kid = key.kid().map(str::to_owned);
                self.skipped.push(Skipped { kid, reason: Unusable::DuplicateKid });
            }
        }
    }

    /// The keys that may verify tokens, in the order of the document.
    pub fn usable(&self) -> impl Iterator<Item = &PublicKey> {
        self.usable.iter()
    }

    /// The keys that were set aside, each with its reason.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The one key for a token that names `kid` and `algorithm`.
    ///
    /// A token without `kid` (RFC 7515 section 4.1.4 makes it optional) gets a key only where there is
    /// no choice.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&PublicKey, NoMatch> {
        let mut fitting = self
            .usable
            .iter()
            .filter(|key| kid.is_none() || key.kid() == kid)
            .filter(|key| key.allows(algorithm));
        match (fitting.next(), fitting.next(), kid) {
            (Some(key), None, _) => Ok(key),
            (Some(_), Some(_), _) => Err(NoMatch::Ambiguous),
            (None, _, Some(_)) if !self.usable.iter().any(|key| key.kid() == kid) => {
                Err(NoMatch::UnknownKid)
            }
            (None, _, _) => Err(NoMatch::WrongAlgorithm),
        }
    }
}
