//! Who is at the other end of a connection.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod address;
mod certificate;
mod rate;
