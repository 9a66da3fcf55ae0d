//! A protected server as its callers see it: through axum's router, as it stands in an application.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, reason = "tests")]

mod answers;
mod bodies;
mod callers;
mod credentials;
mod documents;
mod house;
mod kept;
mod opaque;
mod pages;
mod possession;
mod rules;
mod socket;
mod streams;
