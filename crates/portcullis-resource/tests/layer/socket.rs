//! The same over a socket, as clients speak to it.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http::header::HOST;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use portcullis_resource::testing::TestIssuer;
use portcullis_resource::{Auth, AuthBuilder};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

use crate::house::{Inner, call};
use crate::streams::streaming;

/// Serves what `make` makes of the address.
async fn serve(make: impl FnOnce(SocketAddr) -> Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = make(address);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let app = app.clone();
            let serve = service_fn(move |request: Request<Incoming>| {
                app.clone().oneshot(request.map(Body::new))
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), serve));
        }
    });
    address
}

fn protecting(address: SocketAddr, issuer: &TestIssuer) -> (String, AuthBuilder) {
    let resource = format!("http://{address}/mcp");
    (resource.clone(), Auth::resource(&resource).issuer(issuer.trusted()).tool("read", ["read"]))
}

/// Status line, headers and body of the answer to these bytes.
async fn exchange(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn request(line: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let headers: String = headers.collect();
    format!("{line} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n{body}")
}

fn post(address: SocketAddr, token: Option<&str>, more: &[(&str, &str)], body: &str) -> String {
    let (host, length) = (address.to_string(), body.len().to_string());
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("host", &*host), ("content-type", "application/json")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    if !more.iter().any(|(name, _)| *name == "transfer-encoding") {
        headers.push(("content-length", &length));
    }
    headers.extend_from_slice(more);
    request("POST /mcp", &headers, body)
}

/// From nothing to an answer, as a client goes.
// req: RS-1
#[tokio::test]
async fn a_client_finds_its_way() {
    let (issuer, inner) = (TestIssuer::new().unwrap(), Inner::default());
    let address = serve(|address| {
        protecting(address, &issuer).1.build().unwrap().protect("/mcp", inner.service())
    })
    .await;
    let message = call("read").to_string();
    let (head, _) = exchange(address, &post(address, None, &[], &message)).await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    let metadata = head.split_once("resource_metadata=\"").unwrap().1.split_once('"').unwrap().0;
    let path = metadata.strip_prefix(&format!("http://{address}")).unwrap();
    let host = address.to_string();
    let get = request(&format!("GET {path}"), &[("host", &host)], "");
    let (head, document) = exchange(address, &get).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["scopes_supported"][0], "read");
    let resource = document["resource"].as_str().unwrap();
    let token = issuer.token(resource).mint().unwrap();
    let (head, _) = exchange(address, &post(address, Some(&token), &[], &message)).await;
    assert!(head.starts_with("HTTP/1.1 403 ") && head.contains("scope=\"read\""), "{head}");
    let token = issuer.token(resource).scopes(["read"]).mint().unwrap();
    let (head, body) = exchange(address, &post(address, Some(&token), &[], &message)).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, "done");
    let [reached] = &inner.reached()[..] else { panic!("once") };
    assert_eq!(reached.body, message);
    assert_eq!(reached.headers[HOST], host);
}

/// What hyper lets through, the layer still refuses, and bodies in chunks are what they are.
#[tokio::test]
async fn what_stands_twice_or_comes_in_chunks() {
    let (issuer, inner) = (TestIssuer::new().unwrap(), Inner::default());
    let address = serve(|address| {
        protecting(address, &issuer).1.build().unwrap().protect("/mcp", inner.service())
    })
    .await;
    let token = issuer.token(&format!("http://{address}/mcp")).scopes(["read"]).mint().unwrap();
    let message = call("read").to_string();
    let bearer = format!("Bearer {token}");
    for (more, status) in [
        (vec![("x-y", "z")], 200),
        (vec![("host", "evil.example")], 403),
        (vec![("origin", "http://evil.example")], 403),
        (vec![("authorization", &*bearer)], 400),
        (vec![("mcp-method", "tools/call"), ("Mcp-Method", "tools/call")], 400),
        (vec![("content-encoding", "gzip")], 415),
    ] {
        let (head, _) = exchange(address, &post(address, Some(&token), &more, &message)).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{more:?}: {head}");
    }
    let (start, rest) = message.split_at(10);
    let chunks = format!("{:x}\r\n{start}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n", start.len(), rest.len());
    let chunked = [("transfer-encoding", "chunked")];
    let (head, _) = exchange(address, &post(address, Some(&token), &chunked, &chunks)).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    // Broken off in the middle of a chunk, by a client that still listens.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let broken = post(address, Some(&token), &chunked, chunks.split_at(20).0);
    stream.write_all(broken.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let reached = inner.reached();
    assert_eq!(reached.len(), 2);
    assert!(reached.iter().all(|reached| reached.body == message));
}

/// Events come one by one, and a client that hangs up is gone for the server, too.
#[tokio::test]
async fn a_stream_passes_as_it_comes() {
    let issuer = TestIssuer::new().unwrap();
    let (mut sender, service) = streaming();
    let address =
        serve(|address| protecting(address, &issuer).1.build().unwrap().protect("/mcp", service))
            .await;
    let token = issuer.token(&format!("http://{address}/mcp")).mint().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let get =
        format!("GET /mcp HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(get.as_bytes()).await.unwrap();
    let mut seen = String::new();
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        sender.send_data(Bytes::from_static(event.as_bytes())).await.unwrap();
        while !seen.ends_with(&format!("{event}\r\n")) {
            let mut buffer = [0; 1024];
            let length = stream.read(&mut buffer).await.unwrap();
            assert_ne!(length, 0, "{seen}");
            seen += std::str::from_utf8(&buffer[..length]).unwrap();
        }
    }
    assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
    drop(stream);
    // Whatever fits into buffers on the way, soon nobody takes any more.
    let gone =
        async { while sender.send_data(Bytes::from_static(b"data: 3\n\n")).await.is_ok() {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.unwrap();
}
