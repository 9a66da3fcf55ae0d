//! What the fuzz targets share.
//!
//! A target proves something only where it knows the answer by other means than the code under test. So
//! JSON is read here by plain `serde_json`, base64 by the `base64` crate, and tokens are signed, not made.

pub mod claims;
pub mod events;
pub mod every_way;
pub mod signer;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

pub const ISSUER: &str = "https://idp.example.com";
pub const AUDIENCE: &str = "https://mcp.example.com/mcp";
/// The moment at which the tokens and proofs of the corpus were signed, as in the testkit.
pub const NOW: u64 = 1_795_132_800;

/// The first line, and what is behind it.
pub fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    (&input[..end], input.get(end + 1..).unwrap_or_default())
}

/// Lines of `name: value`. What no HTTP library would let through is left out.
pub fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
        let (name, value) = (&line[..colon], line.get(colon + 1..).unwrap_or_default());
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value.strip_prefix(b" ").unwrap_or(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// The bytes of a header that stands once.
pub fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let value = values.next();
    assert!(values.next().is_none(), "{name} stands twice");
    value
}

/// JSON as most programs read it: of a repeated member the last; null where it is none at all.
pub fn lenient(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// Header and claims of a compact token, read the same way.
pub fn lenient_parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let mut next = || lenient(&parts.next().unwrap_or_default());
    (next(), next())
}
