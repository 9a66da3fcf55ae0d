//! What stands behind a gate: a server over HTTP, or a process.
//!
//! * `over_http` – what is sent to a server, and where
//! * `process` – what a process is started with, and whether it is still the same that is wanted

mod over_http;
mod process;

use std::time::Duration;

use http::Response;
use http::request::Parts;
use portcullis_core::error::{Failure, NoAnswer};
use tokio::time::Instant;

use self::over_http::Http;
use self::process::Process;
pub(super) use self::process::settings;
use super::BadGateway;
use super::answer::Answer;
use crate::config::server as config;
use crate::observe::metrics::ServerMetrics;
use crate::rewrite::{Exchange, NotOpened, Treatment};

/// For a message on its way to a client that listened.
const FAREWELL: Duration = Duration::from_secs(1);

/// What answers permitted requests.
pub(super) enum Behind {
    Http(Http),
    Stdio(Process),
}

impl Behind {
    /// `before` is what stood behind the server of that name until now. Processes that are still wanted as they
    /// are stay, and their sessions with them.
    pub(super) fn new(
        server: &config::Server,
        metrics: &ServerMetrics,
        before: Option<&Behind>,
    ) -> Result<Behind, BadGateway> {
        Ok(match &server.upstream {
            config::Upstream::Http(http) => Behind::Http(Http::new(server, http)?),
            config::Upstream::Stdio(process) => {
                let before = match before {
                    Some(Behind::Stdio(before)) => Some(before),
                    _ => None,
                };
                Behind::Stdio(Process::new(server, process, metrics, before))
            }
        })
    }

    /// With what there is to know about what stands here.
    pub(super) fn around(&self, exchange: Exchange) -> Exchange {
        match self {
            Behind::Http(http) => http.around(exchange),
            Behind::Stdio(process) => process.around(exchange),
        }
    }

    /// For how long a stream that listens may go on after its end, to say that it is over.
    pub(super) fn farewell(&self) -> Duration {
        match self {
            Behind::Http(_) => Duration::ZERO,
            Behind::Stdio(_) => FAREWELL,
        }
    }

    /// Passes on what is permitted, and nothing else: there is no request without a permit. `listens_until` is
    /// when the caller may listen no more, where it listens.
    pub(super) async fn send(
        &self,
        exchange: &Exchange,
        client: &Parts,
        listens_until: Option<Instant>,
    ) -> Result<Response<Answer>, Failure> {
        let outgoing =
            exchange.request(&client.headers).map_err(|not_opened| match not_opened {
                NotOpened::Session => Failure::UnknownSession,
                NotOpened::Task { .. } => Failure::UnknownTask,
            })?;
        match self {
            Behind::Http(http) => http.send(exchange, outgoing, client).await,
            Behind::Stdio(process) => {
                process.send(exchange, &outgoing, client, listens_until).await
            }
        }
    }

    /// What becomes of an answer that is looked into. One that is read as a whole has to end in time.
    pub(super) async fn treat(
        &self,
        treatment: Treatment,
        answer: Answer,
    ) -> Result<Answer, NoAnswer> {
        let read = treatment.apply(answer);
        let rewritten = match self {
            Behind::Http(http) => http.in_time(read).await?,
            // Of a process it is there when it begins.
            Behind::Stdio(_) => read.await,
        };
        Ok(Answer::made(rewritten.map_err(|error| NoAnswer::Unusable(error.to_string()))?))
    }

    /// Ends what was started.
    pub(super) async fn shutdown(&self, deadline: Duration) {
        if let Behind::Stdio(process) = self {
            process.shutdown(deadline).await;
        }
    }
}
