//! What several servers have to do with each other, and with the listener.

use portcullis_core::id::ResourceId;

use super::gateway::Once;
use super::server::{Found, is_http};
use super::{Here, Wrong};
use crate::config::raw::{At, Line, List, Parsed};
use crate::config::source::Place;

/// Paths that are the gateway's own at every host; what is below them too.
const OWN_PATHS: [&str; 5] = ["/.well-known", "/livez", "/readyz", "/metrics", "/oauth"];

pub(super) fn check(
    servers: &[Found],
    shared: Option<&At<List<Parsed<Line>>>>,
    once: &Once,
    here: Here<'_>,
) {
    for (at, server) in servers.iter().enumerate() {
        let path = format!("servers.{}", server.name);
        let here = Here { path: &path, ..here };
        let before = servers.get(..at).unwrap_or_default();
        places(server, before, here);
        audiences(server, servers, before, shared, here);
    }
    for declared in shared.into_iter().flat_map(|shared| shared.value.iter()) {
        let Parsed(Line(audience)) = &declared.value;
        let has = |server: &&Found| server.audience.iter().any(|(a, _)| a == audience);
        if servers.iter().filter(has).count() < 2 {
            let here = Here { path: "shared_audiences", ..here };
            here.report(declared.place, Wrong::NotShared);
        }
    }
    listener(servers, once, here);
}

/// No two servers at one place, and none at one of ours.
fn places(server: &Found, before: &[Found], here: Here<'_>) {
    let Some((resource, place)) = &server.resource else { return };
    let path = resource.path();
    let is_own = |own: &&&str| {
        path.strip_prefix(**own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(own) = OWN_PATHS.iter().find(is_own) {
        here.report(*place, Wrong::OwnPath(own));
    }
    let (origin, path) = as_asked(resource);
    for other in before {
        let Some((taken, taken_place)) = &other.resource else { continue };
        let (other_origin, other_path) = as_asked(taken);
        let name = format!("servers.{}", other.name);
        let trimmed = |path: &'_ str| path.strip_suffix('/').unwrap_or(path).to_owned();
        let wrong = match origin == other_origin {
            true if path == other_path => Wrong::SameResource(name),
            true if trimmed(path) == trimmed(other_path) => Wrong::AlmostSameResource(name),
            _ => continue,
        };
        here.report_with(*place, wrong, *taken_place, "this is the other");
    }
}

/// What a request has of a resource: its host as every client would write it, and the path.
fn as_asked(resource: &ResourceId) -> (String, &str) {
    let origin = resource.origin().to_ascii_lowercase();
    let port = if origin.starts_with("http:") { ":80" } else { ":443" };
    (origin.strip_suffix(port).map_or(origin.clone(), str::to_owned), resource.path())
}

/// A token for one server must be none for another, but where that is said.
fn audiences(
    server: &Found,
    servers: &[Found],
    before: &[Found],
    shared: Option<&At<List<Parsed<Line>>>>,
    here: Here<'_>,
) {
    let is_shared = |audience: &str| {
        shared.is_some_and(|shared| shared.value.values().any(|Parsed(Line(a))| a == audience))
    };
    for (audience, place) in &server.audience {
        let is_of = |other: &&Found| {
            other.name != server.name
                && other.resource.as_ref().is_some_and(|(r, _)| r.as_str() == audience)
        };
        if let Some(other) = servers.iter().find(is_of) {
            here.report(*place, Wrong::OtherResource { other: other.name.clone() });
            continue;
        }
        let has = |other: &&Found| other.audience.iter().any(|(there, _)| there == audience);
        if let Some(other) = before.iter().find(has).filter(|_| !is_shared(audience)) {
            let also = other.audience.iter().find(|(there, _)| there == audience);
            let also = also.map_or(*place, |(_, place)| *place);
            let wrong = Wrong::SharedAudience { other: other.name.clone() };
            here.report_with(*place, wrong, also, "here it stands first");
        }
    }
}

/// What clients are told of the listener must be so.
fn listener(servers: &[Found], once: &Once, here: Here<'_>) {
    let own = servers.iter().filter_map(|server| {
        let (resource, place) = server.resource.as_ref()?;
        Some((resource.origin(), *place))
    });
    let public = once.public_url.as_ref().map(|(url, place)| (url.origin(), *place));
    let Some((listen, listen_place)) = once.listen else { return };
    let mut told: Vec<(&str, Place)> = Vec::new();
    for (origin, place) in public.into_iter().chain(own) {
        // Every server with a path has the gateway's.
        if !told.iter().any(|(there, _)| *there == origin) {
            told.push((origin, place));
        }
    }
    for (origin, place) in &told {
        let url = (*origin).to_owned();
        if is_http(origin) && once.has_tls {
            here.report(*place, Wrong::HttpWithTls { url });
        } else if is_http(origin) && !listen.ip().is_loopback() {
            here.report(listen_place.unwrap_or(*place), Wrong::HttpOnNetwork { url, listen });
        }
    }
    let https = told.iter().find(|(origin, _)| !is_http(origin));
    if let Some((_, place)) = https.filter(|_| !once.has_tls && !once.names_proxies) {
        here.report(*place, Wrong::ProxyUnnamed);
    }
}
