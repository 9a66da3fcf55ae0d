//! What changes between client and upstream, and that nothing else does.
//!
//! * `sealing` – ids that only their owner can use
//! * `requests` – ids on their way up
//! * `lists` – what lists show, in JSON
//! * `caching` – who may keep an answer
//! * `tasks` – ids of tasks on their way down
//! * `events` – all of it in streams, chopped anywhere
//! * `untouched` – answers that pass as they are

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::needless_pass_by_value,
    reason = "tests"
)]

mod caching;
mod events;
mod lists;
mod requests;
mod sealing;
mod tasks;
mod untouched;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use portcullis::rewrite::{BodyError, Exchange, Refused, Treatment};
use portcullis::seal::{Kind, Owner, SealKey, Sealer};
use portcullis_core::bearer::{AccessToken, present};
use portcullis_core::decide::decide;
use portcullis_core::id::Issuer;
use portcullis_core::keys::KeySet;
use portcullis_core::operation::{Limits, Operation};
use portcullis_core::policy::{Listing, Policy, PolicyBuilder, Rule};
use portcullis_core::proof::{Caller, Evidence, confirm};
use portcullis_core::scope::ScopeSet;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Unverified, VerifiedToken};
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims_with, jwks};
use zeroize::Zeroizing;

const SERVER: &str = "files";
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

static SEALER: LazyLock<Arc<Sealer>> = LazyLock::new(|| Arc::new(sealer(&[1])));

/// Seals with the first key and opens with all.
fn sealer(keys: &[u8]) -> Sealer {
    let key = |byte: &u8| SealKey::new(Zeroizing::new([*byte; SealKey::LEN]));
    Sealer::new(&key(&keys[0]), keys[1..].iter().map(key)).unwrap()
}

/// Tokens that were verified before, with the header they came in: streams are chopped at every place.
static VERIFIED: Mutex<BTreeMap<String, Verified>> = Mutex::new(BTreeMap::new());

type Verified = (HeaderMap, Arc<VerifiedToken>);

/// Whoever the claims say, as a caller of the server.
fn caller(claims: &Value) -> Caller {
    let mut verified = VERIFIED.lock().unwrap();
    let (headers, token) = verified.entry(claims.to_string()).or_insert_with(|| verify(claims));
    let presented = AccessToken::try_from(present(headers, None)).unwrap();
    confirm(Arc::clone(token), &presented, Evidence::None).unwrap()
}

fn verify(claims: &Value) -> Verified {
    let token = Signer::new(TestKey::P256).sign(&claims_with(claims));
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let presented = AccessToken::try_from(present(&headers, None)).unwrap();
    let issuer: Issuer = claims["iss"].as_str().unwrap_or(ISSUER).parse().unwrap();
    let keys = KeySet::parse(issuer.clone(), &jwks(&[TestKey::P256])).unwrap();
    let expectation = Expectation::new(issuer, AUDIENCE.parse().unwrap());
    let unverified = Unverified::of(&presented).unwrap();
    let now = UnixTime::from_secs(NOW);
    let verified = unverified.verify(&keys, &Arc::new(expectation), now).unwrap();
    (headers, Arc::new(verified))
}

fn alice() -> Value {
    json!({ "sub": "alice" })
}

fn bob() -> Value {
    json!({ "sub": "bob" })
}

fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

/// Everybody may read and see what is public, and delete with a scope that nobody in these tests has.
fn rules() -> PolicyBuilder {
    let everybody = [
        "tools/call read_*",
        "tools/call caf\u{e9}",
        "prompts/get ask_*",
        "resources/read file:///public/**",
    ];
    let rules = [
        Rule::allow(everybody).unwrap(),
        Rule::allow(["tools/call *"]).unwrap().scopes(scopes("files:delete")),
    ];
    Policy::rules(AUDIENCE.parse().unwrap(), rules).listing(Listing::Allowed)
}

fn signed_in() -> PolicyBuilder {
    Policy::signed_in(AUDIENCE.parse().unwrap())
}

/// The revision whose requests repeat themselves in headers.
const MODERN: &str = "2026-07-28";

/// One allowed request: the message, in the revision, if any, by whoever the claims say.
struct Asked {
    policy: Policy,
    claims: Value,
    revision: Option<&'static str>,
    headers: HeaderMap,
    method: Method,
    body: Bytes,
    /// Upstream serves nobody else.
    is_alone: bool,
    /// Where clients of HTTP+SSE send their messages.
    message_path: Option<&'static str>,
}

