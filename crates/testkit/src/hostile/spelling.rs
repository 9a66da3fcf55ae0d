//! Choices made beforehand, and JSON in any spelling.

use std::fmt::Write as _;

/// Choices made beforehand. Where none are left the first option is taken, so that shrinking the
/// dice shrinks the message.
pub struct Dice<'d>(pub std::slice::Iter<'d, u32>);

impl Dice<'_> {
    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.next().map_or(0, |&die| die as usize % end.max(1))
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())]
    }

    /// True once in so many times.
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
    /// An array.
    List(Vec<Json>),
    /// An object: names, as they stand between the quotes, and values.
    Map(Vec<(String, Json)>),
}

impl Json {
    /// A string that means this text.
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

/// So many dice for one case of a run: always the same for the same seed and number.
pub fn rolls(seed: u64, case: u64, count: usize) -> Vec<u32> {
    // SplitMix64: any two states are far apart, also those of neighbours.
    let mut state = seed ^ case.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) >> 32
    };
    (0..count).map(|_| u32::try_from(next()).unwrap_or_default()).collect()
}
