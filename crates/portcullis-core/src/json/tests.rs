//! What the public interface cannot reach: the set of names, the depth at its bound, and the words
//! of `serde_json` that are told apart.

use std::borrow::Cow;
use std::cell::Cell;

use super::{Document, Flaw, Item, MAX_DEPTH, Names, Walk, check, classify, not_foreign};

fn walk(text: &str) -> Result<(), Flaw> {
    check(text.as_bytes())
}

/// Reads an object to keep.
fn keep(text: impl AsRef<[u8]>) -> Result<Document, Flaw> {
    Document::read(text.as_ref().to_vec())
}

/// Notes names alternately as borrowed from the text and as unescaped, as a message would.
fn noted<'n>(names: impl IntoIterator<Item = &'n str>) -> (Names<'n>, Vec<bool>) {
    let mut set = Names::new();
    let mut answers = Vec::new();
    for (position, name) in names.into_iter().enumerate() {
        let escaped = position % 3 == 2;
        let name = if escaped { Cow::Owned(name.to_owned()) } else { Cow::Borrowed(name) };
        answers.push(match name {
            Cow::Owned(name) => set.insert_resolved(&name),
            Cow::Borrowed(name) => set.insert_borrowed(name),
        });
    }
    (set, answers)
}

#[test]
fn names_with_the_same_mark_are_still_different_names() {
    // Same length, same first and last letter.
    for alike in [["abc", "axc"], ["read_a", "rxxd_a"]] {
        assert_eq!(Names::mark(alike[0]), Names::mark(alike[1]), "{alike:?}");
        let (set, new) = noted(alike);
        assert_eq!(new, [true, true], "{alike:?}");
        assert!(alike.iter().all(|name| set.contains(name)));
        let (_, again) = noted([alike[0], alike[1], alike[0], alike[1]]);
        assert_eq!(again, [true, true, false, false], "{alike:?}");
    }
    let (set, _) = noted(["abc"]);
    assert!(!set.contains("axc") && !set.contains("a"));
}

#[test]
fn names_past_the_first_eight_are_remembered() {
    let names: Vec<String> = (0..1_000).map(|n| format!("n{}", n * 7919 % 1_000)).collect();
    let texts = || names.iter().map(String::as_str);
    for count in [1, Names::FEW - 1, Names::FEW, Names::FEW + 1, 2 * Names::FEW, names.len()] {
        let (mut set, new) = noted(texts().take(count));
        assert!(new.iter().all(|is_new| *is_new), "{count}");
        for (position, name) in texts().enumerate() {
            assert_eq!(set.contains(name), position < count, "{name} after {count}");
        }
        for name in texts().take(count) {
            assert!(!set.insert_borrowed(name), "{name} after {count}");
            assert!(!set.insert_resolved(name), "{name} after {count}");
        }
    }
}

