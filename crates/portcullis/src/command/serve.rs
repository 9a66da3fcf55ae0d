//! `portcullis serve`: from the configuration to the last request.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use portcullis_resource::clock::SystemClock;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{CommandError, configured, manager, runtime};
use crate::args::ConfigFile;
use crate::config::outside::Machine;
use crate::config::{self, Config};
use crate::gateway::{Changes, Gateway, Serving, Threads, Workers};
use crate::observe::log;

/// What the manager of services is told of a reload that came to nothing.
const REFUSED: &str = "; the new configuration is refused, see the log";

/// Serves until it is told to end.
pub fn run(file: &ConfigFile) -> Result<(), CommandError> {
    let (path, config) = configured(file)?;
    let system = |what| move |error| CommandError::System { what, error };
    let threads = Threads::start().map_err(system("no threads"))?;
    // For whatever is not a client's connection: keys, files, what operators ask.
    runtime()?.block_on(serve(threads.workers(), &path, config))
}

/// What the process can be told.
enum Told {
    Reload { by_signal: bool },
    End,
}

struct Signals {
    reload: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Signals, CommandError> {
        let listen =
            |kind| signal(kind).map_err(|error| CommandError::System { what: "no signals", error });
        Ok(Signals {
            reload: listen(SignalKind::hangup())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self, changes: &mut Changes) -> Told {
        loop {
            tokio::select! {
                _ = self.reload.recv() => return Told::Reload { by_signal: true },
                _ = self.terminate.recv() => return Told::End,
                _ = self.interrupt.recv() => return Told::End,
                () = tokio::time::sleep(Changes::INTERVAL) => {
                    if changes.any() {
                        return Told::Reload { by_signal: false };
                    }
                }
            }
        }
    }
}

async fn serve(workers: Workers, path: &Path, config: Config) -> Result<(), CommandError> {
    let mut signals = Signals::new()?;
    let mut changes = Changes::of(config.files());
    let is_terminal = std::io::stderr().is_terminal();
    // There is one log in a process, and this is the process.
    let _ = log::begin(config.log, is_terminal);
    let serving = Gateway::start_on(workers.clone(), &config, Arc::new(SystemClock)).await?;
    tracing::info!(address = %serving.address(), "listening");
    let listening = format!("listening on {}", serving.address());
    manager::watch(workers);
    manager::ready(&listening);
    while let Told::Reload { by_signal } = signals.next(&mut changes).await {
        manager::reloading();
        if by_signal {
            // What changed until now is read by this.
            changes.any();
            serving.reopen_audit().await;
        }
        match reload(path, &serving, &mut changes) {
            Ok(()) => {
                tracing::info!("the configuration was read again");
                manager::ready(&listening);
            }
            Err(error) => {
                tracing::error!("the configuration stays as it was: {error}");
                manager::ready(&format!("{listening}{REFUSED}"));
            }
        }
    }
    manager::stopping("answers under way are finished");
    serving.drain().await;
    Ok(())
}

fn reload(path: &Path, serving: &Serving, changes: &mut Changes) -> Result<(), CommandError> {
    let config = config::load(path, &Machine)?;
    // Also where it is refused: one of its files may be what has to change.
    changes.follow(config.files());
    Ok(serving.reload(&config)?)
}
