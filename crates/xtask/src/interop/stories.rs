//! The stories, in the order in which they are played.

use serde_json::json;

use super::conformance;
use super::process::free_port;
use super::stage::{Config, Stage};
use crate::repo::Result;

pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) tells: &'static str,
    pub(super) play: fn(&mut Stage<'_>) -> Result,
}

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "statuses",
        tells: "every status by its case, with tokens that are signed and with opaque ones",
        play: statuses,
    },
    Story {
        name: "limits",
        tells: "429 for a subject that calls too often, and for an address that guesses",
        play: limits,
    },
    Story {
        name: "http",
        tells: "conversations with servers over HTTP, by three clients, at both revisions",
        play: http,
    },
    Story {
        name: "stdio",
        tells: "the same with servers over standard input and output",
        play: stdio,
    },
    Story {
        name: "users",
        tells: "two users of one server over stdio see nothing of each other",
        play: users,
    },
    Story {
        name: "login",
        tells: "clients that find the issuer and their token by themselves",
        play: login,
    },
    Story {
        name: "conformance",
        tells: "the official suite finds the same behind the gateway as at the server itself",
        play: conformance::play,
    },
    Story {
        name: "outage",
        tells: "issuers that go away and come back, and change their keys",
        play: outage,
    },
];

/// `server-everything` of the packages.
const EVERYTHING: &str = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
const EVERYTHING_HTTP: &[&str] = &["--import", "./loopback.mjs", EVERYTHING, "streamableHttp"];

const EVERYTHING_STDIO: &[&str] = &[EVERYTHING, "stdio"];
pub(super) const FIXTURE_HTTP: &[&str] = &["fixture-http.mjs"];
const FIXTURE_STDIO: &[&str] = &["fixture-stdio.mjs"];

/// Everybody with a token may call everything.
pub(super) const OPEN: &str = "access = \"signed-in\"";

/// How the gateway asks about opaque tokens.
const INTROSPECTION: &str = r#"introspection = { when = "opaque", client_id = "gateway", client_secret = "secret of gateway" }"#;

fn statuses(stage: &mut Stage<'_>) -> Result {
    let signed = stage.issuer("jwt", 0)?;
    let opaque = stage.issuer("opaque", 0)?;
    let (_everything, upstream) = stage.server("everything", EVERYTHING_HTTP)?;
    let rules = format!(
        "upstream = \"{upstream}\"\naccess = \"rules\"\nbase_scopes = [\"mcp:use\"]\nrules = [\n  \
         {{ allow = [\"tools/call echo\"] }},\n  \
         {{ allow = [\"tools/call *\"], scopes = [\"mcp:write\"] }},\n]"
    );
    let mut config = Config::new()?;
    config.issuer("signed", &signed.url, "");
    config.issuer("opaque", &opaque.url, INTROSPECTION);
    config.server("signed", "signed", &rules);
    config.server("opaque", "opaque", &rules);
    let _gateway = stage.gateway(&config)?;
    for (kind, issuer, other) in [("signed", &signed, &opaque), ("opaque", &opaque, &signed)] {
        let server = config.server_url(kind);
        let told =
            json!({ "kind": kind, "issuer": issuer.url, "other": other.url, "server": server });
        stage.checks("", "statuses.mjs", &told)?;
    }
    Ok(())
}

fn limits(stage: &mut Stage<'_>) -> Result {
    let issuer = stage.issuer("jwt", 0)?;
    let (_everything, upstream) = stage.server("everything", EVERYTHING_HTTP)?;
    let limits = ", calls_per_subject = \"3/m\", failures_per_address = \"3/m\"";
    let mut config = Config::new()?.limited(limits);
    config.issuer("idp", &issuer.url, "");
    config.server("everything", "idp", &format!("upstream = \"{upstream}\"\n{OPEN}"));
    let _gateway = stage.gateway(&config)?;
    let told = json!({ "issuer": issuer.url, "server": config.server_url("everything") });
    stage.checks("", "limits.mjs", &told)
}

/// server-everything speaks 2025-11-25 and no later revision, and so does the first TypeScript SDK.
fn http(stage: &mut Stage<'_>) -> Result {
    let issuer = stage.issuer("jwt", 0)?;
    let (_everything, older) = stage.server("everything", EVERYTHING_HTTP)?;
    let (_fixture, newer) = stage.server("fixture", FIXTURE_HTTP)?;
    let mut config = Config::new()?;
    config.issuer("idp", &issuer.url, "");
    config.server("older", "idp", &format!("upstream = \"{older}\"\n{OPEN}"));
    config.server("newer", "idp", &format!("upstream = \"{newer}\"\n{OPEN}"));
    conversations(stage, &issuer.url, &config)
}

