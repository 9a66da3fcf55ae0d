//! An OAuth 2.1 authorization server as an axum router.
//!
//! Nothing is here yet. This page says what belongs here, so that it is not built elsewhere.
//!
//! # What it will be
//! Everything an MCP client asks of an authorization server: metadata (RFC 8414), `/authorize` with
//! consent, `/token`, `/register`, `/introspect`, `/revoke`, keys that rotate. People sign in here or at
//! an upstream identity provider; either way the tokens are this server's own, ES256 access tokens by
//! RFC 9068 and refresh tokens in families. A grant moves through its stages by consuming the stage
//! before, so that a code cannot be issued without the consent that allows it. What a token may carry is
//! what was asked, and the client may have, and the person may have: all three.
//!
//! # Who calls it
//! The `portcullis` binary, beside its gateway; and anyone who wants an authorization server inside an
//! application of their own.
//!
//! # What never goes in
//! Anything of `portcullis-resource` or `portcullis-client`. A redirect before client and redirect URI are
//! known good. A secret in a log, an error, a URL. A store behind a generic in a public type.
