//! What an operator wants, from a TOML file to types that nothing is left to check about.
//!
//! [`Config`] is all the gateway is told. Whoever reads it has input and output before them and nothing
//! else: every identifier is parsed, every policy compiled, every pair of server and issuer has its
//! [`Expectation`](portcullis_core::token::Expectation), and what contradicts itself was refused with its
//! place in the file and the way out.
//!
//! * [`gateway`] – what there is once: listeners, limits, logs, the store
//! * [`server`] – an MCP server behind the gateway
//! * [`issuer`] – whose tokens are accepted

pub mod gateway;
pub mod issuer;
pub mod server;

pub use self::gateway::Config;
