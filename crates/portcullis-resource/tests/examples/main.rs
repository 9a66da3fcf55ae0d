//! The examples do what they say, over a socket.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../../examples/axum.rs"]
#[allow(dead_code, unreachable_pub, reason = "its main is for its reader")]
mod axum_server;

use portcullis_resource::testing::TestIssuer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Status line and headers, and the body.
async fn exchange(authority: &str, request: String) -> (String, String) {
    let mut stream = TcpStream::connect(authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

async fn post(authority: &str, token: Option<&str>, message: &Value) -> (String, String) {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let (token, body) = (token.unwrap_or_default(), message.to_string());
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{token}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    exchange(authority, head + &body).await
}

fn message(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn call(tool: &str, text: &str) -> Value {
    message("tools/call", &json!({ "name": tool, "arguments": { "text": text } }))
}

fn text(body: &str) -> String {
    let answer: Value = serde_json::from_str(body).unwrap();
    answer["result"]["content"][0]["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_server_over_axum() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let resource = format!("http://{authority}/mcp");
    let issuer = TestIssuer::new().unwrap();
    let auth = axum_server::policy(&resource).issuer(issuer.trusted()).build().unwrap();
    tokio::spawn(axum_server::listen(listener, axum_server::app(&auth)));

    let (head, _) = post(&authority, None, &message("initialize", &json!({}))).await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert!(head.contains("scope=\"notes:read\", resource_metadata=\""), "{head}");
    let metadata = head.split_once("resource_metadata=\"").unwrap().1.split_once('"').unwrap().0;
    let path = metadata.strip_prefix(&format!("http://{authority}")).unwrap();
    let get = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    let (_, document) = exchange(&authority, get).await;
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap()["resource"], *resource);

    let reader = issuer.token(&resource).scopes(["notes:read"]).mint().unwrap();
    let (head, body) = post(&authority, Some(&reader), &message("initialize", &json!({}))).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body.contains("2025-11-25"), "{head}");
    let (_, body) = post(&authority, Some(&reader), &message("tools/list", &json!({}))).await;
    assert!(body.contains("add_note"), "{body}");
    let (_, body) = post(&authority, Some(&reader), &call("list_notes", "")).await;
    assert_eq!(text(&body), "");
    let (head, _) = post(&authority, Some(&reader), &call("add_note", "hello")).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert!(head.contains("scope=\"notes:read notes:write\""), "{head}");

    let both = ["notes:read", "notes:write"];
    let writer = issuer.token(&resource).scopes(both).mint().unwrap();
    let (_, body) = post(&authority, Some(&writer), &call("add_note", "hello")).await;
    assert_eq!(text(&body), "1 notes");
    let (_, body) = post(&authority, Some(&reader), &call("list_notes", "")).await;
    assert_eq!(text(&body), "hello", "the same person with another token");
    let other = issuer.token(&resource).subject("bob").scopes(both).mint().unwrap();
    let (_, body) = post(&authority, Some(&other), &call("list_notes", "")).await;
    assert_eq!(text(&body), "", "and nobody else");
}
