//! Values with a grammar of their own, read into what they mean.

use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use http::uri::Authority;
use http::{HeaderName, Uri};
use portcullis_core::id::{ClientId, Issuer, ResourceId};
use portcullis_core::jws::Algorithm;
use portcullis_core::scope::{Role, Scope};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::config::gateway::Rate;
use crate::config::problem::BadValue;
use crate::config::server::Origin;

/// What a text means.
pub(in crate::config) trait FromText: Sized {
    /// What such a text is called in the reference.
    const KIND: &'static str;

    /// What it looks like, as a regular expression for editors.
    const PATTERN: Option<&'static str> = None;

    fn from_text(text: &str) -> Result<Self, BadValue>;
}

/// A value that was read from a text.
#[derive(Debug)]
pub(in crate::config) struct Parsed<T>(pub(in crate::config) T);

impl<'de, T: FromText> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading<T>(PhantomData<T>);
        impl<T: FromText> Visitor<'_> for Reading<T> {
            type Value = Parsed<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Parsed<T>, E> {
                T::from_text(text).map(Parsed).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Reading(PhantomData))
    }
}

/// A text that is not empty and has no control characters.
#[derive(Debug)]
pub(in crate::config) struct Line(pub(in crate::config) String);

/// A path, from the folder of the file it is written in.
#[derive(Debug)]
pub(in crate::config) struct FilePath(pub(in crate::config) String);

/// A duration, which may be nothing.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct OrNone(pub(in crate::config) Duration);

/// A number of bytes.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Size(pub(in crate::config) usize);

/// A rate, or none.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct AtMost(pub(in crate::config) Option<Rate>);

/// The URL of an endpoint that is asked: `https`, or `http` on this machine.
#[derive(Debug)]
pub(in crate::config) struct Endpoint(pub(in crate::config) String);

/// Where a server is, from the gateway: `http` or `https`, anywhere.
#[derive(Debug)]
pub(in crate::config) struct UpstreamUrl(pub(in crate::config) Uri);

/// A path of the gateway.
#[derive(Debug)]
pub(in crate::config) struct UrlPath(pub(in crate::config) String);

impl FromText for Line {
    const KIND: &'static str = "text";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        if text.is_empty() {
            return Err(BadValue::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(BadValue::Control);
        }
        Ok(Line(text.to_owned()))
    }
}

impl FromText for FilePath {
    const KIND: &'static str = "file";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        Line::from_text(text).map(|Line(path)| FilePath(path))
    }
}

impl FromText for Duration {
    const KIND: &'static str = "duration";
    const PATTERN: Option<&'static str> = Some("[0-9]+(ms|s|m|h|d)");
    fn from_text(text: &str) -> Result<Self, BadValue> {
        match OrNone::from_text(text)? {
            OrNone(Duration::ZERO) => Err(BadValue::ZeroDuration),
            OrNone(duration) => Ok(duration),
        }
    }
}

impl FromText for OrNone {
    const KIND: &'static str = Duration::KIND;
    const PATTERN: Option<&'static str> = Duration::PATTERN;
    fn from_text(text: &str) -> Result<Self, BadValue> {
        let (number, unit) = quantity(text).ok_or(BadValue::Duration)?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(BadValue::Duration),
        };
        let milliseconds = number.checked_mul(milliseconds).ok_or(BadValue::LongDuration)?;
        let duration = Duration::from_millis(milliseconds);
        let is_long = duration > Duration::from_secs(366 * 86_400);
        if is_long { Err(BadValue::LongDuration) } else { Ok(OrNone(duration)) }
    }
}

impl FromText for Size {
    const KIND: &'static str = "size";
    const PATTERN: Option<&'static str> = Some("[0-9]+(B|KiB|MiB|GiB)");
    fn from_text(text: &str) -> Result<Self, BadValue> {
        let (number, unit) = quantity(text).ok_or(BadValue::Size)?;
        let bytes = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(BadValue::Size),
        };
        let size = number.checked_mul(bytes).and_then(|size| usize::try_from(size).ok());
        size.filter(|size| *size > 0).map(Size).ok_or(BadValue::Size)
    }
}

