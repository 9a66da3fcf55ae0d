//! Handshakes that take their time, and what becomes of them at the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use portcullis::gateway::{Gateway, Serving};
use serde_json::json;
use testkit::authority::Authority;
use testkit::server::Server;
use testkit::tls::over;
use testkit::{Signer, TestKey, claims_with};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::common::folder::Folder;
use crate::common::rig::{Noon, call, config, issuer, post};
use crate::common::wire::SOON;
use crate::common::{at_once, free, skip, until_connections};
use crate::listener::{RESOURCE, text, upstream};

/// The head of a `ClientHello` that goes on, and does not come.
const HALF: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00";

const MINUTE: Duration = Duration::from_secs(60);

/// A gateway whose time limits are hours, so that a test lets them pass.
struct Front {
    serving: Serving,
    admin: SocketAddr,
    authority: Authority,
    issuer: Server,
    _upstream: Server,
    _folder: Folder,
}

impl Front {
    async fn start(name: &str, limits: &str) -> Front {
        let folder = Folder::new(name);
        let authority = Authority::new("of the gateway");
        let own = authority.server(&["localhost"]);
        folder.write("cert.pem", &own.pem());
        folder.write("key.pem", &own.key_pem());
        let (issuer, upstream, admin) = (issuer().await, upstream().await, free());
        let text = text(&issuer, &upstream, &folder, "");
        let text = format!("{text}\n[admin]\nlisten = \"{admin}\"\n[limits]\n{limits}\n");
        let serving = Gateway::start(&config(&text), Arc::new(Noon)).await.unwrap();
        Front { serving, admin, authority, issuer, _upstream: upstream, _folder: folder }
    }

    /// A connection that the gateway has taken, on which so much was sent.
    async fn connect(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.serving.address()).await.unwrap();
        until_connections(self.admin, 1).await;
        stream.write_all(bytes).await.unwrap();
        stream
    }

    fn request(&self) -> Request<Full<bytes::Bytes>> {
        let claims = claims_with(&json!({ "iss": self.issuer.url(""), "aud": RESOURCE }));
        let token = Signer::new(TestKey::P256).sign(&claims);
        let mut request = post(&token, call("read_file"));
        request.headers_mut().insert("host", "localhost:8443".parse().unwrap());
        request.map(Full::new)
    }
}

/// Reads until the other side ends the connection, in whatever way.
async fn ended(stream: &mut (impl tokio::io::AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    let read = timeout(SOON, stream.read_to_end(&mut rest)).await;
    let _ = read.expect("it stays open");
}

/// The time for the first head begins with the connection: a handshake takes from it and adds nothing.
#[tokio::test]
async fn the_first_head_has_its_time_from_the_connection_on() {
    for (case, handshake, rest, in_time) in
        [("in time", 40, 15, true), ("too late", 40, 30, false), ("no handshake", 70, 0, false)]
    {
        let front = Front::start("tls-handshake-time", "header_timeout = \"1h\"").await;
        let mut stream = front.connect(b"").await;
        skip(MINUTE * handshake).await;
        if case == "no handshake" {
            stream.write_all(HALF).await.unwrap();
            ended(&mut stream).await;
            continue;
        }
        let shaken = over(stream, "localhost", &front.authority, &["http/1.1"], None);
        let mut stream = timeout(SOON, shaken).await.unwrap().unwrap();
        stream.write_all(b"POST /files/mcp HTTP/1.1\r\nHost: localhost:8443\r\n").await.unwrap();
        skip(MINUTE * rest).await;
        if in_time {
            stream.write_all(b"Connection: close\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 401 "), "{case}");
        } else {
            ended(&mut stream).await;
        }
    }
}

/// At the end a handshake that does not go on is not waited for, and one that does is served.
// req: RS-16
#[tokio::test]
async fn the_end_does_not_wait_for_half_a_handshake() {
    for (case, bytes, goes_on) in
        [("nothing", &b""[..], false), ("half", HALF, false), ("nothing yet", b"", true)]
    {
        let limits = "header_timeout = \"1h\"\ndrain_timeout = \"1h\"";
        let front = Front::start("tls-handshake-end", limits).await;
        let mut stream = front.connect(bytes).await;
        let (request, authority) = (front.request(), front.authority);
        let drained = tokio::spawn(front.serving.drain());
        tokio::task::yield_now().await;
        if goes_on {
            let answer = at_once(async {
                let shaken = over(stream, "localhost", &authority, &["http/1.1"], None);
                let stream = TokioIo::new(shaken.await.unwrap());
                let (mut sender, connection) = http1::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                sender.send_request(request).await.unwrap()
            });
            let answer = answer.await;
            let closes = answer.headers().get("connection").is_some_and(|value| value == "close");
            assert!(answer.status() == 200 && closes, "{answer:?}");
            answer.into_body().collect().await.unwrap();
        } else {
            ended(&mut stream).await;
        }
        timeout(SOON, drained).await.expect(case).unwrap();
    }
}