fn stdio(stage: &mut Stage<'_>) -> Result {
    let issuer = stage.issuer("jwt", 0)?;
    let (older, newer) = (stage.command(EVERYTHING_STDIO), stage.command(FIXTURE_STDIO));
    let mut config = Config::new()?;
    config.issuer("idp", &issuer.url, "");
    config.server("older", "idp", &format!("{older}\n{OPEN}"));
    config.server("newer", "idp", &format!("{newer}\n{OPEN}"));
    conversations(stage, &issuer.url, &config)
}

/// Plays conversations with the servers `older` and `newer` of a gateway.
fn conversations(stage: &mut Stage<'_>, issuer: &str, config: &Config) -> Result {
    const CONVERSATIONS: [(&str, &str, &str); 5] = [
        ("older", "2025-11-25", "rmcp"),
        ("older", "2025-11-25", "client-v1.mjs"),
        ("older", "2025-11-25", "client-v2.mjs"),
        ("newer", "2026-07-28", "rmcp"),
        ("newer", "2026-07-28", "client-v2.mjs"),
    ];
    let _gateway = stage.gateway(config)?;
    for (server, revision, client) in CONVERSATIONS {
        let url = config.server_url(server);
        let token = stage.token(issuer, &url, "alice")?;
        let told = json!({ "client": client, "url": url, "token": token, "revision": revision });
        let about = format!("{revision} {}: ", client.trim_end_matches(".mjs"));
        match client {
            "rmcp" => stage.rmcp_checks(&about, &told)?,
            _ => stage.checks(&about, "conversation.mjs", &told)?,
        }
    }
    Ok(())
}

/// With processes of their own, and with one for both.
fn users(stage: &mut Stage<'_>) -> Result {
    let issuer = stage.issuer("jwt", 0)?;
    let everything = stage.command(EVERYTHING_STDIO);
    let mut config = Config::new()?;
    config.issuer("idp", &issuer.url, "");
    config.server("own", "idp", &format!("{everything}\n{OPEN}"));
    config.server("shared", "idp", &format!("{everything}\nshared = true\n{OPEN}"));
    let _gateway = stage.gateway(&config)?;
    for name in ["own", "shared"] {
        let url = config.server_url(name);
        let alice = stage.token(&issuer.url, &url, "alice")?;
        let bob = stage.token(&issuer.url, &url, "bob")?;
        let told = json!({ "url": url, "alice": alice, "bob": bob, "shared": name == "shared" });
        stage.checks(&format!("{name}: "), "users.mjs", &told)?;
    }
    Ok(())
}

fn login(stage: &mut Stage<'_>) -> Result {
    for format in ["jwt", "opaque"] {
        let issuer = stage.issuer(format, 0)?;
        let (_fixture, upstream) = stage.server("fixture", FIXTURE_HTTP)?;
        let mut config = Config::new()?;
        config.issuer("idp", &issuer.url, if format == "opaque" { INTROSPECTION } else { "" });
        let scopes = "base_scopes = [\"mcp:use\"]";
        config.server("fixture", "idp", &format!("upstream = \"{upstream}\"\n{scopes}\n{OPEN}"));
        let _gateway = stage.gateway(&config)?;
        let told = json!({ "server": config.server_url("fixture") });
        stage.checks(&format!("{format}: "), "login.mjs", &told)?;
    }
    Ok(())
}

/// Both issuers are away when the gateway starts.
fn outage(stage: &mut Stage<'_>) -> Result {
    let (_everything, upstream) = stage.server("everything", EVERYTHING_HTTP)?;
    let behind = format!("upstream = \"{upstream}\"\n{OPEN}");
    let ports = [free_port()?, free_port()?];
    let mut config = Config::new()?;
    config.server("jwt", "jwt", &behind);
    config.server("opaque", "opaque", &behind);
    let mut tokens = Vec::new();
    for (format, port) in ["jwt", "opaque"].into_iter().zip(ports) {
        let issuer = stage.issuer(format, port)?;
        tokens.push(stage.token(&issuer.url, &config.server_url(format), "alice")?);
        config.issuer(format, &issuer.url, if format == "opaque" { INTROSPECTION } else { "" });
    }
    let _gateway = stage.gateway(&config)?;
    for ((format, port), token) in ["jwt", "opaque"].into_iter().zip(ports).zip(&tokens) {
        let server = config.server_url(format);
        let tell = |phase: &str, issuer: &str| json!({ "kind": format, "phase": phase, "server": server, "token": token, "issuer": issuer });
        stage.checks("", "outage.mjs", &tell("away", ""))?;
        let issuer = stage.issuer(format, port)?;
        stage.checks("", "outage.mjs", &tell("back", &issuer.url))?;
        if format == "jwt" {
            stage.checks("", "outage.mjs", &tell("rotate", &issuer.url))?;
            drop(issuer);
            stage.checks("", "outage.mjs", &tell("known", ""))?;
        }
    }
    Ok(())
}
