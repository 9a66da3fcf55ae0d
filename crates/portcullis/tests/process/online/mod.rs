//! `portcullis check --online`: what is there and what is not, each beside its twin.

mod issuers;
mod servers;

use std::process::Stdio;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use testkit::authority::Authority;
use testkit::server::{Answer, Server, respond};
use testkit::{TestKey, jwks};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

use crate::common::folder::Folder;
use crate::common::wire::{SOON, Wire};
use crate::ok;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// The exit code, and all that is said.
async fn check(folder: &Folder, text: &str) -> (i32, String) {
    folder.write("portcullis.toml", text);
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["check", "--online"]).current_dir(folder.path()).stdin(Stdio::null());
    let output = timeout(SOON * 3, command.output()).await.expect("it does not end").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout) + &text(output.stderr))
}

/// An issuer as it should be, which knows the client `gateway` by its secret.
fn good(request: &Request<Bytes>) -> Answer {
    let host = request.headers().get("host").map_or("", |host| host.to_str().unwrap());
    let here = format!("http://{host}");
    let answer = |value: Value| respond(200, &JSON, value.to_string());
    match request.uri().path() {
        "/.well-known/oauth-authorization-server" => answer(json!({
            "issuer": here,
            "jwks_uri": format!("{here}/keys"),
            "introspection_endpoint": format!("{here}/introspect"),
            "authorization_endpoint": format!("{here}/authorize"),
            "token_endpoint": format!("{here}/token"),
            "response_types_supported": ["code"],
        })),
        "/keys" => respond(200, &JSON, jwks(&[TestKey::P256, TestKey::Ed25519])),
        // gateway:hunter2
        "/introspect" if request.headers()["authorization"] == "Basic Z2F0ZXdheTpodW50ZXIy" => {
            answer(json!({ "active": false }))
        }
        "/introspect" => respond(401, &[], ""),
        _ => respond(404, &[], ""),
    }
}

/// A configuration with one issuer and one server.
fn text(issuer: &str, of_issuer: &str, of_server: &str) -> String {
    format!(
        r#"
public_url = "http://localhost:8080"
[issuers.idp]
issuer = "{issuer}"
{of_issuer}
[servers.files]
path = "/files/mcp"
issuers = ["idp"]
access = "signed-in"
{of_server}
"#
    )
}

fn asking(secret: &str) -> String {
    format!(
        "introspection = {{ when = \"opaque\", client_id = \"gateway\", client_secret = \"{secret}\" }}"
    )
}

fn at(upstream: &Server) -> String {
    format!("upstream = \"{}\"", upstream.url("/up"))
}

/// The line about this.
fn line<'t>(said: &'t str, about: &str) -> &'t str {
    let found = said.lines().find(|line| line.contains(about));
    found.unwrap_or_else(|| panic!("no {about}: {said}"))
}

