//! A permitted request, and what becomes of it.

mod session;

use bytes::Bytes;
use http::{Response, StatusCode};
use portcullis_core::decide::Permit;
use portcullis_core::operation::{Call, Era, Method};
use portcullis_core::token::Person;
use tokio::time::Instant;

use std::sync::Arc;

use super::answer::{
    self, Accept, Form, INVALID_REQUEST, METHOD_NOT_FOUND, exchanged, refused, status, status_of,
};
use super::body::Body;
use super::link::{Asking, End, Link, Load, NotTaken};
use super::message::{self, Message};
use super::pool::{Key, Pool};
use super::settings::Unavailable;
use super::stream::Stream;

const CANCELLED: &str = "notifications/cancelled";

/// What came instead of an answer of the server's.
pub(super) enum Instead {
    /// An answer of the transport's.
    Answer(Box<Response<Body>>),
    Unavailable(Unavailable),
}

impl From<Unavailable> for Instead {
    fn from(unavailable: Unavailable) -> Self {
        Instead::Unavailable(unavailable)
    }
}

impl From<Response<Body>> for Instead {
    fn from(response: Response<Body>) -> Self {
        Instead::Answer(Box::new(response))
    }
}

type Answered = Result<Response<Body>, Instead>;

/// A request on its way to a process.
pub(super) struct Permitted<'a> {
    pool: &'a Pool,
    permit: &'a Permit,
    /// What is permitted, with ids as the process knows them.
    body: &'a Bytes,
    user: Person,
    accept: Accept,
    /// When listening ends, if it does before the end that all of it has.
    listens_until: Option<Instant>,
}

impl<'a> Permitted<'a> {
    pub(super) fn new(
        pool: &'a Pool,
        permit: &'a Permit,
        body: &'a Bytes,
        accept: Accept,
        listens_until: Option<Instant>,
    ) -> Self {
        let user = permit.caller().token().speaker().into();
        Permitted { pool, permit, body, user, accept, listens_until }
    }

    pub(super) async fn answer(
        &self,
        session: Option<&str>,
    ) -> Result<Response<Body>, Unavailable> {
        let answered = match self.permit.era() {
            Era::Modern => self.modern().await,
            Era::Legacy => self.legacy(session).await,
        };
        match answered {
            Ok(response) => Ok(response),
            Err(Instead::Answer(response)) => Ok(*response),
            Err(Instead::Unavailable(unavailable)) => Err(unavailable),
        }
    }

    /// 2026-07-28: every request stands alone.
    async fn modern(&self) -> Answered {
        let messages = self.messages()?;
        let Some((call, message)) = messages.first() else {
            return Ok(answer::not_allowed("POST"));
        };
        let is_shared = self.pool.settings.shared;
        let key =
            if is_shared { Key::Everyone(Era::Modern) } else { Key::Person(self.user.clone()) };
        if call.id().is_none() {
            // Its clients cancel by going away. Anything else is for a server that runs, and for one person's.
            if call.method_name() != CANCELLED
                && !is_shared
                && let Some(link) = self.pool.running(&key)
            {
                let line = message::line(message.with(&[]));
                link.place().await.map(|place| place.send(vec![line])).map_err(not_taken)?;
            }
            return Ok(status(StatusCode::ACCEPTED));
        }
        self.acceptable()?;
        if call.method() == Method::Initialize {
            // A server of both eras would begin a session, for all who share the process.
            let why = "revision 2026-07-28 has no initialize";
            return Ok(refused(StatusCode::NOT_FOUND, call.id(), METHOD_NOT_FOUND, why));
        }
        self.shareable()?;
        let owner = (!is_shared).then_some(&self.user);
        if self.pool.is_legacy(owner) {
            return Ok(is_legacy(call));
        }
        // The process may end between being found and being asked; then it is another one's turn, once.
        for _ in 0..2 {
            let link = self.pool.obtain(key.clone(), owner)?;
            match link.ready().await {
                Ok(()) => self.pool.is_modern(),
                Err(End::Legacy(_)) => return Ok(is_legacy(call)),
                Err(end) => return Err(unavailable(&end).into()),
            }
            if let Some(response) = self.exchange(&link, &messages, None).await? {
                return Ok(response);
            }
        }
        Err(Unavailable::Busy.into())
    }

