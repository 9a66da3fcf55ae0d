//! Certificates that are replaced while the binary runs.

use serde_json::json;
use testkit::authority::{Authority, Certified};

use crate::client::{BOTH, Client};
use crate::common::binary::{Binary, token};
use crate::common::folder::Folder;
use crate::common::rig::{call, issuer, post};
use crate::listener::{RESOURCE, text, upstream};

fn put(folder: &Folder, certified: &Certified) {
    folder.write("cert.pem", &certified.pem());
    folder.write("key.pem", &certified.key_pem());
}

/// New connections see the new certificate, old ones live on; what cannot be used replaces nothing.
#[tokio::test]
async fn a_certificate_is_replaced_and_nobody_notices() {
    let (issuer, upstream, folder) = (issuer().await, upstream().await, Folder::new("replaced"));
    let (authority, clients) = (Authority::new("of the gateway"), Authority::new("of clients"));
    let own = [authority.server(&["localhost"]), authority.server(&["localhost"])];
    put(&folder, &own[0]);
    let later = Authority::new("of other clients");
    let tls = format!(", client_ca = \"{}\"", folder.write("clients.pem", &later.pem()));
    folder.write("portcullis.toml", &text(&issuer, &upstream, &folder, &tls));
    let mut binary = Binary::serve(folder, &[]).await;
    let (address, ada) = (binary.address, clients.client("ada"));
    let token = token(&issuer, &json!({ "aud": RESOURCE }));
    let connect = async |shown| Client::connect(address, &authority, &BOTH, shown).await.unwrap();
    let status = async |client: &mut Client| {
        client
            .ask(post(&token, call("read_file")))
            .await
            .ok()
            .map(|answer| answer.status().as_u16())
    };

    let mut first = connect(None).await;
    assert_eq!((status(&mut first).await, &first.shown), (Some(200), &own[0].der));
    assert_eq!(status(&mut connect(Some(&ada)).await).await, None, "of nobody who is trusted");

    put(&binary.folder, &own[1]);
    binary.folder.write("clients.pem", &clients.pem());
    let again = "the certificate of the listener was read again";
    // Three files are no one change: it may be seen in between.
    while {
        binary.until(again).await;
        status(&mut connect(Some(&ada)).await).await.is_none()
    } {}
    let mut second = connect(None).await;
    assert_eq!((status(&mut second).await, &second.shown), (Some(200), &own[1].der));
    assert_eq!(status(&mut first).await, Some(200), "connections that were open live on");

    let stays = "the certificate of the listener stays as it was";
    for (file, broken, why) in [
        ("cert.pem", "no certificate".to_owned(), "cert.pem holds no certificate"),
        ("cert.pem", own[0].pem(), "cert.pem with the key"),
        ("clients.pem", String::new(), "clients.pem holds no certificate"),
    ] {
        let before = std::fs::read_to_string(binary.folder.file(file)).unwrap();
        binary.folder.write(file, &broken);
        let said = binary.until(stays).await.to_string();
        assert!(said.contains(why), "{file}: {said}");
        let mut third = connect(Some(&ada)).await;
        assert_eq!((status(&mut third).await, &third.shown), (Some(200), &own[1].der), "{file}");
        binary.folder.write(file, &before);
        binary.until(again).await;
    }
    assert_eq!(status(&mut first).await, Some(200));
}
