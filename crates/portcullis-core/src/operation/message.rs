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
use crate::fold::alike_as_read;
use crate::json::{self, Flaw, Items, MAX_ITEMS, Names, Peek, ReadObject, Shape, Skip, Text, Walk};

/// The names that decide what a message is.
const ENVELOPE: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];
/// The names in `params` that decide what a message is about.
const PARAMS: &[&str] = &["name", "uri", "taskId", "arguments", "ref", "notifications", "_meta"];
const REFERENCE: &[&str] = &["type", "name", "uri"];
const META: &[&str] = &[PROTOCOL_VERSION];
/// The names in the filter of `subscriptions/listen` that a revision defines.
const NEWS: &[&str] = &[
    "toolsListChanged",
    "promptsListChanged",
    "resourcesListChanged",
    "resourceSubscriptions",
    "taskIds",
];

/// The `_meta` member in which a request of 2026-07-28 names its revision.
pub(super) const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// Where the readers below leave the name of what they refuse; the error of serde has no room for it.
#[derive(Default)]
struct Refused(RefCell<Option<Reason>>);

impl Refused {
    #[cold]
    fn refuse<E: serde::de::Error>(&self, reason: Reason) -> E {
        let error = E::custom(&reason);
        self.0.replace(Some(reason));
        error
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
    pub(super) result: Option<Shape<'de>>,
    pub(super) error: Option<Shape<'de>>,
}

impl Message<'_> {
    /// Whether it answers a request.
    pub(super) fn answers(&self) -> bool {
        self.result.is_some() || self.error.is_some()
    }

    /// Whether it answers with a result or an error, and not with both. Some libraries send null for the
    /// other.
    pub(super) fn answers_once(&self) -> bool {
        match (&self.result, &self.error) {
            (Some(result), Some(error)) => {
                matches!(result, Shape::Null) != matches!(error, Shape::Null)
            }
            (None, None) => false,
            _ => true,
        }
    }
}

/// The members of `params` that some method's targets come from.
#[derive(Default)]
pub(super) struct Params<'de> {
    pub(super) name: Option<Shape<'de>>,
    pub(super) uri: Option<Shape<'de>>,
    pub(super) task_id: Option<Shape<'de>>,
    pub(super) arguments: Option<Shape<'de>>,
    // Boxed, since few messages have them and all would carry them about.
    pub(super) reference: Option<Box<Option<Shape<'de, Reference<'de>>>>>,
    pub(super) notifications: Option<Box<Option<Shape<'de, Filter<'de>>>>>,
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
    pub(super) tools: Option<Shape<'de>>,
    pub(super) prompts: Option<Shape<'de>>,
    pub(super) resource_list: Option<Shape<'de>>,
    /// Kinds of news that no revision defines.
    pub(super) others: Vec<(Cow<'de, str>, Shape<'de>)>,
    pub(super) resources: Option<Shape<'de>>,
    pub(super) tasks: Option<Shape<'de>>,
}

/// The texts of the messages of a batch, each still to be read; `None` where the body is no array.
/// Counting stops at the limit.
pub(super) fn split(text: &str, limit: usize) -> Result<Option<Vec<&str>>, Reason> {
    if text.bytes().find(|b| !b.is_ascii_whitespace()) != Some(b'[') {
        return Ok(None);
    }
    let mut too_many = false;
    let messages =
        json::strictly(text, |de, _| de.deserialize_seq(Split { limit, too_many: &mut too_many }));
    match messages {
        _ if too_many => Err(Reason::BatchSize { limit }),
        messages => messages.map(Some).map_err(Reason::Json),
    }
}

