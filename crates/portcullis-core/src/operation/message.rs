//! One JSON-RPC message, read in a single strict pass.
//!
//! Members may come in any order, so everything a method could need is kept until the method is
//! known; nothing is copied that the body already holds. Values nobody decides on are walked by
//! [`Walk`], which refuses what parsers disagree about wherever it stands.

use std::borrow::Cow;
use std::cell::RefCell;

use bytestring::ByteString;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::malformed::{MAX_NAME, Reason, RequestId};
use crate::fold::alike;
use crate::json::{self, Flaw, Items, Names, Note, Peek, ReadObject, Shape, Skip, Walk};

/// The names that decide what a message is.
const ENVELOPE: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];
/// The names in `params` that decide what a message is about.
const PARAMS: &[&str] = &["name", "uri", "taskId", "arguments", "ref", "notifications", "_meta"];
const REFERENCE: &[&str] = &["type", "name", "uri"];
const META: &[&str] = &[PROTOCOL_VERSION];
const NOTIFICATIONS: &[&str] = &[
    "toolsListChanged",
    "promptsListChanged",
    "resourcesListChanged",
    "resourceSubscriptions",
    "taskIds",
];

/// The `_meta` member in which a request of 2026-07-28 names its revision.
pub(super) const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// What could be read of a message although it is refused, and why it is.
#[derive(Default)]
pub(super) struct Notes {
    reason: RefCell<Option<Reason>>,
    id: RefCell<Option<RequestId>>,
}

impl Notes {
    fn refuse<E: serde::de::Error>(&self, reason: Reason) -> E {
        let error = E::custom(&reason);
        self.reason.replace(Some(reason));
        error
    }

    /// Refuses a name that a lenient parser would take for one of the reserved ones.
    fn refuse_look_alike<E: serde::de::Error>(
        &self,
        name: &str,
        reserved: &[&'static str],
    ) -> Result<(), E> {
        match reserved.iter().find(|known| alike(known, name)) {
            Some(known) => Err(self.refuse(Reason::LookAlikeMember(known))),
            None => Ok(()),
        }
    }

    pub(super) fn take_id(&self) -> Option<RequestId> {
        self.id.take()
    }
}

/// The members of one message, none of them interpreted yet.
#[derive(Default)]
pub(super) struct Message<'de> {
    pub(super) version: Option<Shape<'de>>,
    pub(super) id: Option<RequestId>,
    pub(super) method: Option<Shape<'de>>,
    pub(super) params: Params<'de>,
    /// What stood in the place of `params`, where something did.
    pub(super) params_shape: Option<Shape<'de>>,
    /// `result` or `error` is there.
    pub(super) answers: bool,
}

/// The members of `params` that some method's targets come from.
#[derive(Default)]
pub(super) struct Params<'de> {
    pub(super) name: Option<Shape<'de>>,
    pub(super) uri: Option<Shape<'de>>,
    pub(super) task_id: Option<Shape<'de>>,
    pub(super) arguments: Option<Shape<'de>>,
    // Boxed, since few messages have them and all would carry them about.
    pub(super) reference: Option<Box<Shape<'de, Reference<'de>>>>,
    pub(super) notifications: Option<Box<Shape<'de, Filter<'de>>>>,
    pub(super) meta: Option<Shape<'de, Meta<'de>>>,
}

#[derive(Default)]
pub(super) struct Reference<'de> {
    pub(super) kind: Option<Shape<'de>>,
    pub(super) name: Option<Shape<'de>>,
    pub(super) uri: Option<Shape<'de>>,
}

#[derive(Default)]
pub(super) struct Meta<'de> {
    pub(super) version: Option<Shape<'de>>,
}

/// The filter of `subscriptions/listen`.
#[derive(Default)]
pub(super) struct Filter<'de> {
    pub(super) flags: Vec<(Cow<'de, str>, Shape<'de>)>,
    pub(super) resources: Option<Shape<'de>>,
    pub(super) tasks: Option<Shape<'de>>,
}

/// More URIs or ids than this in one filter are refused.
pub(super) const MAX_ENTRIES: usize = 256;

