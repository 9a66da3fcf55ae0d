//! Names of headers that the `http` crate does not know.

use http::HeaderName;

/// The session of a client (2025-11-25 and older).
pub const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// The revision that a client speaks.
pub const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// The method of the body, mirrored (2026-07-28).
pub const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");

/// What the body names, mirrored (2026-07-28).
pub const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");

/// A proof of possession (RFC 9449 section 4.1).
pub const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The nonce that the next proof has to hold (RFC 9449 section 8.1).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
