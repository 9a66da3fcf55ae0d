//! What several test binaries share.

#[cfg(unix)]
pub mod binary;
pub mod folder;
#[path = "../gateway/rig.rs"]
pub mod rig;
pub mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::time::timeout;

/// Lets this much time pass at once, on a runtime of one thread.
pub async fn skip(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Lets no time pass until this is done, on a runtime of one thread.
pub async fn at_once<T>(doing: impl Future<Output = T>) -> T {
    tokio::time::pause();
    // A clock that is paused goes on by itself where nobody has anything to do.
    let busy = async {
        for _ in 0..10_000_000 {
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::select! {
        biased;
        done = doing => done,
        () = busy => panic!("it is never done"),
    };
    tokio::time::resume();
    done
}

/// A free port of this machine, for an address that a configuration has to name.
pub fn free() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Until a gateway, by the metrics at its admin listener, has so many connections of clients.
pub async fn until_connections(admin: SocketAddr, count: usize) {
    let line = format!("\nportcullis_connections_open {count}\n");
    let asking = async {
        loop {
            let mut client = rig::Client::connect(admin).await;
            let request = Request::get("/metrics").body(Bytes::new()).unwrap();
            let page = client.whole(request).await;
            if String::from_utf8_lossy(page.body()).contains(&line) {
                return;
            }
        }
    };
    timeout(wire::SOON, asking).await.expect("it has another number of connections");
}
