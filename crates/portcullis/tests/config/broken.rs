//! Configurations that a hand slipped over: nothing stops, and nothing tells a secret.

use crate::accepted::SAMPLE;
use crate::world::World;

/// Secrets as somebody writes them who has not read the documentation.
fn with_secrets() -> String {
    let sample = SAMPLE.replace("${IDP_SECRET}", "hunter2").replace("file:seal.key", "hunter2");
    format!(
        "{sample}\n[servers.stdio]\npath = \"/stdio\"\ncommand = [\"npx\"]\naccess = \"signed-in\"\n\
             issuers = [\"github-actions\"]\n[servers.stdio.env]\nAPI_KEY = \"hunter2\"\nMORE = '''\nx\nhunter2'''\n\
             [servers.git.upstream_headers]\nadd = {{ X-Key = \"hunter2\" }}\n"
    )
}

fn tell(text: &str) {
    if let Err(error) = World::of(text).load() {
        let said = error.to_string();
        assert!(!said.contains("hunter2"), "told of\n{text}\nis\n{said}");
    }
}

const SLIPS: [&str; 10] = ["\"", "'", "]", "}", "=", "\n", "x", "\u{1b}", "${", "\"\"\""];

#[test]
fn a_letter_too_few_or_too_many() {
    let text = with_secrets();
    for (at, letter) in text.char_indices() {
        let (before, behind) = text.split_at(at);
        if at % 5 == 0 {
            tell(before);
        }
        tell(&format!("{before}{}", &behind.get(letter.len_utf8()..).unwrap_or_default()));
        // Each place takes some of them, and each kind of place takes all.
        for slip in SLIPS.iter().cycle().skip(at % SLIPS.len()).take(2) {
            tell(&format!("{before}{slip}{behind}"));
        }
    }
}

#[test]
fn a_terminal_is_told_nothing() {
    let said = World::of("a = \"\u{1b}[2J\"\n\"\\u001b[2J\" = 1\n").refused();
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let said = World::of("[servers.\"\\u001b[2J\\n\"]\n").refused();
    assert!(!said.contains('\u{1b}') && said.contains("servers.\\u{1b}[2J\\n"), "{said:?}");
}

#[test]
fn depth_and_length_have_an_end() {
    let said = World::of(&format!("a = {}", "[".repeat(100_000))).refused();
    assert!(said.contains("max recursion depth"), "{}", said.len());
    let said = World::of(&"x = 1\n".repeat(5_000)).refused();
    assert!(said.lines().count() < 700, "{}", said.lines().count());
}
