//! Tokens that were verified before, by the hash of their text.
//!
//! An entry is no shortcut around anything but signature and claims: whoever presents the token still shows
//! its key, and is still judged by the policy at this moment. It ends with the token, when the issuer's keys
//! change, or when the issuer has to be asked again.

use std::sync::Arc;

use portcullis_core::bearer::TokenHash;
use portcullis_core::time::UnixTime;
use portcullis_core::token::VerifiedToken;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::room::Whose;
#[cfg(doc)]
use crate::trust::TrustedIssuers;
use crate::trust::{Basis, Judged};

/// Bytes of tokens that are kept, about.
const CAPACITY: u64 = 32 * 1024 * 1024;

/// What a token costs beside itself.
const OVERHEAD: u64 = 512;

/// So many tokens of usual length fit; a hint only.
const ESTIMATE: usize = 16 * 1024;

/// A token that was verified, and what that rests on.
#[derive(Clone)]
struct Seen {
    judged: Judged,
    whose: Whose,
}

#[derive(Clone)]
struct BySize;

impl Weighter<TokenHash, Seen> for BySize {
    fn weight(&self, _: &TokenHash, seen: &Seen) -> u64 {
        (seen.judged.token.size() as u64).saturating_add(OVERHEAD)
    }
}

/// The tokens of one server.
pub(crate) struct SeenTokens(Cache<TokenHash, Seen, BySize>);

impl SeenTokens {
    pub(crate) fn new() -> Self {
        SeenTokens(Cache::with_weighter(ESTIMATE, CAPACITY, BySize))
    }

    /// The token, if it still stands. `generation` tells which keys an issuer has now.
    ///
    /// Whatever else will end a kept token belongs into [`TrustedIssuers::would_accept`] as well, which is asked about
    /// streams that listen.
    pub(crate) fn find(
        &self,
        hash: &TokenHash,
        now: UnixTime,
        generation: impl FnOnce(usize) -> Option<u64>,
    ) -> Option<(Arc<VerifiedToken>, Whose)> {
        let Seen { judged, whose } = self.0.get(hash)?;
        judged.token.prefetch();
        let stands = judged.token.is_current(now)
            && judged.ask_again.is_none_or(|then| now < then)
            && match judged.basis {
                Basis::Keys(keys) => generation(judged.issuer) == Some(keys),
                Basis::Word => true,
            };
        stands.then_some((judged.token, whose))
    }

    /// Which generation of keys verified the token, where no issuer has to be asked about it again.
    pub(crate) fn generation_of(&self, hash: &TokenHash) -> Option<u64> {
        match self.0.get(hash)?.judged {
            Judged { basis: Basis::Keys(generation), ask_again: None, .. } => Some(generation),
            _ => None,
        }
    }

    /// Keeps a token, and whose bodies those are that come with it.
    pub(crate) fn keep(&self, judged: Judged, whose: Whose) {
        self.0.insert(judged.token.hash(), Seen { judged, whose });
    }
}
