//! What a token may be used for: scopes, what one scope implies, and who may be given which.
//!
//! A scope is compared as text and case-sensitively (RFC 6749 section 3.3). Meaning comes from the
//! operator only: [`Hierarchy`] says that a broad scope stands for narrower ones, [`Entitlements`] which
//! roles a scope may be granted to at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::id::checked_text;

/// No scope and no role is longer than this many bytes.
pub const MAX_LENGTH: usize = 256;

/// No `scope` text lists more scopes than this, and no [`Hierarchy`] relates more.
pub const MAX_SCOPES: usize = 256;

/// Why a text is not a scope, a list of scopes or a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Invalid {
    /// Nothing stands there; in a list also a space too many.
    #[error("empty, or a space too many")]
    Empty,
    /// Longer than [`MAX_LENGTH`].
    #[error("longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// A character the grammar does not have: a quote, a backslash, control characters, non-ASCII.
    #[error("a character that may not stand there")]
    Character,
    /// More than [`MAX_SCOPES`].
    #[error("more than {MAX_SCOPES} scopes")]
    TooMany,
}

fn within_length(text: &str) -> Result<(), Invalid> {
    match text.len() {
        0 => Err(Invalid::Empty),
        1..=MAX_LENGTH => Ok(()),
        _ => Err(Invalid::TooLong),
    }
}

/// One scope (`scope-token` of RFC 6749 section 3.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Arc<str>);
checked_text!(Scope, Invalid);

impl Scope {
    /// Printable ASCII without space, `"` and `\`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        within_length(text)?;
        let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        if !text.bytes().all(fits) {
            return Err(Invalid::Character);
        }
        Ok(Scope(text.into()))
    }
}

/// A set of scopes in alphabetical order, so that equal sets read the same.
///
/// Text from outside is bounded by [`ScopeSet::parse`]; a set made from others is as large as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// Reads the value of a `scope` parameter: scopes with one space between them. A scope named twice
    /// counts once. The empty text is not in the grammar; no scopes at all is `ScopeSet::default()`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        // Few tokens have more; growing costs more than the room.
        let mut scopes = Vec::with_capacity(8);
        for token in text.split(' ') {
            if scopes.len() == MAX_SCOPES {
                return Err(Invalid::TooMany);
            }
            scopes.push(Scope::parse(token)?);
        }
        Ok(scopes.into_iter().collect())
    }

    /// Whether the very scope is in the set; implied ones are [`Hierarchy::satisfies`]' business.
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.binary_search(scope).is_ok()
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// How many scopes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other).cloned().collect()
    }

    /// These scopes without the others.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        ScopeSet(self.iter().filter(|scope| !other.contains(scope)).cloned().collect())
    }

    /// Whether every scope of this set is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|scope| other.contains(scope))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        ScopeSet(scopes)
    }
}

impl<'a> IntoIterator for &'a ScopeSet {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromStr for ScopeSet {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        ScopeSet::parse(text)
    }
}

/// As the `scope` parameter is written: one space between scopes.
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{scope}")?;
        }
        Ok(())
    }
}

/// A role of a person, in the operator's own words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(Arc<str>);
checked_text!(Role, Invalid);

impl Role {
    /// Any text without control characters: role names come from identity providers in all languages.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        within_length(text)?;
        if text.chars().any(char::is_control) {
            return Err(Invalid::Character);
        }
        Ok(Role(text.into()))
    }
}

/// Which scopes stand for which others, as the operator says; the default relates none.
///
/// Closed when it is made, so that a question costs one look per scope held. A circle makes its members
/// equal and harms nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchy(BTreeMap<Scope, ScopeSet>);

impl Hierarchy {
    /// From pairs of a broad scope and the narrower ones it directly stands for.
    pub fn new(pairs: impl IntoIterator<Item = (Scope, Vec<Scope>)>) -> Result<Self, Invalid> {
        let mut known = BTreeSet::new();
        let mut direct: BTreeMap<Scope, BTreeSet<Scope>> = BTreeMap::new();
        for (broad, narrow) in pairs {
            known.insert(broad.clone());
            known.extend(narrow.iter().cloned());
            if known.len() > MAX_SCOPES {
                return Err(Invalid::TooMany);
            }
            direct.entry(broad).or_default().extend(narrow);
        }
        let closed = direct.keys().map(|broad| (broad.clone(), Self::reach(&direct, broad)));
        Ok(Hierarchy(closed.collect()))
    }

    fn reach(direct: &BTreeMap<Scope, BTreeSet<Scope>>, from: &Scope) -> ScopeSet {
        let mut reached = BTreeSet::new();
        let mut todo = vec![from];
        while let Some(scope) = todo.pop() {
            for narrow in direct.get(scope).into_iter().flatten() {
                if reached.insert(narrow) {
                    todo.push(narrow);
                }
            }
        }
        reached.into_iter().cloned().collect()
    }

    /// Whether `held` has the needed scope or one that stands for it.
    pub fn satisfies(&self, held: &ScopeSet, needed: &Scope) -> bool {
        let implied = |scope| self.0.get(scope).is_some_and(|narrow| narrow.contains(needed));
        held.contains(needed) || held.iter().any(implied)
    }

    /// Every scope that stands for another.
    pub fn broad_scopes(&self) -> impl Iterator<Item = &Scope> {
        self.0.keys()
    }

    /// `held` and everything it stands for.
    pub fn closure(&self, held: &ScopeSet) -> ScopeSet {
        let implied = held.iter().filter_map(|scope| self.0.get(scope)).flatten();
        held.iter().chain(implied).cloned().collect()
    }
}

/// Who may be granted which scope: the `grantable` of the configuration.
///
/// There is no default, since both "everything" and "nothing" would be a surprise to someone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entitlements(Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Anything,
    Listed { base: ScopeSet, roles: BTreeMap<Scope, BTreeSet<Role>> },
}

impl Entitlements {
    /// Everyone may be granted everything: for issuers whose own grants are the entitlement.
    pub fn anything() -> Self {
        Entitlements(Rule::Anything)
    }

    /// `base` for everyone let in; each listed scope for whoever has one of its roles (nobody where none
    /// stands); an unlisted scope for nobody. A scope listed twice has the roles of both.
    pub fn new(base: ScopeSet, listed: Vec<(Scope, Vec<Role>)>) -> Self {
        let mut roles: BTreeMap<Scope, BTreeSet<Role>> = BTreeMap::new();
        for (scope, any_of) in listed {
            roles.entry(scope).or_default().extend(any_of);
        }
        Entitlements(Rule::Listed { base, roles })
    }

    /// Whether someone with these roles may be granted the scope.
    pub fn may_obtain(&self, held: &[Role], scope: &Scope) -> bool {
        match &self.0 {
            Rule::Anything => true,
            Rule::Listed { base, roles } => {
                let any_of = roles.get(scope);
                base.contains(scope)
                    || any_of.is_some_and(|any_of| held.iter().any(|role| any_of.contains(role)))
            }
        }
    }
}
