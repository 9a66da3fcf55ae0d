//! Clients with tokens of their own, who ask by way of permits.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use portcullis::rewrite::Outgoing;
use portcullis::stdio::{Accept, Body, Counts, Dropped, Limits, Settings, Stdio, Unavailable};
use portcullis_core::bearer::{AccessToken, present};
use portcullis_core::decide::{Permit, decide};
use portcullis_core::id::{Issuer, ResourceId};
use portcullis_core::keys::KeySet;
use portcullis_core::operation::{self, Operation};
use portcullis_core::policy::Policy;
use portcullis_core::proof::{Evidence, confirm};
use portcullis_core::secret::Secret;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Unverified};
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims_with};

use crate::server;
use tokio::time::Instant;

/// Long for a test, and short for whoever waits for it to fail.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What is to come soon, or the test fails.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it takes too long")
}

/// Settings of the server of these tests.
pub fn settings(kind: &str) -> Settings {
    let mut settings = Settings::new("test", server::command());
    settings.env.insert(server::SERVE.to_owned(), Secret::new(kind.to_owned()));
    settings.limits = Limits { grace: PATIENCE, ..Limits::default() };
    settings
}

/// A server, and what is counted of it.
#[derive(Debug)]
pub struct Started {
    stdio: Stdio,
    counts: Arc<Counts>,
}

impl Started {
    pub fn dropped(&self) -> Dropped {
        self.counts.so_far()
    }
}

impl std::ops::Deref for Started {
    type Target = Stdio;

    fn deref(&self) -> &Stdio {
        &self.stdio
    }
}

/// A server with these settings. Its random bytes count up.
pub fn start(settings: Settings) -> Started {
    let count = AtomicU64::new(1);
    let counts = Arc::<Counts>::default();
    let stdio = Stdio::new(settings, Arc::clone(&counts), move |bytes| {
        let next = count.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes[..8].copy_from_slice(&next);
    });
    Started { stdio, counts }
}

/// Every request has another token, as after a refresh.
static TOKENS: AtomicU64 = AtomicU64::new(0);

/// A permit for what this person asks.
pub fn permit(person: &str, method: &Method, headers: &HeaderMap, body: &str) -> Permit {
    let (issuer, resource) = (Issuer::parse(ISSUER).unwrap(), ResourceId::parse(AUDIENCE).unwrap());
    let jti = TOKENS.fetch_add(1, Ordering::Relaxed).to_string();
    let claims = match person.strip_prefix("client ") {
        Some(client) => claims_with(&json!({ "sub": null, "client_id": client, "jti": jti })),
        None => claims_with(&json!({ "sub": person, "jti": jti })),
    };
    let bearer = format!("Bearer {}", Signer::new(TestKey::P256).sign(&claims));
    let mut all = headers.clone();
    all.insert("authorization", bearer.parse().unwrap());
    all.insert("content-type", HeaderValue::from_static("application/json"));
    let now = UnixTime::from_secs(NOW);
    let keys = KeySet::parse(issuer.clone(), &testkit::jwks(&[TestKey::P256])).unwrap();
    let expectation = Arc::new(Expectation::new(issuer, resource.clone()));
    let token = AccessToken::try_from(present(&all, None)).unwrap();
    let unverified = Unverified::of(&token).unwrap();
    let verified = unverified.verify(&keys, &expectation, now).unwrap();
    let caller = confirm(Arc::new(verified), &token, Evidence::None).unwrap();
    let body = Bytes::copy_from_slice(body.as_bytes());
    let operation = Operation::read(method, &all, body, operation::Limits::default()).unwrap();
    decide(&Policy::signed_in(resource).build().unwrap(), caller, operation, now).unwrap()
}

/// A client, and its session once it has one.
#[derive(Clone)]
pub struct Client {
    pub stdio: Stdio,
    pub person: String,
    pub session: Option<String>,
    pub accept: &'static str,
    /// When its token ends.
    pub listens_until: Option<Instant>,
}

/// What a client got.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Pin<Box<Body>>,
}

impl Client {
    pub fn new(stdio: &Stdio, person: &str) -> Client {
        Client {
            stdio: stdio.clone(),
            person: person.to_owned(),
            session: None,
            accept: "application/json, text/event-stream",
            listens_until: None,
        }
    }

    /// A client with a session.
    pub async fn in_session(stdio: &Stdio, person: &str) -> Client {
        let mut client = Client::new(stdio, person);
        let reply = client.initialize("2025-11-25").await;
        assert_eq!(reply.status, 200);
        client.session = reply.session();
        assert!(client.session.is_some());
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(client.post(&initialized).await.status, 202);
        client
    }

