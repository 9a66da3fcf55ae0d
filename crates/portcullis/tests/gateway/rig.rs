//! A gateway between an issuer and an upstream whose answers a test decides.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use portcullis::config::outside::Outside;
use portcullis::config::{self, Config, ConfigError};
use portcullis::gateway::{Gateway, Serving};
use portcullis_core::time::UnixTime;
use portcullis_resource::clock::Clock;
use serde_json::{Value, json};
use testkit::server::{Answer, Server, respond};
use testkit::{NOW, Signer, TestKey, claims_with, jwks};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

/// The moment of the tests.
pub struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(NOW)
    }
}

/// One file, and no variables.
struct OneFile(String);

impl Outside for OneFile {
    fn read(&self, _: &Path) -> io::Result<Zeroizing<String>> {
        Ok(Zeroizing::new(self.0.clone()))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn variable(&self, _: &str) -> Option<Zeroizing<String>> {
        None
    }

    fn variables(&self) -> Vec<String> {
        Vec::new()
    }
}

pub fn load(text: &str) -> Result<Config, ConfigError> {
    config::load(Path::new("portcullis.toml"), &OneFile(text.to_owned()))
}

pub fn config(text: &str) -> Config {
    load(text).unwrap_or_else(|error| panic!("{error}"))
}

/// What the upstream was sent.
pub type Requests = Arc<Mutex<Vec<Request<Bytes>>>>;

pub struct Rig {
    pub issuer: Server,
    pub upstream: Server,
    pub requests: Requests,
    pub serving: Serving,
}

/// The public URL. Nobody is at it: the gateway believes its configuration and not `Host`.
pub const PUBLIC: &str = "http://localhost:8080";
pub const RESOURCE: &str = "http://localhost:8080/files/mcp";

/// What the servers of the tests may be asked by whom.
const RULES: &str = r#"
base_scopes = ["files:read"]
[[servers.files.rules]]
allow = ["tools/call read_*", "resources/read file:///public/**"]
[[servers.files.rules]]
allow = ["tools/call *"]
scopes = ["files:write"]
"#;

impl Rig {
    pub async fn start() -> Rig {
        Rig::with("", "", |_| respond(200, &[("content-type", "application/json")], "{}")).await
    }

    /// With an issuer that answers so.
    pub async fn with_issuer(
        answer: impl FnMut(&Request<Bytes>) -> Answer + Send + 'static,
    ) -> Rig {
        let empty =
            |_: &Request<Bytes>| respond(200, &[("content-type", "application/json")], "{}");
        let limits = "[limits]\nfailures_per_address = \"unlimited\"";
        Rig::between(Server::start(answer).await, limits, "", empty).await
    }

    /// With further settings at the top and of the server, and an upstream that answers so.
    pub async fn with(
        top: &str,
        server: &str,
        answer: impl FnMut(&Request<Bytes>) -> Answer + Send + 'static,
    ) -> Rig {
        Rig::between(issuer().await, top, server, answer).await
    }

    async fn between(
        issuer: Server,
        top: &str,
        server: &str,
        mut answer: impl FnMut(&Request<Bytes>) -> Answer + Send + 'static,
    ) -> Rig {
        let requests = Requests::default();
        let seen = Arc::clone(&requests);
        let upstream = Server::start(move |request| {
            seen.lock().unwrap().push(request.clone());
            answer(request)
        })
        .await;
        let text = Rig::text(&issuer, &upstream, top, server);
        Rig { requests, ..Rig::of(issuer, upstream, &text).await }
    }

    /// With this configuration, and an upstream that notes nothing.
    pub async fn of(issuer: Server, upstream: Server, text: &str) -> Rig {
        let serving = Gateway::start(&config(text), Arc::new(Noon)).await.unwrap();
        Rig { issuer, upstream, requests: Requests::default(), serving }
    }

    /// The configuration.
    pub fn text(issuer: &Server, upstream: &Server, top: &str, server: &str) -> String {
        let top = format!("trusted_proxies = [\"loopback\"]\n{top}");
        Rig::text_at(PUBLIC, issuer, upstream, &top, server)
    }

    /// The same for another public URL, and without trusted proxies.
    pub fn text_at(
        public: &str,
        issuer: &Server,
        upstream: &Server,
        top: &str,
        server: &str,
    ) -> String {
        let (issuer, upstream) = (issuer.url(""), upstream.url("/up"));
        format!(
            r#"
public_url = "{public}"
listen = "127.0.0.1:0"
{top}
[issuers.idp]
issuer = "{issuer}"
jwks = "{issuer}/keys"
[servers.files]
path = "/files/mcp"
upstream = "{upstream}"
issuers = ["idp"]
access = "rules"
{server}{RULES}"#
        )
    }

    /// The claims of the issuer's tokens, with these beside the usual ones.
    pub fn claims(&self, claims: &Value) -> Value {
        let usual = json!({ "iss": self.issuer.url(""), "aud": RESOURCE, "scope": "files:read" });
        let mut all = claims_with(&usual);
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    }

    /// A token of the issuer with these claims.
    pub fn token(&self, claims: &Value) -> String {
        Signer::new(TestKey::P256).sign(&self.claims(claims))
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.serving.address()).await
    }

    /// What the upstream was sent last.
    pub fn last(&self) -> Request<Bytes> {
        self.requests.lock().unwrap().last().cloned().unwrap()
    }

    pub fn sent(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// An issuer whose keys are there.
pub async fn issuer() -> Server {
    Server::start(|_| respond(200, &[], jwks(&[TestKey::P256]))).await
}

/// One connection of a client.
pub struct Client(http1::SendRequest<Full<Bytes>>);

impl Client {
    pub async fn connect(address: std::net::SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Client(sender)
    }

    pub async fn send(&mut self, request: Request<Bytes>) -> Response<Incoming> {
        let mut request = request.map(Full::new);
        request.headers_mut().entry("host").or_insert("localhost:8080".parse().unwrap());
        self.0.ready().await.unwrap();
        self.0.send_request(request).await.unwrap()
    }

    pub async fn whole(&mut self, request: Request<Bytes>) -> Response<Bytes> {
        let (head, body) = self.send(request).await.into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }
}

/// A request to the server of the tests.
pub fn post(token: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::builder()
        .method(Method::POST)
        .uri("/files/mcp")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(body.into())
        .unwrap()
}

pub fn call(tool: &str) -> String {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": { "name": tool, "arguments": { "path": "a" } },
    })
    .to_string()
}

pub fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}
