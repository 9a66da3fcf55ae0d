//! Headers against the body. Input: a digit that chooses one of the fixed bodies, then header lines.
//!
//! An accepted request is plain JSON, has no `Mcp-*` header twice, and says in them (decoded as loosely as
//! anybody would) what its body says; where that is a request of 2026-07-28, they are all there.
#![no_main]

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::Method;
use libfuzzer_sys::fuzz_target;
use portcullis_core::operation::{Era, Limits, Operation};
use portcullis_fuzz::{first_line, headers, only};
use serde_json::{Value, json};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// Whether it names 2026-07-28, its id, its method, the member that is mirrored, and its value.
type Body = (bool, Option<u8>, &'static str, Option<(&'static str, &'static str)>);

const BODIES: [Body; 8] = [
    (true, Some(1), "tools/call", Some(("name", "add"))),
    (true, Some(1), "tools/call", Some(("name", "w\u{e9}ather"))),
    (true, Some(1), "prompts/get", Some(("name", "=?base64?YWRk?="))),
    (true, Some(1), "tools/list", None),
    (true, None, "notifications/cancelled", None),
    (false, Some(1), "resources/read", Some(("uri", "file:///a b"))),
    (false, Some(1), "tasks/get", Some(("taskId", "add"))),
    // Sent as a batch.
    (false, None, "", None),
];

fuzz_target!(|input: &[u8]| {
    let (choice, lines) = first_line(input);
    let choice = usize::from(choice.first().copied().unwrap_or_default()) % BODIES.len();
    let (modern, id, body_method, body_name) = BODIES[choice];
    let (headers, body) = (headers(lines), text(choice).to_string().into());
    let read = Operation::read(&Method::POST, &headers, body, Limits::default());
    let Ok(operation) = read else { return };
    for name in headers.keys().filter(|name| name.as_str().starts_with("mcp-")) {
        only(&headers, name.as_str());
    }
    let media = only(&headers, "content-type").unwrap().to_ascii_lowercase();
    assert!(media.trim_ascii().starts_with(b"application/json") && !media.contains(&b','));
    assert!(only(&headers, "content-encoding").is_none_or(|e| e.eq_ignore_ascii_case(b"identity")));
    let version = only(&headers, "mcp-protocol-version");
    let (method, name) = (only(&headers, "mcp-method"), only(&headers, "mcp-name"));
    let read = operation.revision().map(|revision| revision.as_str().as_bytes());
    assert!(version.is_none() || version == read);
    assert!(method.is_none_or(|method| method == body_method.as_bytes()));
    assert_eq!(name.map(decoded), name.and(body_name).map(|(_, name)| name.as_bytes().to_vec()));
    assert!(!operation.is_batch() || matches!(version, None | Some(b"2025-03-26")));
    if id.is_some() {
        assert_eq!(operation.era() == Era::Modern, modern);
        let all = [version, method, name.or(body_name.is_none().then_some(b""))];
        assert!(!modern || all.iter().all(Option::is_some));
    }
});

fn text(choice: usize) -> Value {
    let (modern, id, method, name) = BODIES[choice];
    if method.is_empty() {
        return json!([text(choice - 1), text(choice - 2)]);
    }
    let meta = modern.then(|| ("_meta", json!({ VERSION: "2026-07-28" })));
    let name = name.map(|(member, name)| (member, name.into()));
    let params: Value = name.into_iter().chain(meta).collect();
    let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    message.as_object_mut().unwrap().retain(|_, member| !member.is_null());
    message
}

fn decoded(value: &[u8]) -> Vec<u8> {
    let lax = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let lax = lax.with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let encoded = value.strip_prefix(b"=?base64?").and_then(|rest| rest.strip_suffix(b"?="));
    let decode = |text| GeneralPurpose::new(&STANDARD, lax).decode(text).unwrap();
    encoded.map_or(value.to_vec(), decode)
}
