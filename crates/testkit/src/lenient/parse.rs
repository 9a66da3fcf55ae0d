//! JSON as the most tolerant parsers read it, together.
//!
//! Nothing is refused and nothing is resolved: repeated members stay, comments, single quotes, bare
//! words, missing commas and a missing end are read over, and whatever stands behind a document is
//! the next one. Which of it a given parser would take is decided in `read`.

/// Deeper nesting than this ends a text, so that no input overflows the stack.
const MAX_DEPTH: usize = 128;
/// More documents than this in one body are not looked at.
const MAX_DOCUMENTS: usize = 16;

/// A value with everything kept that parsers disagree about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// Whatever stands without quotes: `true`, `12`, `NaN`, `delete`; empty where a value is missing.
    Word(String),
    Text(Text),
    Array(Vec<Node>),
    /// Members in order, repeated ones too.
    Object(Vec<(Text, Node)>),
}

/// A string or a member name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    /// As it stands between the quotes.
    pub(super) raw: String,
    /// Unescaped; half of a surrogate pair is U+FFFD, as in Go, Java and most of the Web.
    pub(super) replaced: String,
    /// Unescaped; half of a surrogate pair stays the escape it was, as far as Python keeps it.
    pub(super) kept: String,
    /// Unescaped; half of a surrogate pair is gone.
    pub(super) dropped: String,
}

impl Text {
    fn new(raw: &str) -> Text {
        let half = |written: &dyn Fn(u32) -> String| unescaped(raw, written);
        Text {
            raw: raw.to_owned(),
            replaced: half(&|_| '\u{fffd}'.to_string()),
            kept: half(&|unit| format!("\\u{unit:04x}")),
            dropped: half(&|_| String::new()),
        }
    }
}

