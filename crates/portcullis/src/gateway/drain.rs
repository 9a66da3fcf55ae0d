//! The end: what is under way is finished, what listens is told, and what takes too long is cut off.

use std::time::Duration;

use tokio::sync::watch;

/// For so long connections are taken and kept once the end has begun. Requests may be on their way on them, and
/// HTTP/1 has no word for "no more of them" but the answer to one.
const MOMENT: Duration = Duration::from_secs(1);

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    Draining,
    Over,
}

/// What everybody is told.
#[derive(Clone, Copy, Debug)]
struct News {
    stage: Stage,
    /// How often another configuration was taken.
    reloads: usize,
}

/// The one who says when it ends.
#[derive(Debug)]
pub(super) struct Running(watch::Sender<News>);

/// Told when it ends.
#[derive(Clone, Debug)]
pub(super) struct Draining(watch::Receiver<News>);

impl Running {
    pub(super) fn new() -> Running {
        Running(watch::Sender::new(News { stage: Stage::Running, reloads: 0 }))
    }

    pub(super) fn draining(&self) -> Draining {
        Draining(self.0.subscribe())
    }

    /// Another configuration was taken.
    pub(super) fn reloaded(&self) {
        self.0.send_modify(|news| news.reloads = news.reloads.wrapping_add(1));
    }

    /// Nothing new is begun.
    pub(super) fn drain(&self) {
        self.0.send_modify(|news| news.stage = Stage::Draining);
    }

    /// What is still under way is cut off.
    pub(super) fn end(&self) {
        self.0.send_modify(|news| news.stage = Stage::Over);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.0.borrow().stage >= Stage::Draining
    }

    /// Until everybody is gone who was told.
    pub(super) async fn gone(&self) {
        self.0.closed().await;
    }
}

impl Draining {
    pub(super) fn has_begun(&self) -> bool {
        self.0.borrow().stage >= Stage::Draining
    }

    pub(super) async fn begun(&mut self) {
        self.reached(Stage::Draining).await;
    }

    /// A moment after it has begun: what was on its way by then has come.
    pub(super) async fn settled(&mut self) {
        self.begun().await;
        tokio::select! {
            () = tokio::time::sleep(MOMENT) => {}
            () = self.over() => {}
        }
    }

    pub(super) async fn over(&mut self) {
        self.reached(Stage::Over).await;
    }

    /// Until there is anything to be told.
    pub(super) async fn news(&mut self) {
        let _ = self.0.changed().await;
    }

    async fn reached(&mut self, stage: Stage) {
        // Nobody left to say so: it is over as well.
        let _ = self.0.wait_for(|now| now.stage >= stage).await;
    }
}
