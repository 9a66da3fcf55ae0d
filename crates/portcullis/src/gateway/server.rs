//! One protected server: its gate, and what is behind it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use portcullis_core::denial::Denial;
use portcullis_core::error::Upstream as NoAnswer;
use portcullis_resource::gate::{Admitted, Gate, Head, Surroundings};
use portcullis_resource::origin::{self, Origins};
use portcullis_resource::stream::{Until, listening_end};
use portcullis_resource::trust::{Source, Trusted};

use super::answer::{Answer, plain};
use super::behind::Behind;
use super::drain::Running;
use super::listener::Peer;
use super::{BadGateway, headers};
use crate::config::server as config;
use crate::rewrite::{Exchange, Treatment};
use crate::seal::Sealer;

/// A protected server.
pub(super) struct Server {
    name: Arc<str>,
    gate: Gate,
    origins: Origins,
    behind: Behind,
    sealer: Arc<Sealer>,
    response_headers: config::ResponseHeaders,
    /// The hosts it has to itself; none where it is below the public URL.
    hosts: Vec<String>,
}

impl Server {
    pub(super) fn new(
        config: &config::Server,
        public_origin: Option<&str>,
        sources: &BTreeMap<String, Source>,
        surroundings: &Surroundings,
        sealer: Arc<Sealer>,
        before: Option<&Server>,
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
            name: config.name.as_str().into(),
            gate: gate.map_err(named)?,
            origins,
            behind: Behind::new(
                config.name.as_str(),
                &config.upstream,
                before.map(|before| &before.behind),
            )?,
            sealer,
            response_headers: config.response_headers.clone(),
            hosts,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
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
            let mut response = plain(StatusCode::NO_CONTENT, "");
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
        let end = listening_end(&permit, self.gate.now());
        let permit = Arc::new(permit);
        let exchange = Exchange::new(
            Arc::clone(&self.name),
            Arc::clone(self.gate.policy()),
            Arc::clone(&self.sealer),
            Arc::clone(&permit),
        );
        let denied = |failure| Denial::after_permit(failure, &permit);
        let unusable = |reason: String| Denial::after_permit(NoAnswer::Unusable(reason), &permit);
        let response = self.behind.send(&exchange, &parts).await.map_err(denied)?;
        drop(place);
        let (mut head, body) = response.into_parts();
        headers::client(&mut head.headers, &self.response_headers);
        let treatment = exchange.response(head.status, &mut head.headers);
        let body = match treatment.map_err(|refused| unusable(refused.to_string()))? {
            Treatment::Verbatim => body,
            treatment => {
                let rewritten = treatment.apply(body).await;
                Answer::made(rewritten.map_err(|error| unusable(error.to_string()))?)
            }
        };
        let body = match end {
            None => body,
            Some(end) => Answer::made(running.until_drained(Until::at(body, end))),
        };
        Ok(Response::from_parts(head, body))
    }

    /// Ends what was started behind it.
    pub(super) async fn shutdown(&self, deadline: Duration) {
        self.behind.shutdown(deadline).await;
    }

    fn refuse(&self, denial: &Denial) -> Response<Answer> {
        tracing::info!(server = &*self.name, class = denial.failure().label(), "refused: {denial}");
        self.gate.answer(denial).map(Answer::whole)
    }
}
