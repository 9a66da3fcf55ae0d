//! What is in a configuration no more: servers, and the key of session ids.

use bytes::Bytes;
use http::Response;
use serde_json::json;
use testkit::server::{Server, respond};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::Around;
use crate::common::binary::token;
use crate::common::folder::Folder;
use crate::common::rig::{PUBLIC, call, post};
use crate::common::wire::SOON;
use crate::server::{LEGACY, SERVE, WATCH, command};

const TAKEN: &str = "the configuration was read again";

/// A server that is taken out is not there any more, its processes end, and the others know nothing of it.
#[tokio::test]
async fn a_server_that_is_taken_out_is_gone_with_its_processes() {
    let mut around = Around::start("removed-server", "", "").await;
    let watch = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let more = format!(
        "\n[servers.more]\npath = \"/more\"\ncommand = {:?}\nissuers = [\"idp\"]\naccess = \"signed-in\"\n\
         env = {{ {SERVE} = \"{LEGACY}\", {WATCH} = \"{}\" }}\n",
        command(),
        watch.local_addr().unwrap()
    );
    around.rewrite("", "", |text| text + &more);
    around.binary.until(TAKEN).await;
    let token = token(&around.issuer, &json!({ "aud": format!("{PUBLIC}/more") }));
    let ask = async |around: &Around| {
        let mut request = post(&token, INITIALIZE);
        *request.uri_mut() = "/more".parse().unwrap();
        around.client().await.whole(request).await
    };
    let begun = ask(&around).await;
    assert_eq!(begun.status(), 200, "{:?}", begun.body());
    let (process, _) = timeout(SOON, watch.accept()).await.unwrap().unwrap();
    let mut process = BufReader::new(process);
    let mut id = String::new();
    timeout(SOON, process.read_line(&mut id)).await.unwrap().unwrap();

    // Another rule of another server is nothing to it.
    around.rewrite("", "", |text| text.replace("tools/call read_*", "tools/call list_*") + &more);
    around.binary.until(TAKEN).await;
    let metadata = "/.well-known/oauth-protected-resource/more";
    let page = |around: &Around| {
        let address = around.binary.address;
        async move {
            let mut client = crate::common::rig::Client::connect(address).await;
            client.whole(http::Request::get(metadata).body(Bytes::new()).unwrap()).await.status()
        }
    };
    assert_eq!(page(&around).await, 200);
    assert_eq!(ask(&around).await.status(), 200);

    around.rewrite("", "", |text| text);
    around.binary.until(TAKEN).await;
    assert_eq!((ask(&around).await.status().as_u16(), page(&around).await.as_u16()), (404, 404));
    let mut rest = Vec::new();
    // A connection that is reset has ended too.
    let _ = timeout(SOON, process.read_to_end(&mut rest)).await.expect("it lives on");
    assert_eq!(around.status("read_a").await, 200);
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}"#;

fn session(response: &Response<Bytes>) -> Option<String> {
    let id = response.headers().get("mcp-session-id")?;
    Some(id.to_str().unwrap().to_owned())
}

/// Sessions outlive a reload by the key that sealed them; of another key they are nobody's.
// req: RS-13
#[tokio::test]
async fn sessions_end_with_the_key_that_sealed_them() {
    let upstream = Server::start(|request| {
        let id = request.headers().get("mcp-session-id").map(|id| id.to_str().unwrap());
        match id {
            None => respond(
                200,
                &[("mcp-session-id", "inner"), ("content-type", "application/json")],
                "{}",
            ),
            Some("inner") => respond(200, &[("content-type", "application/json")], "{}"),
            Some(other) => panic!("{other}"),
        }
    })
    .await;
    let key = |digit: &str| format!("[store]\nseal_key = \"{}\"\n", digit.repeat(64));
    let folder = Folder::new("removed-key");
    let mut around = Around::with(folder, upstream, &key("1"), "", &[]).await;
    let begun = around.client().await.whole(post(around.token(), INITIALIZE)).await;
    let id = session(&begun).unwrap();
    assert_ne!(id, "inner");
    let status = async |around: &Around, id: &str| {
        let mut request = post(around.token(), call("read_a"));
        request.headers_mut().insert("mcp-session-id", id.parse().unwrap());
        around.client().await.whole(request).await.status().as_u16()
    };
    assert_eq!(status(&around, &id).await, 200);
    for (digit, expected) in [("1", 200), ("2", 404), ("1", 200)] {
        around.rewrite(&key(digit), "", |text| text);
        around.binary.until(TAKEN).await;
        assert_eq!(status(&around, &id).await, expected, "{digit}");
        let another = around.client().await.whole(post(around.token(), INITIALIZE)).await;
        assert_eq!(status(&around, &session(&another).unwrap()).await, 200, "{digit}");
    }
}