/// One message, or the texts of a batch's messages.
#[expect(clippy::large_enum_variant, reason = "the large one is the usual one, and lives briefly")]
pub(super) enum Body<'de> {
    One(Message<'de>),
    Batch(Vec<&'de str>),
}

/// Reads the whole body.
pub(super) fn read<'de>(
    text: &'de str,
    batch_limit: usize,
    notes: &Notes,
) -> Result<Body<'de>, Reason> {
    match text.bytes().find(|b| !b.is_ascii_whitespace()) {
        Some(b'[') => split(text, batch_limit).map(Body::Batch),
        _ => read_noting(text, notes).map(Body::One),
    }
}

/// Reads one message of a batch.
pub(super) fn read_one(text: &str) -> Result<Message<'_>, Reason> {
    // A fault in a batch is about no single request of it, so its id is forgotten.
    read_noting(text, &Notes::default())
}

fn read_noting<'de>(text: &'de str, notes: &Notes) -> Result<Message<'de>, Reason> {
    let mut message = Message::default();
    let read = json::strictly(text, |de, flaw| {
        Peek { walk: Walk::new(flaw), object: Envelope(notes, &mut message) }.deserialize(de)
    });
    match read {
        Ok(Shape::Object(())) => Ok(message),
        Ok(_) => Err(Flaw::NotAnObject.into()),
        Err(flaw) => Err(notes.reason.take().unwrap_or(Reason::Json(flaw))),
    }
}

/// The texts of the messages of a batch, each still to be read. Counting stops at the limit.
fn split(text: &str, limit: usize) -> Result<Vec<&str>, Reason> {
    let mut too_many = false;
    let messages =
        json::strictly(text, |de, _| de.deserialize_seq(Split { limit, too_many: &mut too_many }));
    match messages {
        _ if too_many => Err(Reason::BatchSize { limit }),
        messages => messages.map_err(Reason::Json),
    }
}

struct Split<'c> {
    limit: usize,
    too_many: &'c mut bool,
}

impl<'de> Visitor<'de> for Split<'_> {
    type Value = Vec<&'de str>;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a batch")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut messages = Vec::new();
        while let Some(message) = seq.next_element::<&'de RawValue>()? {
            if messages.len() == self.limit {
                *self.too_many = true;
                return Err(serde::de::Error::custom("batch limit"));
            }
            messages.push(message.get());
        }
        Ok(messages)
    }
}

/// Calls `member` for each member of an object, having refused repeated names.
fn each_member<'de, A: MapAccess<'de>>(
    walk: Walk<'_>,
    mut map: A,
    mut member: impl FnMut(Cow<'de, str>, &mut A) -> Result<(), A::Error>,
) -> Result<(), A::Error> {
    let mut names = Names::new();
    while let Some(name) = map.next_key_seed(Note(&mut names))? {
        member(name.ok_or_else(|| walk.refuse(Flaw::DuplicateMember))?, &mut map)?;
    }
    Ok(())
}

/// The object readers below differ in their names only. The larger ones fill what they are given, so
/// that no structure of this size travels through every layer of the deserializer.
struct Envelope<'c, 'de>(&'c Notes, &'c mut Message<'de>);

impl<'de> ReadObject<'de> for Envelope<'_, 'de> {
    type Out = ();
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, map: A) -> Result<Self::Out, A::Error> {
        let Envelope(notes, message) = self;
        let scalar = Peek { walk, object: Skip };
        each_member(walk, map, |name, map| {
            match name.as_ref() {
                "jsonrpc" => message.version = Some(map.next_value_seed(scalar)?),
                "method" => message.method = Some(map.next_value_seed(scalar)?),
                "params" => {
                    let params = ParamsReader(notes, &mut message.params);
                    message.params_shape =
                        Some(map.next_value_seed(Peek { walk, object: params })?);
                }
                "result" | "error" => {
                    message.answers = true;
                    map.next_value_seed(walk)?;
                }
                "id" => {
                    message.id = Some(match map.next_value_seed(scalar)? {
                        Shape::Integer(number) => RequestId::Number(number),
                        Shape::Text(text) if text.len() <= MAX_NAME => {
                            RequestId::Text(ByteString::from(text.into_owned()))
                        }
                        Shape::Text(_) => return Err(notes.refuse(Reason::BadName("id"))),
                        _ => return Err(notes.refuse(Reason::WrongType("id"))),
                    });
                    notes.id.replace(message.id.clone());
                }
                other => {
                    notes.refuse_look_alike(other, ENVELOPE)?;
                    return Err(notes.refuse(Reason::UnknownMember));
                }
            }
            Ok(())
        })
    }
}

struct ParamsReader<'c, 'de>(&'c Notes, &'c mut Params<'de>);

impl<'de> ReadObject<'de> for ParamsReader<'_, 'de> {
    type Out = ();
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, map: A) -> Result<Self::Out, A::Error> {
        let ParamsReader(notes, params) = self;
        let scalar = Peek { walk, object: Skip };
        each_member(walk, map, |name, map| {
            match name.as_ref() {
                "name" => params.name = Some(map.next_value_seed(scalar)?),
                "uri" => params.uri = Some(map.next_value_seed(scalar)?),
                "taskId" => params.task_id = Some(map.next_value_seed(scalar)?),
                "arguments" => params.arguments = Some(map.next_value_seed(scalar)?),
                "ref" => {
                    let reference =
                        map.next_value_seed(Peek { walk, object: ReferenceReader(notes) })?;
                    params.reference = Some(Box::new(reference));
                }
                "notifications" => {
                    let filter = map.next_value_seed(Peek { walk, object: FilterReader(notes) })?;
                    params.notifications = Some(Box::new(filter));
                }
                "_meta" => {
                    params.meta =
                        Some(map.next_value_seed(Peek { walk, object: MetaReader(notes) })?);
                }
                other => {
                    notes.refuse_look_alike(other, PARAMS)?;
                    map.next_value_seed(walk)?;
                }
            }
            Ok(())
        })
    }
}

struct ReferenceReader<'c>(&'c Notes);

