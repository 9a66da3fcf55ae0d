//! An issuer that is away from the start: the right status, and no restart when it is there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portcullis::gateway::Gateway;
use serde_json::json;
use testkit::server::{Answer, Server, respond};
use testkit::{Signer, TestKey, claims_with, jwks};

use crate::common::rig::{self, Client, Noon, RESOURCE, Rig, call, header, post};
use crate::common::skip;

/// An address where nobody listens, and for now nobody will.
async fn nobody() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Its metadata and its keys.
fn good(issuer: &str, path: &str) -> Answer {
    let metadata = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });
    match path {
        "/keys" => respond(200, &[], jwks(&[TestKey::P256])),
        "/.well-known/oauth-authorization-server" => respond(200, &[], metadata.to_string()),
        _ => respond(404, &[], ""),
    }
}

// req: RS-15
#[tokio::test]
async fn an_issuer_that_is_away_at_the_start_is_503_until_it_is_there() {
    type Bad = fn() -> Answer;
    let bad: [(&str, Option<Bad>); 7] = [
        ("down", None),
        ("hung", Some(|| None)),
        ("5xx", Some(|| respond(503, &[("retry-after", "3600")], ""))),
        ("10 MB", Some(|| respond(200, &[], vec![b' '; 10 << 20]))),
        ("garbage", Some(|| respond(200, &[], "<html>"))),
        ("a redirect", Some(|| respond(302, &[("location", "/elsewhere")], ""))),
        ("not found", Some(|| respond(404, &[], ""))),
    ];
    for (case, bad) in bad {
        for is_discovered in [false, true] {
            away(&format!("{case}, discovered: {is_discovered}"), bad, is_discovered).await;
        }
    }
}

async fn away(case: &str, bad: Option<fn() -> Answer>, is_discovered: bool) {
    let upstream = Server::start(|_| respond(200, &[], "{}")).await;
    let address = nobody().await;
    let issuer = format!("http://{address}");
    let server = match bad {
        Some(bad) => Some(Server::at(address, move |_| bad()).await),
        None => None,
    };
    // Only its address is asked for.
    let text = Rig::text(&upstream, &upstream, "", "");
    let own = format!("issuer = \"{}\"\njwks = \"{}\"", upstream.url(""), upstream.url("/keys"));
    let given = if is_discovered { String::new() } else { format!("jwks = \"{issuer}/keys\"") };
    let text = text.replacen(&own, &format!("issuer = \"{issuer}\"\n{given}"), 1);
    let serving = Gateway::start(&rig::config(&text), Arc::new(Noon)).await.unwrap();
    let claims = json!({ "iss": issuer, "aud": RESOURCE, "scope": "files:read" });
    let token = Signer::new(TestKey::P256).sign(&claims_with(&claims));
    let ask = async || {
        let mut client = Client::connect(serving.address()).await;
        client.whole(post(&token, call("read_a"))).await
    };
    let hung = matches!(bad, Some(bad) if bad().is_none());
    for _ in 0..2 {
        let (answer, ()) = tokio::join!(ask(), async {
            if hung {
                // As long as anybody waits for it.
                server.as_ref().unwrap().until_asked(1).await;
                skip(Duration::from_secs(6)).await;
            }
        });
        assert_eq!(answer.status(), 503, "{case}");
        let retry: u64 = header(answer.headers(), "retry-after").parse().unwrap();
        assert!((1..60).contains(&retry), "{case}: {retry}");
        assert!(!answer.headers().contains_key("www-authenticate"), "{case}");
    }
    // Whoever brings no token, or another's, hears nothing of it.
    let mut client = Client::connect(serving.address()).await;
    assert_eq!(client.whole(post("x", call("read_a"))).await.status(), 401, "{case}");
    assert_eq!(upstream.asked(), 0, "{case}");
    let path = |request: &http::Request<bytes::Bytes>| request.uri().path().to_owned();
    let _server = match server {
        Some(server) => {
            server.answer(move |request| good(&issuer, &path(request)));
            server
        }
        None => Server::at(address, move |request| good(&issuer, &path(request))).await,
    };
    // What hangs is given up, and within a quarter of a minute it is tried again.
    for seconds in [11, 11, 16] {
        skip(Duration::from_secs(seconds)).await;
        tokio::task::yield_now().await;
    }
    let back = async { while ask().await.status() != 200 {} };
    tokio::time::timeout(Duration::from_secs(30), back).await.expect(case);
    assert_eq!(upstream.asked(), 1, "{case}");
}
