//! The keys of `[servers.NAME]`.

use std::fmt;
use std::time::Duration;

use http::HeaderName;
use http::uri::Authority;
use portcullis_core::id::{ClientId, ResourceId};
use portcullis_core::scope::{Role, Scope};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::{
    Count, Endpoint, Field, FilePath, Key, Line, List, Many, Named, Parsed, SecretText,
    UpstreamUrl, UrlPath,
};
use crate::config::server::Origin;

/// An MCP server behind the gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["access"]))]
pub(in crate::config) struct Server {
    /// Where clients find it: a path, as in `/files/mcp`, that is joined to `public_url`. The two together are
    /// its identifier and the audience of its tokens. Either this or `url`.
    pub(in crate::config) path: Key<UrlPath>,
    /// The same as a whole URL, for servers with a host of their own.
    pub(in crate::config) url: Key<ResourceId>,
    /// A name for people, in the metadata of the server (`resource_name`, RFC 9728).
    pub(in crate::config) name: Key<Line>,
    /// A page for developers, likewise (`resource_documentation`).
    pub(in crate::config) documentation: Key<Endpoint>,

    /// The URL of the server itself. Either this or `command`.
    pub(in crate::config) upstream: Key<UpstreamUrl>,
    /// What `upstream` speaks.
    #[schemars(extend("default" = "streamable"))]
    pub(in crate::config) transport: Field<Transport>,
    /// Headers for `upstream`, beside those that every upstream gets.
    pub(in crate::config) upstream_headers: Field<UpstreamHeaders>,
    /// TLS towards `upstream`, where it is not as usual.
    pub(in crate::config) upstream_tls: Field<UpstreamTls>,
    /// How long `upstream` may take.
    pub(in crate::config) upstream_timeouts: Field<UpstreamTimeouts>,

    /// The program of a server that is started here and speaks over its standard streams, and its arguments.
    /// Everybody on the machine can read arguments: secrets go into `env`.
    pub(in crate::config) command: Field<List<Parsed<Line>>>,
    /// Variables for `command`. Of the gateway's own it gets those that every program needs and no others.
    pub(in crate::config) env: Field<Named<SecretText>>,
    /// Where `command` is started. Without it, the folder of the file.
    pub(in crate::config) cwd: Key<FilePath>,
    /// One process for all callers, instead of processes of each person's own. They share all that the server
    /// keeps in itself: files, logins, what it was told before. They do not share requests: answers, progress
    /// and the subscriptions of 2026-07-28 reach only who asked for them. What the server says to nobody in
    /// particular reaches nobody, it can ask no client anything, and no client sets its log level. At a time it
    /// takes 256 requests and 128 streams that listen; of each a person has a quarter at most, and gets 503 for
    /// more. Who makes it crash ends it for all.
    #[schemars(extend("default" = false))]
    pub(in crate::config) shared: Field<bool>,
    /// Processes at a time, where callers do not share one: up to 2025-11-25 each session has a process, from
    /// 2026-07-28 on each person. Nobody has more than four, nor more than half of them; one that is idle makes
    /// room for another.
    #[schemars(extend("default" = 32))]
    pub(in crate::config) processes: Field<Count>,
    /// How long a process lives that nobody uses.
    #[schemars(extend("default" = "10m"))]
    pub(in crate::config) idle_timeout: Key<Duration>,

    /// Who may call what. There is no default.
    pub(in crate::config) access: Field<Access>,
    /// Scopes that every call needs, but those that open a conversation. Clients are told to ask for them.
    #[schemars(extend("default" = []))]
    pub(in crate::config) base_scopes: Field<List<Parsed<Scope>>>,
    /// What is allowed under `access = "rules"`: the union of these.
    #[schemars(extend("default" = []))]
    pub(in crate::config) rules: Field<List<Rule>>,
    /// What lists of tools, prompts, resources and templates show.
    #[schemars(extend("default" = "obtainable"))]
    pub(in crate::config) list: Field<Listing>,
    /// Roles that come with a scope at this server: `{ "files:admin" = ["editor"] }`.
    pub(in crate::config) scope_roles: Field<Named<List<Parsed<Role>>>>,
    /// Scopes that a broader one stands for: `{ "files:admin" = ["files:write", "files:read"] }`.
    pub(in crate::config) scope_includes: Field<Named<List<Parsed<Scope>>>>,

    /// Whose tokens are accepted: names of `[issuers]`. One of them at most may be asked about opaque tokens.
    pub(in crate::config) issuers: Field<List<Parsed<Line>>>,
    /// Further audiences that mean this server, for issuers that cannot name it in a token. One that another
    /// server has too stands in `shared_audiences`.
    #[schemars(extend("default" = []))]
    pub(in crate::config) audience: Field<Many<Parsed<Line>>>,
    /// Clients whose tokens are accepted where the answer of an introspection names no audience.
    #[schemars(extend("default" = []))]
    pub(in crate::config) introspection_clients: Field<List<Parsed<ClientId>>>,
    /// Proofs of possession (RFC 9449). A token that is bound to a key is never taken without.
    pub(in crate::config) dpop: Field<Dpop>,

