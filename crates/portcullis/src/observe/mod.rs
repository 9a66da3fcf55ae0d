//! What the gateway tells, and what it counts.
//!
//! Every request to a server that was judged is [`Noted`], and whoever answers it hands that to
//! [`Observer::note`]: it becomes a line of the audit trail, a count, and a line of the log. (What is answered
//! without a judgement is not: preflights, metadata, paths that are nobody's, what is no HTTP.)
//!
//! * `noted` – one answered request, borrowed
//! * [`audit`] – a line for each, in a file of its own
//! * [`metrics`] – what is counted, for Prometheus
//! * [`log`] – what an operator reads
//! * [`mend`] – what was wrong, and the likely mend
//! * [`trace`] – a span for each, where the gateway is built with the feature `otlp`

pub mod audit;
mod expose;
mod json;
pub mod log;
pub mod mend;
pub mod metrics;
mod moment;
mod noted;
#[cfg(feature = "otlp")]
pub mod trace;
#[cfg(not(feature = "otlp"))]
#[path = "untraced.rs"]
pub mod trace;

use std::time::Duration;

use http::request::Parts;

pub use self::audit::Audit;
pub use self::expose::CONTENT_TYPE;
use self::mend::Explained;
pub use self::metrics::Metrics;
pub use self::moment::Moment;
pub use self::noted::{About, Claimed, Noted, Outcome, Trusts, Watched};
use crate::config::server::{Server, Written};
use portcullis_core::error::Blame;
use portcullis_core::operation::{Call, Target};

/// Whoever writes down what happened.
#[derive(Debug)]
pub struct Observer {
    metrics: Metrics,
    audit: Option<Audit>,
    #[cfg(feature = "otlp")]
    tracer: Option<trace::Tracer>,
}

impl Observer {
    /// Counts there, and writes there where an audit trail is wanted.
    pub fn new(metrics: Metrics, audit: Option<Audit>) -> Self {
        Observer {
            metrics,
            audit,
            #[cfg(feature = "otlp")]
            tracer: None,
        }
    }

    /// And makes a span of each request.
    #[cfg(feature = "otlp")]
    #[must_use]
    pub fn traced(self, tracer: trace::Tracer) -> Self {
        let _ = self.metrics.spans.set(std::sync::Arc::clone(tracer.counts()));
        Observer { tracer: Some(tracer), ..self }
    }

    /// Watches a server of the configuration. Called again at each reload.
    pub fn watch(&self, server: &Server) -> Watched {
        self.watch_as(server.name.as_str(), server.rules(), Trusts::of(server))
    }

    /// The same of parts.
    pub fn watch_as(&self, name: &str, rules: &[Written], trusts: Trusts) -> Watched {
        Watched::new(name, self.metrics.server(name), rules, trusts)
    }

    /// Begins the span of a request to a server with that URL, which came so long after 1970, where spans are
    /// wanted. Upstream is then told this one in `traceparent`.
    #[cfg(feature = "otlp")]
    pub fn begin(&self, came: Duration, url: &str, parts: &mut Parts) -> Option<trace::Span> {
        self.tracer.as_ref().map(|tracer| tracer.begin(came, url, parts))
    }

    /// In this build there are no spans.
    #[cfg(not(feature = "otlp"))]
    pub fn begin(&self, _: Duration, _: &str, _: &mut Parts) -> Option<trace::Span> {
        None
    }

    /// Returns when the spans that there are have been sent, or dropped.
    #[cfg_attr(
        not(feature = "otlp"),
        expect(clippy::unused_async, reason = "as in a build that has spans")
    )]
    pub async fn flush_spans(&self) {
        #[cfg(feature = "otlp")]
        if let Some(tracer) = &self.tracer {
            tracer.flush().await;
        }
    }

    /// Writes down a request that was answered.
    pub fn note(&self, noted: &Noted<'_>) {
        let about = &noted.about;
        about.server.metrics.count(&noted.outcome, about.latency);
        if let Some(audit) = &self.audit {
            audit.note(noted);
        }
        #[cfg(feature = "otlp")]
        if let (Some(tracer), Some(span)) = (&self.tracer, about.span) {
            tracer.end(span, noted);
        }
        tell(noted);
    }

    /// Returns when there is room to write down another request: see [`Audit::room`].
    pub async fn room(&self) {
        if let Some(audit) = &self.audit {
            audit.room().await;
        }
    }

    /// The audit trail, if there is one.
    pub fn audit(&self) -> Option<&Audit> {
        self.audit.as_ref()
    }

    /// What was counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

/// A line of the log: what an operator can do something about is a warning, other refusals are news, and what
/// is as it should be is for those who look closely.
fn tell(noted: &Noted<'_>) {
    let about = &noted.about;
    let call = noted.calls.first();
    macro_rules! event {
        ($level:ident, $($message:tt)+) => {
            tracing::$level!(
                request = about.request,
                server = about.server.name(),
                address = %about.client,
                status = noted.status.as_u16(),
                method = call.map(Call::method_name),
                aimed_at = call.and_then(|call| call.targets().first()).map(Target::text),
                token = noted.token().map(tracing::field::display),
                $($message)+
            )
        };
    }
    let Some(why) = Explained::of(noted) else {
        event!(debug, latency = ?about.latency, "allowed");
        return;
    };
    let class = why.failure().label();
    match why.failure().blame() {
        Blame::Issuer | Blame::Upstream => event!(warn, class, "{why}"),
        _ => event!(info, class, "{why}"),
    }
}