/// The body in every character set and up to every end that a reader might take it for.
pub(super) fn texts(body: &[u8]) -> Vec<(&'static str, String)> {
    let mut texts = match body {
        [0xFF, 0xFE, 0, 0, rest @ ..] => vec![("UTF-32", utf32(rest, u32::from_le_bytes))],
        [0, 0, 0xFE, 0xFF, rest @ ..] => vec![("UTF-32", utf32(rest, u32::from_be_bytes))],
        [0xFF, 0xFE, rest @ ..] => vec![("UTF-16", utf16(rest, u16::from_le_bytes))],
        [0xFE, 0xFF, rest @ ..] => vec![("UTF-16", utf16(rest, u16::from_be_bytes))],
        [0, 0, 0, _, ..] => vec![("UTF-32", utf32(body, u32::from_be_bytes))],
        [_, 0, 0, 0, ..] => vec![("UTF-32", utf32(body, u32::from_le_bytes))],
        [0, _, ..] => vec![("UTF-16", utf16(body, u16::from_be_bytes))],
        [_, 0, ..] => vec![("UTF-16", utf16(body, u16::from_le_bytes))],
        _ => Vec::new(),
    };
    let bytes = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if let Ok(text) = std::str::from_utf8(bytes) {
        texts.push(("UTF-8", text.to_owned()));
    } else {
        texts.push(("invalid UTF-8 replaced", String::from_utf8_lossy(bytes).into_owned()));
        texts.push(("Latin-1", bytes.iter().copied().map(char::from).collect()));
    }
    let cut: Vec<_> = texts
        .iter()
        .filter_map(|(_, text)| text.split_once('\0'))
        .map(|(head, _)| ("up to the first NUL", head.to_owned()))
        .collect();
    texts.extend(cut);
    texts
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks::<2>().0.iter().copied().map(unit);
    char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect()
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> String {
    let units = bytes.as_chunks::<4>().0.iter().copied().map(unit);
    units.map(|c| char::from_u32(c).unwrap_or('\u{fffd}')).collect()
}

/// Every document of a text, one behind the other.
pub(super) fn documents(text: &str) -> Vec<Node> {
    let mut reader = Reader { text, at: 0 };
    let mut found = Vec::new();
    while found.len() < MAX_DOCUMENTS {
        reader.skip_blank();
        match reader.value(0) {
            Some(document) => found.push(document),
            None if reader.bump().is_none() => break,
            None => {}
        }
    }
    found
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Goes on behind the next `end`, or to the end of the text.
    fn skip_past(&mut self, end: &str) {
        let rest = self.rest();
        self.at += rest.find(end).map_or(rest.len(), |at| at + end.len());
    }

    /// Goes on behind whitespace of any kind, controls, commas and comments.
    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                self.skip_past("*/");
            } else if rest.starts_with("//") || rest.starts_with('#') {
                self.skip_past("\n");
            } else if self.peek().is_some_and(is_blank) {
                self.bump();
            } else {
                return;
            }
        }
    }

    /// One value; `None` at the end of the text, at a closing bracket and past the depth limit.
    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            self.at = self.text.len();
        }
        self.skip_blank();
        match self.peek()? {
            '{' => Some(Node::Object(self.members(depth))),
            '[' => Some(Node::Array(self.items(depth))),
            '}' | ']' | ':' => None,
            quote if is_quote(quote) => Some(Node::Text(self.string())),
            _ => Some(Node::Word(self.word())),
        }
    }

    fn items(&mut self, depth: usize) -> Vec<Node> {
        let mut items = Vec::new();
        self.bump();
        loop {
            match self.value(depth + 1) {
                Some(item) => items.push(item),
                None if self.bump() == Some(':') => {}
                None => return items,
            }
        }
    }

    fn members(&mut self, depth: usize) -> Vec<(Text, Node)> {
        let mut members = Vec::new();
        self.bump();
        loop {
            self.skip_blank();
            let name = match self.peek() {
                None | Some('}' | ']') => break,
                Some(quote) if is_quote(quote) => self.string(),
                Some('{' | '[' | ':') => {
                    // No name: the value has none, or is none.
                    self.bump();
                    continue;
                }
                Some(_) => Text::new(&self.word()),
            };
            self.skip_blank();
            if self.peek() == Some(':') {
                self.bump();
                let value = self.value(depth + 1).unwrap_or_else(|| Node::Word(String::new()));
                members.push((name, value));
            } else {
                members.push((name, Node::Word(String::new())));
            }
        }
        self.bump();
        members
    }

    /// A string in quotes of any kind, up to the same quote or the end of the text.
    fn string(&mut self) -> Text {
        let quote = self.bump();
        let start = self.at;
        loop {
            let end = self.at;
            match self.bump() {
                Some('\\') => {
                    self.bump();
                }
                c if c == quote || c.is_none() => {
                    return Text::new(self.text.get(start..end).unwrap_or_default());
                }
                _ => {}
            }
        }
    }

    /// What stands without quotes, up to anything that could end it.
    fn word(&mut self) -> String {
        let start = self.at;
        while let Some(c) = self.peek() {
            let comment = self.rest().starts_with("/*") || self.rest().starts_with("//");
            if is_blank(c) || is_quote(c) || comment || matches!(c, '{' | '}' | '[' | ']' | ':') {
                break;
            }
            self.bump();
        }
        self.text.get(start..self.at).unwrap_or_default().to_owned()
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '\u{feff}')
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`')
}

/// Resolves the escapes of JSON and those that others add; `half` writes half of a surrogate pair.
fn unescaped(raw: &str, half: &dyn Fn(u32) -> String) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut after = escape.chars();
        rest = match after.next() {
            Some('u') => match (code_unit(escape), escape.get(5..)) {
                (Some(high @ 0xD800..=0xDBFF), Some(behind)) => {
                    let next = behind.strip_prefix('\\').and_then(code_unit);
                    if let Some(low @ 0xDC00..=0xDFFF) = next {
                        let pair = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                        text.extend(char::from_u32(pair));
                        behind.get(6..).unwrap_or_default()
                    } else {
                        text.push_str(&half(high));
                        behind
                    }
                }
                (Some(unit), Some(behind)) => {
                    match char::from_u32(unit) {
                        Some(c) => text.push(c),
                        None => text.push_str(&half(unit)),
                    }
                    behind
                }
                _ => after.as_str(),
            },
            Some('x') => {
                let digits = escape.get(1..3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
                text.extend(digits.map(char::from));
                escape.get(digits.map_or(1, |_| 3)..).unwrap_or_default()
            }
            Some(c) => {
                text.push(match c {
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'v' => '\u{b}',
                    '0' => '\0',
                    other => other,
                });
                after.as_str()
            }
            None => "",
        };
    }
    text.push_str(rest);
    text
}

/// The four digits of `uXXXX`.
fn code_unit(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix('u')?.get(..4)?;
    // `from_str_radix` also takes a sign.
    let all_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    all_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}
