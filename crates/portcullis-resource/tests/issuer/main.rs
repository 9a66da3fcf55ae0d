//! What issuers are asked, and what becomes of their answers, over real sockets.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod introspection;
mod keys;
