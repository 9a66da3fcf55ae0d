//! The framing of `text/event-stream`, as far as an event must be whole to be looked at.
//!
//! Lines end with LF, CR or CRLF, and a blank one ends an event (HTML, section 9.2.6). Bytes are held back
//! from the first line of an event that matters, which is one of `data` or the name `endpoint`, to its end;
//! comments, ids and what else comes before pass at once.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use super::Refused;
use super::answer::{Answer, Part};

/// Rewrites the events of an answer as its bytes come.
#[derive(Debug)]
pub struct EventRewriter {
    answer: Answer,
    lines: Lines,
    /// The event under way, from its first line on that matters.
    pending: BytesMut,
    /// The event under way is too long to be of interest, and passes.
    is_passing: bool,
}

/// Where in the stream we are, between two pieces of it.
#[derive(Debug, Default)]
struct Lines {
    /// The line under way has letters.
    has_begun: bool,
    /// The last line ended with CR, to which an LF would belong.
    after_cr: bool,
}

impl EventRewriter {
    pub(super) fn new(answer: Answer) -> EventRewriter {
        let (lines, pending) = (Lines::default(), BytesMut::new());
        EventRewriter { answer, lines, pending, is_passing: false }
    }

    /// Takes the next bytes of upstream, and hands out those that can go on.
    pub fn push(&mut self, chunk: &Bytes, mut out: impl FnMut(Bytes)) -> Result<(), Refused> {
        // What came and stays as it is goes on in one piece.
        let (mut from, mut at) = (0, 0);
        while let Some(length) = self.lines.event_in(chunk.get(at..).unwrap_or_default()) {
            let end = at.saturating_add(length);
            let event = chunk.get(at..end).unwrap_or_default();
            if std::mem::take(&mut self.is_passing) {
                // Its beginning has gone already.
            } else if self.pending.is_empty() {
                if let Some(changed) = rewritten(&self.answer, event)? {
                    pass(chunk, from..at, &mut out);
                    out(changed);
                    from = end;
                }
            } else {
                self.pending.extend_from_slice(event);
                let whole = self.pending.split().freeze();
                out(rewritten(&self.answer, &whole)?.unwrap_or(whole));
                from = end;
            }
            at = end;
        }
        if self.is_passing {
            pass(chunk, from..chunk.len(), &mut out);
            return Ok(());
        }
        let rest = chunk.get(at..).unwrap_or_default();
        let settled = if self.pending.is_empty() { that_passes(rest) } else { 0 };
        pass(chunk, from..at.saturating_add(settled), &mut out);
        self.pending.extend_from_slice(rest.get(settled..).unwrap_or_default());
        self.check_length(out)
    }

    /// Hands out what is left where upstream ends within an event. Most clients drop it; one that does not
    /// must not see more in it.
    pub fn finish(&mut self, mut out: impl FnMut(Bytes)) -> Result<(), Refused> {
        let rest = self.pending.split().freeze();
        if !rest.is_empty() {
            out(rewritten(&self.answer, &rest)?.unwrap_or(rest));
        }
        Ok(())
    }

    fn check_length(&mut self, mut out: impl FnMut(Bytes)) -> Result<(), Refused> {
        let needs = self.answer.needs();
        if self.pending.len() <= needs.limit {
            return Ok(());
        }
        if needs.must_be_met() {
            return Err(Refused::TooLong(needs.limit));
        }
        out(self.pending.split().freeze());
        self.is_passing = true;
        Ok(())
    }
}

/// Hands out a part of the chunk, without copying it.
fn pass(chunk: &Bytes, part: Range<usize>, out: &mut impl FnMut(Bytes)) {
    if !part.is_empty() {
        out(chunk.slice(part));
    }
}

