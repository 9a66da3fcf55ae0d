//! Reading a body that is going to be judged: whole, and within length, room and time.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use http_body_util::BodyExt as _;
use portcullis_core::error::Failure;
use portcullis_core::operation::Reason;

use crate::room::Place;

/// Reads the body into its place, which is to be kept as long as the bytes are.
pub(crate) async fn read<B>(
    body: B,
    headers: &HeaderMap,
    limit: usize,
    patience: Duration,
    mut place: Place,
) -> Result<(Bytes, Place), Failure>
where
    B: Body<Data = Bytes>,
{
    if body.is_end_stream() {
        return Ok((Bytes::new(), place));
    }
    // Refused before a byte of it is read, so that the client hears of it.
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced.and_then(|value| value.parse().ok()).is_some_and(|length: usize| length > limit) {
        return Err(Reason::TooLarge { limit }.into());
    }
    let read = collect(body, limit, &mut place);
    match tokio::time::timeout(patience, read).await {
        Ok(bytes) => Ok((bytes?, place)),
        Err(_) => Err(Failure::SlowBody),
    }
}

async fn collect<B>(body: B, limit: usize, place: &mut Place) -> Result<Bytes, Failure>
where
    B: Body<Data = Bytes>,
{
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::BrokenBody)?;
        // Trailers say nothing about a JSON-RPC message.
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length > limit {
            return Err(Reason::TooLarge { limit }.into());
        }
        place.grow(data.len())?;
        // Nearly every body comes in one piece, which is kept as it is.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
