//! Which rules have a pattern that matches, without looking at those that do not.
//!
//! A trie over the bytes before each pattern's first star: one walk along the name meets every rule
//! that could match it, so that a thousand rules cost what ten do.

use super::pattern::{Pattern, Text};

/// The patterns of one kind of target.
#[derive(Clone, Debug)]
pub(super) struct Index {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Next byte and node, sorted by byte.
    next: Vec<(u8, usize)>,
    /// Rules with a pattern that ends here.
    exact: Vec<usize>,
    /// Rules with a pattern that goes on with a star here.
    open: Vec<(Pattern, usize)>,
}

impl Default for Index {
    fn default() -> Self {
        Index { nodes: vec![Node::default()] }
    }
}

impl Index {
    pub(super) fn insert(&mut self, pattern: &Pattern, rule: usize) {
        let mut at = 0;
        for byte in pattern.literal_prefix() {
            at = self.child(at, byte);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            match pattern.after_prefix() {
                None => node.exact.push(rule),
                Some(rest) => node.open.push((rest, rule)),
            }
        }
    }

    /// The node behind `byte`, made where it is missing.
    fn child(&mut self, at: usize, byte: u8) -> usize {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        match node.next.binary_search_by_key(&byte, |(byte, _)| *byte) {
            Ok(found) => node.next.get(found).map_or(at, |(_, child)| *child),
            Err(gap) => {
                node.next.insert(gap, (byte, new));
                self.nodes.push(Node::default());
                new
            }
        }
    }

    /// The rules with a pattern that matches the text, ascending and each once.
    pub(super) fn rules(&self, text: &Text<'_>) -> Vec<usize> {
        let mut rules = Vec::new();
        let mut node = self.nodes.first();
        for at in 0.. {
            let Some(here) = node else { break };
            let open = here.open.iter().filter(|(pattern, _)| pattern.matches(text, at));
            rules.extend(open.map(|(_, rule)| *rule));
            let Some(byte) = text.as_str().as_bytes().get(at) else {
                rules.extend(&here.exact);
                break;
            };
            let next = here.next.binary_search_by_key(byte, |(byte, _)| *byte).ok();
            node = next
                .and_then(|found| here.next.get(found))
                .and_then(|(_, child)| self.nodes.get(*child));
        }
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}
