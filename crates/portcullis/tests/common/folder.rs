//! A folder of a test's own.

use std::fs;
use std::path::{Path, PathBuf};

/// Gone afterwards.
pub struct Folder(PathBuf);

impl Folder {
    /// `name` is that of the test.
    pub fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it, for a configuration.
    pub fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Puts a file there, at once and whole; its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let next = self.0.join(format!("{name}.next"));
        fs::write(&next, text).unwrap();
        fs::rename(next, self.0.join(name)).unwrap();
        self.file(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
