//! In place of `trace` where the gateway is built without the feature `otlp`: there are no spans.

/// A span, of which there is none.
#[derive(Debug)]
pub enum Span {}
