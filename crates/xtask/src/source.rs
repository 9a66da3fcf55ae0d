//! Rust source as a checker needs it: code apart from comments and strings, and the paths code names.
//!
//! This is no parser. It knows the tokens that can hide or fake a name (comments, strings, raw strings,
//! character literals) and how a `use` group spells several paths at once.

/// A source file with its comments taken out and the insides of its strings blanked.
pub(crate) struct Source {
    /// As long as the file, line for line; a string is its two quotes with spaces between.
    pub(crate) code: String,
    /// Line (from 1) and text of every line comment, without its slashes.
    pub(crate) comments: Vec<(usize, String)>,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let mut reader = Reader {
            rest: text,
            line: 1,
            out: Source { code: String::new(), comments: Vec::new() },
        };
        while reader.step() {}
        reader.out
    }

    /// Every path the code names, `use` groups written out, with its line.
    pub(crate) fn paths(&self) -> Vec<(usize, String)> {
        let tokens = tokens(&self.code);
        let mut found = Vec::new();
        let mut i = 0;
        while i < tokens.len() {
            i = match tokens.get(i) {
                Some((_, Token::Name(_))) => path(&tokens, i, "", &mut found),
                _ => i + 1,
            };
        }
        found
    }
}

struct Reader<'t> {
    rest: &'t str,
    line: usize,
    out: Source,
}

impl Reader<'_> {
    /// Reads one comment, string, character or other character.
    fn step(&mut self) -> bool {
        let rest = self.rest;
        let Some(first) = rest.chars().next() else { return false };
        if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            let text = rest.get(2..end).unwrap_or_default().to_owned();
            self.out.comments.push((self.line, text));
            self.blank(end);
        } else if rest.starts_with("/*") {
            self.blank(block_comment(rest));
        } else if let Some(end) = raw_string(rest).filter(|_| !self.in_name()) {
            self.string(end);
        } else if first == '"' {
            self.string(string(rest));
        } else if let Some(end) = character(rest) {
            self.blank(end);
        } else {
            self.keep(first.len_utf8());
        }
        true
    }

    fn in_name(&self) -> bool {
        self.out.code.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    fn take(&mut self, bytes: usize) -> &str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn keep(&mut self, bytes: usize) {
        let text = self.take(bytes).to_owned();
        self.out.code.push_str(&text);
    }

    fn blank(&mut self, bytes: usize) {
        let spaces: String =
            self.take(bytes).chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        self.out.code.push_str(&spaces);
    }

    fn string(&mut self, bytes: usize) {
        let inside = self.take(bytes).chars().map(|c| if c == '\n' { c } else { ' ' });
        let spaces: String = inside.collect();
        let spaces = spaces.get(1..spaces.len().saturating_sub(1)).unwrap_or_default();
        self.out.code.push('"');
        self.out.code.push_str(spaces);
        self.out.code.push('"');
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let width = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at += width;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a raw string, its prefix included.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].iter().find(|p| text.starts_with(**p))?.len();
    let body = text.get(prefix..)?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    body.get(hashes..)?.strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let start = prefix + hashes + 1;
    let length = text.get(start..)?.find(&close).map_or(text.len() - start, |i| i + close.len());
    Some(start + length)
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal; `None` for a lifetime.
fn character(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    let mut chars = body.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        let (_, _) = chars.next()?;
        return chars.find(|(_, c)| *c == '\'').map(|(i, _)| i + 2);
    }
    let (i, second) = chars.next()?;
    (second == '\'').then_some(i + 2)
}

enum Token<'c> {
    Name(&'c str),
    Colons,
    Open,
    Close,
    Star,
    Other,
}

fn tokens(code: &str) -> Vec<(usize, Token<'_>)> {
    let mut found = Vec::new();
    let (mut line, mut rest) = (1, code);
    while let Some(first) = rest.chars().next() {
        let name = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let width = if name > 0 {
            found.push((line, Token::Name(rest.get(..name).unwrap_or_default())));
            name
        } else if rest.starts_with("::") {
            found.push((line, Token::Colons));
            2
        } else {
            match first {
                '\n' => line += 1,
                '{' => found.push((line, Token::Open)),
                '}' => found.push((line, Token::Close)),
                '*' => found.push((line, Token::Star)),
                c if c.is_whitespace() => {}
                _ => found.push((line, Token::Other)),
            }
            first.len_utf8()
        };
        rest = rest.get(width..).unwrap_or_default();
    }
    found
}

/// Reads one path, or the group behind `prefix::`, from token `i`; answers where it ended.
fn path(
    tokens: &[(usize, Token<'_>)],
    mut i: usize,
    prefix: &str,
    found: &mut Vec<(usize, String)>,
) -> usize {
    let mut here = prefix.to_owned();
    while let Some((line, token)) = tokens.get(i) {
        match token {
            Token::Name(name) => {
                here = if here.is_empty() { (*name).to_owned() } else { format!("{here}::{name}") };
                i += 1;
                if !matches!(tokens.get(i), Some((_, Token::Colons))) {
                    found.push((*line, here));
                    return i;
                }
                i += 1;
            }
            Token::Star => {
                found.push((*line, format!("{here}::*")));
                return i + 1;
            }
            Token::Open => {
                i += 1;
                loop {
                    i = match tokens.get(i) {
                        None => return i,
                        Some((_, Token::Close)) => return i + 1,
                        Some((_, Token::Name(_) | Token::Open | Token::Star)) => {
                            path(tokens, i, &here, found)
                        }
                        Some(_) => i + 1,
                    };
                }
            }
            _ => {
                found.push((*line, here));
                return i;
            }
        }
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_told_from_code() {
        let text = "let a = \"todo!() // no\"; // yes: one\nlet b = r#\"panic \" x\"#; /* a /* b */ c */ call('\"', '\\'', 'x');\nfn f<'a>(x: &'a str) {} // two";
        let source = Source::new(text);
        assert!(
            !source.code.contains("todo")
                && !source.code.contains("panic")
                && !source.code.contains("c */")
        );
        assert!(source.code.contains("call(") && source.code.contains("fn f<'a>(x: &'a str) {}"));
        assert_eq!(source.comments, [(1, " yes: one".to_owned()), (3, " two".to_owned())]);
        assert_eq!(source.code.lines().count(), text.lines().count());
    }

    #[test]
    fn groups_are_written_out() {
        let source = Source::new(
            "use std::{\n  net::{IpAddr, TcpStream},\n  time::*,\n};\nfn f() { std::fs::read(x) }",
        );
        let paths: Vec<_> =
            source.paths().into_iter().map(|(line, p)| format!("{line} {p}")).collect();
        for wanted in
            ["2 std::net::IpAddr", "2 std::net::TcpStream", "3 std::time::*", "5 std::fs::read"]
        {
            assert!(paths.iter().any(|p| p == wanted), "{wanted} not in {paths:?}");
        }
    }

    #[test]
    fn what_never_closes_still_ends() {
        for text in ["\"open", "r#\"open", "/* open", "'", "use a::{b", "'\\", "r#", "é'é"] {
            let _ = Source::new(text).paths();
        }
    }
}
