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

use std::fmt;
use std::sync::Arc;

use portcullis_core::id::{self, Issuer, ResourceId};
use portcullis_core::metadata::{MetadataError, ProtectedResource};
use portcullis_core::policy::{BadPolicy, BadRule, Policy, Rule};
use portcullis_core::scope::{self, Scope, ScopeSet};
use portcullis_core::token::Expectation;

use crate::fetch::{Fetcher, Limits, NoTls};
use crate::gate::{BadGate, Gate, Surroundings};
use crate::introspection::{Inquiry, Introspect, When};
use crate::keys::{Keys, RemoteKeys, Source as KeysFrom, Timing};
use crate::metadata::Metadata;
use crate::origin::{BadOrigin, Origins};
use crate::trust::{Source, Trusted};

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
    rules: Vec<Wanted>,
    own_rules: Vec<Rule>,
    origins: Vec<String>,
    hosts: Vec<String>,
    surroundings: Surroundings,
    is_one_of_several: bool,
}

/// A rule as written.
struct Wanted {
    entry: String,
    scopes: Vec<String>,
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

    /// Allows tools to callers who have all these scopes. `*` stands for any letters but a slash.
    ///
    /// Without any rule everybody with a valid token may call everything. With one, what no rule allows is
    /// denied. Rules add up: a tool that one of them allows is allowed, whatever others ask for.
    pub fn tool<const N: usize>(self, name: &str, scopes: [&str; N]) -> Self {
        self.allow(&format!("tools/call {name}"), scopes)
    }

    /// Allows whatever an entry of the policy language names: `resources/read file:///public/**`.
    pub fn allow<const N: usize>(mut self, entry: &str, scopes: [&str; N]) -> Self {
        let scopes = scopes.map(str::to_owned).to_vec();
        self.rules.push(Wanted { entry: entry.to_owned(), scopes });
        self
    }

    /// Adds a rule with roles or conditions on arguments.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.own_rules.push(rule);
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

    /// Further names in `Host` for a server whose URL is on this machine. Of others it is not looked at.
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
        let mut rules = self.own_rules;
        for wanted in &self.rules {
            let rule = Rule::allow([wanted.entry.as_str()])?;
            rules.push(rule.scopes(scopes(&wanted.scopes)?));
        }
        let policy = if rules.is_empty() {
            Policy::signed_in(resource.clone())
        } else {
            Policy::rules(resource.clone(), rules)
        };
        let policy = policy.base_scopes(base_scopes).build()?;
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
        if resource.host_is_loopback() {
            origins = self.hosts.iter().fold(origins, |origins, host| origins.host(host));
        }
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

/// An issuer whose tokens a server takes.
#[must_use]
pub struct IssuerBuilder {
    url: String,
    jwks: KeysFrom,
    keys: Option<Arc<dyn Keys>>,
    introspection: Option<(When, Arc<dyn Introspect>)>,
    timing: Timing,
    expecting: Vec<Box<dyn FnOnce(Expectation) -> Expectation + Send>>,
}

impl From<&str> for IssuerBuilder {
    fn from(url: &str) -> Self {
        IssuerBuilder::new(url)
    }
}

impl From<String> for IssuerBuilder {
    fn from(url: String) -> Self {
        IssuerBuilder::new(&url)
    }
}

impl IssuerBuilder {
    /// The issuer of this URL, as it stands in the `iss` of its tokens. Its keys are found by its metadata.
    pub fn new(url: &str) -> IssuerBuilder {
        IssuerBuilder {
            url: url.to_owned(),
            jwks: KeysFrom::Discovered,
            keys: None,
            introspection: None,
            timing: Timing::default(),
            expecting: Vec::new(),
        }
    }

    /// Its keys are at this URL.
    pub fn jwks_uri(mut self, url: &str) -> Self {
        self.jwks = KeysFrom::At(url.to_owned());
        self
    }

    /// Its keys come from here, and not over the network.
    pub fn keys(mut self, keys: Arc<dyn Keys>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// It is asked about tokens.
    pub fn introspection(mut self, when: When, issuer: Arc<dyn Introspect>) -> Self {
        self.introspection = Some((when, issuer));
        self
    }

    /// When keys are fetched.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// What is expected of its tokens beside what always is:
    /// `.expecting(|tokens| tokens.accept_typ(["JWT"]).also_for(["api://files"]))`.
    pub fn expecting(
        mut self,
        more: impl FnOnce(Expectation) -> Expectation + Send + 'static,
    ) -> Self {
        self.expecting.push(Box::new(more));
        self
    }

    fn build(self, resource: &ResourceId) -> Result<Trusted, BadAuth> {
        let issuer = Issuer::parse(&self.url);
        let issuer = issuer.map_err(|reason| BadAuth::Issuer { text: self.url.clone(), reason })?;
        let keys = match self.keys {
            Some(keys) => keys,
            None => {
                tokio::runtime::Handle::try_current().map_err(|_| BadAuth::NoRuntime)?;
                let fetcher = Fetcher::new(issuer.host(), Limits::default())?;
                let metadata = Arc::new(Metadata::new(issuer.clone(), fetcher));
                Arc::new(RemoteKeys::start(metadata, self.jwks, self.timing))
            }
        };
        let introspection = self.introspection.map(|(when, issuer)| (when, Inquiry::of(issuer)));
        let expectation = Expectation::new(issuer, resource.clone());
        let expectation = self.expecting.into_iter().fold(expectation, |all, more| more(all));
        let source = Source { keys: Some(keys), introspection };
        Ok(Trusted { expectation: Arc::new(expectation), source })
    }
}

impl fmt::Debug for AuthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthBuilder").field("resource", &self.resource).finish_non_exhaustive()
    }
}

impl fmt::Debug for IssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerBuilder").field("url", &self.url).finish_non_exhaustive()
    }
}
