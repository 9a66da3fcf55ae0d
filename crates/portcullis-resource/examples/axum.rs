//! A small MCP server, by hand over axum: everybody keeps notes of his own.
//!
//! ```sh
//! cargo run -p portcullis-resource --example axum -- https://idp.example.com/realms/acme
//! cargo run -p portcullis-resource --example axum
//! ```
//!
//! The first takes the tokens of that issuer for `http://127.0.0.1:8080/mcp`. The second makes an issuer of
//! its own, for trying out, and prints requests with a token that is good for an hour.
#![allow(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use portcullis_resource::testing::TestIssuer;
use portcullis_resource::{Auth, AuthBuilder, Principal};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

/// The notes of everybody.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<HashMap<Person, Vec<String>>>>);

/// Issuer and subject together: issuers do not agree on names.
type Person = (String, String);

/// So many people keep notes, and so many notes does each.
const MOST: usize = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let resource = format!("http://{}/mcp", listener.local_addr()?);
    let auth = if let Some(issuer) = std::env::args().nth(1) {
        policy(&resource).issuer(issuer)
    } else {
        let issuer = TestIssuer::new()?;
        let token = issuer.token(&resource).scopes(["notes:read"]).mint()?;
        show(&resource, &token);
        policy(&resource).issuer(issuer.trusted())
    };
    listen(listener, app(&auth.build()?)).await;
    Ok(())
}

/// Who may call what.
pub fn policy(resource: &str) -> AuthBuilder {
    Auth::resource(resource)
        .name("Notes")
        .base_scopes(["notes:read"])
        .tool("list_notes", [])
        .tool("add_note", ["notes:write"])
}

/// The server as it stands in an application, documents about it included.
pub fn app(auth: &Auth) -> Router {
    let server = Router::new().route("/mcp", post(answer)).with_state(Notes::default());
    auth.protect("/mcp", server)
}

/// Answers one message. Whoever gets here may do what the message asks for.
async fn answer(caller: Principal, State(notes): State<Notes>, body: Bytes) -> Response {
    let Ok(message) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Some(id) = message.get("id") else { return StatusCode::ACCEPTED.into_response() };
    let params = message.get("params").unwrap_or(&Value::Null);
    let outcome = match message.get("method").and_then(Value::as_str) {
        Some("initialize") => Ok(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "notes", "version": "0.1.0" },
        })),
        Some("ping") => Ok(json!({})),
        Some("tools/list") => Ok(json!({ "tools": tools() })),
        Some("tools/call") => Ok(call(&caller, &notes, params)),
        _ => Err(json!({ "code": -32601, "message": "no such method" })),
    };
    let (member, value) = match outcome {
        Ok(result) => ("result", result),
        Err(error) => ("error", error),
    };
    let answer = json!({ "jsonrpc": "2.0", "id": id, member: value }).to_string();
    ([("content-type", "application/json")], answer).into_response()
}

fn tools() -> Value {
    let text = json!({ "type": "object", "properties": { "text": { "type": "string" } } });
    json!([
        { "name": "list_notes", "inputSchema": { "type": "object" } },
        { "name": "add_note", "inputSchema": text },
    ])
}

fn call(caller: &Principal, notes: &Notes, params: &Value) -> Value {
    let person = (caller.issuer().to_string(), caller.subject().unwrap_or_default().to_owned());
    let mut all = notes.0.lock().unwrap_or_else(PoisonError::into_inner);
    let is_full = all.len() >= MOST && !all.contains_key(&person);
    let text = match params.get("name").and_then(Value::as_str) {
        Some("list_notes") => all.get(&person).map_or_else(String::new, |own| own.join("\n")),
        Some("add_note") if !is_full => {
            let own = all.entry(person).or_default();
            let text = params.pointer("/arguments/text").and_then(Value::as_str);
            own.extend(text.filter(|_| own.len() < MOST).map(str::to_owned));
            format!("{} notes", own.len())
        }
        _ => return json!({ "isError": true, "content": [] }),
    };
    json!({ "content": [{ "type": "text", "text": text }] })
}

/// Serves connections over plain HTTP, without waiting for slow ones for ever.
pub async fn listen(listener: TcpListener, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let app = app.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            app.clone().oneshot(request.map(Body::new))
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
        tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
    }
}

fn show(resource: &str, token: &str) {
    let call = |tool| {
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": tool, "arguments": { "text": "hello" } },
        });
        println!(
            "curl -i {resource} -H 'Content-Type: application/json' \\\n  \
             -H 'Authorization: Bearer {token}' \\\n  -d '{call}'\n"
        );
    };
    println!("A call that is let through:\n");
    call("list_notes");
    println!("One that needs the scope notes:write, which this token lacks:\n");
    call("add_note");
}
