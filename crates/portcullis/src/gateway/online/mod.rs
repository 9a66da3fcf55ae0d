//! Whether all that a configuration names is there: files, issuers, servers. Asked in the way that the gateway asks
//! when it serves, by the same code, and on nobody's behalf.
//!
//! * `issuer` – what it says of itself, its keys, whether it tells us about tokens
//! * `server` – reached, or started

mod issuer;
mod server;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portcullis_resource::clock::Clock;
use tokio::time::timeout;

use self::server::Asking;
use super::issuers;
use super::tls::{Unusable, certificates, load};
use crate::config::Config;
use crate::config::server::Upstream;

/// For each question, with all that it takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// What was found out about one thing.
#[derive(Debug)]
pub struct Finding {
    /// Of whom, as the configuration calls it.
    pub about: String,
    /// Which of its parts.
    pub part: &'static str,
    /// How it is, or what is wrong and the way out.
    pub outcome: Result<String, String>,
}

/// What of the files that a configuration names cannot be used. Nobody is asked.
pub fn files(config: &Config, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let found = |about: String, part, outcome: Result<(), Unusable>| {
        let unusable = outcome.err()?;
        // It says itself whose key it is.
        let text = match unusable {
            Unusable::Key { error, .. } => format!("private_key: {error}"),
            other => other.to_string(),
        };
        Some(Finding { about, part, outcome: Err(text) })
    };
    let listener = config.tls.as_ref();
    let listener = listener.map(|tls| found("tls".to_owned(), "files", load(tls).map(drop)));
    let of_issuers = config.issuers.iter().map(|issuer| {
        found(format!("issuers.{}", issuer.name), "files", issuers::check(issuer, clock))
    });
    let of_servers = config.servers.iter().filter_map(|server| match &server.upstream {
        Upstream::Http(http) => {
            let outcome = super::upstream::Upstream::new(http).map(drop);
            Some(found(format!("servers.{}", server.name), "upstream", outcome))
        }
        Upstream::Stdio(_) => None,
    });
    listener.into_iter().chain(of_issuers).chain(of_servers).flatten().collect()
}

/// How many authorities sign certificates of clients.
pub fn authorities(path: &Path) -> usize {
    certificates(path).map_or(0, |found| found.len())
}

/// Asks all issuers and servers at once, and tells what came of it in the order of the configuration.
pub async fn reach(config: &Config, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let mut asked = Vec::new();
    for issuer in &config.issuers {
        let (issuer, clock) = (Arc::clone(issuer), Arc::clone(clock));
        asked.push(tokio::spawn(async move { issuer::ask(&issuer, &clock).await }));
    }
    for server in &config.servers {
        let about = format!("servers.{}", server.name);
        let part = match &server.upstream {
            Upstream::Http(_) => "upstream",
            Upstream::Stdio(_) => "command",
        };
        let asking = Asking::of(server);
        asked.push(tokio::spawn(async move {
            let outcome = match asking {
                Ok(asking) => asking.answer().await,
                Err(unusable) => Err(unusable.to_string()),
            };
            vec![Finding { about, part, outcome }]
        }));
    }
    let mut findings = Vec::new();
    for task in asked {
        findings.extend(task.await.unwrap_or_else(|error| {
            let (about, outcome) = ("check".to_owned(), Err(error.to_string()));
            vec![Finding { about, part: "itself", outcome }]
        }));
    }
    findings
}

async fn within(asking: impl Future<Output = Result<String, String>>) -> Result<String, String> {
    let late = |_| Err(format!("no answer within {} s", DEADLINE.as_secs()));
    timeout(DEADLINE, asking).await.unwrap_or_else(late)
}
