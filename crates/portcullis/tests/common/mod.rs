//! What several test binaries share.

#[path = "../gateway/rig.rs"]
pub mod rig;
pub mod wire;