impl Asked {
    fn new(policy: PolicyBuilder, body: impl ToString) -> Asked {
        Asked {
            policy: policy.build().unwrap(),
            claims: alice(),
            revision: Some("2025-11-25"),
            headers: HeaderMap::new(),
            method: Method::POST,
            body: body.to_string().into(),
            is_alone: false,
            message_path: None,
        }
    }

    /// A GET.
    fn stream(policy: PolicyBuilder) -> Asked {
        Asked { method: Method::GET, ..Asked::new(policy, "") }
    }

    /// The method without more, in 2026-07-28.
    fn modern(policy: PolicyBuilder, method: &'static str, mut params: Value) -> Asked {
        params["_meta"] = json!({ "io.modelcontextprotocol/protocolVersion": MODERN });
        let name = ["name", "uri", "taskId"].iter().find_map(|name| params[*name].as_str());
        let mut headers = HeaderMap::new();
        headers.insert("mcp-method", HeaderValue::from_static(method));
        if let Some(name) = name {
            headers.insert("mcp-name", name.parse().unwrap());
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        Asked { revision: Some(MODERN), headers, ..Asked::new(policy, body) }
    }

    fn by(self, claims: Value) -> Asked {
        Asked { claims, ..self }
    }

    fn alone(self) -> Asked {
        Asked { is_alone: true, ..self }
    }

    fn in_revision(self, revision: Option<&'static str>) -> Asked {
        Asked { revision, ..self }
    }

    fn with(mut self, name: &'static str, value: &str) -> Asked {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        if self.method == Method::POST {
            headers.insert("content-type", HeaderValue::from_static(JSON));
        }
        if let Some(revision) = self.revision {
            headers.insert("mcp-protocol-version", HeaderValue::from_static(revision));
        }
        headers
    }

    fn exchange(&self) -> Exchange {
        let (headers, body) = (self.headers(), self.body.clone());
        let operation = Operation::read(&self.method, &headers, body, Limits::default()).unwrap();
        let now = UnixTime::from_secs(NOW);
        let permit = decide(&self.policy, caller(&self.claims), operation, now).unwrap();
        let policy = Arc::new(self.policy.clone());
        let exchange = Exchange::new(SERVER.into(), policy, Arc::clone(&SEALER), Arc::new(permit));
        let exchange = match self.message_path {
            Some(path) => exchange.with_message_path(path.into()),
            None => exchange,
        };
        if self.is_alone { exchange.with_own_upstream() } else { exchange }
    }

    fn treatment(&self, media: impl AsRef<[u8]>) -> Result<Treatment, Refused> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_bytes(media.as_ref()).unwrap());
        self.exchange().response(StatusCode::OK, &mut headers)
    }

    /// What the client gets of an answer that comes in these pieces.
    fn answered<T: Into<Bytes>>(
        &self,
        media: impl AsRef<[u8]>,
        pieces: impl IntoIterator<Item = T>,
    ) -> Result<String, Refused> {
        let frames = pieces.into_iter().map(|piece| Ok(piece.into())).collect();
        let treated = at_once(self.treatment(media)?.apply(Frames(frames)));
        let told = treated.and_then(|body| Ok(at_once(body.collect())?.to_bytes()));
        match told {
            Ok(bytes) => Ok(String::from_utf8(bytes.to_vec()).unwrap()),
            Err(BodyError::Refused(refused)) => Err(refused),
            Err(upstream) => panic!("{upstream}"),
        }
    }

    /// What the client gets of one piece of JSON.
    fn told(&self, answer: impl ToString) -> Result<String, Refused> {
        self.answered(JSON, [answer.to_string()])
    }
}

fn request(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn result(result: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "result": result })
}

/// The id as this person gets to see it.
fn sealed(kind: Kind, id: &str, claims: &Value) -> String {
    let caller = caller(claims);
    SEALER.seal(kind, id, &Owner::of(SERVER, caller.token())).unwrap()
}

/// A body whose frames are all there.
struct Frames(VecDeque<io::Result<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.pop_front().map(|frame| frame.map(Frame::data)))
    }
}

/// What a future comes to that waits for nothing.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
