//! All of it in streams, chopped anywhere.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use portcullis::rewrite::{ENDPOINT, EventRewriter, Limits, NotOpened, Refused, Treatment};
use portcullis::seal::Kind;
use portcullis_core::json::Flaw;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use crate::{Asked, EVENTS, alice, bob, request, result, rules, sealed, signed_in};

fn list() -> Asked {
    Asked::new(rules(), request("tools/list", &json!({})))
}

fn page(names: &[&str]) -> String {
    let tools: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
    result(&json!({ "tools": tools })).to_string()
}

fn rewriter(asked: &Asked, limits: Limits) -> EventRewriter {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(EVENTS));
    match asked.exchange().with_limits(limits).response(StatusCode::OK, &mut headers) {
        Ok(Treatment::Events(rewriter)) => rewriter,
        other => panic!("{other:?}"),
    }
}

/// What goes on at once when this piece comes.
fn pushed(rewriter: &mut EventRewriter, piece: &str) -> Result<String, Refused> {
    let mut out = Vec::new();
    rewriter
        .push(&Bytes::copy_from_slice(piece.as_bytes()), |bytes| out.extend_from_slice(&bytes))?;
    Ok(String::from_utf8(out).unwrap())
}

/// What the client gets of the stream, whole and chopped at every place.
fn told(asked: &Asked, stream: &str) -> Result<String, Refused> {
    let whole = asked.answered(EVENTS, [stream.to_owned()]);
    for at in 0..=stream.len() {
        let (before, behind) = stream.as_bytes().split_at(at);
        let told = asked.answered(EVENTS, [before.to_vec(), behind.to_vec()]);
        assert_eq!(told, whole, "chopped at {at}");
    }
    let letters = stream.bytes().map(|byte| vec![byte]);
    assert_eq!(asked.answered(EVENTS, letters), whole, "letter by letter");
    whole
}

/// Else its events would pass as a text that is no list.
#[test]
fn a_stream_is_one_whatever_the_parameters_of_its_media_type_are() {
    let stream = |names: &[&str]| format!("event: message\ndata: {}\n\n", page(names));
    let (whole, filtered) = (stream(&["delete", "read_a"]), stream(&["read_a"]));
    for (media, told) in [
        (&b"text/event-stream"[..], &filtered),
        (b"Text/Event-Stream ;charset=utf-8", &filtered),
        (b"text/event-stream; name=\xe9", &filtered),
        // Which nobody takes for a stream.
        (b"text/plain; name=\xe9", &whole),
    ] {
        let name = String::from_utf8_lossy(media);
        assert_eq!(list().answered(media, [whole.clone()]).as_ref(), Ok(told), "{name}");
    }
}

#[test]
fn a_list_in_a_stream_is_filtered_however_lines_end() {
    let (before, after) = (page(&["x", "read_a", "y"]), page(&["read_a"]));
    for end in ["\n", "\r", "\r\n"] {
        let stream = |list: &str| {
            [
                ": hello",
                "",
                "event: message",
                "id: 7",
                &format!("data: {list}"),
                "retry: 1",
                "",
                "data:{\"method\":\"notifications/message\"}",
                "",
                "",
            ]
            .join(end)
        };
        assert_eq!(told(&list(), &stream(&before)).unwrap(), stream(&after), "{end:?}");
    }
}

#[test]
fn a_list_on_several_lines_is_one_list() {
    let stream = "id: 1\r\ndata: {\"result\":\r\ndata: {\"tools\":[{\"name\":\"x\"},\r\nevent: message\r\n\
                  data:{\"name\":\"read_a\"}\r\ndata\r\ndata:]}}\r\n\r\nid: 2\r\n\r\n";
    let expected = "id: 1\r\nevent: message\r\ndata: {\"result\":\r\n\
                    data: {\"tools\":[{\"name\":\"read_a\"}\r\ndata: \r\ndata: ]}}\r\n\r\nid: 2\r\n\r\n";
    // What stands before its first line of data has passed when the rest comes, or it stands there still.
    assert_eq!(told(&list(), stream).unwrap(), expected);
    let nothing_hidden = stream.replace("\"x\"", "\"read_x\"");
    assert_eq!(told(&list(), &nothing_hidden).unwrap(), nothing_hidden);
}

