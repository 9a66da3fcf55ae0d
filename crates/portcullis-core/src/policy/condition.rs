//! Conditions on the arguments of a call.

use std::cell::Cell;
use std::fmt;

use super::pattern::{BadPattern, Language, MAX_PATTERN, Pattern, Text};
use crate::json;
use crate::operation::{Argument, Arguments, MAX_NAMES, Scalar};

/// What an argument may be, as an operator writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentPattern<'a> {
    /// A string: without a star just this one; nothing but stars is any value.
    Text(&'a str),
    /// This integer, and no string that looks like it.
    Integer(i64),
    /// This boolean, and no string that looks like it: to most languages `"false"` is true.
    Bool(bool),
}

impl fmt::Display for ArgumentPattern<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArgumentPattern::Text(text) => f.write_str(text),
            ArgumentPattern::Integer(number) => number.fmt(f),
            ArgumentPattern::Bool(flag) => flag.fmt(f),
        }
    }
}

impl<'a> From<&'a str> for ArgumentPattern<'a> {
    fn from(text: &'a str) -> Self {
        ArgumentPattern::Text(text)
    }
}

impl From<i64> for ArgumentPattern<'_> {
    fn from(number: i64) -> Self {
        ArgumentPattern::Integer(number)
    }
}

impl From<bool> for ArgumentPattern<'_> {
    fn from(flag: bool) -> Self {
        ArgumentPattern::Bool(flag)
    }
}

/// Narrows a rule to calls whose argument `name` matches any of the patterns.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) name: String,
    any: Vec<Accepted>,
}

#[derive(Clone, Debug)]
enum Accepted {
    /// Whatever can be read.
    Anything,
    Bool(bool),
    Integer(i64),
    /// A text without a star means itself, however others would read it.
    Exact(String),
    Like(Pattern),
}

impl Condition {
    pub(super) fn new(name: &str) -> Condition {
        Condition { name: name.to_owned(), any: Vec::new() }
    }

    pub(super) fn accept(&mut self, pattern: ArgumentPattern<'_>) -> Result<(), BadPattern> {
        self.any.push(match pattern {
            ArgumentPattern::Text(text) if !text.is_empty() && text.bytes().all(|b| b == b'*') => {
                Accepted::Anything
            }
            ArgumentPattern::Text(text) if text.contains('*') => {
                Accepted::Like(Pattern::compile(text, Language::of_argument(text))?)
            }
            ArgumentPattern::Text(text) => {
                if text.len() > MAX_PATTERN {
                    return Err(BadPattern::TooLong);
                }
                if text.chars().any(char::is_control) {
                    return Err(BadPattern::Characters);
                }
                Accepted::Exact(text.to_owned())
            }
            ArgumentPattern::Integer(number) => {
                let exact = json::exact(number.into()).ok_or(BadPattern::InexactInteger)?;
                Accepted::Integer(exact)
            }
            ArgumentPattern::Bool(flag) => Accepted::Bool(flag),
        });
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.any.is_empty()
    }

    /// Whether the argument is there, and all its values are what is accepted.
    pub(super) fn is_met(&self, given: &Given<'_>) -> bool {
        given.get(&self.name).is_some_and(|values| {
            values.iter().all(|value| self.any.iter().any(|accepted| accepted.is(value)))
        })
    }
}

impl Accepted {
    fn is(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Accepted::Anything, _) => true,
            (Accepted::Bool(wanted), Value::Bool(flag)) => wanted == flag,
            (Accepted::Integer(wanted), Value::Integer(number)) => wanted == number,
            (Accepted::Exact(wanted), Value::Text(text)) => wanted == text.as_str(),
            (Accepted::Like(pattern), Value::Text(text)) => pattern.matches(text, 0),
            _ => false,
        }
    }
}

/// The arguments of a call that conditions look at, made ready to be held against many.
#[derive(Debug, Default)]
pub(crate) struct Given<'a>(Vec<(String, Vec<Value<'a>>)>);

#[derive(Debug)]
enum Value<'a> {
    Bool(bool),
    Integer(i64),
    Text(Text<'a>),
}

/// So much of the arguments of one operation is held against patterns with stars, of which a policy may have
/// many. Paths, URIs and queries are far shorter.
const MAX_READ: usize = 32 * 1024;

/// How much of an operation's arguments may still be read, a batch's together.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(super) names: Cell<usize>,
    values: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { names: Cell::new(MAX_NAMES), values: MAX_READ }
    }
}

impl<'a> Given<'a> {
    pub(super) fn of(arguments: Arguments<'a>, budget: &mut Budget) -> Self {
        let known = |(name, argument)| match argument {
            Argument::Values(values) => Some((name, values)),
            Argument::Opaque => None,
        };
        let mut known: Vec<(String, Vec<Scalar<'a>>)> =
            arguments.into_iter().filter_map(known).collect();
        // The contents of a file leave its path to be read, in whichever order they stand.
        known.sort_by_key(|(_, values)| length(values));
        let ready = |(name, values)| Some((name, Value::ready(values, budget)?));
        Given(known.into_iter().filter_map(ready).collect())
    }
}

fn length(values: &[Scalar<'_>]) -> usize {
    let length = |value: &Scalar<'_>| if let Scalar::Text(text) = value { text.len() } else { 0 };
    values.iter().map(length).sum()
}

impl<'a> Value<'a> {
    /// `None` where a control character stands in any of the values, behind which another command or the
    /// end of a string may hide.
    fn ready(values: Vec<Scalar<'a>>, budget: &mut Budget) -> Option<Vec<Value<'a>>> {
        let left = budget.values.checked_sub(length(&values));
        budget.values = left.unwrap_or(budget.values);
        values
            .into_iter()
            .map(|value| match value {
                Scalar::Bool(flag) => Some(Value::Bool(flag)),
                Scalar::Integer(number) => Some(Value::Integer(number)),
                Scalar::Text(text) if text.chars().any(char::is_control) => None,
                Scalar::Text(text) if left.is_some() => Some(Value::Text(Text::new(text))),
                Scalar::Text(text) => Some(Value::Text(Text::unread(text))),
            })
            .collect()
    }
}

impl<'a> Given<'a> {
    fn get(&self, name: &str) -> Option<&[Value<'a>]> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, values)| &**values)
    }
}
