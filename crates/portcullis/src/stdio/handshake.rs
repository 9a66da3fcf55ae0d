//! What the gateway says itself to a process that several clients will ask.

use std::sync::Arc;

use portcullis_core::operation::{Era, Method, RequestId};
use serde_json::json;
use tokio::time::Instant;

use super::answer::{INVALID_PARAMS, METHOD_NOT_FOUND, only_answer};
use super::link::{Asking, End, Link, Manner, Sign};
use super::message::{self, Message};
use super::stream::{Kind, Stream};

/// The revision that a shared process of the older kind is asked for.
const NEWEST_LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

/// Makes a process ready, or says why it is of no use.
pub(super) async fn shake(link: &Arc<Link>) -> Result<(), End> {
    match link.manner {
        Manner::Session => Ok(()),
        Manner::Person | Manner::Everyone(Era::Modern) => discover(link).await,
        Manner::Everyone(Era::Legacy) => initialize(link).await,
    }
}

/// The question whether a server speaks 2026-07-28, which changes nothing there.
pub(super) fn discovery() -> String {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": ourselves(),
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": 0, "method": "server/discover", "params": { "_meta": meta } })
        .to_string()
}

/// Finds out whether the server speaks 2026-07-28, as its stdio chapter has it: some older servers would run
/// a request before they were initialized, and others would end. `-32601` and `-32602` are what the chapter
/// knows older servers by; it forbids to take no other answer for one.
async fn discover(link: &Arc<Link>) -> Result<(), End> {
    match ask(link, &discovery(), Method::ServerDiscover).await {
        Some(answer) => match Message::of(&answer).map(|answer| answer.error()) {
            Some(None | Some(-32022..=-32020)) => Ok(()),
            Some(Some(METHOD_NOT_FOUND | INVALID_PARAMS)) => Err(End::Legacy(Sign::Unknown)),
            Some(Some(_)) | None => Err(End::Legacy(Sign::Otherwise)),
        },
        None => Err(End::Legacy(Sign::Silent)),
    }
}

/// Begins the one conversation that a process of the older revisions has, for all who are to share it. None of
/// them could answer for the others, so the process is told of a client without capabilities.
async fn initialize(link: &Arc<Link>) -> Result<(), End> {
    let params = json!({
        "protocolVersion": NEWEST_LEGACY,
        "capabilities": {},
        "clientInfo": ourselves(),
    });
    let question = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let answer = ask(link, &question.to_string(), Method::Initialize).await;
    let answer = answer.as_deref().and_then(Message::of);
    let Some(result) = answer.as_ref().and_then(Message::result) else {
        return Err(End::NotStarted("it does not answer initialize with a result".into()));
    };
    let _ = link.greeting.set(result.get().into());
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let place = link.place().await;
    let place = place.map_err(|_| End::NotStarted("it does not read".into()))?;
    place.send(vec![message::line(initialized.into())]);
    Ok(())
}

fn ourselves() -> serde_json::Value {
    json!({ "name": "portcullis", "version": env!("CARGO_PKG_VERSION") })
}

/// The answer of the process to a question of ours; `None` where it gives none.
async fn ask(link: &Arc<Link>, question: &str, method: Method) -> Option<String> {
    let message = Message::of(question)?;
    let asking = Asking {
        message: &message,
        id: &RequestId::Number(0),
        method,
        guest: None,
        until: Instant::now() + link.limits.start,
    };
    let stream = Arc::new(Stream::of_answers(1, false));
    let place = link.place().await.ok()?;
    let (_exchange, lines) = link.ask(&[asking], Arc::clone(&stream), None).ok()?;
    place.send(lines);
    let answer = only_answer(&stream).await?;
    let is_theirs = matches!(answer.kind, Kind::Answer { is_ours: false, .. });
    is_theirs.then(|| String::from_utf8(answer.message.to_vec()).ok()).flatten()
}
