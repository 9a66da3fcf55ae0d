//! What an attacker, a proxy or a fault does to a valid message.

use super::messages::{Sample, TEXTS, value};
use super::spelling::{Dice, Json, escaped};

/// Names that mean something to somebody.
const NAMES: &[&str] = &[
    "name",
    "uri",
    "taskId",
    "arguments",
    "ref",
    "notifications",
    "_meta",
    "method",
    "params",
    "id",
    "jsonrpc",
    "result",
    "error",
    "type",
    "resourceSubscriptions",
    "taskIds",
    "toolsListChanged",
    "__proto__",
    "constructor",
    "$ref",
    "<<",
    "@type",
    "0",
    "",
];
const FILTER: &str = r#"{"resourceSubscriptions":["file:///secret"],"toolsListChanged":true}"#;
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "1e400",
    "NaN",
    "[]",
    "{}",
    "[\"delete\"]",
    "{\"0\":\"delete\"}",
    "{\"name\":\"delete\"}",
    "{\"name\":\"delete\",\"uri\":\"file:///secret\",\"taskId\":\"t\"}",
    FILTER,
    "[\"delete\",{}]",
    "\"delete\"",
    "\"tools/call\"",
    "\"ref/resource\"",
    "\"ref/prompt\"",
    "\"2.0\"",
    "2.0",
];
const CHUNKS: &[&[u8]] = &[
    b" ",
    b"\n",
    b",",
    b"/**/",
    b"// x\n",
    b"#\n",
    b"\0",
    b"\xEF\xBB\xBF",
    b"\xFF",
    b"\xC3",
    b"\xED\xA0\x80",
    b"\xC2\xA0",
    b"\x0C",
    b"\"",
    b"'",
    b"}",
    b"]",
    b"{",
    b"[",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\/",
    b"\x1E",
    b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"delete\"}}",
    b"\"name\":\"delete\",",
    b"\"method\":\"ping\",",
    b"\"Name\":\"delete\",",
];

/// One to three mutations of the tree, then perhaps one of its bytes and one of its headers.
pub fn mutated(sample: &mut Sample, dice: &mut Dice<'_>) -> Vec<u8> {
    for _ in 0..dice.pick(&[1, 1, 1, 1, 2, 3]) {
        // Most disagreements are about members, and most nodes are none.
        let wanted = if dice.one_in(3) {
            |_: &Json| true
        } else {
            |node: &Json| matches!(node, Json::Map(_))
        };
        let mut at = dice.below(count(&sample.body, wanted));
        if let Some(node) = nth(&mut sample.body, wanted, &mut at) {
            mutate(node, dice);
        }
    }
    let mut text = String::new();
    sample.body.write(dice, &mut text);
    let mut bytes = text.into_bytes();
    if dice.one_in(6) {
        bytes = damaged(bytes, dice);
    }
    if dice.one_in(8) {
        rewrite(&mut sample.headers, dice);
    }
    bytes
}

fn count(node: &Json, wanted: fn(&Json) -> bool) -> usize {
    usize::from(wanted(node))
        + match node {
            Json::Raw(_) | Json::Text(_) => 0,
            Json::List(items) => items.iter().map(|item| count(item, wanted)).sum::<usize>(),
            Json::Map(members) => members.iter().map(|(_, value)| count(value, wanted)).sum(),
        }
}

/// The wanted node of that number, parents first.
fn nth<'j>(node: &'j mut Json, wanted: fn(&Json) -> bool, at: &mut usize) -> Option<&'j mut Json> {
    if wanted(node) {
        if *at == 0 {
            return Some(node);
        }
        *at -= 1;
    }
    match node {
        Json::Raw(_) | Json::Text(_) => None,
        Json::List(items) => items.iter_mut().find_map(|item| nth(item, wanted, at)),
        Json::Map(members) => members.iter_mut().find_map(|(_, value)| nth(value, wanted, at)),
    }
}

fn mutate(node: &mut Json, dice: &mut Dice<'_>) {
    if dice.one_in(12) {
        *node = match dice.below(3) {
            0 => Json::Raw(dice.pick(VALUES).to_owned()),
            1 => Json::List(vec![node.clone()]),
            _ => value(dice, 2),
        };
        return;
    }
    match node {
        Json::Raw(raw) => dice.pick(VALUES).clone_into(raw),
        Json::Text(text) => *text = misspelled(text, dice),
        Json::List(items) => match (dice.below(3), items.first().cloned()) {
            (0, Some(first)) => items.push(first),
            (1, _) => {
                let members = items.drain(..).enumerate().map(|(at, v)| (at.to_string(), v));
                *node = Json::Map(members.collect());
            }
            _ => items.push(Json::Raw(dice.pick(VALUES).to_owned())),
        },
        Json::Map(members) if members.is_empty() => {
            members.push((dice.pick(NAMES).to_owned(), value(dice, 2)));
        }
        Json::Map(members) => {
            let at = dice.below(members.len());
            let to = dice.below(members.len() + 1);
            let (name, old) = members[at].clone();
            let other = match dice.below(3) {
                0 => old,
                1 => Json::text("delete"),
                _ => Json::Raw(dice.pick(VALUES).to_owned()),
            };
            match dice.below(10) {
                0 => members.insert(to, (dice.pick(NAMES).to_owned(), other)),
                1 => members.insert(to, (misspelled(dice.pick(NAMES), dice), other)),
                2 => members.insert(to, (format!("x-{}", dice.pick(TEXTS).len()), value(dice, 2))),
                3 => members.insert(to, (misspelled(&name, dice), other)),
                4 => members.insert(to, (name, other)),
                5 => members[at].0 = misspelled(&name, dice),
                6 => drop(members.remove(at)),
                7 => members.insert(
                    to,
                    (dice.pick(&["name", "uri", "taskId"]).to_owned(), Json::text("delete")),
                ),
                8 => members.insert(
                    to,
                    (
                        dice.pick(&["__proto__", "$ref", "x"]).to_owned(),
                        Json::Raw(FILTER.to_owned()),
                    ),
                ),
                _ => *node = Json::List(members.drain(..).map(|(_, value)| value).collect()),
            }
        }
    }
}