/// Line ends of several kinds: none of them melts into its neighbour.
#[test]
fn an_event_ends_where_it_ended() {
    for (first, second, blank) in [("\r", "\n", "\n"), ("\r", "\r", "\r"), ("\r", "\n", "\r\n")] {
        let (asked, list) = (list(), "{\"result\":{\"tools\":[{\"name\":\"x\"}]}}");
        let stream = format!("data: {list}{first}data:{second}{blank}data: next\n\n");
        let expected = "data: {\"result\":{\"tools\":[]}}\ndata: \n";
        assert_eq!(told(&asked, &stream).unwrap(), format!("{expected}{blank}data: next\n\n"));
    }
}

/// What upstream did not finish is the last thing still, and no part of the data.
#[test]
fn a_list_before_a_line_that_is_cut_off_keeps_its_lines() {
    let stream = "data: {\"result\":\ndata: {\"tools\":[{\"name\":\"x\"}]}}\nid: 1";
    let expected = "data: {\"result\":\ndata: {\"tools\":[]}}\nid: 1";
    assert_eq!(told(&list(), stream).unwrap(), expected);
    let whole = format!("{stream}\n\n");
    let expected = "id: 1\ndata: {\"result\":\ndata: {\"tools\":[]}}\n\n";
    assert_eq!(told(&list(), &whole).unwrap(), expected);
}

#[test]
fn lists_on_a_stream_of_old_answers_are_known_by_their_shape() {
    let asked = Asked::stream(rules());
    let stream = format!("id: 1\ndata: {}\n\ndata: {}\n\n", page(&["x"]), page(&["read_a", "x"]));
    let expected = format!("id: 1\ndata: {}\n\ndata: {}\n\n", page(&[]), page(&["read_a"]));
    assert_eq!(told(&asked, &stream).unwrap(), expected);
    for (list, member) in
        [("prompts", "name"), ("resources", "uri"), ("resourceTemplates", "uriTemplate")]
    {
        let answer = |items| result(&json!({ list: items })).to_string();
        let stream = format!("data: {}\n\n", answer(json!([{ member: "x" }])));
        assert_eq!(told(&asked, &stream).unwrap(), format!("data: {}\n\n", answer(json!([]))));
    }
    let escaped = "data: {\"r\\u0065sult\":{\"t\\u006fols\":[{\"name\":\"x\"}]}}\n\n";
    assert_eq!(told(&asked, escaped).unwrap(), "data: {\"r\\u0065sult\":{\"t\\u006fols\":[]}}\n\n");
}

#[test]
fn what_is_no_list_may_be_anything_on_such_a_stream() {
    for stream in [
        "event: endpoint\ndata: /messages?sessionId=tools&result=1\n\n",
        "data: {\"result\":{\"content\":\"\\ud800\"}}\n\n",
        "data: {\"result\":{\"tools\":7}}\n\n",
        "data: {\"result\":[\"tools\"]}\n\n",
        "data: {\"method\":\"x\",\"params\":{\"tools\":[{}],\"tools\":1}}\n\n",
        "data: {\"method\":\"sampling/createMessage\",\"id\":1,\"params\":{\"tools\":[{\"name\":\"x\"}]}}\n\n",
        ":\n\n\n\n",
        "data\n\ndata:\n\n",
        "\u{feff}data: x\n\n",
    ] {
        // Lists of both kinds, of one, of the other.
        let of =
            [Asked::stream(rules()), Asked::stream(rules()).alone(), Asked::stream(signed_in())];
        for asked in of {
            assert_eq!(told(&asked, stream).unwrap(), stream);
        }
    }
    for (stream, refused) in [
        ("data: {\"result\":{\"tools\":[{}]}}\n\n", Refused::Shape("name")),
        (
            "data: {\"result\":{\"tools\":[],\"tools\":[]}}\n\n",
            Refused::Json(Flaw::DuplicateMember),
        ),
        ("data: {\"result\":{\"tools\":[]\n\n", Refused::Json(Flaw::Syntax)),
        ("\u{feff}data: {\"result\":{\"tools\":[{}]}}\n\n", Refused::Shape("name")),
        ("data: {\"result\":\ndata: {\"tools\":[{}]}}\n\n", Refused::Shape("name")),
        // Some clients take what they have when a stream ends.
        ("data: {\"result\":{\"tools\":[{}]}}", Refused::Shape("name")),
    ] {
        assert_eq!(told(&Asked::stream(rules()), stream), Err(refused), "{stream}");
    }
}

