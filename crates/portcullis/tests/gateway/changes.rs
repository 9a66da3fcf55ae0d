//! Files that are looked at from time to time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use portcullis::gateway::Changes;

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Writes a file as of this many seconds.
fn put(path: &Path, text: &str, at: u64) {
    fs::write(path, text).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(at);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Each change is told once: another text, another time, there or gone.
#[test]
fn a_change_is_told_once() {
    let folder = folder("changes-once");
    let (file, other) = (folder.join("file"), folder.join("other"));
    put(&file, "a", 1);
    let mut changes = Changes::of([file.as_path(), other.as_path()]);
    assert!(!changes.any());
    let mut told = || (changes.any(), changes.any());
    put(&file, "ab", 1);
    assert_eq!(told(), (true, false), "longer");
    put(&file, "bc", 2);
    assert_eq!(told(), (true, false), "later");
    put(&other, "a", 1);
    assert_eq!(told(), (true, false), "there");
    fs::remove_file(&other).unwrap();
    assert_eq!(told(), (true, false), "gone");
}

/// Another file in the place of one is a change, also where length and time are the same; so is a folder that is
/// swapped by its link, as orchestrators do.
#[cfg(unix)]
#[test]
fn another_file_in_its_place_is_a_change() {
    use std::os::unix::fs::symlink;

    let folder = folder("changes-place");
    let (file, next) = (folder.join("file"), folder.join("next"));
    put(&file, "key 1", 1);
    put(&next, "key 2", 1);
    let mut changes = Changes::of([file.as_path()]);
    fs::rename(&next, &file).unwrap();
    assert!(changes.any());
    assert!(!changes.any());

    for (name, key) in [("first", "key 1"), ("second", "key 2")] {
        fs::create_dir(folder.join(name)).unwrap();
        put(&folder.join(name).join("file"), key, 1);
    }
    let (current, swap) = (folder.join("current"), folder.join("swap"));
    symlink("first", &current).unwrap();
    let linked = current.join("file");
    let mut changes = Changes::of([linked.as_path()]);
    symlink("second", &swap).unwrap();
    fs::rename(&swap, &current).unwrap();
    assert!(changes.any());
}

/// What is followed from now on is held against how it was when it was looked at, and not against now.
#[test]
fn nothing_is_missed_while_files_are_read() {
    let folder = folder("changes-follow");
    let (kept, new) = (folder.join("kept"), folder.join("new"));
    put(&kept, "a", 1);
    put(&new, "a", 1);
    let mut changes = Changes::of([kept.as_path()]);
    put(&kept, "b", 2);
    changes.follow([new.as_path(), kept.as_path()]);
    assert!(changes.any(), "it changed before, and nobody has seen it");
    assert!(!changes.any());
    put(&new, "b", 2);
    assert!(changes.any());
    changes.follow([new.as_path()]);
    put(&kept, "c", 3);
    assert!(!changes.any(), "it is not followed any more");
}
