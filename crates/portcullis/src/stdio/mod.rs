//! MCP servers that speak over standard input and output, behind the gateway.
//!
//! A server that is a command is started when somebody asks it something, kept while it is used, and
//! answers over streamable HTTP in every revision it speaks.
//!
//! * `settings` – what an operator says of it
//! * `permitted` – a permitted request, and what becomes of it
//! * `pool`, `guests`, `failures` – which process is whose, how many there are, and what did not come up
//! * `supervise`, `process`, `lines`, `overlong` – a process from its start to its end, and its lines
//! * `link`, `handshake` – the conversation with one process
//! * `message` – what is replaced in a message on its way
//! * `stream`, `body`, `answer` – what the client gets
//!
//! # Whose process
//!
//! Up to 2025-11-25 a process has one client, whose capabilities and subscriptions it knows: every session
//! has a process of its own. From 2026-07-28 on requests stand alone, so that a person's clients share one.
//! A `shared` server has one process for everybody (and one more of the other era, where it is asked in
//! both); what it says that names no request of anybody is dropped, since nobody could tell whose it is.
//!
//! # What a process gets
//!
//! The messages that were permitted, and nothing else: no token, no claim, no header, and of the gateway's
//! environment what every program needs. Request ids are replaced by numbers of ours, and progress tokens
//! where a process has several clients.

mod answer;
mod body;
mod counts;
mod failures;
mod guests;
mod handshake;
mod lines;
mod link;
mod message;
mod overlong;
mod permitted;
mod pool;
mod process;
mod settings;
mod stream;
mod supervise;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use portcullis_core::decide::Permit;
use portcullis_core::operation::Era;
use tokio::time::Instant;

pub use self::answer::Accept;
pub use self::body::Body;
pub use self::counts::{Counts, Dropped};
use self::link::End;
use self::permitted::Permitted;
use self::pool::{Key, Pool};
pub use self::settings::{Limits, Settings, Unavailable};
use crate::rewrite::Outgoing;

/// The question whether a server speaks 2026-07-28, in words of the gateway's own: it concerns nobody and changes
/// nothing.
pub fn discovery() -> String {
    handshake::discovery()
}

/// A stdio server and its processes. Copies are the same server; when the last one goes, so do the
/// processes.
#[derive(Clone)]
pub struct Stdio(Arc<Pool>);

impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stdio").field(&self.0).finish()
    }
}

impl Stdio {
    /// A server. Nothing is started before it is asked. What reaches nobody is counted there. `random` fills
    /// bytes for session ids and progress tokens.
    pub fn new(
        settings: Settings,
        counts: Arc<Counts>,
        random: impl Fn(&mut [u8]) + Send + Sync + 'static,
    ) -> Stdio {
        Stdio(Pool::new(settings, counts, Arc::new(random)))
    }

    /// What the server answers, as a streamable HTTP server would.
    ///
    /// `outgoing` is what the permit's request is here: its session as it was given out in an answer of this
    /// method. Somebody else's is answered like one that never was. `listens_until` is when the caller may listen
    /// no more, where it listens.
    pub async fn answer(
        &self,
        permit: &Permit,
        outgoing: &Outgoing,
        accept: Accept,
        listens_until: Option<Instant>,
    ) -> Result<Response<Body>, Unavailable> {
        let session = outgoing.session.as_ref().and_then(|id| id.to_str().ok());
        let body = &outgoing.body;
        Permitted::new(&self.0, permit, body, accept, listens_until).answer(session).await
    }

    /// Starts a process and asks it what it speaks, as one for everybody is asked, on nobody's behalf.
    pub async fn try_out(&self) -> Result<Era, Arc<str>> {
        let mut why = "it answers neither server/discover nor initialize";
        for era in [Era::Modern, Era::Legacy] {
            let started = self.0.obtain(Key::Everyone(era), None);
            let link = started.map_err(|unavailable| Arc::from(unavailable.to_string()))?;
            match link.ready().await {
                Ok(()) => return Ok(era),
                Err(End::Legacy(_)) => {}
                Err(End::NotStarted(reason)) => return Err(reason),
                Err(End::Exited | End::Stopped) => why = "it ends by itself",
            }
        }
        Err(why.into())
    }

    /// Ends all processes and takes no more requests. Processes that are still there at the deadline are
    /// killed.
    pub async fn shutdown(&self, deadline: Duration) {
        self.0.shutdown(deadline).await;
    }
}
