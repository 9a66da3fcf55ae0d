//! One rule, as an operator writes it.

use super::condition::{ArgumentPattern, Condition, Given};
use super::pattern::{BadPattern, Language, Pattern, Text};
use crate::operation::{Class, Method};
use crate::scope::{Role, ScopeSet};

/// Allows what its patterns match, to callers with all its scopes and any of its roles.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) allow: Vec<Allow>,
    pub(super) scopes: ScopeSet,
    pub(super) roles: Vec<Role>,
    pub(super) args: Vec<Condition>,
}

/// One entry of a rule's `allow`.
#[derive(Clone, Debug)]
pub(super) struct Allow {
    pub(super) kind: Kind,
    pub(super) pattern: Pattern,
}

/// What a pattern is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tool,
    Prompt,
    Resource,
    Method,
}

impl Kind {
    fn has_arguments(self) -> bool {
        matches!(self, Kind::Tool | Kind::Prompt)
    }

    fn title(self) -> &'static str {
        match self {
            Kind::Tool => "tools/call",
            Kind::Prompt => "prompts/get",
            Kind::Resource => "resources/read",
            Kind::Method => "a method",
        }
    }
}

/// Why a rule is refused when it is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRule {
    /// `allow` is empty, so the rule would say nothing.
    #[error("allow is empty: name at least one pattern, such as \"tools/call read_*\"")]
    NothingAllowed,
    /// The pattern is malformed.
    #[error("{text:?}: {bad}")]
    Pattern {
        /// The entry.
        text: String,
        /// What is wrong with it.
        bad: BadPattern,
    },
    /// A method that is aimed at something, without the something.
    #[error("{text:?}: say of what, such as \"{text} *\"")]
    TargetMissing {
        /// The entry.
        text: String,
    },
    /// A pattern for a method whose targets other entries govern.
    #[error("{text:?}: {method} is governed by \"{instead}\" entries")]
    Governed {
        /// The entry.
        text: String,
        /// The method.
        method: &'static str,
        /// The entries that govern it.
        instead: &'static str,
    },
    /// A pattern for a method that needs no rule, where a reader would think it was narrowed.
    #[error("{text:?}: {method} needs no rule, a token with base_scopes suffices; none narrows it")]
    NeedsNoRule {
        /// The entry.
        text: String,
        /// The method.
        method: &'static str,
    },
    /// `args` beside an entry that has no arguments.
    #[error("args narrow \"tools/call\" and \"prompts/get\" entries only, not {text:?}")]
    NoArguments {
        /// The entry.
        text: String,
    },
    /// An argument without patterns matches nothing.
    #[error("args.{name} is empty and would match nothing")]
    EmptyCondition {
        /// The argument.
        name: String,
    },
}

const TARGETED: [(&str, Kind, Language); 3] = [
    ("tools/call", Kind::Tool, Language::Name),
    ("prompts/get", Kind::Prompt, Language::Name),
    ("resources/read", Kind::Resource, Language::Uri),
];

/// What every notification begins with; those are open to everybody with a token.
const NOTIFICATIONS: &str = "notifications/";

impl Rule {
    /// A rule that allows what the entries match, to everybody with a valid token and the base scopes.
    ///
    /// Entries are `tools/call NAME`, `prompts/get NAME`, `resources/read URI` or a method that no
    /// revision defines.
    pub fn allow<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Rule, BadRule> {
        let allow = entries.into_iter().map(Allow::parse).collect::<Result<Vec<_>, _>>()?;
        if allow.is_empty() {
            return Err(BadRule::NothingAllowed);
        }
        Ok(Rule { allow, scopes: ScopeSet::default(), roles: Vec::new(), args: Vec::new() })
    }

    /// Only to callers who hold all these scopes.
    #[must_use]
    pub fn scopes(mut self, scopes: ScopeSet) -> Rule {
        self.scopes = scopes;
        self
    }

    /// Only to callers who have any of these roles.
    #[must_use]
    pub fn roles(mut self, roles: impl IntoIterator<Item = Role>) -> Rule {
        self.roles = roles.into_iter().collect();
        self
    }

    /// Only where the argument is there and matches any of the patterns; of an array, every item.
    ///
    /// Of strings `*` does not cross a slash and `**` does; a pattern with `://` is a URI pattern, as those
    /// of `resources/read` are. Values with control characters never match, nor do those with dot segments
    /// or disguises of them, but under `*` alone and where they are written out.
    pub fn arg<'a, P: Into<ArgumentPattern<'a>>>(
        mut self,
        name: &str,
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Rule, BadRule> {
        if let Some(other) = self.allow.iter().find(|allow| !allow.kind.has_arguments()) {
            return Err(BadRule::NoArguments { text: other.kind.title().to_owned() });
        }
        let mut condition = Condition::new(name);
        for pattern in patterns {
            let pattern = pattern.into();
            condition
                .accept(pattern)
                .map_err(|bad| BadRule::Pattern { text: pattern.to_string(), bad })?;
        }
        if condition.is_empty() {
            return Err(BadRule::EmptyCondition { name: name.to_owned() });
        }
        self.args.push(condition);
        Ok(self)
    }

    /// The names of the arguments it looks at.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.args.iter().map(|condition| &*condition.name)
    }

    /// Whether every condition on arguments is met.
    pub(super) fn accepts(&self, given: &Given<'_>) -> bool {
        self.args.iter().all(|condition| condition.is_met(given))
    }
}

impl Allow {
    fn parse(text: &str) -> Result<Allow, BadRule> {
        let owned = || text.to_owned();
        let compile = |pattern, language| {
            Pattern::compile(pattern, language)
                .map_err(|bad| BadRule::Pattern { text: owned(), bad })
        };
        let Some((method, target)) = text.split_once(' ') else {
            return Ok(Allow {
                kind: Kind::Method,
                pattern: Self::method(text, compile(text, Language::Name)?)?,
            });
        };
        match TARGETED.into_iter().find(|row| row.0 == method) {
            Some((_, kind, language)) => Ok(Allow { kind, pattern: compile(target, language)? }),
            None => match Method::from_name(method).class() {
                Class::Target => Err(BadRule::Governed {
                    text: owned(),
                    method: Method::from_name(method).as_str(),
                    instead: instead(method),
                }),
                _ => Err(BadRule::Pattern { text: owned(), bad: BadPattern::Characters }),
            },
        }
    }

    /// A pattern over methods must not seem to say something about those it has no say in.
    fn method(text: &str, pattern: Pattern) -> Result<Pattern, BadRule> {
        let known = Method::named()
            .find(|method| pattern.matches(&Text::name(method.as_str()), 0))
            .or_else(|| pattern.can_begin(NOTIFICATIONS).then_some(Method::Notification));
        let Some(known) = known else { return Ok(pattern) };
        let (text, method) = (text.to_owned(), known.as_str());
        Err(match known.class() {
            Class::Target if TARGETED.iter().any(|row| row.0 == text) => {
                BadRule::TargetMissing { text }
            }
            Class::Target => BadRule::Governed { text, method, instead: instead(method) },
            Class::Open | Class::Base | Class::Method => BadRule::NeedsNoRule { text, method },
        })
    }
}

/// The entries that govern a method's targets.
fn instead(method: &str) -> &'static str {
    match Method::from_name(method) {
        Method::ToolsCall => "tools/call NAME",
        Method::PromptsGet => "prompts/get NAME",
        Method::CompletionComplete => "prompts/get NAME or resources/read URI",
        _ => "resources/read URI",
    }
}