impl FromText for AtMost {
    const KIND: &'static str = "rate";
    const PATTERN: Option<&'static str> = Some("unlimited|[0-9]+/[0-9]*(ms|s|m|h|d)");
    fn from_text(text: &str) -> Result<Self, BadValue> {
        if text == "unlimited" {
            return Ok(AtMost(None));
        }
        let (count, per) = text.split_once('/').ok_or(BadValue::Rate)?;
        let count = count.parse().ok().and_then(NonZeroU32::new).ok_or(BadValue::Rate)?;
        let per = if per.starts_with(|c: char| c.is_ascii_digit()) {
            Duration::from_text(per)
        } else {
            Duration::from_text(&format!("1{per}"))
        };
        Ok(AtMost(Some(Rate { count, per: per.map_err(|_| BadValue::Rate)? })))
    }
}

/// A number and the unit right behind it.
fn quantity(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

impl FromText for SocketAddr {
    const KIND: &'static str = "address";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        text.parse().map_err(|_| BadValue::Address)
    }
}

impl FromText for Issuer {
    const KIND: &'static str = "URL";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        Issuer::parse(text).map_err(BadValue::Url)
    }
}

impl FromText for ResourceId {
    const KIND: &'static str = "URL";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        ResourceId::parse(text).map_err(BadValue::Url)
    }
}

impl FromText for Endpoint {
    const KIND: &'static str = "URL";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        // An endpoint has the same grammar: RFC 6749 sections 3.1 and 3.2 allow a query and no fragment.
        ResourceId::parse(text).map_err(BadValue::Url)?;
        Ok(Endpoint(text.to_owned()))
    }
}

impl FromText for UpstreamUrl {
    const KIND: &'static str = "upstream URL";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        let url: Uri = text.parse().map_err(|_| BadValue::UpstreamUrl)?;
        let is_http = matches!(url.scheme_str(), Some("http" | "https"));
        let authority = url.authority().map_or("", Authority::as_str);
        if !is_http || url.host().is_none_or(str::is_empty) || text.contains('#') {
            return Err(BadValue::UpstreamUrl);
        }
        if authority.contains('@') {
            return Err(BadValue::UserInfo);
        }
        if authority.ends_with(':') || url.port().is_some_and(|port| port.as_u16() == 0) {
            return Err(BadValue::UpstreamUrl);
        }
        Ok(UpstreamUrl(url))
    }
}

impl FromText for UrlPath {
    const KIND: &'static str = "path of a URL";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        if !text.starts_with('/') {
            return Err(BadValue::NoSlash);
        }
        if text.contains(['?', '#']) {
            return Err(BadValue::PathWithQuery);
        }
        let segments = || text.split('/').skip(1);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let is_whole = segments().all(|segment| !matches!(segment, "" | "." | ".."));
        if text != "/" && (!text.bytes().all(plain) || !is_whole) {
            return Err(BadValue::PathLetters);
        }
        Ok(UrlPath(text.to_owned()))
    }
}

impl FromText for Scope {
    const KIND: &'static str = "scope";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        Scope::parse(text).map_err(BadValue::Scope)
    }
}

impl FromText for Role {
    const KIND: &'static str = "role";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        Role::parse(text).map_err(BadValue::Role)
    }
}

impl FromText for ClientId {
    const KIND: &'static str = "client identifier";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        ClientId::parse(text).map_err(BadValue::ClientId)
    }
}

impl FromText for Algorithm {
    const KIND: &'static str = "algorithm";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        Algorithm::from_name(text).ok_or(BadValue::Algorithm)
    }
}

impl FromText for HeaderName {
    const KIND: &'static str = "header";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        text.parse().map_err(|_| BadValue::HeaderName)
    }
}

impl FromText for Authority {
    const KIND: &'static str = "host";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        let host: Authority = text.parse().map_err(|_| BadValue::Host)?;
        if text.contains(['@', '*']) || text.ends_with(':') || host.host().is_empty() {
            return Err(BadValue::Host);
        }
        Ok(host)
    }
}

impl FromText for Origin {
    const KIND: &'static str = "origin";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        let (scheme, host) = text.split_once("://").ok_or(BadValue::Origin)?;
        let is_web = matches!(scheme, "http" | "https");
        let usual_port = if scheme == "http" { ":80" } else { ":443" };
        let is_as_sent =
            !host.bytes().any(|byte| byte.is_ascii_uppercase() || b"/?#*".contains(&byte))
                && !host.ends_with(usual_port);
        if !is_web || !is_as_sent || Authority::from_text(host).is_err() {
            return Err(BadValue::Origin);
        }
        Ok(Origin(text.to_owned()))
    }
}
