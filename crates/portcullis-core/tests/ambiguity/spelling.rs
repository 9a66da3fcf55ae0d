//! Choices made beforehand, and JSON in any spelling.

use std::fmt::Write as _;

/// Choices made beforehand. Where none are left the first option is taken, so that shrinking the
/// dice shrinks the message.
pub struct Dice<'d>(pub std::slice::Iter<'d, u32>);

impl Dice<'_> {
    pub fn below(&mut self, end: usize) -> usize {
        self.0.next().map_or(0, |&die| die as usize % end.max(1))
    }

    pub fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())]
    }

    pub fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) + 1 == chances
    }
}

/// JSON in which everything may stand: members twice, strings as they are spelled.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// A text that is written as it is.
    Raw(String),
    /// What stands between the quotes.
    Text(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

impl Json {
    pub fn text(text: &str) -> Json {
        Json::Text(escaped(text, |_| false))
    }

    /// Writes it with blanks as the dice fall.
    pub fn write(&self, dice: &mut Dice<'_>, out: &mut String) {
        let blank = |dice: &mut Dice<'_>| dice.pick(&["", "", "", "", "", " ", "\n", "\t\r\n "]);
        out.push_str(blank(dice));
        match self {
            Json::Raw(raw) => out.push_str(raw),
            Json::Text(text) => write!(out, "\"{text}\"").unwrap(),
            Json::List(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    out.push_str(if position == 0 { "" } else { "," });
                    item.write(dice, out);
                }
                out.push(']');
            }
            Json::Map(members) => {
                out.push('{');
                for (position, (name, value)) in members.iter().enumerate() {
                    out.push_str(if position == 0 { "" } else { "," });
                    write!(out, "{}\"{name}\"{}:", blank(dice), blank(dice)).unwrap();
                    value.write(dice, out);
                }
                out.push('}');
            }
        }
        out.push_str(blank(dice));
    }
}

/// A text as it stands in JSON, with an escape wherever it must be or `wanted` wants it.
pub fn escaped(text: &str, mut wanted: impl FnMut(char) -> bool) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '/' if wanted(c) => out.push_str("\\/"),
            '"' | '\\' => out.extend(['\\', c]),
            _ if c < ' ' || wanted(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").unwrap();
                }
            }
            _ => out.push(c),
        }
    }
    out
}
