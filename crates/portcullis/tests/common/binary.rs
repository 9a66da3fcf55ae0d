//! The binary itself, as whoever starts processes has it.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};

use portcullis_resource::clock::{Clock as _, SystemClock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testkit::server::Server;
use testkit::{Signer, TestKey, claims_with};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use super::folder::Folder;
use super::rig::RESOURCE;
use super::wire::SOON;

/// `portcullis serve` with the `portcullis.toml` of a folder.
pub struct Binary {
    pub address: SocketAddr,
    pub folder: Folder,
    pub child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Binary {
    /// Until it listens.
    pub async fn serve(folder: Folder, variables: &[(&str, &str)]) -> Binary {
        let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .arg("serve")
            .current_dir(folder.path())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = "0.0.0.0:0".parse().unwrap();
        let mut binary = Binary { address, folder, child, log };
        let line = binary.until("listening").await;
        binary.address = line["address"].as_str().unwrap().parse().unwrap();
        binary
    }

    /// The next line of its log with this text.
    pub async fn until(&mut self, text: &str) -> Value {
        let found = async {
            let mut before = Vec::new();
            loop {
                let line = self.log.next_line().await.unwrap();
                let Some(line) = line else { panic!("no {text:?} in {before:#?}") };
                if line.contains(text) {
                    return serde_json::from_str(&line).unwrap();
                }
                before.push(line);
            }
        };
        timeout(SOON, found).await.unwrap_or_else(|_| panic!("it never says {text:?}"))
    }

    pub fn tell(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    pub async fn ended(&mut self) -> ExitStatus {
        timeout(SOON, self.child.wait()).await.expect("it does not end").unwrap()
    }
}

/// A token of now: the binary has the clock of the machine.
pub fn token(issuer: &Server, changes: &Value) -> String {
    let now = SystemClock.now().as_secs();
    let mut claims = claims_with(&json!({
        "iss": issuer.url(""), "aud": RESOURCE, "scope": "files:read", "iat": now, "exp": now + 3600,
    }));
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    Signer::new(TestKey::P256).sign(&claims)
}
