//! Who takes part, with which calls, and what is asked of ours.

use crate::repo::{Failure, Result};

/// What every ratio is a ratio to.
pub(super) const YARDSTICK: &str = "nginx";

/// The bound of "no dearer than one": as much as two runs of the same thing differ.
const SAME: f64 = 1.05;

/// A proxy in one setting, before one kind of calls.
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) proxy: Proxy,
    pub(super) calls: Calls,
    pub(super) bound: Option<Bound>,
    /// Whether its held streams are measured as well: once for each kind of proxy.
    pub(super) holds_streams: bool,
    /// Whether it runs without being named.
    pub(super) usual: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proxy {
    Nginx {
        access_log: bool,
    },
    /// With `jwt_verify` by this algorithm.
    Haproxy(Option<Algorithm>),
    /// The bench's own, with these options.
    Bare(&'static [&'static str]),
    /// Ours; without introspection all its tokens are JWTs.
    Portcullis,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    OneToken(Algorithm),
    /// [`ROTATION`] tokens in turn.
    Rotation,
    NewTokens(Algorithm),
    Opaque,
}

pub(super) const ROTATION: usize = 2000;

/// The most that its CPU time for a request may be.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub(super) times: f64,
    pub(super) of: &'static str,
}

impl Contender {
    const fn new(name: &'static str, proxy: Proxy, about: &'static str) -> Self {
        Contender {
            name,
            about,
            proxy,
            calls: Calls::OneToken(Algorithm::Rs256),
            bound: None,
            holds_streams: false,
            usual: true,
        }
    }

    /// What it is held against: what its bound names, else the yardstick.
    pub(super) fn beside(&self) -> &'static Contender {
        let of = self.bound.map_or(YARDSTICK, |bound| bound.of);
        let [yardstick, ..] = CONTENDERS;
        CONTENDERS.iter().find(|contender| contender.name == of).unwrap_or(yardstick)
    }

    const fn calls(self, calls: Calls) -> Self {
        Contender { calls, ..self }
    }

    const fn at_most(self, times: f64, of: &'static str) -> Self {
        Contender { bound: Some(Bound { times, of }), ..self }
    }

    const fn holds_streams(self) -> Self {
        Contender { holds_streams: true, ..self }
    }

    const fn only_when_named(self) -> Self {
        Contender { usual: false, ..self }
    }
}

pub(super) const BARE: &str = "bare-hyper";
pub(super) const OURS: &str = "portcullis";

const NGINX: Proxy = Proxy::Nginx { access_log: false };
const LOGGING_NGINX: Proxy = Proxy::Nginx { access_log: true };
const HAPROXY_RS256: Proxy = Proxy::Haproxy(Some(Algorithm::Rs256));
const HAPROXY_ES256: Proxy = Proxy::Haproxy(Some(Algorithm::Es256));

