//! The MCP server behind every contender: one answer for each call, one open stream for each `GET`.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::options::Options;
use crate::wire::{ANSWER, FIRST_EVENT, Inbox, request};
use crate::{Result, one_thread};

pub(crate) fn main(mut options: Options) -> Result {
    let listen: SocketAddr = options.required("--listen")?;
    options.end()?;
    one_thread()?.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(async move {
                if let Err(why) = serve(socket).await {
                    eprintln!("gateway-bench upstream: {why}");
                }
            });
        }
    })
}

async fn serve(mut socket: TcpStream) -> Result {
    socket.set_nodelay(true)?;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    let mut inbox = Inbox::new();
    loop {
        while let Some(asked) = request(inbox.bytes())? {
            inbox.consume(asked.octets);
            if asked.events {
                return hold(socket, inbox).await;
            }
            socket.write_all(answer.as_bytes()).await?;
        }
        if !inbox.more(&mut socket).await? {
            return Ok(());
        }
    }
}

/// An event stream that says one thing and stays open. nginx is told not to buffer it, as the SDKs do.
async fn hold(mut socket: TcpStream, mut inbox: Inbox) -> Result {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\
                X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n";
    let start = format!("{head}{:x}\r\n{FIRST_EVENT}\r\n", FIRST_EVENT.len());
    socket.write_all(start.as_bytes()).await?;
    while inbox.more(&mut socket).await? {}
    Ok(())
}
