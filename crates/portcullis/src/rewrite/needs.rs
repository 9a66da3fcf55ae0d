//! What can be in an answer, by what was asked.

use portcullis_core::decide::Permit;
use portcullis_core::operation::{Call, Era, Method, Revision, Target};
use portcullis_core::policy::Policy;

use super::{Limits, mentions};

/// What an answer has to be looked at for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    pub(super) lists: Lists,
    pub(super) cache: Cache,
    /// Whether there can be task ids.
    pub(super) tasks: bool,
    /// As much is kept of a text, or of an event.
    pub(super) limit: usize,
}

/// Lists to filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    /// None.
    None,
    /// One was asked for.
    Asked,
    /// One may come again that was asked for earlier: known by its shape.
    Replayed,
}

/// What becomes of `cacheScope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cache {
    /// It stays.
    Leave,
    /// It becomes private where the answer says something about caching.
    Private,
    /// It becomes private, also where it is missing. To its absence the specification gives no meaning.
    AddPrivate,
}

impl Needs {
    pub(super) fn of(permit: &Permit, policy: &Policy, limits: Limits) -> Needs {
        let calls = permit.calls();
        let any = |is: fn(Method) -> bool| calls.iter().any(|call| is(call.method()));
        let lists = if !policy.filters_lists() {
            Lists::None
        } else if any(is_list) {
            Lists::Asked
        } else if any(|method| method == Method::OpenStream) {
            Lists::Replayed
        } else {
            Lists::None
        };
        let is_modern = permit.era() == Era::Modern;
        let cache = if !policy.varies() {
            Cache::Leave
        } else if is_modern && any(is_cacheable) {
            Cache::AddPrivate
        } else if any(is_list) {
            Cache::Private
        } else {
            Cache::Leave
        };
        let of_tasks = calls.iter().any(is_of_tasks);
        let tasks = permit.revision().is_none_or(|revision| revision >= Revision::V2025_11_25)
            && (of_tasks || any(|m| m == Method::OpenStream) || mentions(permit.body(), b"task"));
        let mut needs = Needs { lists, cache, tasks, limit: limits.whole };
        if !of_tasks && !needs.must_be_met() {
            needs.limit = limits.held;
        }
        needs
    }

    pub(super) fn are_none(self) -> bool {
        !self.tasks && !self.must_be_met()
    }

    /// Whether an answer that cannot be looked at must not pass.
    pub(super) fn must_be_met(self) -> bool {
        self.lists != Lists::None || self.cache != Cache::Leave
    }
}

fn is_list(method: Method) -> bool {
    matches!(
        method,
        Method::ToolsList
            | Method::PromptsList
            | Method::ResourcesList
            | Method::ResourcesTemplatesList
    )
}

/// The results that carry hints for caching (2026-07-28, `CacheableResult`).
fn is_cacheable(method: Method) -> bool {
    is_list(method) || matches!(method, Method::ResourcesRead | Method::ServerDiscover)
}

/// Whether the answer is about tasks, whatever its length.
fn is_of_tasks(call: &Call) -> bool {
    call.method() == Method::TasksList
        || call.targets().iter().any(|target| matches!(target, Target::Task(_)))
}
