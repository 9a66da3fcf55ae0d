//! What several test binaries share.

#[cfg(unix)]
pub mod binary;
pub mod folder;
#[path = "../gateway/rig.rs"]
pub mod rig;
pub mod wire;

use std::time::Duration;

/// Lets this much time pass at once, on a runtime of one thread.
pub async fn skip(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
