//! Why a request is not one MCP operation that everybody would read alike.

use std::fmt;

use bytestring::ByteString;

use super::revision::Era;
use crate::json::Flaw;

/// A request that is refused before anybody asks whether it is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Malformed {
    pub(super) reason: Reason,
    pub(super) era: Era,
    pub(super) id: Option<RequestId>,
}

impl Malformed {
    /// What is wrong.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The era the client speaks, as far as its header tells.
    pub fn era(&self) -> Era {
        self.era
    }

    /// The `id` of the request, where it was read before the fault.
    pub fn id(&self) -> Option<&RequestId> {
        self.id.as_ref()
    }
}

/// A JSON-RPC request id: a string or an integer, never null or a fraction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RequestId {
    /// An integer that every reader takes for the same.
    Number(i64),
    /// A string.
    Text(ByteString),
}

impl RequestId {
    /// The id as the JSON it is echoed as.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            RequestId::Text(text) => serde_json::Value::from(&**text),
            RequestId::Number(number) => (*number).into(),
        }
    }
}

/// The named failures of reading an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The body is not one strict JSON value.
    #[error("the body is refused: {0}")]
    Json(#[from] Flaw),
    /// The body is longer than the limit.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// `Content-Type` is not `application/json` in UTF-8.
    #[error("Content-Type must be application/json in UTF-8")]
    MediaType,
    /// The body is compressed or otherwise encoded.
    #[error("Content-Encoding must be identity")]
    ContentEncoding,
    /// Neither POST, GET nor DELETE.
    #[error("the MCP endpoint takes POST, GET and DELETE")]
    HttpMethod,
    /// A GET or DELETE with a body.
    #[error("a body where none belongs")]
    UnexpectedBody,
    /// A member name that a lenient parser reads as a reserved one.
    #[error("a member name differs from {0:?} only by case, separators or Unicode folding")]
    LookAlikeMember(&'static str),
    /// A method name that a lenient server reads as a known one.
    #[error("the method differs from {0:?} only by case, separators or Unicode folding")]
    LookAlikeMethod(&'static str),
    /// A member no JSON-RPC envelope has.
    #[error("the message has a member that JSON-RPC 2.0 does not define")]
    UnknownMember,
    /// `jsonrpc` is not `"2.0"`.
    #[error("jsonrpc must be \"2.0\"")]
    NotJsonRpc2,
    /// A message that is a request and a response at once, or neither.
    #[error("the message must be one request, notification or response")]
    Envelope,
    /// A member of the wrong type.
    #[error("{0} has the wrong type")]
    WrongType(&'static str),
    /// A member whose name means something to parsers, such as `__proto__`.
    #[error("{0} has a member whose name does not begin with a letter")]
    SpecialMember(&'static str),
    /// A member that the method needs.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A method with a target that 2026-07-28 has dropped.
    #[error("revision 2026-07-28 has no method {0}")]
    Dropped(&'static str),
    /// A name or URI that is empty, too long, holds control characters, or has blanks at its ends.
    #[error("{0} must be 1 to {MAX_NAME} bytes without control characters or blanks at its ends")]
    BadName(&'static str),
    /// A request id that is too long to be kept.
    #[error("id is longer than {MAX_NAME} bytes")]
    LongId,
    /// More targets in one message than anybody needs.
    #[error("{0} has too many entries")]
    TooMany(&'static str),
    /// A batch where the revision has none.
    #[error("batches belong to revision 2025-03-26 only")]
    Batch,
    /// An empty batch or one past the limit.
    #[error("a batch holds 1 to {limit} messages")]
    BatchSize {
        /// The limit.
        limit: usize,
    },
    /// A response from a client of 2026-07-28, where servers send no requests.
    #[error("clients of this revision send no responses")]
    ResponseNotExpected,
    /// The revision named by header or `_meta` is none we judge.
    #[error("unsupported protocol version")]
    UnknownRevision {
        /// What the client asked for, shortened and without control characters.
        requested: String,
    },
    /// A header that may stand once stands twice.
    #[error("header {0} stands more than once")]
    RepeatedHeader(String),
    /// A header that 2026-07-28 requires.
    #[error("header {0} is required by revision 2026-07-28")]
    HeaderMissing(&'static str),
    /// A header that cannot be read.
    #[error("header {0} is malformed")]
    HeaderMalformed(&'static str),
    /// A header that says something else than the body.
    #[error("header {0} does not match the body")]
    HeaderMismatch(&'static str),
}

/// Longest tool name, prompt name, resource URI or task id that is looked at.
pub const MAX_NAME: usize = 2048;

/// Most targets of one operation, a batch's together.
pub const MAX_TARGETS: usize = 256;

/// Most bytes of all targets of one operation. Each is held against every rule that could match it.
pub const MAX_TARGET_BYTES: usize = 64 * 1024;

impl Reason {
    /// The JSON-RPC error code of the refusal.
    ///
    /// 2026-07-28 reserves -32020 and -32022; everything else is JSON-RPC 2.0's own.
    pub fn code(&self) -> i32 {
        match self {
            Reason::Json(
                Flaw::Encoding | Flaw::InvalidUtf8 | Flaw::Syntax | Flaw::TrailingBytes,
            ) => -32700,
            Reason::WrongType(_)
            | Reason::SpecialMember(_)
            | Reason::Missing(_)
            | Reason::BadName(_)
            | Reason::TooMany(_) => -32602,
            Reason::HeaderMissing(_)
            | Reason::HeaderMalformed(_)
            | Reason::HeaderMismatch(_)
            | Reason::RepeatedHeader(_) => -32020,
            Reason::UnknownRevision { .. } => -32022,
            Reason::Dropped(_) => -32601,
            // Other flaws stand in well-formed JSON, which is yet no message to act on.
            Reason::Json(_)
            | Reason::TooLarge { .. }
            | Reason::MediaType
            | Reason::ContentEncoding
            | Reason::HttpMethod
            | Reason::UnexpectedBody
            | Reason::LookAlikeMember(_)
            | Reason::LookAlikeMethod(_)
            | Reason::UnknownMember
            | Reason::NotJsonRpc2
            | Reason::Envelope
            | Reason::LongId
            | Reason::Batch
            | Reason::BatchSize { .. }
            | Reason::ResponseNotExpected => -32600,
        }
    }
}

/// A text of a client as it may stand in an answer: short, printable ASCII.
pub(super) fn printable(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

/// As it may stand in a log: short, printable ASCII.
impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestId::Number(number) => number.fmt(f),
            RequestId::Text(text) => f.write_str(&printable(text)),
        }
    }
}
