//! Event streams that are opened and then do nothing, as those of most MCP clients do most of the time.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::options::Options;
use crate::wire::{FIRST_EVENT, Inbox, PATH, response_head};
use crate::{Result, one_thread};

pub(crate) fn main(mut options: Options) -> Result {
    let to: SocketAddr = options.required("--to")?;
    let tokens: String = options.required("--tokens")?;
    let count: usize = options.required("--count")?;
    options.end()?;
    let tokens = fs::read_to_string(tokens)?;
    let token = tokens.lines().next().ok_or("no token")?;
    let message = format!(
        "GET {PATH} HTTP/1.1\r\nHost: {to}\r\nConnection: keep-alive\r\n\
         Authorization: Bearer {token}\r\nMCP-Protocol-Version: 2025-11-25\r\n\
         Accept: text/event-stream\r\nAccept-Language: *\r\nSec-Fetch-Mode: cors\r\n\
         User-Agent: node\r\nAccept-Encoding: gzip, deflate\r\n\r\n"
    );
    one_thread()?.block_on(async {
        let mut held = Vec::with_capacity(count);
        for _ in 0..count {
            held.push(open(to, &message).await?);
        }
        println!("held {count}");
        std::io::stdin().read_to_end(&mut Vec::new())?;
        held.into_iter().try_for_each(still_open)
    })
}

/// Opens a stream and waits for its first event.
async fn open(to: SocketAddr, message: &str) -> Result<TcpStream> {
    let mut socket = TcpStream::connect(to).await?;
    socket.write_all(message.as_bytes()).await?;
    let mut inbox = Inbox::new();
    loop {
        let bytes = inbox.bytes();
        if let Some((status, start)) = response_head(bytes)? {
            let text = String::from_utf8_lossy(bytes);
            if status != 200 {
                return Err(format!("not a stream of events:\n{text}").into());
            }
            let body = bytes.get(start..).unwrap_or_default();
            if body.windows(FIRST_EVENT.len()).any(|seen| seen == FIRST_EVENT.as_bytes()) {
                return Ok(socket);
            }
        }
        if !inbox.more(&mut socket).await? {
            return Err("a stream ended before its first event".into());
        }
    }
}

/// A stream that ended meanwhile was not held, and its memory not measured. The socket itself is asked,
/// since the runtime did not run meanwhile.
fn still_open(socket: TcpStream) -> Result {
    match socket.into_std()?.read(&mut [0]) {
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
        Ok(0) => Err("a stream ended while it was held".into()),
        Ok(_) => Err("a stream went on while it was held".into()),
        Err(e) => Err(e.into()),
    }
}
