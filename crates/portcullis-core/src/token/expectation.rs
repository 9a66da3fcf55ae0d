//! What a server expects of the tokens of one issuer.

use std::fmt;
use std::time::Duration;

use crate::id::{ClientId, Issuer, ResourceId};
use crate::json::Item;
use crate::jws::{self, Algorithm};
use crate::scope::{Entitlements, Role, Scope, ScopeSet};

/// No skew above this is honoured: it would give every expired token that much longer.
const MAX_SKEW: Duration = Duration::from_secs(300);

/// The resolution of [`crate::time::UnixTime`].
const MIN_LIFETIME: Duration = Duration::from_secs(1);

/// What must hold for a token of one issuer to be accepted by one server.
///
/// It cannot be made without the server's resource, which is always an audience: a server that does not
/// ask for whom a token was meant takes every token its issuer ever gave to anybody. The resource stays
/// with the token ([`super::VerifiedToken::resource`]), so that no other server's policy is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    pub(super) issuer: Issuer,
    pub(super) resource: ResourceId,
    /// Never empty: the resource is the first.
    pub(super) audiences: Vec<String>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) accepted_types: Vec<String>,
    pub(super) skew: Duration,
    pub(super) requirements: Vec<(ClaimPath, Vec<String>)>,
    pub(super) roles: Vec<(Role, ClaimPath, Vec<String>)>,
    pub(super) default_scopes: ScopeSet,
    pub(super) evidence: Option<ClaimPath>,
    pub(super) introspection_clients: Vec<ClientId>,
    pub(super) entitlements: Entitlements,
    pub(super) introspection_lifetime: Duration,
    pub(super) are_claims_kept: bool,
}

impl Expectation {
    /// Tokens of `issuer` that name `resource` as an audience (RFC 8707, RFC 9068 section 4).
    pub fn new(issuer: Issuer, resource: ResourceId) -> Self {
        Expectation {
            issuer,
            audiences: vec![resource.as_str().to_owned()],
            resource,
            algorithms: Algorithm::ALL.to_vec(),
            accepted_types: Vec::new(),
            skew: Duration::from_secs(30),
            requirements: Vec::new(),
            roles: Vec::new(),
            default_scopes: ScopeSet::default(),
            evidence: None,
            introspection_clients: Vec::new(),
            entitlements: Entitlements::anything(),
            introspection_lifetime: Duration::from_secs(30),
            are_claims_kept: true,
        }
    }

    /// Further audiences that mean this server, for issuers that cannot put its resource into a token:
    /// `api://files`, a client identifier. Empty ones are ignored, since an empty `aud` names nobody.
    #[must_use]
    pub fn also_for(mut self, audiences: impl IntoIterator<Item: Into<String>>) -> Self {
        let audiences = audiences.into_iter().map(Into::into);
        self.audiences.extend(audiences.filter(|audience: &String| !audience.is_empty()));
        self
    }

