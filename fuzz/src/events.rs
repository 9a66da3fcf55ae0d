//! A stream of events as a client reads it (HTML, section 9.2.6), told a second time.

/// What was sent beside `data`, line by line, and the data of each event.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Events {
    pub others: Vec<Vec<u8>>,
    pub data: Vec<Vec<u8>>,
}

impl Events {
    /// All of them, the one included that a stream ends in the middle of: some clients take it.
    pub fn read(stream: &[u8]) -> Events {
        let (mut events, mut data) = (Events::default(), None::<Vec<u8>>);
        for line in lines(stream) {
            // A stream may begin with a mark, and who reads it line by line may drop one anywhere.
            let field = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
            let value = match field.strip_prefix(b"data") {
                Some([b':', b' ', value @ ..] | [b':', value @ ..]) => Some(value),
                Some([]) => Some(&[][..]),
                _ => None,
            };
            match (value, &mut data) {
                (Some(value), None) => data = Some(value.into()),
                (Some(value), Some(before)) => {
                    before.push(b'\n');
                    before.extend(value);
                }
                (None, _) if line.is_empty() => events.data.extend(data.take()),
                (None, _) => events.others.push(line.into()),
            }
        }
        events.data.extend(data);
        events
    }
}

/// Lines end with LF, CR or both.
fn lines(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(stream);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|byte| b"\r\n".contains(byte)) else {
            rest = None;
            return Some(text);
        };
        let length = if text[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = Some(&text[end + length..]);
        Some(&text[..end])
    })
}
