//! The documents by which the parties find each other: a protected resource's (RFC 9728) and an
//! authorization server's (RFC 8414, and OIDC Discovery under the same names).
//!
//! Who fetches one knows what it asked about, and judges the document against that: one that speaks for
//! somebody else is not used (RFC 9728 section 3.3, RFC 8414 section 3.3). URLs are made from the
//! identifier's text, never through a URL type, so what is asked is what was published.

mod resource;
mod server;

pub use resource::{Fetched, ProtectedResource};
pub use server::AuthorizationServer;

use serde_json::{Map, Value as Json};

use crate::id::{self, Issuer, ResourceId};
use crate::json::Flaw;
use crate::json::{Document, Item};
use crate::scope::{Scope, ScopeSet};

/// No document is longer than this many bytes.
pub const MAX_LENGTH: usize = 256 * 1024;
/// No list in a document has more items than this.
pub const MAX_ITEMS: usize = 1024;
/// No text in a document but its URLs is longer than this many bytes.
pub const MAX_TEXT: usize = 1024;

/// Why a metadata document is not used, or cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Longer than [`MAX_LENGTH`].
    #[error("the document is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// Not one JSON object that everybody reads alike.
    #[error("the document is refused: {0}")]
    Json(#[from] Flaw),
    /// A member that must be there is absent, null or an empty list.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A member of another JSON type than its own.
    #[error("`{0}` has the wrong type")]
    WrongType(&'static str),
    /// A list of more than [`MAX_ITEMS`], or a text longer than [`MAX_TEXT`].
    #[error("`{0}` is too long")]
    Excessive(&'static str),
    /// A URL or identifier that is none, or is not `https` (nor, where issuer or resource are on loopback
    /// themselves, `http` on loopback).
    #[error("`{member}` is not usable: {reason}")]
    Url {
        /// The member's name.
        member: &'static str,
        /// What is wrong with it.
        reason: id::Invalid,
    },
    /// `offline_access` in the metadata of a resource: it asks for refresh tokens, which are between
    /// client and authorization server.
    #[error("`offline_access` is not a scope of a resource")]
    OfflineAccess,
    /// The document speaks for another issuer or resource than the one it was fetched for.
    #[error("`{member}` is {found:?}, which is not what was asked for: {wanted:?}")]
    Mismatch {
        /// `issuer` or `resource`.
        member: &'static str,
        /// What the document says.
        found: String,
        /// What it was fetched for.
        wanted: String,
    },
}

/// Where a client looks for a resource's metadata that no challenge pointed to, in this order: the
/// well-known URL with the resource's path, then the one at the root (an extension of MCP).
pub fn resource_metadata_urls(resource: &ResourceId) -> Vec<String> {
    let inserted = inserted(resource.origin(), RESOURCE, resource_tail(resource));
    let root = inserted_at_root(resource);
    if inserted == root { vec![root] } else { vec![inserted, root] }
}

/// Where a client looks for an authorization server's metadata, in the order MCP prescribes: RFC 8414
/// with the path inserted, OIDC the same way, OIDC with the path in front.
pub fn discovery_urls(issuer: &Issuer) -> Vec<String> {
    // RFC 8414 section 3.1 and OIDC Discovery section 4.1: a terminating slash goes.
    let path = issuer.path().trim_end_matches('/');
    let origin = issuer.origin();
    let mut urls = vec![inserted(origin, OAUTH, path), inserted(origin, OPENID, path)];
    if !path.is_empty() {
        urls.push(format!("{origin}{path}/.well-known/{OPENID}"));
    }
    urls
}

const RESOURCE: &str = "oauth-protected-resource";
const OAUTH: &str = "oauth-authorization-server";
const OPENID: &str = "openid-configuration";

fn inserted(origin: &str, suffix: &str, tail: &str) -> String {
    format!("{origin}/.well-known/{suffix}{tail}")
}

fn inserted_at_root(resource: &ResourceId) -> String {
    inserted(resource.origin(), RESOURCE, "")
}

/// What follows the well-known suffix for this resource.
///
/// RFC 9728 section 3.1 removes the slash "following the host component" and no other, unlike RFC 8414:
/// a resource `/mcp/` is not the resource `/mcp`.
fn resource_tail(resource: &ResourceId) -> &str {
    let tail = resource.path_and_query();
    match tail.strip_prefix('/') {
        Some(query) if query.is_empty() || query.starts_with('?') => query,
        _ => tail,
    }
}

/// Where the party is that a document speaks for, which decides what URLs it may name.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// This machine, where plain `http` is as good as the party's own.
    Loopback,
    /// Anywhere else. Plain `http` is for loopback only, and a stranger's document has no business there:
    /// whoever follows it would knock at the doors of his own machine.
    Remote,
}

impl Place {
    fn of(host_is_loopback: bool) -> Self {
        if host_is_loopback { Place::Loopback } else { Place::Remote }
    }

    fn check(self, url: &str) -> Result<(), id::Invalid> {
        id::check_endpoint(url)?;
        // What is not `https` by now is `http` on loopback.
        let https = url.split(':').next().is_some_and(|s| s.eq_ignore_ascii_case("https"));
        if https || self == Place::Loopback { Ok(()) } else { Err(id::Invalid::PlainHttp) }
    }
}

/// A fetched document, read member by member. Members nobody asks for are ignored, and null is taken
/// for absent, as some servers write it.
struct Reader(Document);

impl Reader {
    fn new(document: &[u8]) -> Result<Self, MetadataError> {
        if document.len() > MAX_LENGTH {
            return Err(MetadataError::TooLong);
        }
        Ok(Reader(Document::read(document.to_vec())?))
    }

    fn get(&self, member: &str) -> Option<Item<'_>> {
        self.0.root().get(member).filter(|value| !value.is_null())
    }

    fn text(&self, member: &'static str) -> Result<Option<&str>, MetadataError> {
        let wrong = MetadataError::WrongType(member);
        self.get(member).map(|value| value.as_str().ok_or(wrong)).transpose()
    }

    fn short_text(&self, member: &'static str) -> Result<Option<String>, MetadataError> {
        match self.text(member)? {
            Some(text) if text.len() > MAX_TEXT => Err(MetadataError::Excessive(member)),
            text => Ok(text.map(str::to_owned)),
        }
    }

    fn url(&self, member: &'static str, at: Place) -> Result<Option<String>, MetadataError> {
        let Some(text) = self.text(member)? else {
            return Ok(None);
        };
        at.check(text).map_err(|reason| MetadataError::Url { member, reason })?;
        Ok(Some(text.to_owned()))
    }

    fn flag(&self, member: &'static str) -> Result<bool, MetadataError> {
        match self.get(member) {
            None => Ok(false),
            Some(value) => value.as_bool().ok_or(MetadataError::WrongType(member)),
        }
    }

    fn items(&self, member: &'static str) -> Result<Option<Vec<&str>>, MetadataError> {
        let Some(value) = self.get(member) else {
            return Ok(None);
        };
        let items = value.items().ok_or(MetadataError::WrongType(member))?;
        let items: Option<Vec<&str>> = items.map(Item::as_str).collect();
        let items = items.ok_or(MetadataError::WrongType(member))?;
        if items.len() > MAX_ITEMS {
            return Err(MetadataError::Excessive(member));
        }
        Ok(Some(items))
    }

    fn list(&self, member: &'static str) -> Result<Option<Vec<String>>, MetadataError> {
        let Some(items) = self.items(member)? else {
            return Ok(None);
        };
        if items.iter().any(|item| item.len() > MAX_TEXT) {
            return Err(MetadataError::Excessive(member));
        }
        Ok(Some(items.into_iter().map(str::to_owned).collect()))
    }

    /// What is outside the grammar of scopes cannot be asked for, so it is none. One such name is no
    /// reason to lose the issuer that lists it.
    fn scopes(&self) -> Result<ScopeSet, MetadataError> {
        let items = self.items("scopes_supported")?.unwrap_or_default();
        Ok(items.into_iter().filter_map(|item| Scope::parse(item).ok()).collect())
    }
}

/// A document on its way out. Members without a value are left out, empty lists too (RFC 9728 section
/// 3.2, RFC 8414 section 3.2).
#[derive(Default)]
struct Writer(Map<String, Json>);

impl Writer {
    fn text(&mut self, member: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.0.insert(member.to_owned(), text.into());
        }
    }

    fn flag(&mut self, member: &str, flag: bool) {
        // False is what an absent flag means.
        if flag {
            self.0.insert(member.to_owned(), flag.into());
        }
    }

    fn list<'a>(&mut self, member: &str, items: impl IntoIterator<Item = &'a str>) {
        let items: Vec<Json> = items.into_iter().map(Json::from).collect();
        if !items.is_empty() {
            self.0.insert(member.to_owned(), Json::Array(items));
        }
    }

    fn finish(self) -> Vec<u8> {
        Json::Object(self.0).to_string().into_bytes()
    }
}
