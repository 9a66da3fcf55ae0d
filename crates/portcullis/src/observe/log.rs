//! The log: what an operator reads while the gateway runs. It goes to the standard error, as lines for people
//! on a terminal and as JSON elsewhere.
//!
//! # What is never logged
//! * a token, a proof, a session or task id of an upstream, a client secret, a key: of a token, the first eight
//!   hex digits of its hash
//! * headers and bodies of requests and answers, and arguments of calls
//! * anything below warnings of the libraries underneath, some of which write headers there: the level of the
//!   configuration is that of Portcullis alone

use std::io;

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::config::gateway::{Log, LogFormat, LogLevel};

/// What the targets of all our crates begin with.
const OURS: &str = "portcullis";

/// There is a log already.
#[derive(Debug, thiserror::Error)]
#[error("the log was begun before")]
pub struct AlreadyBegun;

/// Begins to log to the standard error. `is_terminal` says whether people read there.
pub fn begin(log: Log, is_terminal: bool) -> Result<(), AlreadyBegun> {
    let dispatch = to(log, is_terminal, io::stderr);
    dispatcher::set_global_default(dispatch).map_err(|_| AlreadyBegun)
}

/// A log that goes elsewhere.
pub fn to<W>(log: Log, is_terminal: bool, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let ours = level(log.level);
    let theirs = ours.min(LevelFilter::WARN);
    let filter = Targets::new().with_default(theirs).with_target(OURS, ours);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    let for_people = match log.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    if for_people {
        Dispatch::new(registry.with(lines.with_target(false)))
    } else {
        Dispatch::new(registry.with(lines.json().flatten_event(true).with_current_span(false)))
    }
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