    /// Origins of web pages that may call the server from a browser, as in `https://app.example.com`. A request
    /// with another `Origin` is refused.
    #[schemars(extend("default" = []))]
    pub(in crate::config) allowed_origins: Field<List<Parsed<Origin>>>,
    /// What the `Host` of a request may be beside the host of the server's URL.
    #[schemars(extend("default" = []))]
    pub(in crate::config) allowed_hosts: Field<List<Parsed<Authority>>>,
    /// What becomes of the headers of answers.
    pub(in crate::config) response_headers: Field<ResponseHeaders>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::config) enum Access {
    /// every valid token with the `base_scopes` may call everything
    SignedIn,
    /// only what a rule allows may be called
    Rules,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum Listing {
    /// what the caller may use now or could after asking for more scopes
    Obtainable,
    /// what the caller may use now
    Allowed,
    /// everything
    All,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum Transport {
    /// streamable HTTP, of every revision since 2025-03-26
    Streamable,
    /// HTTP+SSE, as servers of 2024-11-05 do; `upstream` is the URL of its stream
    Sse,
}

/// Allows something to somebody. [policy.md](policy.md) has the whole language.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["allow"]))]
pub(in crate::config) struct Rule {
    /// What is allowed: `tools/call NAME`, `prompts/get NAME`, `resources/read URI`, with `*` and `**`, or a
    /// method that no revision of MCP defines.
    pub(in crate::config) allow: Field<List<Parsed<Line>>>,
    /// Scopes, all of which the caller needs.
    #[schemars(extend("default" = []))]
    pub(in crate::config) scopes: Field<List<Parsed<Scope>>>,
    /// Roles, any of which the caller needs.
    #[schemars(extend("default" = []))]
    pub(in crate::config) roles: Field<List<Parsed<Role>>>,
    /// What arguments of a call must be: `{ path = ["/public/**"], dry_run = [true] }`. Each one named here
    /// must be there and match one of its patterns.
    pub(in crate::config) args: Field<Args>,
}

/// Patterns by arguments.
pub(in crate::config) type Args = Named<Many<Pattern>>;

/// What an argument may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum Pattern {
    Text(String),
    Integer(i64),
    Bool(bool),
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl Visitor<'_> for Reading {
            type Value = Pattern;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, an integer, true or false")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Pattern, E> {
                Ok(Pattern::Text(text.to_owned()))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Pattern, E> {
                Ok(Pattern::Integer(number))
            }
            fn visit_bool<E: Error>(self, flag: bool) -> Result<Pattern, E> {
                Ok(Pattern::Bool(flag))
            }
        }
        deserializer.deserialize_any(Reading)
    }
}

/// Headers for an upstream. It gets no header of a client but those of MCP, of content negotiation and of
/// traces, and never a credential of the client.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct UpstreamHeaders {
    /// Set by the gateway: `{ Authorization = "Bearer ${FILES_KEY}" }`. Values are treated as secrets.
    pub(in crate::config) add: Field<Named<SecretText>>,
    /// Passed on as clients send them.
    #[schemars(extend("default" = []))]
    pub(in crate::config) forward: Field<List<Parsed<HeaderName>>>,
}

/// TLS towards an upstream.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct UpstreamTls {
    /// The file of the authorities its certificate may be signed by (PEM), instead of those of the machine.
    pub(in crate::config) ca: Key<FilePath>,
    /// The file of a certificate to show (PEM). With `key`.
    pub(in crate::config) cert: Key<FilePath>,
    /// The file of its key (PEM).
    pub(in crate::config) key: Key<FilePath>,
}

/// How long an upstream may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct UpstreamTimeouts {
    /// Until a connection stands.
    #[schemars(extend("default" = "5s"))]
    pub(in crate::config) connect: Key<Duration>,
    /// Until an answer begins. Once it has begun it may take its time, unless all of it has to be there before
    /// any is passed on, as lists have that are filtered.
    #[schemars(extend("default" = "5m"))]
    pub(in crate::config) answer: Key<Duration>,
}

/// Proofs of possession.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Dpop {
    /// Whether a proof must carry a nonce of the gateway, which keeps proofs from being made ahead of time.
    /// Clients ask once more to get it.
    #[schemars(extend("default" = false))]
    pub(in crate::config) nonce: Field<bool>,
}

/// What becomes of the headers of answers. `Set-Cookie`, `WWW-Authenticate` and what belongs to one
/// connection never pass.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ResponseHeaders {
    /// Set by the gateway, over what the upstream says.
    pub(in crate::config) add: Field<Named<Parsed<Line>>>,
    /// Left out.
    #[schemars(extend("default" = []))]
    pub(in crate::config) remove: Field<List<Parsed<HeaderName>>>,
}
