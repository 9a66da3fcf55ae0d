//! A server and what belongs to it alone.

use std::sync::Arc;

use http::uri::Authority;
use portcullis_core::id::{ClientId, Issuer, ResourceId};
use portcullis_core::metadata::ProtectedResource;
use portcullis_core::policy::Policy;

use super::issuer::{Checked, Known};
use super::{Context, Here, Wrong, headers, names, policy, upstream};
use crate::config::problem::BadValue;
use crate::config::raw::{
    self, At, Field, FromText as _, Line, List, Many, Named, Parsed, UrlPath,
};
use crate::config::server::{Accepted, Name, Server, Written};
use crate::config::source::Place;

/// A server, as far as others have to do with it, and itself where it is right.
pub(super) struct Found {
    pub(super) name: String,
    /// Where it is to clients, and where that is written.
    pub(super) resource: Option<(ResourceId, Place)>,
    /// Its further audiences.
    pub(super) audience: Vec<(String, Place)>,
    pub(super) checked: Option<Server>,
}

pub(super) fn check(
    named: Named<raw::Server>,
    issuers: &[Known],
    public_url: Option<&(Issuer, Place)>,
    context: &Context<'_>,
) -> Vec<Found> {
    let checked_names = names(context, "servers", &named);
    let mut servers = Vec::new();
    for ((key, field), name) in named.0.into_iter().zip(checked_names) {
        let path = format!("servers.{}", key.value);
        let mut found =
            Found { name: key.value, resource: None, audience: Vec::new(), checked: None };
        if let Some(at) = field.take() {
            let here = Here { context, path: &path, place: at.place };
            one(at.value, name, issuers, public_url, &mut found, here);
        }
        servers.push(found);
    }
    servers
}

fn one(
    raw: raw::Server,
    name: Option<Name>,
    issuers: &[Known],
    public_url: Option<&(Issuer, Place)>,
    found: &mut Found,
    here: Here<'_>,
) {
    found.resource = resource(&raw, public_url, &found.name, here);
    let audience = raw.audience.value().into_iter().flat_map(Many::iter);
    found.audience = audience.map(|at| (at.value.0.0.clone(), at.place)).collect();
    let resource = found.resource.as_ref().map(|(resource, _)| resource.clone());
    let accepted = accepted(&raw, issuers, here);
    let policy = policy::check(&raw, resource.as_ref(), here);
    let tokens = tokens(&raw, resource.clone(), &found.audience, accepted.as_deref());
    let metadata = policy
        .as_ref()
        .zip(accepted.as_deref())
        .and_then(|((policy, _), accepted)| metadata(&raw, policy, accepted, here));
    let response_headers = headers::of_responses(raw.response_headers.value(), here);
    let dpop_nonce = raw.dpop.value().and_then(|dpop| dpop.nonce.get());
    let dpop_nonce = dpop_nonce.is_some_and(|nonce| nonce.value);
    let origins = raw.allowed_origins.value().into_iter().flat_map(List::values);
    let allowed_origins = origins.map(|Parsed(origin)| origin.clone()).collect();
    let hosts = raw.allowed_hosts.value().into_iter().flat_map(List::values);
    let allowed_hosts: Vec<Authority> = hosts.map(|Parsed(host)| host.clone()).collect();
    let upstream = upstream::check(raw, here);
    found.checked = policy.and_then(|(policy, rules)| {
        Some(Server {
            name: name?,
            metadata: metadata?,
            upstream: upstream?,
            dpop_nonce,
            policy: Arc::new(policy),
            rules,
            tokens: tokens?,
            allowed_origins,
            allowed_hosts,
            response_headers: response_headers?,
        })
    });
}

/// Where clients find it: `path` joined to the gateway's URL, or `url`.
fn resource(
    raw: &raw::Server,
    public_url: Option<&(Issuer, Place)>,
    name: &str,
    here: Here<'_>,
) -> Option<(ResourceId, Place)> {
    match (&raw.path, &raw.url) {
        (Field::Absent, Field::Absent) => {
            here.report_here(Wrong::PlaceMissing);
            None
        }
        (Field::There(path), Field::Absent) => {
            let Some((public_url, _)) = public_url else {
                here.public_url_missing(path.place, name);
                return None;
            };
            let url = format!("{public_url}{}", path.value.0.0);
            let bad = |bad| here.report(path.place, Wrong::Value(BadValue::Url(bad).to_string()));
            Some((ResourceId::parse(&url).map_err(bad).ok()?, path.place))
        }
        (Field::Absent, Field::There(url)) => {
            let Parsed(resource) = &url.value;
            let path = resource.path();
            // A slash at the end is as good as none, where somebody wants it.
            let bare = path.strip_suffix('/').unwrap_or(path);
            if let Some(bad) = Some(bare)
                .filter(|bare| !bare.is_empty())
                .and_then(|bare| UrlPath::from_text(bare).err())
            {
                here.report(url.place, Wrong::Value(bad.to_string()));
                return None;
            }
            Some((resource.clone(), url.place))
        }
        (path, url) => {
            if let Some(place) = url.place().or(path.place()) {
                here.report(place, Wrong::Both { one: "path", other: "url" });
            }
            None
        }
    }
}

