//! What is wrong with a configuration, where, and the way out.
//!
//! All that is wrong is found before anything is said, so that an operator mends a file once. A problem shows
//! the line it is about, and never what a secret on that line holds.
//!
//! * `wrong` – every way in which a configuration can be wrong, in words; `value` – those of a text alone
//! * `excerpt` – the line, without secrets
//! * `render` – as people read it

mod excerpt;
mod render;
mod value;
mod wrong;

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;

use self::excerpt::Excerpt;
pub(super) use self::excerpt::MASK;
pub(super) use self::value::BadValue;
pub(super) use self::wrong::Wrong;
use super::source::{Kind, Node, Place, Sources};

/// A configuration that cannot be used. Shown with the lines that it is about.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It can, and this is wrong: at least one problem, in order of the files.
    Wrong(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What, and the way out. Never a secret.
    pub message: String,
    excerpts: Vec<Excerpt>,
}

impl Problem {
    /// Where: the file as it was named, line and column, both counted from 1.
    pub fn place(&self) -> Option<(&str, usize, usize)> {
        let excerpt = self.excerpts.first()?;
        Some((&excerpt.file, excerpt.line, excerpt.column))
    }
}

/// `FILE:LINE:COLUMN: MESSAGE`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line, column)) = self.place() {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// What has been found so far, by whoever reads.
#[derive(Default)]
pub(super) struct Findings {
    found: RefCell<Vec<Found>>,
    /// Where secrets stand, and what may be one.
    masks: RefCell<Vec<Place>>,
}

struct Found {
    place: Place,
    /// The table or key, as `servers.files`; empty for the whole.
    path: String,
    wrong: Wrong,
    /// What else has to do with it.
    also: Option<(Place, &'static str)>,
}

/// More problems than this are not read by anybody.
const MAX_PROBLEMS: usize = 100;

impl Findings {
    pub(super) fn report(&self, place: Place, path: &str, wrong: Wrong) {
        self.push(Found { place, path: path.to_owned(), wrong, also: None });
    }

    /// With another place that has to do with it.
    pub(super) fn report_with(
        &self,
        place: Place,
        path: &str,
        wrong: Wrong,
        also: Place,
        why: &'static str,
    ) {
        self.push(Found { place, path: path.to_owned(), wrong, also: Some((also, why)) });
    }

    fn push(&self, found: Found) {
        self.found.borrow_mut().push(found);
    }

    /// A text that is no TOML.
    pub(super) fn syntax(&self, place: Place, message: &str) {
        self.report(place, "", Wrong::Syntax(message.to_owned()));
    }

    pub(super) fn has_syntax(&self) -> bool {
        self.found.borrow().iter().any(|found| matches!(found.wrong, Wrong::Syntax(_)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Nobody is to see the values of this node.
    pub(super) fn mask(&self, node: &Node) {
        match &node.kind {
            Kind::Table(table) => table.entries.iter().for_each(|(_, node)| self.mask(node)),
            Kind::Array(items) => items.iter().for_each(|node| self.mask(node)),
            _ => self.masks.borrow_mut().push(node.place),
        }
    }

    /// What turned out to be no secret.
    pub(super) fn unmask(&self, place: Place) {
        self.masks.borrow_mut().retain(|mask| *mask != place);
    }

    /// Whether nobody is to see this value.
    pub(super) fn is_masked(&self, place: Place) -> bool {
        self.masks.borrow().contains(&place)
    }

    pub(super) fn take_masks(&self, other: &Findings) {
        self.masks.borrow_mut().append(&mut other.masks.borrow_mut());
    }

    /// Everything that was found, in order of the texts.
    pub(super) fn problems(self, sources: &Sources) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|found| found.place);
        found.truncate(10 * MAX_PROBLEMS);
        // Behind the first place where a line is no TOML, a parser only guesses.
        found.dedup_by(|later, first| {
            let is_syntax = |found: &Found| matches!(found.wrong, Wrong::Syntax(_));
            let line = |found: &Found| {
                sources.of(found.place).map(|s| (&s.name, sources.written(found.place).line))
            };
            is_syntax(later) && is_syntax(first) && line(later) == line(first)
        });
        found.truncate(MAX_PROBLEMS);
        let masks = self.masks.into_inner();
        let shown = |found: Found| {
            let variable = sources.of(found.place).filter(|source| source.is_variable);
            let origin = variable.map_or(String::new(), |source| {
                format!(" (by the variable {})", source.text.as_str())
            });
            let is_syntax = matches!(found.wrong, Wrong::Syntax(_));
            let excerpt = |place, label| Excerpt::of(sources, place, label, &masks, is_syntax);
            let also = found.also.and_then(|(place, why)| excerpt(place, Some(why)));
            let excerpts = excerpt(found.place, None).into_iter().chain(also).collect();

            let colon = if found.path.is_empty() { "" } else { ": " };
            let message = format!("{}{colon}{}{origin}", found.path, found.wrong);
            Problem { message: printable(&message), excerpts }
        };
        found.into_iter().map(shown).collect()
    }
}

/// For a terminal, which would obey control characters.
fn printable(message: &str) -> String {
    let spelled = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    message.chars().map(spelled).collect()
}
