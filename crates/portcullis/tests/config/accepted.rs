//! What a configuration comes to.

use std::path::Path;
use std::time::Duration;

use portcullis::config::Config;
use portcullis::config::gateway::LogFormat;
use portcullis::config::issuer::{ClientAuth, Identity, KeySource, When};
use portcullis::config::server::{Server, Upstream};

use crate::world::{MAIN, World};

/// The sample of the documentation, without what makes it long.
pub(crate) const SAMPLE: &str = r#"
public_url = "https://mcp.example.com"
listen     = "127.0.0.1:8080"
trusted_proxies = ["loopback"]

[servers.git]
path     = "/git/mcp"
upstream = "http://127.0.0.1:3001/mcp"
access   = "signed-in"
issuers  = ["github-actions"]

[servers.files]
path        = "/files/mcp"
upstream    = "http://127.0.0.1:3000/mcp"
access      = "rules"
base_scopes = ["files:read"]
issuers     = ["github-actions"]
[[servers.files.rules]]
allow = ["tools/call read_*", "resources/read file:///public/**"]
[[servers.files.rules]]
allow  = ["tools/call *"]
scopes = ["files:write"]

[issuers.github-actions]
issuer     = "https://token.actions.githubusercontent.com"
accept_typ = ["JWT"]
require    = { repository = "acme/app" }
scopes     = ["files:read"]
roles      = { ours = { claim = ["a", "b"], any = ["theirs"] } }
introspection = { when = "opaque", client_id = "us", client_secret = "${IDP_SECRET}" }

[store]
url      = "memory:"
seal_key = "file:seal.key"

[admin]
listen = "127.0.0.1:9090"
"#;

pub(crate) fn sample() -> World {
    World::of(SAMPLE)
        .variable("IDP_SECRET", "hunter2")
        .file("etc/seal.key", &format!("{}\n", "0F".repeat(32)))
}

/// A gateway with one server, by these lines, and one issuer, by those.
pub(crate) fn small(server: &str, issuer: &str) -> World {
    World::of(&format!(
        "public_url = \"http://localhost:8080\"\n[servers.files]\npath = \"/files\"\n\
         issuers = [\"acme\"]\naccess = \"signed-in\"\n{server}\n[issuers.acme]\n\
         issuer = \"https://idp.example.com\"\n{issuer}\n"
    ))
}

const UPSTREAM: &str = "upstream = \"http://127.0.0.1:3000/mcp\"";

fn server<'c>(config: &'c Config, name: &str) -> &'c Server {
    config.servers.iter().find(|server| server.name.as_str() == name).expect("a server")
}

#[test]
fn the_sample() {
    let config = sample().accepted();
    let files = server(&config, "files");
    assert_eq!(files.resource().as_str(), "https://mcp.example.com/files/mcp");
    assert_eq!(files.metadata.scopes_supported().to_string(), "files:read files:write");
    assert_eq!(files.policy.resource(), files.resource());
    assert_eq!(files.policy.base_scopes().to_string(), "files:read");
    let issuer = "https://token.actions.githubusercontent.com";
    let accepted = files.expectation_of(issuer).expect("a listed issuer");
    assert_eq!(accepted.expectation.issuer().as_str(), issuer);
    assert_eq!(accepted.expectation.audiences(), ["https://mcp.example.com/files/mcp"]);
    assert!(files.expectation_of("https://idp.example.com").is_none());
    assert!(accepted.asks(When::Opaque) && !accepted.asks(When::Always));
    assert_eq!(
        files.opaque().map(|accepted| accepted.issuer.name.as_str()),
        Some("github-actions")
    );
    let introspection = accepted.issuer.introspection.as_ref().expect("it is asked");
    let ClientAuth::SecretBasic(secret) = &introspection.auth else { panic!("a secret") };
    assert!(secret.eq_ct(b"hunter2"));
    let key = config.store.seal_key.as_ref().expect("a key");
    assert_eq!(key.expose(), &[0x0F; 32]);
    let order: Vec<&str> = config.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(order, ["git", "files"]);
    let files: Vec<&Path> = config.files().collect();
    assert_eq!(files, [Path::new(MAIN), Path::new("etc/seal.key")]);
}

