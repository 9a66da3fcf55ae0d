//! Which headers may be added, passed on, left out.

use http::{HeaderName, HeaderValue, header};

use super::{Here, Wrong, all};
use crate::config::raw::{self, At, List, Named, Parsed, SecretText};
use crate::config::server::ResponseHeaders;

/// What an upstream gets besides.
type ForUpstream = (Vec<(HeaderName, HeaderValue)>, Vec<HeaderName>);

pub(super) fn of_upstream(
    at: Option<At<raw::UpstreamHeaders>>,
    here: Here<'_>,
) -> Option<ForUpstream> {
    let Some(at) = at else { return Some((Vec::new(), Vec::new())) };
    let path = format!("{}.upstream_headers", here.path);
    let here = Here { path: &path, place: at.place, ..here };
    let forward = forward(at.value.forward.value(), here);
    Some((added(at.value.add.take(), here)?, forward))
}

/// Headers that the gateway sets, whose values are secrets.
pub(super) fn added(
    named: Option<At<Named<SecretText>>>,
    here: Here<'_>,
) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let mut add = Vec::new();
    for (key, value) in named.into_iter().flat_map(|at| at.value.0) {
        let name = self::named(&key, connection_or_ours, here);
        let value = value.take().and_then(|at| {
            let place = at.place;
            self::value(here.secret(at)?.expose(), place, here)
        });
        add.push(name.zip(value));
    }
    all(add)
}

pub(super) fn of_responses(
    raw: Option<&raw::ResponseHeaders>,
    here: Here<'_>,
) -> Option<ResponseHeaders> {
    let Some(raw) = raw else { return Some(ResponseHeaders::default()) };
    let path = format!("{}.response_headers", here.path);
    let here = Here { path: &path, ..here };
    let mut add = Vec::new();
    for (key, field) in raw.add.value().into_iter().flat_map(|Named(entries)| entries) {
        let name = named(key, of_answers, here);
        add.push(name.zip(field.get().and_then(|at| value(&at.value.0.0, at.place, here))));
    }
    let mut remove = Vec::new();
    for at in raw.remove.value().into_iter().flat_map(List::iter) {
        let Parsed(name) = &at.value;
        if let Some(why) = of_protocol(name) {
            here.report(at.place, Wrong::ForbiddenHeader { header: name.to_string(), why });
        }
        remove.push(name.clone());
    }
    Some(ResponseHeaders { add: all(add)?, remove })
}

fn forward(list: Option<&List<Parsed<HeaderName>>>, here: Here<'_>) -> Vec<HeaderName> {
    let mut forward = Vec::new();
    for at in list.into_iter().flat_map(List::iter) {
        let Parsed(name) = &at.value;
        if let Some(why) = of_clients(name).or_else(|| connection_or_ours(name)) {
            here.report(at.place, Wrong::ForbiddenHeader { header: name.to_string(), why });
        }
        forward.push(name.clone());
    }
    forward
}

fn named(
    key: &At<String>,
    forbidden: fn(&HeaderName) -> Option<&'static str>,
    here: Here<'_>,
) -> Option<HeaderName> {
    let Ok(name) = key.value.parse::<HeaderName>() else {
        here.report(key.place, Wrong::HeaderName(key.value.clone()));
        return None;
    };
    if let Some(why) = forbidden(&name) {
        here.report(key.place, Wrong::ForbiddenHeader { header: name.to_string(), why });
    }
    Some(name)
}

/// A value that no log is to show.
fn value(text: &str, place: super::Place, here: Here<'_>) -> Option<HeaderValue> {
    let fits = text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.trim() == text;
    let value = HeaderValue::from_str(text).ok().filter(|_| fits);
    let Some(mut value) = value else {
        here.report(place, Wrong::HeaderValue);
        return None;
    };
    value.set_sensitive(true);
    Some(value)
}

const CONNECTION: &str = "it belongs to one connection, and the gateway makes it itself";

/// Headers that say how a message is put into a connection (RFC 9110 section 7.6.1), and what the gateway
/// says itself.
fn connection_or_ours(name: &HeaderName) -> Option<&'static str> {
    const OWN: [HeaderName; 10] = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::HOST,
        header::EXPECT,
        header::ACCEPT_ENCODING,
        header::CONTENT_ENCODING,
    ];
    let text = name.as_str();
    if OWN.contains(name) || text == "keep-alive" || text.starts_with("proxy-") {
        return Some(CONNECTION);
    }
    text.starts_with("mcp-")
        .then_some("headers of MCP agree with the body and are passed on by themselves")
}

/// Headers of clients that no upstream gets.
fn of_clients(name: &HeaderName) -> Option<&'static str> {
    let text = name.as_str();
    let is_credential = [header::AUTHORIZATION, header::COOKIE].contains(name)
        || matches!(text, "dpop" | "client-cert" | "client-cert-chain");
    if is_credential {
        return Some(
            "a credential of the client is for the gateway; give the upstream its own with \"add\"",
        );
    }
    let says_who = text == "forwarded"
        || ["x-forwarded-", "x-real-", "x-auth-", "x-remote-", "remote-"]
            .iter()
            .any(|p| text.starts_with(p));
    if says_who {
        return Some(
            "upstreams take it for the word of a proxy, and here it would be that of anybody",
        );
    }
    text.contains('_').then_some("to many servers _ is -, so that it would pass for another header")
}

/// Headers of answers that the gateway says itself.
fn of_answers(name: &HeaderName) -> Option<&'static str> {
    let text = name.as_str();
    if text.starts_with("access-control-") {
        return Some("it follows from \"allowed_origins\"");
    }
    if [header::SET_COOKIE, header::WWW_AUTHENTICATE].contains(name) {
        return Some("only the gateway signs people in");
    }
    of_protocol(name)
}

/// Headers without which an answer means something else.
fn of_protocol(name: &HeaderName) -> Option<&'static str> {
    if [header::CONTENT_TYPE, header::CACHE_CONTROL, header::RETRY_AFTER].contains(name) {
        return Some("clients of MCP go by what the server says there");
    }
    connection_or_ours(name)
}
