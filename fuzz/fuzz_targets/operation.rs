//! JSON-RPC bodies. Input: the body of a POST; the headers that 2026-07-28 asks for are made from it.
//!
//! * What is accepted goes on byte for byte, and reads the same a second time.
//! * No parser can read another method or target in it: of all members that one could take for either
//!   there is exactly one, and it says what the policy is told. A batch is what begins with a bracket.
#![no_main]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method as HttpMethod};
use libfuzzer_sys::fuzz_target;
use portcullis_core::operation::{Call, Limits, Method, Operation, Target};
use portcullis_fuzz::every_way::Json;

fuzz_target!(|input: &[u8]| {
    let body = Bytes::copy_from_slice(input);
    let json = Json::read(input);
    let headers = headers(&json);
    let read = |body| Operation::read(&HttpMethod::POST, &headers, body, Limits::default());
    let operation = match read(body.clone()) {
        Ok(operation) => operation,
        Err(refused) => return assert!((-32700..=-32020).contains(&refused.reason().code())),
    };
    assert_eq!(operation.body(), &body);
    assert_eq!(operation.calls(), read(body).unwrap().calls());
    assert_eq!(operation.is_batch(), input.trim_ascii_start().starts_with(b"["));
    let messages = match &json {
        Json::Array(messages) => messages.as_slice(),
        message => std::slice::from_ref(message),
    };
    assert_eq!(messages.len(), operation.calls().len());
    for (message, call) in messages.iter().zip(operation.calls()) {
        is_only_reading(message, call);
    }
});

fn headers(json: &Json) -> HeaderMap {
    let first = |path: &[&str]| Some(json.at(path).first()?.text()?.to_owned());
    let [name, uri, task] = ["name", "uri", "taskId"].map(|member| first(&["params", member]));
    let version = first(&["params", "_meta", "io.modelcontextprotocol/protocolVersion"]);
    let mut headers = vec![("content-type", Some("application/json".into()))];
    if version.is_some() {
        headers.push(("mcp-protocol-version", version));
        headers.extend([("mcp-method", first(&["method"])), ("mcp-name", name.or(uri).or(task))]);
    }
    let text =
        headers.into_iter().filter_map(|(name, value)| Some((name, value?.try_into().ok()?)));
    text.map(|(name, value)| (HeaderName::from_static(name), value)).collect()
}

fn is_only_reading(message: &Json, call: &Call) {
    let targets: Vec<_> = call.targets().iter().map(Target::text).collect();
    let all = |path| message.at(path).into_iter().map(Json::text).collect::<Vec<_>>();
    let only = |path, text| assert_eq!(all(path), [Some(text)], "{path:?}");
    let target = |path| only(path, targets[0]);
    if call.method() == Method::Response {
        return assert!(message.at(&["method"]).is_empty() && targets.is_empty());
    }
    only(&["method"], call.method_name());
    match call.method_name() {
        "tools/call" | "prompts/get" => target(&["params", "name"]),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            target(&["params", "uri"])
        }
        "tasks/get" | "tasks/result" | "tasks/update" | "tasks/cancel" => {
            target(&["params", "taskId"])
        }
        "completion/complete" if matches!(call.targets()[0], Target::Prompt(_)) => {
            target(&["params", "ref", "name"]);
        }
        "completion/complete" => target(&["params", "ref", "uri"]),
        "subscriptions/listen" => {
            let lists = ["resourceSubscriptions", "taskIds"].into_iter();
            let lists = lists.flat_map(|list| message.at(&["params", "notifications", list]));
            let mut asked = lists.flat_map(Json::items).map(Json::text);
            assert!(asked.all(|text| text.is_some_and(|text| targets.contains(&text))));
        }
        _ => assert!(targets.is_empty()),
    }
}