    /// Only these signature algorithms. Without this, every asymmetric one the issuer has a key for.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Header types accepted beside `at+jwt`, for issuers that do not follow RFC 9068. `JWT` also stands
    /// for no type at all.
    ///
    /// Such a token must show by its claims that it is an access token, since ID tokens of the same login
    /// are signed with the same keys: by the claim `typ` `Bearer` (Keycloak), else by `scope`, `scp` or
    /// the claim of [`Expectation::access_token_claim`], and then without `nonce`, `at_hash` and `c_hash`,
    /// by which OpenID Connect ties an ID token to its login.
    #[must_use]
    pub fn accept_typ<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.accepted_types = types
            .into_iter()
            .map(|typ| jws::short_type(&typ.into()).to_ascii_lowercase())
            .collect();
        self
    }

    /// How far clocks may be apart; 30 seconds without this, five minutes at most.
    #[must_use]
    pub fn skew(mut self, skew: Duration) -> Self {
        self.skew = skew.min(MAX_SKEW);
        self
    }

    /// The claim at `path` must be one of `values`, or an array with one of them. Several requirements
    /// must all hold.
    ///
    /// A requirement narrows and never shows what a token is for: tenant and organisation (`tid`, `hd`,
    /// `org_id`) stand in ID tokens too.
    #[must_use]
    pub fn require<V: Into<String>>(
        mut self,
        path: ClaimPath,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.requirements.push((path, values.into_iter().map(Into::into).collect()));
        self
    }

    /// `role` is held where the claim at `path` is one of `values`, or an array with one of them.
    #[must_use]
    pub fn map_role<V: Into<String>>(
        mut self,
        role: Role,
        path: ClaimPath,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.roles.push((role, path, values.into_iter().map(Into::into).collect()));
        self
    }

    /// The scopes of a token that has no scope claim.
    #[must_use]
    pub fn default_scopes(mut self, scopes: ScopeSet) -> Self {
        self.default_scopes = scopes;
        self
    }

    /// A claim that only access tokens of this issuer have, as evidence where the header type is none.
    ///
    /// Issuers of workload tokens, which carry no scope, need it: `repository` for GitHub Actions. The
    /// claim has to be there and not to say anything in particular; that is for
    /// [`Expectation::require`].
    #[must_use]
    pub fn access_token_claim(mut self, path: ClaimPath) -> Self {
        self.evidence = Some(path);
        self
    }

    /// Clients whose tokens are accepted where an introspection answer names no audience.
    #[must_use]
    pub fn introspection_clients(mut self, clients: impl IntoIterator<Item = ClientId>) -> Self {
        self.introspection_clients = clients.into_iter().collect();
        self
    }

    /// What holders of tokens could obtain by a step-up. Anything, without this.
    #[must_use]
    pub fn entitlements(mut self, entitlements: Entitlements) -> Self {
        self.entitlements = entitlements;
        self
    }

    /// How long an introspection answer is good for at most, whatever its `exp` says: by then the token
    /// may have been revoked. 30 seconds without this, and one at least, or no answer would be good for
    /// the request it was asked for.
    #[must_use]
    pub fn introspection_lifetime(mut self, lifetime: Duration) -> Self {
        self.introspection_lifetime = lifetime.max(MIN_LIFETIME);
        self
    }

    /// Keeps no claims beside what the token says of itself by its other methods, for whoever has no use of
    /// [`VerifiedToken::claim`](super::VerifiedToken::claim): of many tokens that are remembered they take most of
    /// the room.
    #[must_use]
    pub fn without_claims(mut self) -> Self {
        self.are_claims_kept = false;
        self
    }

    /// How long an issuer's word about a token is good at most: what
    /// [`Expectation::introspection_lifetime`] was told.
    pub fn longest_word(&self) -> Duration {
        self.introspection_lifetime
    }

    /// The issuer whose tokens are expected.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The resource of the server.
    pub fn resource(&self) -> &ResourceId {
        &self.resource
    }

    /// The audiences, any of which a token must name. The resource is the first.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    pub(super) fn accepts_type(&self, typ: Option<&str>) -> bool {
        self.accepted_types.iter().any(|accepted| jws::is_type(typ.unwrap_or("jwt"), accepted))
    }

    pub(super) fn may_obtain(&self, roles: &[Role], scope: &Scope) -> bool {
        self.entitlements.may_obtain(roles, scope)
    }
}

/// The way to a claim: its name, or the names to go through from the outermost.
///
/// A list rather than a dotted text, because claim names have dots, slashes and colons of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimPath(Vec<String>);

/// A path of no names, of more than eight, or with an empty or very long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a claim path has one to eight names of 1 to 256 bytes")]
pub struct InvalidPath;

impl ClaimPath {
    /// A path through these names.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self, InvalidPath> {
        let names: Vec<String> = names.into_iter().take(9).map(Into::into).collect();
        if !(1..=8).contains(&names.len())
            || names.iter().any(|name| !(1..=256).contains(&name.len()))
        {
            return Err(InvalidPath);
        }
        Ok(ClaimPath(names))
    }

    pub(super) fn find<'c>(&self, root: Item<'c>) -> Option<Item<'c>> {
        self.0.iter().try_fold(root, |claim, name| claim.get(name))
    }

    /// Whether the claim at this path is, or holds, one of `values`.
    pub(super) fn has_any(&self, root: Item<'_>, values: &[String]) -> bool {
        self.find(root)
            .is_some_and(|claim| claim.strings().any(|found| values.iter().any(|v| v == found)))
    }
}

/// The names joined with dots.
impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
