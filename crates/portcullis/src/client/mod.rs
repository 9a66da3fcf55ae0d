//! Who is at the other end of a connection, before any token is looked at.
//!
//! * [`address`] – the client's address and certificate, behind proxies that are trusted to tell
//! * [`rate`] – how often somebody may ask

pub mod address;
mod forwarded;
pub mod rate;
