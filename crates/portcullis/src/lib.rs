//! The Portcullis gateway: OAuth 2.1 in front of any MCP server.
//!
//! The gateway is not here yet. What is here is [`demo`], the way of one request through the core
//! without a network around it, [`args`], the command line, [`config`], what an operator wants of it, and two
//! of its parts: [`client`], who is at the other end of a connection, and [`observe`], what is told and counted.
//!
//! # What it will be
//! The composition of the other crates, and what only a running program has: configuration, listeners,
//! the proxy to upstream servers over HTTP and stdio, stores, logs, metrics, signals. The composition
//! stands on one page. The proxy can only forward a request that it was given a permit for.
//!
//! # Who calls it
//! The binary of the same name, which adds the process to it (arguments, clock, streams, exit codes),
//! and programs that embed the whole gateway.
//!
//! # What never goes in
//! A decision about access: that is `portcullis-core`. A protocol message: that is `portcullis-oauth`.
//! What an author of an MCP server, client or authorization server needs without a gateway: that belongs
//! to the crate of theirs.

pub mod args;
pub mod client;
pub mod command;
pub mod config;
pub mod demo;
pub mod gateway;
mod nearest;
pub mod observe;
pub mod rewrite;
pub mod seal;
pub mod stdio;
