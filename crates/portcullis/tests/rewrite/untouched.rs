//! Answers that pass as they are.

use std::io;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use portcullis::rewrite::{BodyError, Refused, Treatment};
use portcullis::seal::{Kind, MAX_ID, SealError};
use portcullis_core::policy::PolicyBuilder;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    Asked, EVENTS, Frames, JSON, alice, at_once, bob, request, result, rules, sealed, signed_in,
};

fn list(policy: PolicyBuilder) -> Asked {
    Asked::new(policy, request("tools/list", &json!({})))
}

fn call(params: &Value) -> Asked {
    Asked::new(rules(), request("tools/call", params))
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

// req: RS-17
#[test]
fn an_answer_that_is_no_success_passes() {
    for status in [301, 400, 401, 403, 404, 405, 500, 502] {
        for media in [JSON, EVENTS] {
            let mut head = headers(&[("content-type", media), ("content-length", "3")]);
            let before = head.clone();
            let treatment =
                list(rules()).exchange().response(StatusCode::from_u16(status).unwrap(), &mut head);
            assert!(matches!(treatment, Ok(Treatment::Verbatim)), "{status}");
            assert_eq!(head, before);
        }
    }
    for status in [StatusCode::OK, StatusCode::ACCEPTED] {
        let mut head = headers(&[("content-type", JSON), ("content-length", "3")]);
        let treatment = list(rules()).exchange().response(status, &mut head);
        assert!(matches!(treatment, Ok(Treatment::Json(_))));
        assert_eq!(head, headers(&[("content-type", JSON)]), "its length may change");
    }
}

#[test]
fn an_answer_in_which_nothing_can_change_has_no_adapter() {
    for asked in [
        call(&json!({ "name": "read_a", "arguments": { "path": "x" } })),
        Asked::modern(rules(), "tools/call", json!({ "name": "read_a" })),
        call(&json!({ "name": "read_a", "arguments": { "task": 1 } }))
            .in_revision(Some("2025-03-26")),
        Asked::new(rules(), request("ping", &json!({}))),
        Asked::new(rules(), request("resources/read", &json!({ "uri": "file:///public/a" }))),
        list(signed_in()),
        Asked::stream(rules().listing(portcullis_core::policy::Listing::All))
            .in_revision(Some("2025-06-18"))
            .alone(),
        Asked::modern(
            signed_in(),
            "subscriptions/listen",
            json!({ "notifications": { "toolsListChanged": true } }),
        ),
    ] {
        for media in [JSON, EVENTS, "text/html"] {
            assert!(matches!(asked.treatment(media), Ok(Treatment::Verbatim)), "{media}");
        }
    }
    // Their twins.
    for asked in [
        call(&json!({ "name": "read_a", "arguments": { "task": 1 } })),
        Asked::modern(rules(), "resources/read", json!({ "uri": "file:///public/a" })),
        list(rules()),
        Asked::stream(rules()).in_revision(Some("2025-06-18")).alone(),
        Asked::stream(signed_in()).in_revision(Some("2025-06-18")),
    ] {
        assert!(matches!(asked.treatment(JSON), Ok(Treatment::Json(_))));
        assert!(matches!(asked.treatment(EVENTS), Ok(Treatment::Events(_))));
        assert!(matches!(
            asked.treatment("Text/Event-Stream;charset=utf-8"),
            Ok(Treatment::Events(_))
        ));
    }
}

#[test]
fn what_is_compressed_cannot_be_filtered() {
    let head = || headers(&[("content-type", JSON), ("content-encoding", "gzip")]);
    let encoded = list(rules()).exchange().response(StatusCode::OK, &mut head());
    assert_eq!(encoded.err(), Some(Refused::Encoded));
    let identity = &mut headers(&[("content-type", JSON), ("content-encoding", "Identity")]);
    assert!(list(rules()).exchange().response(StatusCode::OK, identity).is_ok());
    let mut kept = head();
    let passes = call(&json!({ "name": "read_a", "task": {} }))
        .exchange()
        .response(StatusCode::OK, &mut kept);
    assert!(matches!(passes, Ok(Treatment::Verbatim)));
    assert_eq!(kept, head());
}

// req: RS-13
#[test]
fn a_session_is_sealed_for_whom_it_was_made() {
    let initialize = request("initialize", &json!({}));
    for (claims, status) in [(alice(), StatusCode::OK), (bob(), StatusCode::BAD_REQUEST)] {
        let asked = Asked::new(signed_in(), &initialize).in_revision(None).by(claims.clone());
        let mut head = headers(&[("content-type", JSON), ("mcp-session-id", "s-1")]);
        asked.exchange().response(status, &mut head).unwrap();
        assert_eq!(head["mcp-session-id"], sealed(Kind::Session, "s-1", &claims));
    }
    let seal = |value: HeaderValue| {
        let mut head = HeaderMap::new();
        head.append("mcp-session-id", value);
        list(signed_in()).exchange().response(StatusCode::OK, &mut head).err()
    };
    assert_eq!(seal(HeaderValue::from_bytes(b"\xff").unwrap()), Some(Refused::Session));
    let long = "x".repeat(MAX_ID + 1).parse().unwrap();
    assert_eq!(seal(long), Some(Refused::Seal(SealError::TooLong(MAX_ID + 1))));
    assert_eq!(seal("x".repeat(MAX_ID).parse().unwrap()), None);
    let mut twice = HeaderMap::new();
    for id in ["a", "b"] {
        twice.append("mcp-session-id", HeaderValue::from_static(id));
    }
    let refused = list(signed_in()).exchange().response(StatusCode::OK, &mut twice);
    assert_eq!(refused.err(), Some(Refused::Session));
}

#[test]
fn a_body_that_does_not_change_keeps_its_frames_and_tells_its_length() {
    let asked = call(&json!({ "name": "read_a", "task": {} }));
    let text = result(&json!({ "content": "x" })).to_string();
    let pieces: Vec<Bytes> = text.as_bytes().chunks(7).map(Bytes::copy_from_slice).collect();
    let frames = Frames(pieces.iter().cloned().map(Ok).collect());
    let mut body = at_once(asked.treatment(JSON).unwrap().apply(frames)).unwrap();
    assert_eq!(body.size_hint().exact(), Some(text.len() as u64));
    for piece in &pieces {
        assert!(!body.is_end_stream());
        let frame = at_once(body.frame()).unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame.as_ptr(), piece.as_ptr(), "not copied");
        assert_eq!(frame, piece);
    }
    assert!(body.is_end_stream());
    assert!(at_once(body.frame()).is_none());
}

