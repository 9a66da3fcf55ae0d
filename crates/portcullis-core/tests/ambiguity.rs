//! An operation that is accepted is the only one any parser could read in the same bytes.
//!
//! Valid messages of every method are made from dice, mutated the way an attacker would, and read.
//! Whatever is accepted is given to `testkit::lenient`, which reads it in every way that servers do.
//!
//! ```sh
//! PORTCULLIS_AMBIGUITY_CASES=1000000 cargo test --release -p portcullis-core --test ambiguity
//! ```
//!
//! runs a million cases from a fresh seed; without the variable the seed is fixed.

#![allow(missing_docs, unreachable_pub, reason = "tests")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::cell::Cell;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use portcullis_core::operation::{Limits, Malformed, Operation};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use testkit::hostile::messages::sample;
use testkit::hostile::mutations::mutated;
use testkit::hostile::{Dice, Sample};
use testkit::lenient::{Call, readings};

/// A runner for `cases` with a fixed seed, or for as many as were asked for with a fresh one.
fn runner(cases: u32) -> TestRunner {
    #[allow(clippy::disallowed_methods, reason = "how long a test may take is its caller's choice")]
    let asked = std::env::var("PORTCULLIS_AMBIGUITY_CASES").ok().and_then(|n| n.parse().ok());
    TestRunner::new(ProptestConfig {
        cases: asked.unwrap_or(cases),
        rng_seed: asked.map_or(RngSeed::Fixed(0x0070_6f72_7463), |_: u32| RngSeed::Random),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })
}

fn dice(count: usize) -> impl Strategy<Value = Vec<u32>> {
    vec(any::<u32>(), count)
}

fn post(headers: &[(&'static str, String)], body: &Bytes) -> Result<Operation, Malformed> {
    let mut map = HeaderMap::new();
    map.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    Operation::read(&Method::POST, &map, body.clone(), Limits::default())
}

fn calls(operation: &Operation) -> Vec<Call> {
    let call = |call: &portcullis_core::operation::Call| {
        let targets = call.targets().iter().map(|target| target.text().to_owned()).collect();
        (call.method_name().to_owned(), targets)
    };
    operation.calls().iter().map(call).collect()
}

/// Whether the body is accepted. If so, it went through unchanged and everybody reads it alike.
fn accepted_by_all(
    headers: &[(&'static str, String)],
    body: Vec<u8>,
) -> Result<bool, TestCaseError> {
    let body = Bytes::from(body);
    let Ok(operation) = post(headers, &body) else { return Ok(false) };
    prop_assert_eq!(operation.body(), &body);
    // What a filter asks for comes in no order.
    let (mut ours, mut theirs) = (calls(&operation), readings(&body));
    let calls = ours.iter_mut().chain(theirs.iter_mut().flat_map(|reading| &mut reading.calls));
    calls.for_each(|(_, targets)| targets.sort());
    prop_assert!(
        theirs.iter().any(|r| r.calls == ours),
        "nobody reads {:?} but {:?}",
        ours,
        theirs
    );
    for reading in theirs {
        prop_assert!(
            reading.is_covered_by(&ours),
            "{}\nwas judged as {ours:?}\nbut {} reads {:?}",
            String::from_utf8_lossy(&body),
            reading.how,
            reading.calls
        );
    }
    Ok(true)
}

fn written(sample: &Sample, dice: &mut Dice<'_>) -> Vec<u8> {
    let mut text = String::new();
    sample.body.write(dice, &mut text);
    text.into_bytes()
}

// req: RS-12
#[test]
fn no_mutation_of_a_message_is_accepted_that_two_parsers_read_differently() {
    let (accepted, refused) = (Cell::new(0_u32), Cell::new(0_u32));
    let mut runner = runner(8_000);
    let cases = runner.config().cases;
    runner
        .run(&(dice(160), dice(120)), |(message, mutation)| {
            let mut sample = sample(&mut Dice(message.iter()));
            let body = mutated(&mut sample, &mut Dice(mutation.iter()));
            let count = if accepted_by_all(&sample.headers, body)? { &accepted } else { &refused };
            count.set(count.get() + 1);
            Ok(())
        })
        .unwrap();
    // Both answers are given often enough to mean something.
    assert!(accepted.get() > cases / 5, "{} of {cases} accepted", accepted.get());
    assert!(refused.get() > cases / 5, "{} of {cases} refused", refused.get());
}

/// The property above says something about every kind of message: all of them are accepted as made.
#[test]
fn a_valid_message_is_read_as_it_was_meant() {
    runner(2_000)
        .run(&(dice(160), dice(80)), |(message, blanks)| {
            let sample = sample(&mut Dice(message.iter()));
            let body = written(&sample, &mut Dice(blanks.iter()));
            let shown = String::from_utf8_lossy(&body).into_owned();
            let operation = post(&sample.headers, &Bytes::from(body.clone()));
            let read = operation.map(|operation| calls(&operation)).map_err(|m| m.to_string());
            prop_assert_eq!(read, Ok(sample.calls.clone()), "{}", shown);
            prop_assert!(accepted_by_all(&sample.headers, body)?);
            Ok(())
        })
        .unwrap();
}

/// Two valid messages, the head of one on the tail of the other.
#[test]
fn spliced_messages_are_refused_or_read_alike() {
    runner(1_500)
        .run(&(dice(160), dice(160), 0..1_000_usize, 0..1_000_usize), |(one, two, cut, join)| {
            let [one, two] = [one, two].map(|dice| sample(&mut Dice(dice.iter())));
            let mut body = written(&one, &mut Dice([].iter()));
            let tail = written(&two, &mut Dice([].iter()));
            body.truncate(body.len() * cut / 1_000);
            body.extend(&tail[tail.len() * join / 1_000..]);
            accepted_by_all(&one.headers, body.clone())?;
            accepted_by_all(&[], body)?;
            Ok(())
        })
        .unwrap();
}

/// Bytes of any kind, and pieces of JSON in any order, which come further.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just("\"jsonrpc\":\"2.0\","),
        Just("\"method\":\"tools/call\""),
        Just("\"params\":"),
        Just("\"name\":\"a\""),
        Just("\"_meta\":{"),
        Just("\\u"),
        Just("\"\\ud83d\""),
        Just("1e999"),
        Just("\u{feff}"),
        Just("\0"),
        Just("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
        Just("\"id\":1,"),
    ];
    prop_oneof![
        vec(any::<u8>(), 0..200),
        vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
    ]
}

#[test]
fn no_bytes_and_no_headers_are_too_much() {
    let names = prop_oneof![
        Just("mcp-protocol-version"),
        Just("mcp-method"),
        Just("mcp-name"),
        Just("content-type"),
        Just("content-encoding"),
        Just("mcp-session-id"),
        Just("mcp-param-a"),
    ];
    let headers = vec((names, vec(any::<u8>(), 0..40)), 0..5);
    let methods =
        prop_oneof![Just(Method::POST), Just(Method::GET), Just(Method::DELETE), Just(Method::PUT)];
    runner(3_000)
        .run(&(methods, headers, anything()), |(method, headers, body)| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    map.append(HeaderName::from_static(name), value);
                }
            }
            let body = Bytes::from(body);
            if let Err(refused) = Operation::read(&method, &map, body.clone(), Limits::default()) {
                // What is written into answers and logs.
                prop_assert!(refused.to_string().is_ascii() && refused.reason().code() < 0);
            }
            map.clear();
            map.insert("content-type", HeaderValue::from_static("application/json"));
            accepted_by_all(&[], body.to_vec())?;
            Ok(())
        })
        .unwrap();
}