/// Everything in the order of the configuration, and nobody is asked for more than that.
#[tokio::test]
async fn what_is_there_is_told_in_order() {
    let folder = Folder::new("online-order");
    let (issuer, second) = (Server::start(good).await, Server::start(good).await);
    let (asked, heard) = std::sync::mpsc::channel();
    let upstream = Server::start(move |request| {
        asked.send(request.clone()).unwrap();
        ok(request)
    })
    .await;
    let (at, url) = (at(&upstream), second.url(""));
    let more = format!(
        "{at}\n[issuers.second]\nissuer = \"{url}\"\njwks = \"{url}/keys\"\n\
         [servers.more]\npath = \"/more\"\nissuers = [\"second\"]\naccess = \"signed-in\"\n{at}\n\
         upstream_headers = {{ add = {{ X-Key = \"hunter2\" }} }}\n"
    );
    let (code, said) = check(&folder, &text(&issuer.url(""), &asking("hunter2"), &more)).await;
    assert_eq!(code, 0, "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("ok ")).collect();
    let (here, answers) = (issuer.url(""), "answers server/discover with 200 over HTTP/1.1");
    assert_eq!(
        lines,
        [
            format!("ok      issuers.idp metadata: speaks for {here}"),
            "ok      issuers.idp keys: 2 keys for ES256, EdDSA".to_owned(),
            "ok      issuers.idp introspection: knows this client, and that a token nobody issued is none"
                .to_owned(),
            "ok      issuers.second keys: 2 keys for ES256, EdDSA".to_owned(),
            format!("ok      servers.files upstream: {answers}"),
            format!("ok      servers.more upstream: {answers}"),
        ]
    );
    assert!(said.starts_with("portcullis.toml: can be used\n") && !said.contains("hunter2"));
    assert_eq!(second.asked(), 1, "its metadata is not needed");
    let questions: Vec<Request<Bytes>> = heard.try_iter().collect();
    assert_eq!(questions.len(), 2);
    assert_eq!(questions.iter().filter(|asked| asked.headers().contains_key("x-key")).count(), 1);
    for asked in questions {
        let body: Value = serde_json::from_slice(asked.body()).unwrap();
        assert_eq!((&body["method"], asked.method().as_str()), (&json!("server/discover"), "POST"));
        assert_eq!(asked.headers()["mcp-protocol-version"], "2026-07-28");
        assert!(!asked.headers().contains_key("authorization"));
    }
}

/// All are asked at once, and whoever answers last has their line where the configuration has them.
#[tokio::test]
async fn nobody_waits_for_another() {
    let (folder, issuer) = (Folder::new("online-at-once"), Server::start(good).await);
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = |listener: &TcpListener| {
        format!("upstream = \"http://{}/up\"", listener.local_addr().unwrap())
    };
    let more = format!(
        "{}\n[servers.more]\npath = \"/more\"\nissuers = [\"idp\"]\naccess = \"signed-in\"\n{}",
        at(&first),
        at(&second)
    );
    let text = text(&issuer.url(""), "", &more);
    let answer = async {
        // Both have been asked before either answers.
        let (mut first, mut second) = (asked(&first).await, asked(&second).await);
        let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        second.send(ok).await;
        first.send(ok).await;
        (first, second)
    };
    let ((code, said), _held) = tokio::join!(check(&folder, &text), answer);
    assert_eq!(code, 0, "{said}");
    let place = |about: &str| said.find(about).unwrap();
    assert!(place("servers.files upstream") < place("servers.more upstream"), "{said}");
}

/// A connection on which a question has come.
async fn asked(listener: &TcpListener) -> Wire {
    let (stream, _) = timeout(SOON, listener.accept()).await.expect("nobody asks").unwrap();
    stream.peek(&mut [0]).await.unwrap();
    Wire::of(stream)
}

/// Where the configuration itself is no good nobody is asked: neither where it cannot be read, nor where its files
/// cannot be used.
#[tokio::test]
async fn nobody_is_asked_for_a_configuration_that_is_no_good() {
    let folder = Folder::new("online-none");
    let (issuer, upstream) = (Server::start(good).await, Server::start(ok).await);
    let url = issuer.url("");
    let broken = text(&url, "", &at(&upstream)).replace("access", "acess");
    let (code, said) = check(&folder, &broken).await;
    assert_eq!(code, 78, "{said}");
    let authority = Authority::new("of the gateway");
    let own = authority.server(&["localhost"]);
    let tls = "public_url = \"https://localhost:8443\"\n\
               tls = { cert = \"cert.pem\", key = \"key.pem\", client_ca = \"clients.pem\" }";
    let with_tls = text(&url, "ca = \"clients.pem\"", &at(&upstream))
        .replace("public_url = \"http://localhost:8080\"", tls);
    let (key, other) = (own.key_pem(), authority.server(&["localhost"]).key_pem());
    folder.write("clients.pem", &authority.pem());
    folder.write("cert.pem", &own.pem());
    for (file, broken, good, why) in [
        ("key.pem", "", &key, "key.pem holds no private key"),
        ("key.pem", &*other, &key, "cert.pem with the key"),
        ("clients.pem", "", &authority.pem(), "clients.pem holds no certificate"),
    ] {
        folder.write(file, broken);
        let (code, said) = check(&folder, &with_tls).await;
        assert_eq!(code, 1, "{said}");
        assert!(said.starts_with("portcullis.toml: cannot be used\nnot ok"), "{said}");
        assert!(line(&said, "tls files").contains(why), "{said}");
        assert!(!said.contains("PRIVATE"), "{said}");
        folder.write(file, good);
    }
    assert_eq!((issuer.asked(), upstream.asked()), (0, 0));
    let (code, said) = check(&folder, &with_tls).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("certificates of clients: signed by one of the 1 in"), "{said}");
    assert!(issuer.asked() > 0 && upstream.asked() > 0);
}
