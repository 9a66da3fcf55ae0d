//! A process in place of a server.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use http::Response;
use http::request::Parts;
use portcullis_core::error::{Failure, NoAnswer};
use portcullis_core::secret::Secret;
use tokio::time::Instant;

use crate::config::server as config;
use crate::gateway::answer::Answer;
use crate::gateway::random;
use crate::observe::metrics::ServerMetrics;
use crate::rewrite::{Exchange, Outgoing};
use crate::stdio::{self, Accept, Settings, Stdio};

pub(in crate::gateway) struct Process {
    stdio: Stdio,
    identity: [u8; 32],
    is_shared: bool,
}

impl Process {
    /// One that is still wanted as it is stays.
    pub(super) fn new(
        server: &config::Server,
        process: &config::StdioUpstream,
        metrics: &ServerMetrics,
        before: Option<&Process>,
    ) -> Process {
        let identity = identity(process);
        let stdio = if let Some(same) = before.filter(|before| before.identity == identity) {
            same.stdio.clone()
        } else {
            let settings = settings(server.name.as_str(), process);
            Stdio::new(settings, Arc::clone(metrics.dropped()), random::fill)
        };
        Process { stdio, identity, is_shared: process.shared }
    }

    pub(super) fn around(&self, exchange: Exchange) -> Exchange {
        // The tasks of a process of one's own are one's own.
        if self.is_shared { exchange } else { exchange.with_own_upstream() }
    }

    pub(super) async fn send(
        &self,
        exchange: &Exchange,
        outgoing: &Outgoing,
        client: &Parts,
        listens_until: Option<Instant>,
    ) -> Result<Response<Answer>, Failure> {
        let accept = Accept::of(&client.headers);
        let answered = self.stdio.answer(exchange.permit(), outgoing, accept, listens_until).await;
        answered.map(|response| response.map(Answer::made)).map_err(unavailable)
    }

    pub(super) async fn shutdown(&self, deadline: Duration) {
        self.stdio.shutdown(deadline).await;
    }
}

/// No process has the request, so that it may be sent again.
fn unavailable(unavailable: stdio::Unavailable) -> Failure {
    match unavailable {
        stdio::Unavailable::UnknownSession => Failure::UnknownSession,
        stdio::Unavailable::NotStarted { reason, retry_after } => {
            NoAnswer::NotStarted { reason: reason.to_string(), retry_after }.into()
        }
        stdio::Unavailable::Busy => Failure::Busy("all its processes are at work"),
        stdio::Unavailable::Share => {
            Failure::Busy("the caller has its whole share of a process that people share at work")
        }
        stdio::Unavailable::Stopping => Failure::Busy("the gateway is stopping"),
    }
}

pub(in crate::gateway) fn settings(name: &str, process: &config::StdioUpstream) -> Settings {
    let config::StdioUpstream { program, args, env, cwd, shared, processes, idle_timeout } =
        process;
    let command = std::iter::once(program).chain(args);
    let copy = |secret: &Secret| Secret::new(secret.expose().to_owned());
    let env = env.iter().map(|(name, value)| (name.clone(), copy(value)));
    Settings {
        env: env.collect(),
        cwd: Some(cwd.clone()),
        shared: *shared,
        limits: stdio::Limits {
            processes: *processes,
            idle: *idle_timeout,
            ..stdio::Limits::default()
        },
        ..Settings::new(name, command.cloned().collect())
    }
}

/// A digest of all that is said of a process, to tell whether it is still the same that is wanted. Whatever
/// else is said of one some day has to be named here as well.
fn identity(process: &config::StdioUpstream) -> [u8; 32] {
    let config::StdioUpstream { program, args, env, cwd, shared, processes, idle_timeout } =
        process;
    let mut digest = digest::Context::new(&digest::SHA256);
    let mut part = |bytes: &[u8]| {
        digest.update(&(bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    part(program.as_bytes());
    part(&(args.len() as u64).to_be_bytes());
    for arg in args {
        part(arg.as_bytes());
    }
    part(&(env.len() as u64).to_be_bytes());
    for (name, value) in env {
        part(name.as_bytes());
        part(value.expose().as_bytes());
    }
    part(cwd.as_os_str().as_encoded_bytes());
    part(&[u8::from(*shared)]);
    part(&(*processes as u64).to_be_bytes());
    part(&idle_timeout.as_nanos().to_be_bytes());
    let mut identity = [0; 32];
    identity.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
    identity
}
