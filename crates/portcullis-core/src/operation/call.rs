//! One message as a call: its method and everything it is aimed at.

use std::fmt;

use bytestring::ByteString;

use super::malformed::{MAX_NAME, Reason, RequestId};
use super::message::{self, Message, Params};
use super::method::{Method, NameSource};
use super::revision::Revision;
use crate::json::Shape;

/// One message: a method and what it is aimed at.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    method: Method,
    /// The name, where the method is not one that has its own.
    name: Option<ByteString>,
    id: Option<RequestId>,
    targets: Targets,
    /// The message's part of the body, where it is not the whole.
    part: Option<ByteString>,
}

/// Without its part of the body: arguments are for upstream, not for logs.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method())
            .field("id", &self.id)
            .field("targets", &self.targets)
            .finish_non_exhaustive()
    }
}

/// Nearly every call is aimed at one thing or none, and needs no list for it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Targets {
    None,
    One(Target),
    Many(Vec<Target>),
}

/// Something a call is aimed at. The text is what the client wrote, escapes resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A tool by name.
    Tool(ByteString),
    /// A prompt by name.
    Prompt(ByteString),
    /// A resource by URI (of `completion/complete` also a URI template).
    Resource(ByteString),
    /// A task by id; it belongs to the caller or is unknown, which the session layer decides.
    Task(ByteString),
    /// News that a list changed, by the filter's member name.
    Changes(ByteString),
    /// A kind of news no revision defines, by the filter's member name.
    OtherNews(ByteString),
}

impl Target {
    /// The name, URI or id.
    pub fn text(&self) -> &str {
        match self {
            Target::Tool(text)
            | Target::Prompt(text)
            | Target::Resource(text)
            | Target::Task(text)
            | Target::Changes(text)
            | Target::OtherNews(text) => text,
        }
    }
}

impl Target {
    fn map(&self, change: impl Fn(&ByteString) -> ByteString) -> Target {
        match self {
            Target::Tool(text) => Target::Tool(change(text)),
            Target::Prompt(text) => Target::Prompt(change(text)),
            Target::Resource(text) => Target::Resource(change(text)),
            Target::Task(text) => Target::Task(change(text)),
            Target::Changes(text) => Target::Changes(change(text)),
            Target::OtherNews(text) => Target::OtherNews(change(text)),
        }
    }
}

impl Call {
    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The method's name as the client wrote it, or a word in angle brackets where there is none.
    pub fn method_name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.method.as_str())
    }

    /// The request id; notifications and HTTP GET and DELETE have none.
    pub fn id(&self) -> Option<&RequestId> {
        self.id.as_ref()
    }

    /// Everything the call is aimed at. All of it must be allowed.
    pub fn targets(&self) -> &[Target] {
        match &self.targets {
            Targets::None => &[],
            Targets::One(target) => std::slice::from_ref(target),
            Targets::Many(targets) => targets,
        }
    }

    /// The same, with copies in place of parts of the body, and without its arguments and its id.
    pub(super) fn without_body(&self) -> Call {
        let copy = |text: &ByteString| ByteString::from(&**text);
        let targets = match &self.targets {
            Targets::None => Targets::None,
            Targets::One(target) => Targets::One(target.map(copy)),
            Targets::Many(targets) => Targets::Many(targets.iter().map(|t| t.map(copy)).collect()),
        };
        let part = self.part.as_ref().map(|_| ByteString::new());
        Call { method: self.method, name: self.name.as_ref().map(copy), id: None, targets, part }
    }

    /// Notes which part of a batch the call is.
    pub(super) fn part_of_batch(self, part: ByteString) -> Call {
        Call { part: Some(part), ..self }
    }

    pub(super) fn part(&self) -> Option<&str> {
        self.part.as_deref()
    }

    /// What HTTP itself asks for, without a message.
    pub(super) fn bodiless(method: Method) -> Call {
        Call { method, name: None, id: None, targets: Targets::None, part: None }
    }
}

/// A call, and the parts of its message that only the headers are compared with.
pub(super) struct ReadCall<'m> {
    pub(super) call: Call,
    /// What `Mcp-Name` must repeat.
    pub(super) mirrored_name: Option<&'m str>,
    /// The revision that `_meta` names.
    pub(super) revision: Option<&'m str>,
}

