//! Requests of older revisions that are a method of HTTP and a session: to listen, and to end it.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::json;
use testkit::server::respond;

use crate::rig::{Rig, call, header, post};

fn bare(method: &Method, token: &str, session: Option<&str>) -> Request<Bytes> {
    let mut request = Request::builder()
        .method(method)
        .uri("/files/mcp")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "text/event-stream")
        .header("mcp-protocol-version", "2025-11-25");
    if let Some(session) = session {
        request = request.header("mcp-session-id", session);
    }
    request.body(Bytes::new()).unwrap()
}

/// Each reaches the upstream as what it is and for its own session; other methods mean nothing.
// req: RS-13
#[tokio::test]
async fn a_session_is_listened_to_and_ended_by_whose_it_is() {
    let rig = Rig::with("", "", |_| {
        respond(200, &[("content-type", "application/json"), ("mcp-session-id", "s-1")], "{}")
    })
    .await;
    let (alice, bob) = (rig.token(&json!({})), rig.token(&json!({ "sub": "bob" })));
    let began = rig.client().await.whole(post(&alice, call("read_file"))).await;
    let session = header(began.headers(), "mcp-session-id").to_owned();
    assert!(!session.is_empty() && session != "s-1");
    let forged = format!("{session}A");
    for (case, method, token, session, status) in [
        ("to listen", Method::GET, &alice, Some(&*session), 200),
        ("to end it", Method::DELETE, &alice, Some(&session), 200),
        ("to listen to another's", Method::GET, &bob, Some(&session), 404),
        ("to end another's", Method::DELETE, &bob, Some(&session), 404),
        ("to end one that is none", Method::DELETE, &alice, Some(&forged), 404),
        ("to end what upstream calls so", Method::DELETE, &alice, Some("s-1"), 404),
        ("nobody's token", Method::DELETE, &session, Some(&session), 401),
        ("another method", Method::PUT, &alice, Some(&session), 405),
        ("another method still", Method::PATCH, &alice, Some(&session), 405),
    ] {
        let sent = rig.sent();
        let answer = rig.client().await.whole(bare(&method, token, session)).await;
        assert_eq!(answer.status(), status, "{case}: {:?}", answer.body());
        assert_eq!(rig.sent() - sent, usize::from(status == 200), "{case}");
        if status == 200 {
            let last = rig.last();
            let id = header(last.headers(), "mcp-session-id");
            assert_eq!((last.method(), id), (&method, "s-1"), "{case}");
            assert!(last.body().is_empty(), "{case}");
        }
    }
}
