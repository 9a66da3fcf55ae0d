//! `--name value` and `--name`: what the orchestrator writes, checked so that a slip is heard of.

use std::str::FromStr;

use crate::Result;

/// Words not yet taken.
pub(crate) struct Options(Vec<String>);

impl Options {
    pub(crate) fn new(words: Vec<String>) -> Self {
        Options(words)
    }

    /// Takes `--name` if it stands there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let place = self.0.iter().position(|word| word == name);
        place.map(|i| self.0.remove(i)).is_some()
    }

    /// Takes `--name VALUE` if it stands there.
    pub(crate) fn option<T: FromStr>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(i) = self.0.iter().position(|word| word == name) else { return Ok(None) };
        if i + 1 == self.0.len() {
            return Err(format!("{name} needs a value").into());
        }
        let value = self.0.remove(i + 1);
        self.0.remove(i);
        value.parse().map(Some).map_err(|_| format!("{value:?} is no value for {name}").into())
    }

    /// Takes `--name VALUE`, which must stand there.
    pub(crate) fn required<T: FromStr>(&mut self, name: &str) -> Result<T> {
        self.option(name)?.ok_or_else(|| format!("{name} is missing").into())
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result {
        match self.0.first() {
            Some(word) => Err(format!("{word:?} is not expected here").into()),
            None => Ok(()),
        }
    }
}
