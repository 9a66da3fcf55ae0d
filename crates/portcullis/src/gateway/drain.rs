//! The end: what is under way is finished, what listens is told, and what takes too long is cut off.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
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

/// The one who says when it ends.
#[derive(Debug)]
pub(super) struct Running(watch::Sender<Stage>);

/// Told when it ends.
#[derive(Clone, Debug)]
pub(super) struct Draining(watch::Receiver<Stage>);

impl Running {
    pub(super) fn new() -> Running {
        Running(watch::Sender::new(Stage::Running))
    }

    pub(super) fn draining(&self) -> Draining {
        Draining(self.0.subscribe())
    }

    /// Nothing new is begun.
    pub(super) fn drain(&self) {
        self.0.send_replace(Stage::Draining);
    }

    /// What is still under way is cut off.
    pub(super) fn end(&self) {
        self.0.send_replace(Stage::Over);
    }

    pub(super) fn is_draining(&self) -> bool {
        *self.0.borrow() >= Stage::Draining
    }

    /// Until everybody is gone who was told.
    pub(super) async fn gone(&self) {
        self.0.closed().await;
    }

    /// A stream that listens, which ends in good order with the gateway.
    pub(super) fn until_drained<B>(&self, body: B) -> Listening<B> {
        let mut draining = self.draining();
        Listening { body, drained: Box::pin(async move { draining.begun().await }) }
    }
}

impl Draining {
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

pin_project! {
    /// A stream that ends with the gateway.
    pub(super) struct Listening<B> {
        #[pin]
        body: B,
        drained: Pin<Box<dyn Future<Output = ()> + Send>>,
    }
}

impl<B: Body> Body for Listening<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        if this.drained.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        this.body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
