//! A server: reached over HTTP, or started.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use portcullis_core::error::NoAnswer;
use portcullis_core::header::{MCP_METHOD, MCP_PROTOCOL_VERSION};
use portcullis_core::operation::Era;
use tokio::time::timeout;

use super::within;
use crate::config::server::{self, Server};
use crate::gateway::behind::settings;
use crate::gateway::tls::Unusable;
use crate::gateway::upstream::Upstream;
use crate::gateway::{STOP, headers, random};
use crate::rewrite::Media;
use crate::stdio::{self, Stdio};

/// For a process to answer, asked once in each way. It may be one that is fetched first.
const START: Duration = Duration::from_secs(20);

/// A server, and how it is asked.
pub(super) enum Asking {
    Http { upstream: Upstream, add: Vec<(HeaderName, HeaderValue)>, is_sse: bool },
    Stdio { stdio: Stdio, program: String },
}

impl Asking {
    pub(super) fn of(server: &Server) -> Result<Asking, Unusable> {
        Ok(match &server.upstream {
            server::Upstream::Http(http) => Asking::Http {
                upstream: Upstream::new(http)?,
                add: http.add.clone(),
                is_sse: http.transport == server::Transport::Sse,
            },
            server::Upstream::Stdio(process) => {
                let settings = settings(server.name.as_str(), process);
                let limits = stdio::Limits { start: START, ..settings.limits };
                let settings = stdio::Settings { limits, ..settings };
                let stdio = Stdio::new(settings, Arc::default(), random::fill);
                Asking::Stdio { stdio, program: process.program.clone() }
            }
        })
    }

    pub(super) async fn answer(self) -> Result<String, String> {
        match self {
            Asking::Http { upstream, add, is_sse } => {
                within(of_upstream(&upstream, &add, is_sse)).await
            }
            Asking::Stdio { stdio, program } => {
                let outcome = of_process(&stdio).await;
                outcome.map_err(|error| format!("{program}: {error}"))
            }
        }
    }
}

/// Starts it, asks what it speaks, and ends it.
async fn of_process(stdio: &Stdio) -> Result<String, String> {
    // Each of the two ways has its own end; this is for what hangs beyond them.
    let tried = timeout(START * 2 + STOP, stdio.try_out()).await;
    stdio.shutdown(STOP).await;
    match tried {
        Ok(Ok(Era::Modern)) => Ok("starts, and speaks 2026-07-28".to_owned()),
        Ok(Ok(Era::Legacy)) => Ok("starts, and speaks 2025-11-25 or older".to_owned()),
        Ok(Err(reason)) => {
            Err(format!("{reason}: see \"command\", \"cwd\" and \"env\", and try it by hand"))
        }
        Err(_) => Err("it starts and answers nothing: try it by hand".to_owned()),
    }
}

/// Asks what a server speaks (2026-07-28), which one of the older revisions refuses: it is there all the same. Of
/// HTTP+SSE the stream is opened, and left.
async fn of_upstream(
    upstream: &Upstream,
    add: &[(HeaderName, HeaderValue)],
    is_sse: bool,
) -> Result<String, String> {
    let (method, question, body) = if is_sse {
        (Method::GET, "GET", String::new())
    } else {
        (Method::POST, "server/discover", stdio::discovery())
    };
    let mut headers = HeaderMap::new();
    let accept = if is_sse { "text/event-stream" } else { "application/json, text/event-stream" };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    if !is_sse {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(MCP_PROTOCOL_VERSION, HeaderValue::from_static("2026-07-28"));
        headers.insert(MCP_METHOD, HeaderValue::from_static(question));
    }
    let headers = headers::upstream(&headers, &[], add);
    let answer = upstream.send(method, None, headers, body.into()).await.map_err(|failure| {
        let way_out = match &failure {
            NoAnswer::Unreachable(_) => "see that it runs, and \"upstream\" and \"upstream_tls\"",
            NoAnswer::Timeout => "see that it answers",
            NoAnswer::Refused(_) => {
                "give it a credential by \"upstream_headers.add\" or \"upstream_tls\""
            }
            _ => "name in \"upstream\" where it really is",
        };
        format!("{failure}: {way_out}")
    })?;
    let (status, media) = (answer.status(), Media::of(answer.headers()));
    let version = if answer.version() == Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" };
    let said = format!("answers {question} with {} over {version}", status.as_u16());
    match status {
        status if status.is_server_error() => Err(format!("{said}: see its log")),
        StatusCode::NOT_FOUND => Ok(format!("{said}; is the path of \"upstream\" right?")),
        status if is_sse && status.is_success() && media != Media::Events => {
            Err(format!("{said}, which is no stream: see \"transport\""))
        }
        _ => Ok(said),
    }
}
