//! `WWW-Authenticate` both ways (RFC 9110 section 11.6.1).
//!
//! Writing never fails and never injects: whatever text a parameter is given, a reader finds that one
//! parameter and no other. Reading follows the grammar to the end of the header; a client that guesses
//! at the rest could be pointed at metadata its server never named.

use std::fmt;

use http::HeaderValue;

/// All header values together are no longer than this many bytes.
pub const MAX_LENGTH: usize = 8 * 1024;
/// No more challenges than this are read.
pub const MAX_CHALLENGES: usize = 16;
/// No challenge has more parameters than this.
pub const MAX_PARAMETERS: usize = 32;

/// Why header values are not a list of challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// Longer than [`MAX_LENGTH`] together.
    #[error("longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// More than [`MAX_CHALLENGES`].
    #[error("more than {MAX_CHALLENGES} challenges")]
    TooManyChallenges,
    /// More than [`MAX_PARAMETERS`] in one challenge.
    #[error("more than {MAX_PARAMETERS} parameters")]
    TooManyParameters,
    /// One challenge names a parameter twice (RFC 9110 section 11.2 forbids it; readers differ).
    #[error("a parameter stands twice in one challenge")]
    RepeatedParameter,
    /// Something other than the name of an authentication scheme where a challenge begins.
    #[error("no authentication scheme where one should stand")]
    Scheme,
    /// Neither a `token68` nor `name=value` where a parameter should stand.
    #[error("not a parameter")]
    Parameter,
    /// A quoted string that does not end, or holds a control character.
    #[error("not a quoted string")]
    QuotedString,
    /// Something other than a comma behind a parameter.
    #[error("no comma where one should stand")]
    Separator,
}

/// One challenge: a scheme with parameters, or with a `token68` in their place.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    token68: Option<String>,
    /// Names in lower case, each once.
    params: Vec<(String, String)>,
}

impl Challenge {
    /// A challenge without parameters. Characters that cannot stand in a scheme's name are left out.
    pub fn new(scheme: &str) -> Self {
        let kept = token_of(scheme);
        let scheme = if kept.is_empty() { "unknown".to_owned() } else { kept };
        Challenge { scheme, token68: None, params: Vec::new() }
    }

    /// This challenge with one more parameter, or with another value where it has the name already.
    ///
    /// Characters that cannot stand in a name are left out of it, and a name without any others does
    /// nothing. Values are free; see [`Challenge::to_header_value`].
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let name = token_of(name).to_ascii_lowercase();
        if name.is_empty() {
            return self;
        }
        self.token68 = None;
        match self.params.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.params.push((name, value.to_owned())),
        }
        self
    }

    /// The scheme as it was written; names of schemes are case-insensitive, so ask [`Challenge::is`].
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether this is a challenge of that scheme.
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The value of a parameter; names are case-insensitive.
    pub fn param(&self, name: &str) -> Option<&str> {
        let named = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.params.iter().find(named).map(|(_, value)| value.as_str())
    }

    /// The `token68` that stands in place of parameters in schemes like `Negotiate`.
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }

    /// The value of one `WWW-Authenticate` header. Several challenges go into several headers, since
    /// some readers know only the first of a list.
    ///
    /// Every value is quoted (some readers know nothing else, RFC 9110 section 11.5 on `realm`), `"` and
    /// `\` are escaped, and what is not printable ASCII becomes `?`.
    pub fn to_header_value(&self) -> HeaderValue {
        let mut line = self.scheme.clone();
        if let Some(token68) = &self.token68 {
            line.push(' ');
            line.push_str(token68);
        }
        for (i, (name, value)) in self.params.iter().enumerate() {
            line.push_str(if i == 0 { " " } else { ", " });
            line.push_str(name);
            line.push_str("=\"");
            for character in value.chars() {
                match character {
                    '"' | '\\' => line.extend(['\\', character]),
                    ' '..='~' => line.push(character),
                    _ => line.push('?'),
                }
            }
            line.push('"');
        }
        // Nothing but printable ASCII is left, so the fallback only keeps the promise not to fail.
        HeaderValue::from_str(&line).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    }
}

/// Values are left out: a challenge from outside may say anything, and at length.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.params.iter().map(|(name, _)| name);
        write!(f, "Challenge({} ", self.scheme)?;
        f.debug_list().entries(names).finish()?;
        f.write_str(")")
    }
}

/// Reads all `WWW-Authenticate` values of one answer, in their order.
///
/// Several headers are one list (RFC 9110 section 5.3). Bytes beyond ASCII are read as UTF-8 where they
/// are UTF-8, and are otherwise replaced.
pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Challenge>, Malformed> {
    let mut challenges = Vec::new();
    let mut length = 0_usize;
    for value in values {
        length = length.saturating_add(value.len());
        if length > MAX_LENGTH {
            return Err(Malformed::TooLong);
        }
        Reader { rest: value }.list(&mut challenges)?;
    }
    Ok(challenges)
}

