//! An upstream that answers with bytes as they are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What it does once it has read a request.
#[derive(Clone)]
pub enum Act {
    /// Writes this, and reads the next request.
    Write(Vec<u8>),
    /// Writes this and closes.
    Last(Vec<u8>),
    /// Writes the first, then the second over and over.
    Forever(Vec<u8>, Vec<u8>),
    /// Writes this and nothing more.
    Stall(Vec<u8>),
}

pub struct RawServer {
    pub address: SocketAddr,
    read: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    progress: watch::Receiver<Progress>,
}

/// What became of answers without end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes it got rid of.
    pub written: u64,
    /// How many of them were cut off.
    pub cut: usize,
}

impl RawServer {
    /// `act` is told how many requests there were before.
    pub async fn start(act: impl Fn(usize) -> Act + Send + Sync + 'static) -> RawServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (read, act) = (Arc::new(AtomicUsize::new(0)), Arc::new(act));
        let (sender, progress) = watch::channel(Progress::default());
        let count = Arc::clone(&read);
        let connections = Arc::new(AtomicUsize::new(0));
        let taken = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                taken.fetch_add(1, Ordering::SeqCst);
                let (count, act, sender) = (Arc::clone(&count), Arc::clone(&act), sender.clone());
                tokio::spawn(async move { serve(stream, &count, &*act, &sender).await });
            }
        });
        RawServer { address, read, connections, progress }
    }

    /// How many requests it has read to their end.
    pub fn read(&self) -> usize {
        self.read.load(Ordering::SeqCst)
    }

    /// How many connections it has taken.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    count: &AtomicUsize,
    act: &(dyn Fn(usize) -> Act + Send + Sync),
    progress: &watch::Sender<Progress>,
) -> Option<()> {
    while request(&mut stream).await.is_some() {
        match act(count.fetch_add(1, Ordering::SeqCst)) {
            Act::Write(bytes) => stream.write_all(&bytes).await.ok()?,
            Act::Last(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                return stream.shutdown().await.ok();
            }
            Act::Forever(first, again) => {
                stream.write_all(&first).await.ok()?;
                while stream.write_all(&again).await.is_ok() {
                    progress.send_modify(|all| all.written += again.len() as u64);
                }
                progress.send_modify(|all| all.cut += 1);
                return None;
            }
            Act::Stall(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                // Until the other side has had enough.
                let _ = stream.read(&mut [0]).await;
                return None;
            }
        }
    }
    None
}

/// A head, and as much of a body as it says.
async fn request(stream: &mut TcpStream) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok().map(|_| ())
}
