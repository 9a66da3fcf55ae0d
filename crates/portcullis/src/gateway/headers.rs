//! Which headers pass.
//!
//! Upstream gets what is listed here and what the operator adds, and nothing is copied because it was there:
//! a header that some upstream takes for an identity cannot be brought by a client. Clients get what upstream
//! says less what concerns one connection, or would speak for the gateway.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ALT_SVC, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, PROXY_AUTHENTICATE, SERVER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};
use portcullis_core::header::DPOP_NONCE;

use crate::config::server::ResponseHeaders;

/// Content negotiation, and the trace that the call belongs to. `Mcp-` headers pass beside these.
const PASSED: [HeaderName; 5] = [
    ACCEPT,
    CONTENT_TYPE,
    ACCEPT_LANGUAGE,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

const MCP: &str = "mcp-";
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Of one connection (RFC 9110 section 7.6.1), or said of a whole host, which is ours and other servers' too, or
/// ours to say (RS-5). `Content-Length` is for whoever frames the body.
const NOT_ANSWERED: [HeaderName; 20] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    SET_COOKIE,
    WWW_AUTHENTICATE,
    SERVER,
    ALT_SVC,
    STRICT_TRANSPORT_SECURITY,
    HeaderName::from_static("clear-site-data"),
    DPOP_NONCE,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
];

/// The headers of the upstream's request.
pub(super) fn upstream(
    client: &HeaderMap,
    forward: &[HeaderName],
    add: &[(HeaderName, HeaderValue)],
) -> HeaderMap {
    // With room for those of the connection that follow; growing costs more.
    let mut headers = HeaderMap::with_capacity(12);
    for (name, value) in client {
        let passes = PASSED.contains(name) || is_mcp(name.as_str()) || forward.contains(name);
        if passes {
            headers.append(name.clone(), value.clone());
        }
    }
    // Answers are looked into, and in one reading only.
    headers.insert(ACCEPT_ENCODING, IDENTITY);
    for (name, value) in add {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

/// A name that every server reads alike: some take an underscore for a dash.
fn is_mcp(name: &str) -> bool {
    name.starts_with(MCP) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Leaves of the upstream's answer what the client may see.
pub(super) fn client(headers: &mut HeaderMap, rules: &ResponseHeaders) {
    // What the connection is said to be about belongs to it as well.
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    // Answers have a few headers and the list is long: so it is looked through and not they.
    let is_removed = |name: &&HeaderName| {
        [&NOT_ANSWERED[..], &named, &rules.remove].iter().any(|list| list.contains(name))
    };
    let removed: Vec<HeaderName> = headers.keys().filter(is_removed).cloned().collect();
    for name in &removed {
        headers.remove(name);
    }
    for (name, value) in &rules.add {
        headers.insert(name.clone(), value.clone());
    }
}
