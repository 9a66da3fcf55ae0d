//! The issuers of the configuration, being asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::id::Issuer;
use portcullis_core::secret::Secret;
use portcullis_resource::clock::Clock;
use portcullis_resource::fetch::{self, Fetcher};
use portcullis_resource::introspection::{ClientAuth, Endpoint, Inquiry, Introspection, When};
use portcullis_resource::keys::{RemoteKeys, Source as KeysFrom, Timing};
use portcullis_resource::metadata::Metadata;
use portcullis_resource::signing::AssertionKey;
use portcullis_resource::trust::Source;
use rustls::pki_types::CertificateDer;

use super::tls::{Unusable, certificates, to_issuer};
use crate::config::issuer::{self, Identity, KeySource, TrustedIssuer};

/// The keys of issuers, and where they are had from. They outlive a configuration that asks for the same
/// again: an issuer that is away at that moment must not lose its callers their keys.
#[derive(Default)]
pub(super) struct KnownKeys(Vec<(Whence, Arc<RemoteKeys>)>);

#[derive(Clone, PartialEq)]
struct Whence {
    issuer: Issuer,
    jwks: KeySource,
    stale: Duration,
    private: bool,
    roots: Vec<CertificateDer<'static>>,
}

impl KnownKeys {
    fn find(&self, whence: &Whence) -> Option<Arc<RemoteKeys>> {
        self.0.iter().find(|(known, _)| known == whence).map(|(_, keys)| Arc::clone(keys))
    }
}

/// Issuers being asked.
#[derive(Default)]
pub(super) struct Issuers {
    pub(super) sources: BTreeMap<String, Source>,
    pub(super) keys: KnownKeys,
}

/// All by which an issuer is asked.
pub(super) struct Contact {
    pub(super) documents: Arc<Metadata>,
    pub(super) keys: Arc<RemoteKeys>,
    pub(super) introspection: Option<(When, Arc<Introspection>)>,
}

impl Contact {
    /// Begins to ask an issuer.
    pub(super) fn new(issuer: &TrustedIssuer, clock: &Arc<dyn Clock>) -> Result<Contact, Unusable> {
        Contact::after(issuer, clock, &KnownKeys::default()).map(|(contact, _)| contact)
    }

    /// Keys are those that were asked for before, where they are.
    fn after(
        issuer: &TrustedIssuer,
        clock: &Arc<dyn Clock>,
        known: &KnownKeys,
    ) -> Result<(Contact, Whence), Unusable> {
        let metadata = |fetcher| Arc::new(Metadata::new(issuer.issuer.clone(), fetcher));
        let documents = metadata(fetcher(issuer, None)?);
        let whence = Whence {
            issuer: issuer.issuer.clone(),
            jwks: issuer.jwks.clone(),
            stale: issuer.stale,
            private: issuer.allow_private,
            roots: issuer.ca.as_deref().map(certificates).transpose()?.unwrap_or_default(),
        };
        let introspection = match &issuer.introspection {
            None => None,
            Some(asked) => {
                let when = match asked.when {
                    issuer::When::Opaque => When::Opaque,
                    issuer::When::Always => When::Always,
                };
                let endpoint = asked.endpoint.clone().map_or(Endpoint::Discovered, Endpoint::At);
                // A certificate of ours is shown where it is asked for and nowhere else.
                let metadata = match &asked.auth {
                    issuer::ClientAuth::Certificate(identity) => {
                        metadata(fetcher(issuer, Some(identity))?)
                    }
                    _ => Arc::clone(&documents),
                };
                let auth = client_auth(issuer, asked, clock)?;
                let client = asked.client_id.clone();
                Some((when, Arc::new(Introspection::new(metadata, endpoint, client, auth))))
            }
        };
        let keys = known.find(&whence).unwrap_or_else(|| {
            let jwks = match &issuer.jwks {
                KeySource::Discovered => KeysFrom::Discovered,
                KeySource::At(url) => KeysFrom::At(url.clone()),
            };
            let timing = Timing { stale: issuer.stale, ..Timing::default() };
            Arc::new(RemoteKeys::start(Arc::clone(&documents), jwks, timing))
        });
        Ok((Contact { documents, keys, introspection }, whence))
    }

    fn source(&self) -> Source {
        let inquiry = |(when, remote): &(When, Arc<Introspection>)| {
            (*when, Inquiry::of(Arc::clone(remote) as _))
        };
        Source {
            keys: Some(Arc::clone(&self.keys) as _),
            introspection: self.introspection.as_ref().map(inquiry),
        }
    }
}

fn fetcher(issuer: &TrustedIssuer, identity: Option<&Identity>) -> Result<Fetcher, Unusable> {
    let tls = to_issuer(issuer.ca.as_deref(), identity)?;
    let limits = fetch::Limits { private: issuer.allow_private, ..fetch::Limits::default() };
    Ok(Fetcher::with_tls(issuer.issuer.host(), limits, tls)?)
}

/// Whether all that it takes to ask an issuer can be used. Nothing is asked.
pub(super) fn check(issuer: &TrustedIssuer, clock: &Arc<dyn Clock>) -> Result<(), Unusable> {
    let identity = match issuer.introspection.as_ref().map(|asked| (asked, &asked.auth)) {
        Some((_, issuer::ClientAuth::Certificate(identity))) => Some(identity),
        Some((asked, _)) => {
            client_auth(issuer, asked, clock)?;
            None
        }
        None => None,
    };
    fetcher(issuer, identity).map(drop)
}

fn client_auth(
    issuer: &TrustedIssuer,
    asked: &issuer::Introspection,
    clock: &Arc<dyn Clock>,
) -> Result<ClientAuth, Unusable> {
    let copy = |secret: &Secret| Secret::new(secret.expose().to_owned());
    Ok(match &asked.auth {
        issuer::ClientAuth::None => ClientAuth::None,
        issuer::ClientAuth::SecretBasic(secret) => ClientAuth::SecretBasic(copy(secret)),
        issuer::ClientAuth::SecretPost(secret) => ClientAuth::SecretPost(copy(secret)),
        issuer::ClientAuth::Certificate(_) => ClientAuth::Certificate,
        issuer::ClientAuth::PrivateKey { key, kid, algorithm } => {
            let key = AssertionKey::from_pem(key, *algorithm, kid.as_deref(), Arc::clone(clock));
            let named = |error| Unusable::Key { issuer: issuer.name.to_string(), error };
            ClientAuth::Assertion(key.map_err(named)?)
        }
    })
}

impl Issuers {
    /// Every issuer of the configuration by its name. Keys are taken over from those that were asked before.
    pub(super) fn new(
        issuers: &[Arc<TrustedIssuer>],
        clock: &Arc<dyn Clock>,
        before: &KnownKeys,
    ) -> Result<Issuers, Unusable> {
        let mut all = Issuers::default();
        for issuer in issuers {
            let (contact, whence) = Contact::after(issuer, clock, before)?;
            all.sources.insert(issuer.name.to_string(), contact.source());
            all.keys.0.push((whence, contact.keys));
        }
        Ok(all)
    }
}
