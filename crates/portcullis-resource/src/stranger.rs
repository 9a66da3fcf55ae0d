//! Whoever sends a request, as long as nobody knows who that is.

use std::fmt;
use std::time::Duration;

/// Says whether the token of a request may be looked at that was not seen before: to look costs, and strangers
/// bring as many as they like. It is not asked about a token that is known to be good.
pub trait Stranger: Sync + fmt::Debug {
    /// On whose behalf it is looked at; else, for how long no token of theirs is.
    fn may_try(&self) -> Result<Behalf, Duration>;
}

/// Those who have a share together: the same number for whoever has an address, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Behalf(pub u64);
