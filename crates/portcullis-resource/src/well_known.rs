//! The document by which clients find out where to sign in (RFC 9728 section 3), as it is served.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::origin;

/// How long others keep it.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The answer to a request for the document. It is for everybody to read, pages in browsers included.
pub fn answer(method: &Method, document: Bytes) -> Response<Bytes> {
    let mut response = Response::default();
    let headers = response.headers_mut();
    origin::publish(headers);
    match *method {
        Method::GET | Method::HEAD => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CACHE_CONTROL, KEPT);
            *response.body_mut() = document;
        }
        Method::OPTIONS => *response.status_mut() = StatusCode::NO_CONTENT,
        _ => {
            let kind = HeaderValue::from_static("text/plain; charset=utf-8");
            headers.insert(CONTENT_TYPE, kind);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            *response.body_mut() = Bytes::from_static(b"GET only\n");
        }
    }
    response
}
