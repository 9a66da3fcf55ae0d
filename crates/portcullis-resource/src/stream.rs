//! A stream that listens, and how it ends: in good order, when it would not be opened any more (RS-16).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use portcullis_core::time::UnixTime;
use tokio::time::{Instant, timeout_at};

/// A stream is looked at so often, whatever its token says about its own end: keys are withdrawn, tokens
/// revoked, policies changed.
const PAUSE: Duration = Duration::from_secs(30);

/// Whoever knows whether a stream may go on.
pub trait Oversight: Send {
    /// Until when; `None` where it may not any longer.
    fn stands(&mut self) -> impl Future<Output = Option<UnixTime>> + Send;
    /// What time it is.
    fn now(&self) -> UnixTime;
    /// Until there is a reason to look at it sooner.
    fn nudged(&mut self) -> impl Future<Output = ()> + Send;
}

/// Waits until a stream has to end that may go on until then, as far as is known.
pub async fn over(mut oversight: impl Oversight, mut until: UnixTime) {
    let left = |until: UnixTime, now: UnixTime| until.as_secs().saturating_sub(now.as_secs());
    let end = |until, now| Instant::now() + Duration::from_secs(left(until, now));
    let mut ends = end(until, oversight.now());
    loop {
        let look = ends.min(Instant::now() + PAUSE);
        let _ = timeout_at(look, oversight.nudged()).await;
        // Seldom, and larger than all the rest of a stream.
        let Some(next) = Box::pin(oversight.stands()).await else { return };
        if next != until {
            (until, ends) = (next, end(next, oversight.now()));
        }
        if ends <= Instant::now() {
            return;
        }
    }
}

pin_project! {
    /// A body that ends in good order when something else does, whatever is left of it.
    pub struct Until<B> {
        #[pin]
        body: B,
        // `None` when it has ended.
        end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    }
}

impl<B> Until<B> {
    /// Passes a body on until then.
    pub fn new(body: B, end: impl Future<Output = ()> + Send + 'static) -> Self {
        Until { body, end: Some(Box::pin(end)) }
    }
}

impl<B: Body> Body for Until<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let Some(end) = this.end else { return Poll::Ready(None) };
        if end.as_mut().poll(cx).is_ready() {
            *this.end = None;
            return Poll::Ready(None);
        }
        this.body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.end.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
