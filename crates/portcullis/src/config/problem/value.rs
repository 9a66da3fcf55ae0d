//! Why a text does not mean what a key wants, and what it should look like.

use ipnet::IpNet;
use portcullis_core::{id, scope};

/// Why a text does not mean what a key wants.
#[derive(Debug, thiserror::Error)]
pub(in crate::config) enum BadValue {
    #[error("the text is empty: write something, or leave the key out")]
    Empty,
    #[error("control characters have no place here")]
    Control,
    #[error("a duration is a number and ms, s, m, h or d, as in \"30s\"")]
    Duration,
    #[error("a duration of nothing is no limit and no time: write one, or leave the key out")]
    ZeroDuration,
    #[error("a duration is a year at most")]
    LongDuration,
    #[error("a size is a number and B, KiB, MiB or GiB, as in \"4MiB\"")]
    Size,
    #[error("a rate is a number and a time, as in \"600/m\" or \"20/s\", or \"unlimited\"")]
    Rate,
    #[error(
        "a network is an address, one with a length as in \"10.0.0.0/8\", \"loopback\" or \"private\""
    )]
    Network,
    #[error("that is everybody: name the networks that are meant")]
    Everybody,
    #[error("the address has more digits than the length says: write \"{0}\"")]
    NetworkBits(IpNet),
    #[error("an IP address and a port are wanted here, as in \"127.0.0.1:8080\" or \"[::1]:8080\"")]
    Address,
    #[error("no URL to use here: {0}")]
    Url(id::Invalid),
    #[error("an http or https URL with a host is wanted here, as in \"http://127.0.0.1:3000/mcp\"")]
    UpstreamUrl,
    #[error("no name and password before the host: a credential goes into upstream_headers")]
    UserInfo,
    #[error("a path begins with a slash, as in \"/files/mcp\"")]
    NoSlash,
    #[error("a path has no query and no fragment")]
    PathWithQuery,
    #[error(
        "a path is compared byte for byte: letters, digits and - . _ ~ between single slashes, no dot segments, \
         and no slash at the end"
    )]
    PathLetters,
    #[error("no scope: {0}")]
    Scope(scope::Invalid),
    #[error("no role: {0}")]
    Role(scope::Invalid),
    #[error("no client identifier: {0}")]
    ClientId(id::Invalid),
    #[error(
        "no algorithm that is accepted: those are RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and \
         EdDSA"
    )]
    Algorithm,
    #[error("no name of a header")]
    HeaderName,
    #[error("a host and, where it is unusual, a port are wanted here, as in \"mcp.internal:8080\"")]
    Host,
    #[error(
        "an origin is what browsers send: scheme, host in lower case and unusual port, as in \
         \"https://app.example.com\", without a slash at the end"
    )]
    Origin,
    #[error("a whole number from 1 to 1000000 is wanted here")]
    Count,
}
