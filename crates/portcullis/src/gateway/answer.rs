//! What goes back to a client.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Full, combinators::UnsyncBoxBody};
use pin_project_lite::pin_project;
use portcullis_resource::room::Place;

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
    /// An answer.
    pub(super) struct Answer {
        #[pin]
        kind: Kind,
        kept: Option<Box<Kept>>,
    }
}

/// What is held for as long as an answer goes on that is a stream.
#[derive(Default)]
struct Kept {
    stream: Option<Held>,
    place: Option<Place>,
}

impl Answer {
    fn of(kind: Kind) -> Answer {
        Answer { kind, kept: None }
    }

    pub(super) fn whole(bytes: Bytes) -> Answer {
        Answer::of(Kind::Whole { body: Full::new(bytes) })
    }

    pub(super) fn passed(body: Lent) -> Answer {
        Answer::of(Kind::Passed { body })
    }

    pub(super) fn made<B>(body: B) -> Answer
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        use http_body_util::BodyExt as _;
        let body = body.map_err(Into::into).boxed_unsync();
        Answer::of(Kind::Made { body })
    }

    /// Is counted as a stream until it ends.
    pub(super) fn counted(mut self, stream: Held) -> Answer {
        self.kept.get_or_insert_default().stream = Some(stream);
        self
    }

    /// Keeps the room that the request's body takes for as long as the answer goes on: it is still needed.
    pub(super) fn taking(mut self, place: Place) -> Answer {
        self.kept.get_or_insert_default().place = Some(place);
        self
    }

    /// Keeps the request under way until the body has been sent, or nobody wants it any more.
    pub(super) fn ends(self, request: Request) -> Sent {
        Sent { answer: self, rest: Bytes::new(), request }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            Kinds::Whole { body } => body.poll_frame(cx).map_err(|never| match never {}),
            Kinds::Passed { body } => body.poll_frame(cx).map_err(Into::into),
            Kinds::Made { body } => body.poll_frame(cx),
        }
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

/// Towards HTTP/2 no piece is longer.
const PIECE: usize = 16 << 10;

pin_project! {
    /// An answer that is being sent, and the request that is under way until it has been.
    pub(super) struct Sent {
        #[pin]
        answer: Answer,
        // Of a piece that was too long, on its way already.
        rest: Bytes,
        request: Request,
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        // Who asks for more has got rid of what it had.
        this.request.let_go();
        let frame = if this.rest.is_empty() {
            this.answer.poll_frame(cx)
        } else {
            Poll::Ready(Some(Ok(Frame::data(std::mem::take(this.rest)))))
        };
        frame.map(|frame| {
            let frame = frame?;
            if frame.is_ok() {
                // Also the last one: whoever has sent that drops all of this.
                this.request.hold();
            }
            Some(match frame.map(Frame::into_data) {
                // What goes to HTTP/2 waits there until the client takes it, and nobody sees it waiting.
                Ok(Ok(mut data)) if this.request.is_http2() && data.len() > PIECE => {
                    *this.rest = data.split_off(PIECE);
                    Ok(Frame::data(data))
                }
                Ok(Ok(data)) => Ok(Frame::data(data)),
                Ok(Err(other)) => Ok(other),
                Err(error) => Err(error),
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() { self.answer.size_hint() } else { SizeHint::default() }
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
