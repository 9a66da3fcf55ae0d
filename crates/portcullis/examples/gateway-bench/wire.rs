//! HTTP/1.1 as the two ends of the bench speak it: heads read by httparse, bodies by `Content-Length`
//! alone. Anything else is an error, never a guess.

use std::ops::Range;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::Result;

/// Where the resource is, at every contender.
pub(crate) const PATH: &str = "/mcp";

/// A fixed call of a tool. The rules of the measured policy allow it by name.
pub(crate) const CALL: &str = concat!(
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"read_file","#,
    r#""arguments":{"path":"/srv/reports/2026/november/summary.md","encoding":"utf-8","limit":200},"#,
    r#""_meta":{"progressToken":7}}}"#,
);

/// Its answer.
pub(crate) const ANSWER: &str = concat!(
    r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","#,
    r#""text":"Summary of November: everything went as planned."}],"isError":false}}"#,
);

/// The event that opens a stream, so that its holder knows the way through is open.
pub(crate) const FIRST_EVENT: &str = "id: 0\ndata: \n\n";

const MAX_HEADERS: usize = 64;
const MAX_MESSAGE: usize = 16 * 1024;

/// What arrived on a connection and was not consumed yet.
pub(crate) struct Inbox {
    bytes: Box<[u8]>,
    filled: usize,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Inbox { bytes: vec![0; MAX_MESSAGE].into_boxed_slice(), filled: 0 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    /// Waits for more; `false` at the end of the connection.
    pub(crate) async fn more(&mut self, socket: &mut TcpStream) -> Result<bool> {
        let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
        if room.is_empty() {
            return Err(format!("a message of more than {MAX_MESSAGE} octets").into());
        }
        let read = socket.read(room).await?;
        self.filled += read;
        Ok(read > 0)
    }

    pub(crate) fn consume(&mut self, octets: usize) {
        self.bytes.copy_within(octets..self.filled, 0);
        self.filled -= octets;
    }
}

/// A request that has arrived whole.
pub(crate) struct Request {
    pub(crate) octets: usize,
    /// A `GET`, which asks for a stream of events.
    pub(crate) events: bool,
}

/// The first request in these bytes, once it is whole.
pub(crate) fn request(bytes: &[u8]) -> Result<Option<Request>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes)? else { return Ok(None) };
    let body = match head.method {
        Some("GET") => 0,
        _ => content_length(head.headers)?,
    };
    let octets = start + body;
    let events = head.method == Some("GET");
    Ok((octets <= bytes.len()).then_some(Request { octets, events }))
}

/// A response that has arrived whole.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Range<usize>,
}

/// The response in these bytes, once it is whole.
pub(crate) fn response(bytes: &[u8]) -> Result<Option<Response>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes)? else { return Ok(None) };
    let body = start..start + content_length(head.headers)?;
    let status = head.code.unwrap_or_default();
    Ok((body.end <= bytes.len()).then_some(Response { status, body }))
}

/// Status and place of the body of a response whose length is not known yet.
pub(crate) fn response_head(bytes: &[u8]) -> Result<Option<(u16, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes)? else { return Ok(None) };
    Ok(Some((head.code.unwrap_or_default(), start)))
}

fn content_length(headers: &[httparse::Header<'_>]) -> Result<usize> {
    let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let value = found.and_then(|header| std::str::from_utf8(header.value).ok());
    value
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "a message without Content-Length".into())
}
