//! `portcullis policy explain`: what becomes of an operation, without a network.
//!
//! Nothing is explained by other means than it is decided by. The claims are signed with a key made on the
//! spot, verified under what the server expects of their issuer, and the operation is read and judged like one
//! that came from a client. Only whether the issuer's own signature is good is left out.

use std::error::Error;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use portcullis_core::bearer::{AccessToken, present};
use portcullis_core::decide::{Permit, decide};
use portcullis_core::denial::Denial;
use portcullis_core::error::Failure;
use portcullis_core::jws::Algorithm;
use portcullis_core::keys::KeySet;
use portcullis_core::operation::{Limits, Operation};
use portcullis_core::proof::{Caller, Evidence, confirm};
use portcullis_core::scope::{Role, Scope};
use portcullis_core::time::UnixTime;
use portcullis_core::token::Unverified;
use portcullis_resource::clock::{Clock, SystemClock};
use serde_json::{Map, Value, json};

use super::{CommandError, configured};
use crate::args::Explain;
use crate::config::server::Server;
use crate::made_key::MadeKey;
use crate::observe::mend::Explained;
use crate::observe::{About, Metrics, Moment, Noted, Observer};

/// No file with claims is longer than a token could be.
const MAX_FILE: u64 = 64 * 1024;

/// Says what becomes of the operation.
pub fn run(asked: &Explain) -> Result<String, CommandError> {
    let (_, config) = configured(&asked.config)?;
    let misuse = |text: String| CommandError::Misuse(text);
    let name = asked.server.as_str();
    let server = config.servers.iter().find(|server| server.name.as_str() == name);
    let server = server.ok_or_else(|| {
        let names: Vec<&str> = config.servers.iter().map(|server| server.name.as_str()).collect();
        misuse(format!("there is no server {name:?}; there is: {}", names.join(", ")))
    })?;
    let claimed = Claimed::read(asked, server)?;
    let body = message(asked)?;
    let now = SystemClock.now();
    let judged = judge(server, &claimed, &body, now).map_err(|error| misuse(error.to_string()))?;
    let said = Said::of(server, judged, now);
    Ok(if asked.json { said.to_json() } else { said.to_text(&claimed.filled) })
}

/// What a token says, and what it was made to say for the sake of the explanation.
struct Claimed {
    /// The type in its header.
    typ: Value,
    claims: Map<String, Value>,
    filled: Vec<&'static str>,
}

impl Claimed {
    fn read(asked: &Explain, server: &Server) -> Result<Claimed, CommandError> {
        match (&asked.claims, &asked.token) {
            (Some(path), _) => {
                let claims = object(&read(path)?, "the file of claims")?;
                Ok(Claimed { typ: "at+jwt".into(), claims, filled: Vec::new() }.filled(server))
            }
            (None, Some(path)) => {
                let text = read(path)?;
                let mut parts = text.trim().split('.');
                let mut part = |what| {
                    let part = parts.next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
                    let part = part.and_then(|part| String::from_utf8(part).ok());
                    let part = part.ok_or_else(|| CommandError::Misuse(not_a_jwt(path)))?;
                    object(&part, what)
                };
                let header = part("the header of the token")?;
                let claims = part("the claims of the token")?;
                let typ = header.get("typ").cloned().unwrap_or_default();
                Ok(Claimed { typ, claims, filled: Vec::new() })
            }
            (None, None) => Err(CommandError::Misuse("--claims or --token is missing".to_owned())),
        }
    }

    /// With what every token has, where the claims leave it out.
    fn filled(mut self, server: &Server) -> Claimed {
        let now = SystemClock.now();
        let hour = Duration::from_secs(3600);
        let only = match &*server.tokens {
            [only] => Some(json!(only.issuer.issuer.as_str())),
            _ => None,
        };
        for (name, value) in [
            ("iss", only),
            ("aud", Some(json!(server.resource().as_str()))),
            ("exp", Some(json!(now.plus(hour).as_secs()))),
            ("sub", Some(json!("somebody"))),
        ] {
            if let (false, Some(value)) = (self.claims.contains_key(name), value) {
                self.claims.insert(name.to_owned(), value);
                self.filled.push(name);
            }
        }
        self
    }
}

fn not_a_jwt(path: &Path) -> String {
    format!("{}: not a JWT, and only its issuer could say what it means", path.display())
}

fn read(path: &Path) -> Result<String, CommandError> {
    let system = |error| CommandError::System { what: "the file cannot be read", error };
    if std::fs::metadata(path).map_err(system)?.len() > MAX_FILE {
        return Err(CommandError::Misuse(format!("{}: too long", path.display())));
    }
    std::fs::read_to_string(path).map_err(system)
}

fn object(text: &str, what: &str) -> Result<Map<String, Value>, CommandError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(CommandError::Misuse(format!("{what}: not a JSON object"))),
    }
}

/// The operation as a client would send it.
fn message(asked: &Explain) -> Result<String, CommandError> {
    let (method, target) = match asked.operation.as_slice() {
        [method] => (method, None),
        [method, target] => (method, Some(target)),
        _ => return Err(CommandError::Misuse("METHOD, or METHOD and TARGET".to_owned())),
    };
    let mut params = Map::new();
    if let Some(target) = target {
        let member = match method.split_once('/').map_or(method.as_str(), |(head, _)| head) {
            "resources" => "uri",
            "tasks" => "taskId",
            _ => "name",
        };
        params.insert(member.to_owned(), json!(target));
    }
    if let Some(arguments) = &asked.arguments {
        params.insert("arguments".to_owned(), Value::Object(object(arguments, "--arguments")?));
    }
    Ok(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string())
}

