//! OAuth protocol messages for Portcullis: build a request, judge an answer.
//!
//! Nothing is here yet. This page says what belongs here, so that it is not built elsewhere.
//!
//! # What it will be
//! Pairs of functions, one pair for each exchange of messages. The first builds a request as plain data:
//! method, URL, headers, body. The second judges the bytes that came back and answers with a type that
//! can only be made by judging. PKCE (RFC 7636), client authentication (RFC 6749 section 2.3, RFC 7523,
//! RFC 8705), discovery (RFC 8414), authorization requests and responses (RFC 9207), one file for each
//! grant, token exchange (RFC 8693), registration (RFC 7591 and client id metadata documents),
//! revocation (RFC 7009), DPoP proofs (RFC 9449).
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
