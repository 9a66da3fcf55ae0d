//! One protected server: its gate, and what is behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response};
use hyper::body::Incoming;
use portcullis_core::decide::Permit;
use portcullis_core::denial::Denial;
use portcullis_core::error::Upstream as Failure;
use portcullis_resource::gate::{Admitted, Gate, Head, Surroundings};
use portcullis_resource::origin::{self, Origins};
use portcullis_resource::stream::{Until, listening_end};
use portcullis_resource::trust::{Source, Trusted};

use super::answer::{Answer, plain};
use super::headers;
use super::issuers::{Unusable, tls};
use super::listener::Peer;
use super::upstream::Upstream;
use super::{BadGateway, Running};
use crate::config::server as config;

/// A protected server.
pub(super) struct Server {
    name: String,
    gate: Gate,
    origins: Origins,
    behind: Behind,
    response_headers: config::ResponseHeaders,
    /// The hosts it has to itself; none where it is below the public URL.
    hosts: Vec<String>,
}

/// What answers permitted requests.
enum Behind {
    Http { upstream: Upstream, add: Vec<(HeaderName, HeaderValue)>, forward: Vec<HeaderName> },
}

impl Server {
    pub(super) fn new(
        config: &config::Server,
        public_origin: Option<&str>,
        sources: &BTreeMap<String, Source>,
        surroundings: &Surroundings,
    ) -> Result<Server, BadGateway> {
        let trusted = config.tokens.iter().filter_map(|accepted| {
            let source = sources.get(accepted.issuer.name.as_str())?.clone();
            Some(Trusted { expectation: Arc::clone(&accepted.expectation), source })
        });
        let resource = config.resource();
        let named = |error| BadGateway::Server { name: config.name.to_string(), error };
        let gate = Gate::new(
            config.metadata.clone(),
            Arc::clone(&config.policy),
            trusted.collect(),
            surroundings.clone(),
        );
        let mut origins = Origins::of(resource);
        for allowed in &config.allowed_origins {
            origins = origins.and(allowed.as_str())?;
        }
        for host in &config.allowed_hosts {
            origins = origins.host(host.as_str());
        }
        let own = resource.origin();
        let hosts = if public_origin == Some(own) {
            Vec::new()
        } else {
            let authority = own.split_once("://").map_or(own, |(_, authority)| authority);
            let aliases = config.allowed_hosts.iter().map(|host| host.as_str().to_owned());
            std::iter::once(authority.to_owned()).chain(aliases).collect()
        };
        Ok(Server {
            name: config.name.to_string(),
            gate: gate.map_err(named)?,
            origins,
            behind: Behind::new(&config.upstream)?,
            response_headers: config.response_headers.clone(),
            hosts,
        })
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The hosts under which it is found; `None` for all there are.
    pub(super) fn hosts(&self) -> impl Iterator<Item = Option<&str>> {
        let everywhere = self.hosts.is_empty().then_some(None);
        self.hosts.iter().map(|host| Some(host.as_str())).chain(everywhere)
    }

    /// Answers a request.
    pub(super) async fn answer(
        &self,
        running: &Running,
        peer: &Peer,
        parts: Parts,
        body: Incoming,
    ) -> Response<Answer> {
        let page = match self.origins.check(&parts.uri, &parts.headers) {
            Ok(page) => page,
            Err(failure) => return self.refuse(&Denial::before_reading(failure, &parts.headers)),
        };
        let mut response = if origin::is_preflight(&parts.method, &parts.headers) {
            let mut response = plain(http::StatusCode::NO_CONTENT, "");
            origin::permit(&parts.headers, response.headers_mut());
            response
        } else {
            match self.judge(running, peer, parts, body).await {
                Ok(response) => response,
                Err(denial) => self.refuse(&denial),
            }
        };
        origin::reveal(page.as_ref(), response.headers_mut());
        response
    }

    async fn judge(
        &self,
        running: &Running,
        peer: &Peer,
        parts: Parts,
        body: Incoming,
    ) -> Result<Response<Answer>, Denial> {
        let head = Head {
            method: &parts.method,
            path: parts.uri.path(),
            query: parts.uri.query(),
            headers: &parts.headers,
            certificate: peer.certificate.as_ref(),
        };
        let Admitted { permit, place } = self.gate.admit(head, body).await?;
        let answered = self.behind.send(&permit, &parts).await;
        drop(place);
        let response = answered.map_err(|failure| Denial::after_permit(failure, &permit))?;
        let (mut head, body) = response.into_parts();
        headers::client(&mut head.headers, &self.response_headers);
        let body = match listening_end(&permit, self.gate.now()) {
            None => body,
            Some(end) => Answer::made(running.until_drained(Until::at(body, end))),
        };
        Ok(Response::from_parts(head, body))
    }

    fn refuse(&self, denial: &Denial) -> Response<Answer> {
        tracing::info!(
            server = self.name,
            class = denial.failure().label(),
            "refused: {denial}"
        );
        self.gate.answer(denial).map(Answer::whole)
    }
}

impl Behind {
    fn new(upstream: &config::Upstream) -> Result<Behind, BadGateway> {
        match upstream {
            config::Upstream::Http(http) => {
                let identity = http.tls.identity.as_ref();
                let tls = tls(http.tls.ca.as_deref(), identity)?;
                let tls = tls.into_config().map_err(Unusable::from)?;
                let upstream = Upstream::new(http.url.clone(), tls, http.timeouts);
                let (add, forward) = (http.add.clone(), http.forward.clone());
                Ok(Behind::Http { upstream, add, forward })
            }
            config::Upstream::Stdio(stdio) => Err(BadGateway::NoStdio(stdio.program.clone())),
        }
    }

    /// Passes on what is permitted, and nothing else: there is no request without a permit.
    async fn send(&self, permit: &Permit, client: &Parts) -> Result<Response<Answer>, Failure> {
        match self {
            Behind::Http { upstream, add, forward } => {
                let headers = headers::upstream(&client.headers, forward, add);
                let method = method(permit);
                let response = upstream.send(method, headers, permit.body().clone()).await?;
                Ok(response.map(Answer::passed))
            }
        }
    }
}

/// The HTTP method, by what is permitted and not by what the client wrote.
fn method(permit: &Permit) -> Method {
    use portcullis_core::operation::Method as Mcp;
    match permit.calls() {
        [call] if call.method() == Mcp::OpenStream => Method::GET,
        [call] if call.method() == Mcp::EndSession => Method::DELETE,
        _ => Method::POST,
    }
}
