//! Core
mod fold;
pub mod json;
pub mod operation;
pub mod time;
