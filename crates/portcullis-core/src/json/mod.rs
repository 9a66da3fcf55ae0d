//! JSON as strictly as a security decision needs it.
//!
//! RFC 8259 leaves open what a repeated member means, and parsers differ. Whatever Portcullis decides
//! on must read the same everywhere, so a repeated member at any depth, a lone surrogate, a number
//! that does not fit, a byte order mark or bytes behind the value are refused by name, never resolved.
//!
//! * `walk` – checks a value and forgets it, for request bodies of megabytes
//! * `document` – keeps what it read in one piece, for tokens, JWKS and metadata
//! * `outline` – says where things stand, for those who change one of them
//! * `names` – what tells a repeated member, for all

mod document;
mod names;
mod outline;
mod walk;

#[cfg(test)]
mod tests;

use std::cell::Cell;

use serde::de::DeserializeSeed as _;

pub(crate) use self::document::{At, Document, Item};
pub(crate) use self::names::{Names, Note, Text};
pub use self::outline::{LookAlike, Outline, Place};
pub(crate) use self::walk::{Items, MAX_ITEMS, Peek, ReadObject, Shape, Skip, Walk};

/// Deeper nesting than this is refused. No MCP message or JOSE document comes near it.
pub const MAX_DEPTH: u8 = 64;

/// How `serde_json` hands numbers over as maps where some crate in the tree turns its feature
/// `arbitrary_precision` on. Our rules for numbers would not see them, so they are refused instead.
const NUMBER_AS_MAP: &str = "$serde_json::private::Number";

/// Why a text is not the one JSON value everybody would read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// A UTF-8, UTF-16 or UTF-32 byte order mark, or another encoding recognised by its zero bytes.
    #[error("not plain UTF-8: byte order mark or another encoding")]
    Encoding,
    /// A byte sequence that is not UTF-8 (compressed bodies end here too).
    #[error("not UTF-8")]
    InvalidUtf8,
    /// Longer than any document that is kept (16 MiB).
    #[error("too long for a document")]
    TooLong,
    /// Not JSON by RFC 8259.
    #[error("not JSON")]
    Syntax,
    /// Something stands behind the value: a second document, a comment, a NUL.
    #[error("bytes after the JSON value")]
    TrailingBytes,
    /// Two members of one object have the same name once escapes are resolved.
    #[error("a member name stands twice in one object")]
    DuplicateMember,
    /// Nesting deeper than [`MAX_DEPTH`].
    #[error("nested too deeply")]
    TooDeep,
    /// A `\u` escape that is half of a surrogate pair; parsers replace, keep or refuse it.
    #[error("half of a surrogate pair")]
    LoneSurrogate,
    /// A number no double can hold, such as `1e400`.
    #[error("a number out of range")]
    NumberOutOfRange,
    /// An object was expected here and something else stands.
    #[error("not a JSON object")]
    NotAnObject,
}

/// Refuses encodings that a lenient parser would guess at.
pub(crate) fn not_foreign(bytes: &[u8]) -> Result<(), Flaw> {
    // JSON text starts with an ASCII character, so a zero among the first two bytes is UTF-16 or -32.
    let foreign = matches!(bytes, [0xEF, 0xBB, 0xBF, ..] | [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..])
        || matches!(bytes, [0, ..] | [_, 0, ..]);
    if foreign { Err(Flaw::Encoding) } else { Ok(()) }
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Flaw> {
    not_foreign(bytes)?;
    std::str::from_utf8(bytes).map_err(|_| Flaw::InvalidUtf8)
}

/// The integer, where it is the same to readers that have doubles only (RFC 8259 section 6).
pub(crate) fn exact(number: i128) -> Option<i64> {
    i64::try_from(number).ok().filter(|number| number.unsigned_abs() < 1 << 53)
}

/// Whether the bytes are one JSON value that every parser reads alike.
pub fn check(bytes: &[u8]) -> Result<(), Flaw> {
    strictly(text(bytes)?, |de, flaw| Walk::new(flaw).deserialize(de))
}

/// Runs one strict deserialization over the whole of `text`.
///
/// `read` gets the deserializer and the cell in which [`Walk`] leaves the name of what it refuses; the
/// error of serde has no room for it.
pub(crate) fn strictly<'de, T>(
    text: &'de str,
    read: impl FnOnce(
        &mut serde_json::Deserializer<serde_json::de::StrRead<'de>>,
        &Cell<Option<Flaw>>,
    ) -> serde_json::Result<T>,
) -> Result<T, Flaw> {
    let flaw = Cell::new(None);
    let mut de = serde_json::Deserializer::from_str(text);
    let value = read(&mut de, &flaw).map_err(|e| flaw.get().unwrap_or_else(|| classify(&e)))?;
    de.end().map_err(|_| Flaw::TrailingBytes)?;
    Ok(value)
}

/// `serde_json` tells its syntax errors apart in words only. Where the wording should change, a test
/// fails and the answer becomes the coarser [`Flaw::Syntax`]; nothing is let through.
fn classify(error: &serde_json::Error) -> Flaw {
    let words = error.to_string();
    if words.starts_with("lone leading surrogate") || words.starts_with("unexpected end of hex") {
        Flaw::LoneSurrogate
    } else if words.starts_with("number out of range") {
        Flaw::NumberOutOfRange
    } else {
        Flaw::Syntax
    }
}
