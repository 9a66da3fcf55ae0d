//! The verdicts, for people and for machines.
//!
//! What a client is told is read back from the answer as a client would read it, so that the table
//! cannot claim more than the answer says.

use std::fmt::Write as _;

use bytes::Bytes;
use http::Response;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use portcullis_core::challenge;
use portcullis_core::error::Failure;
use serde_json::{Value, json};

use super::{BASE_SCOPE, RESOURCE, RULES, Report, Row, Verdict, Written};

/// No line is wider.
const WIDTH: usize = 100;

const BOLD: &str = "1";
const RED: &str = "31";
const GREEN: &str = "32";

/// Whether the text is for a terminal that shows colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// ANSI escape sequences.
    Ansi,
    /// Plain text.
    None,
}

impl Colour {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Colour::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Colour::None => text.to_owned(),
        }
    }
}

/// What the answer to a denied request tells its client.
#[derive(Default)]
struct Told {
    /// An OAuth error code, or the number of a JSON-RPC error.
    error: Option<Value>,
    text: String,
    /// The scopes to ask for.
    scope: Option<String>,
}

impl Told {
    fn by(answer: &Response<Bytes>) -> Self {
        let mut body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let mut take = |place: &str| body.pointer_mut(place).map(Value::take);
        let text = take("/error/message").or_else(|| take("/error_description"));
        let challenges =
            answer.headers().get_all(WWW_AUTHENTICATE).iter().map(HeaderValue::as_bytes);
        let challenges = challenge::parse(challenges).unwrap_or_default();
        Told {
            text: text.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned(),
            error: take("/error/code").or_else(|| take("/error")),
            scope: challenges
                .iter()
                .find_map(|challenge| challenge.param("scope"))
                .map(str::to_owned),
        }
    }
}

impl Report {
    /// One JSON object for each request, each on a line of its own. No member is ever left out; what does
    /// not apply is null. Rules are counted from 1.
    pub fn to_json_lines(&self) -> String {
        let objects = self.rows().map(Row::to_json);
        objects.fold(String::new(), |lines, object| format!("{lines}{object}\n"))
    }

    /// A table with one line for each request, and one answer in full.
    pub fn to_text(&self, colour: Colour) -> String {
        let mut text = format!(
            "Portcullis demo: {} requests, judged by the core. No network, no file, a key made just now.\n\
             {RESOURCE} needs {BASE_SCOPE}, and for calls and reads a rule:\n",
            self.rows().count(),
        );
        for (number, rule) in (1..).zip(&RULES) {
            let _ = writeln!(text, "  rule {number}  {}", rule.to_text());
        }
        let longest = |of: fn(&Row) -> &'static str| {
            self.rows().map(|row| of(row).len()).max().unwrap_or_default()
        };
        let columns = (longest(|row| row.request), longest(|row| row.credential));
        for group in &self.0 {
            text.push_str(&heading(group.title, colour));
            for row in &group.rows {
                text.push_str(&row.to_text(columns, colour));
            }
        }
        if let Some((row, answer)) = self.rows().find_map(Row::step_up) {
            let title = format!("What the {} gets for {}, in full", row.credential, row.request);
            text.push_str(&heading(&title, colour));
            text.push_str(&http_text(answer));
        }
        text.push_str(
            "\nThis is the core alone. To put it in front of a server: portcullis serve, see README.md.\n",
        );
        text
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.0.iter().flat_map(|group| &group.rows)
    }
}

impl Row {
    fn to_json(&self) -> Value {
        let (rule, denied) = match &self.verdict {
            Verdict::Allowed { rule } => (rule.map(|place| place.index() + 1), None),
            Verdict::Denied { answer, failure } => {
                (None, Some((answer, failure, Told::by(answer))))
            }
        };
        let denied = denied.as_ref();
        json!({
            "request": self.request,
            "credential": self.credential,
            "verdict": if denied.is_some() { "denied" } else { "allowed" },
            "rule": rule,
            "status": denied.map(|(answer, ..)| answer.status().as_u16()),
            "error": denied.map(|(.., told)| &told.error),
            "told": denied.map(|(.., told)| &told.text),
            "scope": denied.map(|(.., told)| &told.scope),
            "reason": denied.map(|(_, failure, _)| failure.label()),
            "log": denied.map(|(_, failure, _)| failure.to_string()),
        })
    }

    fn to_text(&self, (request, credential): (usize, usize), colour: Colour) -> String {
        let mut line = format!("  {:<request$}  {:<credential$}  ", self.request, self.credential);
        match &self.verdict {
            Verdict::Allowed { rule } => {
                let by =
                    rule.map_or_else(|| "base scope".to_owned(), |place| format!("rule {place}"));
                let _ = writeln!(line, "{} by {by}", colour.paint(GREEN, "allowed"));
            }
            Verdict::Denied { answer, .. } => {
                let told = Told::by(answer);
                let told = match (self.step_up(), told.scope) {
                    (Some(_), Some(scope)) => format!("step up to {scope}"),
                    _ => told.text,
                };
                // The status and a space stand before what the client is told.
                let indent = line.len() + 4;
                let told = wrap(&told, " ", WIDTH.saturating_sub(indent))
                    .join(&format!("\n{:indent$}", ""));
                let _ = writeln!(line, "{} {told}", colour.paint(RED, answer.status().as_str()));
            }
        }
        line
    }

    /// The answer, where more scopes would turn it.
    fn step_up(&self) -> Option<(&Row, &Response<Bytes>)> {
        match &self.verdict {
            Verdict::Denied { answer, failure: Failure::InsufficientScope(_) } => {
                Some((self, answer))
            }
            _ => None,
        }
    }
}

impl Written {
    /// The rule as a configuration has it.
    fn to_text(&self) -> String {
        let mut text = format!("allow = {:?}", self.allow);
        if let Some(scope) = self.scope {
            let _ = write!(text, "  scopes = [{scope:?}]");
        }
        if let Some((name, pattern)) = self.argument {
            let _ = write!(text, "  args = {{ {name} = [{pattern:?}] }}");
        }
        text
    }
}

/// A title on a rule, which parts the table without an empty line.
fn heading(title: &str, colour: Colour) -> String {
    let rule = "─".repeat(WIDTH.saturating_sub(title.len() + 4));
    format!("── {} {rule}\n", colour.paint(BOLD, title))
}

/// An answer as it goes over the wire, but for line breaks in long headers.
fn http_text(answer: &Response<Bytes>) -> String {
    let status = answer.status();
    let mut text = format!(
        "  {:?} {} {}\n",
        answer.version(),
        status.as_str(),
        status.canonical_reason().unwrap_or_default()
    );
    for (name, value) in answer.headers() {
        let header = format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
        let _ = writeln!(text, "  {}", wrap(&header, ", ", WIDTH - 6).join("\n      "));
    }
    let _ = writeln!(text, "\n  {}", String::from_utf8_lossy(answer.body()));
    text
}

/// Lines of at most `width` bytes, broken behind `separator` where that is possible.
fn wrap(text: &str, separator: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in text.split_inclusive(separator) {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.len() + piece.trim_end().len() <= width => {
                line.push_str(piece);
            }
            _ => lines.push(piece.to_owned()),
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_where_they_may_and_nowhere_else() {
        assert_eq!(wrap("a bc def", " ", 4), ["a bc", "def"]);
        assert_eq!(wrap("a, b c, d", ", ", 4), ["a,", "b c,", "d"]);
        assert_eq!(wrap("unbreakable x", " ", 4), ["unbreakable", "x"]);
        assert_eq!(wrap("", " ", 4), [""]);
    }
}
