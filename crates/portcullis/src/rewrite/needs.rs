//! What can be in an answer, by what was asked.

use portcullis_core::operation::{Call, Era, Method, Revision, Target};

use super::{Exchange, has_escapes, says};

/// What an answer has to be looked at for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// Those that the policy filters.
    pub(super) lists: Lists,
    /// Those of tasks, where upstream cannot tell its callers apart.
    pub(super) task_lists: Lists,
    pub(super) cache: Cache,
    /// Whether there can be task ids.
    pub(super) tasks: bool,
    /// Whether an event may say where messages go.
    pub(super) endpoint: bool,
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
    pub(super) fn of(exchange: &Exchange) -> Needs {
        let Exchange { permit, policy, limits, .. } = exchange;
        let calls = permit.calls();
        let any = |is: fn(Method) -> bool| calls.iter().any(|call| is(call.method()));
        let lists = |matter: bool, is_one: fn(Method) -> bool| match matter {
            true if any(is_one) => Lists::Asked,
            true if any(|method| method == Method::OpenStream) => Lists::Replayed,
            _ => Lists::None,
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
        let has_tasks = permit.revision().is_none_or(|revision| revision >= Revision::V2025_11_25);
        let mut needs = Needs {
            lists: lists(policy.filters_lists(), is_list),
            // Under any revision: nobody knows which of them upstream goes by.
            task_lists: lists(exchange.is_shared, |method| method == Method::TasksList),
            cache,
            tasks: has_tasks
                && (of_tasks || any(|method| method == Method::OpenStream) || exchange.says_task),
            endpoint: exchange.message_path.is_some() && any(|method| method == Method::OpenStream),
            limit: limits.whole,
        };
        if !of_tasks && !needs.must_be_met() {
            needs.limit = limits.held;
        }
        needs
    }

    pub(super) fn are_none(self) -> bool {
        !self.tasks && !self.endpoint && !self.must_be_met()
    }

    /// Whether an answer that cannot be looked at must not pass.
    pub(super) fn must_be_met(self) -> bool {
        self.lists != Lists::None || self.task_lists != Lists::None || self.cache != Cache::Leave
    }

    /// Whether a text could be one of the lists.
    pub(super) fn may_be_list(self, text: &[u8]) -> bool {
        let is_one = |word: &[u8]| says(text, word);
        self.lists != Lists::None && (is_one(b"tool") || is_one(b"prompt") || is_one(b"ource"))
            || self.task_lists != Lists::None && is_one(b"task")
            || has_escapes(text)
    }

    /// Whether there is nothing but what an earlier request asked for.
    pub(super) fn is_replay(self) -> bool {
        self.lists == Lists::Replayed || self.task_lists == Lists::Replayed
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
