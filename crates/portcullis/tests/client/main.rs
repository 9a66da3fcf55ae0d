//! Who is at the other end of a connection.

mod address;
mod certificate;
mod rate;