impl Lines {
    /// The length up to the end of the event under way, where that is in these bytes.
    fn event_in(&mut self, bytes: &[u8]) -> Option<usize> {
        let first = bytes.first()?;
        let belongs_before = std::mem::take(&mut self.after_cr) && *first == b'\n';
        let mut at = usize::from(belongs_before);
        while let Some(found) = memchr2(b'\n', b'\r', bytes.get(at..)?) {
            let end = at.saturating_add(found);
            let is_blank = !std::mem::take(&mut self.has_begun) && found == 0;
            at = end.saturating_add(1);
            if bytes.get(end) == Some(&b'\r') {
                match bytes.get(at) {
                    Some(b'\n') => at = at.saturating_add(1),
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            if is_blank {
                return Some(at);
            }
        }
        self.has_begun |= at < bytes.len();
        None
    }
}

/// The lines of a text: each with what ends it, and without. Of the last one the end may be to come.
fn lines(text: &[u8]) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let start = at;
        let Some(found) = memchr2(b'\n', b'\r', rest) else {
            at = text.len();
            return Some((start..at, start..at));
        };
        let end = start.saturating_add(found);
        let is_both = text.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n"));
        at = end.saturating_add(if is_both { 2 } else { 1 });
        Some((start..at, start..end))
    })
}

/// Where in a text the value of a line is, if the line is one of that field.
fn value(text: &[u8], line: &Range<usize>, field: &[u8]) -> Option<Range<usize>> {
    let bytes = text.get(line.clone())?;
    // A stream may begin with a byte order mark.
    let named = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let value = match named.strip_prefix(field)? {
        [b':', b' ', value @ ..] | [b':', value @ ..] => value,
        [] => &[],
        _ => return None,
    };
    Some(line.end.saturating_sub(value.len())..line.end)
}

fn data(text: &[u8], line: &Range<usize>) -> Option<Range<usize>> {
    value(text, line, b"data")
}

/// Whether the line names the event that says where messages go.
fn names_endpoint(text: &[u8], line: &Range<usize>) -> bool {
    value(text, line, b"event").and_then(|name| text.get(name)) == Some(b"endpoint")
}

/// The length of the whole lines that stand before any that matters, or could come to.
fn that_passes(text: &[u8]) -> usize {
    let passes = |(whole, line): &(Range<usize>, Range<usize>)| {
        whole.len() > line.len() && data(text, line).is_none() && !names_endpoint(text, line)
    };
    lines(text).take_while(passes).last().map_or(0, |(whole, _)| whole.end)
}

/// An event with what changes in it; `None` where nothing does.
fn rewritten(answer: &Answer, event: &[u8]) -> Result<Option<Bytes>, Refused> {
    let is_endpoint =
        answer.needs().endpoint && lines(event).any(|(_, line)| names_endpoint(event, &line));
    if !is_endpoint && !answer.concerns(event) {
        return Ok(None);
    }
    let edits = |text: &[u8]| {
        if is_endpoint { answer.endpoint_edits(text) } else { answer.edits(text, Part::Event) }
    };
    let places: Vec<_> = lines(event).filter_map(|(_, line)| data(event, &line)).collect();
    let text = |place: &Range<usize>| event.get(place.clone()).unwrap_or_default();
    match &*places {
        [] => Ok(None),
        [single] => {
            let edits = edits(text(single))?;
            Ok((!edits.is_empty()).then(|| edits.apply(event, single.start).into()))
        }
        several => {
            let text = several.iter().map(text).collect::<Vec<_>>().join(&b'\n');
            let edits = edits(&text)?;
            Ok((!edits.is_empty()).then(|| with_data(event, &edits.apply(&text, 0))))
        }
    }
}

/// An event of several lines of `data` with other ones in their place, behind its other fields.
fn with_data(event: &[u8], text: &[u8]) -> Bytes {
    let (mut fields, mut blank, mut line_end) = (BytesMut::new(), BytesMut::new(), None);
    for (whole, line) in lines(event) {
        let bytes = event.get(whole.clone()).unwrap_or_default();
        // A blank line ends the event. Before it only the second half of another line end can stand.
        // A line that has no end is the last as well, where upstream ends within it.
        let is_cut_off = whole.len() == line.len() && data(event, &line).is_none();
        if is_cut_off || line.is_empty() && line_end.is_some() {
            blank.extend_from_slice(bytes);
        } else if data(event, &line).is_none() {
            fields.extend_from_slice(bytes);
        } else if line_end.is_none() {
            // A lone CR would be one line end with the LF of a blank line behind it.
            line_end = event.get(line.end..whole.end).filter(|end| *end != b"\r");
            line_end = line_end.or(Some(b"\n"));
        }
    }
    for line in text.split(|byte| *byte == b'\n') {
        fields.extend_from_slice(b"data: ");
        fields.extend_from_slice(line);
        fields.extend_from_slice(line_end.unwrap_or(b"\n"));
    }
    fields.unsplit(blank);
    fields.freeze()
}
