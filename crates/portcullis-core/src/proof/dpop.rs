//! DPoP proofs (RFC 9449): a small signed statement that this key makes this request with this token.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluent_uri::Uri;
use fluent_uri::pct_enc::EStr;
use http::HeaderMap;

use super::Refusal;
use crate::bearer::TokenHash;
use crate::header::DPOP;
use crate::json::{Document, Item};
use crate::jws::{self, Compact};
use crate::keys::Thumbprint;
use crate::time::UnixTime;

/// Longer `jti` values are refused: they are going to be remembered.
const MAX_JTI: usize = 256;

/// The proof a request carries, if any. Two are refused, since they could mean two keys.
pub fn dpop_header(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(DPOP).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Refusal::NotAscii),
        (Some(_), Some(_)) => Err(Refusal::SeveralHeaders),
    }
}

/// The request a proof must have been made for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The HTTP method, as it stands in the request.
    pub method: &'a str,
    /// The URI as the client addressed it: from the public URL, never from `Host`.
    pub uri: &'a str,
}

/// How old a proof may be, and whether it must carry a nonce of ours.
#[derive(Clone, Copy, Debug)]
pub struct Freshness<'a> {
    /// How long ago `iat` may be.
    pub max_age: Duration,
    /// How far ahead `iat` may be, for clocks that run fast. Such a proof lives that much longer.
    pub max_ahead: Duration,
    /// The nonces asked for.
    pub nonce: NoncePolicy<'a>,
}

/// A minute back, five seconds ahead, no nonce.
impl Default for Freshness<'_> {
    fn default() -> Self {
        Freshness {
            max_age: Duration::from_secs(60),
            max_ahead: Duration::from_secs(5),
            nonce: NoncePolicy::NotAsked,
        }
    }
}

/// Whether a proof must carry a server's nonce (RFC 9449 section 9).
#[derive(Clone, Copy, Debug)]
pub enum NoncePolicy<'a> {
    /// None is needed; one that is there is not looked at.
    NotAsked,
    /// One of these, which are the current and the recently current ones.
    OneOf(&'a [&'a str]),
}

/// A DPoP proof that holds for one request.
///
/// That it has not been used before is not known here: the caller remembers [`DpopProof::jti`] until
/// [`DpopProof::remember_until`]. There is no copy of it to be used for another request.
pub struct DpopProof {
    thumbprint: Thumbprint,
    jti: String,
    issued_at: UnixTime,
    remember_until: UnixTime,
    token: Option<TokenHash>,
}

impl DpopProof {
    /// Makes the checks of RFC 9449 section 4.3 that need no memory.
    ///
    /// `token` is the access token the proof comes with; `None` at a token endpoint, where there is none
    /// yet. A proof verified without a token confirms no token later.
    pub fn verify(
        proof: &str,
        target: Target<'_>,
        token: Option<&TokenHash>,
        freshness: Freshness<'_>,
        now: UnixTime,
    ) -> Result<Self, Refusal> {
        let (mut compact, key) = Compact::parse_with_jwk(proof)?;
        if !compact.typ().is_some_and(|typ| jws::is_type(typ, "dpop+jwt")) {
            return Err(Refusal::Type);
        }
        compact.verify(&key)?;
        let claims = Document::read(compact.take_payload()).map_err(Refusal::Json)?;
        let claims = claims.root();
        let jti = text(claims, "jti")?;
        if !(1..=MAX_JTI).contains(&jti.len()) {
            return Err(Refusal::Malformed("jti"));
        }
        // Methods are case-sensitive (RFC 9110 section 9.1).
        if text(claims, "htm")? != target.method {
            return Err(Refusal::Method);
        }
        if !same_target(text(claims, "htu")?, target.uri) {
            return Err(Refusal::Uri);
        }
        let issued_at = claims.get("iat").ok_or(Refusal::Missing("iat"))?;
        let issued_at = issued_at.as_time().ok_or(Refusal::Malformed("iat"))?;
        if issued_at > now.plus(freshness.max_ahead) {
            return Err(Refusal::FromFuture(issued_at));
        }
        if issued_at < now.minus(freshness.max_age) {
            return Err(Refusal::TooOld(issued_at));
        }
        if let Some(token) = token {
            // RFC 9449 section 4.2: `ath` is the hash in base64url, so texts may be compared.
            if text(claims, "ath")? != URL_SAFE_NO_PAD.encode(token.as_bytes()) {
                return Err(Refusal::OtherToken);
            }
        }
        check_nonce(claims, freshness.nonce)?;
        Ok(DpopProof {
            thumbprint: key.thumbprint(),
            jti: jti.to_owned(),
            issued_at,
            remember_until: issued_at.plus(freshness.max_age),
            token: token.copied(),
        })
    }

