//! `portcullis serve`: from the configuration to the last request.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use portcullis_resource::clock::SystemClock;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{CommandError, configured};
use crate::args::ConfigFile;
use crate::config::surroundings::Machine;
use crate::config::{self, Config};
use crate::gateway::{Changes, Gateway, Serving, Threads, Workers};
use crate::observe::log;

/// Serves until it is told to end.
pub fn run(file: &ConfigFile) -> Result<(), CommandError> {
    let (path, config) = configured(file)?;
    let system = |what| move |error| CommandError::System { what, error };
    let threads = Threads::start().map_err(system("no threads"))?;
    // For whatever is not a client's connection: keys, files, what operators ask.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(system("no runtime"))?.block_on(serve(threads.workers(), &path, config))
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
    let serving = Gateway::start_on(workers, &config, Arc::new(SystemClock)).await?;
    tracing::info!(address = %serving.address(), "listening");
    while let Told::Reload { by_signal } = signals.next(&mut changes).await {
        if by_signal {
            serving.reopen_audit().await;
        }
        match reload(path, &serving) {
            Ok(config) => {
                changes = Changes::of(config.files());
                tracing::info!("the configuration was read again");
            }
            Err(error) => tracing::error!("the configuration stays as it was: {error}"),
        }
    }
    tracing::info!("draining");
    serving.drain().await;
    Ok(())
}

fn reload(path: &Path, serving: &Serving) -> Result<Config, CommandError> {
    let config = config::load(path, &Machine)?;
    serving.reload(&config)?;
    Ok(config)
}
