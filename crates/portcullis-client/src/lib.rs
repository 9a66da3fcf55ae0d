//! OAuth 2.1 for MCP clients: tokens that refresh themselves.
//!
//! Nothing is here yet. This page says what belongs here, so that it is not built elsewhere.
//!
//! # What it will be
//! A token manager for one or many MCP servers. It finds the authorization server from a challenge or
//! from metadata (RFC 9728, RFC 8414), registers where needed, takes a person through the code flow with
//! PKCE or signs a machine in by client credentials, and from then on answers one question: which token
//! for this server, now? Refreshes happen ahead of expiry, once at a time for each credential, across
//! tasks and across processes; a rotated refresh token is on disk before it is used. A 403 that names
//! scopes leads to one step-up with the union of what was asked before and is asked now.
//!
//! # Who calls it
//! Authors of MCP clients, around any HTTP client; and `portcullis connect`, `login`, `token` and `call`.
//!
//! # What never goes in
//! Anything of `portcullis-resource` or `portcullis-issuer`. A credential sent to another issuer than its
//! own. A URL handed to a shell. A secret at rest outside the keyring or an encrypted file.
