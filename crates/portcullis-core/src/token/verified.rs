//! Claims against an expectation: the one place where a [`VerifiedToken`] is made.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use super::names::Names;
use super::rules::{Known, Origin, name};
use super::{ClaimPath, Confirmation, Expectation, Refusal, Speaker};
use crate::bearer::TokenHash;
use crate::id::{Issuer, ResourceId};
use crate::json::{Document, Item};
use crate::policy::{Grants, Policy, Vocabulary};
use crate::scope::{Role, Scope, ScopeSet};
use crate::time::UnixTime;

/// What keeping a scope or a role takes beside its text.
const NAME: usize = 48;

/// A token that satisfied its issuer's [`Expectation`].
///
/// There is no other way to get one than [`super::Unverified::verify`] and
/// [`crate::introspection::judge`].
// In this order, since a kept token is looked at for every request and thousands of them are not in a
// processor's cache: first what each request asks for, so that it is brought in by few lines.
#[repr(C)]
pub struct VerifiedToken {
    hash: TokenHash,
    deadline: UnixTime,
    not_before: UnixTime,
    expectation: Arc<Expectation>,
    names: Names,
    /// What it amounts to in the numbering of one policy.
    grants: Option<(Arc<Vocabulary>, Grants)>,
    confirmation: Option<Confirmation>,
    scopes: ScopeSet,
    roles: Vec<Role>,
    expires: UnixTime,
    issued_at: Option<UnixTime>,
    /// All of them, as text: few ask for more than the above, and read they take several times the room.
    claims: Box<str>,
}

impl VerifiedToken {
    /// The hash of the text that was verified: what stands for the token in caches and logs.
    pub fn hash(&self) -> TokenHash {
        self.hash
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Issuer {
        &self.expectation.issuer
    }

    /// The resource of the server it was accepted for. It says nothing to any other server, whose policy
    /// is not to be asked about it.
    pub fn resource(&self) -> &ResourceId {
        &self.expectation.resource
    }

    /// How many bytes it takes to keep, about: an issuer may say a lot about a short token.
    pub fn size(&self) -> usize {
        let scopes = self.scopes.iter().map(Scope::as_str);
        let held = scopes.chain(self.roles.iter().map(Role::as_str)).map(|name| NAME + name.len());
        size_of::<VerifiedToken>() + self.names.len() + self.claims.len() + held.sum::<usize>()
    }

    /// Whom it speaks for.
    pub fn speaker(&self) -> Speaker<'_> {
        Speaker::of(self)
    }

    /// Whether this is what it was held against.
    pub fn satisfied(&self, expectation: &Expectation) -> bool {
        *self.expectation == *expectation
    }

    /// `sub`: whom it speaks for, unique within the issuer. Absent where a client speaks for itself
    /// and the issuer does not say so by `sub`.
    pub fn subject(&self) -> Option<&str> {
        self.names.subject()
    }

    /// The client it was issued to: `client_id` (RFC 9068), else `azp` (OpenID Connect), else `appid`
    /// (Entra ID).
    pub fn client_id(&self) -> Option<&str> {
        self.names.client_id()
    }

    /// `jti`: its identifier.
    pub fn token_id(&self) -> Option<&str> {
        self.names.token_id()
    }

