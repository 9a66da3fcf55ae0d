//! An issuer whose tokens a server takes, and how it is asked.

use std::fmt;
use std::sync::Arc;

use portcullis_core::bearer::AccessToken;
use portcullis_core::error::Failure;
use portcullis_core::introspection;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Refusal, Unverified, VerifiedToken, looks_like_jwt};

use crate::clock::Clock;
use crate::introspection::{Inquiry, When};
use crate::keys::Keys;
use crate::stranger::Behalf;

/// A token that cannot be read here is shown to its issuer up to this length: strangers make them up, and each
/// is sent on. Those that issuers make are a name and a secret.
const LONGEST_OPAQUE: usize = 4 * 1024;

/// How one issuer is asked. Servers share it.
#[derive(Clone)]
pub struct Source {
    /// Its keys. Without them no token of it can be read here, and all are asked about.
    pub keys: Option<Arc<dyn Keys>>,
    /// Who knows about its tokens, and about which it is asked.
    pub introspection: Option<(When, Inquiry)>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("keys", &self.keys.is_some())
            .field("introspection", &self.introspection.as_ref().map(|(when, _)| when))
            .finish()
    }
}

/// An issuer whose tokens one server takes.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// What must hold for them.
    pub expectation: Arc<Expectation>,
    /// How the issuer is asked.
    pub source: Source,
}

/// The issuers that one server trusts.
#[derive(Debug)]
pub(crate) struct TrustedIssuers {
    issuers: Vec<Trusted>,
    /// Which of them is asked about tokens that cannot be read here.
    opaque: Option<usize>,
}

/// What is wrong with a list of issuers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadTrust {
    /// Nobody could ever call this server.
    #[error("no issuer is trusted: nobody could sign in")]
    Nobody,
    /// The same issuer twice.
    #[error("the issuer {0} is listed twice")]
    Twice(String),
    /// A token that cannot be read would have to be shown to each of them.
    #[error(
        "{0} and {1} both take opaque tokens: only one may, since a token is shown to its own issuer only"
    )]
    TwoOpaque(String, String),
    /// It can neither be verified nor asked.
    #[error("the issuer {0} has neither keys nor introspection")]
    Silent(String),
    /// It expects tokens for another server.
    #[error("the issuer {0} is expected to issue tokens for another resource")]
    OtherResource(String),
}

/// The outcome of looking at a token, and what it rests on.
#[derive(Clone)]
pub(crate) struct Judged {
    pub(crate) token: Arc<VerifiedToken>,
    /// Which of the issuers it is of.
    pub(crate) issuer: usize,
    pub(crate) basis: Basis,
    /// When the issuer has to be asked again, where it was asked beside the signature.
    pub(crate) ask_again: Option<UnixTime>,
}

/// What a token was verified by.
#[derive(Clone, Copy)]
pub(crate) enum Basis {
    /// Keys of this generation.
    Keys(u64),
    /// The issuer's word.
    Word,
}

