//! What `config show --redacted` prints is a configuration, and the same.

use portcullis::config::Config;

use crate::accepted::{sample, small};
use crate::world::World;

/// All that is in force, but for secrets and for where it is written.
fn in_force(config: &Config) -> Vec<String> {
    let mut told = vec![
        format!("{:?} {} {:?}", config.public_url, config.listen, config.tls),
        format!("{:?} {:?}", config.trusted_proxies, config.limits),
        format!("{:?} {:?} {:?}", config.log, config.audit, config.store),
        format!("{:?} {:?}", config.admin, config.issuers),
    ];
    told.extend(config.servers.iter().map(|server| {
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            server.name,
            server.metadata,
            server.upstream,
            server.policy,
            server.tokens,
            server.allowed_origins,
            server.allowed_hosts,
            server.response_headers
        )
    }));
    told.sort();
    told
}

#[track_caller]
fn comes_back(world: &World) {
    let config = world.accepted();
    let key = format!("seal_key = \"{}\"", "0f".repeat(32));
    let shown = config.redacted().replace("seal_key = \"…\"", &key);
    let again = World::of(&shown).accepted();
    assert_eq!(in_force(&again), in_force(&config), "{shown}");
    assert_eq!(again.redacted(), config.redacted());
}

#[test]
fn the_sample_comes_back() {
    comes_back(&sample());
}

#[test]
fn every_default_that_is_documented_is_in_force() {
    let config = small("upstream = \"http://127.0.0.1:3000/mcp\"", "").accepted();
    let shown = config.redacted();
    for default in [
        "listen = \"127.0.0.1:8080\"",
        "body = \"4MiB\"",
        "calls_per_subject = \"unlimited\"",
        "level = \"info\"",
        "url = \"memory:\"",
        "list = \"obtainable\"",
        "skew = \"30s\"",
        "connect = \"5s\"",
    ] {
        assert!(shown.contains(default), "{default} in\n{shown}");
    }
    comes_back(&small("upstream = \"http://127.0.0.1:3000/mcp\"", ""));
    comes_back(&small(
        "command = [\"npx\"]\nenv = { A = \"b\" }",
        "[admin]\nlisten = \"127.0.0.1:1\"",
    ));
    let introspection =
        "introspection = { when = \"opaque\", client_id = \"us\", auth = \"none\" }";
    comes_back(&small("command = [\"npx\"]", introspection));
}