/// Some clients read names as they come, and others in every case, without separators or with letters that fold
/// to those of ASCII: what one of them takes for a list is refused in a stream as it is in a body.
#[test]
fn a_list_under_a_name_that_is_nearly_the_right_one_is_refused_in_a_stream() {
    let event = |name: &str| format!("data: {{\"{name}\":{{\"tools\":[{{\"name\":\"x\"}}]}}}}\n\n");
    let filtered = "data: {\"result\":{\"tools\":[]}}\n\n";
    for asked in [list(), Asked::stream(rules())] {
        assert_eq!(told(&asked, &event("result")).unwrap(), filtered);
        for name in ["re\u{17f}ult", "re_sult", "re\\nsult", "re\\u017fult", "re\\u0073ult\\u0000"]
        {
            let refused = asked.answered(EVENTS, [event(name)]);
            assert!(matches!(refused, Err(Refused::LookAlike(_))), "{name}: {refused:?}");
        }
    }
    // Clients put U+FFFD in the place of what is no UTF-8, and some drop that from names.
    let mut bytes = event("resu!lt").into_bytes();
    let place = bytes.iter().position(|byte| *byte == b'!').unwrap();
    bytes[place] = 0xbc;
    assert!(matches!(list().answered(EVENTS, [bytes]), Err(Refused::Json(_))));
}

#[test]
fn tasks_in_a_stream_are_sealed() {
    let event = |id: &str| {
        format!(
            "data: {}\n\n",
            json!({ "method": "notifications/tasks/status", "params": { "taskId": id } })
        )
    };
    let asked = Asked::stream(rules());
    let expected = event(&sealed(Kind::Task, "t-1", &alice()));
    assert_eq!(told(&asked, &event("t-1")).unwrap(), expected);
}

// req: RS-13
#[test]
fn a_session_of_http_sse_is_in_the_path_and_its_owners_alone() {
    let asked = |claims| Asked {
        message_path: Some("/files/mcp"),
        ..Asked::stream(rules()).in_revision(None).by(claims)
    };
    for (theirs, path) in [
        ("/messages/?session_id=7", "/messages/?session_id=7"),
        ("http://localhost:3000/m?sessionId=7", "/m?sessionId=7"),
        ("HTTPS://x/m", "/m"),
    ] {
        let told =
            told(&asked(alice()), &format!("event: endpoint\r\ndata: {theirs}\r\n\r\n:\r\n"));
        let told = told.unwrap();
        let head = format!("event: endpoint\r\ndata: /files/mcp?{ENDPOINT}=");
        let sealed = told.strip_prefix(&head).unwrap().strip_suffix("\r\n\r\n:\r\n").unwrap();
        assert_eq!(asked(alice()).exchange().endpoint(sealed).as_deref(), Ok(path));
        assert_eq!(asked(bob()).exchange().endpoint(sealed), Err(NotOpened::Session));
    }
    for theirs in
        ["", "messages", "//x/m", "ftp://x/m", "http://x", "http://x?/m", "/m#a", "/a b", "\u{e9}"]
    {
        let event = format!("data: {theirs}\nevent:endpoint\n\n");
        assert_eq!(told(&asked(alice()), &event), Err(Refused::Endpoint), "{theirs:?}");
    }
    for other in ["data: /m\n\n", "event: message\ndata: /m\n\n", "event: endpoint\n\n"] {
        assert_eq!(told(&asked(alice()), other).unwrap(), other);
    }
    let elsewhere = "event: endpoint\ndata: /m\n\n";
    assert_eq!(told(&Asked::stream(rules()), elsewhere).unwrap(), elsewhere);
}