#[test]
fn an_answer_that_breaks_off_breaks_off() {
    for (asked, media) in [
        (list(rules()), JSON),
        (list(rules()), EVENTS),
        (list(signed_in()), JSON),
        (call(&json!({ "name": "read_a", "task": {} })), EVENTS),
    ] {
        let broken = || {
            Frames(
                [Ok(Bytes::from_static(b"{}\n")), Err(io::ErrorKind::ConnectionReset.into())]
                    .into(),
            )
        };
        let body = at_once(asked.treatment(media).unwrap().apply(broken()));
        let error = body.and_then(|body| at_once(body.collect())).unwrap_err();
        assert!(matches!(error, BodyError::Upstream(_)), "{media}");
    }
}

/// Any value in which nothing is called what is looked for.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\{}: \u{e9}\n\r]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,6}|result|content|_meta|name", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_on_the_list_of_changes_passes_byte_for_byte(
        answer in json_value(),
        is_pretty in any::<bool>(),
        piece in 1..40_usize,
    ) {
        let answer = result(&json!({ "content": answer }));
        let text = if is_pretty { format!("{answer:#}") } else { answer.to_string() };
        for asked in [
            call(&json!({ "name": "read_a", "task": {} })),
            list(rules()),
            Asked::stream(rules()),
        ] {
            let pieces = text.as_bytes().chunks(piece).map(Bytes::copy_from_slice);
            prop_assert_eq!(asked.answered(JSON, pieces), Ok(text.clone()));
        }
    }
}
