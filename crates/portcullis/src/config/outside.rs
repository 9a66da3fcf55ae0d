//! What the configuration reads beside its own text: files, folders, variables of the environment.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// No file of a configuration, and no secret in a file, is longer than this many bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// Where files and variables come from. [`Machine`] has the real ones.
pub trait Outside {
    /// The text of a file.
    fn read(&self, path: &Path) -> io::Result<Zeroizing<String>>;

    /// The names of the files of a folder, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// The value of a variable, where there is one and it is text.
    fn variable(&self, name: &str) -> Option<Zeroizing<String>>;

    /// The names of all variables.
    fn variables(&self) -> Vec<String>;
}

/// The files and variables of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

impl Outside for Machine {
    fn read(&self, path: &Path) -> io::Result<Zeroizing<String>> {
        let file = std::fs::File::open(path)?;
        // Of the right size from the start, so that no copy of a secret stays behind.
        let length = file.metadata()?.len().min(MAX_FILE);
        let mut text =
            Zeroizing::new(String::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
        file.take(MAX_FILE + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_FILE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 1 MiB"));
        }
        Ok(text)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        // A configuration of more files than this is a mistake in the pattern.
        let entries = std::fs::read_dir(folder)?.take(10_000);
        let names = entries.filter_map(|entry| match entry {
            Ok(entry) => entry.file_name().into_string().ok().map(Ok),
            Err(error) => Some(Err(error)),
        });
        names.collect()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the configuration")]
    fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        std::env::var(name).ok().map(Zeroizing::new)
    }

    fn variables(&self) -> Vec<String> {
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
    }
}

/// A path as it is written in a file: from the folder of the file.
pub(super) fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}
