//! The names parties of OAuth go by: issuer, resource, client and redirect URI.
//!
//! Every one of them is compared as the string it came as (RFC 8414 section 4, RFC 9728 section 6,
//! RFC 6749 section 3.1.2.3). A URL type that adds a slash, lower-cases a host or drops a default port
//! turns an issuer into something that no longer equals itself, so the text is checked against the
//! grammar of RFC 3986 once and from then on kept byte for byte.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use fluent_uri::Uri;
use fluent_uri::component::Host;
use fluent_uri::pct_enc::EStr;

/// No identifier is longer than this many bytes.
pub const MAX_LENGTH: usize = 2048;

/// Why a text is not the identifier it was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Invalid {
    /// Nothing stands there.
    #[error("empty")]
    Empty,
    /// Longer than [`MAX_LENGTH`].
    #[error("longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// Not an absolute URI by the grammar of RFC 3986 (spaces, backslashes and non-ASCII included).
    #[error("not an absolute URI")]
    Grammar,
    /// A scheme other than those allowed here.
    #[error("a scheme that is not allowed here")]
    Scheme,
    /// `http` to a host other than this machine.
    #[error("http is for loopback hosts only; use https")]
    PlainHttp,
    /// No host, or one that is neither an IP address nor made of letters, digits, `-`, `_` and dots.
    #[error("no plain host name or address")]
    Host,
    /// A port that is empty or above 65535.
    #[error("not a port")]
    Port,
    /// User name or password before the host.
    #[error("user information before the host")]
    UserInfo,
    /// A query where none may be, even an empty one.
    #[error("a query where none may be")]
    Query,
    /// A fragment, even an empty one.
    #[error("a fragment")]
    Fragment,
    /// A byte outside printable ASCII in a client identifier (RFC 6749 appendix A.1).
    #[error("a character outside printable ASCII")]
    Character,
}

/// What every checked text has in common: the way in is `parse`, the way out is the same text.
macro_rules! checked_text {
    ($name:ident) => {
        impl $name {
            /// The text as it came.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
    ($name:ident, $error:ty) => {
        $crate::id::checked_text!($name);

        impl FromStr for $name {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, $error> {
                $name::parse(text)
            }
        }
    };
}
pub(crate) use checked_text;

/// An authorization server's issuer identifier (RFC 8414 section 2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Issuer(Arc<str>);
checked_text!(Issuer, Invalid);

impl Issuer {
    /// An `https` URL, or `http` on a loopback host, without query, fragment or user information.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if Web::parse(text)?.query.is_some() {
            return Err(Invalid::Query);
        }
        Ok(Issuer(text.into()))
    }

    /// Scheme, host and port as written: everything before the path.
    pub fn origin(&self) -> &str {
        split_origin(&self.0).0
    }

    /// The path as written: empty, or from its first slash on.
    pub fn path(&self) -> &str {
        split_origin(&self.0).1
    }

    /// The host as written; an IPv6 address in its brackets.
    pub fn host(&self) -> &str {
        Web::parse(&self.0).map_or("", |web| web.host)
    }

    /// Whether the host is this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
    pub fn host_is_loopback(&self) -> bool {
        Web::parse(&self.0).is_ok_and(|web| web.loopback)
    }
}

/// A protected resource's identifier (RFC 9728 section 1.2), which is the audience of its tokens
/// (RFC 8707 section 2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(Arc<str>);
checked_text!(ResourceId, Invalid);

impl ResourceId {
    /// Like an issuer, but a query is allowed (RFC 8707 section 2 discourages it, no more).
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Web::parse(text)?;
        Ok(ResourceId(text.into()))
    }

    /// Scheme, host and port as written: everything before the path.
    pub fn origin(&self) -> &str {
        split_origin(&self.0).0
    }

    /// The path as written, without the query: empty, or from its first slash on.
    pub fn path(&self) -> &str {
        let tail = self.path_and_query();
        tail.split_once('?').map_or(tail, |(path, _)| path)
    }

    /// What stands behind the origin, as written.
    pub(crate) fn path_and_query(&self) -> &str {
        split_origin(&self.0).1
    }

    /// Whether the host is this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
    pub fn host_is_loopback(&self) -> bool {
        Web::parse(&self.0).is_ok_and(|web| web.loopback)
    }
}

/// A client identifier (RFC 6749 section 2.2): opaque text, or the URL of a client metadata document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);
checked_text!(ClientId, Invalid);

impl ClientId {
    /// Printable ASCII (RFC 6749 appendix A.1), at least one character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        within_length(text)?;
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(Invalid::Character);
        }
        Ok(ClientId(text.into()))
    }

    /// The identifier itself where it can be the URL of a Client ID Metadata Document: `https`, a path
    /// of more than a slash, and none of the parts that draft forbids (section 3: dot segments,
    /// fragment, user information). Dots hidden behind `%2e` count, since browsers resolve them.
    pub fn metadata_url(&self) -> Option<&str> {
        let web = Web::parse(&self.0).ok()?;
        let fits = web.https && web.path.len() > 1 && !web.path.split('/').any(is_dot_segment);
        fits.then_some(self.as_str())
    }
}

