//! Where values stand in a text, against a reader that knows what they are.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

use portcullis_core::json::{Flaw, LookAlike, Outline, Place};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

/// The values that an outline has, each as its own text says it.
fn as_told(text: &str, place: Place<'_>) -> Vec<Value> {
    let own = serde_json::from_str(&text[place.range()]).unwrap();
    let below = place.items().flat_map(|item| as_told(text, item));
    std::iter::once(own).chain(below).collect()
}

/// The same of a tree: everything that is reached through arrays alone.
fn as_known(value: &Value) -> Vec<Value> {
    let below = value.as_array().into_iter().flatten().flat_map(as_known);
    std::iter::once(value.clone()).chain(below).collect()
}

#[test]
fn a_value_is_where_its_bytes_are() {
    let text =
        r#" { "a" : [ 1 , "x\"]}" , { "b\\" : -2.5e3 } , [ ] ] , "c":{"d":true},"\u0065" :null } "#;
    let outline = Outline::read(text.as_bytes()).unwrap();
    let root = outline.root();
    assert_eq!(root.range(), 1..text.len() - 1);
    let [a, c, e, none] = root.pick(["a", "c", "e", "x"]).unwrap();
    assert!(none.is_none());
    let (a, c, e) = (a.unwrap(), c.unwrap(), e.unwrap());
    assert_eq!(&text[c.range()], r#"{"d":true}"#);
    assert_eq!(&text[e.range()], "null", "names are compared with escapes resolved");
    let items: Vec<&str> = a.items().map(|item| &text[item.range()]).collect();
    assert_eq!(items, ["1", r#""x\"]}""#, r#"{ "b\\" : -2.5e3 }"#, "[ ]"]);
    let texts: Vec<_> = a.items().map(Place::as_text).collect();
    assert_eq!(texts, [None, Some("x\"]}".into()), None, None]);
    let [b] = a.items().nth(2).unwrap().pick(["b\\"]).unwrap();
    assert_eq!(&text[b.unwrap().range()], "-2.5e3");
    assert!(root.is_object() && a.is_array() && !a.is_object() && !e.is_object());
    assert!(a.items().last().unwrap().is_empty() && e.is_empty() && !a.is_empty());
}

#[test]
fn what_is_too_deep_for_anybody_is_part_of_what_it_stands_in() {
    let text = r"[[[[[[[1,2]]]]]]]";
    let outline = Outline::read(text.as_bytes()).unwrap();
    let mut place = outline.root();
    for depth in 0..5 {
        assert_eq!(&text[place.range()], &text[depth..text.len() - depth]);
        place = place.items().next().unwrap();
    }
    assert_eq!(&text[place.range()], "[[1,2]]");
    assert_eq!(place.items().count(), 0);
}

#[test]
fn members_that_could_be_taken_for_another_are_refused() {
    for (text, is_clear) in [
        (r#"{"name":1,"title":2}"#, true),
        (r#"{"name":1,"Name":2}"#, false),
        (r#"{"name":1,"n_ame":2}"#, false),
        (r#"{"NAME":1}"#, false),
        (r#"{"name":1,"name\u0000x":2}"#, false),
        (r#"{"names":1}"#, true),
    ] {
        let outline = Outline::read(text.as_bytes()).unwrap();
        let picked = outline.root().pick(["name"]);
        assert_eq!(picked.err(), (!is_clear).then_some(LookAlike), "{text}");
        let got = outline.root().get("name").map(|place| &text[place.range()]);
        assert_eq!(got, text.contains("\"name\"").then_some("1"), "{text}");
    }
}

#[test]
fn there_is_no_outline_of_what_two_readers_read_differently() {
    for (text, flaw) in [
        (r#"{"a":1,"a":2}"#, Flaw::DuplicateMember),
        (r#"{"a":{"b":1,"\u0062":2}}"#, Flaw::DuplicateMember),
        (r#"{"a":1} {"a":2}"#, Flaw::TrailingBytes),
        (r#"{"a":"\ud800"}"#, Flaw::LoneSurrogate),
        (r#"{"a":1,}"#, Flaw::Syntax),
        ("", Flaw::Syntax),
        ("\u{feff}{}", Flaw::Encoding),
    ] {
        assert_eq!(Outline::read(text.as_bytes()).err(), Some(flaw), "{text}");
    }
    assert_eq!(Outline::read(b"\"\xff\"").err(), Some(Flaw::InvalidUtf8));
}

/// Any value, without two members of one name.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<i16>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
        "[a-z\"\\\\{}\\[\\],: \u{e9}\n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec(("[a-e\"\\\\]{1,3}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_value_is_told_as_it_is(value in json(), is_pretty in any::<bool>()) {
        let text = if is_pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        let outline = Outline::read(text.as_bytes()).unwrap();
        prop_assert_eq!(as_told(&text, outline.root()), as_known(&value));
        for name in ["a", "b", "\"", "\\"] {
            if let Ok([picked]) = outline.root().pick([name]) {
                let told = picked.map(|place| {
                    serde_json::from_str::<Value>(&text[place.range()]).unwrap()
                });
                prop_assert_eq!(told.as_ref(), value.get(name));
            }
        }
    }
}
