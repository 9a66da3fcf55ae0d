//! Another configuration is taken as a whole, or not at all.

use rustix::process::Signal;
use serde_json::json;
use testkit::authority::{Authority, Certified};
use testkit::server::Server;
use tokio::process::Command;

use crate::common::folder::Folder;
use crate::common::rig::{Client, call, post};
use crate::{Around, ok};

/// What is made of a configuration.
type Change = fn(String) -> String;

const TAKEN: &str = "the configuration was read again";
const REFUSED: &str = "the configuration stays as it was";

/// By signal and by what is on disk: rules are other ones from then on, and connections stay.
#[tokio::test]
async fn another_configuration_is_taken_while_it_runs() {
    let mut around = Around::start("reload-taken", "", "").await;
    let mut open = around.client().await;
    let mut status =
        async |tool: &str, token: &str| open.whole(post(token, call(tool))).await.status();
    let token = around.token().to_owned();
    assert_eq!(
        (status("read_a", &token).await, status("list_a", &token).await.as_u16()),
        (200.try_into().unwrap(), 403)
    );
    around.rewrite("", "", |text| text.replace("tools/call read_*", "tools/call list_*"));
    around.binary.until(TAKEN).await;
    assert_eq!(
        (status("read_a", &token).await.as_u16(), status("list_a", &token).await.as_u16()),
        (403, 200)
    );

    // Again, and nobody waits for a look at the files.
    around.rewrite("", "", |text| text);
    around.binary.tell(Signal::HUP);
    around.binary.until(TAKEN).await;
    assert_eq!(
        (status("read_a", &token).await.as_u16(), status("list_a", &token).await.as_u16()),
        (200, 403)
    );
}

/// What is wrong is said with its place, and everything goes on as it was.
#[tokio::test]
async fn a_bad_configuration_changes_nothing() {
    let mut around = Around::start("reload-refused", "", "").await;
    let ca = "upstream_tls = { ca = \"none.pem\" }";
    let cases: [(&str, &str, Change, &str); 4] = [
        ("no TOML", "", |text| text + "[", "portcullis.toml:"),
        ("a key", "", |text| text.replace("access =", "acess ="), "did you mean \\\"access\\\"?"),
        (
            "no server",
            "",
            |text| text.split("[servers").next().unwrap().to_owned(),
            "there is no server",
        ),
        (
            "no such file",
            ca,
            |text| text.replace("upstream = \"http:", "upstream = \"https:"),
            "none.pem",
        ),
    ];
    for (case, server, change, why) in cases {
        // Also what would be good in it is not taken.
        let change = |text: String| change(text.replace("tools/call read_*", "tools/call list_*"));
        around.rewrite("", server, change);
        around.binary.tell(Signal::HUP);
        let said = around.binary.until(why).await.to_string();
        assert!(said.contains(REFUSED), "{case}: {said}");
        assert_eq!(around.status("read_a").await, 200, "{case}");
        assert_eq!(around.status("list_a").await, 403, "{case}");
    }
    around.rewrite("", "", |text| text.replace("tools/call read_*", "tools/call list_*"));
    around.binary.until(TAKEN).await;
    assert_eq!(around.status("list_a").await, 200);
}

/// What is settled when the gateway starts is named, and the rest is taken.
#[tokio::test]
async fn what_needs_a_restart_is_named() {
    let mut around = Around::start("reload-restart", "", "").await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (top, named) in [
        ("audit = \"trail\"", "audit"),
        ("[limits]\nconnections = 7", "limits of connections, time and memory"),
        ("[log]\nlevel = \"debug\"", "log"),
        ("[admin]\nlisten = \"127.0.0.1:1\"", "admin"),
    ] {
        around.rewrite(top, "", |text| text);
        around.binary.tell(Signal::HUP);
        let message = format!("these are taken at start: {named}: restart to change them");
        let said = around.binary.until(&message).await;
        assert_eq!((&said["level"], &said["message"]), (&json!("WARN"), &json!(message)));
        around.binary.until(TAKEN).await;
    }
    around.rewrite("", "", |text| {
        let text = text.replace("127.0.0.1:0", &free.to_string());
        text.replace("tools/call read_*", "tools/call list_*")
    });
    // Not by signal from here on: each change is then read once, and the log has no more to say of it.
    around.binary.until("taken at start: listen: ").await;
    around.binary.until(TAKEN).await;
    assert_eq!(around.status("list_a").await, 200, "where it listened before, with the new rules");
    assert!(tokio::net::TcpStream::connect(free).await.is_err());
    // What is taken anew each time needs none.
    around.rewrite("[limits]\nbody = \"1MiB\"\nbody_timeout = \"9s\"", "", |text| text);
    let next = around.binary.until("\"message\"").await;
    assert_eq!(next["message"], TAKEN, "and no warning");
}

/// A file that the configuration names counts as a part of it.
#[tokio::test]
async fn files_of_authorities_are_watched() {
    let (own, other) = (Authority::new("of servers"), Authority::new("of servers"));
    let folder = Folder::new("reload-authority");
    folder.write("ca.pem", &other.pem());
    let upstream = Server::tls(&own.server(&["127.0.0.1"]), &["h2"], None, ok).await;
    let server = "upstream_tls = { ca = \"ca.pem\" }\n";
    let mut around = Around::with(folder, upstream, "", server, &[]).await;
    assert_eq!(around.status("read_a").await, 502);
    around.binary.folder.write("ca.pem", &own.pem());
    around.binary.until(TAKEN).await;
    assert_eq!(around.status("read_a").await, 200);
    around.binary.folder.write("ca.pem", "");
    let said = around.binary.until(REFUSED).await.to_string();
    assert!(said.contains("ca.pem holds no certificate"), "{said}");
    assert_eq!(around.status("read_a").await, 200);
    around.binary.folder.write("ca.pem", &other.pem());
    around.binary.until(TAKEN).await;
    assert_eq!(around.status("read_a").await, 502);
}

