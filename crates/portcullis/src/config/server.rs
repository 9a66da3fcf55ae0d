//! An MCP server behind the gateway.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use http::{HeaderName, HeaderValue, Uri};
use portcullis_core::id::ResourceId;
use portcullis_core::metadata::ProtectedResource;
use portcullis_core::policy::{Policy, RulePlace};
use portcullis_core::secret::Secret;
use portcullis_core::token::Expectation;

use super::issuer::{Identity, TrustedIssuer, When};

/// One server: who may call what, and where it is.
#[derive(Debug)]
pub struct Server {
    /// What the configuration calls it; also in logs, audit and metrics.
    pub name: Name,
    /// What it says about itself, and its [`ResourceId`]. No two servers have the same origin and path.
    pub metadata: ProtectedResource,
    /// Where calls go that are permitted.
    pub upstream: Upstream,
    /// Who may call what.
    pub policy: Arc<Policy>,
    /// Where each rule stands in the configuration.
    pub(super) rules: Vec<Written>,
    /// Whose tokens are accepted, at least one, in the order of the file. No two share an issuer.
    pub tokens: Vec<Accepted>,
    /// Pages of which origins may call from a browser; none without it.
    pub allowed_origins: Vec<Origin>,
    /// What the `Host` of a request may be beside that of the resource.
    pub allowed_hosts: Vec<Authority>,
    /// What becomes of the headers of its answers.
    pub response_headers: ResponseHeaders,
    /// Whether DPoP proofs must hold a nonce of ours.
    pub dpop_nonce: bool,
}

impl Server {
    /// The server's identifier: the audience of its tokens.
    pub fn resource(&self) -> &ResourceId {
        self.metadata.resource()
    }

    /// What the tokens that name this issuer must be.
    pub fn expectation_of(&self, issuer: &str) -> Option<&Accepted> {
        self.tokens.iter().find(|accepted| accepted.issuer.issuer.as_str() == issuer)
    }

    /// Whoever is asked about tokens that are no JWT: one issuer at most.
    pub fn opaque(&self) -> Option<&Accepted> {
        self.tokens.iter().find(|accepted| accepted.issuer.introspection.is_some())
    }

    /// Where the rules of [`Server::policy`] are written, in their order.
    pub fn rules(&self) -> &[Written] {
        &self.rules
    }

    /// Where that rule is written.
    pub fn rule(&self, place: RulePlace) -> Option<&Written> {
        self.rules.get(place.index())
    }
}

/// The name of a table, as in `[servers.NAME]`: a lower-case letter, then lower-case letters, digits, `-`
/// and `_`, 64 in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub(super) Arc<str>);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where something is written. Shown as `FILE:LINE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// An issuer at one server.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Whose tokens.
    pub issuer: Arc<TrustedIssuer>,
    /// What they must be.
    pub expectation: Arc<Expectation>,
}

impl Accepted {
    /// Whether the issuer is asked about this kind of token.
    pub fn asks(&self, when: When) -> bool {
        self.issuer.introspection.as_ref().is_some_and(|introspection| {
            introspection.when == When::Always || introspection.when == when
        })
    }
}

/// Where permitted calls go.
#[derive(Debug)]
pub enum Upstream {
    /// To an MCP server over HTTP.
    Http(HttpUpstream),
    /// To a process of our own, over its standard streams.
    Stdio(StdioUpstream),
}

impl Upstream {
    /// The files that are read to reach it.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let tls = match self {
            Upstream::Http(http) => Some(&http.tls),
            Upstream::Stdio(_) => None,
        };
        let ca = tls.and_then(|tls| tls.ca.as_deref());
        let identity = tls.and_then(|tls| tls.identity.as_ref());
        ca.into_iter().chain(identity.into_iter().flat_map(Identity::files))
    }
}

/// An MCP server over HTTP.
#[derive(Debug)]
pub struct HttpUpstream {
    /// Its endpoint: `http` or `https`, with a host, without user information and fragment.
    pub url: Uri,
    /// What it speaks.
    pub transport: Transport,
    /// How its certificate is judged and ours shown, where it is not as usual.
    pub tls: UpstreamTls,
    /// How long it may take.
    pub timeouts: UpstreamTimeouts,
    /// Headers it gets beside those that every upstream gets. Values are marked sensitive.
    pub add: Vec<(HeaderName, HeaderValue)>,
    /// Headers of clients that are passed on to it.
    pub forward: Vec<HeaderName>,
}

/// What an upstream over HTTP speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP.
    #[default]
    Streamable,
    /// HTTP+SSE (2024-11-05): a stream that names the path for messages, and answers on the stream.
    Sse,
}

/// TLS towards an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Certificates, PEM, that it may be signed by instead of those of the platform.
    pub ca: Option<PathBuf>,
    /// What we show.
    pub identity: Option<Identity>,
}

/// How long an upstream may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until an answer begins.
    pub answer: Duration,
}

/// An MCP server that is started here.
#[derive(Debug)]
pub struct StdioUpstream {
    /// What is started.
    pub program: String,
    /// Its arguments. Everybody on the machine can read them: secrets belong into `env`.
    pub args: Vec<String>,
    /// Variables of its environment beside the few that every process needs.
    pub env: Vec<(String, Secret)>,
    /// Where it is started; the folder of the configuration without it.
    pub cwd: PathBuf,
    /// Whether all callers share one process.
    pub shared: bool,
    /// Processes at a time, where callers do not share one.
    pub processes: usize,
    /// How long a process lives that nobody uses.
    pub idle_timeout: Duration,
}

/// An origin as browsers send it (RFC 6454 section 6.2): compared as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(pub(super) String);

impl Origin {
    /// The origin.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What becomes of the headers of answers, beside what every answer loses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeaders {
    /// Set, over what the upstream says.
    pub add: Vec<(HeaderName, HeaderValue)>,
    /// Left out.
    pub remove: Vec<HeaderName>,
}
