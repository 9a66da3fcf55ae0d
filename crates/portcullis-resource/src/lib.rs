//! Protect an MCP server written in Rust with OAuth 2.1.
//!
//! [`Auth`] stands before a server: every request shows an access token of an issuer that the server trusts,
//! and may do what the server's rules say. Who shows none is told where to get one (RFC 9728), who lacks a
//! scope is told which, and what is behind the layer knows who is calling and never sees a token.
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "testing"))]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, body::Body, routing::post};
//! use http::Request;
//! use portcullis_resource::testing::TestIssuer;
//! use portcullis_resource::{Auth, Principal};
//! use tower::ServiceExt as _;
//!
//! // Your server: rmcp's service, or any other that axum takes.
//! async fn answer(caller: Principal) -> String {
//!     format!("hello, {}", caller.subject().unwrap_or("whoever"))
//! }
//! let server = Router::new().fallback(post(answer));
//!
//! // In place of this one: .issuer("https://idp.example.com/realms/acme")
//! let issuer = TestIssuer::new()?;
//! let auth = Auth::resource("https://mcp.example.com/mcp")
//!     .issuer(issuer.trusted())
//!     .tool("read_*", [])
//!     .tool("delete_*", ["files:write"])
//!     .build()?;
//! let app: Router = auth.protect("/mcp", server);
//!
//! let call = |token: &str, tool: &str| {
//!     Request::post("/mcp")
//!         .header("content-type", "application/json")
//!         .header("authorization", format!("Bearer {token}"))
//!         .body(Body::from(format!(
//!             r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#
//!         )))
//! };
//! let token = issuer.token("https://mcp.example.com/mcp").subject("ada").mint()?;
//! let answer = app.clone().oneshot(call(&token, "read_file")?).await?;
//! assert_eq!(answer.status(), 200);
//! let answer = app.oneshot(call(&token, "delete_file")?).await?;
//! assert_eq!(answer.status(), 403);
//! let challenge = answer.headers()["www-authenticate"].to_str()?;
//! assert!(challenge.contains("scope=\"files:write\""));
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "axum", feature = "testing")))]
//! # fn main() {}
//! ```
//!
//! Whole servers are in `examples/`: one by hand over axum, one made with rmcp.
//!
//! # The way of a request
//! Page and host, token, the issuer's keys or its word, proof of possession, body within bounds, operation,
//! decision: one direction, and one exit for whatever fails. Nothing is fetched for a token of an issuer that
//! is not trusted, and no body is read before it is known who sends it.
//!
//! # The map
//! | for | see |
//! | --- | --- |
//! | authors of servers | [`Auth`], [`IssuerBuilder`], [`Principal`] |
//! | the layer and the router | [`Protected`], [`Auth::protect`], [`Auth::well_known`] |
//! | services that are not made with axum | [`gate`] judges a request, [`stranger`] may say no before, [`origin`] its page and host, [`stream`] ends what listens, [`well_known`] says where to sign in |
//! | which issuers are trusted, and how they are asked | [`trust`], [`keys`], [`introspection`], [`metadata`] |
//! | showing who we are to an issuer | [`signing`] |
//! | every connection of our own | [`fetch`]: bounded, and screened at connect |
//! | what is shared between servers | [`replay`] remembers proofs, [`room`] bounds bodies, [`clock`] |
//! | servers made with tower-mcp that keep its OAuth layer | `tower_mcp` judges tokens for it |
//! | tests of servers | `testing`: an issuer that signs what it is told |
//!
//! # Features
//! `axum` (default): the layer, the router and the extractor. `testing`: the issuer for tests. `tower-mcp`: what the
//! OAuth layer of tower-mcp 0.25 asks about tokens; it needs Rust 1.90, as tower-mcp does, and brings that layer's
//! jsonwebtoken along, which nothing here calls.
//!
//! # Behind the layer
//! A server may look at `Host` and `Origin` itself, as rmcp does: see [`Auth::protect`]. Sessions of older
//! revisions (`Mcp-Session-Id`) are the server's own, and what ties them to a person is its business.
//!
//! # Who calls it
//! Authors of MCP servers, with one line over any tower service; and the gateway of the `portcullis`
//! binary. What differs between them (where keys, introspection and replay memory live) are traits of this
//! crate, so that the gateway can plug its own issuer in without HTTP to itself.
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
pub mod nonce;
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
pub mod stranger;
pub mod stream;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tower-mcp")]
pub mod tower_mcp;
pub mod trust;
mod unavailable;
pub mod well_known;

#[cfg(feature = "axum")]
pub use self::auth::{Auth, AuthBuilder, BadAuth};
#[cfg(feature = "axum")]
pub use self::issuer::IssuerBuilder;
#[cfg(feature = "axum")]
pub use self::principal::{NoPrincipal, Principal, principal};
#[cfg(feature = "axum")]
pub use self::service::Protected;
pub use self::unavailable::Unavailable;
