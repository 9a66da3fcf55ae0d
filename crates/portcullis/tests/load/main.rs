//! Nothing is lost: not when keys are rotated, not when the configuration changes, not at the end. Judged by
//! counting, on both sides of the gateway.
//!
//! * `clients` – callers who call all the time, and what became of each call
//! * `rotation` – keys
//! * `reload` – configurations
//! * `outage` – issuers that are away
//! * `end` – the binary, being told to end
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests"
)]

mod clients;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../common/mod.rs"]
mod common;
#[cfg(target_os = "linux")]
mod end;
mod outage;
mod reload;
mod rotation;
