//! Random bytes: the one source of the gateway.

use aws_lc_rs::rand;

/// Fills with random bytes.
///
/// # Panics
/// Where the system has none: nothing that is secret could be made any more.
#[expect(clippy::disallowed_methods, reason = "the one random source of the gateway")]
#[expect(clippy::expect_used, reason = "a gateway without random bytes must not go on")]
pub(super) fn fill(bytes: &mut [u8]) {
    rand::fill(bytes).expect("the system gives random bytes");
}