/// What is left of one header value.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// `#challenge`, whose commas also separate the parameters within a challenge.
    ///
    /// What an element is shows behind its first token: a scheme is never followed by `=`.
    fn list(&mut self, challenges: &mut Vec<Challenge>) -> Result<(), Malformed> {
        loop {
            self.take(|byte| is_space(byte) || byte == b',');
            if self.rest.is_empty() {
                return Ok(());
            }
            if self.starts_parameter() {
                match challenges.last_mut() {
                    Some(challenge) if challenge.token68.is_none() => {
                        self.add_parameter(challenge)?;
                    }
                    _ => return Err(Malformed::Scheme),
                }
            } else {
                self.challenge(challenges)?;
            }
            if !self.at_end_of_element() {
                return Err(Malformed::Separator);
            }
        }
    }

    fn starts_parameter(&self) -> bool {
        let mut ahead = Reader { rest: self.rest };
        let name = ahead.take(is_token_byte);
        ahead.take(is_space);
        !name.is_empty() && ahead.rest.starts_with(b"=")
    }

    /// `auth-scheme [ 1*SP ( token68 / #auth-param ) ]`, of the parameters at most the first.
    fn challenge(&mut self, challenges: &mut Vec<Challenge>) -> Result<(), Malformed> {
        let scheme = self.take(is_token_byte);
        if scheme.is_empty() {
            return Err(Malformed::Scheme);
        }
        if challenges.len() == MAX_CHALLENGES {
            return Err(Malformed::TooManyChallenges);
        }
        let mut challenge = Challenge::new(&text(scheme));
        if !self.take(|byte| byte == b' ').is_empty() && !self.at_end_of_element() {
            match self.token68() {
                Some(token68) => challenge.token68 = Some(text(token68)),
                None => self.add_parameter(&mut challenge)?,
            }
        }
        challenges.push(challenge);
        Ok(())
    }

    /// A `token68`, where one fills the element. `abc=` is one and `abc=def` is a parameter.
    fn token68(&mut self) -> Option<&'a [u8]> {
        let (found, rest) = self.rest.split_at_checked(token68_length(self.rest))?;
        let behind = Reader { rest };
        if found.is_empty() || !behind.at_end_of_element() {
            return None;
        }
        self.rest = rest;
        Some(found)
    }

    fn add_parameter(&mut self, challenge: &mut Challenge) -> Result<(), Malformed> {
        let (name, value) = self.parameter()?;
        if challenge.param(&name).is_some() {
            return Err(Malformed::RepeatedParameter);
        }
        if challenge.params.len() == MAX_PARAMETERS {
            return Err(Malformed::TooManyParameters);
        }
        challenge.params.push((name, value));
        Ok(())
    }

    /// `token BWS "=" BWS ( token / quoted-string )`.
    fn parameter(&mut self) -> Result<(String, String), Malformed> {
        let name = self.take(is_token_byte);
        self.take(is_space);
        let ([b'=', rest @ ..], false) = (self.rest, name.is_empty()) else {
            return Err(Malformed::Parameter);
        };
        self.rest = rest;
        self.take(is_space);
        let value = if let [b'"', rest @ ..] = self.rest {
            self.rest = rest;
            self.quoted()?
        } else {
            let token = self.take(is_token_byte);
            if token.is_empty() {
                return Err(Malformed::Parameter);
            }
            token.to_vec()
        };
        Ok((text(name).to_ascii_lowercase(), text(&value)))
    }

    /// The inside of a `quoted-string` and its closing quote (RFC 9110 section 5.6.4).
    fn quoted(&mut self) -> Result<Vec<u8>, Malformed> {
        let mut value = Vec::new();
        loop {
            match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Ok(value);
                }
                [b'\\', byte, rest @ ..] if may_be_quoted(*byte) => {
                    value.push(*byte);
                    self.rest = rest;
                }
                [byte, rest @ ..] if *byte != b'\\' && may_be_quoted(*byte) => {
                    value.push(*byte);
                    self.rest = rest;
                }
                _ => return Err(Malformed::QuotedString),
            }
        }
    }

    fn at_end_of_element(&self) -> bool {
        self.rest.iter().find(|byte| !is_space(**byte)).is_none_or(|byte| *byte == b',')
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().position(|byte| !wanted(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        taken
    }
}

/// Whether a byte is a digit of a `token68`. Without a branch, so that many are looked at in one step.
#[expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch")]
fn is_token68_digit(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // `-`, `.`, `/` and the numbers stand side by side.
    let is_number = byte.wrapping_sub(b'-') <= b'9' - b'-';
    is_letter | is_number | (byte == b'_') | (byte == b'~') | (byte == b'+')
}

/// How many bytes at the start are a `token68` (RFC 9110 section 11.2).
pub(crate) fn token68_length(bytes: &[u8]) -> usize {
    // By pieces: every byte of every token is looked at, and nearly always all of them are good.
    let is_good =
        |piece: &[u8; 64]| piece.iter().fold(true, |good, byte| good & is_token68_digit(*byte));
    let (pieces, _) = bytes.as_chunks::<64>();
    let good = 64 * pieces.iter().take_while(|piece| is_good(piece)).count();
    let last = bytes.get(good..).unwrap_or_default();
    let digits = good + last.iter().take_while(|byte| is_token68_digit(**byte)).count();
    let rest = bytes.get(digits..).unwrap_or_default();
    let padding = rest.iter().take_while(|byte| **byte == b'=').count();
    if digits == 0 { 0 } else { digits + padding }
}

/// Whether all of it is one `token` (RFC 9110 section 5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn token_of(text: &str) -> String {
    text.chars().filter(|c| u8::try_from(*c).is_ok_and(is_token_byte)).collect()
}

/// `qdtext` and what a backslash may stand before: all but control characters.
fn may_be_quoted(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
