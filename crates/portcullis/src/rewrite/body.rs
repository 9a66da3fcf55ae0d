//! What is done to an answer, around a body of HTTP.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;

use super::events::EventRewriter;
use super::{JsonRewriter, Refused, Treatment};

/// Why an answer ends early, or never begins.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Upstream ended it.
    #[error("the answer of the upstream server broke off: {0}")]
    Upstream(#[source] Box<dyn Error + Send + Sync>),
    /// It must not be shown.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// The body of an answer, as the client gets it.
pub struct Rewritten<B>(State<B>);

enum State<B> {
    Verbatim(B),
    /// What was read already, and where it is not all, the rest.
    Held(VecDeque<Bytes>, Option<B>),
    Events(Box<Stream<B>>),
}

struct Stream<B> {
    rewriter: EventRewriter,
    /// `None` when it has ended.
    body: Option<B>,
    ready: VecDeque<Bytes>,
    /// What follows when `ready` is empty.
    last: Option<Result<Frame<Bytes>, BodyError>>,
}

/// Without what is in it.
impl<B> fmt::Debug for Rewritten<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Verbatim(_) => "Rewritten(verbatim)",
            State::Held(..) => "Rewritten(held)",
            State::Events(_) => "Rewritten(events)",
        })
    }
}

impl Treatment {
    /// Treats the body. JSON is read before this returns, so that what is refused can still be answered by
    /// another status; events are read as the client takes them.
    pub async fn apply<B>(self, body: B) -> Result<Rewritten<B>, BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Ok(Rewritten(match self {
            Treatment::Verbatim => State::Verbatim(body),
            Treatment::Json(rewriter) => rewriter.apply(body).await?,
            Treatment::Events(rewriter) => {
                let (ready, last) = (VecDeque::new(), None);
                State::Events(Box::new(Stream { rewriter, body: Some(body), ready, last }))
            }
        }))
    }
}

impl JsonRewriter {
    async fn apply<B>(self, mut body: B) -> Result<State<B>, BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let needs = self.answer.needs();
        let (mut frames, mut length) = (VecDeque::new(), 0_usize);
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        loop {
            if length.max(announced) > needs.limit {
                return if needs.must_be_met() {
                    Err(Refused::TooLong(needs.limit).into())
                } else {
                    Ok(State::Held(frames, Some(body)))
                };
            }
            let Some(frame) = body.frame().await else { break };
            let frame = frame.map_err(|error| BodyError::Upstream(error.into()))?;
            // Trailers describe bytes that may have changed.
            if let Ok(data) = frame.into_data() {
                length = length.saturating_add(data.len());
                frames.push_back(data);
            }
        }
        let text = match frames.make_contiguous() {
            [single] => single.clone(),
            many => {
                let mut text = BytesMut::with_capacity(length);
                for frame in many {
                    text.extend_from_slice(frame);
                }
                text.freeze()
            }
        };
        let edits = self.answer.edits(&text, self.part)?;
        if !edits.is_empty() {
            frames = VecDeque::from([edits.apply(&text, 0).into()]);
        }
        Ok(State::Held(frames, None))
    }
}

impl<B> Stream<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if let Some(last) = self.last.take() {
                return Poll::Ready(Some(last));
            }
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            let frame = ready!(Pin::new(body).poll_frame(cx));
            let out = |bytes| self.ready.push_back(bytes);
            let done = match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => match self.rewriter.push(&data, out) {
                    Ok(()) => continue,
                    Err(refused) => Some(Err(refused.into())),
                },
                Some(Err(error)) => Some(Err(BodyError::Upstream(error.into()))),
                Some(Ok(Err(trailers))) => match self.rewriter.finish(out) {
                    Ok(()) => Some(Ok(trailers)),
                    Err(refused) => Some(Err(refused.into())),
                },
                None => self.rewriter.finish(out).err().map(|refused| Err(refused.into())),
            };
            (self.body, self.last) = (None, done);
        }
    }
}

impl<B> Body for Rewritten<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let rest = match &mut self.get_mut().0 {
            State::Events(stream) => return stream.poll(cx),
            State::Verbatim(body) => body,
            State::Held(frames, rest) => match (frames.pop_front(), rest) {
                (Some(bytes), _) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                (None, Some(rest)) => rest,
                (None, None) => return Poll::Ready(None),
            },
        };
        let upstream = |error: B::Error| BodyError::Upstream(error.into());
        Pin::new(rest).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(upstream)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            State::Verbatim(body) => body.is_end_stream(),
            State::Held(frames, rest) => {
                frames.is_empty() && rest.as_ref().is_none_or(Body::is_end_stream)
            }
            State::Events(stream) => {
                stream.ready.is_empty() && stream.last.is_none() && stream.body.is_none()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Verbatim(body) => body.size_hint(),
            State::Held(frames, rest) => {
                let held: u64 = frames.iter().map(|frame| frame.len() as u64).sum();
                match rest.as_ref().map_or(Some(0), |rest| rest.size_hint().exact()) {
                    Some(rest) => SizeHint::with_exact(held.saturating_add(rest)),
                    None => SizeHint::default(),
                }
            }
            State::Events(_) => SizeHint::default(),
        }
    }
}
