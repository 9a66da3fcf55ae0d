//! An issuer whose tokens a server takes, as the server's author says it.

use std::fmt;
use std::sync::Arc;

use portcullis_core::id::{Issuer, ResourceId};
use portcullis_core::token::Expectation;

use crate::auth::BadAuth;
use crate::fetch::{Fetcher, Limits};
use crate::introspection::{Inquiry, Introspect, When};
use crate::keys::{Keys, RemoteKeys, Source as KeysFrom, Timing};
use crate::metadata::Metadata;
use crate::trust::{Source, Trusted};

/// An issuer whose tokens a server takes.
#[must_use]
pub struct IssuerBuilder {
    url: String,
    keys: KeysAre,
    introspection: Option<(When, Arc<dyn Introspect>)>,
    timing: Timing,
    expecting: Vec<Box<dyn FnOnce(Expectation) -> Expectation + Send>>,
}

/// Where an issuer's keys are.
enum KeysAre {
    Fetched(KeysFrom),
    Here(Arc<dyn Keys>),
    Nowhere,
}

impl From<&str> for IssuerBuilder {
    fn from(url: &str) -> Self {
        IssuerBuilder::new(url)
    }
}

impl From<String> for IssuerBuilder {
    fn from(url: String) -> Self {
        IssuerBuilder::new(&url)
    }
}

impl IssuerBuilder {
    /// The issuer of this URL, as it stands in the `iss` of its tokens. Its keys are found by its metadata.
    pub fn new(url: &str) -> IssuerBuilder {
        IssuerBuilder {
            url: url.to_owned(),
            keys: KeysAre::Fetched(KeysFrom::Discovered),
            introspection: None,
            timing: Timing::default(),
            expecting: Vec::new(),
        }
    }

    /// Its keys are at this URL.
    pub fn jwks_uri(mut self, url: &str) -> Self {
        self.keys = KeysAre::Fetched(KeysFrom::At(url.to_owned()));
        self
    }

    /// Its keys come from here, and not over the network.
    pub fn keys(mut self, keys: Arc<dyn Keys>) -> Self {
        self.keys = KeysAre::Here(keys);
        self
    }

    /// It publishes no keys, and is asked about every token: to be used with
    /// [`IssuerBuilder::introspection`].
    pub fn without_keys(mut self) -> Self {
        self.keys = KeysAre::Nowhere;
        self
    }

    /// It is asked about tokens.
    pub fn introspection(mut self, when: When, issuer: Arc<dyn Introspect>) -> Self {
        self.introspection = Some((when, issuer));
        self
    }

    /// When keys are fetched.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// What is expected of its tokens beside what always is:
    /// `.expecting(|tokens| tokens.accept_typ(["JWT"]).also_for(["api://files"]))`.
    pub fn expecting(
        mut self,
        more: impl FnOnce(Expectation) -> Expectation + Send + 'static,
    ) -> Self {
        self.expecting.push(Box::new(more));
        self
    }

    pub(crate) fn build(self, resource: &ResourceId) -> Result<Trusted, BadAuth> {
        let issuer = Issuer::parse(&self.url);
        let issuer = issuer.map_err(|reason| BadAuth::Issuer { text: self.url.clone(), reason })?;
        let keys = match self.keys {
            KeysAre::Nowhere => None,
            KeysAre::Here(keys) => Some(keys),
            KeysAre::Fetched(from) => {
                tokio::runtime::Handle::try_current().map_err(|_| BadAuth::NoRuntime)?;
                let fetcher = Fetcher::new(issuer.host(), Limits::default())?;
                let metadata = Arc::new(Metadata::new(issuer.clone(), fetcher));
                let remote: Arc<dyn Keys> =
                    Arc::new(RemoteKeys::start(metadata, from, self.timing));
                Some(remote)
            }
        };
        let introspection = self.introspection.map(|(when, issuer)| (when, Inquiry::of(issuer)));
        let expectation = Expectation::new(issuer, resource.clone());
        let expectation = self.expecting.into_iter().fold(expectation, |all, more| more(all));
        let source = Source { keys, introspection };
        Ok(Trusted { expectation: Arc::new(expectation), source })
    }
}

impl fmt::Debug for IssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerBuilder").field("url", &self.url).finish_non_exhaustive()
    }
}
