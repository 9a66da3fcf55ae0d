//! The method table: what each MCP method asks for, in every revision.

use std::fmt;

/// What a message wants, by its method name and nothing else.
///
/// `docs/operations.md` shows the same table with the targets of each method. A new one needs a row of the
/// table below and of that one, an arm in `call::targets`, and where rules govern it, one in the `instead` of
/// `policy::rule`; `testkit` reads methods by a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the method name it stands for, given by `as_str`")]
pub enum Method {
    Initialize,
    Ping,
    ServerDiscover,
    ToolsList,
    ToolsCall,
    PromptsList,
    PromptsGet,
    ResourcesList,
    ResourcesTemplatesList,
    ResourcesRead,
    ResourcesSubscribe,
    ResourcesUnsubscribe,
    CompletionComplete,
    LoggingSetLevel,
    SubscriptionsListen,
    TasksGet,
    TasksResult,
    TasksList,
    TasksUpdate,
    TasksCancel,
    /// Any `notifications/…`.
    Notification,
    /// An answer to a request of the server (2025-11-25 and older): no method at all.
    Response,
    /// HTTP GET: the standing stream of 2025-11-25 and older.
    OpenStream,
    /// HTTP DELETE: the end of a session of 2025-11-25 and older.
    EndSession,
    /// A method no revision defines. Upstream knows it or not; a rule must name it.
    Other,
}

/// How much a method needs, before any rule is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A valid token suffices: without these nobody could find out what the server wants.
    Open,
    /// The server's base scopes suffice: what is listed is filtered, what is continued belongs to the caller.
    Base,
    /// Each target needs a rule that allows it.
    Target,
    /// The method itself needs a rule that allows it.
    Method,
}

/// Which member of `params` the `Mcp-Name` header mirrors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameSource {
    Name,
    Uri,
    TaskId,
    None,
}

/// Every method with a name of its own, its class, and what `Mcp-Name` mirrors.
const TABLE: &[(&str, Method, Class, NameSource)] = {
    use Class::{Base, Open, Target};
    use NameSource::{Name, None, TaskId, Uri};
    &[
        ("tools/call", Method::ToolsCall, Target, Name),
        ("tools/list", Method::ToolsList, Base, None),
        ("resources/read", Method::ResourcesRead, Target, Uri),
        ("resources/list", Method::ResourcesList, Base, None),
        ("resources/templates/list", Method::ResourcesTemplatesList, Base, None),
        ("resources/subscribe", Method::ResourcesSubscribe, Target, Uri),
        ("resources/unsubscribe", Method::ResourcesUnsubscribe, Target, Uri),
        ("prompts/get", Method::PromptsGet, Target, Name),
        ("prompts/list", Method::PromptsList, Base, None),
        ("completion/complete", Method::CompletionComplete, Target, None),
        ("subscriptions/listen", Method::SubscriptionsListen, Target, None),
        ("tasks/get", Method::TasksGet, Base, TaskId),
        ("tasks/result", Method::TasksResult, Base, TaskId),
        ("tasks/update", Method::TasksUpdate, Base, TaskId),
        ("tasks/cancel", Method::TasksCancel, Base, TaskId),
        ("tasks/list", Method::TasksList, Base, None),
        ("logging/setLevel", Method::LoggingSetLevel, Base, None),
        ("initialize", Method::Initialize, Open, None),
        ("server/discover", Method::ServerDiscover, Open, None),
        ("ping", Method::Ping, Open, None),
    ]
};

/// What every notification begins with.
pub(crate) const NOTIFICATIONS: &str = "notifications/";

impl Method {
    /// The method a name stands for; names are compared byte for byte.
    pub fn from_name(name: &str) -> Method {
        match TABLE.iter().find(|row| row.0 == name) {
            Some(row) => row.1,
            None if name.starts_with(NOTIFICATIONS) => Method::Notification,
            None => Method::Other,
        }
    }

    /// The method whose name differs from `name` only in case, separators or Unicode folding. An
    /// upstream that reads names loosely would run that one.
    pub(super) fn look_alike(name: &str) -> Option<&'static str> {
        TABLE.iter().map(|row| row.0).find(|known| crate::fold::alike(known, name)).or_else(|| {
            name.split_once('/')
                .is_some_and(|(head, _)| crate::fold::alike("notifications", head))
                .then_some("notifications/…")
        })
    }

    /// Every method that has a name of its own.
    pub fn named() -> impl Iterator<Item = Method> {
        TABLE.iter().map(|row| row.1)
    }

    /// The name in messages; a word in angle brackets where there is none.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Notification => "notifications/*",
            Method::Response => "<response>",
            Method::OpenStream => "<GET>",
            Method::EndSession => "<DELETE>",
            Method::Other => "<other>",
            named => self_row(named).map_or("<other>", |row| row.0),
        }
    }

    /// What the method needs.
    pub fn class(self) -> Class {
        match self {
            Method::Notification => Class::Open,
            Method::Response | Method::OpenStream | Method::EndSession => Class::Base,
            Method::Other => Class::Method,
            named => self_row(named).map_or(Class::Method, |row| row.2),
        }
    }

    /// Whether 2026-07-28 has dropped this method, which had a target: nothing says what mirrors it there, and
    /// the others are as easily left to upstream.
    pub(super) fn is_dropped(self) -> bool {
        matches!(
            self,
            Method::ResourcesSubscribe | Method::ResourcesUnsubscribe | Method::TasksResult
        )
    }

    pub(super) fn name_source(self) -> NameSource {
        self_row(self).map_or(NameSource::None, |row| row.3)
    }
}

fn self_row(method: Method) -> Option<&'static (&'static str, Method, Class, NameSource)> {
    TABLE.iter().find(|row| row.1 == method)
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