pub(super) const CONTENDERS: &[Contender; 16] = &[
    Contender::new(YARDSTICK, NGINX, "plain proxy, kept upstream connections, no access log")
        .holds_streams(),
    Contender::new("nginx-log", LOGGING_NGINX, "the same, with an access log to a file"),
    Contender::new("haproxy", Proxy::Haproxy(None), "plain proxy").holds_streams(),
    Contender::new("haproxy-rs256", HAPROXY_RS256, "jwt_verify of RS256; issuer, audience, expiry"),
    Contender::new("haproxy-es256", HAPROXY_ES256, "the same with ES256")
        .calls(Calls::OneToken(Algorithm::Es256)),
    Contender::new(BARE, Proxy::Bare(&[]), "hyper and hyper-util's pool, nothing decided")
        .holds_streams(),
    Contender::new(
        "bare-hyper-own-pool",
        Proxy::Bare(&["--pool", "own"]),
        "with a stack of upstream connections instead of hyper-util's pool",
    )
    .holds_streams()
    .only_when_named(),
    Contender::new(
        "bare-hyper-cores",
        Proxy::Bare(&["--runtime", "cores"]),
        "with a runtime and a listener for each processor",
    )
    .holds_streams()
    .only_when_named(),
    Contender::new(
        "bare-hyper-flat",
        Proxy::Bare(&["--writev", "off"]),
        "with head and body copied into one buffer before they are written",
    )
    .only_when_named(),
    Contender::new(
        "bare-hyper-lean",
        Proxy::Bare(&["--pool", "own", "--runtime", "cores", "--writev", "off"]),
        "with all three",
    )
    .holds_streams()
    .only_when_named(),
    Contender::new(
        "bare-hyper-small-reads",
        Proxy::Bare(&["--read-buffer", "4096"]),
        "with a read buffer of 4 KiB towards the upstream",
    )
    .holds_streams()
    .only_when_named(),
    Contender::new(OURS, Proxy::Portcullis, "one warm RS256 token; 50 rules, metrics, audit file")
        .at_most(1.35, YARDSTICK)
        .holds_streams(),
    Contender::new("portcullis-2000", Proxy::Portcullis, "2,000 warm RS256 tokens in rotation")
        .calls(Calls::Rotation)
        .at_most(SAME, OURS),
    Contender::new("portcullis-new-rs256", Proxy::Portcullis, "every token new, RS256")
        .calls(Calls::NewTokens(Algorithm::Rs256))
        .at_most(2.6, YARDSTICK),
    Contender::new("portcullis-new-es256", Proxy::Portcullis, "every token new, ES256")
        .calls(Calls::NewTokens(Algorithm::Es256)),
    Contender::new(
        "portcullis-opaque",
        Proxy::Portcullis,
        "one opaque token, introspection cached",
    )
    .calls(Calls::Opaque)
    .at_most(1.40, YARDSTICK),
];

/// The yardstick, those that are named, separated by commas, and what those are held against; without names the
/// usual ones.
pub(super) fn chosen(names: Option<&str>) -> Result<Vec<&'static Contender>> {
    let Some(names) = names else {
        return Ok(CONTENDERS.iter().filter(|contender| contender.usual).collect());
    };
    let names: Vec<&str> = names.split(',').collect();
    if let Some(unknown) = names.iter().find(|name| CONTENDERS.iter().all(|c| c.name != **name)) {
        let known: Vec<&str> = CONTENDERS.iter().map(|contender| contender.name).collect();
        let known = known.join(", ");
        return Err(Failure::Usage(format!("no contender named {unknown:?}; there are {known}")));
    }
    let asked_for: Vec<&Contender> =
        CONTENDERS.iter().filter(|c| names.contains(&c.name)).collect();
    let wanted = |c: &&Contender| {
        c.name == YARDSTICK
            || asked_for.iter().any(|one| one.name == c.name || one.beside().name == c.name)
    };
    Ok(CONTENDERS.iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_bounds_name_a_contender_before() {
        for (i, contender) in CONTENDERS.iter().enumerate() {
            let before = &CONTENDERS[..i];
            assert!(before.iter().all(|other| other.name != contender.name), "{}", contender.name);
            let bound = contender.bound.is_none_or(|b| before.iter().any(|c| c.name == b.of));
            assert!(bound, "{}", contender.name);
        }
    }

    #[test]
    fn the_yardstick_is_always_there_and_an_unknown_name_is_refused() {
        let names: Vec<_> = chosen(Some(BARE)).unwrap().iter().map(|c| c.name).collect();
        assert_eq!(names, [YARDSTICK, BARE]);
        let names: Vec<_> =
            chosen(Some("portcullis-2000")).unwrap().iter().map(|c| c.name).collect();
        assert_eq!(names, [YARDSTICK, OURS, "portcullis-2000"]);
        assert!(chosen(Some("bare-hyper,nobody")).is_err());
        let usual = chosen(None).unwrap();
        assert_eq!(usual[0].name, YARDSTICK);
        assert!(usual.iter().all(|contender| contender.usual));
    }
}
