//! What changes in a text that upstream sent: lists, scopes of caching, task ids.

use std::ops::Range;

use portcullis_core::json::{Outline, Place};
use portcullis_core::operation::{ByteString, MAX_NAME, Target};
use portcullis_core::policy::View;

use super::edit::Edits;
use super::needs::{Cache, Lists, Needs};
use super::{Exchange, Refused, mentions, tasks};
use crate::seal::Kind;

/// What a text is of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A body that says it is JSON.
    Json,
    /// A body of another type, which some client could yet read as JSON.
    Other,
    /// The data of an event.
    Event,
}

impl Part {
    /// Whether some client could take the text for messages.
    fn may_be_messages(self, text: &[u8]) -> bool {
        match (self, text.trim_ascii_start().first()) {
            // An answer to a notification is nothing.
            (_, None) => false,
            (_, Some(b'{' | b'[')) | (Part::Json, _) => true,
            // The first event of HTTP+SSE is a path, and what is accepted there is answered by a word.
            (Part::Event, _) => false,
            // What is no ASCII may be JSON of another charset.
            (Part::Other, Some(first)) => !first.is_ascii_graphic(),
        }
    }
}

/// The answer to one exchange.
#[derive(Debug)]
pub(super) struct Answer {
    exchange: Exchange,
    needs: Needs,
}

/// What an item is to the policy, by its name.
type Named = fn(ByteString) -> Target;

/// The lists there are, and the member that an item is known by.
const LISTS: [(&str, &str, Named); 4] = [
    ("tools", "name", Target::Tool),
    ("prompts", "name", Target::Prompt),
    ("resources", "uri", Target::Resource),
    ("resourceTemplates", "uriTemplate", Target::Resource),
];

impl Answer {
    pub(super) fn new(exchange: Exchange, needs: Needs) -> Answer {
        Answer { exchange, needs }
    }

    pub(super) fn needs(&self) -> Needs {
        self.needs
    }

    /// Whether anything could change in it, found without reading it. Neither a word nor an escape
    /// crosses a line break in JSON, so lines of an event may be looked at as they stand.
    pub(super) fn concerns(&self, text: &[u8]) -> bool {
        self.needs.must_be_met() || self.may_hold_tasks(text)
    }

    /// Whether a text that cannot be read must not pass. A stream of old answers has others too, and what they
    /// say in the names of lists is not looked for in any spelling but the usual one.
    fn must_be_read(&self, text: &[u8], part: Part) -> bool {
        let needs = self.needs;
        needs.must_be_met()
            && (part != Part::Event
                || !needs.is_replay()
                || mentions(text, b"result") && needs.may_be_list(text))
    }

    fn may_hold_tasks(&self, text: &[u8]) -> bool {
        self.needs.tasks && memchr::memmem::find(text, b"askId").is_some()
    }

    /// What changes in the data of an event that says where messages go.
    pub(super) fn endpoint_edits(&self, data: &[u8]) -> Result<Edits, Refused> {
        self.exchange.endpoint_edits(data)
    }

    /// What changes in a text.
    pub(super) fn edits(&self, text: &[u8], part: Part) -> Result<Edits, Refused> {
        let mut edits = Edits::default();
        let must = self.must_be_read(text, part);
        let has_tasks = self.may_hold_tasks(text);
        if !part.may_be_messages(text) || !self.concerns(text) {
            return Ok(edits);
        }
        let outline = match Outline::read(text) {
            Ok(outline) => outline,
            Err(flaw) if must => return Err(flaw.into()),
            Err(_) => return Ok(edits),
        };
        let token = self.exchange.permit.caller().token();
        // Whatever can be read is looked at: names have more spellings than could be searched for.
        let view = self.needs.must_be_met().then(|| self.exchange.policy.seen_by(token));
        for message in tasks::messages(&outline) {
            if let Some(view) = &view {
                self.message(message, view, &mut edits)?;
            }
            if has_tasks {
                self.seal_tasks(message, &mut edits);
            }
        }
        Ok(edits)
    }

