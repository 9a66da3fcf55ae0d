//! Who may ask how the gateway is, and what is said at the end.

use std::net::SocketAddr;

use bytes::Bytes;
use rustix::process::Signal;
use testkit::server::{Server, stream};
use tokio::time::timeout;

use crate::Around;
use crate::common::folder::Folder;
use crate::common::free;
use crate::common::rig::{Client, call, post};
use crate::common::wire::{SOON, Wire};

async fn get(address: SocketAddr, path: &str) -> Option<u16> {
    let mut wire = Wire::connect(address).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    Some(wire.ask(request.as_bytes()).await?.status)
}

/// From elsewhere not a byte is answered; health has an address of its own for everybody.
#[tokio::test]
async fn the_admin_listener_answers_whom_it_may() {
    for (from, status) in
        [("loopback", Some(200)), ("192.0.2.0/24", None), ("127.0.0.1", Some(200))]
    {
        let (admin, health) = (free(), free());
        let top = format!(
            "[admin]\nlisten = \"{admin}\"\nhealth = \"{health}\"\nallow_from = [\"{from}\"]\n"
        );
        let mut around = Around::start("operators-from", &top, "").await;
        for path in ["/metrics", "/readyz"] {
            assert_eq!(get(admin, path).await, status, "{from} {path}");
        }
        assert_eq!(get(health, "/readyz").await, Some(200), "{from}");
        if status.is_none() {
            let said = around.binary.until("not allowed to ask").await;
            assert_eq!(said["address"], "127.0.0.1");
        }
    }
}

/// While answers are still under way nobody is to send more.
// req: RS-16
#[tokio::test]
async fn it_is_not_ready_while_it_drains_and_lives_all_the_same() {
    let (mut sender, answer) = stream(200, &[("content-type", "text/event-stream")]);
    let mut answer = Some(answer);
    let upstream = Server::start(move |_| answer.take().unwrap()).await;
    let (admin, health) = (free(), free());
    let top = format!("[admin]\nlisten = \"{admin}\"\nhealth = \"{health}\"\n");
    let folder = Folder::new("operators-drain");
    let mut around = Around::with(folder, upstream, &top, "", &[]).await;
    let mut client = Client::connect(around.binary.address).await;
    let under_way = client.send(post(around.token(), call("read_a"))).await;
    for address in [admin, health] {
        assert_eq!(get(address, "/readyz").await, Some(200));
    }
    around.binary.tell(Signal::TERM);
    around.binary.until("draining").await;
    for address in [admin, health] {
        assert_eq!(get(address, "/readyz").await, Some(503));
        assert_eq!(get(address, "/livez").await, Some(200));
    }
    sender.send_data(Bytes::from_static(b"data: late\n\n")).await.unwrap();
    drop(sender);
    let whole = http_body_util::BodyExt::collect(under_way.into_body());
    assert_eq!(timeout(SOON, whole).await.unwrap().unwrap().to_bytes(), "data: late\n\n");
    assert!(around.binary.ended().await.success());
}