impl<'de> ReadObject<'de> for ReferenceReader<'_> {
    type Out = Reference<'de>;
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, map: A) -> Result<Self::Out, A::Error> {
        let scalar = Peek { walk, object: Skip };
        let mut reference = Reference::default();
        each_member(walk, map, |name, map| {
            match name.as_ref() {
                "type" => reference.kind = Some(map.next_value_seed(scalar)?),
                "name" => reference.name = Some(map.next_value_seed(scalar)?),
                "uri" => reference.uri = Some(map.next_value_seed(scalar)?),
                other => {
                    self.0.refuse_look_alike(other, REFERENCE)?;
                    map.next_value_seed(walk)?;
                }
            }
            Ok(())
        })?;
        Ok(reference)
    }
}

struct MetaReader<'c>(&'c Notes);

impl<'de> ReadObject<'de> for MetaReader<'_> {
    type Out = Meta<'de>;
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, map: A) -> Result<Self::Out, A::Error> {
        let scalar = Peek { walk, object: Skip };
        let mut meta = Meta::default();
        each_member(walk, map, |name, map| {
            match name.as_ref() {
                PROTOCOL_VERSION => meta.version = Some(map.next_value_seed(scalar)?),
                other => {
                    self.0.refuse_look_alike(other, META)?;
                    map.next_value_seed(walk)?;
                }
            }
            Ok(())
        })?;
        Ok(meta)
    }
}

struct FilterReader<'c>(&'c Notes);

impl<'de> ReadObject<'de> for FilterReader<'_> {
    type Out = Filter<'de>;
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, map: A) -> Result<Self::Out, A::Error> {
        let notes = self.0;
        let items = Peek { walk, object: Items };
        let mut filter = Filter::default();
        each_member(walk, map, |name, map| {
            match name.as_ref() {
                "resourceSubscriptions" => filter.resources = Some(map.next_value_seed(items)?),
                "taskIds" => filter.tasks = Some(map.next_value_seed(items)?),
                _ if filter.flags.len() == MAX_ENTRIES => {
                    return Err(notes.refuse(Reason::TooMany("params.notifications")));
                }
                other => {
                    notes.refuse_look_alike(other, NOTIFICATIONS)?;
                    let flag = map.next_value_seed(Peek { walk, object: Skip })?;
                    filter.flags.push((name, flag));
                }
            }
            Ok(())
        })?;
        Ok(filter)
    }
}