#[test]
fn an_event_goes_on_when_its_last_byte_is_there() {
    let mut rewriter = rewriter(&list(), Limits::default());
    for (piece, goes_on) in [
        (":\r\n", ":\r\n"),
        ("id: 1\nevent: message\nda", "id: 1\nevent: message\n"),
        ("ta: {\"method\":", ""),
        ("\"notifications/progress\"}\n", ""),
        ("\n", "data: {\"method\":\"notifications/progress\"}\n\n"),
        ("data: 1\r\n\r", "data: 1\r\n\r"),
        ("\n: ping\n", "\n: ping\n"),
        ("data: 1\n\ndata: 2\n\nid: 3\ndata", "data: 1\n\ndata: 2\n\nid: 3\n"),
        (": 3", ""),
        ("\n\n", "data: 3\n\n"),
    ] {
        assert_eq!(pushed(&mut rewriter, piece).unwrap(), goes_on, "{piece:?}");
    }
}

#[test]
fn events_that_do_not_change_are_not_copied() {
    let mut rewriter = rewriter(&list(), Limits::default());
    let chunk = Bytes::from_static(b"data: {\"result\":1}\n\ndata: {}\n\n: x\n");
    let chunk = chunk.slice(20..);
    let mut out = Vec::new();
    rewriter.push(&chunk, |bytes| out.push(bytes)).unwrap();
    assert_eq!(out.len(), 1);
    assert_eq!((out[0].as_ptr(), out[0].len()), (chunk.as_ptr(), chunk.len()));
}

#[test]
fn an_event_under_way_has_a_bound() {
    let limits = Limits { whole: 100, held: 40 };
    // Where it could be a list it is refused.
    let mut strict = rewriter(&list(), limits);
    assert_eq!(pushed(&mut strict, &format!("data: {}", "x".repeat(94))).unwrap(), "");
    assert_eq!(pushed(&mut strict, "x"), Err(Refused::TooLong(100)));
    let mut many = rewriter(&list(), limits);
    for _ in 0..10 {
        let event = format!("data: {}\n\n", "x".repeat(80));
        assert_eq!(pushed(&mut many, &event).unwrap(), event);
    }
    // Where it could at most be a task it passes, and the next one is looked at again.
    let asked =
        Asked::new(rules(), request("tools/call", &json!({ "name": "read_a", "task": {} })));
    let mut lenient = rewriter(&asked, limits);
    let (start, rest) = (format!("data: {}", "x".repeat(40)), "taskId\n");
    assert_eq!(pushed(&mut lenient, &start).unwrap(), start);
    assert_eq!(pushed(&mut lenient, rest).unwrap(), rest);
    let next = "\ndata: {\"result\":{\"taskId\":\"t\"}}\n\ndata: 1";
    let told = pushed(&mut lenient, next).unwrap();
    let sealed = sealed(Kind::Task, "t", &alice());
    assert_eq!(told, format!("\ndata: {{\"result\":{{\"taskId\":\"{sealed}\"}}}}\n\n"));
    assert_eq!(pushed(&mut lenient, "\n\n").unwrap(), "data: 1\n\n");
}

