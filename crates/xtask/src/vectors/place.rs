//! Where the vectors are: named by the environment, in the repository, or near it.

use std::path::{Path, PathBuf};

use crate::repo::{Repo, setting};

const VARIABLE: &str = "PORTCULLIS_VECTORS";
pub(super) const MISSING: &str = "no vectors found: set PORTCULLIS_VECTORS to their folder";

/// What tells a folder of vectors from any other.
const MARK: &str = "wycheproof/json_web_signature_test.json";

pub(super) fn folder(repo: &Repo) -> Option<PathBuf> {
    setting(VARIABLE).map(PathBuf::from).or_else(|| search(repo.root()))
}

/// `vectors/`, then `../*`, then `../*/*`.
fn search(root: &Path) -> Option<PathBuf> {
    let beside = root.parent().map(folders).unwrap_or_default();
    let below = beside.iter().flat_map(|folder| folders(folder));
    let places = [root.join("vectors")].into_iter().chain(beside.iter().cloned()).chain(below);
    places.into_iter().find(|folder| folder.join(MARK).is_file())
}

/// By name, so that every run finds the same. What cannot be listed has none.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_that_holds_vectors_is_found() {
        let name = format!("portcullis-vectors-{}", std::process::id());
        let parent = std::env::temp_dir().join(name);
        let root = parent.join("repo");
        let put = |place: &str| {
            let file = parent.join(place).join(MARK);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "{}").unwrap();
        };
        std::fs::create_dir_all(root.join("vectors")).unwrap();
        let far = |root: &Path| search(root).filter(|found| found.starts_with(&parent));
        assert_eq!(far(&root), None, "an empty folder is none");
        put("too/far/away");
        assert_eq!(far(&root), None);
        for place in ["shared/data", "beside", "repo/vectors"] {
            put(place);
            assert_eq!(far(&root), Some(parent.join(place)));
        }
        std::fs::remove_dir_all(parent).unwrap();
    }
}
