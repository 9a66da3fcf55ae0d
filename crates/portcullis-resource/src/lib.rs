//! Protect an MCP server written in Rust with OAuth 2.1.
//!
//! What is here so far asks issuers; what protects a server follows.
//!
//! * [`fetch`] – requests to issuers, bounded and screened
//! * [`introspection`] – asking about a token that only its issuer can read
//! * [`keys`] – an issuer's keys, fetched before they are needed
//!
//! # What it will be
//! A tower layer that takes every request to an MCP endpoint through one sequence: read the bearer token,
//! get the issuer's keys or its introspection answer, verify, read the body under a cap, decide, and only
//! then call the service behind it with the caller's identity. It serves the RFC 9728 metadata of the
//! resource and writes every refusal as status, challenge and body in one place.
//!
//! Around that: a key cache that refreshes before it must, introspection with single flight and a bounded
//! cache, replay memory for DPoP proofs, and a feed of revocations.
//!
//! # Who calls it
//! Authors of MCP servers, with one line over any tower service; and the gateway of the `portcullis`
//! binary. What differs between them (where keys, introspection, replay memory and revocations live) are
//! traits of this crate, so that the gateway can plug its own issuer in without HTTP to itself.
//!
//! # What never goes in
//! A second place that decides: that is `portcullis-core`. Anything of `portcullis-issuer` or
//! `portcullis-client`. A cache, queue, retry or wait without a bound. A lock held across network I/O.

#[cfg(feature = "axum")]
mod auth;
mod body;
pub mod clock;
pub mod fetch;
pub mod gate;
pub mod introspection;
#[cfg(feature = "axum")]
mod issuer;
pub mod keys;
pub mod metadata;
pub mod origin;
#[cfg(feature = "axum")]
mod principal;
pub mod replay;
pub mod room;
mod screen;
mod seen;
#[cfg(feature = "axum")]
mod service;
pub mod signing;
pub mod stream;
#[cfg(feature = "testing")]
pub mod testing;
pub mod trust;
mod unavailable;

#[cfg(feature = "axum")]
pub use self::auth::{Auth, AuthBuilder, BadAuth};
#[cfg(feature = "axum")]
pub use self::issuer::IssuerBuilder;
#[cfg(feature = "axum")]
pub use self::principal::{NoPrincipal, Principal, principal};
#[cfg(feature = "axum")]
pub use self::service::Protected;
pub use self::unavailable::Unavailable;
