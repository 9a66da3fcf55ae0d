//! What a token asks of its bearer beside itself: `cnf` (RFC 7800).

use super::Refusal;
use crate::json::Item;
use crate::keys::{CertificateThumbprint, Thumbprint};

/// The key whose possession a token asks its bearer to prove (`cnf`, RFC 7800).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// `jkt`: the thumbprint of a DPoP key (RFC 9449 section 6.1).
    DpopKey(Thumbprint),
    /// `x5t#S256`: the thumbprint of a TLS client certificate (RFC 8705 section 3.1).
    Certificate(CertificateThumbprint),
}

impl Confirmation {
    /// Exactly one confirmation method, and one of ours: a token that asks for more than we check must not
    /// pass for less (RFC 7800 section 3.1 leaves unknown methods to the application).
    pub(super) fn of(cnf: Item<'_>) -> Result<Self, Refusal> {
        let mut members = cnf.members();
        let found = match (members.next(), members.next()) {
            (Some(("jkt", value)), None) => {
                value.as_str().and_then(Thumbprint::parse).map(Confirmation::DpopKey)
            }
            (Some(("x5t#S256", value)), None) => {
                value.as_str().and_then(CertificateThumbprint::parse).map(Confirmation::Certificate)
            }
            _ => None,
        };
        found.ok_or(Refusal::Confirmation)
    }
}