/// The same text to some reader; `text` is what stands between quotes, and so is the answer.
fn misspelled(text: &str, dice: &mut Dice<'_>) -> String {
    let folded = |from: char, to: &str| text.replace(from, to);
    match dice.below(24) {
        0 => text.to_uppercase().replace("\\U", "\\u"),
        1 => {
            text.chars().take(1).flat_map(char::to_uppercase).chain(text.chars().skip(1)).collect()
        }
        2 => folded('s', "\u{17f}"),
        3 => folded('k', "\u{212a}"),
        4 => folded('i', "\u{131}"),
        5 | 20..=22 => format!("{text}{}", dice.pick(&["\\u0000", "\\u0000x", "\\u0000/y"])),
        6 => format!("{}{text}", dice.pick(&["\\u0000", "\\u0020", " ", "\\ufeff", "\\u200b"])),
        7 => format!(
            "{text}{}",
            dice.pick(&[" ", "\\t", "\u{a0}", "\u{feff}", "\\u2028", "\\u0085"])
        ),
        8 => text
            .chars()
            .flat_map(
                |c| if c.is_uppercase() { vec!['_', c.to_ascii_lowercase()] } else { vec![c] },
            )
            .collect(),
        9 => folded('_', "-"),
        10 => folded('/', "\\/"),
        11 => folded('/', "_"),
        12 => format!(
            "{text}{}",
            dice.pick(&["\\ud800", "\\udc00", "\\ud83d\\u0061", "\\uDBFF\\uDFFF"])
        ),
        13 => format!("{text}{}", dice.pick(&["\\x41", "\\'", "\\0", "\\u12", "\\u{41}"])),
        14 if text.len() < 32 => text.repeat(dice.pick(&[2, 50, 5000])),
        15 => String::new(),
        16 => format!("{text}{}", dice.pick(TEXTS).replace(['\\', '"'], "")),
        17 => folded('a', "\u{430}"),
        // Spelled otherwise and still the same, unless there were escapes already.
        18 if !text.contains('\\') => escaped(text, |_| dice.one_in(2)),
        _ if !text.contains('\\') => escaped(text, |_| true),
        _ => text.to_owned(),
    }
}

/// Bytes in, out, behind, before, or in another character set.
fn damaged(mut bytes: Vec<u8>, dice: &mut Dice<'_>) -> Vec<u8> {
    let chunk = dice.pick(CHUNKS);
    let at = dice.below(bytes.len() + 1);
    match dice.below(10) {
        0 => drop(bytes.splice(at..at, chunk.iter().copied())),
        1 => bytes.extend(chunk),
        2 => drop(bytes.splice(0..0, chunk.iter().copied())),
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..bytes.len().min(at + 1 + dice.below(8)))),
        5 => bytes.extend(bytes.clone()),
        6 => bytes = [b"[", &*bytes, b"]"].concat(),
        7 if at < bytes.len() => {
            bytes[at] = dice.pick(&[0, b'"', b'\\', b'{', b'}', b',', b'n', 0xFF, b' ', 0x7F]);
        }
        8 => {
            let unit: fn(u16) -> [u8; 2] = dice.pick(&[u16::to_le_bytes, u16::to_be_bytes]);
            bytes = String::from_utf8_lossy(&bytes).encode_utf16().flat_map(unit).collect();
        }
        _ => {
            // The head of this message and the tail of itself from somewhere else.
            let tail = bytes[dice.below(bytes.len() + 1)..].to_vec();
            bytes.truncate(at);
            bytes.extend(tail);
        }
    }
    bytes
}

fn rewrite(headers: &mut Vec<(&'static str, String)>, dice: &mut Dice<'_>) {
    let name = dice.pick(&["mcp-protocol-version", "mcp-method", "mcp-name"]);
    let text = dice.pick(&[
        "2026-07-28",
        "2025-11-25",
        "2025-03-26",
        "1900-01-01",
        "tools/call",
        "ping",
        "delete",
        "",
    ]);
    match dice.below(3) {
        0 => headers.retain(|(known, _)| *known != name),
        1 => headers.push((name, text.to_owned())),
        _ => headers
            .iter_mut()
            .filter(|(known, _)| *known == name)
            .for_each(|(_, value)| text.clone_into(value)),
    }
}
