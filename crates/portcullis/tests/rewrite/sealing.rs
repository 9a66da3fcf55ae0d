//! Ids that only their owner can use.

use portcullis::seal::{Kind, MAX_ID, Owner, SealError, SealKey};
use portcullis_core::operation::MAX_NAME;
use proptest::prelude::*;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{SEALER, SERVER, alice, bob, caller, sealed, sealer};

fn opened(kind: Kind, sealed: &str, claims: &Value) -> Option<String> {
    let caller = caller(claims);
    SEALER.open(kind, sealed, &Owner::of(SERVER, caller.token()))
}

/// What clients hold from before still opens: key, bytes and owner make the same id. These were made by another
/// implementation of AES-GCM-SIV.
#[test]
fn an_id_that_was_sealed_by_a_version_before_opens() {
    let machine = json!({ "sub": null, "client_id": "ci" });
    for (kind, claims, id) in [
        (Kind::Session, alice(), "AdsLwJOUP9lKKbVFqQM_j5-srzehSqI"),
        (Kind::Task, alice(), "Adso04voMmddrXEGez9Ijzjs4qFlj50"),
        (Kind::Endpoint, machine, "AdvFqj_S0akSRmSUS80PkkIaSLXy5XA"),
    ] {
        assert_eq!(opened(kind, id, &claims).as_deref(), Some("an id"), "{claims}");
        assert_eq!(sealed(kind, "an id", &claims), id, "{claims}");
    }
}

// req: RS-13
#[test]
fn an_id_is_its_owners_whatever_token_they_come_with() {
    let id = sealed(Kind::Session, "s-1", &alice());
    // The token after a refresh: all is new but whom it speaks for.
    let refreshed =
        json!({ "sub": "alice", "jti": "another", "scope": "files:read", "client_id": "x" });
    assert_eq!(opened(Kind::Session, &id, &alice()).as_deref(), Some("s-1"));
    assert_eq!(opened(Kind::Session, &id, &refreshed).as_deref(), Some("s-1"));
    assert_eq!(sealed(Kind::Session, "s-1", &refreshed), id, "clients compare ids");

    assert_eq!(opened(Kind::Session, &id, &bob()), None);
    assert_ne!(sealed(Kind::Session, "s-1", &bob()), id);
}

#[test]
fn whatever_of_the_owner_differs_the_id_is_unknown() {
    let there = "https://idp.example.com/a";
    let callers = [
        ("a", json!({ "sub": "bc" })),
        ("ab", json!({ "sub": "c" })),
        ("a", json!({ "iss": there, "sub": "bc" })),
        ("a", json!({ "sub": null, "client_id": "bc" })),
        ("a", json!({ "sub": "b" })),
        ("", json!({ "sub": "bc" })),
    ]
    .map(|(server, claims)| (server, caller(&claims)));
    let owners = callers.each_ref().map(|(server, caller)| Owner::of(server, caller.token()));
    for (sealing, by) in owners.iter().enumerate() {
        let id = SEALER.seal(Kind::Task, "t", by).unwrap();
        for (opening, owner) in owners.iter().enumerate() {
            let same = sealing == opening;
            assert_eq!(SEALER.open(Kind::Task, &id, owner).is_some(), same, "{by:?} {owner:?}");
            assert_eq!(SEALER.open(Kind::Session, &id, owner), None, "a task is no session");
        }
    }
}

#[test]
fn a_client_that_speaks_for_itself_is_an_owner_too() {
    let machine = json!({ "sub": null, "client_id": "ci" });
    let id = sealed(Kind::Task, "t", &machine);
    assert_eq!(opened(Kind::Task, &id, &machine).as_deref(), Some("t"));
    let namesake = json!({ "sub": "ci", "client_id": "ci" });
    assert_eq!(opened(Kind::Task, &id, &namesake), None);
}

#[test]
fn an_id_with_one_letter_changed_is_unknown() {
    let id = sealed(Kind::Session, "some session", &alice());
    for at in 0..id.len() {
        let mut other = id.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert_eq!(opened(Kind::Session, &other, &alice()), None, "{at}");
    }
    for other in ["", "A", "AQ", "some session", &id[1..], &id[..id.len() - 1], &format!("{id}A")] {
        assert_eq!(opened(Kind::Session, other, &alice()), None, "{other}");
    }
    for other in [format!("{id}="), format!(" {id}"), id.replace('_', "/")] {
        assert_eq!(opened(Kind::Session, &other, &alice()).is_some(), other == id, "{other}");
    }
    assert_eq!(opened(Kind::Session, &id, &alice()).as_deref(), Some("some session"));
}

#[test]
fn what_a_former_key_sealed_opens_until_the_key_is_gone() {
    let caller = caller(&alice());
    let owner = Owner::of(SERVER, caller.token());
    let id = sealer(&[1]).seal(Kind::Session, "s", &owner).unwrap();
    let rotated = sealer(&[2, 3, 1]);
    assert_eq!(rotated.open(Kind::Session, &id, &owner).as_deref(), Some("s"));
    assert_eq!(sealer(&[2, 3]).open(Kind::Session, &id, &owner), None);
    let new = rotated.seal(Kind::Session, "s", &owner).unwrap();
    assert_eq!(sealer(&[1]).open(Kind::Session, &new, &owner), None, "sealed with the new one");
    assert_eq!(sealer(&[2]).open(Kind::Session, &new, &owner).as_deref(), Some("s"));
}

#[test]
fn the_longest_id_that_can_be_sealed_is_still_a_name_in_a_request() {
    let caller = caller(&alice());
    let owner = Owner::of(SERVER, caller.token());
    let longest = "x".repeat(MAX_ID);
    let id = SEALER.seal(Kind::Task, &longest, &owner).unwrap();
    assert!((MAX_NAME - 3..=MAX_NAME).contains(&id.len()));
    assert_eq!(SEALER.open(Kind::Task, &id, &owner), Some(longest.clone()));
    let error = SEALER.seal(Kind::Task, &(longest + "x"), &owner);
    assert_eq!(error, Err(SealError::TooLong(MAX_ID + 1)));
    assert_eq!(SEALER.open(Kind::Task, &"A".repeat(MAX_NAME + 4), &owner), None);
}

#[test]
fn keys_and_sealers_show_nothing_of_themselves() {
    let shown = format!("{:?}", sealer(&[7, 8]));
    assert_eq!(shown, "Sealer { former: 1, .. }");
    let key = SealKey::new(Zeroizing::new([7; SealKey::LEN]));
    assert_eq!(format!("{key:?}"), "SealKey(..)");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_id_comes_back_from_visible_letters(id in ".{0,64}") {
        let id_sealed = sealed(Kind::Task, &id, &alice());
        prop_assert!(id_sealed.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        prop_assert_eq!(opened(Kind::Task, &id_sealed, &alice()), Some(id));
    }

    #[test]
    fn no_letters_open_by_chance(text in "[A-Za-z0-9_-]{0,80}") {
        prop_assert_eq!(opened(Kind::Task, &text, &alice()), None);
    }
}