/// What we show to a server, certificates and secrets, is what the files say now.
// req: TX-5
#[tokio::test]
async fn credentials_are_picked_up_when_their_files_change() {
    let (servers, clients) = (Authority::new("of servers"), Authority::new("of clients"));
    let folder = Folder::new("reload-credentials");
    folder.write("ca.pem", &servers.pem());
    folder.write("key", "first");
    let show = |folder: &Folder, certified: &Certified| {
        folder.write("cert.pem", &certified.pem());
        folder.write("key.pem", &certified.key_pem());
    };
    show(&folder, &Authority::new("of others").client("gateway"));
    let (sender, sent) = std::sync::mpsc::channel();
    let shown = servers.server(&["127.0.0.1"]);
    let upstream = Server::tls(&shown, &["h2"], Some(&clients), move |request| {
        let key = request.headers()["x-key"].to_str().unwrap().to_owned();
        sender.send(key).unwrap();
        ok(request)
    })
    .await;
    let server = "upstream_tls = { ca = \"ca.pem\", cert = \"cert.pem\", key = \"key.pem\" }\n\
                  upstream_headers = { add = { X-Key = \"file:key\" } }\n";
    let mut around = Around::with(folder, upstream, "", server, &[]).await;
    assert_eq!(around.status("read_a").await, 502, "nobody there trusts it");
    show(&around.binary.folder, &clients.client("gateway"));
    // Two files are no one change: it may be seen in between, and refused.
    around.binary.until(TAKEN).await;
    assert_eq!(
        (around.status("read_a").await.as_u16(), sent.try_recv()),
        (200, Ok("first".into()))
    );
    around.binary.folder.write("key", "second");
    around.binary.until(TAKEN).await;
    assert_eq!(
        (around.status("read_a").await.as_u16(), sent.try_recv()),
        (200, Ok("second".into()))
    );
}

/// A machine without authorities is enough where nobody is asked over TLS; else it is said what it lacks.
#[tokio::test]
async fn a_machine_without_authorities_serves_what_needs_none() {
    let own = Authority::new("of issuers");
    for (ca, upstream, is_good) in [
        ("ca = \"ca.pem\"", "http://127.0.0.1:9/", true),
        ("ca = \"ca.pem\"", "https://127.0.0.1:9/", false),
        ("", "http://127.0.0.1:9/", false),
    ] {
        let folder = Folder::new("reload-bare");
        folder.write("ca.pem", &own.pem());
        folder.write(
            "portcullis.toml",
            &format!(
                "public_url = \"http://localhost:8080\"\n[issuers.idp]\nissuer = \"https://idp.example\"\n{ca}\n\
                 [servers.a]\npath = \"/a\"\nupstream = \"{upstream}\"\nissuers = [\"idp\"]\n\
                 access = \"signed-in\"\n"
            ),
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.arg("check").current_dir(folder.path());
        command
            .envs([("SSL_CERT_FILE", folder.file("none")), ("SSL_CERT_DIR", folder.file("none"))]);
        let output = command.output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.success(), is_good, "{said}");
        assert_eq!(said.contains("(ca-certificates)"), !is_good, "{said}");
    }
}

/// A configuration whose file comes later is taken when it comes.
#[tokio::test]
async fn a_file_that_was_missing_is_waited_for() {
    let own = Authority::new("of servers");
    let elsewhere = Server::tls(&own.server(&["127.0.0.1"]), &["h2"], None, ok).await;
    let mut around = Around::start("reload-missing", "", "").await;
    let (from, to) = (around.upstream.url("/up"), elsewhere.url("/up"));
    around.rewrite("", "upstream_tls = { ca = \"ca.pem\" }\n", |text| text.replace(&from, &to));
    around.binary.until(REFUSED).await;
    assert_eq!((around.status("read_a").await.as_u16(), elsewhere.asked()), (200, 0));
    around.binary.folder.write("ca.pem", &own.pem());
    around.binary.until(TAKEN).await;
    assert_eq!((around.status("read_a").await.as_u16(), elsewhere.asked()), (200, 1));
}

/// An upstream that has authorities of its own is trusted by no other, those of the machine included.
#[tokio::test]
async fn authorities_of_the_machine_do_not_speak_for_an_upstream_that_has_its_own() {
    let (machine, own) = (Authority::new("of the machine"), Authority::new("of servers"));
    for (signed_by, ca, status) in [
        (&machine, None, 200),
        (&own, None, 502),
        (&own, Some(&own), 200),
        (&machine, Some(&own), 502),
    ] {
        let folder = Folder::new("reload-machine");
        let store = folder.write("machine.pem", &machine.pem());
        let upstream = Server::tls(&signed_by.server(&["127.0.0.1"]), &["h2"], None, ok).await;
        let server = ca.map_or("", |ca| {
            folder.write("ca.pem", &ca.pem());
            "upstream_tls = { ca = \"ca.pem\" }\n"
        });
        let variables = [("SSL_CERT_FILE", &*store), ("SSL_CERT_DIR", "")];
        let around = Around::with(folder, upstream, "", server, &variables).await;
        let mut client = Client::connect(around.binary.address).await;
        let answer = client.whole(post(around.token(), call("read_a"))).await;
        assert_eq!(answer.status(), status);
    }
}
