//! Secrets stay secret. What must not compile stands in the module's documentation.

use portcullis_core::secret::Secret;

#[test]
fn debug_shows_nothing_of_it() {
    let secret = Secret::new("correct horse".to_owned());
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    assert_eq!(format!("{:#?}", Some(secret)), "Some(\n    Secret(..),\n)");
    // The way out is there, and has a name.
    assert_eq!(Secret::new("correct horse".to_owned()).expose(), "correct horse");
}

#[test]
fn comparison_is_by_all_bytes() {
    let secret = Secret::new("correct horse".to_owned());
    assert!(secret.eq_ct(b"correct horse"));
    for other in ["correct horsf", "Correct horse", "correct hors", "correct horse ", ""] {
        assert!(!secret.eq_ct(other.as_bytes()), "{other}");
    }
    assert!(Secret::new(String::new()).eq_ct(b""));
    assert!(!Secret::new(String::new()).eq_ct(b"\0"));
}