impl Here<'_> {
    fn public_url_missing(&self, place: Place, name: &str) {
        // Where it is there and wrong, that was said.
        if !self.context.has_public_url.get() {
            self.context.findings.report(place, "", Wrong::PublicUrlMissing(name.to_owned()));
            self.context.has_public_url.set(true);
        }
    }
}

/// The issuers it lists, as far as they are right themselves; nothing where the list is wrong.
fn accepted<'i>(
    raw: &raw::Server,
    issuers: &'i [Known],
    here: Here<'_>,
) -> Option<Vec<&'i Checked>> {
    let known = || issuers.iter().map(|issuer| issuer.name.clone()).collect::<Vec<_>>();
    let Some(list) = raw.issuers.value().filter(|list| !list.is_empty()) else {
        if !matches!(raw.issuers, Field::Wrong) {
            here.report(raw.issuers.place().unwrap_or(here.place), Wrong::IssuersMissing(known()));
        }
        return None;
    };
    let mut listed: Vec<(&At<Parsed<Line>>, &Known)> = Vec::new();
    let mut is_whole = true;
    for at in list.iter() {
        let Parsed(Line(name)) = &at.value;
        let wrong = match issuers.iter().find(|issuer| issuer.name == *name) {
            None => Wrong::UnknownIssuer { name: name.clone(), known: known() },
            Some(issuer) if listed.iter().any(|(_, there)| there.name == issuer.name) => {
                Wrong::ListedTwice(name.clone())
            }
            Some(issuer) => {
                let id = |issuer: &Known| issuer.checked.as_ref().map(|c| c.issuer.issuer.clone());
                let same =
                    |there: &&(_, &Known)| id(there.1).is_some() && id(there.1) == id(issuer);
                let first = listed.iter().find(same).map(|(_, there)| there.name.clone());
                let asked = listed.iter().find(|(_, there)| there.is_asked && issuer.is_asked);
                let second = issuer.name.clone();
                match (first, asked) {
                    (Some(first), _) => Wrong::SameIssuer { first, second },
                    (None, Some((_, first))) => {
                        Wrong::TwoOpaque { first: first.name.clone(), second }
                    }
                    (None, None) => {
                        listed.push((at, issuer));
                        continue;
                    }
                }
            }
        };
        here.report(at.place, wrong);
        is_whole = false;
    }
    if let Some(clients) = raw.introspection_clients.get()
        && !clients.value.is_empty()
        && is_whole
        && !listed.iter().any(|(_, issuer)| issuer.is_asked)
    {
        here.report(clients.place, Wrong::NobodyAsked);
    }
    let checked = listed.iter().map(|(_, issuer)| issuer.checked.as_ref()).collect();
    if is_whole { checked } else { None }
}

/// What tokens of each issuer must be here.
fn tokens(
    raw: &raw::Server,
    resource: Option<ResourceId>,
    audience: &[(String, Place)],
    accepted: Option<&[&Checked]>,
) -> Option<Vec<Accepted>> {
    let (resource, accepted) = (resource?, accepted?);
    let audience: Vec<String> = audience.iter().map(|(audience, _)| audience.clone()).collect();
    let clients = raw.introspection_clients.value().into_iter().flat_map(List::values);
    let clients: Vec<ClientId> = clients.map(|Parsed(id)| id.clone()).collect();
    let pair = |checked: &&Checked| Accepted {
        issuer: Arc::clone(&checked.issuer),
        expectation: Arc::new(checked.expectation(resource.clone(), &audience, &clients)),
    };
    Some(accepted.iter().map(pair).collect())
}

fn metadata(
    raw: &raw::Server,
    policy: &Policy,
    accepted: &[&Checked],
    here: Here<'_>,
) -> Option<ProtectedResource> {
    let issuers = accepted.iter().map(|checked| checked.issuer.issuer.clone()).collect();
    for at in raw.issuers.value().into_iter().flat_map(List::iter) {
        let Parsed(Line(name)) = &at.value;
        let is_it = |checked: &&&Checked| checked.issuer.name.as_str() == name;
        let issuer = accepted.iter().find(is_it).map(|checked| &checked.issuer.issuer);
        let is_local = issuer.is_some_and(|issuer| is_http(issuer.origin()));
        if is_local && !policy.resource().host_is_loopback() {
            here.report(at.place, Wrong::LocalIssuer(format!("issuers.{name}")));
            return None;
        }
    }
    let bad = |place: Option<Place>| {
        move |bad| here.report(place.unwrap_or(here.place), Wrong::Metadata(bad))
    };
    let metadata = ProtectedResource::new(policy.resource().clone(), issuers)
        .map_err(bad(raw.issuers.place()))
        .ok()?;
    let mut metadata = metadata.scopes(policy.scopes()).map_err(bad(None)).ok()?;
    if let Some(at) = raw.name.get() {
        metadata = metadata.name(&at.value.0.0).map_err(bad(Some(at.place))).ok()?;
    }
    if let Some(at) = raw.documentation.get() {
        metadata = metadata.documentation(&at.value.0.0).map_err(bad(Some(at.place))).ok()?;
    }
    Some(metadata)
}

/// Whether an origin is without TLS, which it only can be on this machine.
pub(super) fn is_http(origin: &str) -> bool {
    origin.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("http:"))
}

/// Where each rule stands.
pub(super) fn written(here: Here<'_>, place: Place) -> Written {
    here.context.sources.written(place)
}
