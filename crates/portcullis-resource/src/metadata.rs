//! What an issuer says of itself, found once and kept.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::StatusCode;
use portcullis_core::id::Issuer;
use portcullis_core::metadata::{AuthorizationServer, MetadataError, discovery_urls};

use crate::fetch::{Answer, FetchError, Fetcher};

/// Why an issuer's metadata cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// Nobody answered.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// There is no document at any of its places; the last one that was asked.
    #[error("{url} answers {status}")]
    Status {
        /// What was asked.
        url: String,
        /// What it answered.
        status: StatusCode,
    },
    /// The document is not the issuer's.
    #[error("metadata at {url}: {error}")]
    Document {
        /// Where it stands.
        url: String,
        /// What is wrong with it.
        error: MetadataError,
    },
    /// The document does not name what is looked for.
    #[error("its metadata names no {0}")]
    Missing(&'static str),
}

/// The metadata of one issuer (RFC 8414, `OpenID` Connect Discovery).
#[derive(Debug)]
pub struct Metadata {
    issuer: Issuer,
    fetcher: Fetcher,
    kept: ArcSwapOption<AuthorizationServer>,
}

impl Metadata {
    /// Nothing is fetched before it is asked for.
    pub fn new(issuer: Issuer, fetcher: Fetcher) -> Metadata {
        Metadata { issuer, fetcher, kept: ArcSwapOption::empty() }
    }

    /// Whose it is.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// What asks this issuer.
    pub fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    /// The document, from memory where it was found before.
    pub async fn get(&self) -> Result<Arc<AuthorizationServer>, DiscoveryError> {
        if let Some(kept) = self.kept.load_full() {
            return Ok(kept);
        }
        let found = Arc::new(self.discover().await?);
        self.kept.store(Some(Arc::clone(&found)));
        Ok(found)
    }

    /// Looks again next time: what the document named did not answer.
    pub fn forget(&self) {
        self.kept.store(None);
    }

    /// The first document that there is, in the order of MCP. One that speaks for somebody else ends the
    /// search, since it stands where the issuer's should.
    async fn discover(&self) -> Result<AuthorizationServer, DiscoveryError> {
        let mut last = DiscoveryError::Missing("document");
        for url in discovery_urls(&self.issuer) {
            let Answer { status, body, .. } = self.fetcher.get(&url, None).await?;
            if status == StatusCode::OK {
                return AuthorizationServer::judge(&body, &self.issuer)
                    .map_err(|error| DiscoveryError::Document { url, error });
            }
            last = DiscoveryError::Status { url, status };
        }
        Err(last)
    }
}
