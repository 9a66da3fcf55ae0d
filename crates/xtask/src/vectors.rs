//! `cargo xtask vectors DIR`: public test vectors, judged by portcullis-core.
//!
//! The vectors are data of others and not part of this repository. [`place`] finds them, [`suites`] knows their files and
//! what each expects, [`judge`] asks the core, and what the authors say is departed from only by
//! [`EXCEPTIONS`], each with its reason.

mod judge;
mod place;
mod suites;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::repo::{End, Failure, Repo, Result, failed, unattended};
use judge::Verdict;

pub(crate) const HELP: &str = "\
usage: cargo xtask vectors [DIR] [--verbose]

Judges the public vectors below DIR: wycheproof/, jose-cookbook/, jsontestsuite/. Without DIR the
folder named by PORTCULLIS_VECTORS is taken, else vectors/ in the repository, else a folder beside the
repository, or one level below such a folder, that holds wycheproof/json_web_signature_test.json.

  --verbose   print every exception met and every refusal's reason
";

/// What must come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Accept,
    Refuse,
    /// Implementation-defined: an answer, whichever, and no crash.
    Answer,
}

/// Where our expectation is not the authors'.
struct Exception {
    suite: &'static str,
    id: &'static str,
    /// `None`: the vector is dropped.
    instead: Option<Expect>,
    reason: &'static str,
}

const fn instead(
    suite: &'static str,
    id: &'static str,
    expect: Option<Expect>,
    reason: &'static str,
) -> Exception {
    Exception { suite, id, instead: expect, reason }
}

const LOST_PADDING: &str =
    "byte for byte the valid vector 357: upstream lost the padding it was to carry";
const QUESTION_MARK: &str =
    "called valid with '?' inside a base64url segment, which RFC 7515 section 2 rules out";
const PINNED: &str =
    "the key names another algorithm than the header: a key is good for its own only";
const ROCA: &str = "the RSA modulus carries the ROCA fingerprint, which is not looked for: a weak key \
                    is its issuer's to replace";
const RS12: &str =
    "requirement RS-12: a member that stands twice is refused, though RFC 8259 lets it";

const EXCEPTIONS: &[Exception] = &[
    instead("wycheproof-jws", "367", None, LOST_PADDING),
    instead("wycheproof-jws", "370", None, LOST_PADDING),
    instead("wycheproof-jws", "372", Some(Expect::Refuse), QUESTION_MARK),
    instead("wycheproof-jws", "373", Some(Expect::Refuse), QUESTION_MARK),
    instead("wycheproof-jws", "346", Some(Expect::Refuse), PINNED),
    instead("wycheproof-jws", "347", Some(Expect::Refuse), PINNED),
    instead("wycheproof-jws", "350", Some(Expect::Refuse), PINNED),
    instead("wycheproof-jws", "351", Some(Expect::Refuse), PINNED),
    instead("wycheproof-jwk", "7", Some(Expect::Accept), ROCA),
    instead("wycheproof-jwc", "46", Some(Expect::Accept), ROCA),
    instead("json-parsing", "y_object_duplicated_key.json", Some(Expect::Refuse), RS12),
    instead("json-parsing", "y_object_duplicated_key_and_value.json", Some(Expect::Refuse), RS12),
];

/// The count of one suite.
#[derive(Default)]
struct Tally {
    suite: &'static str,
    verbose: bool,
    passed: usize,
    failed: Vec<String>,
    dropped: usize,
    met: BTreeSet<&'static str>,
}

impl Tally {
    fn new(suite: &'static str, verbose: bool) -> Self {
        Tally { suite, verbose, ..Tally::default() }
    }

