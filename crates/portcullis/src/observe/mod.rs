//! What the gateway tells, and what it counts.
//!
//! Every answered request is an [`Exchange`], and whoever answers it hands that to [`Observer::note`]: it
//! becomes a line of the audit trail, a count, and a line of the log. Nothing else writes any of them.
//!
//! * `exchange` – one answered request, borrowed
//! * [`metrics`] – what is counted, for Prometheus

mod exchange;
mod expose;
pub mod metrics;
mod moment;

pub use self::exchange::{About, Claimed, Exchange, Outcome, Trusts, Watched};
pub use self::expose::CONTENT_TYPE;
pub use self::metrics::Metrics;
pub use self::moment::Moment;
use crate::config::server::{Server, Written};

/// Whoever writes down what happened.
#[derive(Debug)]
pub struct Observer {
    metrics: Metrics,
}

impl Observer {
    /// Counts there.
    pub fn new(metrics: Metrics) -> Self {
        Observer { metrics }
    }

    /// Watches a server of the configuration. Called again at each reload.
    pub fn watch(&self, server: &Server) -> Watched {
        self.watch_as(server.name.as_str(), server.rules(), Trusts::of(server))
    }

    /// The same of parts.
    pub fn watch_as(&self, name: &str, rules: &[Written], trusts: Trusts) -> Watched {
        Watched::new(name, self.metrics.server(name), rules, trusts)
    }

    /// Writes down a request that was answered.
    pub fn note(&self, exchange: &Exchange<'_>) {
        let about = &exchange.about;
        about.server.metrics.count(&exchange.outcome, about.latency);
    }

    /// What was counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
