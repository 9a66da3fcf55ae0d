//! Which texts are judged here as JWTs, and which the issuer is asked about.

use memchr::memchr_iter;

/// Whether a text has the looks of a signed JWT: three parts or more, the first of which starts a JSON
/// object.
///
/// What looks like one is judged here and nowhere else. It is asked of the first part alone, and that is
/// read as leniently as any decoder does: a text that is refused here for a character too many, and
/// that the issuer's introspection would take, must not get there, or every token that is refused
/// here had a second chance. Refusing is left to [`super::Unverified::of`].
///
/// Parts that follow the three, or nothing behind another dot, do not make it opaque. Only the five of
/// an encrypted token (RFC 7516 section 7.1), whose header says how, do: nobody but the issuer can read
/// those.
pub fn looks_like_jwt(text: &str) -> bool {
    let parts = memchr_iter(b'.', text.as_bytes()).count() + 1;
    let (first, _) = text.split_once('.').unwrap_or((text, ""));
    let first_octet = octets(first, |_| None).find(|octet| !octet.is_ascii_whitespace());
    parts >= 3 && first_octet == Some(b'{') && !(parts == 5 && is_encrypted(text, first))
}

/// `enc` is in every header of an encrypted token (RFC 7516 section 4.1.2) and says nothing in others.
fn is_encrypted(text: &str, header: &str) -> bool {
    // Honest headers have all of the alphabet.
    let octets = octets(header, |byte| match byte {
        b'-' | b'+' => Some(62),
        b'_' | b'/' => Some(63),
        _ => None,
    });
    let header: Vec<u8> = octets.collect();
    let says_how = header.windows(5).any(|member| member == b"\"enc\"");
    says_how && text.rsplit('.').next().is_some_and(holds_base64url)
}

/// An authentication tag, which the last part of an encrypted token is, is never empty.
fn holds_base64url(part: &str) -> bool {
    part.bytes().any(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What the most lenient decoder finds, with `rest` for what is no letter and no digit.
///
/// Decoders drop what is not in their alphabet, padding among it, and disagree on the last two
/// characters of theirs (`-` and `_`, or `+` and `/`). Those are dropped here as well: no text of white
/// space, a brace and what JSON lets follow it needs them up to the brace, so whoever reads them reads
/// no object. Bits left over at the end are ignored.
fn octets(part: &str, rest: impl Fn(u8) -> Option<u8>) -> impl Iterator<Item = u8> {
    let (mut bits, mut have) = (0_u32, 0);
    part.bytes().filter_map(move |byte| {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            other => rest(other)?,
        };
        bits = (bits << 6) | u32::from(value);
        have += 6;
        if have < 8 {
            return None;
        }
        have -= 8;
        let [octet, ..] = (bits >> have).to_le_bytes();
        Some(octet)
    })
}
