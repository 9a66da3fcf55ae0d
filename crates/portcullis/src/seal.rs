//! Ids of an upstream server, as its clients see them.
//!
//! A session or a task belongs to the person it was made for, and the gateway keeps no table of whose is
//! whose. Instead the client gets the id sealed: encrypted together with whom it is for, so that any
//! replica with the key can open it for that person, nobody can make one up, and one of somebody else's
//! opens no more than garbage does. What does not open is answered like an id that never was.
//!
//! Sealed is whom the token is about and not the token, so a session outlives a refresh (RS-13).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_core::operation::MAX_NAME;
use portcullis_core::token::{Speaker, SpeakerName, VerifiedToken};
use zeroize::Zeroizing;

/// The one form there is. Another one will begin with another byte.
const VERSION: u8 = 1;

/// What stands before the sealed bytes: the version, and which key it was.
const PREFIX: usize = 2;

const TAG: usize = 16;

/// The longest upstream id that can be sealed: in base64url it still is a name that is looked at.
pub const MAX_ID: usize = MAX_NAME / 4 * 3 - PREFIX - TAG;

/// Every sealed id is a name that requests may hold.
const _: () = assert!((PREFIX + MAX_ID + TAG).div_ceil(3) * 4 <= MAX_NAME);

/// A key to seal with, overwritten in memory when it is dropped.
pub struct SealKey(Zeroizing<[u8; SealKey::LEN]>);

impl SealKey {
    /// Bytes of a key.
    pub const LEN: usize = 32;

    /// Takes the key over. It must come from a random source.
    pub fn new(bytes: Zeroizing<[u8; Self::LEN]>) -> Self {
        SealKey(bytes)
    }

    /// A key for another purpose, which tells nothing of this one.
    fn derive(&self, purpose: &[u8]) -> Zeroizing<[u8; SealKey::LEN]> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*self.0), purpose);
        let mut derived = Zeroizing::new([0; SealKey::LEN]);
        derived.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        derived
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// What an id is of. One of a session opens nothing where a task is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `Mcp-Session-Id`.
    Session,
    /// A task id.
    Task,
    /// Where messages of a session of HTTP+SSE go (2024-11-05).
    Endpoint,
}

/// Who an id is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The server, by its name in the configuration.
    server: &'a str,
    /// The person or client, at its issuer.
    speaker: Speaker<'a>,
}

impl<'a> Owner<'a> {
    /// The person or client that the token is about, at this server.
    pub fn of(server: &'a str, token: &'a VerifiedToken) -> Owner<'a> {
        Owner { server, speaker: token.speaker() }
    }

    /// Whom and what for, in bytes that nobody else's are: each part behind its length.
    fn associated(&self, kind: Kind) -> Vec<u8> {
        let kind: &[u8] = match kind {
            Kind::Session => b"session",
            Kind::Task => b"task",
            Kind::Endpoint => b"endpoint",
        };
        let (tag, name): (&[u8], _) = match self.speaker.name() {
            SpeakerName::Subject(subject) => (b"subject", subject),
            SpeakerName::Client(client) => (b"client", client),
        };
        let mut associated = vec![VERSION];
        for part in [
            kind,
            self.server.as_bytes(),
            self.speaker.issuer().as_str().as_bytes(),
            tag,
            name.as_bytes(),
        ] {
            associated.extend_from_slice(&(part.len() as u64).to_be_bytes());
            associated.extend_from_slice(part);
        }
        associated
    }
}

/// Why an id was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Longer than [`MAX_ID`].
    #[error("an upstream id of {0} bytes is longer than {MAX_ID}")]
    TooLong(usize),
    /// The cipher failed, which it does for no id of an allowed length.
    #[error("the cipher failed")]
    Cipher,
}

/// Seals ids and opens them again.
pub struct Sealer {
    current: Key,
    former: Vec<Key>,
    nonces: Zeroizing<[u8; SealKey::LEN]>,
}

struct Key {
    /// The first byte of a digest of the key, to find it again. Two keys may share it.
    mark: u8,
    cipher: LessSafeKey,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let former = self.former.len();
        f.debug_struct("Sealer").field("former", &former).finish_non_exhaustive()
    }
}

impl Sealer {
    /// Seals with the current key, and opens also what former ones sealed.
    pub fn new(
        current: &SealKey,
        former: impl IntoIterator<Item = SealKey>,
    ) -> Result<Sealer, SealError> {
        let former = former.into_iter().map(|key| Key::of(&key)).collect::<Result<_, _>>()?;
        Ok(Sealer { current: Key::of(current)?, former, nonces: current.derive(b"dpop nonces") })
    }

    /// What nonces of DPoP are made with: another key, which follows from the current one.
    pub fn nonce_key(&self) -> &[u8; SealKey::LEN] {
        &self.nonces
    }

    /// The id as its owner may see it: visible ASCII, for headers and for JSON. The same for the same id,
    /// always, since clients compare ids.
    pub fn seal(&self, kind: Kind, id: &str, owner: &Owner<'_>) -> Result<String, SealError> {
        if id.len() > MAX_ID {
            return Err(SealError::TooLong(id.len()));
        }
        let Key { mark, cipher } = &self.current;
        let mut sealed = id.as_bytes().to_vec();
        let tag = cipher
            .seal_in_place_separate_tag(nonce(), Aad::from(owner.associated(kind)), &mut sealed)
            .map_err(|_| SealError::Cipher)?;
        let mut bytes = Vec::with_capacity(PREFIX + sealed.len() + TAG);
        bytes.extend_from_slice(&[VERSION, *mark]);
        bytes.extend_from_slice(&sealed);
        bytes.extend_from_slice(tag.as_ref());
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The id as upstream knows it. `None` for what was not sealed here, as this kind, for this owner.
    pub fn open(&self, kind: Kind, sealed: &str, owner: &Owner<'_>) -> Option<String> {
        if sealed.len() > MAX_NAME {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let [VERSION, mark, sealed @ ..] = &*bytes else { return None };
        let associated = owner.associated(kind);
        let keys = std::iter::once(&self.current).chain(&self.former);
        let opened = keys.filter(|key| key.mark == *mark).find_map(|key| {
            let mut sealed = sealed.to_vec();
            let id = key.cipher.open_in_place(nonce(), Aad::from(&associated), &mut sealed).ok()?;
            Some(id.to_vec())
        })?;
        String::from_utf8(opened).ok()
    }
}

impl Key {
    fn of(key: &SealKey) -> Result<Key, SealError> {
        let unbound = UnboundKey::new(&AES_256_GCM_SIV, &*key.0).map_err(|_| SealError::Cipher)?;
        let mut digest = Context::new(&SHA256);
        digest.update(b"portcullis seal key");
        digest.update(&*key.0);
        let mark = digest.finish().as_ref().first().copied().unwrap_or_default();
        Ok(Key { mark, cipher: LessSafeKey::new(unbound) })
    }
}

/// Always the same. AES-GCM-SIV (RFC 8452) makes the counter from key, nonce, associated data and text, so
/// a nonce that is used again tells one thing only: that the same id was sealed for the same owner. That is
/// wanted: an id that changed with every answer would be a new task to its client.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}
