//! What is told and counted of requests that the core judged.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod audit;
mod audit_trouble;
mod log;
mod mend;
mod metrics;
mod request;
