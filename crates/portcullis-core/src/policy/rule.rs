//! One rule, as an operator writes it.

use super::condition::{ArgumentPattern, Condition, Given};
use super::pattern::{BadPattern, Language, Pattern, Text};
use crate::operation::{Method, NOTIFICATIONS};
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
    text: String,
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
    /// A name behind a method that takes none, or a method that is misspelled.
    #[error(
        "{text:?}: only tools/call, prompts/get and resources/read are followed by a name or URI; any other \
         method stands alone"
    )]
    NoTarget {
        /// The entry.
        text: String,
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
    /// A pattern over an argument is malformed.
    #[error("args.{name}: {text:?}: {bad}")]
    Argument {
        /// The argument.
        name: String,
        /// The pattern.
        text: String,
        /// What is wrong with it.
        bad: BadPattern,
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
            return Err(BadRule::NoArguments { text: other.text.clone() });
        }
        let mut condition = Condition::new(name);
        for pattern in patterns {
            let pattern = pattern.into();
            let named =
                |bad| BadRule::Argument { name: name.to_owned(), text: pattern.to_string(), bad };
            condition.accept(pattern).map_err(named)?;
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
    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What its pattern was written as.
    pub(super) fn target(&self) -> &str {
        self.text.split_once(' ').map_or(&self.text, |(_, target)| target)
    }

    fn parse(text: &str) -> Result<Allow, BadRule> {
        let compile = |pattern, language| {
            Pattern::compile(pattern, language)
                .map_err(|bad| BadRule::Pattern { text: text.to_owned(), bad })
        };
        let (kind, pattern) = match text.split_once(' ') {
            None => (Kind::Method, Self::method(text, compile(text, Language::Name)?)?),
            Some((method, target)) => {
                let row = TARGETED.into_iter().find(|row| row.0 == method);
                let (_, kind, language) = row.ok_or_else(|| Self::no_target(text, method))?;
                (kind, compile(target, language)?)
            }
        };
        Ok(Allow { text: text.to_owned(), kind, pattern })
    }

    /// A pattern over methods must not seem to say something about those it has no say in.
    fn method(text: &str, pattern: Pattern) -> Result<Pattern, BadRule> {
        let known = Method::named()
            .find(|method| pattern.matches(&Text::name(method.as_str()), 0))
            .or_else(|| pattern.can_begin(NOTIFICATIONS).then_some(Method::Notification));
        match known {
            None => Ok(pattern),
            Some(_) if TARGETED.iter().any(|row| row.0 == text) => {
                Err(BadRule::TargetMissing { text: text.to_owned() })
            }
            Some(known) => Err(Self::no_say(text, known)),
        }
    }

    /// Why this method is not followed by a target.
    fn no_target(text: &str, method: &str) -> BadRule {
        if BadPattern::is_exclusion(text) {
            return BadRule::Pattern { text: text.to_owned(), bad: BadPattern::Exclusion };
        }
        match Method::from_name(method) {
            Method::Other => BadRule::NoTarget { text: text.to_owned() },
            known => Self::no_say(text, known),
        }
    }

    /// Why no entry names this method.
    fn no_say(text: &str, known: Method) -> BadRule {
        let (text, method) = (text.to_owned(), known.as_str());
        match instead(known) {
            Some(instead) => BadRule::Governed { text, method, instead },
            None => BadRule::NeedsNoRule { text, method },
        }
    }
}

/// The entries that govern a method's targets.
fn instead(method: Method) -> Option<&'static str> {
    match method {
        Method::ToolsCall => Some("tools/call NAME"),
        Method::PromptsGet => Some("prompts/get NAME"),
        Method::CompletionComplete => Some("prompts/get NAME or resources/read URI"),
        Method::ResourcesRead
        | Method::ResourcesSubscribe
        | Method::ResourcesUnsubscribe
        | Method::SubscriptionsListen => Some("resources/read URI"),
        _ => None,
    }
}
