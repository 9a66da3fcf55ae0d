//! The binary as it is run: files that change under it, signals, and those who watch it.
//!
//! * `reload` – another configuration, or none
//! * `removed` – what is in a configuration no more
//! * `start` – why it does not start
//! * `operators` – who may ask how it is, and what is said at the end
//! * `manager` – managers of services
//! * `online` – `check --online`
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    unreachable_pub,
    reason = "tests"
)]

#[allow(dead_code, reason = "shared with other tests")]
#[path = "../common/mod.rs"]
mod common;
#[cfg(target_os = "linux")]
mod manager;
mod online;
mod operators;
mod reload;
mod removed;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../stdio/server.rs"]
mod server;
mod start;

use http::{Request, StatusCode};
use serde_json::json;
use testkit::server::{Answer, Server, respond};
use testkit::{TestKey, jwks};

use crate::common::binary::{Binary, token};
use crate::common::folder::Folder;
use crate::common::rig::{Client, Rig, call, post};

/// The binary between an issuer and an upstream.
pub(crate) struct Around {
    pub(crate) binary: Binary,
    pub(crate) issuer: Server,
    pub(crate) upstream: Server,
    token: String,
}

pub(crate) fn ok(_: &Request<bytes::Bytes>) -> Answer {
    respond(200, &[("content-type", "application/json")], "{}")
}

impl Around {
    pub(crate) async fn start(name: &str, top: &str, server: &str) -> Around {
        Around::with(Folder::new(name), Server::start(ok).await, top, server, &[]).await
    }

    pub(crate) async fn with(
        folder: Folder,
        upstream: Server,
        top: &str,
        server: &str,
        variables: &[(&str, &str)],
    ) -> Around {
        let issuer = Server::start(|_| respond(200, &[], jwks(&[TestKey::P256]))).await;
        folder.write("portcullis.toml", &Rig::text(&issuer, &upstream, top, server));
        let token = token(&issuer, &json!({}));
        let binary = Binary::serve(folder, variables).await;
        Around { binary, issuer, upstream, token }
    }

    /// The configuration with these settings, changed as wanted, becomes the one on disk.
    pub(crate) fn rewrite(&self, top: &str, server: &str, change: impl Fn(String) -> String) {
        let text = change(Rig::text(&self.issuer, &self.upstream, top, server));
        self.binary.folder.write("portcullis.toml", &text);
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.binary.address).await
    }

    /// The status of a call of this tool.
    pub(crate) async fn status(&self, tool: &str) -> StatusCode {
        self.client().await.whole(post(self.token(), call(tool))).await.status()
    }
}
