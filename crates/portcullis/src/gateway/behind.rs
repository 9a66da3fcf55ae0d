//! What stands behind a gate: a server over HTTP, or a process.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use portcullis_core::decide::Permit;
use portcullis_core::error::{Failure, Upstream as NoAnswer};
use portcullis_core::operation::Method as Mcp;

use super::answer::Answer;
use super::issuers::{Unusable, tls};
use super::random;
use super::upstream::Upstream;
use super::{BadGateway, headers};
use crate::config::server as config;
use crate::rewrite::{Exchange, NotOpened, Outgoing};
use crate::stdio::{self, Accept, Settings, Stdio};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// What answers permitted requests.
pub(super) enum Behind {
    Http { upstream: Upstream, add: Vec<(HeaderName, HeaderValue)>, forward: Vec<HeaderName> },
    Stdio(Stdio),
}

impl Behind {
    pub(super) fn new(name: &str, upstream: &config::Upstream) -> Result<Behind, BadGateway> {
        match upstream {
            config::Upstream::Http(http) => {
                let identity = http.tls.identity.as_ref();
                let tls = tls(http.tls.ca.as_deref(), identity)?;
                let tls = tls.into_config().map_err(Unusable::from)?;
                let upstream = Upstream::new(http.url.clone(), tls, http.timeouts);
                let (add, forward) = (http.add.clone(), http.forward.clone());
                Ok(Behind::Http { upstream, add, forward })
            }
            config::Upstream::Stdio(process) => {
                let command = std::iter::once(&process.program).chain(&process.args);
                let limits = stdio::Limits {
                    processes: process.processes,
                    idle: process.idle_timeout,
                    ..stdio::Limits::default()
                };
                let copy = |secret: &portcullis_core::secret::Secret| {
                    portcullis_core::secret::Secret::new(secret.expose().to_owned())
                };
                let env = process.env.iter().map(|(name, value)| (name.clone(), copy(value)));
                Ok(Behind::Stdio(Stdio::new(
                    Settings {
                        env: env.collect(),
                        cwd: Some(process.cwd.clone()),
                        shared: process.shared,
                        limits,
                        ..Settings::new(name, command.cloned().collect())
                    },
                    random::fill,
                )))
            }
        }
    }

    /// Passes on what is permitted, and nothing else: there is no request without a permit.
    pub(super) async fn send(
        &self,
        exchange: &Exchange,
        client: &Parts,
    ) -> Result<Response<Answer>, Failure> {
        let permit = exchange.permit();
        let outgoing = exchange.request(&client.headers).map_err(|not_opened| match not_opened {
            NotOpened::Session => Failure::UnknownSession,
            NotOpened::Task { .. } => Failure::UnknownTask,
        })?;
        match self {
            Behind::Http { upstream, add, forward } => {
                let headers = headers::upstream(&client.headers, forward, add);
                let (headers, body) = replaced(headers, outgoing);
                Ok(upstream.send(method(permit), headers, body).await?.map(Answer::passed))
            }
            Behind::Stdio(stdio) => {
                let session = outgoing.session.as_ref().and_then(|id| id.to_str().ok());
                let accept = Accept::of(&client.headers);
                match stdio.answer(permit, session, accept).await {
                    Ok(response) => Ok(response.map(Answer::made)),
                    Err(stdio::Unavailable::NotStarted { reason, .. }) => {
                        Err(NoAnswer::Unreachable(reason.to_string()).into())
                    }
                    Err(_) => Err(Failure::Busy("all its processes are at work")),
                }
            }
        }
    }

    /// Ends what was started.
    pub(super) async fn shutdown(&self, deadline: Duration) {
        if let Behind::Stdio(stdio) = self {
            stdio.shutdown(deadline).await;
        }
    }
}

/// What upstream gets in place of what the client sent.
fn replaced(mut headers: HeaderMap, outgoing: Outgoing) -> (HeaderMap, Bytes) {
    if let Some(session) = outgoing.session {
        headers.insert(SESSION, session);
    }
    if let Some(name) = outgoing.name {
        headers.insert(NAME, name);
    }
    (headers, outgoing.body)
}

/// The HTTP method, by what is permitted and not by what the client wrote.
fn method(permit: &Permit) -> Method {
    match permit.calls() {
        [call] if call.method() == Mcp::OpenStream => Method::GET,
        [call] if call.method() == Mcp::EndSession => Method::DELETE,
        _ => Method::POST,
    }
}
