//! One protected server: its gate, and what is behind it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use http::request::Parts;
use hyper::body::Incoming;
use portcullis_core::decide::Permit;
use portcullis_core::denial::Denial;
use portcullis_core::error::{Blame, Failure, NoAnswer};
use portcullis_core::header::DPOP_NONCE;
use portcullis_core::operation::{Call, Operation};
use portcullis_core::proof::Caller;
use portcullis_resource::gate::{Admitted, Gate, Head, Surroundings};
use portcullis_resource::origin::{self, Origins, hosts_of};
use portcullis_resource::room::Place;
use portcullis_resource::stream::{Until, over};
use portcullis_resource::trust::{Source, Trusted};
use tokio::time::Instant;

use super::answer::Answer;
use super::behind::Behind;
use super::client::Client;
use super::overseen::Overseen;
use super::state::State;
use super::{BadGateway, Gateway, headers};
use crate::client::tries::Try;
use crate::config::server as config;
use crate::observe::trace::Span;
use crate::observe::{About, Claimed, Moment, Noted, Watched};
use crate::rewrite::{Exchange, Media, Refused, Treatment};
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
    watched: Watched,
}

/// What all servers of a configuration share.
pub(super) struct Around<'a> {
    pub(super) public_origin: Option<&'a str>,
    pub(super) sources: &'a BTreeMap<String, Source>,
    pub(super) surroundings: &'a Surroundings,
    pub(super) sealer: &'a Arc<Sealer>,
}

/// A request under way, as whoever writes it down wants to know it.
struct Underway<'a> {
    gateway: &'a Arc<Gateway>,
    state: &'a State,
    client: &'a Client,
    at: Moment,
    begun: Instant,
    span: Option<Span>,
}

