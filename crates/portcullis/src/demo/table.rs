//! What the demo judges: requests with good, bad and misused tokens, all made on the spot.
//!
//! Bodies are written out as the text that goes over the wire, since some of them are refused for
//! being JSON that two readers would read differently.

use std::error::Error;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use portcullis_core::time::UnixTime;
use serde_json::{Value, json};

use super::{ISSUER, RESOURCE};
use crate::made_key::MadeKey;

const MODERN: &str = "2026-07-28";
const READ_FILE: &str = r#"{"name":"read_file"}"#;
const WRITE_FILE: &str = r#"{"name":"write_file"}"#;

/// An access token (RFC 9068).
fn signed(key: &MadeKey, claims: &Claims) -> Result<String, Box<dyn Error>> {
    key.sign(&unsigned("ES256", claims))
}

/// The first two parts of a token.
fn unsigned(algorithm: &str, claims: &Claims) -> String {
    let header = json!({ "alg": algorithm, "typ": "at+jwt", "kid": MadeKey::KID });
    [header.to_string(), claims.to_json().to_string()]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".")
}

/// Who gets a token, and in which words.
struct Claims {
    issuer: &'static str,
    audience: &'static str,
    scope: &'static str,
    expires: UnixTime,
}

impl Claims {
    fn to_json(&self) -> Value {
        json!({
            "iss": self.issuer, "aud": self.audience, "sub": "alice", "client_id": "demo-client",
            "scope": self.scope, "exp": self.expires.as_secs(),
        })
    }
}

/// How a request shows who is asking.
struct Credential {
    name: &'static str,
    headers: Vec<HeaderValue>,
    target: Uri,
}

impl Credential {
    /// An `Authorization` header for each token.
    fn in_headers(name: &'static str, tokens: &[&str]) -> Result<Self, Box<dyn Error>> {
        let header = |token: &&str| {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
            value.set_sensitive(true);
            Ok::<_, Box<dyn Error>>(value)
        };
        let headers = tokens.iter().map(header).collect::<Result<_, _>>()?;
        Ok(Credential { name, headers, target: Uri::from_static(RESOURCE) })
    }

    /// Where no token belongs (RFC 6750 section 5.3).
    fn in_query(name: &'static str, token: &str) -> Result<Self, Box<dyn Error>> {
        let target = Uri::try_from(format!("{RESOURCE}?access_token={token}"))?;
        Ok(Credential { name, headers: Vec::new(), target })
    }
}

struct Credentials {
    reader: Credential,
    writer: Credential,
    /// Each with one thing wrong.
    misused: Vec<Credential>,
}

fn mint(key: &MadeKey, now: UnixTime) -> Result<Credentials, Box<dyn Error>> {
    let hour = now.plus(Duration::from_secs(3600));
    let good = || Claims { issuer: ISSUER, audience: RESOURCE, scope: "files:read", expires: hour };
    let reader = &*signed(key, &good())?;
    let writer = &*signed(key, &Claims { scope: "files:read files:write", ..good() })?;
    let stranger = &*signed(key, &Claims { issuer: "https://evil.example.net", ..good() })?;
    let misdirected =
        &*signed(key, &Claims { audience: "https://other.example.com/mcp", ..good() })?;
    let expired = &*signed(key, &Claims { expires: now.minus(Duration::from_secs(60)), ..good() })?;
    let unsigned = &*format!("{}.", unsigned("none", &good()));
    let forged = &*signed(&MadeKey::generate()?, &good())?;
    Ok(Credentials {
        reader: Credential::in_headers("reader", &[reader])?,
        writer: Credential::in_headers("writer", &[writer])?,
        misused: vec![
            Credential::in_headers("none", &[])?,
            Credential::in_headers("two headers", &[reader, writer])?,
            Credential::in_query("in the query", reader)?,
            Credential::in_headers("other issuer", &[stranger])?,
            Credential::in_headers("bad audience", &[misdirected])?,
            Credential::in_headers("expired", &[expired])?,
            Credential::in_headers("alg none", &[unsigned])?,
            Credential::in_headers("forged", &[forged])?,
        ],
    })
}

