//! The Portcullis gateway: OAuth 2.1 in front of any MCP server.
//!
//! * [`config`] – what an operator wants, checked as a whole
//! * [`gateway`] – from a connection to a permit, to the upstream and back
//! * [`rewrite`], [`seal`] – the only place where bodies change
//! * [`stdio`] – servers that are processes
//! * [`client`], [`observe`] – who is at the other end; what is told and counted
//! * [`command`], [`args`] – the command line
//! * [`demo`] – the core judging a table of requests
//!
//! The proxy can only forward a request that it was given a permit for. What is to come: an issuer of its own
//! (`[login]`), stores that outlive the process.
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
mod made_key;
mod nearest;
pub mod observe;
mod per_thread;
pub mod rewrite;
pub mod seal;
pub mod stdio;
