//! Valid messages of every method, made from dice, with what they ask for.

use crate::lenient::{Aim, Call, METHODS};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::spelling::{Dice, Json, escaped};

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// A valid request, and what it must be read as.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The message.
    pub body: Json,
    /// What it asks for.
    pub calls: Vec<Call>,
    /// Headers that go with it.
    pub headers: Vec<(&'static str, String)>,
}

/// Methods that no revision defines, aimed at nothing.
const OTHER_METHODS: &[&str] =
    &["notifications/initialized", "notifications/com.example", "com.example/custom", ""];

/// Methods that are none of 2026-07-28 any more, and are refused there.
const DROPPED: &[&str] = &["resources/subscribe", "resources/unsubscribe", "tasks/result"];

/// Names that clients give to tools, prompts, resources and tasks, and some that parsers stumble on.
pub const TEXTS: &[&str] = &[
    "read",
    "delete",
    "a",
    "read_file",
    "file:///public/a.txt",
    "file:///{path}?q=\u{e9}",
    "name",
    "tools/call",
    "__proto__",
    "quote \" and \\",
    "w\u{e9}ather",
    "\u{1f600}",
    "\u{212a}",
    "\u{17f}",
    "=?base64?YQ==?=",
    "0",
    "null",
    "// no comment",
    "/* nor here */",
    "{\"name\":\"x\"}",
    "<!-- -->",
    "\\u0000",
    "a,b;c",
    "\u{200b}zero",
];
const NEWS: &[&str] =
    &["toolsListChanged", "promptsListChanged", "resourcesListChanged", "com.example/news", "news"];
/// Members of `params` that say nothing about targets.
const OTHERS: &[&str] =
    &["cursor", "title", "context", "argument", "level", "task", "", "\u{e9}", "method", "id"];

/// A batch, a response, or one request of either era.
pub fn sample(dice: &mut Dice<'_>) -> Sample {
    match dice.below(8) {
        6 => {
            let parts: Vec<_> = (0..=dice.below(4)).map(|_| message(dice, false)).collect();
            let calls = parts.iter().flat_map(|part| part.calls.clone()).collect();
            let bodies = (1..).zip(parts).map(|(place, part)| numbered(part.body, place));
            let body = Json::List(bodies.collect());
            let revision = ("mcp-protocol-version", "2025-03-26".to_owned());
            Sample { body, calls, headers: if dice.one_in(2) { vec![revision] } else { vec![] } }
        }
        modern @ (4 | 5 | 7) if modern != 7 || dice.one_in(2) => message(dice, true),
        _ => message(dice, false),
    }
}

/// The message under an id of its own, where it has one.
fn numbered(mut message: Json, place: usize) -> Json {
    if let Json::Map(members) = &mut message {
        for (_, id) in members.iter_mut().filter(|(name, _)| name == "id") {
            *id = Json::Raw(place.to_string());
        }
    }
    message
}

fn message(dice: &mut Dice<'_>, modern: bool) -> Sample {
    let (method, aim) = match dice.below(METHODS.len() + OTHER_METHODS.len()) {
        known if known < METHODS.len() => METHODS[known],
        _ => (dice.pick(OTHER_METHODS), Aim::Nothing),
    };
    if method.is_empty() {
        // The older revisions let a server ask and the client answer; others say `ping`.
        return if modern { request(dice, "ping", Aim::Nothing, modern) } else { response(dice) };
    }
    request(dice, method, aim, modern && !DROPPED.contains(&method))
}

fn request(dice: &mut Dice<'_>, method: &str, aim: Aim, modern: bool) -> Sample {
    let (mut params, targets) = params(dice, aim);
    if modern {
        params.push((
            "_meta".to_owned(),
            Json::Map(vec![(name(dice, VERSION_KEY), Json::text("2026-07-28"))]),
        ));
    } else if dice.one_in(4) {
        params.push((
            "_meta".to_owned(),
            Json::Map(vec![("progressToken".to_owned(), value(dice, 2))]),
        ));
    }
    for _ in 0..dice.below(3) {
        let other = dice.pick(OTHERS).to_owned();
        if params.iter().all(|(name, _)| *name != other) {
            params.push((other, value(dice, 3)));
        }
    }
    let mut members = vec![
        ("jsonrpc".to_owned(), Json::text("2.0")),
        ("method".to_owned(), Json::Text(name(dice, method))),
    ];
    if !method.starts_with("notifications/") {
        members.push((
            "id".to_owned(),
            if dice.one_in(2) { Json::text("q") } else { Json::Raw("7".to_owned()) },
        ));
    }
    if !params.is_empty() || dice.one_in(2) {
        shuffle(dice, &mut params);
        members.push((name(dice, "params"), Json::Map(params)));
    }
    shuffle(dice, &mut members);
    let mut headers = Vec::new();
    if modern {
        headers.push(("mcp-protocol-version", "2026-07-28".to_owned()));
        headers.push(("mcp-method", method.to_owned()));
        if let (Aim::Member(_), Some(target)) = (aim, targets.first()) {
            headers.push(("mcp-name", format!("=?base64?{}?=", STANDARD.encode(target))));
        }
    } else if dice.one_in(3) {
        headers.push((
            "mcp-protocol-version",
            dice.pick(&["2025-06-18", "2025-11-25", "2025-03-26"]).to_owned(),
        ));
    }
    Sample { body: Json::Map(members), calls: vec![(method.to_owned(), targets)], headers }
}