/// Reads one message into `message`, which is empty. Where it is refused, what was read before the
/// fault stands there.
pub(super) fn read<'de>(text: &'de str, message: &mut Message<'de>) -> Result<(), Reason> {
    let refused = Refused::default();
    let read = json::strictly(text, |de, flaw| {
        Peek { walk: Walk::new(flaw), object: Envelope(&refused, message) }.deserialize(de)
    });
    match read {
        Ok(Shape::Object(())) => Ok(()),
        Ok(_) => Err(Flaw::NotAnObject.into()),
        Err(flaw) => Err(refused.0.take().unwrap_or(Reason::Json(flaw))),
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

/// The names of one object that mean something to its reader, and those that do not.
struct Members<'c, 'de> {
    walk: Walk<'c>,
    refused: &'c Refused,
    reserved: &'static [&'static str],
    others: Names<'de>,
}

impl<'c, 'de> Members<'c, 'de> {
    fn new(walk: Walk<'c>, refused: &'c Refused, reserved: &'static [&'static str]) -> Self {
        Members { walk, refused, reserved, others: Names::new() }
    }

    /// Reads a reserved member into its place, which must be free: the place remembers the name.
    fn place<A: MapAccess<'de>, R: ReadObject<'de>>(
        &self,
        place: &mut Option<Shape<'de, R::Out>>,
        map: &mut A,
        object: R,
    ) -> Result<(), A::Error> {
        if place.is_some() {
            return Err(self.walk.refuse(Flaw::DuplicateMember));
        }
        *place = Some(map.next_value_seed(Peek { walk: self.walk, object })?);
        Ok(())
    }

    /// Refuses another name that stands twice, or that a lenient parser takes for a reserved one.
    fn other<E: serde::de::Error>(&mut self, name: Cow<'de, str>) -> Result<(), E> {
        let has_escapes = matches!(name, Cow::Owned(_));
        let known = |known: &&&'static str| alike_as_read(known, &name, has_escapes);
        if let Some(known) = self.reserved.iter().find(known) {
            return Err(self.refused.refuse(Reason::LookAlikeMember(known)));
        }
        if self.others.insert(name) { Ok(()) } else { Err(self.walk.refuse(Flaw::DuplicateMember)) }
    }

    /// [`Members::other`], the value walked and forgotten.
    fn skip<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        self.other(name)?;
        map.next_value_seed(self.walk)
    }
}

/// The object readers below differ in their names only. They fill what they are given, so that no
/// structure of this size travels through every layer of the deserializer.
struct Envelope<'c, 'de>(&'c Refused, &'c mut Message<'de>);

impl<'de> ReadObject<'de> for Envelope<'_, 'de> {
    type Out = ();
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, mut map: A) -> Result<(), A::Error> {
        let Envelope(refused, message) = self;
        let mut members = Members::new(walk, refused, ENVELOPE);
        while let Some(name) = map.next_key_seed(Text)? {
            match name.as_ref() {
                "jsonrpc" => members.place(&mut message.version, &mut map, Skip)?,
                "method" => members.place(&mut message.method, &mut map, Skip)?,
                "params" => {
                    let reader = ParamsReader(refused, &mut message.params);
                    members.place(&mut message.params_shape, &mut map, reader)?;
                }
                "result" => members.place(&mut message.result, &mut map, Skip)?,
                "error" => members.place(&mut message.error, &mut map, Skip)?,
                "id" => {
                    let mut id = None;
                    members.place(&mut id, &mut map, Skip)?;
                    let id = match id {
                        Some(Shape::Integer(number)) => match json::exact(number) {
                            Some(number) => RequestId::Number(number),
                            None => return Err(refused.refuse(Reason::WrongType("id"))),
                        },
                        Some(Shape::Text(text)) if text.len() <= MAX_NAME => {
                            RequestId::Text(ByteString::from(text.into_owned()))
                        }
                        Some(Shape::Text(_)) => return Err(refused.refuse(Reason::LongId)),
                        _ => return Err(refused.refuse(Reason::WrongType("id"))),
                    };
                    if message.id.replace(id).is_some() {
                        return Err(walk.refuse(Flaw::DuplicateMember));
                    }
                }
                _ => {
                    members.other(name)?;
                    return Err(refused.refuse(Reason::UnknownMember));
                }
            }
        }
        Ok(())
    }
}

