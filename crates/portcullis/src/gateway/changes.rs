//! Files that are read again when they change.
//!
//! Looked at from time to time and not watched: a folder that is swapped by its link, as orchestrators do, is
//! a change of none of the files a watcher would have been told of.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Some files as they were.
#[derive(Debug)]
pub struct Changes {
    files: Vec<PathBuf>,
    seen: Vec<Option<State>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    length: u64,
    modified: Option<SystemTime>,
    /// Which file it is. One that is put in the place of another may have its length, as keys do, and its time,
    /// as files of images do.
    #[cfg(unix)]
    file: (u64, u64),
}

impl Changes {
    /// Between two looks.
    pub const INTERVAL: Duration = Duration::from_secs(2);

    /// From now on.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Changes {
        let files: Vec<PathBuf> = files.into_iter().map(Path::to_owned).collect();
        let seen = files.iter().map(|file| state(file)).collect();
        Changes { files, seen }
    }

    /// These from now on. What was looked at before is held against how it was then, so that nothing is missed
    /// that changed while it was being read.
    pub fn follow<'a>(&mut self, files: impl IntoIterator<Item = &'a Path>) {
        let mut next = Changes::of(files);
        for (file, seen) in next.files.iter().zip(&mut next.seen) {
            if let Some(at) = self.files.iter().position(|known| known == file)
                && let Some(before) = self.seen.get(at)
            {
                *seen = *before;
            }
        }
        *self = next;
    }

    /// Whether any has changed since it was asked last.
    pub fn any(&mut self) -> bool {
        let now: Vec<Option<State>> = self.files.iter().map(|file| state(file)).collect();
        let before = std::mem::replace(&mut self.seen, now);
        before != self.seen
    }
}

fn state(file: &Path) -> Option<State> {
    let metadata = fs::metadata(file).ok()?;
    Some(State {
        length: metadata.len(),
        modified: metadata.modified().ok(),
        #[cfg(unix)]
        file: (metadata.dev(), metadata.ino()),
    })
}
