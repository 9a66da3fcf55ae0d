//! Sessions: what 2025-11-25 and older ask of streamable HTTP.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use portcullis_core::header::MCP_SESSION_ID;
use portcullis_core::operation::{Call, Era, Method};
use tokio::time::Instant;

use super::{Answered, CANCELLED, Permitted, is_request, not_taken, unavailable};
use crate::stdio::answer::{self, INVALID_REQUEST, only_answer, refused, status};
use crate::stdio::body::Body;
use crate::stdio::link::{Asking, Link, Load};
use crate::stdio::message::{self, Message};
use crate::stdio::pool::{Key, Pool};
use crate::stdio::settings::Unavailable;
use crate::stdio::stream::{Kind, Stream};

/// A process whose session nobody has heard of yet. Dropped before that, it ends.
struct Newborn<'p> {
    pool: &'p Pool,
    key: Option<Key>,
}

impl Drop for Newborn<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.pool.dismiss(key);
        }
    }
}

impl Permitted<'_> {
    /// A session, but for its beginning.
    pub(super) async fn legacy(&self, session: Option<&str>) -> Answered {
        let calls = self.permit.calls();
        let first = calls.first();
        if calls.iter().any(|call| call.method() == Method::Initialize) {
            return self.initialize().await;
        }
        let Some(session) = session else {
            let why = "Mcp-Session-Id is missing: begin with initialize";
            let id = first.and_then(Call::id);
            return Ok(refused(StatusCode::BAD_REQUEST, id, INVALID_REQUEST, why));
        };
        let own = if self.pool.settings.shared {
            self.pool.is_guest(session, &self.user).then_some(None)
        } else {
            self.pool.session(session, &self.user).map(Some)
        };
        let own = own.ok_or(Unavailable::UnknownSession)?;
        match first.map(Call::method) {
            Some(Method::OpenStream) => Ok(self.listen(own.as_ref())),
            Some(Method::EndSession) => {
                if own.is_some() {
                    self.pool.dismiss(&Key::Session(session.into()));
                } else {
                    self.pool.part(session);
                }
                Ok(status(StatusCode::NO_CONTENT))
            }
            _ => self.in_session(session, own).await,
        }
    }

    /// GET: the news of a session. A shared process has none that are anybody's.
    fn listen(&self, own: Option<&Arc<Link>>) -> Response<Body> {
        match own {
            None => answer::not_allowed("POST, DELETE"),
            Some(_) if !self.accept.events => status(StatusCode::NOT_ACCEPTABLE),
            Some(link) => {
                let silence = self.pool.settings.limits.silence;
                answer::listening(link.attend(), silence, self.listens_until())
            }
        }
    }

    async fn in_session(&self, session: &str, own: Option<Arc<Link>>) -> Answered {
        let messages = self.messages()?;
        self.shareable()?;
        let asks = messages.iter().any(|(call, _)| is_request(call));
        let (link, guest) = match own {
            Some(link) => (link, None),
            None if asks => (self.everyones().await?, Some(session)),
            None => return Ok(self.told_by_guest(session, &messages)),
        };
        link.touch();
        if asks {
            self.acceptable()?;
            let answered = self.exchange(&link, &messages, guest).await?;
            // The process of a session is gone, and the session with it.
            return Ok(answered.ok_or(Unavailable::UnknownSession)?);
        }
        let place = link.place().await.map_err(not_taken)?;
        let lines = messages.iter();
        let lines = lines.filter_map(|(call, message)| self.untold(&link, call, message, guest));
        place.send(lines.collect());
        Ok(status(StatusCode::ACCEPTED))
    }

    /// Messages of a guest that want no answer. None of them starts the process of everybody or waits for it, so
    /// that a guest who says much is in nobody's way.
    fn told_by_guest(&self, session: &str, messages: &[(&Call, Message<'_>)]) -> Response<Body> {
        if let Some(link) = self.pool.running(&Key::Everyone(Era::Legacy)) {
            let lines = messages.iter();
            lines
                .filter_map(|(call, message)| self.untold(&link, call, message, Some(session)))
                .for_each(|line| link.tell(line));
        }
        status(StatusCode::ACCEPTED)
    }

    /// The line for a message that wants no answer; `None` where the process is not to have it.
    pub(super) fn untold(
        &self,
        link: &Link,
        call: &Call,
        message: &Message<'_>,
        guest: Option<&str>,
    ) -> Option<Bytes> {
        match (call.method(), call.id()) {
            (Method::Response, Some(id)) => link.reply(id, message),
            (Method::Notification, _) if call.method_name() == CANCELLED => {
                link.cancel(guest, message)
            }
            // Whatever else one of many says is not for all of them.
            _ if self.pool.settings.shared => None,
            _ => Some(message::line(message.with(&[]))),
        }
    }

    /// The process of everybody, ready to be asked.
    async fn everyones(&self) -> Result<Arc<Link>, Unavailable> {
        let link = self.pool.obtain(Key::Everyone(Era::Legacy), None)?;
        link.ready().await.map_err(|end| unavailable(&end))?;
        Ok(link)
    }

    async fn initialize(&self) -> Answered {
        let messages = self.messages()?;
        let [(call, message)] = messages.as_slice() else {
            let why = "initialize stands alone";
            return Ok(refused(StatusCode::BAD_REQUEST, None, INVALID_REQUEST, why));
        };
        self.acceptable()?;
        let id = self.new_session();
        let (answer, is_begun) = if self.pool.settings.shared {
            self.greet(message, &id).await?
        } else {
            self.begin(call, message, &id).await?
        };
        let mut response = answer::single(self.accept, answer);
        if is_begun && let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(MCP_SESSION_ID, value);
        }
        Ok(response)
    }

    /// A session with a process of its own; its answer, and whether it has begun.
    async fn begin(
        &self,
        call: &Call,
        message: &Message<'_>,
        session: &str,
    ) -> Result<(Bytes, bool), Unavailable> {
        let key = Key::Session(session.into());
        let link = self.pool.obtain(key.clone(), Some(&self.user))?;
        let mut newborn = Newborn { pool: self.pool, key: Some(key) };
        link.ready().await.map_err(|end| unavailable(&end))?;
        let Some(id) = call.id() else {
            // Without an id nobody would learn of the session.
            return Ok((answer::error(None, INVALID_REQUEST, "initialize without an id"), false));
        };
        let share =
            link.share(&self.user, Load::of([call.method()].into_iter())).map_err(not_taken)?;
        let stream = Arc::new(Stream::of_answers(1, false));
        let place = link.place().await.map_err(not_taken)?;
        let until = Instant::now() + self.pool.settings.limits.start;
        let asking = Asking { message, id, method: call.method(), guest: None, until };
        let taken = link.ask(&[asking], Arc::clone(&stream), Some(share));
        let (_exchange, lines) = taken.map_err(not_taken)?;
        place.send(lines);
        let answer = only_answer(&stream).await.ok_or(Unavailable::Busy)?;
        let is_begun = matches!(answer.kind, Kind::Answer { error: None, .. });
        if is_begun {
            newborn.key = None;
        }
        Ok((answer.message, is_begun))
    }

    /// A session with the process of everybody, which was initialized before and says the same to all.
    async fn greet(
        &self,
        message: &Message<'_>,
        session: &str,
    ) -> Result<(Bytes, bool), Unavailable> {
        let link = self.everyones().await?;
        let (Some(id), Some(result)) = (message.id(), link.greeting.get()) else {
            return Ok((answer::error(None, INVALID_REQUEST, "initialize without an id"), false));
        };
        self.pool.welcome(session.into(), &self.user);
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, id.get());
        Ok((answer.into(), true))
    }

    fn new_session(&self) -> String {
        let mut bytes = [0; 16];
        (self.pool.random)(&mut bytes);
        format!("{:032x}", u128::from_be_bytes(bytes))
    }
}
