//! A client that sends bytes as they are, and reads answers as RFC 9112 says.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing on one machine takes longer; what does hangs.
pub const SOON: Duration = Duration::from_secs(30);

/// One connection.
pub struct Wire {
    stream: BufReader<TcpStream>,
    patience: Duration,
}

/// An answer.
#[derive(Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    /// Whether the connection ends with this answer.
    pub fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> Wire {
        let stream = TcpStream::connect(address).await.unwrap();
        Wire::of(stream)
    }

    pub fn of(stream: TcpStream) -> Wire {
        stream.set_nodelay(true).unwrap();
        Wire { stream: BufReader::new(stream), patience: SOON }
    }

    /// Waits for ever, where time is skipped.
    pub fn patient(self) -> Wire {
        Wire { patience: Duration::from_secs(1 << 30), ..self }
    }

    /// Whether all of it was taken; who is not listened to any more may still be answered.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        timeout(self.patience, self.stream.get_mut().write_all(bytes))
            .await
            .expect("nobody reads")
            .is_ok()
    }

    /// The next answer, or `None` where the connection ended before one.
    pub async fn reply(&mut self) -> Option<Reply> {
        timeout(self.patience, self.read()).await.expect("no answer, and no end")
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&mut self, request: &[u8]) -> Option<Reply> {
        self.send(request).await;
        self.reply().await
    }

    async fn read(&mut self) -> Option<Reply> {
        loop {
            let mut reply = self.head().await?;
            if reply.status / 100 == 1 {
                continue;
            }
            let is_chunked =
                reply.header("transfer-encoding").is_some_and(|coding| coding == "chunked");
            let length = reply.header("content-length").map(|length| length.parse().unwrap());
            if reply.status == 204 || reply.status == 304 {
                return Some(reply);
            }
            reply.body = match (is_chunked, length) {
                (true, _) => self.chunks().await?,
                (false, Some(length)) => self.exactly(length).await?,
                (false, None) => {
                    let mut rest = Vec::new();
                    self.stream.read_to_end(&mut rest).await.ok()?;
                    rest
                }
            };
            return Some(reply);
        }
    }

    /// The head of the next answer alone.
    pub async fn head(&mut self) -> Option<Reply> {
        let first = self.line().await?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut reply = Reply { status: status.unwrap_or_default(), ..Reply::default() };
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Some(reply);
            }
            let (name, value) = line.split_once(':').expect("a header");
            reply.headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// The rest of a body in chunks.
    pub async fn chunked(&mut self) -> Option<Vec<u8>> {
        timeout(self.patience, self.chunks()).await.expect("no more of it, and no end")
    }

    /// Whether the other side has not ended the connection; what it sent is thrown away.
    pub async fn is_open(&mut self) -> bool {
        let mut some = [0; 4096];
        let read = timeout(Duration::from_millis(1), self.stream.read(&mut some)).await;
        !matches!(read, Ok(Ok(0) | Err(_)))
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await.ok()?;
        let line = line.strip_suffix(b"\r\n")?;
        Some(String::from_utf8_lossy(line).into_owned())
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line().await?, 16).expect("a length");
            all.extend(self.exactly(length).await?);
            self.line().await?;
            if length == 0 {
                return Some(all);
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).await.ok()?;
        Some(bytes)
    }

    /// Reads until the other side ends the connection, in whatever way: what came until then.
    pub async fn until_closed(&mut self) -> Vec<u8> {
        let rest = self.rest().await;
        rest.expect("it stays open")
    }

    /// The same, or `None` where it stays open.
    pub async fn rest(&mut self) -> Option<Vec<u8>> {
        let mut rest = Vec::new();
        let read = timeout(self.patience, self.stream.read_to_end(&mut rest)).await;
        // A connection that is reset has said all it had to.
        read.is_ok().then_some(rest)
    }
}
