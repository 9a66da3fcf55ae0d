//! What changes in answers on their way to a client. Input: a line, which says to which request, of which
//! media type and in pieces of which lengths, and the answer itself.
//!
//! * What the client gets does not depend on how the answer is cut into pieces.
//! * No reader finds an item in a list that the policy hides, however it takes names and repetition.
//! * Of an answer to `tools/list` nothing is gone but items of lists, nothing has come but the scope of
//!   caching, and the lines of a stream beside its data stay.
//! * No more is held back than the limits say.
#![no_main]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use libfuzzer_sys::fuzz_target;
use portcullis::rewrite::{BodyError, Exchange, Limits, Refused, Treatment};
use portcullis::seal::{SealKey, Sealer};
use portcullis_core::bearer::{AccessToken, present};
use portcullis_core::decide::decide;
use portcullis_core::json::Outline;
use portcullis_core::keys::KeySet;
use portcullis_core::operation::{self, Operation};
use portcullis_core::policy::{Listing, Policy, Rule};
use portcullis_core::proof::{Evidence, confirm};
use portcullis_core::scope::ScopeSet;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Unverified};
use portcullis_fuzz::events::Events;
use portcullis_fuzz::every_way::Json;
use portcullis_fuzz::signer::{jwks, signed_on_request};
use portcullis_fuzz::{AUDIENCE, ISSUER, NOW, first_line, lenient};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// Method, revision and body of each request.
const REQUESTS: [(Method, &str, &str); 5] = [
    (Method::POST, "2025-11-25", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#),
    (Method::POST, "2025-11-25", TASK),
    (Method::GET, "2025-11-25", ""),
    (Method::POST, "2026-07-28", MODERN),
    // Of HTTP+SSE.
    (Method::GET, "2024-11-05", ""),
];
const TASK: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_a","task":{}}}"#;
const MODERN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;

/// The places among them of the one whose answers hold nothing but lists, and the one that adds only.
const LIST: usize = 0;
const CALL: usize = 1;

/// As much is held of an event that may be news of a task, in the narrow way.
const NARROW: usize = 64;

static EXCHANGES: LazyLock<Vec<Exchange>> =
    LazyLock::new(|| REQUESTS.iter().map(exchange).collect());

fuzz_target!(init: LazyLock::force(&EXCHANGES), |input: &[u8]| {
    let (line, answer) = first_line(input);
    let (choice, lengths) = line.split_first().unwrap_or((&0, &[]));
    let (which, is_stream) = (usize::from(choice >> 1) % REQUESTS.len(), choice & 1 == 0);
    let exchange = &EXCHANGES[which];
    let whole = told(exchange, is_stream, [answer].into());
    assert_eq!(told(exchange, is_stream, pieces(answer, lengths)), whole);
    assert_eq!(told(exchange, is_stream, answer.chunks(1).collect()), whole);
    narrowly(which, answer, lengths);
    let Ok(told) = whole else { return };
    let texts = |bytes: &[u8]| {
        if is_stream { Events::read(bytes) } else { Events { data: vec![bytes.into()], ..Events::default() } }
    };
    let (before, after) = (texts(answer), texts(&told));
    if which != CALL {
        after.data.iter().for_each(|text| shows_nothing_hidden(which, text));
    }
    assert_eq!(before.data.len(), after.data.len());
    assert_eq!(before.others, after.others);
    if which == LIST {
        before.data.iter().zip(&after.data).for_each(|(before, after)| stays(before, after));
    }
});

fn exchange((method, revision, body): &(Method, &str, &'static str)) -> Exchange {
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": "inspector", "jti": "1",
        "iat": NOW - 60, "exp": NOW + 3540,
    });
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt" });
    let token = signed_on_request(format!("{header}\n{claims}").as_bytes()).unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", format!("Bearer {token}")),
        ("content-type", "application/json".to_owned()),
        ("mcp-protocol-version", (*revision).to_owned()),
        ("mcp-method", "tools/list".to_owned()),
    ] {
        if name != "mcp-method" || *body == MODERN {
            headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
    }
    let now = UnixTime::from_secs(NOW);
    let presented = AccessToken::try_from(present(&headers, None)).unwrap();
    let keys = KeySet::parse(ISSUER.parse().unwrap(), &jwks()).unwrap();
    let expected = Arc::new(Expectation::new(ISSUER.parse().unwrap(), AUDIENCE.parse().unwrap()));
    let verified = Unverified::of(&presented).unwrap().verify(&keys, &expected, now).unwrap();
    let caller = confirm(Arc::new(verified), &presented, Evidence::None).unwrap();
    let seen = Rule::allow(["tools/call read_*", "prompts/get read_*", "resources/read read_*"]);
    // So that lists differ by caller.
    let more =
        Rule::allow(["tools/call *"]).unwrap().scopes(ScopeSet::parse("files:delete").unwrap());
    let policy = Policy::rules(AUDIENCE.parse().unwrap(), [seen.unwrap(), more]);
    let policy = policy.listing(Listing::Allowed).build().unwrap();
    let body = Bytes::from_static(body.as_bytes());
    let read = Operation::read(method, &headers, body, operation::Limits::default()).unwrap();
    let permit = Arc::new(decide(&policy, caller, read, now).unwrap());
    let key = SealKey::new(Zeroizing::new([1; SealKey::LEN]));
    let sealer = Arc::new(Sealer::new(&key, []).unwrap());
    let exchange = Exchange::new("files".into(), Arc::new(policy), sealer, permit);
    if *revision == "2024-11-05" { exchange.with_message_path("/mcp".into()) } else { exchange }
}

