//! Values with their places.

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::expand::expand;
use super::{Place, Source};
use crate::config::outside::Outside;
use crate::config::problem::{Findings, Wrong};

/// A value, and where it stands.
pub(in crate::config) struct Node {
    pub(in crate::config) place: Place,
    pub(in crate::config) kind: Kind,
}

pub(in crate::config) enum Kind {
    Text(Text),
    Integer(i64),
    /// Never wanted.
    Fraction,
    Bool(bool),
    Datetime,
    Array(Vec<Node>),
    Table(Table),
    /// From a variable of the environment: text where text is wanted, TOML elsewhere.
    Variable(Zeroizing<String>),
    /// Found wrong already.
    Unusable,
}

/// A string. It may be a secret; nobody knows yet.
pub(in crate::config) struct Text {
    pub(in crate::config) value: Zeroizing<String>,
    /// Begins with `file:` as it is written, and not because a variable says so.
    pub(in crate::config) is_file: bool,
    /// Some of it came from a variable.
    pub(in crate::config) is_expanded: bool,
}

/// Keys and values, in order.
#[derive(Default)]
pub(in crate::config) struct Table {
    pub(in crate::config) entries: Vec<(Key, Node)>,
}

#[derive(Clone)]
pub(in crate::config) struct Key {
    pub(in crate::config) name: String,
    pub(in crate::config) place: Place,
}

impl Table {
    pub(in crate::config) fn get(&self, name: &str) -> Option<&Node> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.entries.iter().position(|(key, _)| key.name == name)?;
        Some(self.entries.remove(at).1)
    }
}

impl Node {
    /// What it is, for people.
    pub(in crate::config) fn what(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) => "a string",
            Kind::Integer(_) => "an integer",
            Kind::Fraction => "a fraction",
            Kind::Bool(_) => "true or false",
            Kind::Datetime => "a date",
            Kind::Array(_) => "a list",
            Kind::Table(_) => "a table",
            Kind::Variable(_) => "a text",
            Kind::Unusable => "a value",
        }
    }
}

impl Node {
    /// The value of a variable as TOML. All of it is where the variable is, and nothing is expanded in it.
    pub(in crate::config) fn from_variable(text: &str, place: Place) -> Option<Node> {
        let value = DeValue::parse(text.trim()).ok()?;
        Some(Node::at(value.get_ref(), place))
    }

    fn at(value: &DeValue<'_>, place: Place) -> Node {
        let text = |text: &str| Text {
            is_file: text.starts_with("file:"),
            value: Zeroizing::new(text.to_owned()),
            is_expanded: true,
        };
        let kind = match value {
            DeValue::String(value) => Kind::Text(text(value)),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Kind::Fraction, Kind::Integer),
            DeValue::Float(_) => Kind::Fraction,
            DeValue::Boolean(flag) => Kind::Bool(*flag),
            DeValue::Datetime(_) => Kind::Datetime,
            DeValue::Array(items) => {
                Kind::Array(items.iter().map(|item| Node::at(item.get_ref(), place)).collect())
            }
            DeValue::Table(table) => {
                let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
                    let name: &std::borrow::Cow<'_, str> = key.get_ref();
                    (Key { name: name.to_string(), place }, Node::at(value.get_ref(), place))
                };
                Kind::Table(Table { entries: table.iter().map(entry).collect() })
            }
        };
        Node { place, kind }
    }
}

/// What values become while they are read.
pub(super) struct Growing<'a> {
    pub(super) source: &'a Source,
    pub(super) outside: &'a dyn Outside,
    pub(super) findings: &'a Findings,
}

impl Growing<'_> {
    pub(super) fn table(&self, read: &DeTable<'_>) -> Table {
        let mut entries: Vec<(Key, Node)> = read
            .iter()
            .map(|(key, value)| {
                let place = self.source.place(key.span());
                let node = Node {
                    place: self.source.place(value.span()),
                    kind: self.kind(value.get_ref(), self.source.place(value.span())),
                };
                if is_secret_by_name(key.get_ref()) {
                    self.findings.mask(&node);
                }
                (Key { name: key.get_ref().to_string(), place }, node)
            })
            .collect();
        entries.sort_by_key(|(key, _)| key.place);
        Table { entries }
    }

    pub(super) fn kind(&self, read: &DeValue<'_>, place: Place) -> Kind {
        match read {
            DeValue::String(text) => match expand(text, |name| self.outside.variable(name)) {
                Ok(text) => Kind::Text(text),
                Err(bad) => {
                    self.findings.report(place, "", Wrong::Placeholder(bad));
                    Kind::Unusable
                }
            },
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(
                    |_| {
                        self.findings.report(place, "", Wrong::HugeInteger);
                        Kind::Unusable
                    },
                    Kind::Integer,
                ),
            DeValue::Float(_) => Kind::Fraction,
            DeValue::Boolean(flag) => Kind::Bool(*flag),
            DeValue::Datetime(_) => Kind::Datetime,
            DeValue::Array(items) => Kind::Array(
                items
                    .iter()
                    .map(|item| {
                        let place = self.source.place(item.span());
                        Node { place, kind: self.kind(item.get_ref(), place) }
                    })
                    .collect(),
            ),
            DeValue::Table(table) => Kind::Table(self.table(table)),
        }
    }
}

/// Whether a key of this name holds what nobody should see, also where it is misspelled or misplaced. What
/// certainly is a secret is known by its type, later.
pub(in crate::config) fn is_secret_by_name(key: &str) -> bool {
    const SIGNS: [&str; 9] = [
        "secret",
        "secert",
        "sercet",
        "password",
        "passwd",
        "private",
        "seal",
        "token",
        "credential",
    ];
    const OTHERS: [&str; 2] = ["access_token_claim", "allow_private"];
    let key = key.to_ascii_lowercase();
    let is_secret = SIGNS.iter().any(|sign| key.contains(sign)) || key == "env" || key == "add";
    is_secret && !OTHERS.contains(&key.as_str())
}
