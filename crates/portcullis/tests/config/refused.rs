//! What is said of configurations that cannot be used: whole texts, as operators read them.
//!
//! Each story has a file `refused/STORY.toml`, in which a line with `#~` is wrong on the left and mended on the
//! right, and `refused/STORY.txt` with what is said. Mended, the file is accepted.

use std::path::Path;

use crate::world::{MAIN, World};

/// What a world has besides the story.
fn surroundings(main: &str) -> World {
    World::of(main)
        .file("etc/secret", "hunter2\n")
        .file("etc/empty", "\n")
        .variable("IDP_SECRET", "hunter2")
        .variable("EMPTY", "")
        .variable("KEY", "hunter2hunter2")
}

/// One side of every line that has two.
fn side(story: &str, is_mended: bool) -> String {
    let line = |line: &str| match line.split_once("#~") {
        Some((_, mended)) if is_mended => format!("{}\n", mended.trim()),
        Some((wrong, _)) => format!("{}\n", wrong.trim_end()),
        None => format!("{line}\n"),
    };
    story.lines().map(line).collect()
}

#[track_caller]
fn tell(name: &str, story: &str, expected: &str) {
    let mended = surroundings(&side(story, true));
    if let Err(error) = mended.load() {
        panic!("mended, {name} is refused:\n{error}");
    }
    let said = surroundings(&side(story, false)).refused();
    assert!(!said.contains("hunter2"), "a secret is told:\n{said}");
    if said.trim_end() != expected.trim_end() {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.txt"));
        std::fs::write(&path, format!("{said}\n")).expect("a folder to write to");
        panic!("of {name} in {MAIN} is said (now in {}):\n{said}", path.display());
    }
}

macro_rules! stories {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            let name = stringify!($name);
            let story = include_str!(concat!("refused/", stringify!($name), ".toml"));
            tell(name, story, include_str!(concat!("refused/", stringify!($name), ".txt")));
        }
    )*};
}
stories! {
    access gateway http_on_network http_with_tls issuers keys later listeners policy proxy_unnamed secrets servers syntax texts tokens
    together upstreams values
}
#[cfg(feature = "otlp")]
stories! { telemetry }
#[cfg(not(feature = "otlp"))]
stories! { telemetry_not_built }
