//! A process from its start to its end.
//!
//! Whoever starts it ends it: with its whole group, so that nothing it started stays behind, and however the
//! gateway ends.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::{AcquireError, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::handshake;
use super::lines::{Line, Lines};
use super::link::{End, Link, Manner, Outgoing, Sign, Stage, Wish};
use super::process::{Group, spawn};
use super::settings::Settings;

/// How long is waited for what a process wrote before it ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How much of a line of its standard error is logged.
const MAX_LOGGED: usize = 1024;

/// Runs a process for a link until either is over, with a place of each kind for as long as it is there.
pub(super) async fn run(
    link: Arc<Link>,
    settings: &Settings,
    places: Vec<Arc<Semaphore>>,
    lines: mpsc::Receiver<Outgoing>,
) -> End {
    let mut wishes = link.wishes();
    // One that is being stopped still holds its places.
    let taken = async {
        let mut taken = Vec::with_capacity(places.len());
        for place in places {
            taken.push(place.acquire_owned().await?);
        }
        Ok::<_, AcquireError>(taken)
    };
    let taken = tokio::select! {
        taken = timeout(settings.limits.start, taken) => taken,
        () = wished(&mut wishes, Wish::Stop) => return End::Stopped,
    };
    let Ok(Ok(_places)) = taken else {
        return End::NotStarted("as many processes as there may be are at work".into());
    };
    let (child, group) = match spawn(settings) {
        Ok(started) => started,
        Err(error) => return End::NotStarted(error.to_string().into()),
    };
    tracing::debug!(server = &*link.name, pid = child.id(), "started");
    let end = Supervised { link, child, group, wishes }.run(settings, lines).await;
    tracing::debug!(server = settings.name, ?end, "ended");
    end
}

struct Supervised {
    link: Arc<Link>,
    child: Child,
    group: Group,
    wishes: watch::Receiver<Wish>,
}

impl Supervised {
    async fn run(mut self, settings: &Settings, lines: mpsc::Receiver<Outgoing>) -> End {
        let mut tasks = JoinSet::new();
        let (heard_all, mut silent) = oneshot::channel();
        if let Some(stdin) = self.child.stdin.take() {
            tasks.spawn(write(stdin, lines));
        }
        if let Some(stdout) = self.child.stdout.take() {
            tasks.spawn(hear(Arc::clone(&self.link), stdout, heard_all));
        }
        if let Some(stderr) = self.child.stderr.take() {
            tasks.spawn(log(Arc::clone(&self.link.name), stderr));
        }
        let mut is_silent = false;
        let mut end = tokio::select! {
            // What it said counts for more than that it went.
            biased;
            end = attend(&self.link) => end,
            _ = self.child.wait() => End::Exited,
            // It may close its output before it ends.
            _ = &mut silent => {
                is_silent = true;
                End::Exited
            }
            () = wished(&mut self.wishes, Wish::Stop) => End::Stopped,
        };
        if end == End::Exited {
            // What it started goes with it; then its output ends, and all of it has been heard.
            let _ = timeout(LAST_WORDS, async {
                let _ = self.child.wait().await;
                self.group.kill();
                if !is_silent {
                    let _ = silent.await;
                }
            })
            .await;
        }
        // A server of the older revisions may take a question it does not know for the end.
        if end == End::Exited && self.link.is_being_discovered() {
            end = End::Legacy(Sign::Exited);
        }
        // From here on nothing more is taken, and the end of its input tells the process.
        self.link.close();
        self.wind_down(settings.limits.grace).await;
        end
    }

    /// Ends the process: first it is asked to, then told to, then it is over.
    async fn wind_down(mut self, grace: Duration) {
        let gently = async {
            if timeout(grace, self.child.wait()).await.is_err() {
                self.group.terminate();
                let _ = timeout(grace, self.child.wait()).await;
            }
        };
        tokio::select! {
            () = gently => {}
            () = wished(&mut self.wishes, Wish::Kill) => {}
        }
        self.group.kill();
        let _ = self.child.wait().await;
    }
}

/// Until that much is wished for.
async fn wished(wishes: &mut watch::Receiver<Wish>, wish: Wish) {
    if wishes.wait_for(|current| *current >= wish).await.is_err() {
        // Nobody can wish for anything any more, which the link being gone would mean.
        std::future::pending::<()>().await;
    }
}

/// Makes the process ready to be asked, and sees to what takes too long, until nobody needs it.
async fn attend(link: &Arc<Link>) -> End {
    let hello = async {
        match link.manner {
            Manner::Session => Ok(()),
            Manner::Person | Manner::Everyone(_) => handshake::shake(link).await,
        }
    };
    tokio::select! {
        hello = hello => if let Err(end) = hello { return end },
        never = keep_time(link) => match never {},
    }
    link.reach(Stage::Ready);
    loop {
        let now = Instant::now();
        link.expire(now);
        if link.close_if_idle(now) {
            return End::Stopped;
        }
        until_next(link).await;
    }
}

/// What takes too long is seen to during the handshake as well, whose request is one of them.
async fn keep_time(link: &Link) -> Infallible {
    loop {
        until_next(link).await;
        link.expire(Instant::now());
    }
}

async fn until_next(link: &Link) {
    let due = async {
        match link.next_moment() {
            Some(moment) => sleep_until(moment).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = due => {}
        () = link.changed.notified() => {}
    }
}

/// Writes lines until there are no more; then the input of the process ends.
async fn write(mut stdin: ChildStdin, mut lines: mpsc::Receiver<Outgoing>) {
    while let Some(outgoing) = lines.recv().await {
        if stdin.write_all(&outgoing.lines).await.is_err() {
            // It reads no more. Its end is seen elsewhere.
            return;
        }
    }
}

/// Hears lines until there are no more; then `heard_all` is dropped.
async fn hear(link: Arc<Link>, stdout: ChildStdout, heard_all: oneshot::Sender<Infallible>) {
    let mut lines = Lines::of(stdout, link.limits.line);
    while let Ok(Some(line)) = lines.next().await {
        match line {
            Line::Whole(text) => link.hear(text),
            Line::TooLong(_, answers) => link.hear_too_much(answers),
        }
    }
    drop(heard_all);
}

/// Logs what the process says of itself, for whoever wants to know.
async fn log(server: Arc<str>, stderr: ChildStderr) {
    let mut lines = Lines::of(stderr, MAX_LOGGED);
    while let Ok(Some(Line::Whole(line) | Line::TooLong(line, _))) = lines.next().await {
        let line = String::from_utf8_lossy(line);
        // By `Debug`, so that it stays on its line and changes no terminal.
        tracing::debug!(server = &*server, line = ?line.trim_end(), "standard error");
    }
}
