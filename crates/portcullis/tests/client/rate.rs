//! Limits by subject and by address, under a clock that stands still unless it is moved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use portcullis::client::rate::{Calls, Failures};
use portcullis::client::tries::{Try, counts};
use portcullis::config::gateway::Rate;
use portcullis_core::error::{Failure, NoAnswer};
use portcullis_core::keys::KeySet;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Refusal, Unverified, VerifiedToken};
use portcullis_core::{bearer, proof};
use portcullis_resource::stranger::Stranger as _;
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims_with};
use tokio::time::advance;

const ONE: NonZeroU32 = NonZeroU32::MIN;

const MINUTE: Duration = Duration::from_secs(60);

fn rate(count: u32) -> Rate {
    Rate { count: NonZeroU32::new(count).unwrap(), per: MINUTE }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn token(changes: &Value) -> VerifiedToken {
    let issuer = changes["iss"].as_str().unwrap_or(ISSUER);
    let keys = KeySet::parse(issuer.parse().unwrap(), &testkit::jwks(&[TestKey::P256])).unwrap();
    let expectation = Expectation::new(issuer.parse().unwrap(), AUDIENCE.parse().unwrap());
    let text = Signer::new(TestKey::P256).sign(&claims_with(changes));
    let unverified = Unverified::parse(&text).unwrap();
    unverified.verify(&keys, &Arc::new(expectation), UnixTime::from_secs(NOW)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_subject_may_call_so_often_and_then_has_to_wait() {
    let calls = Calls::new(rate(4));
    let alice = token(&json!({}));
    for _ in 0..4 {
        assert_eq!(calls.check(&alice, ONE), Ok(()));
    }
    assert_eq!(calls.check(&alice, ONE), Err(MINUTE / 4));
    // Being refused costs nothing.
    assert_eq!(calls.check(&alice, ONE), Err(MINUTE / 4));
    advance(Duration::from_millis(14_999)).await;
    assert_eq!(calls.check(&alice, ONE), Err(Duration::from_millis(1)));
    advance(Duration::from_millis(1)).await;
    assert_eq!(calls.check(&alice, ONE), Ok(()));
    assert!(calls.check(&alice, ONE).is_err());
    advance(2 * MINUTE).await;
    for _ in 0..4 {
        assert_eq!(calls.check(&alice, ONE), Ok(()));
    }
    assert!(calls.check(&alice, ONE).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_subject_is_one_of_its_issuer_and_speaks_for_its_client_where_there_is_none() {
    let calls = Calls::new(rate(1));
    for changes in [
        json!({}),
        json!({ "sub": "bob" }),
        json!({ "iss": "https://other.example.com" }),
        json!({ "sub": null }),
        json!({ "sub": null, "client_id": "other" }),
        // A subject that is called like a client is not that client.
        json!({ "sub": "inspector" }),
    ] {
        assert_eq!(calls.check(&token(&changes), ONE), Ok(()), "{changes}");
        assert!(calls.check(&token(&changes), ONE).is_err(), "{changes}");
    }
    // The same person by another token, through another client.
    let again = token(&json!({ "jti": "2", "client_id": "other" }));
    assert!(calls.check(&again, ONE).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_as_many_as_it_has_and_taken_whole_or_not_at_all() {
    let calls = Calls::new(rate(4));
    let many = |count| NonZeroU32::new(count).unwrap();
    let (alice, bob) = (token(&json!({})), token(&json!({ "sub": "bob" })));
    assert_eq!(calls.check(&alice, many(3)), Ok(()));
    assert_eq!(calls.check(&alice, many(2)), Err(MINUTE / 4));
    assert_eq!(calls.check(&alice, ONE), Ok(()));
    assert!(calls.check(&alice, ONE).is_err());
    // More than is ever taken at once.
    assert_eq!(calls.check(&bob, many(5)), Err(MINUTE));
    assert_eq!(calls.check(&bob, many(u32::MAX)), Err(MINUTE));
    assert_eq!(calls.check(&bob, many(4)), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_address_may_fail_so_often() {
    let failures = Failures::new(rate(3));
    let (bad, good) = (address("203.0.113.7"), address("203.0.113.8"));
    for _ in 0..3 {
        assert_eq!(failures.take(bad), Ok(()));
        // What is given back was not taken.
        failures.give_back(bad);
        assert_eq!(failures.take(bad), Ok(()));
    }
    assert_eq!(failures.take(bad), Err(MINUTE / 3));
    assert_eq!(failures.take(address("::ffff:203.0.113.7")), Err(MINUTE / 3));
    assert_eq!(failures.take(good), Ok(()));
    // To be refused makes it no longer.
    advance(MINUTE / 3).await;
    assert_eq!(failures.take(bad), Ok(()));
    assert!(failures.take(bad).is_err());
    failures.give_back(bad);
    assert_eq!(failures.take(bad), Ok(()));
    // What nobody took cannot be given back for later.
    (0..10).for_each(|_| failures.give_back(good));
    assert_eq!((0..10).filter(|_| failures.take(good).is_ok()).count(), 3);
}

/// However many look at once: what they take is counted before they look.
#[tokio::test(start_paused = true)]
async fn many_at_once_fail_no_more_often() {
    let failures = Failures::new(rate(3));
    let (bad, forged) = (address("203.0.113.7"), Failure::Token(Refusal::NoEvidence));
    let tries: Vec<_> = (0..10).map(|_| Try::of(Some(&failures), bad)).collect();
    let allowed: Vec<_> = tries.iter().filter(|one| one.may_try().is_ok()).collect();
    assert_eq!(allowed.len(), 3);
    for one in &tries {
        let waits = Failure::TooManyRequests { retry_after: MINUTE };
        let is_allowed = allowed.iter().any(|other| std::ptr::eq(*other, one));
        one.end(Some(if is_allowed { &forged } else { &waits }));
    }
    let late = Try::of(Some(&failures), bad);
    assert_eq!(late.may_try(), Err(MINUTE / 3));
    late.end(Some(&Failure::TooManyRequests { retry_after: MINUTE }));
    advance(MINUTE / 3).await;
    assert!(Try::of(Some(&failures), bad).may_try().is_ok(), "and no less often");
}

/// What was not looked at in vain is given back.
#[tokio::test(start_paused = true)]
async fn a_look_that_was_not_in_vain_is_free() {
    let expired = Failure::Token(Refusal::Expired(UnixTime::from_secs(NOW)));
    let away = Failure::IssuerUnavailable { detail: String::new(), retry_after: MINUTE };
    let forged = Failure::Token(Refusal::NoEvidence);
    let from = address("2001:db8:1:1::1");
    for (outcome, is_free) in
        [(None, true), (Some(expired), true), (Some(away), true), (Some(forged), false)]
    {
        let failures = Failures::new(rate(2));
        for _ in 0..2 {
            let one = Try::of(Some(&failures), from);
            assert!(one.may_try().is_ok());
            one.end(outcome.as_ref());
        }
        let left = (0..10).filter(|_| failures.take(from).is_ok()).count();
        assert_eq!(left, if is_free { 2 } else { 0 }, "{outcome:?}");
    }
    // A token that was not looked at costs nothing; a bad proof for it does.
    let failures = Failures::new(rate(2));
    Try::of(Some(&failures), from).end(None);
    Try::of(Some(&failures), from).end(Some(&Failure::Forbidden));
    Try::of(Some(&failures), from).end(Some(&Failure::Proof(proof::Refusal::Replayed)));
    assert_eq!((0..10).filter(|_| failures.take(from).is_ok()).count(), 1);
    // Where nothing is limited all are looked at, on behalf of whoever has the address.
    let look = |text| Try::of(None, address(text)).may_try().unwrap();
    assert_eq!(look("2001:db8:1:1::1"), look("2001:db8:1:1:ffff::2"));
    assert_eq!(look("192.0.2.1"), look("::ffff:192.0.2.1"));
    assert!(look("192.0.2.1") != look("192.0.2.2"));
    assert!(look("2001:db8:1:1::1") != look("2001:db8:1:2::1"));
}

#[tokio::test(start_paused = true)]
async fn whoever_has_a_network_of_ipv6_has_one_account() {
    let failures = Failures::new(rate(2));
    assert_eq!(failures.take(address("2001:db8:1:1::1")), Ok(()));
    assert_eq!(failures.take(address("2001:db8:1:1:ffff::2")), Ok(()));
    assert!(failures.take(address("2001:db8:1:1::3")).is_err());
    assert_eq!(failures.take(address("2001:db8:1:2::3")), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn whoever_has_a_site_of_ipv6_does_not_have_thousands() {
    let failures = Failures::new(rate(2));
    let network = |site: u16, network: u16| {
        IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, site, network, 0, 0, 0, 1))
    };
    let tries =
        |site| (0..u16::MAX).filter(|number| failures.take(network(site, *number)).is_ok()).count();
    assert_eq!(tries(1), 128);
    assert!(failures.take(network(1, u16::MAX)).is_err());
    // What the site refused its network has not lost, and what is given back is the site's as well.
    failures.give_back(network(1, 0));
    for allowed in [true, false, false] {
        assert_eq!(failures.take(network(1, u16::MAX)).is_ok(), allowed);
    }
    failures.give_back(network(1, 1));
    assert_eq!(failures.take(network(1, u16::MAX)), Ok(()));
    assert_eq!(failures.take(network(2, 0)), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_crowd_does_not_make_the_worst_forgotten() {
    let failures = Failures::new(rate(5));
    let crowd = |number: u32| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + number));
    let bad: Vec<_> = (0..100).map(|n| IpAddr::from(Ipv4Addr::new(203, 0, 113, n))).collect();
    for address in &bad {
        (0..5).for_each(|_| failures.take(*address).unwrap());
    }
    // Many more than there are places, each of whom failed once.
    (0..400_000).for_each(|number| failures.take(crowd(number)).unwrap());
    assert!(bad.iter().all(|address| failures.take(*address).is_err()));
    // When they have nothing on them any more, their places are for others.
    advance(2 * MINUTE).await;
    assert!(bad.iter().all(|address| failures.take(*address).is_ok()));
}

#[test]
fn what_was_looked_at_in_vain_counts() {
    for failure in [
        Failure::UnknownIssuer,
        Failure::Token(Refusal::Inactive),
        Failure::Token(Refusal::NotYetValid(UnixTime::from_secs(NOW))),
        Failure::Token(Refusal::NoEvidence),
        Failure::Proof(proof::Refusal::OtherKey),
    ] {
        assert!(counts(&failure), "{failure}");
    }
    for failure in [
        // How everything begins.
        Failure::Unauthenticated,
        Failure::Proof(proof::Refusal::NonceRequired),
        Failure::Credentials(bearer::Malformed::Scheme),
        // How every token ends.
        Failure::Token(Refusal::Expired(UnixTime::from_secs(NOW))),
        // Not the client's fault.
        Failure::IssuerUnavailable { detail: String::new(), retry_after: MINUTE },
        Failure::Upstream(NoAnswer::Timeout),
        Failure::Forbidden,
        Failure::TooManyRequests { retry_after: MINUTE },
    ] {
        assert!(!counts(&failure), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn rates_of_any_size_are_kept() {
    let bad = address("203.0.113.7");
    for (count, per) in
        [(1, Duration::from_nanos(1)), (u32::MAX, Duration::MAX), (1, Duration::MAX)]
    {
        let failures = Failures::new(Rate { count: NonZeroU32::new(count).unwrap(), per });
        assert_eq!(failures.take(bad), Ok(()));
        assert_eq!(failures.take(bad).is_ok(), count > 1);
    }
}
