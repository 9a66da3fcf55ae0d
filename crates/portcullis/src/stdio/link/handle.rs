//! What a client holds of a link for as long as it is there.

use std::sync::Arc;

use super::{Link, Share};
use crate::stdio::stream::Stream;

/// Requests under way. Dropped before its stream has ended, it tells the link that the client went away.
pub(in crate::stdio) struct Awaited {
    link: Arc<Link>,
    stream: Arc<Stream>,
    numbers: Vec<u64>,
    /// Answers that nobody reads take up room as well.
    _share: Option<Arc<Share>>,
}

impl Awaited {
    pub(super) fn new(
        link: Arc<Link>,
        stream: Arc<Stream>,
        numbers: Vec<u64>,
        share: Option<Arc<Share>>,
    ) -> Awaited {
        Awaited { link, stream, numbers, _share: share }
    }

    pub(in crate::stdio) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.link.abandon(&self.numbers);
    }
}

/// Somebody listens to the news of a session.
pub(in crate::stdio) struct Attendance {
    link: Arc<Link>,
    stream: Arc<Stream>,
    reader: u64,
}

impl Attendance {
    pub(super) fn new(link: Arc<Link>, stream: Arc<Stream>) -> Attendance {
        let reader = stream.attend();
        Attendance { link, stream, reader }
    }

    pub(in crate::stdio) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    pub(in crate::stdio) fn reader(&self) -> u64 {
        self.reader
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.link.leave(self.reader);
    }
}
