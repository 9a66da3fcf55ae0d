//! Lines of bounded length.

use std::io;

use super::overlong::Overlong;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'l> {
    Whole(&'l [u8]),
    /// The beginning of a line that is too long, and the request that it answers, if it does.
    TooLong(&'l [u8], Option<u64>),
}

/// Reads lines one after the other. Of a long one the rest is read and forgotten.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    longest: usize,
}

/// Room that is kept from one line to the next.
const KEPT: usize = 64 * 1024;

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn of(reader: R, longest: usize) -> Lines<R> {
        Lines { reader: BufReader::new(reader), line: Vec::new(), longest }
    }

    /// The next line; `None` at the end. What stands behind the last line end is a line too.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        self.line.shrink_to(KEPT);
        let mut long: Option<Overlong> = None;
        let mut is_any = false;
        loop {
            let read = self.reader.fill_buf().await?;
            if read.is_empty() {
                break;
            }
            is_any = true;
            let end = read.iter().position(|byte| *byte == b'\n');
            let part = read.get(..end.unwrap_or(read.len())).unwrap_or_default();
            let room = self.longest.saturating_sub(self.line.len());
            if part.len() > room || long.is_some() {
                let line = &self.line;
                let long = long.get_or_insert_with(|| {
                    let mut long = Overlong::default();
                    long.read(line);
                    long
                });
                long.read(part);
            }
            self.line.extend_from_slice(part.get(..room).unwrap_or(part));
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        Ok(match (is_any, long) {
            (false, _) => None,
            (true, None) => Some(Line::Whole(&self.line)),
            (true, Some(long)) => Some(Line::TooLong(&self.line, long.answers())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn long_lines_are_cut_and_the_next_one_is_whole() {
        let mut lines = Lines::of(&b"1234\n12345\n\n123456789\r\n12"[..], 4);
        for wanted in [
            Line::Whole(b"1234"),
            Line::TooLong(b"1234", None),
            Line::Whole(b""),
            Line::TooLong(b"1234", None),
            Line::Whole(b"12"),
        ] {
            assert_eq!(lines.next().await.unwrap(), Some(wanted));
        }
        assert_eq!(lines.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_line_may_be_longer_than_what_is_read_at_once() {
        let long = vec![b'x'; 100_000];
        let mut lines = Lines::of(&long[..], 100_000);
        assert_eq!(lines.next().await.unwrap(), Some(Line::Whole(&long)));
        let mut lines = Lines::of(&long[..], 99_999);
        assert!(matches!(lines.next().await.unwrap(), Some(Line::TooLong(_, None))));
    }

    #[tokio::test]
    async fn of_a_line_that_is_too_long_it_is_known_what_it_answers() {
        let long = format!("{{\"result\":\"{}\",\"id\":7}}\n", "x".repeat(100_000));
        for longest in [0, 10, 100_000] {
            let mut lines = Lines::of(long.as_bytes(), longest);
            let line = lines.next().await.unwrap();
            assert!(matches!(line, Some(Line::TooLong(_, Some(7)))), "{longest}");
        }
    }
}
