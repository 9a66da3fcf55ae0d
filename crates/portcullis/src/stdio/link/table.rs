//! What is under way at a process.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use portcullis_core::operation::RequestId;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::stream::Stream;
use super::outgoing::Outgoing;
use super::share::Share;

/// Requests by number, and what belongs to them.
pub(super) struct Table {
    /// The way to the process; none once it is to end.
    pub(super) lines: Option<mpsc::Sender<Outgoing>>,
    next: u64,
    pub(super) under_way: BTreeMap<u64, UnderWay>,
    /// Progress tokens as the process has them.
    pub(super) tokens: HashMap<RequestId, u64>,
    /// Requests of the process that a client was asked, and during which of its own.
    pub(super) asked: HashMap<RequestId, Option<u64>>,
    /// When somebody last was there.
    pub(super) used: Instant,
}

/// A request of a client.
pub(super) struct UnderWay {
    /// Where the answer goes; nowhere once the client has gone.
    pub(super) stream: Option<Arc<Stream>>,
    pub(super) id: RequestId,
    /// The id as the client wrote it.
    pub(super) written: Box<str>,
    pub(super) guest: Option<Box<str>>,
    pub(super) is_listen: bool,
    pub(super) wants_logs: bool,
    pub(super) until: Instant,
    /// Its progress token as the process has it, and as the client wrote it.
    pub(super) token: Option<(RequestId, Box<str>)>,
    /// What it takes up of the process, with whatever came together with it; nothing where it is ours.
    pub(super) _share: Option<Arc<Share>>,
}

impl Table {
    pub(super) fn new(lines: mpsc::Sender<Outgoing>) -> Table {
        Table {
            lines: Some(lines),
            next: 1,
            under_way: BTreeMap::new(),
            tokens: HashMap::new(),
            asked: HashMap::new(),
            used: Instant::now(),
        }
    }

    /// A number that no request had before.
    pub(super) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        number
    }

    pub(super) fn begin(&mut self, number: u64, under_way: UnderWay) {
        if let Some((key, _)) = &under_way.token {
            self.tokens.insert(key.clone(), number);
        }
        self.under_way.insert(number, under_way);
    }

    /// Ends a request.
    pub(super) fn take(&mut self, number: u64) -> Option<UnderWay> {
        let under_way = self.under_way.remove(&number)?;
        if let Some((key, _)) = &under_way.token
            && self.tokens.get(key) == Some(&number)
        {
            self.tokens.remove(key);
        }
        self.used = Instant::now();
        Some(under_way)
    }

    /// Ends the request that a client calls so.
    pub(super) fn take_of(
        &mut self,
        guest: Option<&str>,
        id: &RequestId,
    ) -> Option<(u64, UnderWay)> {
        let is_it =
            |under_way: &UnderWay| under_way.guest.as_deref() == guest && under_way.id == *id;
        let number = *self.under_way.iter().find(|(_, under_way)| is_it(under_way))?.0;
        Some((number, self.take(number)?))
    }

    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<(u64, UnderWay)> {
        let due = self.under_way.iter().filter(|(_, under_way)| under_way.until <= now);
        let due: Vec<u64> = due.map(|(number, _)| *number).collect();
        due.into_iter().filter_map(|number| Some((number, self.take(number)?))).collect()
    }
}