#[test]
fn events_before_a_refused_one_arrive() {
    let stream = format!(
        "data: 1\n\ndata: {}\n\ndata: {{\"result\":{{\"tools\":1}}}}\n\ndata: 2\n\n",
        page(&["x"])
    );
    let mut rewriter = rewriter(&list(), Limits::default());
    let mut out = Vec::new();
    let chunk = Bytes::from(stream);
    let refused = rewriter.push(&chunk, |bytes| out.extend_from_slice(&bytes));
    assert_eq!(refused, Err(Refused::Shape("tools")));
    assert_eq!(String::from_utf8(out).unwrap(), format!("data: 1\n\ndata: {}\n\n", page(&[])));
}

/// A line of a stream in which nothing is to change, or the end of one.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop_oneof![Just("\n"), Just("\r"), Just("\r\n")].prop_map(str::to_owned),
        1 => "data: ?",
        1 => "(id|event|retry|data|)[: ]{0,2}[a-z{}\"]{0,6}",
        1 => Just("\n\ndata: {\"result\":{\"tools\":[{\"name\":\"read_a\"}]}}\n\n".to_owned()),
        1 => Just("\n\ndata: {\"result\":{\"content\":\"taskId\"}}\n\n".to_owned()),
        1 => ".{0,8}",
    ]
}

/// What a client makes of a stream, as HTML section 9.2.6 has it: the data of its events.
fn heard(stream: &str) -> Vec<String> {
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(&stream);
    let (mut events, mut data) = (Vec::new(), None::<String>);
    for line in stream.split('\n') {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        if line.is_empty() {
            events.extend(data.take());
        } else if name == "data" {
            data = Some(data.map_or(value.to_owned(), |data| format!("{data}\n{value}")));
        }
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn a_stream_in_which_nothing_changes_is_the_same_bytes(
        pieces in vec(piece(), 0..24),
        size in 1..20_usize,
    ) {
        let stream = pieces.concat();
        for asked in [
            Asked::stream(rules()),
            Asked::new(rules(), request("tools/call", &json!({ "name": "read_a", "task": {} }))),
        ] {
            let chopped = stream.as_bytes().chunks(size).map(Bytes::copy_from_slice);
            prop_assert_eq!(asked.answered(EVENTS, chopped), Ok(stream.clone()));
        }
    }

    #[test]
    fn a_client_hears_of_a_list_what_it_may(
        names in vec("[xy]|read_[ab]", 0..5),
        gaps in vec(prop_oneof![Just("\n"), Just("\r"), Just("\r\n")], 1..4),
        others in vec("(:|id: |event: |x: )[a-z]{0,4}", 0..4),
        size in 1..30_usize,
    ) {
        // A list of one item a line, with other lines in between.
        let items: Vec<_> = names.iter().map(|name| json!({ "name": name }).to_string()).collect();
        let mut lines = vec!["data: {\"result\":{\"tools\":[".to_owned()];
        for (at, item) in items.iter().enumerate() {
            lines.push(format!("data: {item}{}", if at + 1 < items.len() { "," } else { "" }));
            lines.extend(others.get(at).cloned());
        }
        lines.extend(["data: ]}}".to_owned(), String::new(), String::new()]);
        let mut stream = String::new();
        for (at, line) in lines.iter().enumerate() {
            stream.push_str(line);
            stream.push_str(gaps[at % gaps.len()]);
        }
        let chopped = stream.as_bytes().chunks(size).map(Bytes::copy_from_slice);
        let told = list().answered(EVENTS, chopped).unwrap();
        let shown: Vec<_> = names.iter().filter(|name| name.starts_with("read_"))
            .map(|name| json!({ "name": name })).collect();
        let heard: Vec<serde_json::Value> =
            heard(&told).iter().map(|data| serde_json::from_str(data).unwrap()).collect();
        prop_assert_eq!(heard, [json!({ "result": { "tools": shown } })]);
        for other in others.iter().take(items.len()) {
            prop_assert!(told.contains(&**other));
        }
    }
}
