//! Entries that ask for something in vain, since another rule allows the same for less.
//!
//! Rules add up, and none takes anything back: beside `tools/call *`, a rule that asks for a scope for
//! `tools/call delete_*` looks like a restriction and is none. What is found here is without effect on any
//! caller, whatever tokens there are. Rules whose patterns overlap, or that ask for other scopes rather than
//! for more, are left alone: they may be meant.

use super::pattern::Text;
use super::rule::{Allow, Kind};
use super::{BadPolicy, Compiled, Policy, RulePlace};

impl Policy {
    /// Refuses entries that ask for something in vain.
    pub(super) fn refuse_vain(self) -> Result<Policy, BadPolicy> {
        for (place, compiled) in self.rules.iter().enumerate() {
            for allow in &compiled.rule.allow {
                let vain = |by: &usize| {
                    let other = self.rules.get(*by);
                    other.is_some_and(|by| self.gives(by, compiled) && !self.gives(compiled, by))
                };
                if let Some(by) = self.covering(allow).into_iter().find(vain) {
                    let entry = allow.text().to_owned();
                    let (rule, by) = (RulePlace(place), RulePlace(by));
                    return Err(BadPolicy::InVain { rule, entry, by });
                }
            }
        }
        Ok(self)
    }

    /// Whether whoever `to` admits is admitted by `by` as well, with whatever arguments.
    fn gives(&self, by: &Compiled, to: &Compiled) -> bool {
        let held = self.vocabulary.grants(&self.base_scopes.union(&to.rule.scopes), &[]);
        let has_role = || {
            let asked = !to.rule.roles.is_empty();
            by.roles_met(&held) || (asked && by.roles.contains_all(&to.roles))
        };
        by.rule.args.is_empty() && held.scopes.contains_all(&by.scopes) && has_role()
    }

    /// The rules with an entry that matches whatever this one does.
    fn covering(&self, allow: &Allow) -> Vec<usize> {
        let index = match allow.kind {
            Kind::Tool => &self.tools,
            Kind::Prompt => &self.prompts,
            Kind::Method => &self.methods,
            // What a star matches in a URI depends on what stands around it, so only the same text is sure.
            Kind::Resource => {
                let is_same = |other: &Allow| other.text() == allow.text();
                let rules = self.rules.iter().enumerate();
                let same = rules.filter(|(_, other)| other.rule.allow.iter().any(is_same));
                return same.map(|(place, _)| place).collect();
            }
        };
        // In names a star matches anything, a star too. So a pattern that matches the text of another matches
        // whatever that one does: only a star of its own can have met the other's.
        index.rules(&Text::name(allow.target()))
    }
}
