//! Every rule broken on purpose, one breach at a time, in a scratch repository.

use super::scratch::Scratch;
use super::{RULES, Rule};
use crate::repo::{Result, failed};

struct Breach {
    rule: &'static str,
    what: &'static str,
    /// A part of the message that must come, so that the rule fails for this reason.
    says: &'static str,
    make: fn(&Scratch) -> Result,
}

const CORE: &str = "crates/portcullis-core/src/lib.rs";
const LISTED: &str = "docs/untested-requirements.txt";

const BREACHES: &[Breach] = &[
    Breach {
        rule: "sans-io-tree",
        what: "core depends on a runtime",
        says: "portcullis-core depends on tokio",
        make: |s| {
            s.stand_in("tokio")?;
            let edge = "[dependencies]\ntokio = { path = \"../../stand-in/tokio\" }\n";
            s.append("crates/portcullis-core/Cargo.toml", edge)
        },
    },
    Breach {
        rule: "sans-io-tree",
        what: "oauth reaches randomness through another crate",
        says: "portcullis-oauth depends on getrandom",
        make: |s| {
            s.stand_in("getrandom")?;
            s.stand_in("helper")?;
            let edge = "[dependencies]\ngetrandom = { path = \"../getrandom\" }\n";
            s.append("stand-in/helper/Cargo.toml", edge)?;
            let edge = "helper = { path = \"../../stand-in/helper\" }\n";
            s.append("crates/portcullis-oauth/Cargo.toml", edge)
        },
    },
    Breach {
        rule: "sans-io-source",
        what: "core reads the clock",
        says: "SystemTime::now",
        make: |s| s.append(CORE, "pub fn f() { let _ = std::time::SystemTime::now(); }\n"),
    },
    Breach {
        rule: "sans-io-source",
        what: "core imports a socket and files in one group",
        says: "std::net::TcpStream",
        make: |s| s.append(CORE, "use std::{fs::File, net::TcpStream};\n"),
    },
    Breach {
        rule: "sans-io-source",
        what: "oauth draws random bytes",
        says: "aws_lc_rs::rand::fill",
        make: |s| {
            s.append("crates/portcullis-oauth/src/lib.rs", "fn f() { aws_lc_rs::rand::fill(x) }\n")
        },
    },
    Breach {
        rule: "sans-io-source",
        what: "core keeps a map of random order",
        says: "HashMap",
        make: |s| s.append(CORE, "use std::collections::HashMap;\n"),
    },
    Breach {
        rule: "sans-io-source",
        what: "core reads the standard input",
        says: "std::io::stdin",
        make: |s| s.append(CORE, "fn f() { let _ = std::io::stdin(); }\n"),
    },
    Breach {
        rule: "sans-io-source",
        what: "core gives std another name",
        says: "names `std`",
        make: |s| s.append(CORE, "use std as s;\nfn f() { s::fs::read(x); }\n"),
    },
    Breach {
        rule: "sans-io-source",
        what: "core makes a key",
        says: "EcdsaKeyPair::generate",
        make: |s| s.append(CORE, "fn f() { EcdsaKeyPair::generate(&ALGORITHM) }\n"),
    },
    Breach {
        rule: "sans-io-source",
        what: "core remembers from one call to the next",
        says: "names `Mutex`",
        make: |s| s.append(CORE, "static SEEN: Mutex<u32> = new();\n"),
    },
    Breach {
        rule: "strict-json",
        what: "core gives serde_json another name",
        says: "names `serde_json`",
        make: |s| s.append(CORE, "use serde_json as j;\n"),
    },
    Breach {
        rule: "strict-json",
        what: "core parses a value",
        says: "parses a `serde_json::Value`",
        make: |s| s.append(CORE, "fn f(t: &str) { t.parse::<serde_json::Value>(); }\n"),
    },
    Breach {
        rule: "strict-json",
        what: "core drives serde's lexer beside the strict reader",
        says: "serde_json::Deserializer::from_str",
        make: |s| s.append(CORE, "fn f(t: &str) { serde_json::Deserializer::from_str(t); }\n"),
    },
    Breach {
        rule: "strict-json",
        what: "core reads a document leniently",
        says: "serde_json::from_slice",
        make: |s| s.append(CORE, "fn f(b: &[u8]) { serde_json::from_slice::<X>(b); }\n"),
    },
    Breach {
        rule: "strict-json",
        what: "oauth derives a reader",
        says: "names `Deserialize`",
        make: |s| {
            s.append(
                "crates/portcullis-oauth/src/lib.rs",
                "#[derive(Clone, Deserialize)]\nstruct S;\n",
            )
        },
    },
    Breach {
        rule: "crate-edges",
        what: "one sibling imports another",
        says: "portcullis-issuer has a normal dependency on portcullis-resource",
        make: |s| {
            let edge = "portcullis-resource = { path = \"../portcullis-resource\" }\n";
            s.append("crates/portcullis-issuer/Cargo.toml", edge)
        },
    },
    Breach {
        rule: "crate-edges",
        what: "the testkit is shipped",
        says: "portcullis-client has a normal dependency on testkit",
        make: |s| {
            let edge = "testkit = { path = \"../testkit\" }\n";
            s.append("crates/portcullis-client/Cargo.toml", edge)
        },
    },
    Breach {
        rule: "crate-edges",
        what: "a crate nobody drew",
        says: "the design has no crate portcullis-helpers",
        make: |s| {
            let manifest = "[package]\nname = \"portcullis-helpers\"\nversion = \"0.1.0\"\n";
            s.write("crates/portcullis-helpers/Cargo.toml", manifest)?;
            s.write("crates/portcullis-helpers/src/lib.rs", "")
        },
    },
    Breach {
        rule: "crate-lints",
        what: "a crate without the lints",
        says: "crates/testkit/Cargo.toml lacks",
        make: |s| {
            let manifest = "[package]\nname = \"testkit\"\nversion = \"0.1.0\"\n";
            s.write("crates/testkit/Cargo.toml", manifest)
        },
    },
    Breach {
        rule: "architecture-paths",
        what: "the map names a file that is gone",
        says: "crates/portcullis-core/src/gone.rs",
        make: |s| s.append("docs/ARCHITECTURE.md", "See `crates/portcullis-core/src/gone.rs`.\n"),
    },
    Breach {
        rule: "architecture-modules",
        what: "a module that is not on the map",
        says: "docs/ARCHITECTURE.md lacks `hidden`",
        make: |s| s.append(CORE, "pub mod hidden;\n"),
    },
    Breach {
        rule: "links",
        what: "a link from docs/ to what is at the root",
        says: "docs/ARCHITECTURE.md:2 links to CONTRIBUTING.md",
        make: |s| s.append("docs/ARCHITECTURE.md", "See [the rules](CONTRIBUTING.md).\n"),
    },
    Breach {
        rule: "requirement-rows",
        what: "a row with neither test nor place in the list",
        says: "RS-2 has no test",
        make: |s| s.write(LISTED, ""),
    },
    Breach {
        rule: "requirement-rows",
        what: "a row both tested and listed",
        says: "RS-1 is tested at crates/portcullis-core/tests/token.rs:1",
        make: |s| s.append(LISTED, "RS-1\n"),
    },
    Breach {
        rule: "requirement-rows",
        what: "a test names a row that does not exist",
        says: "names RS-77",
        make: |s| s.append("crates/portcullis-core/tests/token.rs", "// req: RS-77\n"),
    },
    Breach {
        rule: "requirement-rows",
        what: "a row twice in the ledger",
        says: "docs/requirements.md has RS-2 twice",
        make: |s| s.append("docs/requirements.md", "| RS-2 | M |\n"),
    },
    Breach {
        rule: "requirement-rows",
        what: "a row twice in the list",
        says: "docs/untested-requirements.txt has RS-2 twice",
        make: |s| s.append(LISTED, "RS-2\n"),
    },
    Breach {
        rule: "requirement-marks",
        what: "a row marked where nothing is tested",
        says: "does not stand directly above a test",
        make: |s| s.append(CORE, "// req: RS-1\npub fn f() {}\n"),
    },
    Breach {
        rule: "requirement-marks",
        what: "a mark without its colon",
        says: "is no mark, though it looks like one",
        make: |s| s.append(CORE, "// req RS-1\n#[test]\nfn f() {}\n"),
    },
    Breach {
        rule: "untested-shrinks",
        what: "a row put back into the list",
        says: "lists RS-1, which HEAD does not",
        make: |s| s.append(LISTED, "RS-1\n"),
    },
    Breach {
        rule: "untested-shrinks",
        what: "a row put back and committed",
        says: "lists RS-1, which HEAD~1 does not",
        make: |s| {
            s.append(LISTED, "RS-1\n")?;
            s.commit()
        },
    },
    Breach {
        rule: "ledger-grows",
        what: "a requirement is gone",
        says: "lacks RS-2, which HEAD has",
        make: |s| s.write("docs/requirements.md", "| RS-1 | M |\n"),
    },
    Breach {
        rule: "ledger-grows",
        what: "a requirement is gone and that is committed",
        says: "lacks RS-2, which HEAD~1 has",
        make: |s| {
            s.write("docs/requirements.md", "| RS-1 | M |\n")?;
            s.commit()
        },
    },
    Breach {
        rule: "fuzz-targets",
        what: "a target without a seed",
        says: "fuzz/corpus/headers has no seed",
        make: another_target,
    },
    Breach {
        rule: "fuzz-targets",
        what: "a target without words",
        says: "fuzz/dictionaries/headers.dict is missing",
        make: another_target,
    },
    Breach {
        rule: "fuzz-targets",
        what: "seeds of a target that is gone",
        says: "fuzz/corpus/gone belongs to no target",
        make: |s| s.write("fuzz/corpus/gone/seed", "x"),
    },
    Breach {
        rule: "fuzz-targets",
        what: "words of a target that is gone",
        says: "fuzz/dictionaries/gone.dict belongs to no target",
        make: |s| s.write("fuzz/dictionaries/gone.dict", "\"x\"\n"),
    },
    Breach {
        rule: "generated-clean",
        what: "a generated table edited by hand",
        says: "is out of date: cargo xtask tidy --write",
        make: |s| {
            let text = s.repo().read("CONTRIBUTING.md")?;
            s.write("CONTRIBUTING.md", &text.replacen("clippy", "nothing", 1))
        },
    },
    Breach {
        rule: "file-length",
        what: "a file of 601 lines",
        says: "has 601 lines",
        make: |s| s.write("crates/portcullis/src/long.rs", &"//! x\n".repeat(601)),
    },
    Breach {
        rule: "no-loose-ends",
        what: "a test that does not run",
        says: "a test that does not run proves nothing",
        make: |s| s.append(CORE, "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n"),
    },
    Breach {
        rule: "no-loose-ends",
        what: "code left for later",
        says: "code left for later",
        make: |s| s.append(CORE, "pub fn f() { todo!() }\n"),
    },
    Breach {
        rule: "no-machine-paths",
        what: "a script with somebody's folder",
        says: "run.sh:1 has a path below",
        make: |s| s.write("run.sh", concat!("cd /ho", "me/alice/portcullis\n")),
    },
    Breach {
        rule: "allow-reasons",
        what: "a lint switched off without a word",
        says: "allows something without",
        make: |s| s.append(CORE, "#[allow(dead_code)]\nfn f() {}\n"),
    },
    Breach {
        rule: "no-stray-files",
        what: "what a merge left behind",
        says: "crates/portcullis/src/lib.rs.orig was left behind",
        make: |s| {
            s.write("crates/portcullis/src/lib.rs.orig", "")?;
            s.commit()
        },
    },
];

