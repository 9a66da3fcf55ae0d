//! What goes back to a client.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Full, combinators::UnsyncBoxBody};
use pin_project_lite::pin_project;

use super::patient::Request;
use super::upstream::Lent;
use crate::observe::metrics::Held;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

pin_project! {
    /// A body on its way to a client.
    #[project = Kinds]
    enum Kind {
        /// All of it is here.
        Whole { #[pin] body: Full<Bytes> },
        /// As it comes from upstream.
        Passed { #[pin] body: Lent },
        /// Something else.
        Made { #[pin] body: UnsyncBoxBody<Bytes, BoxError> },
    }
}

pin_project! {
    /// A body, and the request that is under way until it has been sent.
    pub(super) struct Answer {
        #[pin]
        kind: Kind,
        request: Option<Request>,
        stream: Option<Held>,
    }
}

impl Answer {
    pub(super) fn whole(bytes: Bytes) -> Answer {
        Answer { kind: Kind::Whole { body: Full::new(bytes) }, request: None, stream: None }
    }

    pub(super) fn passed(body: Lent) -> Answer {
        Answer { kind: Kind::Passed { body }, request: None, stream: None }
    }

    pub(super) fn made<B>(body: B) -> Answer
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        use http_body_util::BodyExt as _;
        let body = body.map_err(Into::into).boxed_unsync();
        Answer { kind: Kind::Made { body }, request: None, stream: None }
    }

    /// Is counted as a stream until it ends.
    pub(super) fn counted(mut self, stream: Held) -> Answer {
        self.stream = Some(stream);
        self
    }

    /// Keeps the request under way until the body has been sent, or nobody wants it any more.
    pub(super) fn ends(mut self, request: Request) -> Answer {
        self.request = Some(request);
        self
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        // Who asks for more has got rid of what it had.
        if let Some(request) = this.request {
            request.let_go();
        }
        let (frame, is_last) = match this.kind.project() {
            Kinds::Whole { body } => return body.poll_frame(cx).map_err(|never| match never {}),
            Kinds::Passed { mut body } => {
                (body.as_mut().poll_frame(cx).map_err(Into::into), body.is_end_stream())
            }
            Kinds::Made { mut body } => (body.as_mut().poll_frame(cx), body.is_end_stream()),
        };
        // After the last piece nobody asks for more.
        if let (Poll::Ready(Some(Ok(_))), false, Some(request)) = (&frame, is_last, this.request) {
            request.hold();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole { body } => body.is_end_stream(),
            Kind::Passed { body } => body.is_end_stream(),
            Kind::Made { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole { body } => body.size_hint(),
            Kind::Passed { body } => body.size_hint(),
            Kind::Made { body } => body.size_hint(),
        }
    }
}

/// A short answer of the gateway's own that no policy is asked about.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
