//! Text that must not leave by accident: client secrets, keys, refresh tokens.
//!
//! A [`Secret`] has one way out, [`Secret::expose`], which is a word to search for in a review. It
//! cannot be printed, serialized, cloned or compared with `==`:
//!
//! ```
//! # use portcullis_core::secret::Secret;
//! let secret = Secret::new("hunter2".to_owned());
//! assert!(secret.eq_ct(b"hunter2"));
//! assert_eq!(format!("{secret:?}"), "Secret(..)");
//! ```
//! ```compile_fail,E0277
//! # use portcullis_core::secret::Secret;
//! let secret = Secret::new("hunter2".to_owned());
//! println!("{secret}");
//! ```
//! ```compile_fail,E0369
//! # use portcullis_core::secret::Secret;
//! let secret = Secret::new("hunter2".to_owned());
//! let _ = secret == Secret::new("hunter2".to_owned());
//! ```
//! ```compile_fail,E0277
//! # use portcullis_core::secret::Secret;
//! fn serializable<T: serde::Serialize>(_: T) {}
//! serializable(Secret::new("hunter2".to_owned()));
//! ```

use std::fmt;

use aws_lc_rs::constant_time;
use zeroize::Zeroizing;

/// A secret text, overwritten in memory when it is dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over. Copies that were made before, by a parser or by a string that had to grow,
    /// are beyond its reach: read secrets into buffers of the right size.
    pub fn new(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }

    /// The text, for the one place that sends or derives from it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `other` is the same, in a time that does not depend on where they differ.
    ///
    /// Different lengths are seen at once, so the length of a secret is not hidden. Where it must be,
    /// compare digests.
    pub fn eq_ct(&self, other: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_bytes(), other).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
