//! Every way in which a configuration can be wrong, in words: what is wrong, why where it is not plain, and
//! the way out. A value is never repeated: the line is shown beside it.

use portcullis_core::metadata::MetadataError;
use portcullis_core::policy::{BadPolicy, BadRule};
use portcullis_core::scope;
use portcullis_core::token::InvalidPath;

use crate::config::server::Written;
use crate::config::source::BadPlaceholder;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(in crate::config) enum Wrong {
    // Texts and files
    #[error("not TOML: {}", plainly(.0))]
    Syntax(String),
    #[error("{0}")]
    Placeholder(BadPlaceholder),
    #[error("an integer of 64 bits is wanted here")]
    HugeInteger,
    #[error("{path} cannot be read: {error}")]
    Unreadable { path: String, error: std::io::Error },
    #[error("one * may stand in the last part of the path, as in \"conf.d/*.toml\"")]
    IncludePattern,
    #[error("more than {0} files; is the pattern meant to match all of them?")]
    TooManyFiles(usize),
    #[error("only the main file includes others: move the line there")]
    NestedInclude,
    #[error("which files are read is said in the main file; no variable changes it")]
    IncludeOverridden,
    #[error(
        "it stands in two files. Named tables come together from several files; each of them, and every \
         other key, has one file"
    )]
    Twice,
    #[error("the value of the variable is not text (UTF-8)")]
    NoText,
    #[error("the variable is aimed into something that is no table")]
    NoTableToOverride,

    // Keys and values
    #[error("{wanted} is wanted here, not {found}")]
    Kind { wanted: String, found: &'static str },
    #[error("{0}")]
    Value(String),
    #[error("one of {words} is wanted here{}", did_you_mean(*.meant))]
    Word { words: String, meant: Option<&'static str> },
    #[error("{key:?} is no key here{}", did_you_mean_or(*.meant, .keys))]
    UnknownKey { key: String, meant: Option<&'static str>, keys: String },
    #[error("{0:?} is missing")]
    Missing(&'static str),
    #[error("{what} is not in this version yet; {instead}")]
    Later { what: &'static str, instead: &'static str },
    #[error(
        "{what} is not in this build; take one that was made with `--features {feature}`, or leave the table out"
    )]
    NotBuilt { what: &'static str, feature: &'static str },
    #[error("{key:?} is for {only}, and there is none here: leave it out")]
    Alone { key: &'static str, only: &'static str },
    #[error("{one:?} and {other:?} exclude each other: keep one")]
    Both { one: &'static str, other: &'static str },
    #[error("{0:?} is empty: name something, or leave it out")]
    EmptyList(&'static str),
    #[error(
        "a name of a table is a lower-case letter and then lower-case letters, digits, - and _, 64 in all"
    )]
    Name,
    #[error("{0:?} is the same name to a variable of the environment: call one of them otherwise")]
    SimilarNames(String),

    // What there is once
    #[error(
        "public_url is scheme, host and port, as in \"https://mcp.example.com\": paths stand at servers, and \
         metadata is found at the root of a host"
    )]
    PublicUrlPath,
    #[error(
        "public_url ends with a slash, which clients would take for a part of it: write it without"
    )]
    PublicUrlSlash,
    #[error(
        "\"public_url\" is missing, and servers.{0} has a \"path\", which is joined to it. It is where clients \
         reach the gateway, as in \"https://mcp.example.com\"; or give the server a whole \"url\""
    )]
    PublicUrlMissing(String),
    #[error(
        "clients are told {url} and the listener speaks TLS: write https there, or leave \"tls\" out"
    )]
    HttpWithTls { url: String },
    #[error(
        "{url} is for this machine, and plain HTTP on {listen} is open to the network: listen on 127.0.0.1, or \
         give the listener \"tls\" and write https"
    )]
    HttpOnNetwork { url: String, listen: std::net::SocketAddr },
    #[error(
        "\"trusted_proxies\" is missing. Clients come by https and the listener has no \"tls\", so a proxy stands \
         in front; without its name all clients have one address, and limits for one are limits for all. Write \
         [\"loopback\"] or its network; [] where there is none"
    )]
    ProxyUnnamed,
    #[error(
        "there is no server: write [servers.NAME] with \"path\", \"upstream\" or \"command\", and \"access\""
    )]
    NoServers,
    #[error(
        "a port that is reached from elsewhere needs \"allow_from\": there is no password. Write the networks that \
         may connect, such as [\"private\"], or listen on 127.0.0.1"
    )]
    AdminOpen,
    #[error("{0} listens there already: choose another port")]
    AddressTaken(&'static str),
    #[error(
        "the endpoint is the whole URL that takes spans, as in \"https://collector.example.com:4318/v1/traces\": its \
         path is missing"
    )]
    SpansPath,
    #[error(
        "this version keeps everything in this process: write \"memory:\". sqlite: and postgres: follow"
    )]
    StoreLater,
    #[error("a store is \"memory:\"")]
    Store,
    #[error(
        "a seal key is 32 bytes, as 64 hexadecimal digits or in Base64; `openssl rand -hex 32` makes one"
    )]
    SealKey,
    #[error("a secret is not empty")]
    EmptySecret,

    // Servers
    #[error(
        "\"access\" is missing. \"signed-in\" lets every valid token call every tool; \"rules\" denies what no \
         rule allows"
    )]
    AccessMissing,
    #[error(
        "it is not said where clients find it: write \"path\", which is joined to public_url, or a whole \"url\""
    )]
    PlaceMissing,
    #[error(
        "it is not said where the server is: write \"upstream\" with its URL, or \"command\" to start it here"
    )]
    UpstreamMissing,
    #[error("{0} has the same URL to clients: tokens for one would be tokens for the other")]
    SameResource(String),
    #[error(
        "the URL differs from that of {0} by a slash at the end, which people and programs lose: choose another \
         path"
    )]
    AlmostSameResource(String),
    #[error("the gateway answers {0} itself: choose another path")]
    OwnPath(&'static str),
    #[error(
        "\"issuers\" is missing: name those of [issuers] whose tokens are accepted here{}", listed(.0)
    )]
    IssuersMissing(Vec<String>),
    #[error("there is no [issuers.{name}]{}", suggestion(.name, .known))]
    UnknownIssuer { name: String, known: Vec<String> },
    #[error("{0:?} is listed twice")]
    ListedTwice(String),
    #[error(
        "{first} and {second} may both be asked about opaque tokens, and nobody could say whose a token is without \
         showing it around: list one of them, or leave \"introspection\" out at the other"
    )]
    TwoOpaque { first: String, second: String },
    #[error("{first} and {second} are the same issuer: list one of them")]
    SameIssuer { first: String, second: String },
    #[error(
        "servers.{other} has the same audience, so that a token for one is one for the other. Where that is meant, \
         write it into shared_audiences at the top"
    )]
    SharedAudience { other: String },
    #[error(
        "this is the URL of servers.{other}: tokens for it would be taken here. Leave it out; shared_audiences does \
         not allow it either"
    )]
    OtherResource { other: String },
    #[error(
        "no two servers have this audience: leave it out, or write it into \"audience\" of both"
    )]
    NotShared,
    #[error(
        "\"introspection_clients\" is for issuers that are asked, and none of those listed has \"introspection\""
    )]
    NobodyAsked,
    #[error(
        "{0} is http on this machine, and this server is for others too: its clients could not reach the issuer"
    )]
    LocalIssuer(String),
    #[error("the metadata of the server: {0}")]
    Metadata(MetadataError),
    #[error("{0}")]
    Policy(BadPolicy),
    #[error(
        "rules are asked under access = \"rules\" only; under \"signed-in\" everything is allowed without them"
    )]
    RulesUnasked,
    #[error("{0}")]
    Rule(BadRule),
    #[error(
        "{entry:?} is never asked: the rule at {by} allows it to everybody whom this one would, and rules only \
         allow. Narrow that rule, or leave this entry out"
    )]
    NeverAsked { entry: String, by: Written },
    #[error("too many scopes in all: {0}")]
    Hierarchy(scope::Invalid),
    #[error("{0:?} is no name of a variable")]
    VariableName(String),
    #[error("a value of a variable has no NUL")]
    VariableValue,
    #[error("{0:?} is no name of a header")]
    HeaderName(String),
    #[error("a value of a header has printable ASCII letters and blanks between them")]
    HeaderValue,
    #[error("{header}: {why}")]
    ForbiddenHeader { header: String, why: &'static str },
    #[error("upstream_tls is for https, and \"upstream\" is http")]
    TlsOfHttp,
    #[error("\"cert\" and \"key\" stand together: {0:?} is missing")]
    HalfIdentity(&'static str),

    // Issuers
    #[error("no value is named, so that no token would do: name at least one")]
    NoValues,
    #[error("five minutes are the most: every expired token would live so much longer")]
    Skew,
    #[error("{0}")]
    ClaimPath(InvalidPath),
    #[error("{method} goes with {wanted:?}, which is missing")]
    CredentialMissing { method: &'static str, wanted: &'static str },
    #[error("{method} does not go with {found:?}: leave one of them out")]
    CredentialUnused { method: &'static str, found: &'static str },
    #[error(
        "it is not said how the gateway shows who it is: write one of \"client_secret\", \"private_key\" and \
         \"certificate\", or auth = \"none\" where it is asked for nothing"
    )]
    NoCredential,
}

fn did_you_mean(meant: Option<&'static str>) -> String {
    meant.map(|meant| format!("; did you mean {meant:?}?")).unwrap_or_default()
}

/// The one key that was meant, or all there are.
fn did_you_mean_or(meant: Option<&'static str>, keys: &str) -> String {
    meant.map_or_else(|| format!("; there are: {keys}"), |meant| did_you_mean(Some(meant)))
}

/// What a parser says, as somebody wants to hear it who is no parser.
fn plainly(message: &str) -> &str {
    match message {
        "duplicate key" => "the key or table stands twice: keep one of them",
        "invalid basic string, expected `\"`" => "the quote at the end is missing",
        "string values must be quoted, expected literal string" => "a text is written in quotes",
        number if number.starts_with("invalid float") || number.starts_with("invalid integer") => {
            "that is no number, and a text is written in quotes"
        }
        other => other,
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return ", of which there is none yet".to_owned();
    }
    format!(" ({})", names.join(", "))
}

fn suggestion(name: &str, known: &[String]) -> String {
    match crate::nearest::nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("; did you mean {meant:?}?"),
        None => format!("; there are: {}", known.join(", ")),
    }
}
