//! Where Portcullis decides.
//!
//! Everything a security reviewer must trust is in this crate, and nothing else is: functions from
//! bytes and a moment to an answer. There is no runtime, socket, file, clock or random source in it, and
//! none in what it depends on. Whoever calls it does the fetching and says what time it is.
//!
//! # The way of one request
//!
//! ```text
//! headers ──► bearer::present ──► token::Unverified::of ─────► (keys, or an introspection answer)
//!                                                                            │
//!             proof::confirm ◄── VerifiedToken ◄── Unverified::verify ◄──────┘
//!                   │                              introspection::judge
//! body ──► operation::Operation::read
//!                   │
//!                   └──► decide::decide ──► Permit    the only thing to build an upstream request from
//!                                      └──► Denial ──► respond: status, challenge, body
//! ```
//!
//! A step that fails makes a [`denial::Denial`], and every denial is answered by
//! [`denial::Denial::respond`]. No step calls an earlier one.
//!
//! ```
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use http::{HeaderMap, Method};
//! use portcullis_core::bearer::{AccessToken, present};
//! use portcullis_core::decide::{Permit, decide};
//! use portcullis_core::denial::Denial;
//! use portcullis_core::error::Failure;
//! use portcullis_core::keys::KeySet;
//! use portcullis_core::operation::{Limits, Operation};
//! use portcullis_core::policy::Policy;
//! use portcullis_core::proof::{Caller, Evidence, confirm};
//! use portcullis_core::time::UnixTime;
//! use portcullis_core::token::{Expectation, Unverified};
//!
//! fn caller(
//!     headers: &HeaderMap,
//!     keys: &KeySet,
//!     expectation: &Arc<Expectation>,
//!     now: UnixTime,
//! ) -> Result<Caller, Failure> {
//!     let token = AccessToken::try_from(present(headers, None))?;
//!     let unverified = Unverified::of(&token)?;
//!     let expectation = unverified.expected_by([expectation]).ok_or(Failure::UnknownIssuer)?;
//!     let verified = unverified.verify(keys, expectation, now)?;
//!     Ok(confirm(Arc::new(verified), &token, Evidence::None)?)
//! }
//!
//! fn judge(
//!     headers: &HeaderMap,
//!     body: Bytes,
//!     keys: &KeySet,
//!     expectation: &Arc<Expectation>,
//!     policy: &Policy,
//!     now: UnixTime,
//! ) -> Result<Permit, Denial> {
//!     let caller = caller(headers, keys, expectation, now)
//!         .map_err(|failure| Denial::before_reading(failure, headers))?;
//!     let operation = Operation::read(&Method::POST, headers, body, Limits::default())?;
//!     decide(policy, caller, operation, now)
//! }
//! ```
//!
//! # Where to look
//!
//! | question | module |
//! | --- | --- |
//! | who is asking | [`bearer`], [`jws`], [`keys`], [`token`], [`introspection`], [`proof`] |
//! | what is asked | [`operation`] |
//! | may it be | [`policy`], [`decide`] |
//! | how is it answered | [`denial`], [`error`], [`challenge`], [`metadata`] |
//! | text that keeps its bytes | [`id`], [`scope`], [`secret`], [`time`], [`json`], [`header`] |

pub mod bearer;
pub mod challenge;
pub mod decide;
pub mod denial;
pub mod error;
mod fold;
pub mod header;
pub mod id;
pub mod introspection;
pub mod json;
pub mod jws;
pub mod keys;
pub mod metadata;
pub mod operation;
pub mod policy;
pub mod proof;
pub mod scope;
pub mod secret;
pub mod time;
pub mod token;
