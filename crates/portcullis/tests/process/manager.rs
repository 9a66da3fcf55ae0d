//! What a manager of services hears on its socket (`sd_notify(3)`).

use rustix::process::Signal;
use testkit::server::{Server, stream};
use tokio::net::UnixDatagram;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::common::folder::Folder;
use crate::common::rig::{Client, call, post};
use crate::common::wire::SOON;
use crate::{Around, ok};

/// Messages, each as its lines.
struct Manager(mpsc::Receiver<Vec<String>>);

impl Manager {
    fn listen(folder: &Folder) -> (Manager, String) {
        let path = folder.file("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let (sender, heard) = mpsc::channel(1024);
        // It always listens, as managers do: who tells it waits for that.
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer).await {
                let text = std::str::from_utf8(&buffer[..length]).unwrap();
                sender.try_send(text.lines().map(str::to_owned).collect()).unwrap();
            }
        });
        (Manager(heard), path)
    }

    async fn next(&mut self) -> Vec<String> {
        timeout(SOON, self.0.recv()).await.expect("nothing").unwrap()
    }
}

fn monotonic() -> u128 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u128::try_from(now.tv_sec).unwrap() * 1_000_000 + u128::try_from(now.tv_nsec).unwrap() / 1_000
}

/// Ready once it listens, reloading and ready again whatever came of it, stopping when the end begins.
#[tokio::test]
async fn a_manager_hears_how_far_it_is() {
    let folder = Folder::new("manager");
    let (mut manager, path) = Manager::listen(&folder);
    let (sender, answer) = stream(200, &[("content-type", "text/event-stream")]);
    let mut answer = Some(answer);
    let upstream = Server::start(move |request| answer.take().unwrap_or_else(|| ok(request))).await;
    let variables = [("NOTIFY_SOCKET", &*path)];
    let mut around = Around::with(folder, upstream, "", "", &variables).await;
    let listening = format!("STATUS=listening on {}", around.binary.address);
    assert_eq!(manager.next().await, ["READY=1", &listening]);
    let mut client = Client::connect(around.binary.address).await;
    let under_way = client.send(post(around.token(), call("read_a"))).await;

    let refused = format!("{listening}; the new configuration is refused, see the log");
    for (is_good, status) in [(true, &listening), (false, &refused)] {
        let asked = monotonic();
        if is_good {
            around.binary.tell(Signal::HUP);
        } else {
            around.rewrite("", "", |usual| usual + "[");
        }
        let begun = manager.next().await;
        let [reloading, at] = &begun[..] else { panic!("{begun:?}") };
        let at: u128 = at.strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
        assert_eq!(reloading, "RELOADING=1");
        assert!(asked <= at && at <= monotonic(), "of the moment when it was asked");
        assert_eq!(manager.next().await, ["READY=1", status]);
    }
    around.binary.tell(Signal::TERM);
    assert_eq!(manager.next().await, ["STOPPING=1", "STATUS=answers under way are finished"]);
    drop((sender, under_way));
    assert!(around.binary.ended().await.success());
}

/// Where it wants to know whether the process lives, it hears so twice in the time it set, to the end.
#[tokio::test]
async fn a_watchdog_hears_that_it_lives() {
    let folder = Folder::new("manager-watchdog");
    let (mut manager, path) = Manager::listen(&folder);
    let before = monotonic();
    let (sender, answer) = stream(200, &[("content-type", "text/event-stream")]);
    let mut answer = Some(answer);
    let upstream = Server::start(move |_| answer.take().unwrap()).await;
    let variables = [("NOTIFY_SOCKET", &*path), ("WATCHDOG_USEC", "200000")];
    let mut around = Around::with(folder, upstream, "", "", &variables).await;
    let mut client = Client::connect(around.binary.address).await;
    let under_way = client.send(post(around.token(), call("read_a"))).await;
    let mut alive = async || {
        let mut others = Vec::new();
        for _ in 0..3 {
            loop {
                match &manager.next().await[..] {
                    [alone] if alone == "WATCHDOG=1" => break,
                    other => others.push(other[0].clone()),
                }
            }
        }
        others
    };
    assert_eq!(alive().await, ["READY=1"]);
    alive().await;
    assert!(monotonic() - before >= 500_000, "the sixth is not before its time");
    around.binary.tell(Signal::TERM);
    around.binary.until("draining").await;
    alive().await;
    alive().await;
    drop((sender, under_way));
    assert!(around.binary.ended().await.success());
}

/// Meant for another process it is not for this one.
#[tokio::test]
async fn a_watchdog_of_another_process_hears_nothing() {
    let folder = Folder::new("manager-other");
    let (mut manager, path) = Manager::listen(&folder);
    let variables = [("NOTIFY_SOCKET", &*path), ("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let mut around = Around::with(folder, Server::start(ok).await, "", "", &variables).await;
    around.binary.tell(Signal::TERM);
    assert!(around.binary.ended().await.success());
    assert_eq!(manager.next().await[0], "READY=1");
    assert_eq!(manager.next().await[0], "STOPPING=1");
    assert!(manager.0.try_recv().is_err(), "and no more");
}
