//! The text of a configuration, from wherever it comes, as one tree in which every value knows its place.
//!
//! * [`Sources`] – every text that was read; a [`Place`] is a stretch of all of them laid end to end
//! * `tree` – values with their places
//! * `expand` – `${ENV}` in texts
//! * `include` – several files as one tree
//! * `overrides` – variables of the environment that stand for keys

mod expand;
mod include;
mod overrides;
mod tree;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

pub(super) use self::expand::BadPlaceholder;
pub(super) use self::include::read;
use self::tree::Text;
pub(super) use self::tree::{Key, Kind, Node, Table, is_secret_by_name};
use super::server::Written;

/// A stretch of the texts, laid end to end. In order of reading, so that places of one file are in its
/// order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Place {
    pub(super) fn contains(self, other: Place) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// Every text that was read.
#[derive(Default)]
pub(super) struct Sources {
    sources: Vec<Source>,
    end: usize,
}

/// A file, or a variable of the environment.
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// How it is named to people.
    pub(super) name: Arc<str>,
    pub(super) text: Zeroizing<String>,
    /// The text is the name of a variable.
    pub(super) is_variable: bool,
    start: usize,
}

impl Source {
    /// A stretch of this text.
    pub(super) fn place(&self, local: Range<usize>) -> Place {
        Place {
            start: self.start.saturating_add(local.start),
            end: self.start.saturating_add(local.end),
        }
    }

    /// Where a place is in this text.
    pub(super) fn local(&self, place: Place) -> Range<usize> {
        let local = |at: usize| at.saturating_sub(self.start).min(self.text.len());
        local(place.start)..local(place.end)
    }

    pub(super) fn whole(&self) -> Place {
        self.place(0..self.text.len())
    }
}

impl Sources {
    /// Lays a text behind the others; its number.
    fn add(&mut self, path: PathBuf, text: Zeroizing<String>) -> usize {
        let name = path.display().to_string();
        self.push(path, &name, text, false)
    }

    /// A variable of the environment, which is aimed at this file. Its value may be a secret and is no part
    /// of any text.
    fn add_variable(&mut self, main: PathBuf, name: &str) -> usize {
        self.push(main, name, Zeroizing::new(name.to_owned()), true)
    }

    fn push(
        &mut self,
        path: PathBuf,
        name: &str,
        text: Zeroizing<String>,
        is_variable: bool,
    ) -> usize {
        let start = self.end;
        // One more than the text has, since something may be missing at its end.
        self.end = start.saturating_add(text.len()).saturating_add(1);
        self.sources.push(Source { path, name: name.into(), text, is_variable, start });
        self.sources.len().saturating_sub(1)
    }

    fn get(&self, number: usize) -> Option<&Source> {
        self.sources.get(number)
    }

    /// The text that a place is in.
    pub(super) fn of(&self, place: Place) -> Option<&Source> {
        let behind = self.sources.partition_point(|source| source.start <= place.start);
        self.get(behind.checked_sub(1)?)
    }

    /// The file that a path written there starts from.
    pub(super) fn path_of(&self, place: Place) -> &Path {
        self.of(place).map_or(Path::new(""), |source| &source.path)
    }

    /// Every file that was read.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = Vec::new();
        for source in &self.sources {
            if !files.contains(&source.path) {
                files.push(source.path.clone());
            }
        }
        files
    }

    /// File and line of a place.
    pub(super) fn written(&self, place: Place) -> Written {
        let Some(source) = self.of(place) else { return Written { file: "".into(), line: 1 } };
        let before = source.text.get(..source.local(place).start).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count().saturating_add(1);
        Written { file: Arc::clone(&source.name), line }
    }
}
