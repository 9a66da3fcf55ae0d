//! `${ENV}` in texts.

use zeroize::Zeroizing;

use super::Text;

/// Why a text with `${` in it cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::config) enum BadPlaceholder {
    #[error("the variable {0} is not set; set it, or write \"$${{{0}}}\" for the text itself")]
    Unset(String),
    #[error(
        "\"${{\" begins the name of a variable, such as ${{IDP_SECRET}}; for the text itself write \"$${{\""
    )]
    NoName,
}

/// Puts variables in their place. What they hold is not looked at again.
pub(super) fn expand(
    written: &str,
    variable: impl Fn(&str) -> Option<Zeroizing<String>>,
) -> Result<Text, BadPlaceholder> {
    let mut text = Zeroizing::new(String::with_capacity(written.len()));
    let mut is_expanded = false;
    let mut rest = written;
    while let Some((before, behind)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            append(&mut text, before);
            append(&mut text, "${");
            rest = behind;
            continue;
        }
        append(&mut text, before);
        let (name, behind) = behind.split_once('}').ok_or(BadPlaceholder::NoName)?;
        if !is_name(name) {
            return Err(BadPlaceholder::NoName);
        }
        let value = variable(name).ok_or_else(|| BadPlaceholder::Unset(name.to_owned()))?;
        append(&mut text, &value);
        is_expanded = true;
        rest = behind;
    }
    append(&mut text, rest);
    Ok(Text { value: text, is_file: written.starts_with("file:"), is_expanded })
}

/// Appends without leaving a copy behind where the text has to grow.
fn append(text: &mut Zeroizing<String>, more: &str) {
    let length = text.len().saturating_add(more.len());
    if length > text.capacity() {
        let mut grown = Zeroizing::new(String::with_capacity(length.saturating_mul(2)));
        grown.push_str(text);
        *text = grown;
    }
    text.push_str(more);
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
