//! Core
pub mod json;
pub mod time;
