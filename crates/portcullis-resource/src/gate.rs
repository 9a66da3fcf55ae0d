//! The way of one request, from its headers to a permit.
//!
//! One direction: token, keys or the issuer's word, proof of possession, body, operation, decision. What
//! fails on the way becomes a [`Denial`], and every denial is answered by [`Gate::answer`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::Body;
use portcullis_core::bearer::{AccessToken, KeptToken, Scheme, present};
use portcullis_core::decide::{Asked, Permit, decide};
use portcullis_core::denial::Denial;
use portcullis_core::error::Failure;
use portcullis_core::keys::CertificateThumbprint;
use portcullis_core::metadata::ProtectedResource;
use portcullis_core::operation::{Limits, Method as Mcp, Operation};
use portcullis_core::policy::Policy;
use portcullis_core::proof::{
    self, Caller, DpopProof, Evidence, Freshness, NoncePolicy, Target, confirm, dpop_header,
};
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Confirmation, VerifiedToken};

use crate::body;
use crate::clock::{Clock, SystemClock};
use crate::keys::Keys;
use crate::nonce::{Fresh, Nonces};
use crate::replay::{LocalReplay, Replay};
use crate::room::{Place, Room, Whose};
use crate::seen::SeenTokens;
use crate::stranger::Stranger;
use crate::trust::{BadTrust, Trusted, TrustedIssuers};

/// What does not change from one request to the next, beside policy and issuers.
#[derive(Clone)]
pub struct Surroundings {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Which DPoP proofs were shown before.
    pub replay: Arc<dyn Replay>,
    /// What DPoP proofs must hold, where they must not be made ahead of time.
    pub nonces: Option<Arc<Nonces>>,
    /// Room for bodies.
    pub room: Room,
    /// How much of a request is read.
    pub limits: Limits,
    /// How long a body may take to come.
    pub body_patience: Duration,
}

/// The clock of this machine, a memory of this process, no nonces, 256 MiB for bodies, 30 seconds for each.
impl Default for Surroundings {
    fn default() -> Self {
        Surroundings {
            clock: Arc::new(SystemClock),
            replay: Arc::new(LocalReplay::new()),
            nonces: None,
            room: Room::new(256 << 20),
            limits: Limits::default(),
            body_patience: Duration::from_secs(30),
        }
    }
}

/// What stands before one protected server.
pub struct Gate {
    resource: ProtectedResource,
    policy: Arc<Policy>,
    trusted: TrustedIssuers,
    seen: SeenTokens,
    surroundings: Surroundings,
}

/// The part of a request that is known before its body.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path as the client addressed it.
    pub path: &'a str,
    /// The query, if any.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The client's certificate: of this connection, or told by a proxy that is trusted to (RFC 9440).
    pub certificate: Option<&'a CertificateThumbprint>,
    /// Who says whether a token is looked at that was not seen before; every one is where nobody does.
    pub stranger: Option<&'a dyn Stranger>,
}

/// Who is asking, before anything of the body is read.
#[derive(Debug)]
pub struct Known {
    /// The caller.
    pub caller: Caller,
    place: Place,
}

/// A request that is allowed, and the room its body takes.
#[derive(Debug)]
pub struct Admitted {
    /// What may be done.
    pub permit: Permit,
    /// To be kept as long as the body is.
    pub place: Place,
    /// For the client's next proof: `DPoP-Nonce` of the answer.
    pub dpop_nonce: Option<HeaderValue>,
}

/// A stream that listens: what it was opened for, and by which token.
pub struct Standing {
    asked: Asked,
    token: Arc<VerifiedToken>,
    by: By,
}

impl Standing {
    /// When its token ends, as far as it was known when the stream began.
    pub fn until(&self) -> UnixTime {
        self.token.expires()
    }
}

/// How the token of a stream is looked at again.
enum By {
    /// It was verified by keys of this generation, and holds as long as there are no others. (A stream costs
    /// a few kilobytes; the text of the token would be one more.)
    Keys(Arc<dyn Keys>, u64),
    /// Somebody has to be asked.
    Text(KeptToken),
    /// Not at all: these are not the headers that it came with.
    Nothing,
}

/// Why there is no gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadGate {
    /// The issuers are not to be used so.
    #[error(transparent)]
    Trust(#[from] BadTrust),
    /// The policy is another server's.
    #[error("the policy is of {policy}, the metadata of {resource}")]
    OtherPolicy {
        /// Whose policy.
        policy: String,
        /// Whose metadata.
        resource: String,
    },
}