    /// The thumbprint of the key whose possession is proven, to be found in the token's `jkt`.
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// Its identifier, which the same key must not use again until [`DpopProof::remember_until`].
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// When it was made.
    pub fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// The last moment at which it is accepted, under the freshness it was verified with. Counted from
    /// its `iat` and not from now, which may be `max_ahead` earlier.
    pub fn remember_until(&self) -> UnixTime {
        self.remember_until
    }

    /// The access token it was made for, if it was verified with one.
    pub(super) fn token(&self) -> Option<&TokenHash> {
        self.token.as_ref()
    }
}

impl fmt::Debug for DpopProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopProof")
            .field("thumbprint", &self.thumbprint)
            .field("issued_at", &self.issued_at)
            .finish_non_exhaustive()
    }
}

fn text<'c>(claims: Item<'c>, name: &'static str) -> Result<&'c str, Refusal> {
    claims.get(name).ok_or(Refusal::Missing(name))?.as_str().ok_or(Refusal::Malformed(name))
}

fn check_nonce(claims: Item<'_>, policy: NoncePolicy<'_>) -> Result<(), Refusal> {
    let nonce = match claims.get("nonce") {
        None => None,
        Some(nonce) => Some(nonce.as_str().ok_or(Refusal::Malformed("nonce"))?),
    };
    match (policy, nonce) {
        (NoncePolicy::NotAsked, _) => Ok(()),
        (NoncePolicy::OneOf(fresh), Some(nonce)) if fresh.contains(&nonce) => Ok(()),
        (NoncePolicy::OneOf(_), _) => Err(Refusal::NonceRequired),
    }
}

/// Whether two URIs name one target: scheme and host without regard to case, default ports left out or
/// not, an empty path as `/`, query and fragment ignored (RFC 9449 section 4.3, check 9). The path is
/// compared byte for byte; servers do not agree on more.
fn same_target(claimed: &str, actual: &str) -> bool {
    match (TargetUri::read(claimed), TargetUri::read(actual)) {
        (Some(claimed), Some(actual)) => {
            claimed.scheme == actual.scheme
                && claimed.host.eq_ignore_ascii_case(actual.host)
                && claimed.port == actual.port
                && claimed.path == actual.path
        }
        _ => false,
    }
}

#[derive(PartialEq)]
enum Scheme {
    Http,
    Https,
}

struct TargetUri<'a> {
    scheme: Scheme,
    host: &'a str,
    port: u16,
    path: &'a str,
}

impl<'a> TargetUri<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let uri = Uri::parse(text).ok()?;
        let (scheme, default_port) = match uri.scheme().as_str() {
            scheme if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, 443),
            scheme if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, 80),
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.has_userinfo() || authority.host().is_empty() {
            return None;
        }
        let port = match authority.port().map(EStr::as_str) {
            None | Some("") => default_port,
            Some(port) => port.parse().ok()?,
        };
        let path = match uri.path().as_str() {
            "" => "/",
            path => path,
        };
        Some(TargetUri { scheme, host: authority.host(), port, path })
    }
}
