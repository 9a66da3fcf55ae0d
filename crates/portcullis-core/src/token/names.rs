//! The names of a token: whom it speaks for, who obtained it, and what it is called itself.

/// Names in one piece of text, since whoever asks for one of them (the audit trail, for every request) asks
/// for the next one too.
pub(super) struct Names {
    text: Box<str>,
    /// How much of the text the first two take; nothing where there is no such name, since no name is empty.
    subject: usize,
    client_id: usize,
}

impl Names {
    pub(super) fn new(
        subject: Option<&str>,
        client_id: Option<&str>,
        token_id: Option<&str>,
    ) -> Names {
        let names = [subject, client_id, token_id].map(Option::unwrap_or_default);
        let [subject, client_id, _] = names.map(str::len);
        Names { text: names.concat().into(), subject, client_id }
    }

    pub(super) fn subject(&self) -> Option<&str> {
        self.name(0, self.subject)
    }

    pub(super) fn client_id(&self) -> Option<&str> {
        self.name(self.subject, self.client_id)
    }

    pub(super) fn token_id(&self) -> Option<&str> {
        let start = self.subject + self.client_id;
        self.name(start, self.text.len() - start)
    }

    /// How many bytes they take.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// For [`VerifiedToken::prefetch`](super::VerifiedToken::prefetch).
    pub(super) fn first_byte(&self) -> Option<u8> {
        self.text.bytes().next()
    }

    fn name(&self, start: usize, length: usize) -> Option<&str> {
        let name = self.text.get(start..start.checked_add(length)?);
        name.filter(|name| !name.is_empty())
    }
}
