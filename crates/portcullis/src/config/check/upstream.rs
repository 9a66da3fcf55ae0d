//! Where a server is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_core::secret::Secret;

use super::{Here, Wrong, all, headers};
use crate::config::outside::beside;
use crate::config::raw::{self, At, Field, Key, Line, Named, Parsed, SecretText, UpstreamUrl};
use crate::config::server::{
    HttpUpstream, StdioUpstream, Transport, Upstream, UpstreamTimeouts, UpstreamTls,
};

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(300);
const IDLE: Duration = Duration::from_secs(600);
const PROCESSES: u32 = 32;

pub(super) fn check(raw: raw::Server, here: Here<'_>) -> Option<Upstream> {
    match (&raw.upstream, &raw.command) {
        (Field::Absent, Field::Absent) => {
            here.report_here(Wrong::UpstreamMissing);
            None
        }
        (_, Field::Absent) => {
            not_for_http(&raw, here);
            http(raw, here).map(Upstream::Http)
        }
        (Field::Absent, _) => {
            not_for_stdio(&raw, here);
            stdio(raw, here).map(Upstream::Stdio)
        }
        (upstream, command) => {
            if let Some(place) = command.place().or(upstream.place()) {
                here.report(place, Wrong::Both { one: "upstream", other: "command" });
            }
            None
        }
    }
}

fn not_for_http(raw: &raw::Server, here: Here<'_>) {
    let only = "servers that are started here by \"command\"";
    here.alone(&raw.env, "env", only);
    here.alone(&raw.cwd, "cwd", only);
    here.alone(&raw.shared, "shared", only);
    here.alone(&raw.processes, "processes", only);
    here.alone(&raw.idle_timeout, "idle_timeout", only);
}

fn not_for_stdio(raw: &raw::Server, here: Here<'_>) {
    let only = "servers with an \"upstream\"";
    here.alone(&raw.transport, "transport", only);
    here.alone(&raw.upstream_headers, "upstream_headers", only);
    here.alone(&raw.upstream_tls, "upstream_tls", only);
    here.alone(&raw.upstream_timeouts, "upstream_timeouts", only);
}

fn http(raw: raw::Server, here: Here<'_>) -> Option<HttpUpstream> {
    let url = raw.upstream.value().map(|Parsed(UpstreamUrl(url))| url.clone());
    let tls = match raw.upstream_tls.get() {
        None => UpstreamTls::default(),
        Some(at) => {
            if url.as_ref().is_some_and(|url| url.scheme_str() == Some("http")) {
                here.report(at.place, Wrong::TlsOfHttp);
            }
            let path = format!("{}.upstream_tls", here.path);
            let here = Here { path: &path, place: at.place, ..here };
            let (cert, key) = (&at.value.cert, &at.value.key);
            UpstreamTls { ca: here.optional_file(&at.value.ca), identity: here.identity(cert, key) }
        }
    };
    let timeouts = raw.upstream_timeouts.value();
    let time = |key: Option<&Key<Duration>>, usual| {
        key.and_then(Field::value).map_or(usual, |Parsed(time)| *time)
    };
    let timeouts = UpstreamTimeouts {
        connect: time(timeouts.map(|timeouts| &timeouts.connect), CONNECT),
        answer: time(timeouts.map(|timeouts| &timeouts.answer), ANSWER),
    };
    let transport = match raw.transport.value() {
        None | Some(raw::Transport::Streamable) => Transport::Streamable,
        Some(raw::Transport::Sse) => Transport::Sse,
    };
    let (add, forward) = headers::of_upstream(raw.upstream_headers.take(), here)?;
    Some(HttpUpstream { url: url?, transport, tls, timeouts, add, forward })
}

fn stdio(raw: raw::Server, here: Here<'_>) -> Option<StdioUpstream> {
    let command = raw.command.get()?;
    let mut words = command.value.values().map(|Parsed(Line(word))| word.clone());
    let file = here.context.sources.path_of(command.place);
    let Some(program) = words.next() else {
        if command.value.is_empty() {
            here.report(command.place, Wrong::EmptyList("command"));
        }
        return None;
    };
    let args = words.collect();
    // A bare name is looked for where programs are; anything else is a path.
    let program =
        if program.contains('/') { beside(file, &program).display().to_string() } else { program };
    let processes = raw.processes.value().map_or(PROCESSES, |count| count.0);
    Some(StdioUpstream {
        program,
        args,
        cwd: here.optional_file(&raw.cwd).unwrap_or_else(|| folder(file)),
        shared: raw.shared.value().copied().unwrap_or(false),
        processes: usize::try_from(processes).unwrap_or(usize::MAX),
        idle_timeout: raw.idle_timeout.value().map_or(IDLE, |Parsed(time)| *time),
        env: env(raw.env.take(), here)?,
    })
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn env(named: Option<At<Named<SecretText>>>, here: Here<'_>) -> Option<Vec<(String, Secret)>> {
    let mut env = Vec::new();
    for (key, value) in named.into_iter().flat_map(|at| at.value.0) {
        let path = format!("{}.env.{}", here.path, key.value);
        let here = Here { path: &path, place: key.place, ..here };
        if key.value.is_empty() || key.value.contains(['=', '\0']) {
            here.report_here(Wrong::VariableName(key.value.clone()));
        }
        let place = value.place().unwrap_or(key.place);
        let secret = value.take().and_then(|value| here.secret(value));
        if secret.as_ref().is_some_and(|secret| secret.expose().contains('\0')) {
            here.report(place, Wrong::VariableValue);
        }
        env.push(secret.map(|secret| (key.value, secret)));
    }
    all(env)
}
