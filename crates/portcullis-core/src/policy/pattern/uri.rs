//! The parts of a URI, or of a pattern over URIs, found without resolving anything.

use std::ops::Range;

/// The parts of a URI, or of a pattern over URIs.
pub(super) struct Regions<'t> {
    pub(super) text: &'t str,
    /// What stands before `://`, where that may be a scheme.
    pub(super) scheme: Option<&'t str>,
    /// Empty where there is none.
    pub(super) authority: Range<usize>,
}

impl<'t> Regions<'t> {
    pub(super) fn of(text: &'t str) -> Regions<'t> {
        let Some((scheme, rest)) = text.split_once("://").and_then(behind_scheme) else {
            return Regions { text, scheme: None, authority: 0..0 };
        };
        let start = text.len().saturating_sub(rest.len());
        let len = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Regions { text, scheme: Some(scheme), authority: start..start.saturating_add(len) }
    }

    /// What stands behind the authority and before the query; all of what is no URI, where a question
    /// mark is a letter.
    pub(super) fn path(&self) -> &'t str {
        let behind = self.text.get(self.authority.end..).unwrap_or_default();
        match self.scheme {
            Some(_) => behind.split('?').next().unwrap_or_default(),
            None => behind,
        }
    }

    /// The authority as it is written.
    pub(super) fn host(&self) -> &'t str {
        self.text.get(self.authority.clone()).unwrap_or_default()
    }

    /// Whether the authority of a pattern is but a star.
    pub(super) fn is_every_host(&self) -> bool {
        !self.authority.is_empty() && self.host().bytes().all(|byte| byte == b'*')
    }

    /// Whether the authority may be a host, whose end says whose it is.
    pub(super) fn may_name_a_host(&self) -> bool {
        self.scheme.is_some_and(|scheme| scheme.contains('*') || has_hosts(scheme))
    }

    /// Whether one star ends the authority behind a colon, where that is a port.
    pub(super) fn has_starred_port(&self) -> bool {
        self.may_name_a_host() && self.host().ends_with(":*")
    }

    /// Whether a pattern leaves whose a host is to a star: names are read from their ends, and anybody can
    /// register what such a star matches.
    pub(super) fn has_open_host(&self) -> bool {
        let host = without_port(behind_user(self.host()));
        let Some((before, end)) = host.rsplit_once('*') else { return false };
        let is_every_host = host.bytes().all(|byte| byte == b'*');
        if self.may_name_a_host() {
            return !is_every_host && !names_owner(before, end);
        }
        // Under other schemes most authorities are names; one with a user is a host all the same.
        !is_every_host && end.is_empty() && self.host().contains('@')
    }
}

/// Whether the end of a host says whose it is: behind a dot it does where nothing stands before the star, and
/// else with a domain and all of the label before it. Some domains have two labels (`co.uk`).
fn names_owner(before: &str, end: &str) -> bool {
    if end.starts_with('.') && before.trim_end_matches('*').is_empty() {
        return true;
    }
    let mut labels = end.rsplit('.');
    let (top, second) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
    let is_public = top.len() == 2
        && (second.len() < 3 || ["com", "org", "net", "gov", "edu"].contains(&second));
    labels.count() > usize::from(is_public)
}

/// The authority without its user.
pub(super) fn behind_user(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or_default()
}

/// The host without its port.
pub(super) fn without_port(host: &str) -> &str {
    host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(host, _)| host)
}

/// Whether it is a port, or a pattern over ports.
fn is_port(text: &str) -> bool {
    text == "*" || text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the scheme is one of those whose hosts are names on the Web, whoever registered them, and which
/// browsers read by rules of their own. `git+https` is read as `https`.
pub(super) fn is_of_the_web(scheme: &str) -> bool {
    let transport = scheme.rsplit('+').next().unwrap_or_default();
    is_any(transport, &["http", "https", "ws", "wss", "ftp"])
}

/// Whether the scheme is known for hosts. Under others the authority is a name that its server made up.
fn has_hosts(scheme: &str) -> bool {
    const OTHERS: &[&str] = &[
        "ssh",
        "git",
        "sftp",
        "scp",
        "rsync",
        "svn",
        "telnet",
        "tcp",
        "udp",
        "postgres",
        "postgresql",
        "mysql",
        "mariadb",
        "sqlserver",
        "mongodb",
        "redis",
        "rediss",
        "amqp",
        "amqps",
        "mqtt",
        "mqtts",
        "nats",
        "kafka",
        "ldap",
        "ldaps",
        "smtp",
        "smtps",
        "imap",
        "imaps",
        "rtsp",
        "smb",
        "nfs",
    ];
    is_of_the_web(scheme) || scheme.split('+').any(|part| is_any(part, OTHERS))
}

fn is_any(scheme: &str, known: &[&str]) -> bool {
    known.iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// What a scheme is made of (RFC 3986 section 3.1).
pub(super) fn is_of_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-')
}

/// The scheme that stands before `://`, and the rest. A path may have `://` further on; `git::` and `url=` may
/// stand before the scheme.
fn behind_scheme<'t>((before, rest): (&'t str, &'t str)) -> Option<(&'t str, &'t str)> {
    let is_of_pattern = |c: char| c == '*' || u8::try_from(c).is_ok_and(is_of_scheme);
    let scheme = before.rsplit(|c| !is_of_pattern(c)).next().unwrap_or_default();
    (!scheme.is_empty() && !before.contains(['/', '?', '#'])).then_some((scheme, rest))
}