    fn message(
        &self,
        message: Place<'_>,
        view: &View<'_>,
        edits: &mut Edits,
    ) -> Result<(), Refused> {
        if message.is_array() {
            return Err(Refused::Shape("the message"));
        }
        let [result] = message.pick(["result"])?;
        match result {
            Some(result) if result.is_object() => {
                self.lists(result, view, edits)?;
                self.task_lists(result, edits)?;
                self.cache_scope(result, edits)
            }
            Some(_) if !self.needs.is_replay() => Err(Refused::Shape("result")),
            _ => Ok(()),
        }
    }

    fn lists(&self, result: Place<'_>, view: &View<'_>, edits: &mut Edits) -> Result<(), Refused> {
        if self.needs.lists == Lists::None {
            return Ok(());
        }
        let lists = result.pick(LISTS.map(|(list, ..)| list))?;
        for ((title, member, target), list) in LISTS.into_iter().zip(lists) {
            match list {
                Some(list) if list.is_array() => filter(list, member, target, view, edits)?,
                Some(_) if self.needs.lists == Lists::Asked => return Err(Refused::Shape(title)),
                _ => {}
            }
        }
        Ok(())
    }

    fn task_lists(&self, result: Place<'_>, edits: &mut Edits) -> Result<(), Refused> {
        const TASKS: &str = "tasks";
        if self.needs.task_lists == Lists::None {
            return Ok(());
        }
        match result.pick([TASKS])? {
            [Some(tasks)] if tasks.is_array() => {
                let inside = tasks.range();
                edits.cut(inside.start + 1..inside.end - 1);
            }
            [Some(_)] if self.needs.task_lists == Lists::Asked => {
                return Err(Refused::Shape(TASKS));
            }
            _ => {}
        }
        Ok(())
    }

    fn cache_scope(&self, result: Place<'_>, edits: &mut Edits) -> Result<(), Refused> {
        const PRIVATE: &str = "private";
        if self.needs.cache == Cache::Leave {
            return Ok(());
        }
        let [scope, ttl, kind] = result.pick(["cacheScope", "ttlMs", "resultType"])?;
        // A question to the client is no result to be kept.
        let is_complete = kind.and_then(Place::as_text).is_none_or(|kind| kind == "complete");
        match scope {
            Some(scope) if scope.as_text().is_some_and(|scope| scope == PRIVATE) => {}
            Some(scope) => edits.put_json(scope.range(), PRIVATE),
            None if ttl.is_some() || self.needs.cache == Cache::AddPrivate && is_complete => {
                let inside = result.range().start + 1;
                let comma = if result.is_empty() { "" } else { "," };
                edits.put(inside..inside, format!("\"cacheScope\":\"{PRIVATE}\"{comma}"));
            }
            None => {}
        }
        Ok(())
    }

    fn seal_tasks(&self, message: Place<'_>, edits: &mut Edits) {
        let owner = self.exchange.owner();
        for place in tasks::of_server(message, self.exchange.is_shared) {
            let Some(id) = place.as_text() else { continue };
            // One that is too long to be sealed is one that no request could name either.
            if let Ok(sealed) = self.exchange.sealer.seal(Kind::Task, &id, &owner) {
                edits.put_json(place.range(), &sealed);
            }
        }
    }
}

/// Takes out of a list what the caller is not to see.
fn filter(
    list: Place<'_>,
    member: &'static str,
    target: Named,
    view: &View<'_>,
    edits: &mut Edits,
) -> Result<(), Refused> {
    let mut items: Vec<(Range<usize>, bool)> = Vec::new();
    for item in list.items() {
        let [name] = item.pick([member])?;
        let name = name.and_then(Place::as_text).ok_or(Refused::Shape(member))?;
        // No request can be about a longer one.
        let is_shown = name.len() <= MAX_NAME && view.shows(&target(ByteString::from(&*name)));
        items.push((item.range(), is_shown));
    }
    // Each goes with the comma between it and what stays: the one before it, where something stays
    // before it, else the one behind.
    let mut stays_before = None;
    for (at, (range, is_shown)) in items.iter().enumerate() {
        if *is_shown {
            stays_before = Some(at);
            continue;
        }
        let before = at.checked_sub(1).filter(|_| stays_before.is_some());
        let start = before.and_then(|at| items.get(at)).map_or(range.start, |before| before.0.end);
        let behind = items.get(at + 1).filter(|_| stays_before.is_none());
        edits.cut(start..behind.map_or(range.end, |behind| behind.0.start));
    }
    Ok(())
}
