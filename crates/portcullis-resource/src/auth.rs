//! One line for authors of servers: who may call, and what.
//!
//! ```no_run
//! # use portcullis_resource::{Auth, BadAuth};
//! # fn main() -> Result<(), BadAuth> {
//! # let service = tower::service_fn(|_: axum::extract::Request| async {
//! #     Ok::<_, std::convert::Infallible>(axum::response::Response::new(axum::body::Body::empty()))
//! # });
//! let auth = Auth::resource("https://mcp.example.com/mcp")
//!     .issuer("https://idp.example.com/realms/acme")
//!     .tool("read_*", [])
//!     .tool("delete_*", ["files:write"])
//!     .build()?;
//! let app: axum::Router = auth.protect("/mcp", service);
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use portcullis_core::id::{self, ResourceId};
use portcullis_core::metadata::{MetadataError, ProtectedResource};
use portcullis_core::policy::{BadPolicy, BadRule, Policy, PolicyBuilder, Rule};
use portcullis_core::scope::{self, Scope, ScopeSet};

use crate::fetch::NoTls;
use crate::gate::{BadGate, Gate, Surroundings};
use crate::issuer::IssuerBuilder;
use crate::origin::{BadOrigin, Origins};
use crate::trust::{BadTrust, Trusted};

/// Where clients look for the document about a server that they know no path of (RFC 9728 section 3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What protects a server. Clones share it.
#[derive(Clone, Debug)]
pub struct Auth(pub(crate) Arc<Protection>);

#[derive(Debug)]
pub(crate) struct Protection {
    pub(crate) gate: Gate,
    pub(crate) origins: Origins,
    /// Whether the document at the root of the host is this server's too.
    pub(crate) is_only: bool,
}

