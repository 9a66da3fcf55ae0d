//! A reverse proxy of hyper and nothing else: what a request costs before anything is decided about it.
//!
//! Its options are the choices a gateway has: whose pool keeps the upstream connections, which runtime
//! polls them, how bytes are written.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::options::Options;
use crate::pool::{Lent, Upstream};
use crate::{Result, one_thread};

/// Connections waiting to be accepted.
const BACKLOG: u32 = 1024;

#[derive(Clone, Copy)]
struct Setting {
    listen: SocketAddr,
    to: SocketAddr,
    own_pool: bool,
    vectored: bool,
    read_buffer: Option<usize>,
}

pub(crate) fn main(mut options: Options) -> Result {
    let setting = Setting {
        listen: options.required("--listen")?,
        to: options.required("--to")?,
        own_pool: choice(&mut options, "--pool", ["shared", "own"])?,
        vectored: !choice(&mut options, "--writev", ["on", "off"])?,
        read_buffer: options.option("--read-buffer")?,
    };
    let a_runtime_each = choice(&mut options, "--runtime", ["multi", "cores"])?;
    options.end()?;
    if !a_runtime_each {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(accept(setting));
    }
    // As many threads as the processors this process may use, each with a listener of its own.
    let threads: Vec<_> = (0..std::thread::available_parallelism()?.get())
        .map(|_| std::thread::spawn(move || one_thread()?.block_on(accept(setting))))
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(())
}

/// Whether the second of two words was chosen; the first is the default.
fn choice(options: &mut Options, name: &str, words: [&str; 2]) -> Result<bool> {
    match options.option::<String>(name)? {
        None => Ok(false),
        Some(word) if word == words[0] => Ok(false),
        Some(word) if word == words[1] => Ok(true),
        Some(word) => Err(format!("{name} is {} or {}, not {word}", words[0], words[1]).into()),
    }
}

async fn accept(setting: Setting) -> Result {
    let upstream = if setting.own_pool {
        Upstream::own(setting.to, setting.vectored, setting.read_buffer)
    } else {
        Upstream::shared(setting.to, setting.vectored, setting.read_buffer)
    };
    let upstream = Arc::new(upstream);
    let listener = listener(setting.listen)?;
    loop {
        let (socket, _) = listener.accept().await?;
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move {
            if let Err(why) = serve(socket, upstream, setting.vectored).await {
                eprintln!("gateway-bench bare: {why}");
            }
        });
    }
}

/// A listener that may share its port with those of other threads.
fn listener(listen: SocketAddr) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(listen)?;
    Ok(socket.listen(BACKLOG)?)
}

async fn serve(socket: TcpStream, upstream: Arc<Upstream>, vectored: bool) -> Result {
    socket.set_nodelay(true)?;
    let service = service_fn(|request| forward(&upstream, request));
    let mut server = http1::Builder::new();
    server.writev(vectored).serve_connection(TokioIo::new(socket), service).await?;
    Ok(())
}

async fn forward(upstream: &Upstream, mut request: Request<Incoming>) -> Result<Response<Lent>> {
    request.headers_mut().remove(CONNECTION);
    match upstream.send(request).await {
        Ok(mut response) => {
            response.headers_mut().remove(CONNECTION);
            Ok(response)
        }
        Err(why) => {
            eprintln!("gateway-bench bare: {why}");
            let mut response = Response::new(Lent::nothing());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            Ok(response)
        }
    }
}