    pub async fn initialize(&self, revision: &str) -> Reply {
        let params = json!({
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": { "name": "t", "version": "1" },
        });
        self.post(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }))
            .await
    }

    pub fn accepting(&self, accept: &'static str) -> Client {
        Client { accept, ..self.clone() }
    }

    pub async fn ask(
        &self,
        method: &Method,
        headers: &HeaderMap,
        body: &str,
    ) -> Result<Reply, Unavailable> {
        let mut accept = HeaderMap::new();
        accept.insert("accept", HeaderValue::from_static(self.accept));
        let permit = permit(&self.person, method, headers, body);
        let session = self.session.as_deref().map(|session| session.parse().unwrap());
        let outgoing = Outgoing { body: permit.body().clone(), session, name: None };
        let accept = Accept::of(&accept);
        let answer = self.stdio.answer(&permit, &outgoing, accept, self.listens_until);
        soon(answer).await.map(Reply::of)
    }

    /// A message of 2025-11-25 or older.
    pub async fn post(&self, message: &Value) -> Reply {
        self.post_text(&message.to_string()).await
    }

    pub async fn post_text(&self, text: &str) -> Reply {
        self.ask(&Method::POST, &HeaderMap::new(), text).await.unwrap()
    }

    pub async fn try_post(&self, message: &Value) -> Result<Reply, Unavailable> {
        self.ask(&Method::POST, &HeaderMap::new(), &message.to_string()).await
    }

    pub async fn get(&self) -> Reply {
        self.ask(&Method::GET, &HeaderMap::new(), "").await.unwrap()
    }

    pub async fn delete(&self) -> Reply {
        self.ask(&Method::DELETE, &HeaderMap::new(), "").await.unwrap()
    }

    /// Calls a tool; all of the answer.
    pub async fn call(&self, id: impl Into<Value>, tool: &str, arguments: Value) -> Reply {
        self.post(&call(id, tool, arguments)).await
    }

    /// A request of 2026-07-28.
    pub async fn modern(&self, id: impl Into<Value>, method: &str, params: Value) -> Reply {
        self.try_modern(id, method, params).await.unwrap()
    }

    pub async fn try_modern(
        &self,
        id: impl Into<Value>,
        method: &str,
        mut params: Value,
    ) -> Result<Reply, Unavailable> {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        let mut headers = HeaderMap::new();
        headers.insert("mcp-protocol-version", HeaderValue::from_static("2026-07-28"));
        headers.insert("mcp-method", method.parse().unwrap());
        if let Some(name) = params["name"].as_str() {
            headers.insert("mcp-name", name.parse().unwrap());
        }
        let message =
            json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params });
        self.ask(&Method::POST, &headers, &message.to_string()).await
    }

    pub async fn modern_call(&self, id: impl Into<Value>, tool: &str, arguments: Value) -> Reply {
        self.modern(id, "tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// The process that answers.
    pub async fn pid(&self) -> u64 {
        let reply = self.call("pid", "echo", json!({})).await;
        reply.json().await["result"]["pid"].as_u64().unwrap()
    }

    /// What the process has read.
    pub async fn heard(&self) -> Vec<String> {
        let heard = self.call("heard", "heard", json!({})).await.json().await;
        serde_json::from_value(heard["result"].clone()).unwrap()
    }

    /// Until the process has read that.
    pub async fn until_heard(&self, text: &str) {
        soon(async { while !self.heard().await.iter().any(|line| line.contains(text)) {} }).await;
    }

    pub async fn variables(&self) -> BTreeMap<String, String> {
        let told = self.call("env", "environment", json!({})).await.json().await;
        serde_json::from_value(told["result"]["variables"].clone()).unwrap()
    }
}

/// A tool call.
pub fn call(id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": params })
}

impl Reply {
    fn of(response: Response<Body>) -> Reply {
        let (head, body) = response.into_parts();
        Reply { status: head.status, headers: head.headers, body: Box::pin(body) }
    }

    pub fn session(&self) -> Option<String> {
        self.headers.get("mcp-session-id").map(|id| id.to_str().unwrap().to_owned())
    }

    pub fn kind(&self) -> &str {
        self.headers.get("content-type").map_or("", |kind| kind.to_str().unwrap())
    }

    pub async fn text(self) -> String {
        let body = soon(self.body.collect()).await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    /// The whole of a JSON answer.
    pub async fn json(self) -> Value {
        assert_eq!(self.kind(), "application/json");
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The next message of an event stream; `None` at its end.
    pub async fn event(&mut self) -> Option<Value> {
        assert_eq!(self.kind(), "text/event-stream");
        let frame = soon(self.body.frame()).await?.unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        let data = text.strip_prefix("event: message\ndata: ").expect(&text);
        let data = data.strip_suffix("\n\n").expect("the end of an event");
        assert!(!data.contains(['\n', '\r']), "{data:?}");
        Some(serde_json::from_str(data).unwrap())
    }

    /// What comes next on the wire, comments included.
    pub async fn frame(&mut self) -> Bytes {
        soon(self.body.frame()).await.unwrap().unwrap().into_data().unwrap()
    }
}
