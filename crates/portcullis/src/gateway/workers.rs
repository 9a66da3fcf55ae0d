//! Who serves connections: the runtime that the gateway was started in, or a thread for each processor.
//!
//! A connection stays where it was begun, and so do the connections to upstreams that its requests go on. No
//! thread wakes another for a request, and each has a runtime that knows of no other: that is worth a
//! twentieth of what nginx takes for a request (docs/PERFORMANCE.md).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use pin_project_lite::pin_project;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Threads of a worker for what blocks: the system's resolver of names, mostly.
const BLOCKING: usize = 16;

/// Runtimes to serve connections in.
#[derive(Clone, Debug)]
pub struct Workers(Arc<[Worker]>);

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// How many connections it has.
    connections: Arc<AtomicUsize>,
}

/// Threads with a runtime each, until this is dropped.
#[derive(Debug)]
pub struct Threads {
    workers: Workers,
    running: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Workers {
    /// The runtime that this is called in.
    pub fn here() -> Workers {
        Workers::of([Handle::current()])
    }

    fn of(runtimes: impl IntoIterator<Item = Handle>) -> Workers {
        let worker = |runtime| Worker { runtime, connections: Arc::default() };
        Workers(runtimes.into_iter().map(worker).collect())
    }

    /// Serves a connection where there are fewest.
    pub(super) fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let fewest = self.0.iter().min_by_key(|worker| worker.connections.load(Ordering::Relaxed));
        let Some(Worker { runtime, connections }) = fewest else { return };
        connections.fetch_add(1, Ordering::Relaxed);
        runtime.spawn(Counted { connection, among: Among(Arc::clone(connections)) });
    }
}

impl Workers {
    /// Until each of them has got around to something.
    pub async fn respond(&self) {
        let asked: Vec<_> = self.0.iter().map(|worker| worker.runtime.spawn(async {})).collect();
        for answer in asked {
            // Where its runtime has ended there is nothing that could hang.
            let _ = answer.await;
        }
    }
}

pin_project! {
    /// A connection that is counted until it ends, in whatever way. (As a block of `async` it would take twice
    /// its size.)
    struct Counted<C> {
        #[pin]
        connection: C,
        among: Among,
    }
}

impl<C: Future<Output = ()>> Future for Counted<C> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().connection.poll(cx)
    }
}

struct Among(Arc<AtomicUsize>);

impl Drop for Among {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Threads {
    /// One for each processor that this process may use.
    pub fn start() -> io::Result<Threads> {
        let count = thread::available_parallelism()?.get();
        let mut running = Vec::with_capacity(count);
        let mut runtimes = Vec::with_capacity(count);
        for number in 0..count {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(BLOCKING)
                .build()?;
            runtimes.push(runtime.handle().clone());
            let (end, ended) = oneshot::channel();
            let thread = thread::Builder::new().name(format!("worker-{number}"));
            let thread = thread.spawn(move || drop(runtime.block_on(ended)))?;
            running.push((end, thread));
        }
        Ok(Threads { workers: Workers::of(runtimes), running })
    }

    /// To serve connections.
    pub fn workers(&self) -> Workers {
        self.workers.clone()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let (ends, threads): (Vec<_>, Vec<_>) = self.running.drain(..).unzip();
        drop(ends);
        for thread in threads {
            // A panic there has been told of.
            let _ = thread.join();
        }
    }
}
