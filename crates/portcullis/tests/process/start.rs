//! Why `serve` does not start, by the code it exits with: whoever starts it again looks at that.

use std::process::Stdio;

use testkit::authority::Authority;
use testkit::server::{Server, respond};
use tokio::process::Command;
use tokio::time::timeout;

use crate::common::binary::Binary;
use crate::common::folder::Folder;
use crate::common::rig::Rig;
use crate::common::wire::SOON;
use crate::ok;

/// Exit code and last words of a gateway that does not start.
async fn refused(folder: &Folder) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("serve").current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(SOON, command.output()).await.expect("it serves").unwrap();
    assert_eq!(output.stdout, b"");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// What a file of the configuration should hold.
enum Holds {
    Certificate,
    Key,
    ClientKey,
    Secret,
    Line,
}

/// A file that is missing, or is not what it should be, is the configuration's fault and named; with the right one it
/// serves.
#[tokio::test]
async fn a_file_that_cannot_be_used_is_a_bad_configuration() {
    use Holds::{Certificate, ClientKey, Key, Line, Secret};
    let authority = Authority::new("of all");
    let own = authority.server(&["localhost"]);
    let issuer = Server::start(|_| respond(200, &[], "{}")).await;
    let upstream = Server::start(ok).await;
    let https = |text: String| text.replace("http://localhost:8080", "https://localhost:8443");
    let tls = "tls = { cert = \"cert.pem\", key = \"key.pem\", client_ca = \"ca.pem\" }";
    let to_upstream = "upstream_tls = { ca = \"ca.pem\", cert = \"cert.pem\", key = \"key.pem\" }";
    let asking = |more: &str| {
        format!(
            "introspection = {{ when = \"opaque\", endpoint = \"{}\", client_id = \"us\", {more} }}\n\
             [servers.files]",
            issuer.url("/ask")
        )
    };
    let of_issuer = |more: &str, text: String| text.replace("[servers.files]", &asking(more));
    let usual = || Rig::text(&issuer, &upstream, "", "");
    let listener = || https(Rig::text(&issuer, &upstream, tls, ""));
    let upstream_tls = || {
        let text = Rig::text(&issuer, &upstream, "", to_upstream);
        text.replace("upstream = \"http://", "upstream = \"https://")
    };
    for (file, holds, text) in [
        ("cert.pem", Certificate, listener()),
        ("key.pem", Key, listener()),
        ("ca.pem", Certificate, listener()),
        ("ca.pem", Certificate, upstream_tls()),
        ("cert.pem", Certificate, upstream_tls()),
        ("key.pem", Key, upstream_tls()),
        (
            "own.pem",
            Certificate,
            usual().replace("[issuers.idp]", "[issuers.idp]\nca = \"own.pem\""),
        ),
        ("secret", Secret, of_issuer("client_secret = \"file:secret\"", usual())),
        ("client", ClientKey, of_issuer("private_key = \"file:client\", alg = \"ES256\"", usual())),
        ("trail/audit", Line, Rig::text(&issuer, &upstream, "audit = \"trail/audit\"", "")),
    ] {
        let folder = Folder::new("start-files");
        folder.write("portcullis.toml", &text);
        folder.write("ca.pem", &authority.pem());
        folder.write("cert.pem", &own.pem());
        folder.write("key.pem", &own.key_pem());
        std::fs::remove_file(folder.path().join(file)).ok();
        let (code, said) = refused(&folder).await;
        assert_eq!(code, Some(78), "{file} is missing: {said}");
        assert!(said.contains(file), "{file}: {said}");
        let good = match holds {
            Certificate if file == "cert.pem" => own.pem(),
            Certificate => authority.pem(),
            Key | ClientKey => own.key_pem(),
            Secret => "hunter2\n".to_owned(),
            Line => String::new(),
        };
        if let Certificate | Key | ClientKey = holds {
            folder.write(file, "no PEM");
            let (code, said) = refused(&folder).await;
            assert_eq!(code, Some(78), "{file} is none: {said}");
            let named = if let ClientKey = holds { "private_key" } else { file };
            assert!(said.contains(named) && !said.contains("no PEM"), "{file}: {said}");
        }
        if let Line = holds {
            std::fs::create_dir(folder.path().join("trail")).unwrap();
        } else {
            folder.write(file, &good);
        }
        Binary::serve(folder, &[]).await;
    }
}

/// What is wrong with the machine is not wrong with the configuration.
#[tokio::test]
async fn an_address_that_is_taken_is_no_bad_configuration() {
    let issuer = Server::start(|_| respond(200, &[], "{}")).await;
    let upstream = Server::start(ok).await;
    for (address, code) in [(upstream.address.to_string(), 1), ("nowhere".to_owned(), 78)] {
        let folder = Folder::new("start-address");
        let text = Rig::text(&issuer, &upstream, "", "").replace("127.0.0.1:0", &address);
        folder.write("portcullis.toml", &text);
        let (found, said) = refused(&folder).await;
        assert_eq!(found, Some(code), "{said}");
        assert!(said.contains(&address), "{said}");
    }
}
