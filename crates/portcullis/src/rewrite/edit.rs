//! Values that change in a text, whose other bytes stay.

use std::borrow::Cow;
use std::ops::Range;

/// What to put in the place of what. Places do not overlap.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, Cow<'static, str>)>);

impl Edits {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts `text` in the place of those bytes.
    pub(super) fn put(&mut self, place: Range<usize>, text: impl Into<Cow<'static, str>>) {
        self.0.push((place, text.into()));
    }

    /// Puts `text` as a JSON string in the place of those bytes.
    pub(super) fn put_json(&mut self, place: Range<usize>, text: &str) {
        self.put(place, serde_json::Value::from(text).to_string());
    }

    /// Takes those bytes out.
    pub(super) fn cut(&mut self, place: Range<usize>) {
        self.put(place, "");
    }

    /// The text with all of it done; what was counted from its start stands `offset` bytes into it.
    pub(super) fn apply(mut self, text: &[u8], offset: usize) -> Vec<u8> {
        self.0.sort_by_key(|(place, _)| place.start);
        let more: usize = self.0.iter().map(|(_, new)| new.len()).sum();
        let mut changed = Vec::with_capacity(text.len().saturating_add(more));
        let mut from = 0;
        for (place, new) in &self.0 {
            let (start, end) = (place.start + offset, place.end + offset);
            changed.extend_from_slice(text.get(from..start).unwrap_or_default());
            changed.extend_from_slice(new.as_bytes());
            from = end;
        }
        changed.extend_from_slice(text.get(from..).unwrap_or_default());
        changed
    }
}
