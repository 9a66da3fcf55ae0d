//! A server over HTTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri};
use portcullis_core::decide::Permit;
use portcullis_core::error::{Failure, NoAnswer};
use portcullis_core::header::{MCP_NAME, MCP_SESSION_ID};
use portcullis_core::operation::Method as Mcp;

use crate::config::server as config;
use crate::gateway::answer::Answer;
use crate::gateway::upstream::Upstream;
use crate::gateway::{BadGateway, headers};
use crate::rewrite::{ENDPOINT, Exchange, Outgoing};

const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

pub(in crate::gateway) struct Http {
    upstream: Upstream,
    /// For an answer to begin, and to end where all of it must be there before the client gets any.
    patience: Duration,
    /// Of HTTP+SSE: where clients send their messages.
    messages: Option<Arc<str>>,
    add: Vec<(HeaderName, HeaderValue)>,
    forward: Vec<HeaderName>,
}

impl Http {
    pub(super) fn new(
        server: &config::Server,
        http: &config::HttpUpstream,
    ) -> Result<Http, BadGateway> {
        let messages = match http.transport {
            config::Transport::Streamable => None,
            config::Transport::Sse => Some(match server.resource().path() {
                "" => "/".into(),
                path => path.into(),
            }),
        };
        Ok(Http {
            upstream: Upstream::new(http)?,
            patience: http.timeouts.answer,
            messages,
            add: http.add.clone(),
            forward: http.forward.clone(),
        })
    }

    pub(super) fn around(&self, exchange: Exchange) -> Exchange {
        match &self.messages {
            Some(path) => exchange.with_message_path(Arc::clone(path)),
            None => exchange,
        }
    }

    pub(super) async fn send(
        &self,
        exchange: &Exchange,
        outgoing: Outgoing,
        client: &Parts,
    ) -> Result<Response<Answer>, Failure> {
        let target = match self.messages {
            None => None,
            Some(_) => message_target(exchange, client)?,
        };
        let headers = headers::upstream(&client.headers, &self.forward, &self.add);
        let (headers, body) = replaced(headers, outgoing, &client.headers);
        let method = method(exchange.permit());
        let response = self.upstream.send(method, target, headers, body).await?;
        Ok(response.map(Answer::passed))
    }

    /// What is read of an answer, if that is there in time.
    pub(super) async fn in_time<T>(&self, read: impl Future<Output = T>) -> Result<T, NoAnswer> {
        tokio::time::timeout(self.patience, read).await.map_err(|_| NoAnswer::Timeout)
    }
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