impl Server {
    pub(super) fn new(
        config: &config::Server,
        around: &Around<'_>,
        watched: Watched,
        before: Option<&Server>,
    ) -> Result<Server, BadGateway> {
        let trusted = config.tokens.iter().filter_map(|accepted| {
            let source = around.sources.get(accepted.issuer.name.as_str())?.clone();
            Some(Trusted { expectation: Arc::clone(&accepted.expectation), source })
        });
        let resource = config.resource();
        let named = |error| BadGateway::Server { name: config.name.to_string(), error };
        let mut surroundings = around.surroundings.clone();
        surroundings.nonces = surroundings.nonces.filter(|_| config.dpop_nonce);
        let (metadata, policy) = (config.metadata.clone(), Arc::clone(&config.policy));
        let gate = Gate::new(metadata, policy, trusted.collect(), surroundings);
        let mut origins = Origins::of(resource);
        for allowed in &config.allowed_origins {
            origins = origins.and(allowed.as_str())?;
        }
        for host in &config.allowed_hosts {
            origins = origins.host(host.as_str());
        }
        let own = resource.origin();
        let hosts = if around.public_origin == Some(own) {
            Vec::new()
        } else {
            let aliases = config.allowed_hosts.iter().map(|host| host.as_str().to_owned());
            hosts_of(own).into_iter().chain(aliases).collect()
        };
        Ok(Server {
            name: config.name.as_str().into(),
            gate: gate.map_err(named)?,
            origins,
            behind: Behind::new(config, watched.metrics(), before.map(|before| &before.behind))?,
            sealer: Arc::clone(around.sealer),
            response_headers: config.response_headers.clone(),
            hosts,
            watched,
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
        gateway: &Arc<Gateway>,
        state: &State,
        client: &Client,
        mut parts: Parts,
        body: Incoming,
    ) -> Response<Answer> {
        let came = gateway.lasting.clock.since_epoch();
        let (at, begun) = (Moment::since_epoch(came), Instant::now());
        let url = self.gate.resource().resource().as_str();
        let span = gateway.lasting.observer.begin(came, url, &mut parts);
        let underway = Underway { gateway, state, client, at, begun, span };
        gateway.lasting.observer.room().await;
        let page = match self.origins.check(&parts.uri, &parts.headers) {
            Ok(page) => page,
            Err(failure) => {
                let denial = Denial::before_reading(failure, &parts.headers);
                return self.refuse(&underway, &denial, &parts);
            }
        };
        let mut response = match origin::preflight(&parts.method, &parts.headers) {
            Some(answer) => answer.map(Answer::whole),
            None => match self.admit(&underway, &parts, body).await {
                Ok(admitted) => self.pass_on(&underway, &parts, admitted).await,
                Err(denial) => self.refuse(&underway, &denial, &parts),
            },
        };
        origin::reveal(page.as_ref(), response.headers_mut());
        response
    }

    /// From the request to the permit.
    async fn admit(
        &self,
        underway: &Underway<'_>,
        parts: &Parts,
        body: Incoming,
    ) -> Result<Admitted, Denial> {
        let Underway { state, client, .. } = underway;
        let credentials = Try::of(state.failures.as_deref(), client.address);
        let head = Head {
            method: &parts.method,
            path: parts.uri.path(),
            query: parts.uri.query(),
            headers: &parts.headers,
            certificate: client.certificate.as_ref(),
            stranger: Some(&credentials),
        };
        let known = self.gate.identify(head).await;
        credentials.end(known.as_ref().err());
        let known = known.map_err(|failure| self.gate.deny(failure, head))?;
        let check = |caller: &Caller, calls| match &state.calls {
            None => Ok(()),
            Some(limit) => limit.check(caller.token(), calls),
        };
        if let Err(retry_after) = check(&known.caller, NonZeroU32::MIN) {
            let failure = Failure::TooManyRequests { retry_after };
            return Err(Denial::before_reading(failure, head.headers).with_caller(known.caller));
        }
        let judged = self.gate.hear(known, head, body).await;
        let (caller, calls) = match &judged {
            Ok(admitted) => (Some(admitted.permit.caller()), admitted.permit.calls()),
            Err(denial) => (denial.caller(), denial.operation().map_or(&[][..], Operation::calls)),
        };
        let rest = caller.zip(beside_the_first(calls));
        match (rest.map_or(Ok(()), |(caller, calls)| check(caller, calls)), judged) {
            (Err(retry_after), Ok(admitted)) => {
                let failure = Failure::TooManyRequests { retry_after };
                Err(admitted.permit.withdraw(failure))
            }
            (_, judged) => judged,
        }
    }

    /// From the permit to the answer.
    async fn pass_on(
        &self,
        underway: &Underway<'_>,
        parts: &Parts,
        admitted: Admitted,
    ) -> Response<Answer> {
        let Admitted { permit, place, dpop_nonce } = admitted;
        let permit = Arc::new(permit);
        let observer = &underway.gateway.lasting.observer;
        let id = underway.gateway.lasting.request_id();
        match self.exchange(underway, parts, Arc::clone(&permit), place).await {
            Ok(mut response) => {
                if let Some(nonce) = dpop_nonce {
                    response.headers_mut().insert(DPOP_NONCE, nonce);
                }
                let about = self.about(underway, id.as_str());
                observer.note(&Noted::allowed(about, &permit, response.status()));
                response
            }
            Err(failure) => {
                let denial = Denial::after_permit(failure, &permit);
                observer.note(&Noted::failed(self.about(underway, id.as_str()), &permit, &denial));
                self.gate.answer(&denial).map(Answer::whole)
            }
        }
    }

    async fn exchange(
        &self,
        underway: &Underway<'_>,
        parts: &Parts,
        permit: Arc<Permit>,
        place: Place,
    ) -> Result<Response<Answer>, Failure> {
        let standing = self.gate.standing(&permit, &parts.headers);
        let listens_until = standing.as_ref().map(|standing| {
            let left = standing.until().as_secs().saturating_sub(self.gate.now().as_secs());
            Instant::now() + Duration::from_secs(left)
        });
        let exchange = Exchange::new(
            Arc::clone(&self.name),
            Arc::clone(self.gate.policy()),
            Arc::clone(&self.sealer),
            permit,
        );
        let exchange = self.behind.around(exchange);
        let response = self.behind.send(&exchange, parts, listens_until).await?;
        let (mut head, body) = response.into_parts();
        headers::client(&mut head.headers, &self.response_headers);
        let is_stream = Media::of(&head.headers) == Media::Events;
        let treatment = exchange.response(head.status, &mut head.headers);
        let refused = |refused: Refused| NoAnswer::Unusable(refused.to_string());
        let body = match treatment.map_err(refused)? {
            Treatment::Verbatim => body,
            // Events are looked at for as long as they come, by what was asked.
            treatment @ Treatment::Events(_) => {
                self.behind.treat(treatment, body).await?.taking(place)
            }
            treatment => self.behind.treat(treatment, body).await?,
        };
        let body = match standing {
            None => body,
            Some(standing) => {
                let (server, until) = (Arc::clone(&self.name), standing.until());
                let overseen = Overseen::new(underway.gateway, server, standing);
                let farewell = self.behind.farewell();
                Answer::made(Until::new(body, async move {
                    over(overseen, until).await;
                    // What stands behind says that it is over where it knew of the end; who may not listen any
                    // more is not waited for.
                    if listens_until.is_some_and(|until| until <= Instant::now()) {
                        tokio::time::sleep(farewell).await;
                    }
                }))
            }
        };
        let body =
            if is_stream { body.counted(self.watched.metrics().streams.hold()) } else { body };
        Ok(Response::from_parts(head, body))
    }

    /// Ends what was started behind it.
    pub(super) async fn shutdown(&self, deadline: Duration) {
        self.behind.shutdown(deadline).await;
    }

    /// The answer to a request that is denied, which is written down.
    fn refuse(&self, underway: &Underway<'_>, denial: &Denial, parts: &Parts) -> Response<Answer> {
        let failure = denial.failure();
        let lasting = &underway.gateway.lasting;
        let id = lasting.request_id();
        let noted = Noted::denied(self.about(underway, id.as_str()), denial);
        match (failure.blame(), denial.caller()) {
            (Blame::Credential, None) => {
                let claimed = Claimed::of(&parts.headers);
                let noted = claimed.as_ref().map_or(noted, |claimed| noted.claiming(claimed));
                lasting.observer.note(&noted);
            }
            _ => lasting.observer.note(&noted),
        }
        self.gate.answer(denial).map(Answer::whole)
    }

    fn about<'a>(&'a self, underway: &'a Underway<'_>, request: &'a str) -> About<'a> {
        About {
            at: underway.at,
            request,
            client: underway.client.address,
            server: &self.watched,
            latency: underway.begun.elapsed(),
            span: underway.span.as_ref(),
        }
    }
}

/// How many there are of a batch beside the one that every request is.
fn beside_the_first(calls: &[Call]) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(calls.len()).unwrap_or(u32::MAX).saturating_sub(1))
}