/// A request of the table.
pub(super) struct Entry {
    pub(super) title: &'static str,
    pub(super) credential: &'static str,
    pub(super) request: Request<Bytes>,
}

impl Entry {
    fn new(title: &'static str, credential: &Credential, body: String) -> Self {
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = credential.target.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(credential.headers.iter().map(|value| (AUTHORIZATION, value.clone())));
        Entry { title, credential: credential.name, request }
    }

    /// With the headers by which a client of 2026-07-28 says what its body calls.
    fn mirroring(mut self, tool: &'static str) -> Self {
        let headers =
            [("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", tool)];
        let headers = headers
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        self.request.headers_mut().extend(HeaderMap::from_iter(headers));
        self
    }
}

/// Requests that have something in common, and what that is.
pub(super) type Section = (&'static str, Vec<Entry>);

/// Everything that is asked, by what comes of it.
pub(super) fn requests(key: &MadeKey, now: UnixTime) -> Result<Vec<Section>, Box<dyn Error>> {
    let Credentials { reader, writer, misused } = mint(key, now)?;
    let misused =
        misused.iter().map(|misused| Entry::new("tools/call read_file", misused, call(READ_FILE)));
    Ok(vec![
        ("Allowed", allowed(&reader, &writer)),
        ("Refused for what was shown (steps 1 to 4: bearer, token)", misused.collect()),
        ("Refused for meaning two things (step 5: operation)", ambiguous(&writer)),
        ("Refused by the policy (step 6: decide)", beyond(&reader, &writer)),
    ])
}

fn allowed(reader: &Credential, writer: &Credential) -> Vec<Entry> {
    vec![
        Entry::new("tools/list", reader, message("tools/list", "{}")),
        Entry::new("tools/call read_file", reader, call(READ_FILE)),
        Entry::new("tools/call read_file of 2026-07-28", reader, modern("read_file"))
            .mirroring("read_file"),
        Entry::new("tools/call find path=/public/notes", reader, find("/public/notes")),
        Entry::new("resources/read file:///public/a.txt", reader, resource("file:///public/a.txt")),
        Entry::new("tools/call write_file", writer, call(WRITE_FILE)),
    ]
}

/// By a caller who may do either, so that it is not for the policy to refuse them.
fn ambiguous(writer: &Credential) -> Vec<Entry> {
    let twice = r#"{"name":"read_file","name":"write_file"}"#;
    let alike = r#"{"name":"read_file","Name":"write_file"}"#;
    vec![
        Entry::new("tools/call with two names", writer, call(twice)),
        Entry::new("tools/call with `Name` by `name`", writer, call(alike)),
        Entry::new("header read_file, body write_file", writer, modern("write_file"))
            .mirroring("read_file"),
    ]
}

fn beyond(reader: &Credential, writer: &Credential) -> Vec<Entry> {
    // A batch names no revision: 2025-03-26, the only one that has them, had no header for it.
    let second = call(r#"{"name":"delete_file"}"#).replacen(r#""id":1"#, r#""id":2"#, 1);
    let batch = format!("[{},{second}]", call(READ_FILE));
    vec![
        Entry::new("tools/call write_file", reader, call(WRITE_FILE)),
        Entry::new("batch of read_file, delete_file", reader, batch),
        Entry::new("tools/call find path=/private/notes", reader, find("/private/notes")),
        Entry::new(
            "resources/read file:///public/%2e%2e",
            writer,
            resource("file:///public/%2e%2e"),
        ),
    ]
}

fn message(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

fn call(params: &str) -> String {
    message("tools/call", params)
}

fn modern(tool: &str) -> String {
    let meta = format!(r#"{{"io.modelcontextprotocol/protocolVersion":"{MODERN}"}}"#);
    call(&format!(r#"{{"name":"{tool}","_meta":{meta}}}"#))
}

fn find(path: &str) -> String {
    call(&format!(r#"{{"name":"find","arguments":{{"path":"{path}"}}}}"#))
}

fn resource(uri: &str) -> String {
    message("resources/read", &format!(r#"{{"uri":"{uri}"}}"#))
}