    /// The scopes it carries.
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// The roles its claims are mapped to, each once.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The moment it ends, as written, or where an introspection answer does not say, the moment at which
    /// the issuer has to be asked again. What is accepted until when is for [`VerifiedToken::is_current`].
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// `iat`: when it was issued, where it says so. What revocations are compared with.
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }

    /// Whether it is within its lifetime, for a token kept since it was verified: before `exp` and the
    /// skew, and of an introspected one also before
    /// [`introspection_lifetime`](Expectation::introspection_lifetime) is over.
    pub fn is_current(&self, now: UnixTime) -> bool {
        let skew = self.expectation.skew;
        now < self.deadline && now.plus(skew) >= self.not_before
    }

    /// For speed alone, and no judgement: reads something of each cache line that a request is going to need, so
    /// that of a token no processor has in its cache, memory is waited for once and not at each question.
    pub fn prefetch(&self) {
        let (grants, confirmation) = (self.grants.is_some(), self.confirmation.is_some());
        black_box((self.names.first_byte(), self.deadline, grants, confirmation));
    }

    /// The key whose possession it asks to prove. See [`crate::proof::confirm`].
    pub fn confirmation(&self) -> Option<&Confirmation> {
        self.confirmation.as_ref()
    }

    /// Whether its holder could obtain `scope`, by entitlement.
    pub fn may_obtain(&self, scope: &Scope) -> bool {
        self.expectation.may_obtain(&self.roles, scope)
    }

    /// The string at `path`, or the strings of the array there. The claims are read anew each time. There are
    /// none where the expectation was [without claims](Expectation::without_claims).
    pub fn claim(&self, path: &ClaimPath) -> Vec<String> {
        let Ok(claims) = Document::read(self.claims.as_bytes().to_vec()) else {
            return Vec::new();
        };
        let claim = path.find(claims.root());
        claim.into_iter().flat_map(Item::strings).map(str::to_owned).collect()
    }

    /// Notes what its scopes and roles amount to under a policy, for a token that is going to be kept: judged by
    /// that policy again, it needs none of its scopes' texts.
    pub fn prepare_for(&mut self, policy: &Policy) {
        let vocabulary = policy.vocabulary();
        let grants = vocabulary.grants(&self.scopes, &self.roles);
        self.grants = Some((Arc::clone(vocabulary), grants));
    }

    /// What its scopes and roles amount to in that numbering.
    pub(crate) fn grants(&self, vocabulary: &Arc<Vocabulary>) -> Grants {
        match &self.grants {
            Some((known, grants)) if Arc::ptr_eq(known, vocabulary) => *grants,
            _ => vocabulary.grants(&self.scopes, &self.roles),
        }
    }
}

/// Shows who and until when, and no other claims.
impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("issuer", self.issuer())
            .field("subject", &self.subject())
            .field("client_id", &self.client_id())
            .field("scopes", &self.scopes)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Judges claims whose origin is established. Nothing else makes a [`VerifiedToken`].
pub(crate) fn accept(
    claims: Document,
    expectation: &Arc<Expectation>,
    now: UnixTime,
    hash: TokenHash,
    origin: Origin<'_>,
) -> Result<VerifiedToken, Refusal> {
    let root = claims.root();
    let known = Known::of(root);
    known.refuse_other_purposes(origin)?;
    known.check_issuer(expectation, origin)?;
    known.check_audience(expectation, origin)?;
    let end = known.end(expectation, now, origin)?;
    let (not_before, issued_at) = known.check_start(expectation, now)?;
    for (path, values) in &expectation.requirements {
        if !path.has_any(root, values) {
            return Err(Refusal::Requirement(path.to_string()));
        }
    }
    if let Origin::Signed { typ } = origin {
        known.check_access_token(root, typ, expectation)?;
    }
    let subject = name("sub", known.sub)?;
    let client_id = known.client()?;
    if subject.is_none() && client_id.is_none() {
        return Err(Refusal::Missing("sub"));
    }
    let names = Names::new(subject, client_id, name("jti", known.jti)?);
    let scopes = known.scopes(expectation)?;
    let confirmation = known.cnf.map(Confirmation::of).transpose()?;
    known.check_bound(confirmation.as_ref())?;
    let mut roles = Vec::new();
    for (role, path, values) in &expectation.roles {
        if !roles.contains(role) && path.has_any(root, values) {
            roles.push(role.clone());
        }
    }
    Ok(VerifiedToken {
        hash,
        deadline: end.deadline,
        // Without `nbf` it holds from the beginning of time.
        not_before: not_before.unwrap_or(UnixTime::from_secs(0)),
        expectation: Arc::clone(expectation),
        names,
        grants: None,
        confirmation,
        scopes,
        roles,
        expires: end.expires,
        issued_at,
        claims: if expectation.are_claims_kept { claims.into_text() } else { Box::default() },
    })
}
