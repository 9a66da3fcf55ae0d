//! Requests that two readers could take apart at different places.
//!
//! hyper reads them in one way and what goes upstream is written anew, so nothing here could be smuggled past
//! it. But whoever stands before the gateway may have read another way, and no client of good will needs any of
//! this. (A length that is said twice alike, or beside a chunked coding, hyper settles as RFC 9112 section 6.3
//! says, and leaves no trace of it.)

use http::header::{CONNECTION, HOST, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Response, StatusCode, Version};

use super::answer::{Answer, plain};

/// Refuses what is framed in more than one way, or is for more than one host, and closes the connection.
pub(super) fn refuse(parts: &Parts) -> Option<Response<Answer>> {
    let count = |name| parts.headers.get_all(name).iter().count();
    let (hosts, codings) = (count(HOST), count(TRANSFER_ENCODING));
    // HTTP/2 frames bodies itself, and says the host in the target.
    let is_http1 = parts.version < Version::HTTP_2;
    let needs_host = parts.version == Version::HTTP_11;
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    let complaint = if hosts > 1 || (needs_host && hosts == 0) {
        "one Host header is needed\n"
    } else if codings > 1 || !parts.headers.get(TRANSFER_ENCODING).is_none_or(is_chunked) {
        "the body is in a transfer coding other than chunked\n"
    } else {
        return None;
    };
    let mut response = plain(StatusCode::BAD_REQUEST, complaint);
    if is_http1 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Some(response)
}
