//! Which texts mean the same to everybody.
//!
//! A rule is only as good as the agreement on what a path names. Where servers are known to disagree
//! (dot segments, their disguises, escapes of what separates) nothing matches, and nobody has to guess.

use std::borrow::Cow;

/// Whether a URI or path means to everybody what it spells, as far as single segments go: no dot segments
/// however disguised, no backslashes, no control characters, and no escapes but of ordinary characters.
///
/// Query and fragment are held to the same: a server that maps `?path=../x` is as easily misled.
pub(super) fn is_plain(text: &str) -> bool {
    let Some(read) = unescaped(text) else { return false };
    if read.chars().any(|c| c.is_control() || is_slash_in_disguise(c)) {
        return false;
    }
    !read.split(parts_segments).any(is_dot_segment)
}

/// `;` and `,` begin parameters of a segment, `:` ends a scheme, others part a query. The signs of the
/// yen and the won are backslashes in the code pages of Japan and Korea; they are left alone otherwise,
/// being good for prices.
fn parts_segments(c: char) -> bool {
    matches!(c, '/' | '?' | '#' | '&' | '=' | ';' | ':' | ',')
        || matches!(c, '\u{37e}' | '\u{ff1b}' | '\u{ff0c}')
        || matches!(c, '\u{a5}' | '\u{20a9}' | '\u{ffe5}' | '\u{ffe6}')
}

/// Whether a segment is empty for some reader: as it stands, or once its parameters, its blanks or what
/// is invisible in it are gone.
pub(super) fn is_hollow(segment: &str) -> bool {
    let name = segment.split(';').next().unwrap_or_default();
    match unescaped(name) {
        Some(name) => name.chars().all(|c| c.is_whitespace() || is_invisible(c)),
        None => false,
    }
}

/// Whether the text begins so for some reader: for who resolves escapes, drops what is invisible and blanks
/// at the beginning, and takes compatible forms of letters and signs for plain ones.
pub(super) fn begins(text: &str, so: impl Fn(&str) -> bool) -> bool {
    if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%') {
        return so(text);
    }
    unescaped(text).is_some_and(|read| {
        let visible = read.chars().filter(|c| !is_invisible(*c)).map(compatible);
        so(visible.collect::<String>().trim_start())
    })
}

/// What stands for a sign or a letter that begins drives, schemes and homes.
fn compatible(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c).wrapping_sub(0xfee0)).unwrap_or(c),
        '\u{2236}' | '\u{a789}' | '\u{fe55}' => ':',
        '\u{223c}' | '\u{2dc}' => '~',
        // Letters of mathematics and the like, whichever they are.
        '\u{2100}'..='\u{214f}' | '\u{24b6}'..='\u{24e9}' | '\u{1d400}'..='\u{1d6a3}' => 'a',
        other => other,
    }
}

/// The text with its escapes resolved, once; `None` where an escape is broken or stands for what only
/// someone in disguise would escape.
pub(super) fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (pair, after) = rest.split_first_chunk::<2>()?;
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            let meant = u8::try_from((high? << 4) | low?).ok()?;
            // Decoded by one server and left alone by the next, or decoded once more by a third.
            if matches!(meant, b'/' | b'\\' | b'%' | b'.' | b';' | b'?' | b'#') {
                return None;
            }
            bytes.push(meant);
            rest = after;
        } else {
            bytes.push(byte);
        }
    }
    // Overlong forms, an old disguise of dots and slashes, are no UTF-8.
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// Backslashes, and what compatibility normalization and best-fit encodings turn into a slash or one.
fn is_slash_in_disguise(c: char) -> bool {
    matches!(c, '\\' | '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{fe68}' | '\u{ff0f}' | '\u{ff3c}')
}

/// Whether someone would take the segment for `.` or `..`: who trims blanks, drops what is invisible, or
/// normalizes.
fn is_dot_segment(segment: &str) -> bool {
    let mut dots = 0_u32;
    for c in segment.chars() {
        match c {
            '.' | '\u{2024}' | '\u{fe52}' | '\u{ff0e}' => dots = dots.saturating_add(1),
            '\u{2025}' | '\u{fe30}' => dots = dots.saturating_add(2),
            // In a query a plus is a blank.
            '+' => {}
            c if c.is_whitespace() || is_invisible(c) => {}
            _ => return false,
        }
    }
    matches!(dots, 1 | 2)
}

/// The format characters of Unicode, and what else it lists as ignorable where it cannot be shown.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
