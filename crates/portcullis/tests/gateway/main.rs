//! The gateway from outside: an issuer, an upstream and a client, each on a socket of its own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "tests"
)]

mod answers;
mod changes;
mod legacy;
mod operators;
mod raw;
#[allow(dead_code, reason = "shared with other tests")]
mod rig;
mod sessions;
mod several;
mod shares;
#[cfg(unix)]
mod stdio;
mod streams;
