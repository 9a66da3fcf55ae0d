//! The Portcullis gateway: OAuth 2.1 in front of any MCP server.
//!
//! Nothing is here yet. This page says what belongs here, so that it is not built elsewhere.
//!
//! # What it will be
//! The composition of the other crates, and what only a running program has: configuration, listeners,
//! the proxy to upstream servers over HTTP and stdio, stores, logs, metrics, signals. The composition
//! stands on one page. The proxy can only forward a request that it was given a permit for.
//!
//! # Who calls it
//! The binary of the same name, and programs that embed the whole gateway.
//!
//! # What never goes in
//! A decision about access: that is `portcullis-core`. A protocol message: that is `portcullis-oauth`.
//! What an author of an MCP server, client or authorization server needs without a gateway: that belongs
//! to the crate of theirs.