fn response(dice: &mut Dice<'_>) -> Sample {
    let mut members = vec![
        ("jsonrpc".to_owned(), Json::text("2.0")),
        ("id".to_owned(), Json::text("s1")),
        (dice.pick(&["result", "error"]).to_owned(), value(dice, 3)),
    ];
    shuffle(dice, &mut members);
    Sample {
        body: Json::Map(members),
        calls: vec![("<response>".to_owned(), Vec::new())],
        headers: Vec::new(),
    }
}

/// The members that the method needs, and the targets they name.
fn params(dice: &mut Dice<'_>, aim: Aim) -> (Vec<(String, Json)>, Vec<String>) {
    match aim {
        Aim::Nothing => (Vec::new(), Vec::new()),
        Aim::Member(member) => {
            let (target, written) = target(dice);
            let mut params = vec![(name(dice, member), written)];
            if member == "name" && dice.one_in(2) {
                params.push(("arguments".to_owned(), map(dice, 3)));
            }
            (params, vec![target])
        }
        Aim::Reference => {
            let (kind, member) = dice.pick(&[("ref/prompt", "name"), ("ref/resource", "uri")]);
            let (target, written) = target(dice);
            let mut reference = vec![
                ("type".to_owned(), Json::Text(name(dice, kind))),
                (name(dice, member), written),
            ];
            shuffle(dice, &mut reference);
            (vec![(name(dice, "ref"), Json::Map(reference))], vec![target])
        }
        Aim::Filter => {
            let (mut filter, mut targets) = (Vec::new(), Vec::new());
            let first = dice.below(NEWS.len());
            for news in NEWS.iter().skip(first).take(dice.below(4)) {
                let on = !dice.one_in(3);
                filter.push((name(dice, news), Json::Raw(on.to_string())));
                targets.extend(on.then(|| (*news).to_owned()));
            }
            for list in ["resourceSubscriptions", "taskIds"] {
                if dice.one_in(2) {
                    let (texts, written): (Vec<_>, Vec<_>) =
                        (0..dice.below(4)).map(|_| target(dice)).unzip();
                    targets.extend(texts);
                    filter.push((name(dice, list), Json::List(written)));
                }
            }
            (vec![(name(dice, "notifications"), Json::Map(filter))], targets)
        }
    }
}

/// A name, URI or id, and how it is spelled.
fn target(dice: &mut Dice<'_>) -> (String, Json) {
    let text = match dice.below(6) {
        5 => dice.pick(TEXTS).repeat(1 + dice.below(40)),
        4 => format!("{}{}", dice.pick(TEXTS), dice.pick(TEXTS)),
        _ => dice.pick(TEXTS).to_owned(),
    };
    let written = Json::Text(name(dice, &text));
    (text, written)
}

/// A text spelled plainly or, now and then, with escapes that none needs.
fn name(dice: &mut Dice<'_>, text: &str) -> String {
    match dice.below(8) {
        7 => escaped(text, |_| true),
        6 => escaped(text, |c| c == '/' || !c.is_ascii()),
        5 => escaped(text, |_| dice.one_in(3)),
        _ => escaped(text, |_| false),
    }
}

/// Any JSON value.
pub fn value(dice: &mut Dice<'_>, depth: usize) -> Json {
    const SCALARS: [&str; 9] =
        ["0", "1", "-1.5e3", "true", "false", "null", "18446744073709551616", "{}", "[]"];
    match dice.below(if depth == 0 { 4 } else { 7 }) {
        0..=2 => Json::Raw(dice.pick(&SCALARS).to_owned()),
        3 => target(dice).1,
        4 => Json::List((0..dice.below(4)).map(|_| value(dice, depth - 1)).collect()),
        _ => map(dice, depth - 1),
    }
}

fn map(dice: &mut Dice<'_>, depth: usize) -> Json {
    const NAMES: [&str; 8] = ["a", "b", "path", "name", "method", "params", "Name", "uri"];
    let first = dice.below(NAMES.len());
    let names = NAMES.iter().skip(first).take(dice.below(4));
    Json::Map(names.map(|&name| (name.to_owned(), value(dice, depth))).collect())
}

fn shuffle<T>(dice: &mut Dice<'_>, items: &mut [T]) {
    for end in (1..items.len()).rev() {
        let other = dice.below(end + 1);
        items.swap(end, other);
    }
}
