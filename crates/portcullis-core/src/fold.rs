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
    use super::alike;

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
}