impl Gate {
    /// A gate before the server that this metadata describes.
    pub fn new(
        resource: ProtectedResource,
        policy: Arc<Policy>,
        trusted: Vec<Trusted>,
        surroundings: Surroundings,
    ) -> Result<Gate, BadGate> {
        if policy.resource() != resource.resource() {
            let (policy, resource) = (policy.resource(), resource.resource());
            let (policy, resource) = (policy.to_string(), resource.to_string());
            return Err(BadGate::OtherPolicy { policy, resource });
        }
        let trusted = TrustedIssuers::new(trusted)?;
        if let Some(other) = trusted.iter().find(|t| t.expectation.resource() != policy.resource())
        {
            let issuer = other.expectation.issuer().to_string();
            return Err(BadTrust::OtherResource(issuer).into());
        }
        Ok(Gate { resource, policy, trusted, seen: SeenTokens::new(), surroundings })
    }

    /// What the server says about itself.
    pub fn resource(&self) -> &ProtectedResource {
        &self.resource
    }

    /// What callers may do.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// What time it is.
    pub fn now(&self) -> UnixTime {
        self.surroundings.clock.now()
    }

    /// Judges a request. The body is read when its caller is known, and not before.
    pub async fn admit<B>(&self, head: Head<'_>, body: B) -> Result<Admitted, Denial>
    where
        B: Body<Data = Bytes>,
    {
        let known = self.identify(head).await.map_err(|failure| self.deny(failure, head))?;
        self.hear(known, head, body).await
    }

    /// Judges what a caller asks for.
    pub async fn hear<B>(&self, known: Known, head: Head<'_>, body: B) -> Result<Admitted, Denial>
    where
        B: Body<Data = Bytes>,
    {
        let Known { caller, place } = known;
        let dpop_nonce = if caller.scheme() == Scheme::Dpop { self.next_nonce() } else { None };
        let near = &self.surroundings;
        let read = body::read(body, head.headers, near.limits.body, near.body_patience, place);
        let (body, place) = match read.await {
            Ok(read) => read,
            Err(failure) => {
                return Err(Denial::before_reading(failure, head.headers).with_caller(caller));
            }
        };
        match Operation::read(head.method, head.headers, body, near.limits) {
            // The body may have taken its time: the token is judged by what time it is now.
            Ok(operation) => {
                let permit = decide(&self.policy, caller, operation, self.now())?;
                Ok(Admitted { permit, place, dpop_nonce })
            }
            Err(malformed) => Err(Denial::from(malformed).with_caller(caller)),
        }
    }

    /// A refusal of what came before the body. Whoever needs a nonce gets one.
    pub fn deny(&self, failure: Failure, head: Head<'_>) -> Denial {
        let needs_nonce = matches!(failure, Failure::Proof(proof::Refusal::NonceRequired));
        let denial = Denial::before_reading(failure, head.headers);
        match self.next_nonce().filter(|_| needs_nonce) {
            Some(nonce) => denial.with_dpop_nonce(nonce),
            None => denial,
        }
    }

    fn next_nonce(&self) -> Option<HeaderValue> {
        self.surroundings.nonces.as_ref()?.current(self.now())
    }

    /// Who is asking.
    pub async fn identify(&self, head: Head<'_>) -> Result<Known, Failure> {
        let presented = AccessToken::try_from(present(head.headers, head.query))?;
        let (token, whose) = self.verified(&presented, head.stranger).await?;
        // Most tokens are bound to nothing and come with nothing.
        let dpop = dpop_header(head.headers)?;
        let evidence = match (dpop, head.certificate) {
            (Some(proof), _) if presented.scheme() == Scheme::Dpop => {
                Evidence::Dpop(self.proof(proof, head, &presented, &token).await?)
            }
            (_, Some(certificate)) => Evidence::Certificate(certificate),
            _ => Evidence::None,
        };
        let caller = confirm(token, &presented, evidence)?;
        let near = &self.surroundings;
        Ok(Known { caller, place: near.room.place(whose, near.limits.body) })
    }

    /// The token, from memory where it was seen before.
    async fn verified(
        &self,
        presented: &AccessToken<'_>,
        stranger: Option<&dyn Stranger>,
    ) -> Result<(Arc<VerifiedToken>, Whose), Failure> {
        let generation = |issuer| self.trusted.generation(issuer);
        if let Some(found) = self.seen.find(&presented.hash(), self.now(), generation) {
            return Ok(found);
        }
        let behalf = stranger.map(Stranger::may_try).transpose();
        let behalf = behalf.map_err(|retry_after| Failure::TooManyRequests { retry_after })?;
        let mut judged = self.trusted.judge(presented, behalf, &*self.surroundings.clock).await?;
        // Nobody else has it yet; somebody else's would be judged by the texts of its scopes, only more slowly.
        if let Some(token) = Arc::get_mut(&mut judged.token) {
            token.prepare_for(&self.policy);
        }
        let token = Arc::clone(&judged.token);
        let whose = self.surroundings.room.whose(token.speaker());
        self.seen.keep(judged, whose);
        Ok((token, whose))
    }

    /// The proof, good for this request and not shown before.
    async fn proof(
        &self,
        proof: &str,
        head: Head<'_>,
        presented: &AccessToken<'_>,
        token: &VerifiedToken,
    ) -> Result<DpopProof, Failure> {
        // Not the moment at which the request came: while its issuer was asked about the token, others may
        // have used the proof up, and it may have been forgotten since.
        let now = self.now();
        // Of the public name and not of `Host`, which whoever replays a proof may choose.
        let uri = format!("{}{}", self.resource.resource().origin(), head.path);
        let target = Target { method: head.method.as_str(), uri: &uri };
        let hash = presented.hash();
        let nonces = self.surroundings.nonces.as_ref().map(|nonces| nonces.fresh(now));
        let nonces = nonces.as_ref().map(Fresh::as_strs);
        let nonce =
            nonces.as_ref().map_or(NoncePolicy::NotAsked, |nonces| NoncePolicy::OneOf(nonces));
        let freshness = Freshness { nonce, ..Freshness::default() };
        let proof = DpopProof::verify(proof, target, Some(&hash), freshness, now)?;
        // Only proofs that count are remembered: a stranger's would fill the memory for nothing.
        let counts = matches!(
            token.confirmation(),
            Some(Confirmation::DpopKey(key)) if *key == proof.thumbprint()
        );
        if counts {
            let is_first = self.surroundings.replay.is_first(&proof, token, now).await;
            match is_first {
                Ok(true) => {}
                Ok(false) => return Err(proof::Refusal::Replayed.into()),
                Err(_) => return Err(Failure::Busy("more DPoP proofs than can be remembered")),
            }
        }
        Ok(proof)
    }

    /// What a stream that listens goes on by, once its request was admitted. There is none for an answer,
    /// which runs to its own end.
    pub fn standing(&self, permit: &Permit, headers: &HeaderMap) -> Option<Standing> {
        let listens = |method| matches!(method, Mcp::OpenStream | Mcp::SubscriptionsListen);
        if !permit.calls().iter().any(|call| listens(call.method())) {
            return None;
        }
        let token = permit.caller().shared_token();
        let generation = self.seen.generation_of(&token.hash());
        let by = match generation.zip(self.trusted.keys_of(&token)) {
            Some((generation, keys)) => By::Keys(Arc::clone(keys), generation),
            None => AccessToken::try_from(present(headers, None))
                .map_or(By::Nothing, |token| By::Text(token.keep())),
        };
        Some(Standing { asked: permit.asked(), token, by })
    }

    /// Until when a stream may go on: by what its token says, what its issuer says now, and what the policy
    /// says now. `None` where it may not any longer.
    pub async fn stands(&self, standing: &Standing) -> Option<UnixTime> {
        let Standing { asked, token: before, by } = standing;
        let token = match by {
            By::Keys(keys, generation) => {
                let is_accepted = self.trusted.would_accept(before, keys, *generation);
                is_accepted.then(|| Arc::clone(before))?
            }
            By::Text(text) => self.verified(&text.presented(), None).await.ok()?.0,
            By::Nothing => return None,
        };
        // Whose possession was proven when the stream began.
        let is_same = token.confirmation() == before.confirmation();
        asked.may_go_on(&self.policy, &token, self.now()).ok().filter(|()| is_same)?;
        Some(token.expires())
    }

    /// The answer to a request that is denied.
    pub fn answer(&self, denial: &Denial) -> Response<Bytes> {
        denial.respond(&self.resource, &self.policy)
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("resource", self.resource.resource())
            .field("trusted", &self.trusted)
            .finish_non_exhaustive()
    }
}