struct ParamsReader<'c, 'de>(&'c Refused, &'c mut Params<'de>);

impl<'de> ReadObject<'de> for ParamsReader<'_, 'de> {
    type Out = ();
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, mut map: A) -> Result<(), A::Error> {
        let ParamsReader(refused, params) = self;
        let mut members = Members::new(walk, refused, PARAMS);
        while let Some(name) = map.next_key_seed(Text)? {
            match name.as_ref() {
                "name" => members.place(&mut params.name, &mut map, Skip)?,
                "uri" => members.place(&mut params.uri, &mut map, Skip)?,
                "taskId" => members.place(&mut params.task_id, &mut map, Skip)?,
                "arguments" => members.place(&mut params.arguments, &mut map, Skip)?,
                "ref" => {
                    let place = params.reference.get_or_insert_default();
                    members.place(place, &mut map, ReferenceReader(refused))?;
                }
                "notifications" => {
                    let place = params.notifications.get_or_insert_default();
                    members.place(place, &mut map, FilterReader(refused))?;
                }
                "_meta" => members.place(&mut params.meta, &mut map, MetaReader(refused))?,
                _ => members.skip(name, &mut map)?,
            }
        }
        Ok(())
    }
}

struct ReferenceReader<'c>(&'c Refused);

impl<'de> ReadObject<'de> for ReferenceReader<'_> {
    type Out = Reference<'de>;
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, mut map: A) -> Result<Self::Out, A::Error> {
        let mut reference = Reference::default();
        let mut members = Members::new(walk, self.0, REFERENCE);
        while let Some(name) = map.next_key_seed(Text)? {
            match name.as_ref() {
                "type" => members.place(&mut reference.kind, &mut map, Skip)?,
                "name" => members.place(&mut reference.name, &mut map, Skip)?,
                "uri" => members.place(&mut reference.uri, &mut map, Skip)?,
                _ => members.skip(name, &mut map)?,
            }
        }
        Ok(reference)
    }
}

struct MetaReader<'c>(&'c Refused);

impl<'de> ReadObject<'de> for MetaReader<'_> {
    type Out = Meta<'de>;
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, mut map: A) -> Result<Self::Out, A::Error> {
        let mut meta = Meta::default();
        let mut members = Members::new(walk, self.0, META);
        while let Some(name) = map.next_key_seed(Text)? {
            if name == PROTOCOL_VERSION {
                members.place(&mut meta.version, &mut map, Skip)?;
            } else {
                members.skip(name, &mut map)?;
            }
        }
        Ok(meta)
    }
}

struct FilterReader<'c>(&'c Refused);

impl<'de> ReadObject<'de> for FilterReader<'_> {
    type Out = Filter<'de>;
    fn read<A: MapAccess<'de>>(self, walk: Walk<'_>, mut map: A) -> Result<Self::Out, A::Error> {
        let mut filter = Filter::default();
        let mut members = Members::new(walk, self.0, NEWS);
        while let Some(name) = map.next_key_seed(Text)? {
            match name.as_ref() {
                "resourceSubscriptions" => members.place(&mut filter.resources, &mut map, Items)?,
                "taskIds" => members.place(&mut filter.tasks, &mut map, Items)?,
                "toolsListChanged" => members.place(&mut filter.tools, &mut map, Skip)?,
                "promptsListChanged" => members.place(&mut filter.prompts, &mut map, Skip)?,
                "resourcesListChanged" => {
                    members.place(&mut filter.resource_list, &mut map, Skip)?;
                }
                _ if filter.others.len() == MAX_ITEMS => {
                    return Err(self.0.refuse(Reason::TooMany("params.notifications")));
                }
                _ => {
                    members.other(name.clone())?;
                    let wanted = map.next_value_seed(Peek { walk, object: Skip })?;
                    filter.others.push((name, wanted));
                }
            }
        }
        Ok(filter)
    }
}
