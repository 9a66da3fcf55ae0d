//! The access token of a request: where it may stand, and nothing about what it says.
//!
//! One `Authorization` header, `Bearer` (RFC 6750 section 2.1) or `DPoP` (RFC 9449 section 7.1), and
//! there only. Whatever another reader could see differently is refused rather than resolved: a second
//! header, a token that also stands in the query, anything behind the token.

use std::fmt;

use aws_lc_rs::digest;
use fluent_uri::pct_enc::EStr;
use fluent_uri::pct_enc::encoder::Query;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::challenge::{is_token, token68_length};
use crate::secret::Secret;

/// No access token is longer than this many bytes. The longest that identity providers mint (group
/// lists) stay below half of it.
pub const MAX_LENGTH: usize = 16 * 1024;

/// What a request brought.
#[derive(Clone, Copy, Debug)]
pub enum Presented<'h> {
    /// No token: no `Authorization` header, or one of a scheme that carries none (`Basic`).
    Absent,
    /// A token, not looked at yet.
    Token(AccessToken<'h>),
    /// Something that is answered with 400 (RFC 6750 section 3.1, `invalid_request`).
    Malformed(Malformed),
}

/// Why the token of a request is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// More than one `Authorization` header, of whatever schemes.
    #[error("more than one Authorization header")]
    SeveralHeaders,
    /// A byte outside ASCII where the token should stand.
    #[error("the Authorization header is not ASCII")]
    NotAscii,
    /// What stands first is not the name of an authentication scheme followed by a space.
    #[error("the Authorization header does not start with a scheme and a space")]
    Scheme,
    /// Not exactly one `token68` (RFC 9110 section 11.2) behind the scheme.
    #[error("the Authorization header does not hold exactly one token")]
    NotToken68,
    /// Longer than [`MAX_LENGTH`].
    #[error("the access token is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// An `access_token` parameter in the query, where logs and referrers would spread it
    /// (RFC 6750 section 5.3).
    #[error("an access token in the query string")]
    InQuery,
}

/// How the client means the token to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Whoever has it may use it (RFC 6750).
    Bearer,
    /// Only with a proof of the key it is bound to (RFC 9449).
    Dpop,
}

impl Scheme {
    /// The name as challenges write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Bearer => "Bearer",
            Scheme::Dpop => "DPoP",
        }
    }

    /// Scheme names are case-insensitive (RFC 9110 section 11.1).
    fn named(name: &[u8]) -> Option<Self> {
        [Scheme::Bearer, Scheme::Dpop]
            .into_iter()
            .find(|scheme| name.eq_ignore_ascii_case(scheme.as_str().as_bytes()))
    }
}

/// Finds the access token of a request by its headers and the query of its target.
pub fn present<'h>(headers: &'h HeaderMap, query: Option<&str>) -> Presented<'h> {
    // First the query: a token there is spilled already, and a good header does not undo it.
    if query.is_some_and(names_a_token) {
        return Presented::Malformed(Malformed::InQuery);
    }
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Presented::Absent;
    };
    if values.next().is_some() {
        return Presented::Malformed(Malformed::SeveralHeaders);
    }
    match credentials(value.as_bytes()) {
        Ok(Some(token)) => Presented::Token(token),
        Ok(None) => Presented::Absent,
        Err(malformed) => Presented::Malformed(malformed),
    }
}

/// Reads `scheme 1*SP token68` (RFC 9110 section 11.4), the whole of it.
fn credentials(value: &[u8]) -> Result<Option<AccessToken<'_>>, Malformed> {
    let mut halves = value.splitn(2, |byte| *byte == b' ');
    let name = halves.next().unwrap_or_default();
    if !is_token(name) {
        return Err(Malformed::Scheme);
    }
    let Some(scheme) = Scheme::named(name) else {
        return Ok(None);
    };
    let rest = halves.next().unwrap_or_default();
    let start = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
    let (_, token) = rest.split_at_checked(start).unwrap_or_default();
    if token.len() > MAX_LENGTH {
        return Err(Malformed::TooLong);
    }
    let text = std::str::from_utf8(token).ok().filter(|text| text.is_ascii());
    let text = text.ok_or(Malformed::NotAscii)?;
    if text.is_empty() || token68_length(token) != text.len() {
        return Err(Malformed::NotToken68);
    }
    Ok(Some(AccessToken { scheme, text, hash: TokenHash::of(text) }))
}

/// Whether a query has a parameter that some parser reads as `access_token`: behind `&` or, as older
/// ones do, `;`, with escapes in the name, and in any case.
fn names_a_token(query: &str) -> bool {
    query.split(['&', ';']).any(|pair| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        // A name that does not follow the grammar has no agreed decoding; it is compared as it is.
        match EStr::<Query>::new(name) {
            Some(name) => name.decode().to_bytes().eq_ignore_ascii_case(b"access_token"),
            None => name.eq_ignore_ascii_case("access_token"),
        }
    })
}

/// An access token as it was presented, not verified.
#[derive(Clone, Copy)]
pub struct AccessToken<'h> {
    scheme: Scheme,
    text: &'h str,
    hash: TokenHash,
}

impl<'h> AccessToken<'h> {
    /// The scheme it was presented under.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The token itself.
    pub fn text(&self) -> &'h str {
        self.text
    }

    /// What stands for the token in caches and logs.
    pub fn hash(&self) -> TokenHash {
        self.hash
    }
}

impl AccessToken<'_> {
    /// A copy, for a stream that outlives its request and whose issuer has to be asked again.
    pub fn keep(&self) -> KeptToken {
        let AccessToken { scheme, text, hash } = *self;
        KeptToken { scheme, text: Secret::new(text.to_owned()), hash }
    }
}

/// An access token that is kept, overwritten in memory when it is dropped.
#[derive(Debug)]
pub struct KeptToken {
    scheme: Scheme,
    text: Secret,
    hash: TokenHash,
}

impl KeptToken {
    /// As it was presented.
    pub fn presented(&self) -> AccessToken<'_> {
        AccessToken { scheme: self.scheme, text: self.text.expose(), hash: self.hash }
    }
}

/// Shows the scheme and the hash's prefix; a token never reaches a log.
impl fmt::Debug for AccessToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken({} {})", self.scheme.as_str(), self.hash())
    }
}

/// The SHA-256 of a token's text: the key of caches, and the `ath` of a `DPoP` proof (RFC 9449 section 4.2).
///
/// Printed, it is cut to its first eight hex digits: enough to find two lines about one token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes a token's text.
    pub fn of(token: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        TokenHash(bytes)
    }

    /// All 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…")
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
