//! Requests as an attacker makes them: from dice, so that every one can be made again.
//!
//! * `spelling` – dice, and JSON in any spelling
//! * [`messages`] – valid messages of every method
//! * [`mutations`] – what an attacker, a proxy or a fault does to one
//! * [`policies`] – policies, and messages aimed at their edges
//! * [`tokens`] – tokens that are none of their issuer's

pub mod messages;
pub mod mutations;
pub mod policies;
mod spelling;
pub mod tokens;

pub use self::messages::Sample;
pub use self::spelling::{Dice, Json, escaped, rolls};
