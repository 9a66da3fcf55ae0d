//! The only place where bodies change between client and upstream.
//!
//! Whatever a request was allowed as is what upstream reads, so bodies go on byte for byte but for a
//! closed list:
//!
//! * session and task ids of upstream, and the path that is a session of HTTP+SSE, are sealed for their
//!   owner on the way to the client and opened on the way back ([`seal`](crate::seal))
//! * lists show what the policy lets this caller see (RS-18)
//! * lists and reads are `cacheScope: private` where the policy varies by caller (RS-18)
//! * lists of tasks (`tasks/list`) are shown empty where upstream serves others as well: to it they are all
//!   the gateway's, and nobody could tell whose
//!
//! Where one of these applies, the bytes of the one value change and all others stay. Answers that are no
//! success pass as they are, since clients of two eras choose their fallback by them (RS-17).
//!
//! # What is looked at
//! Most answers are not: what could be in an answer follows from what was asked, so [`Exchange::response`]
//! finds before the first byte that it is to be passed [verbatim](Treatment::Verbatim), frame by frame and
//! without an adapter. That is every answer but
//!
//! * those to list methods under a policy by which lists differ, those to `tasks/list` where upstream serves
//!   others as well, and those to a `GET`, whose stream may deliver either once more;
//! * those to list methods, `resources/read` and `server/discover`, under a policy that varies by caller;
//!   before 2026-07-28 nothing but lists, since results had no scope of caching;
//! * those to a request that has to do with tasks: it names one, or says "task" somewhere, as a call that
//!   may become one must, or is a `GET`. Revisions before 2025-11-25 have no tasks.
//!
//! The first two must not be got wrong: what cannot be read strictly, or is larger than [`Limits::whole`],
//! is refused ([`Refused`]) and never shown. With tasks nothing is lost but the task, since an id that was
//! not sealed opens nothing: what cannot be read, or is too large to be news of a task, passes as it is.
//!
//! Of a stream only the event under way is held back, from its first `data` line on. No client acts on an
//! event before its end, so this costs no time (RS-16), and an event in which nothing changes goes on in the
//! bytes it came in.
//!
//! * `needs` – what can be in an answer
//! * `request` – ids on their way up
//! * `answer` – lists, scopes of caching and ids on their way down
//! * `tasks` – where messages hold task ids
//! * `endpoint` – the session of HTTP+SSE
//! * `edit` – values that change in a text
//! * `events` – the framing of `text/event-stream`
//! * `body` – all of it around a [`http_body::Body`]

mod answer;
mod body;
mod edit;
mod endpoint;
mod events;
mod needs;
mod request;
mod tasks;

use std::sync::Arc;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use memchr::memchr2_iter;
use portcullis_core::decide::Permit;
use portcullis_core::header::MCP_SESSION_ID;
use portcullis_core::json::{Flaw, LookAlike};
use portcullis_core::policy::Policy;

use self::answer::{Answer, Part};
pub use self::body::{BodyError, Rewritten};
pub use self::endpoint::ENDPOINT;
pub use self::events::EventRewriter;
use self::needs::Needs;
pub use self::request::{NotOpened, Outgoing};
use crate::seal::{Kind, Owner, SealError, Sealer};

/// What describes the bytes of a body and is wrong once they may change.
const ABOUT_BYTES: [HeaderName; 5] = [
    CONTENT_LENGTH,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// How much of an answer is kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one that has to be changed as a whole, or an event of it. Beyond that it is refused.
    pub whole: usize,
    /// Of one that could be, but hardly is, a new task. Beyond that it is passed on.
    pub held: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { whole: 16 << 20, held: 64 << 10 }
    }
}

