//! What stands behind a gate: a server over HTTP, or a process.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri};
use portcullis_core::decide::Permit;
use portcullis_core::error::{Failure, NoAnswer};
use portcullis_core::header::{MCP_NAME, MCP_SESSION_ID};
use portcullis_core::operation::Method as Mcp;
use portcullis_core::secret::Secret;
use tokio::time::Instant;

use super::answer::Answer;
use super::random;
use super::upstream::Upstream;
use super::{BadGateway, headers};
use crate::config::server as config;
use crate::observe::metrics::ServerMetrics;
use crate::rewrite::{ENDPOINT, Exchange, NotOpened, Outgoing, Treatment};
use crate::stdio::{self, Accept, Settings, Stdio};

/// For a message on its way to a client that listened.
const FAREWELL: Duration = Duration::from_secs(1);

const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// What answers permitted requests.
pub(super) enum Behind {
    Http {
        upstream: Upstream,
        /// For an answer to begin, and to end where all of it must be there before the client gets any.
        patience: Duration,
        /// Of HTTP+SSE: where clients send their messages.
        messages: Option<Arc<str>>,
        add: Vec<(HeaderName, HeaderValue)>,
        forward: Vec<HeaderName>,
    },
    Stdio {
        stdio: Stdio,
        identity: [u8; 32],
        is_shared: bool,
    },
}

impl Behind {
    /// `before` is what stood behind the server of that name until now. Processes that are still wanted as they
    /// are stay, and their sessions with them.
    pub(super) fn new(
        server: &config::Server,
        metrics: &ServerMetrics,
        before: Option<&Behind>,
    ) -> Result<Behind, BadGateway> {
        match &server.upstream {
            config::Upstream::Http(http) => {
                let upstream = Upstream::new(http)?;
                let patience = http.timeouts.answer;
                let (add, forward) = (http.add.clone(), http.forward.clone());
                let messages = match http.transport {
                    config::Transport::Streamable => None,
                    config::Transport::Sse => Some(match server.resource().path() {
                        "" => "/".into(),
                        path => path.into(),
                    }),
                };
                Ok(Behind::Http { upstream, patience, messages, add, forward })
            }
            config::Upstream::Stdio(process) => {
                let identity = identity(process);
                let stdio = match before {
                    Some(Behind::Stdio { stdio, identity: same, .. }) if *same == identity => {
                        stdio.clone()
                    }
                    _ => {
                        let settings = settings(server.name.as_str(), process);
                        Stdio::new(settings, Arc::clone(metrics.dropped()), random::fill)
                    }
                };
                Ok(Behind::Stdio { stdio, identity, is_shared: process.shared })
            }
        }
    }

    /// With what there is to know about what stands here.
    pub(super) fn around(&self, exchange: Exchange) -> Exchange {
        match self {
            // Its tasks are the caller's own.
            Behind::Stdio { is_shared: false, .. } => exchange.with_own_upstream(),
            Behind::Http { messages: Some(path), .. } => {
                exchange.with_message_path(Arc::clone(path))
            }
            _ => exchange,
        }
    }