type Judged = Result<Permit, Box<Denial>>;

/// The way of one request, but for the network.
fn judge(
    server: &Server,
    claimed: &Claimed,
    body: &str,
    now: UnixTime,
) -> Result<Judged, Box<dyn Error>> {
    let key = MadeKey::generate()?;
    let header = json!({ "alg": "ES256", "typ": claimed.typ, "kid": MadeKey::KID });
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let claims = Value::Object(claimed.claims.clone()).to_string();
    let token = key.sign(&format!("{}.{}", part(header.to_string()), part(claims)))?;
    let authorization = HeaderValue::from_str(&format!("Bearer {token}"))?;
    let mut headers = HeaderMap::from_iter([(AUTHORIZATION, authorization)]);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let caller = match identify(server, &headers, &key.to_jwks()?, now) {
        Ok(caller) => caller,
        Err(failure) => return Ok(Err(Box::new(Denial::before_reading(failure, &headers)))),
    };
    let body = Bytes::copy_from_slice(body.as_bytes());
    let read = Operation::read(&http::Method::POST, &headers, body, Limits::default());
    Ok(match read {
        Ok(operation) => decide(&server.policy, caller, operation, now).map_err(Box::new),
        Err(malformed) => Err(Box::new(Denial::from(malformed).with_caller(caller))),
    })
}

fn identify(
    server: &Server,
    headers: &HeaderMap,
    jwks: &str,
    now: UnixTime,
) -> Result<Caller, Failure> {
    let token = AccessToken::try_from(present(headers, None))?;
    let unverified = Unverified::of(&token)?;
    let accepted = server.expectation_of(unverified.issuer()).ok_or(Failure::UnknownIssuer)?;
    let expectation = accepted.expectation.as_ref().clone().algorithms([Algorithm::ES256]);
    let keys = KeySet::parse(expectation.issuer().clone(), jwks.as_bytes());
    let keys = keys.map_err(|_| Failure::UnknownIssuer)?;
    let verified = unverified.verify(&keys, &Arc::new(expectation), now)?;
    Ok(confirm(Arc::new(verified), &token, Evidence::None)?)
}

/// The decision in words.
struct Said {
    is_allowed: bool,
    status: u16,
    class: Option<&'static str>,
    /// `FILE:LINE` of each rule that allowed it.
    rules: Vec<String>,
    /// The scopes that would turn it.
    scopes: Vec<String>,
    why: Option<String>,
    caller: Option<String>,
}

impl Said {
    fn of(server: &Server, judged: Judged, now: UnixTime) -> Said {
        let denial = match judged {
            Ok(permit) => return Said::allowed(server, &permit),
            Err(denial) => denial,
        };
        let started = Moment::since_epoch(Duration::from_secs(now.as_secs()));
        let observer = Observer::new(Metrics::new(started, || 0), None);
        let watched = observer.watch(server);
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let about = About {
            at: started,
            request: "",
            client,
            server: &watched,
            latency: Duration::ZERO,
            span: None,
        };
        let why = Explained::of(&Noted::denied(about, &denial)).map(|why| why.to_string());
        let scopes = match denial.failure() {
            Failure::InsufficientScope(scopes) => scopes.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        Said {
            is_allowed: false,
            status: denial.status().as_u16(),
            class: Some(denial.failure().label()),
            rules: Vec::new(),
            scopes,
            why,
            caller: denial.caller().map(who),
        }
    }

    fn allowed(server: &Server, permit: &Permit) -> Said {
        let written = |place| server.rule(place).map(ToString::to_string);
        Said {
            is_allowed: true,
            status: 200,
            class: None,
            rules: permit.rules().iter().copied().filter_map(written).collect(),
            scopes: Vec::new(),
            why: None,
            caller: Some(who(permit.caller())),
        }
    }

    fn to_text(&self, filled: &[&str]) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = if self.is_allowed {
            let by = if self.rules.is_empty() { "no rule is needed" } else { "by" };
            writeln!(text, "allowed  {by} {}", self.rules.join(", "))
        } else {
            let why = self.why.as_deref().unwrap_or_default();
            writeln!(text, "denied   {}  {why}", self.status)
        };
        if !self.scopes.is_empty() {
            let _ = writeln!(text, "with     {}", self.scopes.join(" "));
        }
        if let Some(caller) = &self.caller {
            let _ = writeln!(text, "caller   {caller}");
        }
        if !filled.is_empty() {
            let _ = writeln!(text, "assumed  {}", filled.join(", "));
        }
        text
    }

    fn to_json(&self) -> String {
        let said = json!({
            "decision": if self.is_allowed { "allowed" } else { "denied" },
            "status": self.status,
            "class": self.class,
            "rules": self.rules,
            "scopes": self.scopes,
            "why": self.why,
            "caller": self.caller,
        });
        format!("{said}\n")
    }
}

/// Who asks, and with what.
fn who(caller: &Caller) -> String {
    let token = caller.token();
    let name = token.subject().or(token.client_id()).unwrap_or_default();
    let scopes: Vec<&str> = token.scopes().iter().map(Scope::as_str).collect();
    let roles: Vec<&str> = token.roles().iter().map(Role::as_str).collect();
    let list = |list: Vec<&str>| if list.is_empty() { "none".to_owned() } else { list.join(" ") };
    format!("{name} of {}; scopes {}; roles {}", token.issuer(), list(scopes), list(roles))
}
