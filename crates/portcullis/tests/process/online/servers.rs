//! Servers, over HTTP and started.

use bytes::Bytes;
use http::Request;
use testkit::authority::Authority;
use testkit::server::{Answer, Server, respond, stream};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::{at, check, good, line, text};
use crate::common::folder::Folder;
use crate::common::wire::SOON;
use crate::ok;
use crate::server::{LEGACY, MODERN, REFUSING, SERVE, WATCH, command};

fn status(status: u16) -> impl FnMut(&Request<Bytes>) -> Answer + Send + 'static {
    move |_| respond(status, &[("location", "/elsewhere")], "")
}

/// Any answer shows that it is there; one that the gateway could pass to nobody is none.
#[tokio::test]
async fn a_server_is_there_where_it_answers() {
    let (folder, issuer) = (Folder::new("online-server"), Server::start(good).await);
    let cases = [
        (200, true, "answers server/discover with 200"),
        (400, true, "with 400"),
        (403, true, "with 403"),
        (404, true, "is the path of \"upstream\" right?"),
        (401, false, "give it a credential by \"upstream_headers.add\""),
        (307, false, "name in \"upstream\" where it really is"),
        (500, false, "with 500 over HTTP/1.1: see its log"),
    ];
    for (code, is_good, why) in cases {
        let upstream = Server::start(status(code)).await;
        let (exit, said) = check(&folder, &text(&issuer.url(""), "", &at(&upstream))).await;
        let line = line(&said, "servers.files upstream");
        assert_eq!((exit == 0, line.starts_with("ok ")), (is_good, is_good), "{code}: {said}");
        assert!(line.contains(why), "{code}: {line}");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = Server::start(|_| None).await;
    let patience = "\nupstream_timeouts = { answer = \"250ms\" }";
    for (upstream, why) in [
        (format!("upstream = \"http://{nobody}/up\""), "see that it runs"),
        (at(&silent) + patience, "no answer in time"),
    ] {
        let (exit, said) = check(&folder, &text(&issuer.url(""), "", &upstream)).await;
        assert_eq!(exit, 1, "{said}");
        assert!(line(&said, "servers.files upstream").contains(why), "{said}");
    }
}

/// Whether the certificate is the right one, and which version of HTTP is spoken.
#[tokio::test]
async fn a_server_behind_tls_is_judged_as_when_serving() {
    let (folder, issuer) = (Folder::new("online-tls"), Server::start(good).await);
    let (own, other) = (Authority::new("of servers"), Authority::new("of servers"));
    let own_file = folder.write("own.pem", &own.pem());
    let other_file = folder.write("other.pem", &other.pem());
    let (right, wrong) = (own.server(&["127.0.0.1"]), own.server(&["files.example"]));
    for (shown, ca, why) in [
        (&right, &own_file, None),
        (&right, &other_file, Some("certificate")),
        (&wrong, &own_file, Some("not valid for name")),
    ] {
        let upstream = Server::tls(shown, &["h2"], None, ok).await;
        let server = format!("{}\nupstream_tls = {{ ca = \"{ca}\" }}", at(&upstream));
        let (exit, said) = check(&folder, &text(&issuer.url(""), "", &server)).await;
        let line = line(&said, "servers.files upstream");
        assert_eq!(exit, i32::from(why.is_some()), "{said}");
        assert!(line.contains(why.unwrap_or("with 200 over HTTP/2")), "{line}");
    }
}

/// Of HTTP+SSE the stream is opened, and left.
#[tokio::test]
async fn a_server_of_2024_is_asked_for_its_stream() {
    let (folder, issuer) = (Folder::new("online-sse"), Server::start(good).await);
    let (mut sender, answer) = stream(200, &[("content-type", "text/event-stream")]);
    let mut answer = Some(answer);
    let upstream = Server::start(move |request| {
        assert_eq!(request.method(), "GET");
        answer.take().unwrap_or_else(|| ok(request))
    })
    .await;
    let server = format!("{}\ntransport = \"sse\"", at(&upstream));
    let (exit, said) = check(&folder, &text(&issuer.url(""), "", &server)).await;
    assert_eq!(exit, 0, "{said}");
    let gone = async { while sender.send_data(Bytes::from_static(b":\n\n")).await.is_ok() {} };
    timeout(SOON, gone).await.expect("it still listens");
    let (exit, said) = check(&folder, &text(&issuer.url(""), "", &server)).await;
    assert_eq!(exit, 1, "{said}");
    assert!(line(&said, "servers.files").contains("no stream: see \"transport\""), "{said}");
}

/// A command is started, asked what it speaks, and ended.
#[tokio::test]
async fn a_command_is_tried() {
    let (folder, issuer) = (Folder::new("online-command"), Server::start(good).await);
    let watch = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = watch.local_addr().unwrap();
    let test = command();
    let server = |command: &[String], kind: &str| {
        format!("command = {command:?}\nenv = {{ {SERVE} = \"{kind}\", {WATCH} = \"{address}\" }}")
    };
    for (kind, is_good, why) in [
        (MODERN, true, "speaks 2026-07-28"),
        (LEGACY, true, "speaks 2025-11-25 or older"),
        (REFUSING, false, "does not answer initialize"),
    ] {
        let (exit, said) = check(&folder, &text(&issuer.url(""), "", &server(&test, kind))).await;
        assert_eq!(exit == 0, is_good, "{said}");
        assert!(line(&said, "servers.files command").contains(why), "{said}");
        let (process, _) = timeout(SOON, watch.accept()).await.unwrap().unwrap();
        let mut process = BufReader::new(process);
        timeout(SOON, process.read_line(&mut String::new())).await.unwrap().unwrap();
        let rest = timeout(SOON, process.read_to_end(&mut Vec::new())).await;
        let _ = rest.expect("it lives on");
        // The other way of asking had a process of its own.
        if kind != MODERN {
            timeout(SOON, watch.accept()).await.unwrap().unwrap();
        }
    }
    let of = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    for (command, why) in [
        (of(&["no-such-program"]), "no-such-program: No such file"),
        (of(&["false"]), "see \"command\""),
    ] {
        let (exit, said) =
            check(&folder, &text(&issuer.url(""), "", &server(&command, LEGACY))).await;
        assert_eq!(exit, 1, "{said}");
        assert!(line(&said, "servers.files command").contains(why), "{said}");
    }
}