#[test]
fn rules_know_where_they_are_written() {
    let config = sample().accepted();
    let files = server(&config, "files");
    let mut written = files.rules().iter().map(ToString::to_string);
    assert_eq!(written.next().as_deref(), Some("etc/portcullis.toml:18"));
    assert_eq!(written.next().as_deref(), Some("etc/portcullis.toml:20"));
    assert_eq!(written.next(), None);
}

#[test]
fn secrets_are_nowhere_to_be_read() {
    let config = sample().accepted();
    let shown = format!("{config:?}{}", config.redacted());
    assert!(!shown.contains("hunter2") && !shown.contains("0F0F"), "{shown}");
    assert!(config.redacted().contains("client_secret = \"…\""), "{}", config.redacted());
}

#[test]
fn defaults() {
    let config = small(UPSTREAM, "").accepted();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((config.limits.operation.body, config.limits.operation.batch), (4 << 20, 32));
    assert_eq!(config.limits.header_timeout, Duration::from_secs(10));
    assert_eq!((config.limits.connections, config.limits.connections_per_address), (10_000, 5_000));
    assert_eq!(config.limits.calls_per_subject, None);
    assert_eq!(config.limits.failures_per_address.map(|rate| rate.count.get()), Some(300));
    assert_eq!(config.log.format, LogFormat::Auto);
    assert!(config.store.seal_key.is_none() && config.admin.is_none() && config.tls.is_none());
    assert!(config.audit.is_none() && config.trusted_proxies.is_empty());
    let [issuer] = config.issuers.as_slice() else { panic!("one issuer") };
    assert_eq!((&issuer.jwks, issuer.stale.as_secs()), (&KeySource::Discovered, 3600));
}

#[test]
fn every_way_to_show_who_we_are() {
    let auth = |lines: &str| {
        let issuer =
            format!("[issuers.acme.introspection]\nwhen = \"always\"\nclient_id = \"us\"\n{lines}");
        let config = small(UPSTREAM, &issuer).file("etc/key.pem", "PEM\r\n").accepted();
        let introspection = config.issuers.first().and_then(|issuer| issuer.introspection.as_ref());
        format!("{:?}", introspection.map(|introspection| &introspection.auth))
    };
    for (lines, wanted) in [
        ("auth = \"none\"", "Some(None)"),
        ("client_secret = \"a\"", "Some(SecretBasic(Secret(..)))"),
        ("client_secret = \"a\"\nauth = \"client_secret_basic\"", "Some(SecretBasic(Secret(..)))"),
        ("client_secret = \"a\"\nauth = \"client_secret_post\"", "Some(SecretPost(Secret(..)))"),
        (
            "private_key = \"file:key.pem\"\nalg = \"ES256\"\nkid = \"1\"",
            "Some(PrivateKey { key: Secret(..), kid: Some(\"1\"), algorithm: ES256 })",
        ),
        (
            "certificate = { cert = \"a.pem\", key = \"/b.pem\" }",
            "Some(Certificate(Identity { cert: \"etc/a.pem\", key: \"/b.pem\" }))",
        ),
    ] {
        assert_eq!(auth(lines), wanted, "{lines}");
    }
}

#[test]
fn a_secret_in_a_file_loses_one_end_of_line() {
    for (text, wanted) in
        [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a \n", " a ")]
    {
        let issuer = "introspection = { when = \"opaque\", client_id = \"us\", client_secret = \"file:../run/s\" }";
        let config = small(UPSTREAM, issuer).file("etc/../run/s", text).accepted();
        let asked = config.issuers.first().and_then(|issuer| issuer.introspection.as_ref());
        let Some(ClientAuth::SecretBasic(secret)) = asked.map(|asked| &asked.auth) else {
            panic!("a secret")
        };
        assert_eq!(secret.expose(), wanted);
    }
}

#[test]
fn seal_keys_of_every_spelling() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd__8";
    let hexadecimal = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1DFFFF";
    let padded = format!("{key}=");
    let standard = padded.replace('_', "/");
    for text in [key, hexadecimal, &padded, &standard] {
        let world = small(UPSTREAM, &format!("[store]\nseal_key = \"{text}\""));
        let config = world.accepted();
        let key = config.store.seal_key.as_ref().expect("a key").expose();
        assert_eq!((key[1], key[29], key[31]), (1, 0x1D, 0xFF), "{text}");
    }
    for text in ["AAEC", &format!("{key}AA"), &format!("{hexadecimal}00"), &"g".repeat(64)] {
        let said = small(UPSTREAM, &format!("[store]\nseal_key = \"{text}\"")).refused();
        assert!(said.contains("a seal key is 32 bytes"), "{text}: {said}");
    }
}

