//! Whose tokens are accepted, and what they must be.

use std::sync::Arc;
use std::time::Duration;

use portcullis_core::id::{ClientId, ResourceId};
use portcullis_core::jws::Algorithm;
use portcullis_core::scope::{Role, ScopeSet};
use portcullis_core::token::{ClaimPath, Expectation};

use super::{Context, Here, Wrong, all, client_auth, names};
use crate::config::issuer::{Introspection, KeySource, TrustedIssuer, When};
use crate::config::raw::{self, At, Endpoint, Line, List, Many, Named, OrNone, Parsed, Require};
use crate::config::server::Name;

/// An issuer by its name, also where something was wrong with it.
pub(super) struct Known {
    pub(super) name: String,
    /// Whether it has `introspection`, right or not.
    pub(super) is_asked: bool,
    pub(super) checked: Option<Checked>,
}

pub(super) struct Checked {
    pub(super) issuer: Arc<TrustedIssuer>,
    terms: Terms,
}

/// What tokens of an issuer must be, wherever they are accepted.
struct Terms {
    algorithms: Option<Vec<Algorithm>>,
    accept_typ: Vec<String>,
    access_token_claim: Option<ClaimPath>,
    skew: Duration,
    require: Vec<Claimed>,
    roles: Vec<(Role, Claimed)>,
    scopes: ScopeSet,
}

/// A claim, and what it may be.
type Claimed = (ClaimPath, Vec<String>);

const SKEW: Duration = Duration::from_secs(30);
const MAX_SKEW: Duration = Duration::from_secs(300);
const STALE: Duration = Duration::from_secs(3_600);
const CACHE: Duration = Duration::from_secs(30);

impl Checked {
    /// What they must be at this server.
    pub(super) fn expectation(
        &self,
        resource: ResourceId,
        audience: &[String],
        clients: &[ClientId],
    ) -> Expectation {
        let terms = &self.terms;
        let mut expectation = Expectation::new(self.issuer.issuer.clone(), resource)
            .also_for(audience.iter().cloned())
            .accept_typ(terms.accept_typ.iter().cloned())
            .skew(terms.skew)
            .default_scopes(terms.scopes.clone())
            .introspection_clients(clients.iter().cloned())
            // Nothing in the gateway calls `VerifiedToken::claim`, which finds nothing then.
            .without_claims();
        if let Some(algorithms) = &terms.algorithms {
            expectation = expectation.algorithms(algorithms.iter().copied());
        }
        if let Some(claim) = &terms.access_token_claim {
            expectation = expectation.access_token_claim(claim.clone());
        }
        if let Some(introspection) = &self.issuer.introspection {
            expectation = expectation.introspection_lifetime(introspection.cache);
        }
        let required = terms.require.iter().cloned();
        let expectation =
            required.fold(expectation, |expected, (path, values)| expected.require(path, values));
        let roles = terms.roles.iter().cloned();
        roles.fold(expectation, |expected, (role, (path, values))| {
            expected.map_role(role, path, values)
        })
    }
}

pub(super) fn check(named: Option<At<Named<raw::Issuer>>>, context: &Context<'_>) -> Vec<Known> {
    let Some(At { value: named, .. }) = named else { return Vec::new() };
    let checked_names = names(context, "issuers", &named);
    let mut issuers = Vec::new();
    for ((key, field), name) in named.0.into_iter().zip(checked_names) {
        let path = format!("issuers.{}", key.value);
        let mut is_asked = false;
        let checked = field.take().and_then(|at| {
            is_asked = !at.value.introspection.is_absent();
            one(at.value, name, Here { context, path: &path, place: at.place })
        });
        issuers.push(Known { name: key.value, is_asked, checked });
    }
    issuers
}

fn one(raw: raw::Issuer, name: Option<Name>, here: Here<'_>) -> Option<Checked> {
    let issuer = here.needed("issuer", &raw.issuer).map(|Parsed(issuer)| issuer.clone());
    let terms = terms(&raw, here);
    let jwks = match raw.jwks.value() {
        Some(Parsed(Endpoint(url))) => KeySource::At(url.clone()),
        None => KeySource::Discovered,
    };
    let ca = here.optional_file(&raw.ca);
    let introspection = match raw.introspection.take() {
        None => None,
        Some(at) => {
            let path = format!("{}.introspection", here.path);
            Some(introspection(at.value, Here { path: &path, place: at.place, ..here })?)
        }
    };
    let issuer = TrustedIssuer {
        name: name?,
        issuer: issuer?,
        jwks,
        stale: raw.stale.value().map_or(STALE, |Parsed(stale)| *stale),
        ca,
        allow_private: raw.allow_private.value().copied().unwrap_or(false),
        introspection,
    };
    Some(Checked { issuer: Arc::new(issuer), terms: terms? })
}

