//! Spans on their way to the collector: gathered, and sent a batch at a time.
//!
//! Nothing waits for the collector. What it does not take, or not in time, is dropped and counted, and never sent
//! again; the log says when that begins and when it is over.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{HeaderName, Method};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::Instant;

use super::BadGateway;
use super::random;
use super::upstream::Upstream;
use crate::config::gateway::Telemetry;
use crate::config::server::{HttpUpstream, Transport, UpstreamTimeouts, UpstreamTls};
use crate::observe::trace::{Ended, Finished, Queued, Tracer, refused, to_export};

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// So many spans are sent together, or fewer where the first of them has waited so long.
const BATCH: usize = 512;
const WAIT: Duration = Duration::from_secs(5);

const TIMEOUTS: UpstreamTimeouts =
    UpstreamTimeouts { connect: Duration::from_secs(5), answer: Duration::from_secs(10) };

/// Of the answer, which says how many spans were not taken, so much is read.
const ANSWER: usize = 64 << 10;

/// Whoever sends spans.
struct Exporter {
    ended: Ended,
    collector: Upstream,
    headers: Vec<(HeaderName, HeaderValue)>,
    is_failing: bool,
}

/// Begins to send spans, within the runtime that this is called in, for as long as there is the tracer.
pub(super) fn start(telemetry: &Telemetry) -> Result<Tracer, BadGateway> {
    let collector = Upstream::new(&HttpUpstream {
        url: telemetry.endpoint.clone(),
        transport: Transport::Streamable,
        tls: UpstreamTls { ca: telemetry.ca.clone(), ..UpstreamTls::default() },
        timeouts: TIMEOUTS,
        add: Vec::new(),
        forward: Vec::new(),
    })?;
    let (tracer, ended) = Tracer::new(random::fill);
    let headers = telemetry.request_headers.clone();
    tokio::spawn(Exporter { ended, collector, headers, is_failing: false }.run());
    Ok(tracer)
}

impl Exporter {
    async fn run(mut self) {
        while let Some(first) = self.ended.next().await {
            let (mut batch, mut waiting) = (Vec::new(), None);
            let until = Instant::now() + WAIT;
            let mut next = Some(first);
            while let Some(queued) = next {
                match queued {
                    Queued::Span(span) => batch.push(*span),
                    Queued::Flush(done) => waiting = Some(done),
                }
                if waiting.is_some() || batch.len() >= BATCH {
                    break;
                }
                next = tokio::time::timeout_at(until, self.ended.next()).await.ok().flatten();
            }
            if !batch.is_empty() {
                self.send(batch).await;
            }
            // Who waits learns of it by this.
            drop(waiting);
        }
    }

    async fn send(&mut self, batch: Vec<Finished>) {
        let spans = batch.len() as u64;
        let counts = self.ended.counts();
        match self.delivered(batch).await {
            Ok(refused) => {
                let refused = refused.min(spans);
                counts.exported(spans - refused);
                counts.not_taken(refused);
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("the collector takes spans again");
                }
            }
            Err(why) => {
                counts.not_taken(spans);
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(%why, "the collector does not take spans; they are dropped");
                }
            }
        }
    }

    /// Sends them once, and answers how many of them were not taken.
    async fn delivered(&self, batch: Vec<Finished>) -> Result<u64, String> {
        let mut headers: HeaderMap = self.headers.iter().cloned().collect();
        headers.insert(CONTENT_TYPE, PROTOBUF);
        let sent = self.collector.send(Method::POST, None, headers, to_export(batch)).await;
        let answer = sent.map_err(|failure| failure.to_string())?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("it answers {status}"));
        }
        let body = Limited::new(answer.into_body(), ANSWER).collect();
        match tokio::time::timeout(TIMEOUTS.answer, body).await {
            Ok(Ok(body)) => Ok(refused(&body.to_bytes())),
            // It said that it has them.
            _ => Ok(0),
        }
    }
}
