//! Asking an issuer about a token that only it can read (RFC 7662).
//!
//! Every call is a request. Answers are kept by whoever keeps verified tokens, since both end alike.

use std::sync::Arc;

use http::StatusCode;
use portcullis_core::bearer::AccessToken;
use portcullis_core::id::ClientId;
use portcullis_core::introspection::{Failure as Judged, judge};
use portcullis_core::secret::Secret;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, VerifiedToken};
use portcullis_oauth::client_auth::Credential;
use portcullis_oauth::introspection;

use crate::fetch::{FetchError, Fetcher};

/// An issuer's introspection endpoint, and who we are there.
#[derive(Debug)]
pub struct Introspection {
    fetcher: Fetcher,
    endpoint: String,
    client: ClientId,
    auth: ClientAuth,
}

/// How this client shows who it is.
#[derive(Debug)]
pub enum ClientAuth {
    /// `client_secret_basic`.
    SecretBasic(Secret),
    /// `client_secret_post`.
    SecretPost(Secret),
}

/// Why nothing is known of a token.
#[derive(Debug, thiserror::Error)]
pub enum IntrospectionError {
    /// The issuer's answer was judged.
    #[error(transparent)]
    Judged(#[from] Judged),
    /// There was no answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The issuer does not take us for the client we say we are: ours to mend, and no verdict.
    #[error("the issuer refuses the client {client} at {endpoint}: {status}")]
    Client {
        /// Who we said we are.
        client: ClientId,
        /// Where.
        endpoint: String,
        /// What it answered.
        status: StatusCode,
    },
    /// The answer is no answer.
    #[error("{endpoint} answers {status}")]
    Status {
        /// What was asked.
        endpoint: String,
        /// What it answered.
        status: StatusCode,
    },
}

impl Introspection {
    /// The endpoint as the issuer published it.
    pub fn new(
        fetcher: Fetcher,
        endpoint: &str,
        client: ClientId,
        auth: ClientAuth,
    ) -> Introspection {
        Introspection { fetcher, endpoint: endpoint.to_owned(), client, auth }
    }

    /// Asks about a token, and judges the answer.
    pub async fn ask(
        &self,
        token: &AccessToken<'_>,
        expectation: &Arc<Expectation>,
        now: UnixTime,
    ) -> Result<VerifiedToken, IntrospectionError> {
        let credential = match &self.auth {
            ClientAuth::SecretBasic(secret) => Credential::SecretBasic(secret),
            ClientAuth::SecretPost(secret) => Credential::SecretPost(secret),
        };
        let request = introspection::request(&self.endpoint, token, &self.client, &credential);
        let answer = self.fetcher.post(&request).await?;
        let endpoint = || self.endpoint.clone();
        match answer.status {
            StatusCode::OK => Ok(judge(&answer.body, token.hash(), expectation, now)?),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                let client = self.client.clone();
                Err(IntrospectionError::Client { client, endpoint: endpoint(), status })
            }
            status => Err(IntrospectionError::Status { endpoint: endpoint(), status }),
        }
    }
}