/// Why a server cannot be protected so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadAuth {
    /// The resource is no URL that a client could name.
    #[error("resource {text:?}: {reason}")]
    Resource {
        /// As written.
        text: String,
        /// What is wrong with it.
        reason: id::Invalid,
    },
    /// An issuer is no URL.
    #[error("issuer {text:?}: {reason}")]
    Issuer {
        /// As written.
        text: String,
        /// What is wrong with it.
        reason: id::Invalid,
    },
    /// A scope or a role is none.
    #[error("{text:?} is no scope or role: {reason}")]
    Name {
        /// As written.
        text: String,
        /// What is wrong with it.
        reason: scope::Invalid,
    },
    /// A rule cannot mean what it seems to.
    #[error(transparent)]
    Rule(#[from] BadRule),
    /// The rules together cannot.
    #[error(transparent)]
    Policy(#[from] BadPolicy),
    /// The metadata cannot be published.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The issuers cannot be used so.
    #[error(transparent)]
    Gate(#[from] BadGate),
    /// An origin is none.
    #[error(transparent)]
    Origin(#[from] BadOrigin),
    /// No TLS to reach issuers.
    #[error(transparent)]
    Tls(#[from] NoTls),
    /// Keys are fetched in the background, which takes a tokio runtime.
    #[error(
        "to be built within a tokio runtime, which fetches the issuers' keys in the background"
    )]
    NoRuntime,
}

/// What protects a server, under construction. Nothing is looked at before [`AuthBuilder::build`].
#[derive(Default)]
#[must_use]
pub struct AuthBuilder {
    resource: String,
    name: Option<String>,
    issuers: Vec<IssuerBuilder>,
    base_scopes: Vec<String>,
    /// In the order in which they were said, which is that of denials.
    rules: Vec<Wanted>,
    policy: Vec<Box<dyn FnOnce(PolicyBuilder) -> PolicyBuilder + Send>>,
    origins: Vec<String>,
    hosts: Vec<String>,
    surroundings: Surroundings,
    is_one_of_several: bool,
}

/// A rule as written.
enum Wanted {
    Entry(String, Vec<String>),
    Rule(Rule),
}

impl Auth {
    /// Protects the server that clients know by this URL: the URL of its MCP endpoint, as they write it.
    pub fn resource(url: &str) -> AuthBuilder {
        AuthBuilder { resource: url.to_owned(), ..AuthBuilder::default() }
    }

    /// What stands before the server, for services that are not made with axum.
    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// From which pages and under which names the server may be called: to be asked before the gate.
    pub fn origins(&self) -> &Origins {
        &self.0.origins
    }

    /// The paths at which the document about the server stands
    /// ([`to_json`](portcullis_core::metadata::ProtectedResource::to_json) of [`Gate::resource`]): where
    /// challenges say, and where clients look that know no path (RS-1).
    pub fn well_known_paths(&self) -> BTreeSet<String> {
        let own = self.0.gate.resource().well_known_path();
        let root = self.0.is_only.then(|| WELL_KNOWN.to_owned());
        root.into_iter().chain([own]).collect()
    }
}

impl AuthBuilder {
    /// Takes tokens of this issuer: its URL, or an [`IssuerBuilder`] that says more.
    pub fn issuer(mut self, issuer: impl Into<IssuerBuilder>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// Scopes that every call needs, and that clients are told to ask for from the start.
    pub fn base_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.base_scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Allows tools to callers who have all these scopes. `*` stands for any run of letters.
    ///
    /// Without any rule everybody with a valid token may call everything. With one, what no rule allows is
    /// denied, prompts and resources too ([`AuthBuilder::allow`] names those). Rules add up: a tool that one
    /// of them allows is allowed, whatever others ask for, and one that asks in vain for what another allows
    /// for less is refused by [`AuthBuilder::build`].
    pub fn tool<const N: usize>(self, name: &str, scopes: [&str; N]) -> Self {
        self.allow(&format!("tools/call {name}"), scopes)
    }

    /// Allows whatever an entry of the policy language names: `resources/read file:///public/**`.
    pub fn allow<const N: usize>(mut self, entry: &str, scopes: [&str; N]) -> Self {
        let scopes = scopes.map(str::to_owned).to_vec();
        self.rules.push(Wanted::Entry(entry.to_owned(), scopes));
        self
    }

    /// Adds a rule with roles or conditions on arguments.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(Wanted::Rule(rule));
        self
    }

    /// What else the policy says: `.policy(|policy| policy.hierarchy(hierarchy))`.
    pub fn policy(
        mut self,
        more: impl FnOnce(PolicyBuilder) -> PolicyBuilder + Send + 'static,
    ) -> Self {
        self.policy.push(Box::new(more));
        self
    }

    /// A name of the server for people.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Lets pages of these origins call from a browser: `https://app.example.com`, or `*` for all.
    pub fn allowed_origins<'a>(mut self, origins: impl IntoIterator<Item = &'a str>) -> Self {
        self.origins.extend(origins.into_iter().map(str::to_owned));
        self
    }

    /// Further names in `Host`, beside that of the URL. Without any, names are looked at only where the URL is on
    /// this machine: elsewhere a proxy may say what it likes.
    pub fn allowed_hosts<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.hosts.extend(hosts.into_iter().map(str::to_owned));
        self
    }

    /// The host has other protected servers: the document at its root is none's.
    pub fn one_of_several(mut self) -> Self {
        self.is_one_of_several = true;
        self
    }

    /// Another clock, replay memory or other bounds.
    pub fn surroundings(mut self, surroundings: Surroundings) -> Self {
        self.surroundings = surroundings;
        self
    }

    /// Checks all of it, and begins to fetch the issuers' keys.
    pub fn build(self) -> Result<Auth, BadAuth> {
        let resource = ResourceId::parse(&self.resource);
        let resource =
            resource.map_err(|reason| BadAuth::Resource { text: self.resource.clone(), reason })?;
        let base_scopes = scopes(&self.base_scopes)?;
        let rules = self.rules.into_iter().map(|wanted| match wanted {
            Wanted::Rule(rule) => Ok(rule),
            Wanted::Entry(entry, needed) => {
                Ok(Rule::allow([entry.as_str()])?.scopes(scopes(&needed)?))
            }
        });
        let rules = rules.collect::<Result<Vec<Rule>, BadAuth>>()?;
        let policy = if rules.is_empty() {
            Policy::signed_in(resource.clone())
        } else {
            Policy::rules(resource.clone(), rules)
        };
        let policy = policy.base_scopes(base_scopes);
        let policy = self.policy.into_iter().fold(policy, |policy, more| more(policy)).build()?;
        if self.issuers.is_empty() {
            return Err(BadGate::from(BadTrust::Nobody).into());
        }
        let trusted = self.issuers.into_iter().map(|issuer| issuer.build(&resource));
        let trusted = trusted.collect::<Result<Vec<Trusted>, BadAuth>>()?;
        let issuers = trusted.iter().map(|trusted| trusted.expectation.issuer().clone()).collect();
        let metadata = ProtectedResource::new(resource.clone(), issuers)?;
        let mut metadata = metadata.scopes(policy.scopes())?;
        if let Some(name) = &self.name {
            metadata = metadata.name(name)?;
        }
        let mut origins = Origins::of(&resource);
        for origin in &self.origins {
            origins = origins.and(origin)?;
        }
        origins = self.hosts.iter().fold(origins, |origins, host| origins.host(host));
        let gate = Gate::new(metadata, Arc::new(policy), trusted, self.surroundings)?;
        let is_only = !self.is_one_of_several;
        Ok(Auth(Arc::new(Protection { gate, origins, is_only })))
    }
}

fn scopes(texts: &[String]) -> Result<ScopeSet, BadAuth> {
    let parse = |text: &String| {
        Scope::parse(text).map_err(|reason| BadAuth::Name { text: text.clone(), reason })
    };
    texts.iter().map(parse).collect()
}

impl fmt::Debug for AuthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthBuilder").field("resource", &self.resource).finish_non_exhaustive()
    }
}
