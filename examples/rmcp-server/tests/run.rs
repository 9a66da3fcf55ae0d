//! The example does what it says: started as it is, and asked over a socket.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// Stopped when the test is over, however that ends. It writes as long as somebody could read.
struct Running(Child, #[expect(dead_code, reason = "held open")] BufReader<ChildStdout>);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The example, its address, and the tokens of the requests that it prints.
fn start() -> (Running, String, [String; 3]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_example-rmcp-server"));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (mut authority, mut tokens) = (String::new(), Vec::new());
    for line in output.by_ref().lines().map(Result::unwrap) {
        if let Some((_, rest)) = line.split_once("curl -i http://") {
            rest.split_once('/').unwrap().0.clone_into(&mut authority);
        }
        if let Some((_, rest)) = line.split_once("Bearer ") {
            tokens.push(rest.split_once('\'').unwrap().0.to_owned());
        }
        if tokens.len() == 3 {
            break;
        }
    }
    (Running(child, output), authority, tokens.try_into().unwrap())
}

/// Status line and headers, and the body.
fn exchange(authority: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn post(authority: &str, host: &str, token: Option<&str>, message: &Value) -> (String, String) {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let body = message.to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{token}\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(authority, &request)
}

fn message(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn result(body: &str) -> Value {
    serde_json::from_str::<Value>(body).unwrap()["result"].clone()
}

#[test]
fn a_scope_for_each_tool() {
    let (_running, authority, [plain, _, able]) = start();
    let call = |tool: &str| message("tools/call", &json!({ "name": tool }));
    let ask = |token: Option<&str>, message: &Value| post(&authority, &authority, token, message);

    let (head, _) = ask(None, &call("status"));
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    let metadata = head.split_once("resource_metadata=\"").unwrap().1.split_once('"').unwrap().0;
    let path = metadata.strip_prefix(&format!("http://{authority}")).unwrap();
    let get = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    let (_, document) = exchange(&authority, &get);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["scopes_supported"], json!(["machine:restart"]));

    let handshake = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    let (head, body) = ask(Some(&plain), &message("initialize", &handshake));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}\n{body}");
    assert_eq!(result(&body)["protocolVersion"], "2025-11-25");
    let (_, body) = ask(Some(&plain), &message("tools/list", &json!({})));
    assert_eq!(result(&body)["tools"].as_array().unwrap().len(), 2, "{body}");

    let (head, body) = ask(Some(&plain), &call("status"));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}\n{body}");
    assert_eq!(result(&body)["content"][0]["text"], "running, and somebody asks");
    let (head, _) = ask(Some(&plain), &call("restart"));
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert!(head.contains("scope=\"machine:restart\""), "{head}");
    let (_, body) = ask(Some(&able), &call("restart"));
    assert_eq!(result(&body)["content"][0]["text"], "restarting", "{body}");

    // Both look at `Host`, and agree on names of this machine.
    let (_, port) = authority.split_once(':').unwrap();
    for (host, status) in [(format!("localhost:{port}"), 200), ("evil.example".to_owned(), 403)] {
        let (head, _) = post(&authority, &host, Some(&able), &call("restart"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {head}");
    }
}