fn terms(raw: &raw::Issuer, here: Here<'_>) -> Option<Terms> {
    let skew = raw.skew.value().map_or(SKEW, |Parsed(OrNone(skew))| *skew);
    if let Some(place) = raw.skew.place().filter(|_| skew > MAX_SKEW) {
        here.report(place, Wrong::Skew);
    }
    if let Some(at) = raw.algorithms.get().filter(|at| at.value.is_empty()) {
        here.report(at.place, Wrong::EmptyList("algorithms"));
    }
    let claim = raw.access_token_claim.get().map(|at| path(at, here));
    let require = required(raw.require.value(), here);
    let roles = roles(raw.roles.value(), here);
    let algorithms = raw.algorithms.value();
    let types = raw.accept_typ.value().into_iter().flat_map(List::values);
    let scopes = raw.scopes.value().into_iter().flat_map(List::values);
    Some(Terms {
        algorithms: algorithms
            .map(|list| list.values().map(|Parsed(algorithm)| *algorithm).collect()),
        accept_typ: types.map(|Parsed(Line(typ))| typ.clone()).collect(),
        // There and wrong is not the same as not there.
        access_token_claim: claim.map_or(Some(None), |path| path.map(Some))?,
        skew,
        require: require?,
        roles: roles?,
        scopes: scopes.map(|Parsed(scope)| scope.clone()).collect(),
    })
}

fn path(at: &At<Many<Parsed<Line>>>, here: Here<'_>) -> Option<ClaimPath> {
    let names = at.value.values().map(|Parsed(Line(name))| name.clone());
    ClaimPath::new(names).map_err(|bad| here.report(at.place, Wrong::ClaimPath(bad))).ok()
}

fn texts(at: &At<Many<Parsed<Line>>>, here: Here<'_>) -> Vec<String> {
    if at.value.is_empty() {
        here.report(at.place, Wrong::NoValues);
    }
    at.value.values().map(|Parsed(Line(text))| text.clone()).collect()
}

/// A claim and what it may be.
fn claim(at: &At<raw::Claim>, here: Here<'_>) -> Option<Claimed> {
    let here = Here { place: at.place, ..here };
    here.needed("claim", &at.value.claim);
    here.needed("any", &at.value.any);
    let path = at.value.claim.get().and_then(|claim| path(claim, here));
    let any = at.value.any.get().map(|any| texts(any, here));
    Some((path?, any?))
}

fn required(require: Option<&Require>, here: Here<'_>) -> Option<Vec<Claimed>> {
    let inner = format!("{}.require", here.path);
    let here = Here { path: &inner, ..here };
    match require {
        None => Some(Vec::new()),
        Some(Require::ByPath(claims)) => {
            let one = |(number, at): (usize, &At<raw::Claim>)| {
                let path = format!("{}[{number}]", here.path);
                claim(at, Here { path: &path, ..here })
            };
            all(claims.numbered().map(one))
        }
        Some(Require::ByName(named)) => {
            let mut claims = Vec::new();
            for (key, values) in &named.0 {
                let path_of_key = format!("{}.{}", here.path, key.value);
                let here = Here { path: &path_of_key, place: key.place, ..here };
                let path = ClaimPath::new([key.value.clone()]);
                let path = path.map_err(|bad| here.report_here(Wrong::ClaimPath(bad))).ok();
                let values = values.get().map(|values| texts(values, here));
                claims.push(path.zip(values));
            }
            all(claims)
        }
    }
}

fn roles(named: Option<&Named<Many<raw::Claim>>>, here: Here<'_>) -> Option<Vec<(Role, Claimed)>> {
    let mut roles = Vec::new();
    for (key, ways) in named.into_iter().flat_map(|named| &named.0) {
        let path = format!("{}.roles.{}", here.path, key.value);
        let here = Here { path: &path, place: key.place, ..here };
        let role = Role::parse(&key.value);
        let role =
            role.map_err(|bad| here.report_here(Wrong::Value(format!("no role: {bad}")))).ok();
        for way in ways.value().into_iter().flat_map(Many::iter) {
            roles.push(role.clone().zip(claim(way, here)));
        }
    }
    all(roles)
}

fn introspection(raw: raw::Introspection, here: Here<'_>) -> Option<Introspection> {
    let when = here.needed("when", &raw.when).map(|when| match when {
        raw::When::Opaque => When::Opaque,
        raw::When::Always => When::Always,
    });
    let client_id = here.needed("client_id", &raw.client_id).map(|Parsed(id)| id.clone());
    let endpoint = raw.endpoint.value().map(|Parsed(Endpoint(url))| url.clone());
    let cache = raw.cache.value().map_or(CACHE, |Parsed(cache)| *cache);
    let auth = client_auth::check(raw, here);
    Some(Introspection { when: when?, endpoint, client_id: client_id?, auth: auth?, cache })
}
