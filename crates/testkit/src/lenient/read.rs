//! What a server does with a message, by the manners of its parser.

use std::borrow::Cow;

use super::manner::{Manner, Names, Strings, Twice, Types};
use super::parse::{Node, Text};
use super::{Arguments, Call};

/// How a method says what it is aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// It is aimed at nothing.
    Nothing,
    /// By a member of `params`.
    Member(&'static str),
    /// By `params.ref`.
    Reference,
    /// By `params.notifications`.
    Filter,
}

/// The methods of every revision.
pub const METHODS: &[(&str, Aim)] = &[
    ("initialize", Aim::Nothing),
    ("server/discover", Aim::Nothing),
    ("ping", Aim::Nothing),
    ("tools/list", Aim::Nothing),
    ("prompts/list", Aim::Nothing),
    ("resources/list", Aim::Nothing),
    ("resources/templates/list", Aim::Nothing),
    ("tools/call", Aim::Member("name")),
    ("prompts/get", Aim::Member("name")),
    ("resources/read", Aim::Member("uri")),
    ("resources/subscribe", Aim::Member("uri")),
    ("resources/unsubscribe", Aim::Member("uri")),
    ("completion/complete", Aim::Reference),
    ("subscriptions/listen", Aim::Filter),
    ("logging/setLevel", Aim::Nothing),
    ("tasks/get", Aim::Member("taskId")),
    ("tasks/result", Aim::Member("taskId")),
    ("tasks/list", Aim::Nothing),
    ("tasks/update", Aim::Member("taskId")),
    ("tasks/cancel", Aim::Member("taskId")),
];
/// Those that hand arguments on.
const WITH_ARGUMENTS: &[&str] = &["tools/call", "prompts/get"];
const FLAGS: &[&str] = &["toolsListChanged", "promptsListChanged", "resourcesListChanged"];
const LISTS: &[&str] = &["resourceSubscriptions", "taskIds"];

impl Manner {
    /// Whether escapes in names stay unresolved. Such a reader misses members that others find.
    pub(super) fn misses_escaped_names(self) -> bool {
        self.names == Names::Raw
    }

    /// What a document makes a server do: a message, a batch, or a message without its names.
    pub(super) fn calls(self, document: &Node) -> Vec<(Call, Arguments)> {
        match document {
            Node::Array(_) if self.types == Types::Positional && self.call(document).is_some() => {
                self.call(document).into_iter().collect()
            }
            Node::Array(messages) => messages.iter().filter_map(|m| self.call(m)).collect(),
            message => self.call(message).into_iter().collect(),
        }
    }

    fn call(self, message: &Node) -> Option<(Call, Arguments)> {
        let method = self.member(message, "method", 2);
        if method.is_none() || self.types == Types::AnswersFirst {
            let has = |name| self.member(message, name, usize::MAX).is_some();
            if has("result") || has("error") {
                return Some((("<response>".to_owned(), Vec::new()), Arguments::new()));
            }
        }
        let method = self.text(method?.as_ref())?;
        let known = METHODS.iter().find(|(name, _)| self.alike(name, &method));
        let params = self.member(message, "params", 3);
        let params = params.as_deref();
        let targets = match known {
            None | Some((_, Aim::Nothing)) => Vec::new(),
            Some((_, Aim::Member(name))) => {
                vec![self.text(self.member(params?, name, 0)?.as_ref())?]
            }
            Some((_, Aim::Reference)) => {
                vec![self.reference(self.member(params?, "ref", 0)?.as_ref())?]
            }
            Some((_, Aim::Filter)) => {
                self.news(self.member(params?, "notifications", 0)?.as_ref())?
            }
        };
        let method = known.map_or(method, |(name, _)| (*name).to_owned());
        let arguments = match params {
            Some(params) if WITH_ARGUMENTS.contains(&&*method) => self.arguments(params),
            _ => Arguments::new(),
        };
        Some(((method, targets), arguments))
    }

    fn reference(self, reference: &Node) -> Option<String> {
        let member = |name| self.text(self.member(reference, name, 1)?.as_ref());
        match self.types {
            Types::UriFirst => member("uri").or_else(|| member("name")),
            Types::NameFirst => member("name").or_else(|| member("uri")),
            _ => {
                let kind = self.text(self.member(reference, "type", 0)?.as_ref())?;
                if self.alike("ref/prompt", &kind) {
                    member("name")
                } else if self.alike("ref/resource", &kind) {
                    member("uri")
                } else {
                    None
                }
            }
        }
    }

    /// The wanted news in order, then the resources, then the tasks.
    fn news(self, filter: &Node) -> Option<Vec<String>> {
        let mut wanted = Vec::new();
        self.flags(filter, &mut wanted);
        for (position, list) in LISTS.iter().enumerate() {
            if let Some(list) = self.member(filter, list, position) {
                wanted.extend(self.list(&list)?);
            }
        }
        Some(wanted)
    }

