//! Who is at the other end of a connection, before any token is looked at.
//!
//! * [`address`] – the client's address and certificate, behind proxies that are trusted to tell
//! * [`rate`] – how often somebody may ask
//! * [`tries`] – whether a token may be looked at
//! * `network` – what an address is counted as

pub mod address;
mod forwarded;
pub(crate) mod network;
pub mod rate;
pub mod tries;
