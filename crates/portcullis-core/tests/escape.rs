//! What is permitted is allowed in every way that a server could read it.
//!
//! Policies and bodies are made from dice, the bodies near the edges of what the rules match and mutated
//! the way an attacker would. Whatever `decide` permits is given to `testkit::lenient`, which reads it in
//! every way that servers do, and each reading is held against a slow and obvious reading of the policy.
//!
//! ```sh
//! PORTCULLIS_ESCAPE_CASES=200000 cargo test --release -p portcullis-core --test escape
//! ```
//!
//! runs that many cases from a fresh seed; without the variable the seed is fixed.

#![allow(missing_docs, unreachable_pub, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests"
)]

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use portcullis_core::bearer::{AccessToken, present};
use portcullis_core::decide::decide;
use portcullis_core::id::ResourceId;
use portcullis_core::keys::KeySet;
use portcullis_core::operation::{Limits, Operation};
use portcullis_core::policy::{BadPolicy, BadRule, Policy, Rule};
use portcullis_core::proof::{Caller, Evidence, confirm};
use portcullis_core::scope::ScopeSet;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Unverified, VerifiedToken};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::json;
use testkit::hostile::policies::{self, SCOPES};
use testkit::hostile::{Dice, Sample, mutations};
use testkit::lenient::readings;
use testkit::reference::{RuleText, escapes};
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims_with};

/// A runner for `cases` with a fixed seed, or for as many as were asked for with a fresh one.
fn runner(cases: u32) -> TestRunner {
    #[allow(clippy::disallowed_methods, reason = "how long a test may take is its caller's choice")]
    let asked = std::env::var("PORTCULLIS_ESCAPE_CASES").ok().and_then(|n| n.parse().ok());
    TestRunner::new(ProptestConfig {
        cases: asked.unwrap_or(cases),
        rng_seed: asked.map_or(RngSeed::Fixed(0x0065_7363_6170), |_: u32| RngSeed::Random),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    })
}

fn dice(count: usize) -> impl Strategy<Value = Vec<u32>> {
    vec(any::<u32>(), count)
}

fn resource() -> ResourceId {
    ResourceId::parse(AUDIENCE).unwrap()
}

/// The scopes of that number, one bit each.
fn held(number: usize) -> Vec<&'static str> {
    let bits = SCOPES.iter().enumerate().filter(|(bit, _)| number >> bit & 1 == 1);
    bits.map(|(_, scope)| *scope).collect()
}

/// A token with these scopes, which is verified once for all cases.
fn token(scopes: &[&str]) -> (String, Arc<VerifiedToken>) {
    let now = UnixTime::from_secs(NOW);
    let claims = claims_with(&json!({ "scope": scopes.join(" ") }));
    let token = Signer::new(TestKey::P256).sign(&claims);
    let keys = KeySet::parse(ISSUER.parse().unwrap(), &testkit::jwks(&[TestKey::P256])).unwrap();
    let expectation = Arc::new(Expectation::new(ISSUER.parse().unwrap(), resource()));
    let verified = Unverified::parse(&token).unwrap().verify(&keys, &expectation, now).unwrap();
    (token, Arc::new(verified))
}

fn caller((text, token): &(String, Arc<VerifiedToken>)) -> Caller {
    let authorization = HeaderValue::from_str(&format!("Bearer {text}")).unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, authorization)]);
    let presented = AccessToken::try_from(present(&headers, None)).unwrap();
    confirm(token.clone(), &presented, Evidence::None).unwrap()
}

fn compiled(rule: &RuleText) -> Result<Rule, BadRule> {
    let entry = format!("{} {}", rule.method, rule.pattern);
    let scopes = match rule.scopes.join(" ") {
        none if none.is_empty() => ScopeSet::default(),
        some => ScopeSet::parse(&some).unwrap(),
    };
    let compiled = Rule::allow([&*entry])?.scopes(scopes);
    match &rule.condition {
        Some((name, patterns)) => compiled.arg(name, patterns.iter().copied()),
        None => Ok(compiled),
    }
}

fn policy_of(rules: &[RuleText]) -> Result<Policy, BadPolicy> {
    Policy::rules(resource(), rules.iter().map(|rule| compiled(rule).unwrap())).build()
}

/// Whether the policy permits the body. If so, every reading of it is allowed.
fn permitted(
    rules: &[RuleText],
    held: &[&str],
    token: &(String, Arc<VerifiedToken>),
    (sample, body): (&Sample, Vec<u8>),
) -> Result<bool, TestCaseError> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in &sample.headers {
        headers.append(*name, value.parse().unwrap());
    }
    let body = Bytes::from(body);
    let operation = Operation::read(&Method::POST, &headers, body.clone(), Limits::default());
    let Ok(operation) = operation else { return Ok(false) };
    let policy = policy_of(rules).unwrap();
    let Ok(permit) = decide(&policy, caller(token), operation, UnixTime::from_secs(NOW)) else {
        return Ok(false);
    };
    let readings = readings(permit.body());
    prop_assert!(!readings.is_empty(), "permitted, and nobody reads anything");
    for reading in &readings {
        let escaped = escapes(rules, held, reading);
        prop_assert!(
            escaped.is_empty(),
            "{}\nwas permitted to {held:?} by {rules:#?}\nbut {} does {escaped:?} with {:?}",
            String::from_utf8_lossy(&body),
            reading.how,
            reading.arguments
        );
    }
    Ok(true)
}

// req: RS-12
#[test]
fn whatever_is_permitted_is_allowed_in_every_reading() {
    let tokens: Vec<_> = (0..1 << SCOPES.len()).map(|number| token(&held(number))).collect();
    let (permits, denials) = (Cell::new(0_u32), Cell::new(0_u32));
    let mut runner = runner(5_000);
    let cases = runner.config().cases;
    runner
        .run(&(dice(60), dice(160), dice(80)), |(policy, message, mutation)| {
            let dice = &mut Dice(policy.iter());
            let number = dice.below(tokens.len());
            let mut rules = policies::policy(dice);
            rules.retain(|rule| compiled(rule).is_ok());
            while let Err(BadPolicy::InVain { rule, .. }) = policy_of(&rules) {
                rules.remove(rule.index());
            }
            if rules.is_empty() {
                return Ok(());
            }
            let mut sample = policies::body(&rules, &mut Dice(message.iter()));
            let dice = &mut Dice(mutation.iter());
            let body = if dice.one_in(3) {
                mutations::mutated(&mut sample, dice)
            } else {
                let mut text = String::new();
                sample.body.write(dice, &mut text);
                text.into_bytes()
            };
            let is_permit = permitted(&rules, &held(number), &tokens[number], (&sample, body))?;
            let count = if is_permit { &permits } else { &denials };
            count.set(count.get() + 1);
            Ok(())
        })
        .unwrap();
    // Both answers are given often enough to mean something.
    println!("{} permits and {} denials in {cases} cases", permits.get(), denials.get());
    assert!(permits.get() > cases / 8, "{} of {cases} permitted", permits.get());
    assert!(denials.get() > cases / 8, "{} of {cases} denied", denials.get());
}
