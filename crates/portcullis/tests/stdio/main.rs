//! Servers that are commands, as real processes behind the gateway.
//!
//! The server is this very program, started again: see `server`.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::unchecked_time_subtraction,
    unreachable_pub,
    reason = "tests"
)]

mod bounds;
mod client;
mod era;
mod fair;
mod life;
mod modern;
mod processes;
mod server;
mod sessions;
mod shared;