/// Why an answer of upstream is not passed on: an upstream error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A list or a read that is not one strict JSON value.
    #[error("an answer that must be filtered is refused: {0}")]
    Json(#[from] Flaw),
    /// A member that some clients take for the list.
    #[error("an answer that must be filtered is refused: {0}")]
    LookAlike(#[from] LookAlike),
    /// A list that is none, or an item without a name.
    #[error("an answer that must be filtered is refused: {0} is missing or has the wrong type")]
    Shape(&'static str),
    /// Larger than [`Limits::whole`].
    #[error("an answer that must be filtered is longer than {0} bytes")]
    TooLong(usize),
    /// Compressed, although identity was asked for.
    #[error("an answer that must be filtered has a Content-Encoding")]
    Encoded,
    /// The stream of HTTP+SSE begins with no path to send messages to.
    #[error("the endpoint that upstream names is no path")]
    Endpoint,
    /// A session id that is no text, or stands twice.
    #[error("the session id is no visible ASCII, or stands twice")]
    Session,
    /// A session id that cannot be sealed.
    #[error("session id: {0}")]
    Seal(#[from] SealError),
}

/// One request that was allowed, and all that its bodies are rewritten by.
#[derive(Clone, Debug)]
pub struct Exchange {
    server: Arc<str>,
    policy: Arc<Policy>,
    sealer: Arc<Sealer>,
    permit: Arc<Permit>,
    limits: Limits,
    is_shared: bool,
    message_path: Option<Arc<str>>,
    /// Whether the request could say something of tasks.
    says_task: bool,
}

/// What becomes of the body of an answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Treatment {
    /// It passes frame by frame as it comes.
    Verbatim,
    /// JSON: read to its end, or until it is too long to be of interest.
    Json(JsonRewriter),
    /// A stream of events.
    Events(EventRewriter),
}

/// Rewrites an answer that is one JSON text, or a batch of them.
#[derive(Debug)]
pub struct JsonRewriter {
    answer: Answer,
    part: Part,
}

impl Exchange {
    /// `policy` is the one that the permit was given by, and `server` the name of its server.
    pub fn new(
        server: Arc<str>,
        policy: Arc<Policy>,
        sealer: Arc<Sealer>,
        permit: Arc<Permit>,
    ) -> Exchange {
        let (limits, is_shared, message_path) = (Limits::default(), true, None);
        let says_task = mentions(permit.body(), b"task");
        Exchange { server, policy, sealer, permit, limits, is_shared, message_path, says_task }
    }

    /// With an upstream that serves this caller alone, such as a process of their own: what it lists as
    /// tasks is theirs.
    #[must_use]
    pub fn with_own_upstream(self) -> Exchange {
        Exchange { is_shared: false, ..self }
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Exchange {
        Exchange { limits, ..self }
    }

    /// With an upstream of HTTP+SSE, whose clients send their messages to this path of ours.
    #[must_use]
    pub fn with_message_path(self, path: Arc<str>) -> Exchange {
        Exchange { message_path: Some(path), ..self }
    }

    /// The permit.
    pub fn permit(&self) -> &Arc<Permit> {
        &self.permit
    }

    fn owner(&self) -> Owner<'_> {
        Owner::of(&self.server, self.permit.caller().token())
    }

    /// What becomes of an answer with this head. Seals the session id in `headers`, and takes out of them
    /// what may not be true of the body any longer.
    pub fn response(
        &self,
        status: StatusCode,
        headers: &mut HeaderMap,
    ) -> Result<Treatment, Refused> {
        self.seal_session(headers)?;
        let needs = Needs::of(self);
        if !status.is_success() || needs.are_none() {
            return Ok(Treatment::Verbatim);
        }
        let media = Media::of(headers);
        if media == Media::Other && !needs.must_be_met() {
            return Ok(Treatment::Verbatim);
        }
        if is_encoded(headers) {
            let must = needs.must_be_met();
            return if must { Err(Refused::Encoded) } else { Ok(Treatment::Verbatim) };
        }
        for name in ABOUT_BYTES {
            headers.remove(name);
        }
        let answer = Answer::new(self.clone(), needs);
        Ok(match media {
            Media::Events => Treatment::Events(EventRewriter::new(answer)),
            Media::Json => Treatment::Json(JsonRewriter { answer, part: Part::Json }),
            // Some clients look at no media type.
            Media::Other => Treatment::Json(JsonRewriter { answer, part: Part::Other }),
        })
    }

    fn seal_session(&self, headers: &mut HeaderMap) -> Result<(), Refused> {
        let mut ids = headers.get_all(MCP_SESSION_ID).iter();
        let (Some(id), another) = (ids.next(), ids.next()) else { return Ok(()) };
        let id = id.to_str().ok().filter(|_| another.is_none()).ok_or(Refused::Session)?;
        let sealed = self.sealer.seal(Kind::Session, id, &self.owner())?;
        let sealed = HeaderValue::from_str(&sealed).map_err(|_| Refused::Session)?;
        headers.insert(MCP_SESSION_ID, sealed);
        Ok(())
    }
}

/// What kind of body an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// One JSON text.
    Json,
    /// A stream of events.
    Events,
    /// Anything else, or nobody says what.
    Other,
}

impl Media {
    /// By the media type, whatever its parameters are.
    pub fn of(headers: &HeaderMap) -> Media {
        let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if essence.eq_ignore_ascii_case(b"text/event-stream") {
            Media::Events
        } else if essence.eq_ignore_ascii_case(b"application/json") {
            Media::Json
        } else {
            Media::Other
        }
    }
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Whether a JSON text could say `word`, which is in lower case: as it is, in capitals or with escapes.
fn mentions(text: &[u8], word: &[u8]) -> bool {
    says(text, word) || has_escapes(text)
}

/// Whether letters of ASCII could be written in another way.
fn has_escapes(text: &[u8]) -> bool {
    // Most texts have none of these at all.
    memchr::memchr(b'\\', text).is_some() && memchr::memmem::find(text, br"\u00").is_some()
}

/// Whether `word`, which is in lower case, stands in the text, in whatever case.
fn says(text: &[u8], word: &[u8]) -> bool {
    // By its rarest letter, which is hardly ever found where the word is not.
    let rarest = word.iter().enumerate().min_by_key(|(_, letter)| commonness(**letter));
    let Some((place, letter)) = rarest else { return true };
    let mut found = memchr2_iter(*letter, letter.to_ascii_uppercase(), text);
    found.any(|at| {
        let here = at.checked_sub(place).and_then(|start| text.get(start..)?.get(..word.len()));
        here.is_some_and(|here| here.eq_ignore_ascii_case(word))
    })
}

/// The place of a letter among all of them, from the rarest in JSON-RPC messages on.
fn commonness(letter: u8) -> usize {
    const LETTERS: &[u8; 26] = b"zqxjkwvbyfgpuhdmclioarnste";
    LETTERS.iter().position(|known| *known == letter).unwrap_or(LETTERS.len())
}
