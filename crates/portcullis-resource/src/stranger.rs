//! Whoever sends a request, as long as nobody knows who that is.

use std::fmt;
use std::time::Duration;

/// Decides whether a request with an unknown token may have it verified. Verifying costs, and strangers bring as many
/// tokens as they like. It is not asked about tokens that are known to be good.
pub trait Stranger: Sync + fmt::Debug {
    /// On whose behalf it is looked at; else, for how long no token of theirs is.
    fn may_try(&self) -> Result<Behalf, Duration>;
}

/// Strangers that share one allowance, by number: all of one address, for instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Behalf(pub u64);
