//! OAuth protocol messages for Portcullis: build a request, judge an answer.
//!
//! Pairs of functions, one pair for each exchange of messages. The first builds a request as plain data:
//! URL, headers, body. The second judges the bytes that came back and answers with a type that can only be
//! made by judging; where `portcullis-core` judges already, it is named.
//!
//! * [`client_auth`] – how a client shows who it is
//! * [`introspection`] – asking about a token
//! * [`Request`] – what is to be sent
//!
//! # What it will be
//! PKCE (RFC 7636), authorization requests and responses (RFC 9207), one file for each grant, token exchange
//! (RFC 8693), registration (RFC 7591 and client id metadata documents), revocation (RFC 7009), `DPoP` proofs
//! (RFC 9449).
//!
//! # Who calls it
//! `portcullis-client` speaks to authorization servers with it, `portcullis-issuer` speaks to upstream
//! identity providers, `portcullis-resource` asks introspection endpoints. Nothing lands here without
//! one of them calling it.
//!
//! # What never goes in
//! A runtime, a socket, a clock, randomness, a file, a setting. The moment and random bytes are
//! arguments. Signing hands out the bytes to sign and takes the signature, so that a key may live
//! elsewhere. Decisions about access are made in `portcullis-core`.

pub mod client_auth;
mod form;
pub mod introspection;
mod request;

pub use self::form::Form;
pub use self::request::Request;
