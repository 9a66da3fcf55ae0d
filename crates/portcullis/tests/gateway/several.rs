//! Several servers behind one gateway: each is found by its own path or host, and by its own tokens.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use portcullis::gateway::Gateway;
use serde_json::{Value, json};
use testkit::server::{Server, respond};
use testkit::{TestKey, jwks};

use crate::rig::{Noon, PUBLIC, Rig, call, config, post};

const NOTES: &str = "http://localhost:9090/mcp";

/// A gateway before `files` and one more, which says `more`.
async fn rig(settings: &str) -> (Rig, Server) {
    let json = [("content-type", "application/json")];
    let issuer = Server::start(|_| respond(200, &[], jwks(&[TestKey::P256]))).await;
    let upstream = Server::start(move |_| respond(200, &json, "\"files\"")).await;
    let more = Server::start(move |_| respond(200, &json, "\"more\"")).await;
    let text = format!(
        "{}[servers.more]\nupstream = \"{}\"\nissuers = [\"idp\"]\naccess = \"signed-in\"\n{settings}",
        Rig::text(&issuer, &upstream, "", ""),
        more.url("/up")
    );
    let serving = Gateway::start(&config(&text), Arc::new(Noon)).await.unwrap();
    (Rig { issuer, upstream, requests: Arc::default(), serving }, more)
}

async fn ask(rig: &Rig, mut request: Request<Bytes>, host: &str, path: &str) -> Response<Bytes> {
    *request.uri_mut() = path.parse().unwrap();
    request.headers_mut().insert("host", host.parse().unwrap());
    rig.client().await.whole(request).await
}

/// Which resource the metadata at a path is of.
async fn resource(rig: &Rig, host: &str, path: &str) -> Option<String> {
    let path = format!("/.well-known/oauth-protected-resource{path}");
    let answer = ask(rig, Request::new(Bytes::new()), host, &path).await;
    if answer.status() != 200 {
        assert_eq!(answer.status(), 404, "{host} {path}");
        return None;
    }
    let document: Value = serde_json::from_slice(answer.body()).unwrap();
    Some(document["resource"].as_str().unwrap().to_owned())
}

/// A token is for one server, and metadata at the root is nobody's where it could be either's.
// req: RS-1, RS-4
#[tokio::test]
async fn servers_below_one_url_are_told_apart_by_their_paths() {
    let (rig, _more) = rig("path = \"/more/mcp\"\n").await;
    let (files, more) = (format!("{PUBLIC}/files/mcp"), format!("{PUBLIC}/more/mcp"));
    for (audience, path, status, says) in [
        (&files, "/files/mcp", 200, "\"files\""),
        (&more, "/more/mcp", 200, "\"more\""),
        (&files, "/more/mcp", 401, ""),
        (&more, "/files/mcp", 401, ""),
        (&more, "/more", 404, ""),
        (&more, "/", 404, ""),
    ] {
        let request = post(&rig.token(&json!({ "aud": audience })), call("read_file"));
        let answer = ask(&rig, request, "localhost:8080", path).await;
        assert_eq!(answer.status(), status, "{audience} at {path}");
        assert!(status != 200 || answer.body() == says, "{audience} at {path}");
    }
    let host = "localhost:8080";
    assert_eq!(resource(&rig, host, "/files/mcp").await, Some(files));
    assert_eq!(resource(&rig, host, "/more/mcp").await, Some(more));
    assert_eq!(resource(&rig, host, "").await, None);
}

/// A server with a URL of its own is at its host and those that are listed, and nowhere else.
// req: RS-1, RS-9
#[tokio::test]
async fn a_server_with_a_url_of_its_own_is_found_by_its_host() {
    let settings = format!("url = \"{NOTES}\"\nallowed_hosts = [\"notes.internal:9090\"]\n");
    let (rig, more) = rig(&settings).await;
    let token = rig.token(&json!({ "aud": NOTES }));
    for (host, status) in [
        ("localhost:9090", 200),
        ("LocalHost:9090", 200),
        ("notes.internal:9090", 200),
        ("localhost:8080", 404),
        ("localhost", 404),
        ("notes.internal", 404),
        ("notes.internal:9090.evil.example", 404),
        ("evil.example:9090", 404),
    ] {
        let asked = more.asked();
        let answer = ask(&rig, post(&token, call("read_file")), host, "/mcp").await;
        assert_eq!(answer.status(), status, "{host}");
        assert_eq!(more.asked() - asked, usize::from(status == 200), "{host}");
        let found = resource(&rig, host, "/mcp").await;
        assert_eq!(found.is_some(), status == 200, "{host}");
    }
    // At the root of each host is what is there alone.
    assert_eq!(resource(&rig, "localhost:9090", "").await.as_deref(), Some(NOTES));
    let files = format!("{PUBLIC}/files/mcp");
    assert_eq!(resource(&rig, "localhost:8080", "").await, Some(files));
    // And what has no host of its own is no page of a host of others.
    let own = rig.token(&json!({}));
    for (host, status) in [("localhost:8080", 200), ("notes.internal:9090", 403)] {
        let answer = ask(&rig, post(&own, call("read_file")), host, "/files/mcp").await;
        assert_eq!(answer.status(), status, "{host}");
    }
}

/// Clients leave out the port that is usual for the scheme, or they do not, whatever the configuration does.
// req: RS-1, RS-9
#[tokio::test]
async fn the_usual_port_may_be_written_and_left_out() {
    for own in ["http://localhost:80/mcp", "http://localhost/mcp"] {
        let (rig, _more) = rig(&format!("url = \"{own}\"\n")).await;
        let token = rig.token(&json!({ "aud": own }));
        for (host, status) in [
            ("localhost", 200),
            ("localhost:80", 200),
            ("LocalHost", 200),
            ("localhost:443", 404),
            ("localhost:8080", 404),
            ("localhost:", 404),
        ] {
            let answer = ask(&rig, post(&token, call("read_file")), host, "/mcp").await;
            assert_eq!(answer.status(), status, "{own} as {host}");
            let found = resource(&rig, host, "/mcp").await;
            assert_eq!(found.as_deref() == Some(own), status == 200, "{own} as {host}");
        }
    }
}
