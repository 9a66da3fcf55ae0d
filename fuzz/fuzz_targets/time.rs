//! Time arithmetic never panics and never wraps past its start.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use portcullis_core::time::UnixTime;

fuzz_target!(|input: (u64, u64)| {
    let (seconds, span) = input;
    let (start, span) = (UnixTime::from_secs(seconds), Duration::from_secs(span));
    assert!(start.plus(span) >= start);
    assert!(start.minus(span) <= start);
    assert!(start.plus(span).minus(span) <= start);
});