impl<'m> ReadCall<'m> {
    /// `source` holds the text the message was read from.
    pub(super) fn of(
        source: &ByteString,
        message: &'m Message<'_>,
    ) -> Result<ReadCall<'m>, Reason> {
        match &message.version {
            Some(Shape::Text(version)) if version == "2.0" => {}
            _ => return Err(Reason::NotJsonRpc2),
        }
        let name = match &message.method {
            None => return Self::response(message),
            Some(_) if message.answers() => return Err(Reason::Envelope),
            Some(Shape::Text(name)) => name.as_ref(),
            Some(_) => return Err(Reason::WrongType("method")),
        };
        let method = Method::from_name(name);
        if method == Method::Other
            && let Some(known) = Method::look_alike(name)
        {
            return Err(Reason::LookAlikeMethod(known));
        }
        let params = match message.params_shape {
            // Null stands for absent in some clients; whatever needs a member misses it in both.
            None | Some(Shape::Object(()) | Shape::Null) => &message.params,
            Some(_) => return Err(Reason::WrongType("params")),
        };
        let revision = match &params.meta {
            None | Some(Shape::Null) => None,
            Some(Shape::Object(meta)) => match &meta.version {
                None => None,
                Some(Shape::Text(version)) => Some(version.as_ref()),
                Some(_) => return Err(Reason::WrongType(message::PROTOCOL_VERSION)),
            },
            Some(_) => return Err(Reason::WrongType("params._meta")),
        };
        if method == Method::Notification && message.id.is_some() {
            // Open to all, since it asks for nothing; an upstream might yet answer it as a request.
            return Err(Reason::Envelope);
        }
        if method.is_dropped() && revision == Some(Revision::V2026_07_28.as_str()) {
            return Err(Reason::Dropped(method.as_str()));
        }
        let mirrored_name = mirrored(method, params)?;
        let call = Call {
            method,
            name: match method {
                Method::Other | Method::Notification => {
                    Some(within(source, checked(name, "method")?))
                }
                _ => None,
            },
            id: message.id.clone(),
            targets: targets(source, method, params)?,
            part: None,
        };
        Ok(ReadCall { call, mirrored_name, revision })
    }

    /// The answer to a request that the server sent on a stream of 2025-11-25 or older.
    fn response(message: &Message<'_>) -> Result<ReadCall<'m>, Reason> {
        if !message.answers_once() || message.params_shape.is_some() || message.id.is_none() {
            return Err(Reason::Envelope);
        }
        let call = Call { id: message.id.clone(), ..Call::bodiless(Method::Response) };
        Ok(ReadCall { call, mirrored_name: None, revision: None })
    }
}

/// What `Mcp-Name` must repeat.
fn mirrored<'m>(method: Method, params: &'m Params<'_>) -> Result<Option<&'m str>, Reason> {
    let (member, title) = match method.name_source() {
        NameSource::None => return Ok(None),
        NameSource::Name => (&params.name, "params.name"),
        NameSource::Uri => (&params.uri, "params.uri"),
        NameSource::TaskId => (&params.task_id, "params.taskId"),
    };
    match member {
        Some(Shape::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::WrongType(title)),
        None => Err(Reason::Missing(title)),
    }
}

/// Everything the message is aimed at, by its method.
fn targets(source: &ByteString, method: Method, params: &Params<'_>) -> Result<Targets, Reason> {
    let required = |member: &Option<Shape<'_>>, title: &'static str| match member {
        Some(Shape::Text(text)) => Ok(within(source, checked(text, title)?)),
        Some(_) => Err(Reason::WrongType(title)),
        None => Err(Reason::Missing(title)),
    };
    let target = match method {
        Method::ToolsCall | Method::PromptsGet => {
            // Null stands for absent in every client seen; anything else is no set of arguments.
            if !matches!(params.arguments, None | Some(Shape::Null | Shape::Object(()))) {
                return Err(Reason::WrongType("params.arguments"));
            }
            let name = required(&params.name, "params.name")?;
            if method == Method::ToolsCall { Target::Tool(name) } else { Target::Prompt(name) }
        }
        Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            Target::Resource(required(&params.uri, "params.uri")?)
        }
        Method::TasksGet | Method::TasksResult | Method::TasksUpdate | Method::TasksCancel => {
            Target::Task(required(&params.task_id, "params.taskId")?)
        }
        Method::CompletionComplete => match params.reference.as_deref().and_then(Option::as_ref) {
            Some(Shape::Object(reference)) => match &reference.kind {
                Some(Shape::Text(kind)) if kind == "ref/prompt" => {
                    let name = required(&reference.name, "params.ref.name")?;
                    one_of_two(reference.uri.as_ref())?;
                    Target::Prompt(name)
                }
                Some(Shape::Text(kind)) if kind == "ref/resource" => {
                    let uri = required(&reference.uri, "params.ref.uri")?;
                    one_of_two(reference.name.as_ref())?;
                    Target::Resource(uri)
                }
                _ => return Err(Reason::WrongType("params.ref.type")),
            },
            Some(_) => return Err(Reason::WrongType("params.ref")),
            None => return Err(Reason::Missing("params.ref")),
        },
        Method::SubscriptionsListen => return news(source, params).map(Targets::Many),
        Method::Initialize
        | Method::ServerDiscover
        | Method::Ping
        | Method::ToolsList
        | Method::PromptsList
        | Method::ResourcesList
        | Method::ResourcesTemplatesList
        | Method::LoggingSetLevel
        | Method::TasksList
        | Method::Notification
        | Method::Response
        | Method::OpenStream
        | Method::EndSession
        | Method::Other => return Ok(Targets::None),
    };
    Ok(Targets::One(target))
}