#[test]
fn a_name_stands_twice_however_it_is_spelled_and_wherever() {
    for spelled in [r"name", r"n\u0061me", r"\u006e\u0061\u006d\u0065", r"\u006E\u0061me"] {
        for before in [0, 1, 7, 8, 9, 100] {
            let others: Vec<_> = (0..before).map(|n| format!(r#""o{n}":{n},"#)).collect();
            let others = others.concat();
            let with = |name: &str| format!(r#"{{"name":1,{others}"{name}":2}}"#);
            for wrap in [
                |text: String| text,
                |text| format!("[{text}]"),
                |text| format!(r#"{{"a":{text}}}"#),
            ] {
                let (twice, once) = (wrap(with(spelled)), wrap(with("Name")));
                assert_eq!(walk(&twice), Err(Flaw::DuplicateMember), "{twice}");
                let member = |text: &str| keep(format!(r#"{{"o":{text}}}"#)).err();
                assert_eq!(member(&twice), Some(Flaw::DuplicateMember), "{twice}");
                assert_eq!(walk(&once), Ok(()), "{once}");
                assert_eq!(member(&once), None, "{once}");
            }
        }
    }
    // Names that other readers take for one another are two names here; see `fold`.
    assert_eq!(walk("{\"a\":1,\"A\":2,\"\":3,\"a\\u0000\":4,\"\u{e9}\":5,\"e\u{301}\":6}"), Ok(()));
}

#[test]
fn depth_is_counted_to_the_bound_and_no_further() {
    let bound = usize::from(MAX_DEPTH);
    for (open, inside, close) in
        [("[", "1", "]"), ("{\"a\":", "1", "}"), ("[{\"a\":", "1", "}]"), ("[", "", "]")]
    {
        let levels = open.matches(['[', '{']).count();
        let nested = |depth: usize| {
            let times = depth / levels;
            format!("{}{inside}{}", open.repeat(times), close.repeat(times))
        };
        let (fits, deeper) = (nested(bound), nested(bound + levels));
        assert_eq!(walk(&fits), Ok(()), "{fits}");
        assert_eq!(walk(&deeper), Err(Flaw::TooDeep), "{deeper}");
        if open.starts_with('{') {
            assert!(keep(&fits).is_ok(), "{fits}");
            assert_eq!(keep(&deeper).err(), Some(Flaw::TooDeep), "{deeper}");
        }
    }
    // Refused on the way in: what never closes is too deep, not cut off.
    assert_eq!(walk(&"[".repeat(1_000_000)), Err(Flaw::TooDeep));
    // Width is no depth.
    assert_eq!(walk(&format!("[{}[]]", "[],".repeat(10_000))), Ok(()));
}

/// Pins the words of `serde_json` on which `classify` rests.
#[test]
fn flaws_that_only_words_tell_apart() {
    for (text, wanted) in [
        (r#""\ud800""#, Flaw::LoneSurrogate),
        (r#""\ud800x""#, Flaw::LoneSurrogate),
        (r#""\ud800\u0061""#, Flaw::LoneSurrogate),
        (r#""\ud800\n""#, Flaw::LoneSurrogate),
        (r#""\udfff""#, Flaw::LoneSurrogate),
        (r#""\udc00\ud800""#, Flaw::LoneSurrogate),
        (r#"{"\ud800":1}"#, Flaw::LoneSurrogate),
        ("1e400", Flaw::NumberOutOfRange),
        ("-1e400", Flaw::NumberOutOfRange),
        ("[1e309]", Flaw::NumberOutOfRange),
        (r#""\u12""#, Flaw::Syntax),
        (r#""\x41""#, Flaw::Syntax),
        ("\"a\nb\"", Flaw::Syntax),
        ("01", Flaw::Syntax),
        ("+1", Flaw::Syntax),
        (".5", Flaw::Syntax),
        ("NaN", Flaw::Syntax),
        ("[1,]", Flaw::Syntax),
        ("{\"a\":1,}", Flaw::Syntax),
        ("{a:1}", Flaw::Syntax),
        ("", Flaw::Syntax),
        ("[", Flaw::Syntax),
        ("1 2", Flaw::TrailingBytes),
        ("12\0", Flaw::TrailingBytes),
        ("1//", Flaw::TrailingBytes),
    ] {
        assert_eq!(walk(text), Err(wanted), "{text}");
    }
    for text in [
        r#""\ud83d\ude00""#,
        "1e308",
        "-0",
        "1e-400",
        "18446744073709551616",
        r#""\u0012""#,
        " 1\r\n\t",
    ] {
        assert_eq!(walk(text), Ok(()), "{text}");
    }
    let unknown = <serde_json::Error as serde::de::Error>::custom("something new");
    assert_eq!(classify(&unknown), Flaw::Syntax);
}

#[test]
fn a_named_refusal_outlives_the_words_it_travels_in() {
    let flaw = Cell::new(None);
    let error: serde_json::Error = Walk::new(&flaw).refuse(Flaw::TooDeep);
    assert_eq!((flaw.get(), classify(&error)), (Some(Flaw::TooDeep), Flaw::Syntax));
}

#[test]
fn other_encodings_are_known_by_their_first_bytes() {
    for foreign in [
        &b"\xEF\xBB\xBF{}"[..],
        b"\xFE\xFF\0{",
        b"\xFF\xFE{\0",
        b"\0{\0}",
        b"{\0}\0",
        b"\0\0\0{",
        b"{\0\0\0",
        b"\0",
    ] {
        assert_eq!(not_foreign(foreign), Err(Flaw::Encoding), "{foreign:?}");
        assert_eq!(keep(foreign).err(), Some(Flaw::Encoding), "{foreign:?}");
    }
    assert_eq!(keep(b"{\xFF}").err(), Some(Flaw::InvalidUtf8));
    assert!(keep(b"{}").is_ok());
    assert_eq!(keep(b"[]").err(), Some(Flaw::NotAnObject));
}

#[test]
fn a_document_keeps_order_types_and_unescaped_text() {
    let document =
        keep(br#"{"b":[null,true,-1,1,1.5,"x"],"\u0061":{"c":"\ud83d\ude00\/"},"n":["p",1,"q"]}"#)
            .unwrap();
    let root = document.root();
    let names: Vec<_> = root.members().map(|(name, _)| name).collect();
    assert_eq!(names, ["b", "a", "n"]);
    let items: Vec<Item<'_>> = root.get("b").unwrap().items().unwrap().collect();
    assert!(items[0].is_null() && !items[1].is_null());
    assert_eq!((items[1].as_bool(), items[0].as_bool()), (Some(true), None));
    let seconds = |item: Item<'_>| item.as_time().map(crate::time::UnixTime::as_secs);
    assert_eq!((seconds(items[2]), seconds(items[3]), seconds(items[4])), (None, Some(1), Some(1)));
    assert_eq!((items[5].as_str(), items[5].as_bool()), (Some("x"), None));
    let inner = root.get("a").and_then(|inner| inner.get("c"));
    assert_eq!(inner.and_then(Item::as_str), Some("\u{1f600}/"));
    assert!(root.get("n").unwrap().strings().eq(["p", "q"]));
    assert!(root.get("missing").is_none() && root.get("b").unwrap().get("b").is_none());
    assert_eq!(document.at(root.get("n").unwrap().place()).items().unwrap().count(), 3);
}

/// Another crate may turn a feature of `serde_json` on under which numbers come as maps.
#[test]
fn numbers_that_come_as_maps_are_refused_and_not_overlooked() {
    let disguised = r#"{"a":{"$serde_json::private::Number":"1e400"}}"#;
    assert_eq!(walk(disguised), Err(Flaw::NumberOutOfRange));
    assert_eq!(keep(disguised).err(), Some(Flaw::NumberOutOfRange));
    assert_eq!(walk(&disguised.replace("private::Number", "private::Other")), Ok(()));
}

/// Places in a document are numbers of 32 bits.
#[test]
fn a_document_is_16_mib_long_at_most() {
    let of = |length: usize| {
        let mut text = b"{}".to_vec();
        text.resize(length, b' ');
        Document::read(text).map(drop)
    };
    assert_eq!(of(16 << 20), Ok(()));
    assert_eq!(of((16 << 20) + 1), Err(Flaw::TooLong));
}
