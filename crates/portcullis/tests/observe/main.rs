//! What is told and counted of requests that the core judged.

mod audit;
mod audit_trouble;
mod log;
mod mend;
mod metrics;
mod request;
