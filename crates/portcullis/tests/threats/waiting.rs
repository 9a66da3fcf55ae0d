//! Clients that are slow, silent or in no hurry to leave.

use serde_json::json;

use crate::common::rig::{Rig, call};
use crate::common::wire::Wire;

/// A request with these header lines.
fn post(lines: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /files/mcp HTTP/1.1\r\nHost: localhost:8080\r\nContent-Type: application/json\r\n{lines}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Whatever was answered, nobody holds a connection on which nothing is asked.
#[tokio::test]
async fn an_idle_connection_is_closed_whatever_was_answered_on_it() {
    let limits = "[limits]\nidle_timeout = \"1s\"";
    let rig = Rig::with(limits, "", |_| testkit::server::respond(200, &[], "{}")).await;
    let good = format!("Authorization: Bearer {}\r\n", rig.token(&json!({})));
    let cases = [
        ("answered", post(&good, &call("read_file")), 200),
        ("no token", post("", &call("read_file")), 401),
        ("a bad token", post("Authorization: Bearer x\r\n", &call("read_file")), 401),
        ("two tokens", post(&format!("{good}{good}"), &call("read_file")), 400),
        ("not allowed", post(&good, &call("delete_file")), 403),
        ("no message", post(&good, "{"), 400),
        ("no such place", b"GET /nowhere HTTP/1.1\r\nHost: localhost:8080\r\n\r\n".to_vec(), 404),
        ("another origin", post(&format!("{good}Origin: https://evil.example\r\n"), "{}"), 403),
    ];
    for (case, request, status) in cases {
        let mut wire = Wire::connect(rig.serving.address()).await;
        let reply = wire.ask(&request).await.unwrap();
        assert_eq!(reply.status, status, "{case}");
        assert_eq!(wire.rest().await.as_deref(), Some(&b""[..]), "{case}: it stays open");
    }
}