fn another_target(scratch: &Scratch) -> Result {
    scratch.append("fuzz/Cargo.toml", "[[bin]]\nname = \"headers\"\npath = \"bearer.rs\"\n")
}

/// Makes the breach in a fresh repository and answers what its rule says.
fn message(rule: &Rule, breach: &Breach) -> Result<String> {
    let scratch = Scratch::new()?;
    (breach.make)(&scratch)?;
    let found = rule.run(scratch.repo()).breaches;
    match found.iter().find(|text| text.contains(breach.says)) {
        Some(text) => Ok(text.clone()),
        None => failed(format!(
            "rule {} does not notice: {} (wanted {:?}, found {found:?})",
            rule.name, breach.what, breach.says
        )),
    }
}

/// `tidy --breach`: first that the scratch repository keeps every rule, then each breach.
pub(super) fn show() -> Result {
    let clean = Scratch::new()?;
    for rule in RULES {
        let found = rule.run(clean.repo()).breaches;
        if !found.is_empty() {
            return failed(format!("the scratch repository breaks {}: {found:?}", rule.name));
        }
    }
    println!("the scratch repository keeps all {} rules", RULES.len());
    for rule in RULES {
        for breach in BREACHES.iter().filter(|breach| breach.rule == rule.name) {
            println!("{:<20} {}\n    {}", rule.name, breach.what, message(rule, breach)?);
        }
    }
    println!("tidy --breach: {} breaches, all noticed", BREACHES.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_repository_keeps_every_rule() {
        let scratch = Scratch::new().unwrap();
        for rule in RULES {
            let found = rule.run(scratch.repo()).breaches;
            assert!(found.is_empty(), "{}: {found:?}", rule.name);
        }
    }

    #[test]
    fn every_rule_has_a_breach_and_notices_it() {
        for rule in RULES {
            let mut breaches = BREACHES.iter().filter(|breach| breach.rule == rule.name).peekable();
            assert!(breaches.peek().is_some(), "no breach for {}", rule.name);
            for breach in breaches {
                message(rule, breach).unwrap();
            }
        }
        assert!(BREACHES.iter().all(|breach| RULES.iter().any(|rule| rule.name == breach.rule)));
    }

    #[test]
    fn what_has_no_version_before_head_is_said_to_be_unchecked() {
        let scratch = Scratch::new().unwrap();
        for name in ["untested-shrinks", "ledger-grows"] {
            let rule = RULES.iter().find(|rule| rule.name == name).unwrap();
            assert_eq!(
                rule.run(scratch.repo()).unchecked.len(),
                1,
                "{name}: HEAD is the first commit"
            );
        }
        scratch.write("README.md", "Changed.\n").unwrap();
        scratch.commit().unwrap();
        assert!(RULES.iter().all(|rule| rule.run(scratch.repo()).unchecked.is_empty()));
    }

    #[test]
    fn a_name_in_a_comment_or_a_string_is_no_breach() {
        let scratch = Scratch::new().unwrap();
        let harmless = "// std::fs, todo!(), HashMap\n/* #[ignore] */\npub const TEXT: &str = \"SystemTime::now // req: RS-77\";\n";
        scratch.append(CORE, harmless).unwrap();
        for rule in RULES {
            assert!(rule.run(scratch.repo()).breaches.is_empty(), "{}", rule.name);
        }
    }
}
