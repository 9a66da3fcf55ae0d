//! An introspection endpoint on the network, and who we are there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use portcullis_core::id::ClientId;
use portcullis_core::secret::Secret;
use portcullis_oauth::client_auth::Credential;
use portcullis_oauth::introspection;
use tokio::sync::Semaphore;

use super::breaker::Breaker;
use super::{Asking, Introspect};
use crate::Unavailable;
use crate::fetch::FetchError;
use crate::metadata::{DiscoveryError, Metadata};
use crate::signing::AssertionKey;

/// So many requests are under way to one endpoint; the others wait in line, each within its own deadline.
const MOST: usize = 64;

/// How long a request waits in line.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where tokens are asked about.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// Where the issuer's metadata says.
    Discovered,
    /// At this URL.
    At(String),
}

/// How this client shows who it is.
#[derive(Debug)]
pub enum ClientAuth {
    /// By its name alone: for endpoints that are open to whoever reaches them.
    None,
    /// `client_secret_basic`.
    SecretBasic(Secret),
    /// `client_secret_post`.
    SecretPost(Secret),
    /// `private_key_jwt`.
    Assertion(AssertionKey),
    /// `tls_client_auth`: the certificate that the issuer's [`Fetcher`](crate::fetch::Fetcher) shows.
    Certificate,
}

/// An issuer's introspection endpoint.
#[derive(Debug)]
pub struct Introspection {
    metadata: Arc<Metadata>,
    endpoint: Endpoint,
    client: ClientId,
    auth: ClientAuth,
    breaker: Breaker,
    line: Semaphore,
}

/// Why an issuer does not tell.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Ours to mend, and no verdict.
    #[error("{endpoint} refuses the client {client}: {status}")]
    Client { endpoint: String, client: ClientId, status: StatusCode },
    #[error("{endpoint} answers {status}")]
    Status { endpoint: String, status: StatusCode },
    #[error("the assertion cannot be signed")]
    Signing,
    #[error("too many requests are waiting for it")]
    Line,
    #[error("it has failed again and again and is left alone")]
    Resting(Duration),
}

impl Introspection {
    /// Asks as this client.
    pub fn new(
        metadata: Arc<Metadata>,
        endpoint: Endpoint,
        client: ClientId,
        auth: ClientAuth,
    ) -> Introspection {
        let (breaker, line) = (Breaker::default(), Semaphore::new(MOST));
        Introspection { metadata, endpoint, client, auth, breaker, line }
    }

    async fn in_line(&self, token: &Secret) -> Result<Bytes, Failed> {
        self.breaker.admit().map_err(Failed::Resting)?;
        let turn = tokio::time::timeout(PATIENCE, self.line.acquire()).await;
        let _turn = turn.map_err(|_| Failed::Line)?.map_err(|_| Failed::Line)?;
        let answer = self.request(token).await;
        // An endpoint that says no to this token, or to us, is there: a stranger's token must not close it to
        // everybody else's.
        let is_away = match &answer {
            Err(Failed::Fetch(_) | Failed::Discovery(_)) => true,
            Err(Failed::Status { status, .. }) => status.is_server_error(),
            _ => false,
        };
        self.breaker.note(!is_away);
        answer
    }

    async fn request(&self, token: &Secret) -> Result<Bytes, Failed> {
        let endpoint = match &self.endpoint {
            Endpoint::At(url) => url.clone(),
            Endpoint::Discovered => {
                let server = self.metadata.get().await?;
                let named = server.introspection_endpoint.clone();
                named.ok_or(DiscoveryError::Missing("introspection_endpoint"))?
            }
        };
        let credential = match &self.auth {
            ClientAuth::None => Credential::None,
            ClientAuth::SecretBasic(secret) => Credential::SecretBasic(secret),
            ClientAuth::SecretPost(secret) => Credential::SecretPost(secret),
            ClientAuth::Certificate => Credential::Certificate,
            ClientAuth::Assertion(key) => {
                let assertion = key.assert(&self.client, self.metadata.issuer());
                Credential::Assertion(assertion.map_err(|_| Failed::Signing)?)
            }
        };
        let request = introspection::request(&endpoint, token, &self.client, &credential);
        let answer = self.metadata.fetcher().post(&request).await?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(Failed::Client { endpoint, client: self.client.clone(), status })
            }
            status => {
                if status == StatusCode::NOT_FOUND || status.is_server_error() {
                    self.metadata.forget();
                }
                Err(Failed::Status { endpoint, status })
            }
        }
    }
}

impl Introspect for Introspection {
    fn ask<'a>(&'a self, token: &'a Secret) -> Asking<'a> {
        Box::pin(async move {
            self.in_line(token).await.map_err(|failed| {
                let retry_after = match &failed {
                    Failed::Resting(rest) => *rest,
                    _ => Duration::from_secs(1),
                };
                if !matches!(failed, Failed::Resting(_)) {
                    tracing::warn!(
                        issuer = self.metadata.issuer().as_str(), failure = %failed, "no introspection"
                    );
                }
                let issuer = self.metadata.issuer().clone();
                Unavailable { issuer, reason: failed.to_string().into(), retry_after }
            })
        })
    }
}
