//! Which request a line answers that is too long to be kept.
//!
//! It is read past and forgotten, but for the one thing that has to be known: who waits for it. Were that
//! guessed, the answer to one person's request could end another's.

/// Of an id as we give them, more than there is to it.
const MAX_ID: usize = 20;
/// The names that are looked for.
const MAX_NAME: usize = 8;

/// Reads an object piece by piece, for the members `id` and `method` at its top.
#[derive(Debug, Default)]
pub(super) struct Overlong {
    depth: u32,
    place: Place,
    text: Text,
    /// The name or the value that is being read.
    read: Vec<u8>,
    is_id: bool,
    ids: Vec<Option<u64>>,
    /// It is no answer: a request, several messages, or none.
    is_other: bool,
}

/// Whether a byte is of a text, and what it means there.
#[derive(Debug, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

/// Where in the object at the top.
#[derive(Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Name,
    Value,
    /// Behind it.
    Over,
}

impl Overlong {
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.read_one(*byte);
        }
    }

    /// The number of the one request that it answers, where it answers one.
    pub(super) fn answers(&self) -> Option<u64> {
        match self.ids.as_slice() {
            [id] if self.depth == 0 && !self.is_other => *id,
            _ => None,
        }
    }

    fn read_one(&mut self, byte: u8) {
        if self.text != Text::Outside {
            self.text = match (&self.text, byte) {
                (Text::Inside, b'"') => Text::Outside,
                (Text::Inside, b'\\') => Text::Escaped,
                _ => Text::Inside,
            };
            return self.keep(byte);
        }
        self.is_other |= self.depth == 0 && !matches!(byte, b'{' | b' ' | b'\t' | b'\r');
        match byte {
            b'"' => {
                self.text = Text::Inside;
                self.keep(byte);
            }
            b'{' | b'[' => {
                self.keep(byte);
                self.depth = self.depth.saturating_add(1);
                if self.depth == 1 {
                    self.is_other |= self.place == Place::Over;
                    self.read.clear();
                }
            }
            b'}' | b']' => {
                if self.depth == 1 {
                    self.end_value();
                    self.place = Place::Over;
                }
                self.depth = self.depth.saturating_sub(1);
            }
            b':' if self.depth == 1 && self.place == Place::Name => {
                self.is_id = self.read == b"\"id\"";
                self.is_other |= self.read == b"\"method\"";
                self.place = Place::Value;
                self.read.clear();
            }
            b',' if self.depth == 1 => {
                self.end_value();
                self.place = Place::Name;
            }
            b' ' | b'\t' | b'\r' => {}
            other => self.keep(other),
        }
    }

    fn keep(&mut self, byte: u8) {
        let most = if self.place == Place::Name { MAX_NAME } else { MAX_ID };
        // One more than there may be, so that what is longer is nothing that is looked for.
        if self.depth == 1 && self.read.len() <= most {
            self.read.push(byte);
        }
    }

    fn end_value(&mut self) {
        if self.place == Place::Value && self.is_id && self.ids.len() < 2 {
            let id = std::str::from_utf8(&self.read).ok();
            self.ids.push(id.and_then(|id| id.parse().ok()));
        }
        self.is_id = false;
        self.read.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(text: &str) -> Option<u64> {
        // In pieces of every kind.
        let found = [1, 2, 7, text.len().max(1)].map(|size| {
            let mut overlong = Overlong::default();
            text.as_bytes().chunks(size).for_each(|piece| overlong.read(piece));
            overlong.answers()
        });
        assert!(found.iter().all(|each| *each == found[0]), "{text}");
        found[0]
    }

    #[test]
    fn it_is_found_wherever_it_stands() {
        for text in [
            r#"{"jsonrpc":"2.0","id":7,"result":{"id":8,"a":[{"id":9}]}}"#,
            r#"{"result":{"id":8,"b":"}]\"id\":9,\\"},"jsonrpc":"2.0","id":7}"#,
            "\t{ \"result\" : \"\\\",\\\"id\\\":8\", \"id\" : 7 }\r",
            r#"{"id":7,"error":{"code":1,"message":"\\"}}"#,
        ] {
            assert_eq!(answers(text), Some(7), "{text}");
        }
    }

    #[test]
    fn what_is_no_answer_to_one_request_of_ours_answers_none() {
        for text in [
            r#"{"result":{"id":7}}"#,
            r#"{"result":"\"id\":7"}"#,
            r#"{"id":"7","result":{}}"#,
            r#"{"id":-7,"result":{}}"#,
            r#"{"id":7.0,"result":{}}"#,
            r#"{"id":[7],"result":{}}"#,
            r#"{"id":{"a":7},"result":{}}"#,
            r#"{"id":7,"result":{},"id":7}"#,
            r#"{"id":7,"method":"m","params":{}}"#,
            r#"[{"id":7,"result":{}}]"#,
            r#"{"id":7,"result":{}"#,
            r#"{"ids":7,"result":{}}"#,
            r#"{"id":77777777777777777777777777,"result":{}}"#,
            r#"log: {"id":7,"result":{}}"#,
            r#"{"id":7,"result":{}} {}"#,
            r#"{"id":7,"result":{}}."#,
            "id:7",
            "",
        ] {
            assert_eq!(answers(text), None, "{text}");
        }
    }
}
