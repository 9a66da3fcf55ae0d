//! A stream that ends with the token it was opened with.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use portcullis_core::decide::Permit;
use portcullis_core::operation::Method;
use portcullis_core::time::UnixTime;
use tokio::time::{Instant, Sleep};

/// When a stream ends that listens for as long as its token is good (RS-16). An answer runs to its own end.
pub fn listening_end(permit: &Permit, now: UnixTime) -> Option<Instant> {
    let listens = |method| matches!(method, Method::OpenStream | Method::SubscriptionsListen);
    let is_listening = permit.calls().iter().any(|call| listens(call.method()));
    let left = permit.caller().token().expires().as_secs().saturating_sub(now.as_secs());
    is_listening.then(|| Instant::now() + Duration::from_secs(left))
}

pin_project! {
    /// A body that ends in good order at a moment, whatever is left of it.
    pub struct Until<B> {
        #[pin]
        body: B,
        #[pin]
        end: Option<Sleep>,
        ended: bool,
    }
}

impl<B> Until<B> {
    /// To its own end.
    pub fn its_end(body: B) -> Self {
        Until { body, end: None, ended: false }
    }

    /// To this moment at most.
    pub fn at(body: B, end: Instant) -> Self {
        Until { body, end: Some(tokio::time::sleep_until(end)), ended: false }
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
        if *this.ended {
            return Poll::Ready(None);
        }
        if let Some(end) = this.end.as_pin_mut()
            && end.poll(cx).is_ready()
        {
            *this.ended = true;
            return Poll::Ready(None);
        }
        this.body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.end.is_some() { SizeHint::default() } else { self.body.size_hint() }
    }
}
