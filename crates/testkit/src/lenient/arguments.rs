//! What a server would hand to a tool or a prompt, by the manners of its parser.

use std::borrow::Cow;

use super::Arguments;
use super::manner::{Manner, Names, Strings, Twice, Types};
use super::parse::{Node, Text};
use super::read::{folded, loose};

impl Manner {
    /// The arguments among the `params` of a call: texts, and words as they are written. Of an array
    /// each item is one; what is nested deeper, or has no name, is nothing a name leads to.
    pub(super) fn arguments(self, params: &Node) -> Arguments {
        let mut found = Arguments::new();
        if let Some(arguments) = self.member(params, "arguments", 1) {
            self.gather(&arguments, &mut found);
        }
        found
    }

    fn gather(self, arguments: &Node, found: &mut Arguments) {
        let Node::Object(members) = arguments else { return };
        let mut names: Vec<String> = Vec::new();
        for (written, _) in members {
            let name = self.argument_name(written);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        // What is inherited does not count beside what is there.
        names.retain(|name| found.iter().all(|(known, _)| known != name));
        for name in names {
            let mut alike =
                members.iter().filter(|(written, _)| self.argument_name(written) == name);
            let counts = match self.twice {
                Twice::First => alike.next(),
                // Scalars do not merge.
                Twice::Last | Twice::Merged => alike.next_back(),
            };
            for value in counts.into_iter().flat_map(|(_, node)| self.values(node)) {
                found.push((name.clone(), value));
            }
        }
        if self.types == Types::Inherited {
            let prototype = members.iter().find(|(name, _)| name.replaced == "__proto__");
            if let Some((_, inherited)) = prototype {
                self.gather(inherited, found);
            }
        }
    }

    /// The name by which a tool knows an argument: folded where the reader folds, so that all that
    /// stands for one is one.
    fn argument_name(self, written: &Text) -> String {
        let name = match self.names {
            Names::Raw => Cow::Borrowed(&*written.raw),
            _ => self.string(written),
        };
        match self.names {
            Names::Exact | Names::Raw => name.into_owned(),
            Names::AsciiCase => name.to_ascii_lowercase(),
            Names::UnicodeCase => name.chars().map(folded).collect(),
            Names::Loose => loose(&name).collect(),
        }
    }

    fn values(self, node: &Node) -> Vec<String> {
        match node {
            Node::Text(text) => vec![self.string(text).into_owned()],
            Node::Word(word) => vec![self.word(word)],
            Node::Array(items) => items.iter().filter_map(|item| self.scalar(item)).collect(),
            Node::Object(members) if self.types == Types::Coerced => {
                members.iter().filter_map(|(_, item)| self.scalar(item)).collect()
            }
            Node::Object(_) => Vec::new(),
        }
    }

    fn scalar(self, node: &Node) -> Option<String> {
        match node {
            Node::Text(text) => Some(self.string(text).into_owned()),
            Node::Word(word) => Some(self.word(word)),
            Node::Array(_) | Node::Object(_) => None,
        }
    }

    /// In JavaScript every number is a double, and C++ often does the same.
    fn word(self, word: &str) -> String {
        let is_double = self.types == Types::Inherited || self.strings == Strings::Cut;
        let begins = word.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        match word.parse::<f64>() {
            // Without its sign, as JavaScript shows it.
            Ok(0.0) if is_double && begins => "0".to_owned(),
            Ok(double) if is_double && begins => double.to_string(),
            _ => word.to_owned(),
        }
    }
}