impl TrustedIssuers {
    pub(crate) fn new(issuers: Vec<Trusted>) -> Result<Self, BadTrust> {
        if issuers.is_empty() {
            return Err(BadTrust::Nobody);
        }
        let name = |trusted: &Trusted| trusted.expectation.issuer().to_string();
        let mut opaque = None;
        for (place, trusted) in issuers.iter().enumerate() {
            let earlier = issuers.iter().take(place);
            if earlier.into_iter().any(|other| name(other) == name(trusted)) {
                return Err(BadTrust::Twice(name(trusted)));
            }
            if trusted.source.keys.is_none() && trusted.source.introspection.is_none() {
                return Err(BadTrust::Silent(name(trusted)));
            }
            if trusted.source.introspection.is_some()
                && let Some(other) = opaque.replace(place)
            {
                let other = issuers.get(other).map(name).unwrap_or_default();
                return Err(BadTrust::TwoOpaque(other, name(trusted)));
            }
        }
        Ok(TrustedIssuers { issuers, opaque })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Trusted> {
        self.issuers.iter()
    }

    /// Judges a token that was not seen before.
    ///
    /// A token with the looks of a JWT is one of the issuer it names, and what is found there is final: it
    /// gets no second chance by introspection. Any other is shown to the one issuer that takes such tokens.
    pub(crate) async fn judge(
        &self,
        token: &AccessToken<'_>,
        behalf: Option<Behalf>,
        clock: &dyn Clock,
    ) -> Result<Judged, Failure> {
        let is_opaque = !looks_like_jwt(token.text());
        if is_opaque || self.reads_nothing() {
            let place = self.opaque.ok_or(Failure::UnknownIssuer)?;
            if is_opaque && token.text().len() > LONGEST_OPAQUE {
                return Err(Refusal::TooLongToAsk(LONGEST_OPAQUE).into());
            }
            return self.introspect(place, token, behalf, clock).await;
        }
        let unverified = Unverified::of(token)?;
        let issuer = unverified.issuer();
        let is_named = |trusted: &Trusted| trusted.expectation.issuer().as_str() == issuer;
        let place = self.issuers.iter().position(is_named).ok_or(Failure::UnknownIssuer)?;
        let trusted = self.issuers.get(place).ok_or(Failure::UnknownIssuer)?;
        let Some(keys) = &trusted.source.keys else {
            return self.introspect(place, token, behalf, clock).await;
        };
        let found = keys.find(unverified.kid(), unverified.algorithm()).await?;
        let verified = unverified.verify(&found.keys, &trusted.expectation, clock.now())?;
        let ask_again = match &trusted.source.introspection {
            Some((When::Always, inquiry)) => {
                inquiry.ask(token, behalf).await?;
                Some(clock.now().plus(trusted.expectation.longest_word()))
            }
            _ => None,
        };
        let (token, basis) = (Arc::new(verified), Basis::Keys(found.generation));
        Ok(Judged { token, issuer: place, basis, ask_again })
    }

    /// Whether all tokens are asked about: of a single issuer without keys, JWTs are none of our business.
    fn reads_nothing(&self) -> bool {
        matches!(&*self.issuers, [only] if only.source.keys.is_none())
    }

    async fn introspect(
        &self,
        place: usize,
        token: &AccessToken<'_>,
        behalf: Option<Behalf>,
        clock: &dyn Clock,
    ) -> Result<Judged, Failure> {
        let trusted = self.issuers.get(place).ok_or(Failure::UnknownIssuer)?;
        let (_, inquiry) = trusted.source.introspection.as_ref().ok_or(Failure::UnknownIssuer)?;
        let answer = inquiry.ask(token, behalf).await?;
        // By when it came: an answer that took longer than it is good for would be good for nothing.
        let now = clock.now();
        let verified = introspection::judge(&answer, token.hash(), &trusted.expectation, now)?;
        // The answer is good as long as it says itself.
        let token = Arc::new(verified);
        Ok(Judged { token, issuer: place, basis: Basis::Word, ask_again: None })
    }

    /// The issuer of a token.
    fn issuer_of(&self, token: &VerifiedToken) -> Option<&Trusted> {
        self.issuers.iter().find(|trusted| trusted.expectation.issuer() == token.issuer())
    }

    /// Whose keys a token was verified by.
    pub(crate) fn keys_of(&self, token: &VerifiedToken) -> Option<&Arc<dyn Keys>> {
        self.issuer_of(token)?.source.keys.as_ref()
    }

    /// Whether a token that was verified by those keys, of that generation, would be now, as far as it can be
    /// told without its text. What ends a kept token otherwise is in [`SeenTokens::find`](crate::seen::SeenTokens::find).
    pub(crate) fn would_accept(
        &self,
        token: &VerifiedToken,
        by: &Arc<dyn Keys>,
        generation: u64,
    ) -> bool {
        let Some(Trusted { expectation, source }) = self.issuer_of(token) else { return false };
        // After a reload there may be others, which count their generations anew.
        let is_by = |keys: &&Arc<dyn Keys>| Arc::ptr_eq(keys, by);
        let keys = source.keys.as_ref().filter(is_by).and_then(|keys| keys.generation());
        keys == Some(generation)
            && token.satisfied(expectation)
            && !matches!(source.introspection, Some((When::Always, _)))
    }

    /// Which keys an issuer has now.
    pub(crate) fn generation(&self, issuer: usize) -> Option<u64> {
        self.issuers.get(issuer)?.source.keys.as_ref()?.generation()
    }
}
