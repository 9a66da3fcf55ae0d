//! What tests are made of: a clock, an issuer's word, and a server made with tower-mcp, on a socket.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use portcullis_core::secret::Secret;
use portcullis_core::time::UnixTime;
use portcullis_resource::clock::Clock;
use portcullis_resource::gate::Surroundings;
use portcullis_resource::introspection::{Asking, Introspect};
use portcullis_resource::testing::TestIssuer;
use portcullis_resource::tower_mcp::{Validator, speaker};
use portcullis_resource::{Auth, AuthBuilder, Unavailable};
use serde_json::{Value, json};
use testkit::NOW;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;
use tower_mcp::extract::{Context, RawArgs, State};
use tower_mcp::oauth::{ScopePolicy, TokenClaims};
use tower_mcp::{CallToolResult, HttpTransport, McpRouter, ToolBuilder};

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

    pub fn issuer(&self, name: &str) -> TestIssuer {
        TestIssuer::named(name.parse().unwrap(), Arc::new(self.clone())).unwrap()
    }

    /// The defaults, by this clock.
    pub fn surroundings(&self) -> Surroundings {
        Surroundings { clock: Arc::new(self.clone()), ..Surroundings::default() }
    }
}

impl Clock for Hands {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// An issuer's word about tokens; what it does not know is not active.
#[derive(Default)]
pub struct Words {
    known: Mutex<HashMap<String, Value>>,
    away: AtomicBool,
}

impl Words {
    pub fn say(&self, token: &str, answer: Value) {
        self.known.lock().unwrap().insert(token.to_owned(), answer);
    }

    pub fn away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }
}

impl Introspect for Words {
    fn ask<'a>(&'a self, token: &'a Secret) -> Asking<'a> {
        let answer = self.known.lock().unwrap().get(token.expose()).cloned();
        let answer = answer.unwrap_or_else(|| json!({ "active": false }));
        let answer = if self.away.load(Ordering::Relaxed) {
            let issuer = testkit::ISSUER.parse().unwrap();
            let retry_after = Duration::from_secs(7);
            Err(Unavailable { issuer, reason: "no route".into(), retry_after })
        } else {
            Ok(answer.to_string().into())
        };
        Box::pin(std::future::ready(answer))
    }
}

/// The claims of those who reached the tool.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<TokenClaims>>>);

impl Seen {
    pub fn take(&self) -> Vec<TokenClaims> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A server made with tower-mcp, behind that crate's own OAuth layer.
pub struct House {
    address: SocketAddr,
    pub resource: String,
    pub seen: Seen,
}

/// By what sessions and tasks go.
#[derive(Clone, Copy)]
pub enum By {
    Subject,
    Speaker,
}

impl House {
    pub async fn new(
        by: By,
        scopes: ScopePolicy,
        auth: impl FnOnce(AuthBuilder) -> AuthBuilder,
    ) -> House {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (resource, seen) = (format!("http://{address}/mcp"), Seen::default());
        let auth = auth(Auth::resource(&resource)).build().unwrap();
        let mut server = McpRouter::new().server_info("house", "1.0.0").tool(tool(&seen));
        let (validator, transport) = match by {
            By::Subject => (Validator::by_subject(&auth).unwrap(), HttpTransport::new(server)),
            By::Speaker => {
                server = server.task_owner_resolver(speaker);
                let transport = HttpTransport::new(server).session_principal_resolver(speaker);
                (Validator::by_speaker(&auth).unwrap(), transport)
            }
        };
        let document = validator.metadata();
        let app = transport.into_oauth_router_at("/mcp", validator, document, scopes).unwrap();
        tokio::spawn(serve(listener, app));
        House { address, resource, seen }
    }

    /// The answer to a GET without a token.
    pub async fn get(&self, path: &str) -> Answer {
        let address = self.address;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        self.exchange(request).await
    }

    /// The answer to a message with this token.
    pub async fn post(&self, token: &str, session: Option<&str>, message: &Value) -> Answer {
        let (address, body) = (self.address, message.to_string());
        let session = session.map(|id| format!("mcp-session-id: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\n{session}content-length: {}\r\n\r\n",
            body.len()
        );
        self.exchange(head + &body).await
    }

    /// Calls the tool.
    pub async fn call(&self, token: &str) -> Answer {
        self.post(token, None, &call()).await
    }

    async fn exchange(&self, request: String) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer { head: head.to_owned(), body: body.to_owned() }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut named = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.next().map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub fn call() -> Value {
    let params = json!({ "name": "whoami", "arguments": {} });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
}

/// A tool that notes who calls it.
fn tool(seen: &Seen) -> tower_mcp::Tool {
    let note = |State(seen): State<Seen>, context: Context, RawArgs(_): RawArgs| async move {
        seen.0.lock().unwrap().push(context.extension::<TokenClaims>().unwrap().clone());
        Ok(CallToolResult::text("done"))
    };
    ToolBuilder::new("whoami")
        .description("Who calls.")
        .extractor_handler(seen.clone(), note)
        .build()
}

async fn serve(listener: TcpListener, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let app = app.clone();
        let serve = service_fn(move |request: Request<Incoming>| {
            app.clone().oneshot(request.map(Body::new))
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new());
        tokio::spawn(server.serve_connection(TokioIo::new(stream), serve));
    }
}
