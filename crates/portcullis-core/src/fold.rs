//! Names that a lenient parser takes for one another.
//!
//! Go's `encoding/json` matches member names by Unicode case folding, protobuf takes snake case for
//! camel case, configuration-minded parsers drop dashes, and C ends a string at its first NUL. Two
//! names are alike when nothing but such differences separates them.

/// Whether `name` is not `reserved` yet could be read as it.
pub(crate) fn alike(reserved: &str, name: &str) -> bool {
    // A reader with C strings hears nothing behind a NUL.
    let heard = name.split('\0').next().unwrap_or(name);
    name != reserved && (same(reserved, name) || same(reserved, heard))
}

/// [`alike`] for a member name as it was read. One that has no escapes has no NUL either: JSON knows no
/// other way to write it.
pub(crate) fn alike_as_read(reserved: &str, name: &str, has_escapes: bool) -> bool {
    if has_escapes { alike(reserved, name) } else { same(reserved, name) && name != reserved }
}

/// Names that others could be taken for, folded once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Each with its folded form, sorted by that.
    names: Vec<(String, String)>,
    /// Letters of the longest folded form.
    longest: usize,
}

impl<'n> FromIterator<&'n str> for Wanted {
    fn from_iter<I: IntoIterator<Item = &'n str>>(names: I) -> Self {
        let fold = |name: &str| (folded(name).collect::<String>(), name.to_owned());
        let mut names: Vec<_> = names.into_iter().map(fold).collect();
        names.sort_unstable();
        names.dedup();
        let longest = names.iter().map(|(folded, _)| folded.chars().count()).max();
        Wanted { names, longest: longest.unwrap_or_default() }
    }
}

impl Wanted {
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|(_, known)| known == name)
    }

    /// The wanted names that the name could be read as ([`alike_as_read`]).
    pub(crate) fn alike(&self, name: &str, has_escapes: bool) -> Vec<&str> {
        let heard = if has_escapes { name.split('\0').next() } else { None };
        let mut alike = self.folding_to(name);
        alike.extend(heard.into_iter().flat_map(|heard| self.folding_to(heard)));
        alike.retain(|known| *known != name);
        alike
    }

    fn folding_to(&self, name: &str) -> Vec<&str> {
        // A letter more than any has is enough to tell.
        let name: String = folded(name).take(self.longest.saturating_add(1)).collect();
        let from = self.names.partition_point(|(folded, _)| *folded < name);
        let rest = self.names.get(from..).unwrap_or_default();
        rest.iter().take_while(|(folded, _)| *folded == name).map(|(_, known)| &**known).collect()
    }
}

fn same(reserved: &str, name: &str) -> bool {
    // Nearly all names end in different letters, which settles it.
    if let (Some(ours), Some(theirs)) = (reserved.bytes().next_back(), name.bytes().next_back())
        && (ours.is_ascii_alphanumeric() && theirs.is_ascii_alphanumeric())
        && !ours.eq_ignore_ascii_case(&theirs)
    {
        return false;
    }
    if reserved.is_ascii() && name.is_ascii() {
        ascii_folded(reserved).eq(ascii_folded(name))
    } else {
        folded(reserved).eq(folded(name))
    }
}

/// Last letter first: names that are compared often begin alike (`io.modelcontextprotocol/`).
fn ascii_folded(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
}

/// Letters and digits, folded the way of the widest reader: lower, upper, lower again, so that
/// U+017F LATIN SMALL LETTER LONG S is `s` and U+212A KELVIN SIGN is `k`.
fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::{Wanted, alike, alike_as_read};

    #[test]
    fn case_separators_and_folding_make_names_alike() {
        for name in ["Name", "NAME", "n_ame", "na-me", " name", "name\u{0}", "nam\u{65}\u{301}"] {
            assert!(alike("name", name), "{name:?}");
        }
        assert!(alike("params", "param\u{17f}"));
        assert!(alike("taskId", "task_id"));
        assert!(alike("taskId", "tas\u{212a}Id"));
        assert!(alike("_meta", "meta"));
        assert!(alike("uri", "ur\u{131}"), "dotless i folds to I and then to i");
    }

    #[test]
    fn what_stands_behind_a_nul_does_not_count() {
        for name in ["name\0", "name\0x", "Name\0x", "na_me\0\0y", "\0name", "na\0me"] {
            assert!(alike("name", name), "{name:?}");
        }
        for name in ["nam\0ex", "\0nam", "names\0", "\0"] {
            assert!(!alike("name", name), "{name:?}");
        }
    }

    #[test]
    fn other_names_and_the_name_itself_are_not() {
        for name in ["name", "nam", "names", "nome", "", "\u{43d}ame"] {
            assert!(!alike("name", name), "{name:?}");
        }
    }

    #[test]
    fn many_names_at_once_are_what_each_is_alone() {
        let names = [
            "path",
            "Path",
            "pa_th",
            "path\0x",
            "path\0",
            "PATH\0",
            "p\0ath",
            "pathx",
            "pat",
            "",
            "\0",
            "_",
            "\u{17f}ize",
            "size",
            "SIZE",
            "gr\u{f6}\u{df}e",
            "gr\u{d6}SSe",
            "stra\u{df}e",
        ];
        for wanted in [&names[..], &["path"], &["path", "Path"], &["size", "_", ""], &[]] {
            let folded: Wanted = wanted.iter().copied().collect();
            for name in names {
                for has_escapes in [false, true] {
                    let mut alone: Vec<&str> = wanted.to_vec();
                    alone.retain(|wanted| alike_as_read(wanted, name, has_escapes));
                    let mut together = folded.alike(name, has_escapes);
                    alone.sort_unstable();
                    together.sort_unstable();
                    together.dedup();
                    assert_eq!(together, alone, "{name:?} {has_escapes}");
                    assert_eq!(folded.contains(name), wanted.contains(&name));
                }
            }
        }
    }
}