#[test]
fn an_upstream_over_http() {
    let config = small(
        r#"upstream = "https://10.0.0.7:3000/mcp?tenant=1"
           upstream_headers = { add = { X-Key = "${KEY}", Authorization = "Bearer a" }, forward = ["X-Request-Id"] }
           upstream_tls = { ca = "ca.pem", cert = "/c.pem", key = "k.pem" }
           upstream_timeouts = { connect = "250ms" }
           name = "Files"
           documentation = "https://docs.example.com/files"
           dpop = { nonce = false }
           allowed_origins = ["https://app.example.com"]
           allowed_hosts = ["files.internal:8080"]
           response_headers = { add = { X-Served-By = "us" }, remove = ["Server"] }"#,
        "",
    )
    .variable("KEY", "hunter2")
    .accepted();
    let server = server(&config, "files");
    let Upstream::Http(upstream) = &server.upstream else { panic!("HTTP") };
    assert_eq!(upstream.url, "https://10.0.0.7:3000/mcp?tenant=1");
    assert_eq!(upstream.timeouts.connect, Duration::from_millis(250));
    assert_eq!(upstream.timeouts.answer, Duration::from_secs(300));
    let identity = Identity { cert: "/c.pem".into(), key: "etc/k.pem".into() };
    assert_eq!(upstream.tls.identity, Some(identity));
    let added: Vec<_> =
        upstream.add.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(added, [("x-key", &b"hunter2"[..]), ("authorization", b"Bearer a")]);
    assert!(upstream.add.iter().all(|(_, value)| value.is_sensitive()));
    assert_eq!(upstream.forward, ["x-request-id"]);
    assert_eq!(server.metadata.resource_name(), Some("Files"));
    assert_eq!(server.allowed_origins[0].as_str(), "https://app.example.com");
    assert_eq!(server.allowed_hosts, ["files.internal:8080"]);
    assert_eq!(server.response_headers.remove, ["server"]);
    assert!(!format!("{config:?}{}", config.redacted()).contains("hunter2"));
}

#[test]
fn an_upstream_that_is_started_here() {
    let config = small(
        r#"command = ["./bin/server", "--token", "${KEY}"]
           env = { API_KEY = "${KEY}", MODE = "file:mode" }
           cwd = "work"
           shared = true
           processes = 4
           idle_timeout = "1m""#,
        "",
    )
    .variable("KEY", "hunter2")
    .file("etc/mode", "fast\n")
    .accepted();
    let Upstream::Stdio(started) = &server(&config, "files").upstream else { panic!("stdio") };
    assert_eq!((started.program.as_str(), started.args.len()), ("etc/./bin/server", 2));
    let env: Vec<_> =
        started.env.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(env, [("API_KEY", "hunter2"), ("MODE", "fast")]);
    assert_eq!((started.cwd.as_path(), started.shared), (Path::new("etc/work"), true));
    assert_eq!((started.processes, started.idle_timeout.as_secs()), (4, 60));
    assert!(!config.redacted().contains("hunter2"), "{}", config.redacted());

    let config = small("command = [\"npx\", \"-y\", \"server\"]", "").accepted();
    let Upstream::Stdio(started) = &server(&config, "files").upstream else { panic!("stdio") };
    assert_eq!((started.program.as_str(), started.cwd.as_path()), ("npx", Path::new("etc")));
    assert_eq!((started.shared, started.processes), (false, 32));
}

/// Clocks that are one need no allowance; a time of nothing is none for what waits.
#[test]
fn a_skew_of_nothing_is_one() {
    let config = small(UPSTREAM, "skew = \"0s\"").accepted();
    assert!(format!("{config:?}").contains("skew: 0ns"), "{config:?}");
    let refused = small(UPSTREAM, "stale = \"0s\"").refused();
    assert!(refused.contains("write one, or leave the key out"), "{refused}");
}
