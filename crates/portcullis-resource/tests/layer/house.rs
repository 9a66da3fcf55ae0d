//! What tests are made of: a clock, an issuer's keys, an issuer's word, and a server that notes what
//! reaches it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{Extensions, HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use portcullis_core::id::Issuer;
use portcullis_core::jws::Algorithm;
use portcullis_core::keys::KeySet;
use portcullis_core::secret::Secret;
use portcullis_core::time::UnixTime;
use portcullis_resource::clock::Clock;
use portcullis_resource::gate::Surroundings;
use portcullis_resource::introspection::{Asking, Introspect};
use portcullis_resource::keys::{Finding, Found, Keys};
use portcullis_resource::{Auth, AuthBuilder, IssuerBuilder, Unavailable};
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims_with};
use tower::ServiceExt as _;

/// What `resource_metadata` says of [`AUDIENCE`].
pub const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

/// A clock that stands until it is moved.
#[derive(Clone)]
pub struct Hands(Arc<AtomicU64>);

impl Hands {
    pub fn new() -> Hands {
        Hands(Arc::new(AtomicU64::new(NOW)))
    }

    pub fn forward(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// The defaults, by this clock.
pub fn by(clock: &Hands) -> Surroundings {
    Surroundings { clock: Arc::new(clock.clone()), ..Surroundings::default() }
}

/// An issuer's keys that a test changes.
pub struct Published(Mutex<(Option<u64>, Set)>);

type Set = Option<Found>;

impl Published {
    pub fn of(keys: &[TestKey]) -> Arc<Published> {
        Published::by(ISSUER, keys)
    }

    pub fn by(issuer: &str, keys: &[TestKey]) -> Arc<Published> {
        Arc::new(Published(Mutex::new((Some(0), Some(set(issuer, keys, 0))))))
    }

    pub fn replace(&self, keys: &[TestKey]) {
        let mut now = self.0.lock().unwrap();
        let generation = now.0.unwrap() + 1;
        *now = (Some(generation), Some(set(ISSUER, keys, generation)));
    }

    /// What [`Keys::generation`] says, whatever [`Keys::find`] gives.
    pub fn number(&self, generation: Option<u64>) {
        self.0.lock().unwrap().0 = generation;
    }

    pub fn away(&self) {
        *self.0.lock().unwrap() = (None, None);
    }
}

fn set(issuer: &str, keys: &[TestKey], generation: u64) -> Found {
    let issuer: Issuer = issuer.parse().unwrap();
    let keys = Arc::new(KeySet::parse(issuer, &testkit::jwks(keys)).unwrap());
    Found { keys, generation }
}

pub fn unavailable() -> Unavailable {
    let issuer = ISSUER.parse().unwrap();
    Unavailable { issuer, reason: "no route".into(), retry_after: Duration::from_secs(7) }
}

impl Keys for Published {
    fn generation(&self) -> Option<u64> {
        self.0.lock().unwrap().0
    }

    fn find<'a>(&'a self, _: Option<&'a str>, _: Algorithm) -> Finding<'a> {
        let keys = self.0.lock().unwrap().1.clone();
        Box::pin(std::future::ready(keys.ok_or_else(unavailable)))
    }
}

/// An issuer's word about tokens; what it does not know is not active.
#[derive(Default)]
pub struct Words {
    known: Mutex<HashMap<String, Value>>,
    asked: Mutex<Vec<String>>,
    takes: Option<(Hands, u64)>,
}

impl Words {
    /// Whose answers take so many seconds by this clock.
    pub fn after(clock: &Hands, seconds: u64) -> Words {
        Words { takes: Some((clock.clone(), seconds)), ..Words::default() }
    }

    pub fn say(&self, token: &str, claims: &Value) {
        let mut answer = claims.clone();
        answer.as_object_mut().unwrap().insert("active".into(), true.into());
        self.known.lock().unwrap().insert(token.to_owned(), answer);
    }

    pub fn revoke(&self, token: &str) {
        self.known.lock().unwrap().remove(token);
    }

    /// What it was asked about, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Introspect for Words {
    fn ask<'a>(&'a self, token: &'a Secret) -> Asking<'a> {
        self.asked.lock().unwrap().push(token.expose().to_owned());
        let answer = self.known.lock().unwrap().get(token.expose()).cloned();
        let answer = answer.unwrap_or_else(|| json!({ "active": false }));
        if let Some((clock, seconds)) = &self.takes {
            clock.forward(*seconds);
        }
        Box::pin(std::future::ready(Ok(answer.to_string().into())))
    }
}

/// What reached the server.
#[derive(Clone)]
pub struct Reached {
    pub headers: HeaderMap,
    pub body: Bytes,
    pub extensions: Extensions,
}

/// A server that notes what reaches it, and says `done`.
#[derive(Clone, Default)]
pub struct Inner(Arc<Mutex<Vec<Reached>>>);

impl Inner {
    pub fn reached(&self) -> Vec<Reached> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn forget(&self) {
        self.0.lock().unwrap().clear();
    }

    pub fn service(&self) -> Router {
        let inner = self.clone();
        let service = tower::service_fn(move |request: Request| {
            let inner = inner.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let (headers, extensions) = (head.headers, head.extensions);
                let reached = Reached { headers, body, extensions };
                inner.0.lock().unwrap().push(reached);
                Ok::<_, Infallible>(Response::new(Body::from("done")))
            }
        });
        Router::new().fallback_service(service)
    }
}

/// [`ISSUER`] with these keys.
pub fn issuer(keys: &Arc<Published>) -> IssuerBuilder {
    IssuerBuilder::new(ISSUER).keys(Arc::<Published>::clone(keys))
}

/// A server for [`AUDIENCE`] whose tokens [`ISSUER`] signs with one key.
pub fn auth() -> AuthBuilder {
    let keys = Published::of(&[TestKey::P256]);
    Auth::resource(AUDIENCE).issuer(issuer(&keys)).surroundings(by(&Hands::new()))
}

/// A protected server, and what reaches it.
pub struct House {
    pub app: Router,
    pub inner: Inner,
}

pub fn house(auth: AuthBuilder) -> House {
    let inner = Inner::default();
    let auth = auth.build().unwrap();
    House { app: auth.protect("/mcp", inner.service()), inner }
}

/// A token of [`ISSUER`] with these claims changed.
pub fn token(changes: &Value) -> String {
    Signer::new(TestKey::P256).sign(&claims_with(changes))
}

/// One that is good.
pub fn good() -> String {
    token(&json!({}))
}

/// A JSON-RPC request.
pub fn message(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

pub fn call(tool: &str) -> Value {
    message("tools/call", &json!({ "name": tool, "arguments": {} }))
}

/// A request to be.
pub struct Ask(http::request::Builder, Body);

/// `POST /mcp` with this message.
pub fn post(message: &Value) -> Ask {
    let request = Request::builder().method("POST").uri("/mcp");
    Ask(request.header("content-type", "application/json"), message.to_string().into())
}

pub fn ask(method: &str, uri: &str) -> Ask {
    Ask(Request::builder().method(method).uri(uri), Body::empty())
}

impl Ask {
    pub fn header(self, name: &str, value: &str) -> Ask {
        Ask(self.0.header(name, value), self.1)
    }

    pub fn bearer(self, token: &str) -> Ask {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn body(self, body: impl Into<Body>) -> Ask {
        Ask(self.0, body.into())
    }

    pub fn extension<T: Clone + Send + Sync + 'static>(self, extension: T) -> Ask {
        Ask(self.0.extension(extension), self.1)
    }

    pub async fn of(self, app: &Router) -> Answer {
        let response = self.start(app).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// The answer before its body.
    pub async fn start(self, app: &Router) -> Response {
        app.clone().oneshot(self.0.body(self.1).unwrap()).await.unwrap()
    }
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert_eq!(values.next(), None, "{name} stands twice");
        value
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn challenge(&self) -> Option<&str> {
        self.header("www-authenticate")
    }
}
