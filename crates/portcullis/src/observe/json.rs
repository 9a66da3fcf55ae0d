//! JSON objects on one line, written straight into a buffer.
//!
//! By hand, since a line is written for every request: `cargo bench -p portcullis --bench observe` holds it
//! against `serde_json`. Reading the lines back is left to the tests, by another hand.

use std::io::Write as _;
use std::net::IpAddr;

use portcullis_core::operation::MAX_NAME;

/// Longer texts are cut, with an ellipsis: a stranger chose their length. No target of a call is longer.
const LONGEST: usize = MAX_NAME;

/// An object, or an array, that is being written.
pub(super) struct Writer<'b> {
    out: &'b mut Vec<u8>,
    /// Whether something stands before what comes next.
    follows: bool,
}

impl<'b> Writer<'b> {
    /// One object, with what `fill` puts in.
    pub(super) fn object(out: &'b mut Vec<u8>, fill: impl FnOnce(&mut Writer<'_>)) {
        out.push(b'{');
        fill(&mut Writer { out, follows: false });
        out.push(b'}');
    }

    fn comma(&mut self) {
        if self.follows {
            self.out.push(b',');
        }
        self.follows = true;
    }

    /// `key` needs no escapes: it is ours.
    fn key(&mut self, key: &'static str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A string that anybody may have chosen.
    pub(super) fn text(&mut self, key: &'static str, text: &str) {
        self.key(key);
        string(self.out, text);
    }

    /// A string that needs no escapes.
    pub(super) fn plain(&mut self, key: &'static str, text: &[u8]) {
        self.key(key);
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.push(b'"');
    }

    /// A whole number.
    pub(super) fn number(&mut self, key: &'static str, number: u64) {
        self.key(key);
        decimal(self.out, number);
    }

    /// An address.
    pub(super) fn address(&mut self, key: &'static str, address: IpAddr) {
        self.key(key);
        self.out.push(b'"');
        match address {
            IpAddr::V4(v4) => {
                for (place, octet) in v4.octets().into_iter().enumerate() {
                    if place > 0 {
                        self.out.push(b'.');
                    }
                    decimal(self.out, octet.into());
                }
            }
            // Writing to a vector does not fail.
            IpAddr::V6(v6) => drop(write!(self.out, "{v6}")),
        }
        self.out.push(b'"');
    }

    /// An array of strings.
    pub(super) fn texts<'t>(
        &mut self,
        key: &'static str,
        texts: impl IntoIterator<Item = &'t str>,
    ) {
        self.key(key);
        self.out.push(b'[');
        let mut items = Writer { out: &mut *self.out, follows: false };
        for text in texts {
            items.comma();
            string(items.out, text);
        }
        self.out.push(b']');
    }

    /// An array of objects, each filled by `fill`.
    pub(super) fn objects<T>(
        &mut self,
        key: &'static str,
        items: impl IntoIterator<Item = T>,
        fill: impl Fn(&mut Writer<'_>, T),
    ) {
        self.key(key);
        self.out.push(b'[');
        let mut list = Writer { out: &mut *self.out, follows: false };
        for item in items {
            list.comma();
            Writer::object(list.out, |object| fill(object, item));
        }
        self.out.push(b']');
    }
}

fn decimal(out: &mut Vec<u8>, mut number: u64) {
    const DIGITS: usize = 20;
    let mut digits = [b'0'; DIGITS];
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        length += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(DIGITS - length..).unwrap_or_default());
}

/// A string, cut to a length, and with escapes for whatever a terminal might act on.
fn string(out: &mut Vec<u8>, text: &str) {
    let shown = if text.len() > LONGEST {
        (0..=LONGEST).rev().find_map(|end| text.get(..end)).unwrap_or_default()
    } else {
        text
    };
    out.push(b'"');
    // Nearly every text is visible ASCII without quotes. Without an early end the loop takes many bytes at once.
    if shown.bytes().fold(false, |found, byte| found | needs_care(byte)) {
        shown.chars().for_each(|c| character(out, c));
    } else {
        out.extend_from_slice(shown.as_bytes());
    }
    if shown.len() < text.len() {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

#[expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch")]
fn needs_care(byte: u8) -> bool {
    (byte.wrapping_sub(b' ') > b'~' - b' ') | (byte == b'"') | (byte == b'\\')
}

fn character(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        c if c.is_control() || turns_lines(c) => {
            drop(write!(out, "\\u{:04x}", u32::from(c)));
        }
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Ends a line for some readers, or turns the direction of what follows.
fn turns_lines(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(fill: impl FnOnce(&mut Writer<'_>)) -> String {
        let mut out = Vec::new();
        Writer::object(&mut out, fill);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn objects_are_read_back_as_they_were_meant() {
        let line = written(|line| {
            line.text("text", "plain");
            line.number("zero", 0);
            line.number("most", u64::MAX);
            line.plain("time", b"2026-11-20");
            line.address("v4", "203.0.113.107".parse().unwrap());
            line.address("v6", "2001:db8::1".parse().unwrap());
            line.texts("none", []);
            line.texts("some", ["a", "b\"c"]);
            line.objects("list", [1, 2], |item, n| item.number("n", n));
            line.objects("empty", [0_u64; 0], |item, n| item.number("n", n));
        });
        let read: Value = serde_json::from_str(&line).unwrap();
        let expected = json!({
            "text": "plain", "zero": 0, "most": u64::MAX, "time": "2026-11-20",
            "v4": "203.0.113.107", "v6": "2001:db8::1", "none": [], "some": ["a", "b\"c"],
            "list": [{ "n": 1 }, { "n": 2 }], "empty": [],
        });
        assert_eq!(read, expected);
        assert_eq!(written(|_| {}), "{}");
    }

    #[test]
    fn every_character_is_read_back_and_none_acts_on_a_terminal() {
        for c in (0..=0x2_ffff).filter_map(char::from_u32) {
            let text = format!("a{c}é{c}");
            let line = written(|line| line.text("t", &text));
            let read: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(read["t"], text);
            assert!(!line.chars().any(|c| c.is_control() || turns_lines(c)), "{line}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        for (text, expected) in [
            ("x".repeat(LONGEST), "x".repeat(LONGEST)),
            ("x".repeat(LONGEST + 1), "x".repeat(LONGEST) + "…"),
            ("x".repeat(LONGEST - 1) + "é", "x".repeat(LONGEST - 1) + "…"),
            ("x".repeat(LONGEST - 2) + "é", "x".repeat(LONGEST - 2) + "é"),
        ] {
            let line = written(|line| line.text("t", &text));
            let read: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(read["t"], expected);
        }
    }
}
