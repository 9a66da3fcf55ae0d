//! The headers of a request, and whether they agree with its body.
//!
//! 2026-07-28 mirrors parts of the body into `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name`, so
//! that intermediaries need not read bodies. We read the body and decide on it; a header that says
//! something else is refused, since whoever routed on it saw another request.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};

use super::malformed::{Reason, printable};
use super::revision::{Era, Revision};

/// As the specification spells them, for messages.
const VERSION_TITLE: &str = "MCP-Protocol-Version";
const METHOD_TITLE: &str = "Mcp-Method";
const NAME_TITLE: &str = "Mcp-Name";

/// The headers that say something about the body, each at most once.
#[derive(Default)]
pub(super) struct Headers<'h> {
    version: Option<&'h HeaderValue>,
    method: Option<&'h HeaderValue>,
    name: Option<&'h HeaderValue>,
    content_type: Option<&'h HeaderValue>,
    content_encoding: Option<&'h HeaderValue>,
}

impl<'h> Headers<'h> {
    /// Picks them in one pass. What stands twice is refused where two readers could pick differently,
    /// and so is any repeated `Mcp-*` header, of which upstream will read one.
    pub(super) fn pick(headers: &'h HeaderMap) -> Result<Self, Reason> {
        let mut picked = Headers::default();
        for (name, value) in headers {
            let slot = match name.as_str() {
                "mcp-protocol-version" => &mut picked.version,
                "mcp-method" => &mut picked.method,
                "mcp-name" => &mut picked.name,
                "content-type" => &mut picked.content_type,
                "content-encoding" => &mut picked.content_encoding,
                other
                    if other.starts_with("mcp-")
                        && headers.get_all(name).iter().nth(1).is_some() =>
                {
                    return Err(Reason::RepeatedHeader(printable(other)));
                }
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(Reason::RepeatedHeader(printable(name.as_str())));
            }
        }
        Ok(picked)
    }

    /// The revision the header names.
    pub(super) fn revision(&self) -> Result<Option<Revision>, Reason> {
        let Some(value) = self.version else { return Ok(None) };
        let name = value.to_str().map_err(|_| Reason::HeaderMalformed(VERSION_TITLE))?;
        match Revision::from_name(name) {
            Some(revision) => Ok(Some(revision)),
            None => Err(Reason::UnknownRevision { requested: printable(name) }),
        }
    }

    /// Refuses bodies that are not plain JSON in UTF-8.
    pub(super) fn media(&self) -> Result<(), Reason> {
        if self
            .content_encoding
            .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
        {
            return Err(Reason::ContentEncoding);
        }
        let value = self.content_type.ok_or(Reason::MediaType)?;
        let is_json = value == "application/json" || value.to_str().is_ok_and(is_json);
        if is_json { Ok(()) } else { Err(Reason::MediaType) }
    }

    /// RS-11: present headers agree with the body; those that 2026-07-28 requires of a request are there.
    pub(super) fn agree(&self, body: &Mirrored<'_>) -> Result<(), Reason> {
        match self.method {
            Some(value) if !body.method.is_some_and(|method| says(value, method)) => {
                return Err(Reason::HeaderMismatch(METHOD_TITLE));
            }
            None if body.required => return Err(Reason::HeaderMissing(METHOD_TITLE)),
            _ => {}
        }
        match (self.name, body.name) {
            (None, Some(_)) if body.required => Err(Reason::HeaderMissing(NAME_TITLE)),
            (None, _) => Ok(()),
            (Some(value), Some(name)) if says(value, name) || decoded(value)? == name => Ok(()),
            (Some(_), _) => Err(Reason::HeaderMismatch(NAME_TITLE)),
        }
    }
}

impl Era {
    /// The era to answer a request in that is read no further than its headers. A client whose header
    /// is garbled or names an unknown revision gets the modern answer: legacy clients show it, modern
    /// ones understand it.
    pub fn of(headers: &HeaderMap) -> Era {
        match Headers::pick(headers).and_then(|picked| picked.revision()) {
            Ok(Some(revision)) => revision.era(),
            Ok(None) => Era::Legacy,
            Err(_) => Era::Modern,
        }
    }
}

/// RFC 9110 section 8.3.1: `application/json`, with at most a `charset` of UTF-8.
fn is_json(value: &str) -> bool {
    let mut parts = value.split(';').map(|part| part.trim_matches([' ', '\t']));
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) => {
                let bare =
                    value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
                name.eq_ignore_ascii_case("charset") && bare.eq_ignore_ascii_case("utf-8")
            }
            None => parameter.is_empty(),
        })
}

/// What the body says that headers may mirror.
pub(super) struct Mirrored<'a> {
    /// The method, where the body is one request or notification.
    pub(super) method: Option<&'a str>,
    /// The name, URI or task id, where the method has one.
    pub(super) name: Option<&'a str>,
    /// Whether what can be mirrored must be.
    pub(super) required: bool,
}

impl Mirrored<'_> {
    /// A request that no header can mirror.
    pub(super) const NOTHING: Mirrored<'static> =
        Mirrored { method: None, name: None, required: false };
}

/// RS-11: header and `_meta` name the same revision; a header is there where `_meta` is modern.
pub(super) fn agree_on_revision(
    header: Option<Revision>,
    meta: Option<&str>,
    must_mirror: bool,
) -> Result<Option<Revision>, Reason> {
    match (header, meta) {
        (Some(header), Some(meta)) if header.as_str() == meta => Ok(Some(header)),
        (Some(_), Some(_)) => Err(Reason::HeaderMismatch(VERSION_TITLE)),
        (Some(header), None) if header.era() == Era::Modern && must_mirror => {
            Err(Reason::Missing("params._meta[\"io.modelcontextprotocol/protocolVersion\"]"))
        }
        (header, None) => Ok(header),
        (None, Some(meta)) => match Revision::from_name(meta) {
            None => Err(Reason::UnknownRevision { requested: printable(meta) }),
            Some(revision) if revision.era() == Era::Modern && must_mirror => {
                Err(Reason::HeaderMissing(VERSION_TITLE))
            }
            revision => Ok(revision),
        },
    }
}

/// Whether a header says just this, in the characters a header may have.
fn says(value: &HeaderValue, text: &str) -> bool {
    value.as_bytes() == text.as_bytes() && text.is_ascii() && !text.starts_with(ENCODED)
}

/// What a value begins with that stands for another text.
const ENCODED: &str = "=?base64?";

/// A header value as the text it stands for: plain, or `=?base64?…?=` of UTF-8.
fn decoded(value: &HeaderValue) -> Result<Cow<'_, str>, Reason> {
    let malformed = Reason::HeaderMalformed(NAME_TITLE);
    let Ok(plain) = value.to_str() else { return Err(malformed) };
    let Some(encoded) = plain.strip_prefix(ENCODED).and_then(|rest| rest.strip_suffix("?=")) else {
        return Ok(Cow::Borrowed(plain));
    };
    let text = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Cow::Owned).ok_or(malformed)
}
