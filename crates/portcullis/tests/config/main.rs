//! The configuration, from texts to what the gateway is told.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod accepted;
mod broken;
mod redacted;
mod reference;
mod refused;
mod rules;
mod texts;
mod world;