/// A server that goes by the members and not by the `type` would take the other one.
fn one_of_two(other: Option<&Shape<'_>>) -> Result<(), Reason> {
    match other {
        None | Some(Shape::Null) => Ok(()),
        Some(_) => Err(Reason::WrongType("params.ref")),
    }
}

/// The filter of `subscriptions/listen`: what the client wants to hear of.
fn news(source: &ByteString, params: &Params<'_>) -> Result<Vec<Target>, Reason> {
    const FILTER: &str = "params.notifications";
    let filter = match params.notifications.as_deref().and_then(Option::as_ref) {
        Some(Shape::Object(filter)) => filter,
        Some(_) => return Err(Reason::WrongType(FILTER)),
        None => return Err(Reason::Missing(FILTER)),
    };
    let mut targets = Vec::new();
    for (name, flag) in [
        ("toolsListChanged", &filter.tools),
        ("promptsListChanged", &filter.prompts),
        ("resourcesListChanged", &filter.resource_list),
    ] {
        match flag {
            None | Some(Shape::Bool(false)) => {}
            Some(Shape::Bool(true)) => targets.push(Target::Changes(name.into())),
            Some(_) => return Err(Reason::WrongType(FILTER)),
        }
    }
    for (name, wanted) in &filter.others {
        let name = within(source, checked(name, FILTER)?);
        match wanted {
            Shape::Bool(false) => {}
            // `__proto__`, `$ref`, `@type` and `<<` bring in members from elsewhere.
            _ if !name.starts_with(char::is_alphabetic) => {
                return Err(Reason::SpecialMember(FILTER));
            }
            _ => targets.push(Target::OtherNews(name)),
        }
    }
    let mut each = |list: &Option<Shape<'_>>, title, target: fn(ByteString) -> Target| {
        let items = match list {
            None => return Ok(()),
            Some(Shape::Array(items)) => items,
            Some(Shape::LongArray) => return Err(Reason::TooMany(title)),
            Some(_) => return Err(Reason::WrongType(title)),
        };
        for item in items {
            let Shape::Text(text) = item else { return Err(Reason::WrongType(title)) };
            targets.push(target(within(source, checked(text, title)?)));
        }
        Ok(())
    };
    each(&filter.resources, "params.notifications.resourceSubscriptions", Target::Resource)?;
    each(&filter.tasks, "params.notifications.taskIds", Target::Task)?;
    Ok(targets)
}

/// A name an upstream in any language reads whole: a NUL would end it early in some, a line break
/// would split it in a log, blanks at its ends are trimmed by many (a byte order mark by JavaScript).
fn checked<'t>(text: &'t str, title: &'static str) -> Result<&'t str, Reason> {
    let plain = |text: &str| {
        let trimmed = text.starts_with(is_blank) || text.ends_with(is_blank);
        !trimmed && !text.chars().any(char::is_control)
    };
    // Nearly every name is visible ASCII.
    let is_good = text.bytes().all(|byte| byte.is_ascii_graphic()) || plain(text);
    if text.is_empty() || text.len() > MAX_NAME || !is_good {
        return Err(Reason::BadName(title));
    }
    Ok(text)
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

/// The text as a part of the body, or beside it where escapes had to be resolved.
fn within(source: &ByteString, text: &str) -> ByteString {
    if source.as_bytes().as_ptr_range().contains(&text.as_ptr()) {
        source.slice_ref(text)
    } else {
        ByteString::from(text)
    }
}
