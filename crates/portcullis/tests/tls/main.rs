//! TLS on both sides of the gateway, over real sockets.
//!
//! * `client` – a client that speaks TLS
//! * `handshake` – handshakes that take their time
//! * `listener` – the gateway's own certificate, and those of clients
//! * `upstream` – servers and issuers behind TLS
//! * `replaced` – files that change while the gateway runs
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "tests"
)]

mod client;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../common/mod.rs"]
mod common;
mod handshake;
mod listener;
#[cfg(unix)]
mod replaced;
mod upstream;
