//! A reader of JSON-RPC bodies that reads every way.
//!
//! Portcullis decides on one reading of a body and sends the bytes on as they came. The server behind
//! it has a parser of its own: one takes the first of two members, another the last; one folds case,
//! another ends strings at a NUL or reads a second document. [`readings`] gives what each of them
//! would do. A body that was let through must have one reading, and that the one it was judged by.
//!
//! * `parse` – a tree that keeps whatever parsers disagree about
//! * `manner` – how parsers understand names, repetition, strings and types
//! * `read` – what a message is by each manner
//! * `arguments` – what it hands to a tool
//!
//! Left out is a reader that takes valid UTF-8 for another character set: it misreads letters, not
//! structure. So is one that looks for a name anywhere in the text.
//!
//! This shares nothing with `portcullis-core`: not its parser, its folding nor its table of methods.

mod arguments;
mod manner;
mod parse;
mod read;

pub use self::read::{Aim, METHODS};

/// A method, and the names, URIs and ids it is aimed at, in order.
pub type Call = (String, Vec<String>);

/// The arguments of one call by name, as text; one name several times where the value is an array.
pub type Arguments = Vec<(String, String)>;

/// What one kind of server does with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Which kind, in words.
    pub how: String,
    /// What it does; never empty.
    pub calls: Vec<Call>,
    /// What it hands to the tool or prompt, for each of the calls. Names are folded where this kind
    /// folds them; what is no scalar, or no array of some, is left out.
    pub arguments: Vec<Arguments>,
    /// This kind compares names without resolving escapes, so it may find fewer members than others.
    pub misses_escaped_names: bool,
}

impl Reading {
    /// Whether this is `judged` and nothing else, or less of it where the reader may miss members.
    pub fn is_covered_by(&self, judged: &[Call]) -> bool {
        if !self.misses_escaped_names {
            return self.calls == judged;
        }
        // What is missed leaves the order alone.
        let mut judged = judged.iter();
        self.calls.iter().all(|(method, targets)| {
            judged.by_ref().any(|(judged_method, judged_targets)| {
                let mut rest = judged_targets.iter();
                method == judged_method
                    && targets.iter().all(|target| rest.any(|judged| judged == target))
            })
        })
    }
}

/// Every reading of a body that does something, each once, the most usual reader first.
pub fn readings(body: &[u8]) -> Vec<Reading> {
    let manners = manner::manners();
    let mut readings: Vec<Reading> = Vec::new();
    for (charset, text) in parse::texts(body) {
        let documents = parse::documents(&text);
        let count = documents.len();
        for manner in &manners {
            // Of several documents one parser takes the first, another the last.
            for (index, document) in documents.iter().enumerate() {
                let (calls, arguments): (Vec<_>, Vec<_>) =
                    manner.calls(document).into_iter().unzip();
                let misses_escaped_names = manner.misses_escaped_names();
                let is_known = readings.iter().any(|known| {
                    known.calls == calls
                        && known.arguments == arguments
                        && known.misses_escaped_names <= misses_escaped_names
                });
                if !calls.is_empty() && !is_known {
                    let how = format!("{charset}, document {} of {count}, {manner}", index + 1);
                    readings.push(Reading { how, calls, arguments, misses_escaped_names });
                }
            }
        }
    }
    readings
}

#[cfg(test)]
mod tests;