fn pieces<'a>(mut answer: &'a [u8], lengths: &[u8]) -> VecDeque<&'a [u8]> {
    let mut pieces = VecDeque::new();
    for length in lengths {
        let (piece, rest) = answer.split_at(answer.len().min(usize::from(*length)));
        pieces.push_back(piece);
        answer = rest;
    }
    pieces.push_back(answer);
    pieces
}

fn treatment(exchange: &Exchange, is_stream: bool) -> Treatment {
    let media = if is_stream { "text/event-stream" } else { "application/json" };
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(media));
    exchange.response(StatusCode::OK, &mut headers).unwrap()
}

/// What the client gets of an answer in these pieces.
fn told(exchange: &Exchange, is_stream: bool, pieces: VecDeque<&[u8]>) -> Result<Vec<u8>, Refused> {
    let frames = Frames(pieces.into_iter().map(Bytes::copy_from_slice).collect());
    let treated = at_once(treatment(exchange, is_stream).apply(frames));
    match treated.and_then(|body| Ok(at_once(body.collect())?.to_bytes())) {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(BodyError::Refused(refused)) => Err(refused),
        Err(upstream) => panic!("{upstream}"),
    }
}

/// The same under narrow limits, as far as it gets: nothing hidden is shown, and where what comes out is no
/// shorter than what went in, no more than the limit is missing of it.
fn narrowly(which: usize, answer: &[u8], lengths: &[u8]) {
    let limits = Limits { whole: 4 * NARROW, held: NARROW };
    let exchange = EXCHANGES[which].clone().with_limits(limits);
    let Treatment::Events(mut rewriter) = treatment(&exchange, true) else { return };
    let (mut taken, mut out) = (0, Vec::new());
    for piece in pieces(answer, lengths) {
        taken += piece.len();
        let pushed = rewriter.push(&Bytes::copy_from_slice(piece), |bytes| out.extend(bytes));
        if pushed.is_err() {
            break;
        }
        assert!(which != CALL || taken <= out.len() + NARROW);
    }
    if which != CALL {
        Events::read(&out).data.iter().for_each(|text| shows_nothing_hidden(which, text));
    }
}

/// Whether no reader finds an item in a list of tools, prompts or resources that is not to be seen. A stream that
/// may say anything may also say what is no strict JSON, and then names are looked for as they are.
fn shows_nothing_hidden(which: usize, text: &[u8]) {
    let is_replay = REQUESTS[which].0 == Method::GET;
    let hidden = |name: &str| !name.starts_with("read_");
    let is_strict = Outline::read(text).is_ok();
    // What is no UTF-8 is replaced by clients that read events.
    let text = String::from_utf8_lossy(text);
    let text = text.as_bytes();
    if is_replay && !is_strict {
        let json = lenient(text);
        let items = json["result"]["tools"].as_array().into_iter().flatten();
        assert!(!items.filter_map(|item| item["name"].as_str()).any(hidden));
        return;
    }
    let lists = [
        ("tools", "name"),
        ("prompts", "name"),
        ("resources", "uri"),
        ("resourceTemplates", "uriTemplate"),
    ];
    let json = Json::read(text);
    for message in json.items() {
        for (list, member) in lists {
            for item in message.at(&["result", list]).into_iter().flat_map(Json::items) {
                let mut names = item.at(&[member]).into_iter().filter_map(Json::text);
                assert!(!names.any(hidden), "{list} shows what is hidden");
            }
        }
    }
}

/// Whether only what is hidden is gone from the text, and only a scope has come.
fn stays(before: &[u8], after: &[u8]) {
    if before == after {
        return;
    }
    let mut expected = lenient(before);
    let messages = match &mut expected {
        Value::Array(messages) => &mut messages[..],
        single => std::slice::from_mut(single),
    };
    for result in messages.iter_mut().filter_map(|message| message.get_mut("result")) {
        for (list, member) in [
            ("tools", "name"),
            ("prompts", "name"),
            ("resources", "uri"),
            ("resourceTemplates", "uriTemplate"),
        ] {
            if let Some(items) = result.get_mut(list).and_then(Value::as_array_mut) {
                // Which of those that begin so are shown is the policy's.
                let told = lenient(after);
                items.retain(|item| {
                    item[member].as_str().is_some_and(|name| name.starts_with("read_"))
                        && told.to_string().contains(&item[member].to_string())
                });
            }
        }
        if let Some(tasks) = result.get_mut("tasks").and_then(Value::as_array_mut) {
            let told = lenient(after).to_string();
            tasks.retain(|task| told.contains(&task.to_string()));
        }
        if result.get("cacheScope").is_some() || result.get("ttlMs").is_some() {
            result["cacheScope"] = "private".into();
        }
    }
    assert_eq!(lenient(after), expected);
    // In their order, and byte by byte.
    if !has(after, b"private") {
        let mut rest = before.iter();
        assert!(after.iter().all(|byte| rest.any(|other| other == byte)), "something has come");
    }
}

fn has(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|here| here == word)
}

/// A body whose frames are all there.
struct Frames(VecDeque<Bytes>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|frame| Ok(Frame::data(frame))))
    }
}

/// What a future comes to that waits for nothing.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
