//! Introspection answers. Input: the body of the answer.
//!
//! A token comes of it only where another reader finds `active` to be exactly `true`, an audience or a
//! client as expected, no other issuer, no end in the past, and no other purpose. "Not active" is said
//! only of an answer that says so, and an answer that says `true` is never taken for that.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use portcullis_core::bearer::TokenHash;
use portcullis_core::id::ClientId;
use portcullis_core::introspection::{Failure, judge};
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Refusal};
use portcullis_fuzz::{AUDIENCE, ISSUER, NOW, claims, lenient};

const CLIENT: &str = "inspector";

/// Without and with a client whose tokens need no audience.
static EXPECTED: LazyLock<[Arc<Expectation>; 2]> = LazyLock::new(|| {
    let expected = Expectation::new(ISSUER.parse().unwrap(), AUDIENCE.parse().unwrap());
    let clients = [ClientId::parse(CLIENT).unwrap()];
    [Arc::new(expected.clone()), Arc::new(expected.introspection_clients(clients))]
});

fuzz_target!(|input: &[u8]| {
    let answer = lenient(input);
    let active = answer.get("active").and_then(|active| active.as_bool());
    let now = UnixTime::from_secs(NOW);
    for (expected, clients) in EXPECTED.iter().zip([false, true]) {
        match judge(input, TokenHash::of("opaque"), expected, now) {
            Ok(token) => {
                assert_eq!(active, Some(true));
                assert!(token.is_current(now));
                assert!(!token.is_current(UnixTime::from_secs(NOW + 30)));
                let has_audience = answer.get("aud").is_some();
                assert!(has_audience || (clients && answer["client_id"] == CLIENT));
                claims::are_as_expected(&answer, &token);
                claims::are_of_an_access_token_answer(&answer);
            }
            Err(Failure::Refused(refusal)) => {
                assert_eq!(active, Some(refusal != Refusal::Inactive));
            }
            // The issuer's fault, also where a reader could take one of several members for the answer.
            Err(Failure::Answer(_)) => {}
        }
    }
});