    /// Sends messages with requests among them, and waits for the answers; `None` where the process was no
    /// more, so that nothing was sent.
    async fn exchange(
        &self,
        link: &Arc<Link>,
        messages: &[(&Call, Message<'_>)],
        guest: Option<&str>,
    ) -> Result<Option<Response<Body>>, Instead> {
        let requests = messages.iter().filter(|(call, _)| is_request(call));
        let load = Load::of(requests.clone().map(|(call, _)| call.method()));
        let is_listen = load.listens();
        if is_listen && !self.accept.events {
            return Err(status(StatusCode::NOT_ACCEPTABLE).into());
        }
        // Before anything is waited for, lest one person's waiting be in the way of everybody.
        let share = link.share(&self.user, load).map_err(not_taken)?;
        let place = match link.place().await {
            Ok(place) => place,
            Err(NotTaken::Over) => return Ok(None),
            Err(busy) => return Err(not_taken(busy).into()),
        };
        let (until, listens_until) =
            (Instant::now() + self.pool.settings.limits.answer, self.listens_until());
        let asking: Vec<_> = requests
            .filter_map(|(call, message)| {
                let method = call.method();
                let is_listen = method == Method::SubscriptionsListen;
                let until = if is_listen { listens_until } else { until };
                Some(Asking { message, id: call.id()?, method, guest, until })
            })
            .collect();
        let stream = Arc::new(Stream::of_answers(asking.len(), self.accept.events));
        let (awaited, asked) = match link.ask(&asking, stream, Some(share)) {
            Ok(taken) => taken,
            Err(NotTaken::Over) => return Ok(None),
            Err(busy) => return Err(not_taken(busy).into()),
        };
        // In the order in which they came.
        let mut asked = asked.into_iter();
        let lines = messages.iter().filter_map(|(call, message)| {
            if is_request(call) { asked.next() } else { self.untold(link, call, message, guest) }
        });
        place.send(lines.collect());
        let form = Form {
            accept: self.accept,
            era: self.permit.era(),
            is_batch: self.permit.is_batch(),
            is_listen,
            silence: self.pool.settings.limits.silence,
        };
        Ok(Some(exchanged(awaited, form).await))
    }

    /// When listening ends that begins now.
    fn listens_until(&self) -> Instant {
        let most = Instant::now() + self.pool.settings.limits.listen;
        self.listens_until.map_or(most, |until| until.min(most))
    }

    /// The messages with the calls that were read from them.
    fn messages(&self) -> Result<Vec<(&'a Call, Message<'a>)>, Instead> {
        let (body, calls) = (self.body, self.permit.calls());
        if body.is_empty() {
            return Ok(Vec::new());
        }
        let text = std::str::from_utf8(body).unwrap_or_default();
        let texts = if self.permit.is_batch() { message::batch(text) } else { Some(vec![text]) };
        let messages = texts.into_iter().flatten().filter_map(Message::of);
        let messages: Vec<_> = calls.iter().zip(messages).collect();
        if messages.len() == calls.len() {
            return Ok(messages);
        }
        // The body was read before, so it is messages.
        Err(refused(StatusCode::BAD_REQUEST, None, INVALID_REQUEST, "no message").into())
    }

    /// Whether there is a form in which the client takes an answer.
    fn acceptable(&self) -> Result<(), Instead> {
        if self.accept.json || self.accept.events {
            return Ok(());
        }
        Err(status(StatusCode::NOT_ACCEPTABLE).into())
    }

    /// A process that several people use says of tasks whose they are to nobody, and what it is told of itself
    /// it is told for all of them.
    fn shareable(&self) -> Result<(), Instead> {
        if !self.pool.settings.shared {
            return Ok(());
        }
        if let [call] = self.permit.calls()
            && let (Method::LoggingSetLevel, Some(id)) = (call.method(), call.id())
        {
            // Log messages reach nobody here, so that any level is kept to; and clients set one unasked.
            self.acceptable()?;
            let done = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, id.to_json());
            return Err(answer::single(self.accept, done.into()).into());
        }
        let unshareable = self.permit.calls().iter().find_map(|call| {
            let why = match call.method() {
                Method::TasksList => "the tasks of a shared server are not listed",
                Method::LoggingSetLevel => "the log level of a shared server is not a client's to set",
                Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
                    "a shared server has no subscriptions of one client: ask with revision 2026-07-28"
                }
                _ => return None,
            };
            Some((call, why))
        });
        let Some((call, why)) = unshareable else { return Ok(()) };
        let status = status_of(self.permit.era(), Some(METHOD_NOT_FOUND));
        Err(refused(status, call.id(), METHOD_NOT_FOUND, why).into())
    }
}

/// Whether a message wants an answer.
fn is_request(call: &Call) -> bool {
    call.id().is_some() && call.method() != Method::Response
}

/// The answer that a client of both eras takes for a server of the older one: a 400 without an error of
/// 2026-07-28.
fn is_legacy(call: &Call) -> Response<Body> {
    let why = "this server speaks revisions up to 2025-11-25: begin with initialize";
    refused(StatusCode::BAD_REQUEST, call.id(), INVALID_REQUEST, why)
}

/// A process that ended before it could be asked.
fn unavailable(end: &End) -> Unavailable {
    let reason = match end {
        End::NotStarted(reason) => Arc::clone(reason),
        End::Exited => "it ended by itself".into(),
        // It gave way to another one before it was of use.
        End::Stopped | End::Legacy(_) => return Unavailable::Busy,
    };
    Unavailable::NotStarted { reason, retry_after: std::time::Duration::from_secs(1) }
}

fn not_taken(not_taken: NotTaken) -> Unavailable {
    match not_taken {
        NotTaken::Share => Unavailable::Share,
        NotTaken::Busy | NotTaken::Over => Unavailable::Busy,
    }
}