    /// Judges one vector unless it is dropped.
    fn vector(&mut self, id: &str, authors: Expect, judge: impl FnOnce() -> Verdict) {
        let mut expect = authors;
        if let Some(exception) = EXCEPTIONS.iter().find(|e| e.suite == self.suite && e.id == id) {
            self.met.insert(exception.id);
            if self.verbose {
                println!("    {} {id}: exception, {}", self.suite, exception.reason);
            }
            let Some(other) = exception.instead else {
                self.dropped += 1;
                return;
            };
            expect = other;
        }
        match (judge(), expect) {
            (Verdict::Split, _) => self.failed.push(format!("{id}: two parsers differ")),
            (_, Expect::Answer) | (Verdict::Accepted, Expect::Accept) => self.passed += 1,
            (Verdict::Refused(why), Expect::Refuse) => {
                self.passed += 1;
                if self.verbose {
                    println!("    {} {id}: refused, {why}", self.suite);
                }
            }
            (Verdict::Accepted, Expect::Refuse) => self.failed.push(format!("{id}: accepted")),
            (Verdict::Refused(why), Expect::Accept) => {
                self.failed.push(format!("{id}: refused, {why}"));
            }
        }
    }

    /// An exception for a vector that is not there hides nothing, and must go.
    fn close(&mut self) {
        let unmet = EXCEPTIONS.iter().filter(|e| e.suite == self.suite && !self.met.contains(e.id));
        self.failed.extend(
            unmet.map(|e| format!("{}: an exception for a vector that is not there", e.id)),
        );
    }
}

pub(crate) fn main(repo: &Repo, mut args: Args) -> Result {
    let verbose = args.flag("--verbose");
    let folder = match args.words()?.as_slice() {
        [] => match place::folder(repo) {
            Some(folder) => folder,
            None => return failed(place::MISSING),
        },
        [folder] => PathBuf::from(folder),
        _ => return Err(Failure::Usage("one folder at most".to_owned())),
    };
    judge_all(&folder, verbose).map(|closing| println!("{closing}"))
}

/// As a step of `ci`: an attended run may lack the vectors, an unattended one may not.
pub(crate) fn in_ci(repo: &Repo) -> Result<End> {
    match place::folder(repo) {
        Some(folder) => {
            let closing = judge_all(&folder, false)?;
            println!("{closing}");
            Ok(End::Ran(closing))
        }
        None if unattended() => failed(place::MISSING),
        None => Ok(End::NotRun(place::MISSING.to_owned())),
    }
}

fn judge_all(folder: &Path, verbose: bool) -> Result<String> {
    println!("vectors below {}", folder.display());
    let (mut passed, mut broken, mut dropped) = (0, 0, 0);
    for suite in suites::ALL {
        let mut tally = Tally::new(suite.name, verbose);
        (suite.run)(folder, &mut tally)?;
        tally.close();
        println!(
            "{:<17} {:>4} passed, {} failed, {} dropped",
            suite.name,
            tally.passed,
            tally.failed.len(),
            tally.dropped,
        );
        tally.failed.iter().for_each(|what| println!("    FAILED {what}"));
        if tally.passed + tally.failed.len() == 0 {
            return failed(format!(
                "suite {} has no vectors below {}",
                suite.name,
                folder.display()
            ));
        }
        passed += tally.passed;
        broken += tally.failed.len();
        dropped += tally.dropped;
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for exception in EXCEPTIONS {
        *reasons.entry(exception.reason).or_default() += 1;
    }
    for (reason, count) in reasons {
        println!("exception ({count}): {reason}");
    }
    let closing = format!("vectors: {passed} passed, {broken} failed, {dropped} dropped");
    if broken == 0 { Ok(closing) } else { failed(closing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_held_against_expectations() {
        let mut tally = Tally::new("none", false);
        let refused = || Verdict::Refused("why".to_owned());
        tally.vector("1", Expect::Accept, || Verdict::Accepted);
        tally.vector("2", Expect::Refuse, refused);
        tally.vector("3", Expect::Answer, refused);
        assert_eq!((tally.passed, tally.failed.len()), (3, 0));
        tally.vector("4", Expect::Accept, refused);
        tally.vector("5", Expect::Refuse, || Verdict::Accepted);
        assert_eq!((tally.passed, tally.failed.len()), (3, 2));
    }

    #[test]
    fn exceptions_drop_turn_and_must_be_met() {
        let mut tally = Tally::new("wycheproof-jws", false);
        tally.vector("367", Expect::Refuse, || Verdict::Accepted);
        tally.vector("372", Expect::Accept, || Verdict::Refused("why".to_owned()));
        tally.close();
        assert_eq!((tally.passed, tally.dropped), (1, 1));
        assert_eq!(tally.failed.len(), 6, "six exceptions of this suite were not met");
    }
}
