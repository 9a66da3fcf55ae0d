//! From which pages, and under which names, a server may be called (RS-9), and what browsers are told of it.
//!
//! A page in a browser can make the browser send requests to any address, this machine's included; `Origin`
//! tells which page. A name that its owner lets point at this machine makes a page of his "the same origin";
//! `Host` tells under which name we were called (DNS rebinding).

use std::collections::BTreeSet;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST,
    ORIGIN, VARY,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use portcullis_core::error::Failure;
use portcullis_core::id::ResourceId;

/// What pages may read of an answer beside its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, DPoP-Nonce, Retry-After",
);

/// What pages may send. The parameters that servers name in their tools' definitions go by `Mcp-Param-`, and
/// cannot be listed beforehand: what a page asks for is granted where it is such a name.
const ACCEPTED: &str = "Authorization, Content-Type, Accept, DPoP, Last-Event-ID, \
                        Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name";

const METHODS: HeaderValue = HeaderValue::from_static("POST, GET, DELETE");

/// Seconds that a browser keeps the answer to a preflight.
const KEPT: HeaderValue = HeaderValue::from_static("600");

/// The pages and names of one server.
#[derive(Clone, Debug)]
pub struct Origins {
    /// In lower case, as browsers send them.
    allowed: BTreeSet<String>,
    any: bool,
    /// The server's own name in `Host`.
    own_hosts: Vec<String>,
    /// The names it goes by, where they are looked at: of a server on this machine, and where some are listed.
    hosts: Option<BTreeSet<String>>,
}

/// An origin that no browser would ever name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an origin: scheme and host, as in https://app.example.com, no path and no star within"
)]
pub struct BadOrigin(String);

impl Origins {
    /// Pages of the server itself, and no others.
    pub fn of(resource: &ResourceId) -> Origins {
        // As clients and browsers write it, who leave a default port out.
        let origin = without_default_port(&resource.origin().to_ascii_lowercase());
        let own_hosts = hosts_of(&origin);
        let hosts = resource.host_is_loopback().then(|| own_hosts.iter().cloned().collect());
        Origins { allowed: BTreeSet::from([origin]), any: false, own_hosts, hosts }
    }

    /// And pages of this origin; `*` for all pages there are.
    pub fn and(mut self, origin: &str) -> Result<Origins, BadOrigin> {
        if origin == "*" {
            self.any = true;
            return Ok(self);
        }
        let bad = || BadOrigin(origin.to_owned());
        let uri: Uri = origin.parse().map_err(|_| bad())?;
        let is_bare = uri.path() == "/" && !origin.ends_with('/');
        let has_host = uri.scheme().is_some()
            && uri.authority().is_some_and(|authority| {
                authority.host() == authority.as_str() || authority.port_u16().is_some()
            });
        // No user, query or fragment, and no star: what looks like a pattern would match nothing.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._[]:/".contains(&byte);
        if !(is_bare && has_host && origin.bytes().all(is_plain)) {
            return Err(bad());
        }
        self.allowed.insert(without_default_port(&origin.to_ascii_lowercase()));
        Ok(self)
    }

    /// Also under this name, beside its own: `Host` as clients send it. From then on names are looked at.
    #[must_use]
    pub fn host(mut self, host: &str) -> Origins {
        let own = || self.own_hosts.iter().cloned().collect();
        let hosts = self.hosts.get_or_insert_with(own);
        hosts.insert(host.to_ascii_lowercase());
        self
    }

    /// Whether the request may go on. What page it is from, where a page has to be told that it may read the
    /// answer.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<Option<HeaderValue>, Failure> {
        if let Some(hosts) = &self.hosts {
            check_host(hosts, uri, headers)?;
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(None) };
        let text = origin.to_str().unwrap_or("?").to_ascii_lowercase();
        if origins.next().is_some() || !(self.any || self.allowed.contains(&text)) {
            return Err(Failure::Origin(excerpt(&text)));
        }
        Ok(Some(origin.clone()))
    }
}

fn check_host(hosts: &BTreeSet<String>, uri: &Uri, headers: &HeaderMap) -> Result<(), Failure> {
    let mut named = headers.get_all(HOST).iter();
    let host = match (uri.authority(), named.next()) {
        // HTTP/2 says it in the target.
        (Some(authority), _) => authority.as_str(),
        (None, Some(host)) if named.next().is_none() => host.to_str().unwrap_or("?"),
        (None, _) => "",
    };
    // As nearly all clients write it.
    if hosts.contains(host) {
        return Ok(());
    }
    let host = host.to_ascii_lowercase();
    // A server on this machine goes by every name of this machine that nobody else can give away.
    let is_local = host.parse::<Authority>().is_ok_and(|authority| {
        matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]") && !host.contains('@')
    });
    if is_local || hosts.contains(&host) { Ok(()) } else { Err(Failure::Host(excerpt(&host))) }
}

/// The answer to the request that a browser makes before the one a page wants, to ask whether it may. None to any
/// other request.
pub fn preflight(method: &Method, headers: &HeaderMap) -> Option<Response<Bytes>> {
    if !is_preflight(method, headers) {
        return None;
    }
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    permit(headers, response.headers_mut());
    Some(response)
}

fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Tells a browser that it may.
fn permit(asked: &HeaderMap, answer: &mut HeaderMap) {
    let wanted = asked.get_all(http::header::ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let wanted = wanted.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let names = wanted.filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok());
    let parameters =
        names.filter(|name| name.as_str().starts_with("mcp-param-") && name.as_str().len() <= 128);
    let headers =
        parameters.take(32).fold(ACCEPTED.to_owned(), |all, name| all + ", " + name.as_str());
    if let Ok(headers) = HeaderValue::from_str(&headers) {
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }
    answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    answer.insert(ACCESS_CONTROL_MAX_AGE, KEPT);
}

/// Lets every page read a document that is for everybody, whatever revision its client says it speaks (the
/// header makes browsers ask first).
pub(crate) fn publish(answer: &mut HeaderMap) {
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("MCP-Protocol-Version"));
    answer.insert(ACCESS_CONTROL_MAX_AGE, KEPT);
}

/// Lets the page that asked read the answer.
pub fn reveal(page: Option<&HeaderValue>, answer: &mut HeaderMap) {
    let Some(page) = page else { return };
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, page.clone());
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    answer.append(VARY, HeaderValue::from_static("Origin"));
}

/// The host of an origin in the ways in which clients write it: with the port that is usual for the scheme, or
/// without.
pub fn hosts_of(origin: &str) -> Vec<String> {
    let origin = without_default_port(&origin.to_ascii_lowercase());
    let (scheme, host) = origin.split_once("://").unwrap_or(("", &origin));
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    let has_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match (has_port, scheme) {
        (false, "https") => vec![host.to_owned(), format!("{host}:443")],
        (false, "http") => vec![host.to_owned(), format!("{host}:80")],
        _ => vec![host.to_owned()],
    }
}

/// Browsers leave the default port out.
fn without_default_port(origin: &str) -> String {
    let bare = match origin.split_once("://") {
        Some(("https", rest)) => rest.strip_suffix(":443").map(|rest| format!("https://{rest}")),
        Some(("http", rest)) => rest.strip_suffix(":80").map(|rest| format!("http://{rest}")),
        _ => None,
    };
    bare.unwrap_or_else(|| origin.to_owned())
}

/// What a stranger wrote, as a log may hold it.
fn excerpt(text: &str) -> String {
    text.chars().take(100).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
}
