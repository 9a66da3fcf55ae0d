//! The words behind a command's name. Eight commands with a handful of options need no parser crate.

use std::str::FromStr;

use crate::repo::{Failure, Result};

/// Words not yet taken. Each command takes its options first, then the rest by [`Args::words`].
pub(crate) struct Args(Vec<String>);

impl Args {
    pub(crate) fn new(words: Vec<String>) -> Self {
        Args(words)
    }

    /// Takes `--name` if it stands there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let place = self.0.iter().position(|w| w == name);
        place.map(|i| self.0.remove(i)).is_some()
    }

    /// Takes `--name VALUE` or `--name=VALUE`.
    pub(crate) fn option<T: FromStr>(&mut self, name: &str) -> Result<Option<T>> {
        let glued = format!("{name}=");
        let Some(i) = self.0.iter().position(|w| w == name || w.starts_with(&glued)) else {
            return Ok(None);
        };
        let word = self.0.remove(i);
        let value = match word.strip_prefix(&glued) {
            Some(value) => value.to_owned(),
            None if i < self.0.len() => self.0.remove(i),
            None => return Err(Failure::Usage(format!("{name} needs a value"))),
        };
        let parsed = value.parse();
        parsed.map(Some).map_err(|_| Failure::Usage(format!("{value:?} is no value for {name}")))
    }

    /// What is left must be plain words.
    pub(crate) fn words(self) -> Result<Vec<String>> {
        match self.0.iter().find(|w| w.starts_with('-')) {
            Some(option) => Err(Failure::Usage(format!("no option named {option}"))),
            None => Ok(self.0),
        }
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result {
        match self.words()?.first() {
            Some(word) => Err(Failure::Usage(format!("{word:?} is not expected here"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::new(words.iter().map(|w| (*w).to_owned()).collect())
    }

    #[test]
    fn options_are_taken_in_both_spellings_and_words_remain() {
        let mut given = args(&["--seconds", "5", "bearer", "--keep", "--seed=7", "token"]);
        assert_eq!(given.option::<u64>("--seconds").unwrap(), Some(5));
        assert_eq!(given.option::<u64>("--seed").unwrap(), Some(7));
        assert_eq!(given.option::<u64>("--minutes").unwrap(), None);
        assert!(given.flag("--keep") && !given.flag("--keep"));
        assert_eq!(given.words().unwrap(), ["bearer", "token"]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert!(args(&["--seconds"]).option::<u64>("--seconds").is_err());
        assert!(args(&["--seconds", "soon"]).option::<u64>("--seconds").is_err());
        assert!(args(&["--wrong"]).words().is_err());
        assert!(args(&["extra"]).end().is_err());
        assert!(args(&[]).end().is_ok());
    }
}