    /// For how long a stream that listens may go on after its end, to say that it is over.
    pub(super) fn farewell(&self) -> Duration {
        match self {
            Behind::Http { .. } => Duration::ZERO,
            Behind::Stdio { .. } => FAREWELL,
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
        let permit = exchange.permit();
        let outgoing =
            exchange.request(&client.headers).map_err(|not_opened| match not_opened {
                NotOpened::Session => Failure::UnknownSession,
                NotOpened::Task { .. } => Failure::UnknownTask,
            })?;
        match self {
            Behind::Http { upstream, messages, add, forward, .. } => {
                let target = match messages {
                    None => None,
                    Some(_) => message_target(exchange, client)?,
                };
                let headers = headers::upstream(&client.headers, forward, add);
                let (headers, body) = replaced(headers, outgoing, &client.headers);
                let response = upstream.send(method(permit), target, headers, body).await?;
                Ok(response.map(Answer::passed))
            }
            Behind::Stdio { stdio, .. } => {
                let accept = Accept::of(&client.headers);
                let answered = stdio.answer(permit, &outgoing, accept, listens_until).await;
                answered.map(|response| response.map(Answer::made)).map_err(unavailable)
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
            Behind::Http { patience, .. } => tokio::time::timeout(*patience, read).await,
            // Of a process it is there when it begins.
            Behind::Stdio { .. } => Ok(read.await),
        };
        let rewritten = rewritten.map_err(|_| NoAnswer::Timeout)?;
        Ok(Answer::made(rewritten.map_err(|error| NoAnswer::Unusable(error.to_string()))?))
    }

    /// Ends what was started.
    pub(super) async fn shutdown(&self, deadline: Duration) {
        if let Behind::Stdio { stdio, .. } = self {
            stdio.shutdown(deadline).await;
        }
    }
}

/// No process has the request, so that it may be sent again.
fn unavailable(unavailable: stdio::Unavailable) -> Failure {
    match unavailable {
        stdio::Unavailable::UnknownSession => Failure::UnknownSession,
        stdio::Unavailable::NotStarted { reason, retry_after } => {
            NoAnswer::NotStarted { reason: reason.to_string(), retry_after }.into()
        }
        stdio::Unavailable::Busy => Failure::Busy("all its processes are at work"),
        stdio::Unavailable::Share => {
            Failure::Busy("the caller has its whole share of a process that people share at work")
        }
        stdio::Unavailable::Stopping => Failure::Busy("the gateway is stopping"),
    }
}

pub(super) fn settings(name: &str, process: &config::StdioUpstream) -> Settings {
    let config::StdioUpstream { program, args, env, cwd, shared, processes, idle_timeout } =
        process;
    let command = std::iter::once(program).chain(args);
    let copy = |secret: &Secret| Secret::new(secret.expose().to_owned());
    let env = env.iter().map(|(name, value)| (name.clone(), copy(value)));
    Settings {
        env: env.collect(),
        cwd: Some(cwd.clone()),
        shared: *shared,
        limits: stdio::Limits {
            processes: *processes,
            idle: *idle_timeout,
            ..stdio::Limits::default()
        },
        ..Settings::new(name, command.cloned().collect())
    }
}

/// A digest of all that is said of a process, to tell whether it is still the same that is wanted. Whatever
/// else is said of one some day has to be named here as well.
fn identity(process: &config::StdioUpstream) -> [u8; 32] {
    let config::StdioUpstream { program, args, env, cwd, shared, processes, idle_timeout } =
        process;
    let mut digest = digest::Context::new(&digest::SHA256);
    let mut part = |bytes: &[u8]| {
        digest.update(&(bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    part(program.as_bytes());
    part(&(args.len() as u64).to_be_bytes());
    for arg in args {
        part(arg.as_bytes());
    }
    part(&(env.len() as u64).to_be_bytes());
    for (name, value) in env {
        part(name.as_bytes());
        part(value.expose().as_bytes());
    }
    part(cwd.as_os_str().as_encoded_bytes());
    part(&[u8::from(*shared)]);
    part(&(*processes as u64).to_be_bytes());
    part(&idle_timeout.as_nanos().to_be_bytes());
    let mut identity = [0; 32];
    identity.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
    identity
}

/// Where upstream takes the messages of the session that the client names (HTTP+SSE). Its stream is where it
/// always is.
fn message_target(exchange: &Exchange, client: &Parts) -> Result<Option<Uri>, Failure> {
    if method(exchange.permit()) != Method::POST {
        return Ok(None);
    }
    let pairs = client.uri.query().unwrap_or_default().split('&');
    let mut named = pairs.filter_map(|pair| pair.strip_prefix(ENDPOINT)?.strip_prefix('='));
    let (Some(sealed), None) = (named.next(), named.next()) else {
        return Err(Failure::UnknownSession);
    };
    let path = exchange.endpoint(sealed).map_err(|_| Failure::UnknownSession)?;
    Uri::try_from(path).map(Some).map_err(|_| Failure::UnknownSession)
}

/// What upstream gets in place of what the client sent.
fn replaced(mut headers: HeaderMap, outgoing: Outgoing, client: &HeaderMap) -> (HeaderMap, Bytes) {
    if let Some(session) = outgoing.session {
        headers.insert(MCP_SESSION_ID, session);
        // Where to take a stream up again means something within a session, which is the caller's. Outside of
        // one, upstream could not tell whose stream it was.
        if let Some(event) = client.get(LAST_EVENT) {
            headers.insert(LAST_EVENT, event.clone());
        }
    }
    if let Some(name) = outgoing.name {
        headers.insert(MCP_NAME, name);
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
