//! Where clients of HTTP+SSE send their messages (2024-11-05).
//!
//! There the first event of the stream names a path of upstream, and in it the session. The client is told
//! the path of the gateway, with that of upstream sealed in it, and brings it along with each message.

use super::edit::Edits;
use super::{Exchange, NotOpened, Refused};
use crate::seal::Kind;

/// The parameter, in the query of a POST, that says where upstream takes the message.
pub const ENDPOINT: &str = "endpoint";

impl Exchange {
    /// The path and query under which upstream takes the messages of a session of HTTP+SSE, from the
    /// [`ENDPOINT`] that the client was told.
    pub fn endpoint(&self, sealed: &str) -> Result<String, NotOpened> {
        self.sealer.open(Kind::Endpoint, sealed, &self.owner()).ok_or(NotOpened::Session)
    }

    /// What changes in the data of the event that names the path of upstream.
    pub(super) fn endpoint_edits(&self, data: &[u8]) -> Result<Edits, Refused> {
        let mut edits = Edits::default();
        if let Some(ours) = &self.message_path {
            let theirs = std::str::from_utf8(data).ok().and_then(path).ok_or(Refused::Endpoint)?;
            let sealed = self.sealer.seal(Kind::Endpoint, theirs, &self.owner())?;
            edits.put(0..data.len(), format!("{ours}?{ENDPOINT}={sealed}"));
        }
        Ok(edits)
    }
}

/// The path and query of a reference to upstream. To which host it leads is settled by the configuration,
/// whatever upstream thinks it is called.
fn path(reference: &str) -> Option<&str> {
    let reference = reference.trim_ascii();
    let absolute = ["http://", "https://"].into_iter().find_map(|scheme| {
        let head = reference.get(..scheme.len())?;
        if head.eq_ignore_ascii_case(scheme) { reference.get(scheme.len()..) } else { None }
    });
    let path = match absolute {
        Some(rest) => rest.get(rest.find(['/', '?', '#'])?..)?,
        None => reference,
    };
    let is_path = path.starts_with('/') && !path.starts_with("//");
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    (is_path && is_plain).then_some(path)
}
