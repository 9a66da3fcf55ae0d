//! Protected resource metadata (RFC 9728): what the gateway serves and the client judges.

use super::{MAX_TEXT, MetadataError, Place, RESOURCE, Reader, Writer, inserted, resource_tail};
use crate::id::{Issuer, ResourceId};
use crate::scope::{Scope, ScopeSet};

/// No resource names more authorization servers than this.
const MAX_SERVERS: usize = 16;

/// What a protected resource says about itself (RFC 9728 section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedResource {
    resource: ResourceId,
    authorization_servers: Vec<Issuer>,
    scopes_supported: ScopeSet,
    name: Option<String>,
    documentation: Option<String>,
}

/// How a client came to a document, which decides what its `resource` must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched<'a> {
    /// From the challenge's `resource_metadata`, or from the well-known URL with the path, for this
    /// MCP URL: the resource is that URL (RFC 9728 section 3.3).
    FromChallengeOrPath(&'a str),
    /// From the well-known URL at the root, for this MCP URL: the resource is that URL or its origin.
    FromRoot(&'a str),
}

impl Fetched<'_> {
    fn check(self, resource: &ResourceId) -> Result<(), MetadataError> {
        let found = resource.as_str();
        let (mcp_url, at_root) = match self {
            Fetched::FromChallengeOrPath(mcp_url) => (mcp_url, false),
            Fetched::FromRoot(mcp_url) => (mcp_url, true),
        };
        if found == mcp_url {
            return Ok(());
        }
        // The resource is its own origin, spelled with or without the slash (both identifiers have
        // their metadata at the root, RFC 9728 section 3.1), and that is the origin of the MCP URL.
        let is_origin = resource.origin() == found.strip_suffix('/').unwrap_or(found);
        let of_mcp_url =
            ResourceId::parse(mcp_url).is_ok_and(|url| url.origin() == resource.origin());
        if at_root && is_origin && of_mcp_url {
            return Ok(());
        }
        Err(MetadataError::Mismatch {
            member: "resource",
            found: found.to_owned(),
            wanted: mcp_url.to_owned(),
        })
    }
}

impl ProtectedResource {
    /// A resource and the servers that issue tokens for it: at least one, since a client could not go
    /// on without (MCP asks for it, RFC 9728 does not). Servers on loopback by plain `http` are for
    /// resources on loopback.
    pub fn new(resource: ResourceId, servers: Vec<Issuer>) -> Result<Self, MetadataError> {
        match servers.len() {
            0 => return Err(MetadataError::Missing("authorization_servers")),
            1..=MAX_SERVERS => {}
            _ => return Err(MetadataError::Excessive("authorization_servers")),
        }
        let place = Place::of(resource.host_is_loopback());
        for server in &servers {
            let member = "authorization_servers";
            let checked = place.check(server.as_str());
            checked.map_err(|reason| MetadataError::Url { member, reason })?;
        }
        Ok(ProtectedResource {
            resource,
            authorization_servers: servers,
            scopes_supported: ScopeSet::default(),
            name: None,
            documentation: None,
        })
    }

    /// With these `scopes_supported`; `offline_access` is refused, since no resource needs it.
    pub fn scopes(mut self, scopes: ScopeSet) -> Result<Self, MetadataError> {
        if scopes.iter().any(is_offline_access) {
            return Err(MetadataError::OfflineAccess);
        }
        self.scopes_supported = scopes;
        Ok(self)
    }

    /// With a `resource_name` for people to read.
    pub fn name(mut self, name: &str) -> Result<Self, MetadataError> {
        if name.len() > MAX_TEXT {
            return Err(MetadataError::Excessive("resource_name"));
        }
        self.name = Some(name.to_owned());
        Ok(self)
    }

    /// With a `resource_documentation`, a page for developers.
    pub fn documentation(mut self, url: &str) -> Result<Self, MetadataError> {
        let member = "resource_documentation";
        let place = Place::of(self.resource.host_is_loopback());
        place.check(url).map_err(|reason| MetadataError::Url { member, reason })?;
        self.documentation = Some(url.to_owned());
        Ok(self)
    }

    /// The resource the document speaks for.
    pub fn resource(&self) -> &ResourceId {
        &self.resource
    }

    /// The servers that issue tokens for it, at least one.
    pub fn authorization_servers(&self) -> &[Issuer] {
        &self.authorization_servers
    }

    /// The scopes a token for it can have; never `offline_access`.
    pub fn scopes_supported(&self) -> &ScopeSet {
        &self.scopes_supported
    }

    /// Its name for people. From a fetched document it is anybody's text.
    pub fn resource_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// A page for developers.
    pub fn resource_documentation(&self) -> Option<&str> {
        self.documentation.as_deref()
    }

    /// The document to serve. Tokens are taken from the header only, so it says so.
    pub fn to_json(&self) -> Vec<u8> {
        let mut document = Writer::default();
        document.text("resource", Some(self.resource.as_str()));
        let servers = self.authorization_servers.iter().map(Issuer::as_str);
        document.list("authorization_servers", servers);
        document.list("bearer_methods_supported", ["header"]);
        document.list("scopes_supported", self.scopes_supported.iter().map(Scope::as_str));
        document.text("resource_name", self.name.as_deref());
        document.text("resource_documentation", self.documentation.as_deref());
        document.finish()
    }

    /// Where the document is published: the well-known URL with the resource's path inserted. This is
    /// what `resource_metadata` names in a challenge (RFC 9728 section 5.1).
    pub fn metadata_url(&self) -> String {
        inserted(self.resource.origin(), RESOURCE, resource_tail(&self.resource))
    }

    /// The path of [`ProtectedResource::metadata_url`], without a query: what a router matches.
    pub fn well_known_path(&self) -> String {
        let tail = resource_tail(&self.resource);
        inserted("", RESOURCE, tail.split_once('?').map_or(tail, |(path, _)| path))
    }

    /// Judges a fetched document by what it was fetched for.
    ///
    /// Of what a client can do without, the unusable is dropped rather than refused: a documentation
    /// link that is none, and `offline_access`, which a client asks for where the authorization server
    /// lists it, whatever the resource says.
    pub fn judge(document: &[u8], fetched: Fetched<'_>) -> Result<Self, MetadataError> {
        let reader = Reader::new(document)?;
        let text = reader.text("resource")?.ok_or(MetadataError::Missing("resource"))?;
        let resource = ResourceId::parse(text)
            .map_err(|reason| MetadataError::Url { member: "resource", reason })?;
        fetched.check(&resource)?;
        let servers = reader.items("authorization_servers")?.unwrap_or_default();
        let servers = servers.into_iter().map(Issuer::parse).collect::<Result<_, _>>();
        let servers = servers
            .map_err(|reason| MetadataError::Url { member: "authorization_servers", reason })?;
        let scopes = reader.scopes()?;
        let link = reader.text("resource_documentation")?;
        let place = Place::of(resource.host_is_loopback());
        Ok(ProtectedResource {
            scopes_supported: scopes.iter().filter(|s| !is_offline_access(s)).cloned().collect(),
            name: reader.short_text("resource_name")?,
            documentation: link.filter(|link| place.check(link).is_ok()).map(str::to_owned),
            ..ProtectedResource::new(resource, servers)?
        })
    }
}

fn is_offline_access(scope: &Scope) -> bool {
    scope.as_str() == "offline_access"
}
