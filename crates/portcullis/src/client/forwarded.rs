//! What proxies write about who stands behind them: `Forwarded` (RFC 7239), and the nodes of both headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address::MAX_HOPS;

/// Whether an IPv6 address may stand without brackets, as in `X-Forwarded-For`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    Allowed,
    Refused,
}

/// The address of a node: with or without a port, which says nothing here. `unknown` and names that hide
/// somebody (`_secret`) are no address.
pub(super) fn node(text: &str, bare: Bare) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address = address.parse::<Ipv6Addr>().ok()?;
        let port_is_one = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return port_is_one.then_some(address.into());
    }
    if bare == Bare::Allowed
        && let Ok(address) = text.parse::<Ipv6Addr>()
    {
        return Some(address.into());
    }
    let (address, port) = text.split_once(':').map_or((text, None), |(a, p)| (a, Some(p)));
    let address = address.parse::<Ipv4Addr>().ok()?;
    port.is_none_or(is_port).then_some(address.into())
}

/// Digits, or a name that hides them (RFC 7239 section 6.2).
fn is_port(text: &str) -> bool {
    let hidden = text.strip_prefix('_').is_some_and(|name| !name.is_empty());
    hidden || (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whom each element of one `Forwarded` header names as its `for`, in their order; `None` where it names no
/// address. Nothing at all where the header is malformed: within quotes that are not closed, commas of the
/// proxy and those of the client could not be told apart.
pub(super) fn hops(line: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    let mut rest = line;
    loop {
        if hops.len() == MAX_HOPS {
            // The client may have written as many as it likes to the left of those that count.
            hops.remove(0);
        }
        let (hop, after) = element(rest)?;
        hops.push(hop);
        match after {
            Some(after) => rest = after,
            None => return Some(hops),
        }
    }
}

/// One element's `for`, and what follows its comma, if there is one.
fn element(text: &str) -> Option<(Option<IpAddr>, Option<&str>)> {
    let mut named = None;
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after)?;
        if name.contains([',', ';', '"']) {
            return None;
        }
        if name.trim().eq_ignore_ascii_case("for") && named.replace(value).is_some() {
            return None;
        }
        let after = after.trim_start();
        let hop = named.and_then(|named| node(named, Bare::Refused));
        if after.is_empty() {
            return Some((hop, None));
        } else if let Some(after) = after.strip_prefix(',') {
            return Some((hop, Some(after)));
        }
        rest = after.strip_prefix(';')?;
    }
}

/// A token or a quoted string, and what follows. An escape within quotes stays as it is: it is in no address.
fn value(text: &str) -> Option<(&str, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';', ' ', '\t']).unwrap_or(text.len());
        return text.split_at_checked(end).filter(|(value, _)| !value.contains(['"', '=']));
    };
    let mut escaped = false;
    let end = quoted.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    })?;
    let (value, after) = quoted.split_at_checked(end)?;
    Some((value, after.strip_prefix('"')?))
}