    fn flags(self, filter: &Node, wanted: &mut Vec<String>) {
        let Node::Object(members) = filter else { return };
        for (name, value) in members {
            let written = self.string(name);
            if self.types == Types::Inherited && name.replaced == "__proto__" {
                self.flags(value, wanted);
            } else if LISTS.iter().any(|list| self.alike(list, &written))
                || self.names == Names::Raw && name.raw != name.replaced
            {
                // A list, or a name that such a reader does not know.
            } else if let Some(known) = FLAGS.iter().find(|flag| self.alike(flag, &written)) {
                let counts = self.member(filter, known, usize::MAX);
                let is_on = counts.is_some_and(|value| !is_false(&value));
                if is_on && !wanted.iter().any(|name| name == known) {
                    wanted.push((*known).to_owned());
                }
            } else if !is_false(value) {
                wanted.push(written.into_owned());
            }
        }
    }

    fn list(self, list: &Node) -> Option<Vec<String>> {
        match list {
            Node::Array(items) => items.iter().map(|item| self.text(item)).collect(),
            Node::Object(members) if self.types == Types::Coerced => {
                members.iter().map(|(_, item)| self.text(item)).collect()
            }
            item if self.types == Types::Coerced => Some(vec![self.text(item)?]),
            _ => None,
        }
    }

    /// The member of that name, or the item of that position.
    pub(super) fn member<'n>(
        self,
        node: &'n Node,
        name: &str,
        position: usize,
    ) -> Option<Cow<'n, Node>> {
        let members = match node {
            Node::Object(members) => members,
            Node::Array(items) if self.types == Types::Positional => {
                return items.get(position).map(Cow::Borrowed);
            }
            _ => return None,
        };
        let mut found = members.iter().filter(|(written, _)| self.stands_for(written, name));
        let (_, first) = match found.next() {
            Some(first) => first,
            None if self.types == Types::Inherited && name != "__proto__" => {
                let (_, inherited) = members.iter().find(|(n, _)| n.replaced == "__proto__")?;
                return self.member(inherited, name, position);
            }
            None => return None,
        };
        let later: Vec<&Node> = found.map(|(_, node)| node).collect();
        let Some(last) = later.last() else { return Some(Cow::Borrowed(first)) };
        Some(match self.twice {
            Twice::First => Cow::Borrowed(first),
            Twice::Last => Cow::Borrowed(last),
            Twice::Merged => merged(std::iter::once(first).chain(later.iter().copied()))
                .map_or(Cow::Borrowed(last), Cow::Owned),
        })
    }

    fn stands_for(self, written: &Text, name: &str) -> bool {
        if self.names == Names::Raw {
            written.raw == name
        } else {
            self.alike(name, &self.string(written))
        }
    }

    fn alike(self, known: &str, written: &str) -> bool {
        match self.names {
            Names::Exact | Names::Raw => known == written,
            Names::AsciiCase => known.eq_ignore_ascii_case(written),
            Names::UnicodeCase => known.chars().map(folded).eq(written.chars().map(folded)),
            Names::Loose => loose(known).eq(loose(written)),
        }
    }

    pub(super) fn string(self, text: &Text) -> Cow<'_, str> {
        let whole = Cow::Borrowed(&*text.replaced);
        match self.strings {
            Strings::Replaced => whole,
            Strings::Kept => Cow::Borrowed(&text.kept),
            Strings::Dropped => Cow::Borrowed(&text.dropped),
            Strings::Cut => Cow::Borrowed(text.replaced.split('\0').next().unwrap_or_default()),
            Strings::Trimmed => Cow::Borrowed(text.replaced.trim_matches(is_blank)),
        }
    }

    fn text(self, node: &Node) -> Option<String> {
        match node {
            Node::Text(text) => Some(self.string(text).into_owned()),
            Node::Word(word) if self.types == Types::Coerced && !word.is_empty() => {
                Some(word.clone())
            }
            Node::Array(items) if self.types == Types::Coerced => match items.as_slice() {
                [only] => self.text(only),
                _ => None,
            },
            _ => None,
        }
    }
}

fn merged<'n>(nodes: impl Iterator<Item = &'n Node>) -> Option<Node> {
    let mut all = Vec::new();
    for node in nodes {
        let Node::Object(members) = node else { return None };
        all.extend(members.iter().cloned());
    }
    Some(Node::Object(all))
}

fn is_false(node: &Node) -> bool {
    matches!(node, Node::Word(word) if word == "false")
}

/// What a reader that trims takes away: also the byte order mark, which is space in JavaScript.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '\u{feff}'
}

/// Simple case folding, as far as it meets ASCII; also the two letters i of Turkish.
pub(super) fn folded(c: char) -> char {
    match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        '\u{130}' | '\u{131}' => 'i',
        other => other.to_lowercase().next().unwrap_or(other),
    }
}

pub(super) fn loose(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| c.is_alphanumeric()).map(folded)
}