/// Whether redirect URIs with a private-use scheme, such as `com.example.app:/callback`, may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateUse {
    /// Only `https`, and `http` on loopback.
    Refused,
    /// Also schemes that are a reversed domain name and hence contain a dot (RFC 8252 section 7.1),
    /// which keeps `javascript:` and its like out.
    Allowed,
}

/// Where an authorization response may be sent (RFC 6749 section 3.1.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedirectUri(Arc<str>);
checked_text!(RedirectUri);

impl RedirectUri {
    /// `https` anywhere, `http` on a loopback host, a private-use scheme where `private_use` says so;
    /// never a fragment or user information.
    pub fn parse(text: &str, private_use: PrivateUse) -> Result<Self, Invalid> {
        let own_scheme =
            private_use == PrivateUse::Allowed && grammar(text)?.scheme().as_str().contains('.');
        if !own_scheme {
            Web::parse(text)?;
        }
        Ok(RedirectUri(text.into()))
    }

    /// Whether a request that names `requested` may be answered there, this URI being registered.
    ///
    /// The same text, except that the port of an `http` loopback redirect is free: a native client
    /// learns its port only when it listens (RFC 8252 section 7.3). Nothing else of it is; `localhost`
    /// and `127.0.0.1` may be different listeners.
    pub fn admits(&self, requested: &str) -> bool {
        if self.as_str() == requested {
            return true;
        }
        let (Ok(ours), Ok(theirs)) = (Web::parse(&self.0), Web::parse(requested)) else {
            return false;
        };
        !ours.https && ours.loopback && ours.but_port() == theirs.but_port()
    }
}

/// The parts of an `http(s)` URI that the rules of this module look at, as written.
struct Web<'a> {
    scheme: &'a str,
    https: bool,
    host: &'a str,
    loopback: bool,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Web<'a> {
    fn parse(text: &'a str) -> Result<Self, Invalid> {
        let uri = grammar(text)?;
        let scheme = uri.scheme().as_str();
        let https = scheme.eq_ignore_ascii_case("https");
        if !https && !scheme.eq_ignore_ascii_case("http") {
            return Err(Invalid::Scheme);
        }
        let authority = uri.authority().ok_or(Invalid::Host)?;
        let host = authority.host();
        // RFC 3986 lets a name hold percent-escapes and `!$&'()*+,;=`, which resolvers and browsers
        // read each in their own way. No host that is meant well needs them.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let v6 = matches!(authority.host_parsed(), Host::Ipv6 { .. });
        if host.is_empty() || !(v6 || host.bytes().all(plain)) {
            return Err(Invalid::Host);
        }
        if authority.port().is_some_and(|port| port.as_str().parse::<u16>().is_err()) {
            return Err(Invalid::Port);
        }
        let loopback = is_loopback(host);
        if !https && !loopback {
            return Err(Invalid::PlainHttp);
        }
        let query = uri.query().map(EStr::as_str);
        Ok(Web { scheme, https, host, loopback, path: uri.path().as_str(), query })
    }

    fn but_port(&self) -> (&str, &str, &str, Option<&str>) {
        (self.scheme, self.host, self.path, self.query)
    }
}

/// Whether `text` can be an endpoint: the same as a [`ResourceId`]. RFC 6749 sections 3.1 and 3.2 allow
/// a query and forbid a fragment.
pub(crate) fn check_endpoint(text: &str) -> Result<(), Invalid> {
    Web::parse(text).map(drop)
}

/// The checks that hold for every URI here, whatever its scheme.
fn grammar(text: &str) -> Result<Uri<&str>, Invalid> {
    within_length(text)?;
    let uri = Uri::parse(text).map_err(|_| Invalid::Grammar)?;
    if uri.has_fragment() {
        return Err(Invalid::Fragment);
    }
    if uri.authority().is_some_and(|authority| authority.has_userinfo()) {
        return Err(Invalid::UserInfo);
    }
    Ok(uri)
}

fn within_length(text: &str) -> Result<(), Invalid> {
    match text.len() {
        0 => Err(Invalid::Empty),
        1..=MAX_LENGTH => Ok(()),
        _ => Err(Invalid::TooLong),
    }
}

/// Decided on the text alone: what a name resolves to is nobody's promise, and the address forms that
/// only some parsers know (`127.1`, `0x7f.0.0.1`) are names here.
fn is_loopback(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || bracketed.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok_and(|a| a.is_loopback()))
}

fn is_dot_segment(segment: &str) -> bool {
    // "%2e%2e" is the longest spelling there is.
    segment.len() <= 6
        && matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

/// Cuts a checked `http(s)` URI behind its authority.
fn split_origin(text: &str) -> (&str, &str) {
    let authority = text.find("://").map_or(0, |colon| colon + "://".len());
    let end = text
        .bytes()
        .enumerate()
        .skip(authority)
        .find(|(_, byte)| matches!(byte, b'/' | b'?'))
        .map_or(text.len(), |(at, _)| at);
    text.split_at_checked(end).unwrap_or((text, ""))
}
