//! Whom a token speaks for.

use std::sync::Arc;

use super::VerifiedToken;
use crate::id::Issuer;

/// Whom a token speaks for: a subject of its issuer, or a client where there is none. Whoever has several
/// tokens is one speaker. Only a token that was verified has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Speaker<'t> {
    issuer: &'t Issuer,
    name: SpeakerName<&'t str>,
}

/// What an issuer calls a speaker. The two are apart, since it may give a subject and a client the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpeakerName<T> {
    /// By `sub`.
    Subject(T),
    /// A client that speaks for itself, whose issuer writes no `sub`.
    Client(T),
}

/// A speaker for longer than the token: what is a person's, or a client's that speaks for itself, stays theirs
/// when their token is refreshed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    issuer: Issuer,
    name: SpeakerName<Arc<str>>,
}

impl<'t> Speaker<'t> {
    pub(super) fn of(token: &'t VerifiedToken) -> Speaker<'t> {
        let name = match token.subject() {
            Some(subject) => SpeakerName::Subject(subject),
            // A token without either is none.
            None => SpeakerName::Client(token.client_id().unwrap_or_default()),
        };
        Speaker { issuer: token.issuer(), name }
    }

    /// Who says who it is.
    pub fn issuer(&self) -> &'t Issuer {
        self.issuer
    }

    /// What the issuer calls it.
    pub fn name(&self) -> SpeakerName<&'t str> {
        self.name
    }
}

impl From<Speaker<'_>> for Person {
    fn from(Speaker { issuer, name }: Speaker<'_>) -> Person {
        let name = match name {
            SpeakerName::Subject(subject) => SpeakerName::Subject(subject.into()),
            SpeakerName::Client(client) => SpeakerName::Client(client.into()),
        };
        Person { issuer: issuer.clone(), name }
    }
}
