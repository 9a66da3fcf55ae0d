//! The life of a gateway, and who is told of its turns: it runs, it may be reloaded, it drains, it is over.
//!
//! While it drains, what is under way is finished, what listens is told, and what takes too long is cut off.
//! Whoever waits for the end alone holds an [`Ending`]; a stream that is judged again at each reload as well
//! holds [`Turns`].

use std::time::Duration;

use tokio::sync::watch;

/// For so long connections are taken and kept once the end has begun. Requests may be on their way on them, and
/// HTTP/1 has no word for "no more of them" but the answer to one.
const MOMENT: Duration = Duration::from_secs(1);

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    Draining,
    Over,
}

/// The one who says how far it has come, and when another configuration was taken.
#[derive(Debug)]
pub(super) struct Life {
    stage: watch::Sender<Stage>,
    /// Either. Apart, since whoever waits for the end alone is not to be woken for less.
    turns: watch::Sender<()>,
}

/// Told when it ends.
#[derive(Clone, Debug)]
pub(super) struct Ending(watch::Receiver<Stage>);

/// Told when it ends, and when another configuration was taken.
#[derive(Debug)]
pub(super) struct Turns(watch::Receiver<()>);

impl Life {
    pub(super) fn new() -> Life {
        Life { stage: watch::Sender::new(Stage::Running), turns: watch::Sender::new(()) }
    }

    pub(super) fn ending(&self) -> Ending {
        Ending(self.stage.subscribe())
    }

    pub(super) fn turns(&self) -> Turns {
        Turns(self.turns.subscribe())
    }

    /// Another configuration was taken.
    pub(super) fn reloaded(&self) {
        self.turns.send_replace(());
    }

    /// Nothing new is begun.
    pub(super) fn drain(&self) {
        self.reach(Stage::Draining);
    }

    /// What is still under way is cut off.
    pub(super) fn end(&self) {
        self.reach(Stage::Over);
    }

    fn reach(&self, stage: Stage) {
        self.stage.send_replace(stage);
        self.turns.send_replace(());
    }

    pub(super) fn is_draining(&self) -> bool {
        *self.stage.borrow() >= Stage::Draining
    }

    /// Until everybody is gone who was told of the end.
    pub(super) async fn gone(&self) {
        self.stage.closed().await;
    }
}

impl Turns {
    pub(super) async fn next(&mut self) {
        // Nobody left to say so: there will be none.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Ending {
    pub(super) fn has_begun(&self) -> bool {
        *self.0.borrow() >= Stage::Draining
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

    async fn reached(&mut self, stage: Stage) {
        // Nobody left to say so: it is over as well.
        let _ = self.0.wait_for(|now| *now >= stage).await;
    }
}
