//! What a caller holds, in the numbering of one policy.
//!
//! A policy knows all scopes and roles it will ever ask for. Numbering them turns "has all these
//! scopes" into a mask of a few words, whatever the number of rules.

use crate::scope::{Hierarchy, Role, Scope, ScopeSet};

/// Most scopes, and most roles, that one policy may speak of.
pub const MAX_NAMES: usize = 256;

/// A set of numbered scopes or roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mask([u64; MAX_NAMES / 64]);

impl Mask {
    pub(super) fn set(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    pub(super) fn add(&mut self, other: &Mask) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own |= other;
        }
    }

    pub(super) fn contains_all(&self, needed: &Mask) -> bool {
        self.0.iter().zip(needed.0).all(|(own, needed)| own & needed == needed)
    }

    pub(super) fn intersects(&self, other: &Mask) -> bool {
        self.0.iter().zip(other.0).any(|(own, other)| own & other != 0)
    }
}

/// The scopes and roles of one caller under one policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    pub(super) scopes: Mask,
    pub(super) roles: Mask,
}

/// The numbering.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vocabulary {
    /// Sorted; with each scope the mask of what holding it satisfies and the roles it brings.
    scopes: Vec<(Scope, Grants)>,
    roles: Vec<Role>,
}

impl Vocabulary {
    /// Numbers the names; `None` where there are too many.
    pub(super) fn new(
        scopes: &ScopeSet,
        roles: impl IntoIterator<Item = Role>,
        hierarchy: &Hierarchy,
        scope_roles: &[(Scope, Role)],
    ) -> Option<Vocabulary> {
        let mut roles: Vec<Role> = roles.into_iter().collect();
        roles.sort_unstable();
        roles.dedup();
        if scopes.len() > MAX_NAMES || roles.len() > MAX_NAMES {
            return None;
        }
        let mut vocabulary = Vocabulary {
            scopes: scopes.iter().map(|scope| (scope.clone(), Grants::default())).collect(),
            roles,
        };
        let grants: Vec<Grants> = scopes
            .iter()
            .map(|held| {
                let satisfied = hierarchy.closure(&[held.clone()].into_iter().collect());
                let mut grants =
                    Grants { scopes: vocabulary.mask(&satisfied), roles: Mask::default() };
                for (_, role) in scope_roles.iter().filter(|(scope, _)| satisfied.contains(scope)) {
                    grants.roles.add(&vocabulary.role_mask(std::slice::from_ref(role)));
                }
                grants
            })
            .collect();
        for ((_, own), grants) in vocabulary.scopes.iter_mut().zip(grants) {
            *own = grants;
        }
        Some(vocabulary)
    }

    pub(super) fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.scopes.iter().map(|(scope, _)| scope)
    }

    fn find(&self, scope: &Scope) -> Option<usize> {
        self.scopes.binary_search_by(|(known, _)| known.cmp(scope)).ok()
    }

    /// The mask of these scopes, those the policy never asks for left out.
    pub(super) fn mask(&self, scopes: &ScopeSet) -> Mask {
        let mut mask = Mask::default();
        for index in scopes.iter().filter_map(|scope| self.find(scope)) {
            mask.set(index);
        }
        mask
    }

    pub(super) fn role_mask(&self, roles: &[Role]) -> Mask {
        let mut mask = Mask::default();
        for index in roles.iter().filter_map(|role| self.roles.binary_search(role).ok()) {
            mask.set(index);
        }
        mask
    }

    /// What holding exactly these scopes and roles amounts to.
    pub(crate) fn grants(&self, scopes: &ScopeSet, roles: &[Role]) -> Grants {
        let mut grants = Grants { scopes: Mask::default(), roles: self.role_mask(roles) };
        for (_, brought) in scopes.iter().filter_map(|scope| self.scopes.get(self.find(scope)?)) {
            grants.scopes.add(&brought.scopes);
            grants.roles.add(&brought.roles);
        }
        grants
    }
}
