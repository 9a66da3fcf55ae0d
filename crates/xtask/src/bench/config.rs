//! What each proxy is told. All do the same: one worker for each of their processors, kept connections
//! on both sides, no limit that a run could reach.

use std::fmt::Write as _;

use super::contender::Algorithm;
use super::place::{Ports, Told};

/// The rules of the measured policy.
const RULES: usize = 50;
/// The one among them that allows the call.
const MATCHING_RULE: usize = 25;

/// By default nginx reads a kibibyte first, which a header with a token exceeds: two more system calls for
/// every request. Whoever put it in front of MCP servers would find that, so that it is found here.
pub(super) fn nginx(told: &Told, access_log: bool) -> String {
    let Told { ports, folder, workers, connections } = told;
    let log = if access_log { format!("{folder}/access.log") } else { "off".to_owned() };
    let (listen, upstream) = (ports.proxy(), ports.upstream());
    format!(
        "daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {connections}; }}
http {{
    access_log {log};
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_header_buffer_size 4k;
    keepalive_requests 1000000000;
    upstream server {{
        server {upstream};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {listen} backlog=1024;
        location / {{
            proxy_pass http://server;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_read_timeout 1h;
        }}
    }}
}}
"
    )
}

pub(super) fn haproxy(told: &Told, verify: Option<Algorithm>) -> String {
    let Told { ports, folder, workers, connections } = told;
    let checks = verify.map(|algorithm| jwt_checks(folder, *ports, algorithm)).unwrap_or_default();
    let (listen, upstream) = (ports.proxy(), ports.upstream());
    format!(
        "global
    nbthread {workers}
    maxconn {connections}
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    http-reuse always
frontend clients
    bind {listen} backlog 1024
{checks}    default_backend server
backend server
    server one {upstream}
"
    )
}

/// The checks of the guide of `HAProxy` to JWT: algorithm, issuer, audience, signature, expiry.
fn jwt_checks(folder: &str, ports: Ports, algorithm: Algorithm) -> String {
    let (name, key) = match algorithm {
        Algorithm::Rs256 => ("RS256", "rsa"),
        Algorithm::Es256 => ("ES256", "p256"),
    };
    let (issuer, resource) = (ports.issuer_url(), ports.resource());
    format!(
        "    http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')
    http-request set-var(txn.iss) http_auth_bearer,jwt_payload_query('$.iss')
    http-request set-var(txn.aud) http_auth_bearer,jwt_payload_query('$.aud')
    http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny unless {{ var(txn.alg) -m str {name} }}
    http-request deny unless {{ var(txn.iss) -m str {issuer} }}
    http-request deny unless {{ var(txn.aud) -m str {resource} }}
    http-request deny if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
    http-request deny unless {{ http_auth_bearer,jwt_verify(txn.alg,\"{folder}/{key}.pem\") -m int 1 }}
"
    )
}

/// Ours, with everything on that it has: rules, metrics, an audit trail in a file. Opaque tokens go to
/// introspection, all others are verified.
pub(super) fn portcullis(told: &Told) -> String {
    let Told { ports, folder, .. } = told;
    let mut text = format!(
        "public_url = \"http://{proxy}\"
listen = \"{proxy}\"
audit = \"{folder}/audit.jsonl\"

[admin]
listen = \"{admin}\"

[issuers.bench]
issuer = \"{issuer}\"
introspection = {{ when = \"opaque\", client_id = \"gateway\", client_secret = \"bench\" }}

[servers.bench]
path = \"/mcp\"
upstream = \"http://{upstream}/mcp\"
issuers = [\"bench\"]
access = \"rules\"
",
        proxy = ports.proxy(),
        admin = ports.admin(),
        issuer = ports.issuer_url(),
        upstream = ports.upstream(),
    );
    for i in 1..=RULES {
        let tools = if i == MATCHING_RULE { "read_*".to_owned() } else { format!("group{i}_*") };
        let _ = write!(
            text,
            "\n[[servers.bench.rules]]\nallow = [\"tools/call {tools}\"]\nscopes = [\"files:read\"]\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rule_of_fifty_allows_the_call() {
        let folder = "folder".to_owned();
        let text = portcullis(&Told {
            ports: Ports::of([1, 2, 3, 4]),
            folder,
            workers: 1,
            connections: 1,
        });
        assert_eq!(text.matches("[[servers.bench.rules]]").count(), RULES);
        assert_eq!(text.matches("tools/call read_*").count(), 1);
    }
}
