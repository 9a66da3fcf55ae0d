//! The manners of parsers: how names, repetition, strings and types are understood.

use std::fmt;

/// One way to understand members, strings and types.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) names: Names,
    pub(super) twice: Twice,
    pub(super) strings: Strings,
    pub(super) types: Types,
}

/// Which member names stand for a reserved one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Names {
    Exact,
    AsciiCase,
    /// Go's `encoding/json`: simple folding, in which U+017F is `s` and U+212A is `k`.
    UnicodeCase,
    /// Case and separators do not count: snake, kebab and camel case are one.
    Loose,
    /// As written, escapes unresolved: simdjson's on-demand interface.
    Raw,
}

/// Which of several members of one name counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Twice {
    First,
    Last,
    /// Objects become one, as when Go reads twice into one structure; else the last.
    Merged,
}

/// What a string is, names included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Strings {
    Replaced,
    Kept,
    Dropped,
    /// C: a NUL ends it.
    Cut,
    Trimmed,
}

/// What stands for what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Types {
    AsWritten,
    /// Numbers are strings, a list of one is its item, one item is a list, an object is its values.
    Coerced,
    /// An array is the fields of a structure in order.
    Positional,
    /// JavaScript: what `__proto__` holds is inherited by an object that was assigned to.
    Inherited,
    /// What has a result or an error is an answer, whatever method it names.
    AnswersFirst,
    /// A reference is what its members make it, whatever its `type` says; URIs are tried first.
    UriFirst,
    NameFirst,
}

/// Every manner, the usual ones first.
pub(super) fn manners() -> Vec<Manner> {
    let mut all = Vec::new();
    for names in [Names::Exact, Names::AsciiCase, Names::UnicodeCase, Names::Loose, Names::Raw] {
        for twice in [Twice::Last, Twice::First, Twice::Merged] {
            let plain =
                Manner { names, twice, strings: Strings::Replaced, types: Types::AsWritten };
            all.push(plain);
            for strings in [Strings::Kept, Strings::Dropped, Strings::Cut, Strings::Trimmed] {
                all.push(Manner { strings, ..plain });
            }
            for types in [
                Types::Coerced,
                Types::Positional,
                Types::Inherited,
                Types::AnswersFirst,
                Types::UriFirst,
                Types::NameFirst,
            ] {
                // No engine with prototypes leaves escapes unresolved.
                if (names, types) != (Names::Raw, Types::Inherited) {
                    all.push(Manner { types, ..plain });
                }
            }
        }
    }
    all
}

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manner { names, twice, strings, types } = self;
        write!(f, "names {names:?}, twice {twice:?}, strings {strings:?}, types {types:?}")
    }
}
