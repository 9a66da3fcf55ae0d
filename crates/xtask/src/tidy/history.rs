//! Rules that hold against what was committed before: one list only shrinks, the other only grows.

use std::collections::BTreeSet;

use super::Report;
use super::requirements::{LEDGER, UNTESTED, ids_of_ledger, ids_of_list};
use crate::repo::{Repo, Result};

/// The list has no row that the commits before lack.
pub(super) fn untested_shrinks(repo: &Repo, report: &mut Report) -> Result {
    compare(repo, report, UNTESTED, ids_of_list, |now, then, revision, report| {
        for id in now.difference(then) {
            report.breach(format!(
                "{UNTESTED} lists {id}, which {revision} does not: the list only shrinks, write the test"
            ));
        }
    })
}

/// The ledger has every row that the commits before have.
pub(super) fn ledger_grows(repo: &Repo, report: &mut Report) -> Result {
    compare(repo, report, LEDGER, ids_of_ledger, |now, then, revision, report| {
        for id in then.difference(now) {
            report.breach(format!(
                "{LEDGER} lacks {id}, which {revision} has: a requirement does not go away, say in its \
                 row why it no longer binds"
            ));
        }
    })
}

type Ids = BTreeSet<String>;

fn compare(
    repo: &Repo,
    report: &mut Report,
    path: &str,
    read: fn(&str) -> Vec<String>,
    judge: fn(&Ids, &Ids, &str, &mut Report),
) -> Result {
    let ids = |text: &str| -> Ids { read(text).into_iter().collect() };
    let now = ids(&repo.read(path)?);
    let mut earlier = 0;
    for revision in revisions(repo)? {
        let shown = repo.capture("git", &["show", &format!("{}:{path}", revision.name)])?;
        if shown.ok {
            earlier += usize::from(revision.earlier);
            judge(&now, &ids(&shown.stdout), &revision.name, report);
        }
    }
    if earlier == 0 {
        report.unchecked(format!(
            "no version of {path} from before HEAD is to be had (a shallow clone?), and HEAD says \
             nothing about itself"
        ));
    }
    Ok(())
}

struct Revision {
    name: String,
    /// Another commit than HEAD: a comparison with HEAD finds only what is not committed yet.
    earlier: bool,
}

/// The commits a change is measured by: what is checked in, what it was made from, where it lands.
fn revisions(repo: &Repo) -> Result<Vec<Revision>> {
    let commit = |words: &[&str]| -> Result<Option<String>> {
        let out = repo.capture("git", words)?;
        Ok(out.ok.then(|| out.stdout.trim().to_owned()))
    };
    let head = commit(&["rev-parse", "--verify", "HEAD"])?;
    let mut found = vec![
        Revision { name: "HEAD".to_owned(), earlier: false },
        Revision { name: "HEAD~1".to_owned(), earlier: true },
    ];
    for target in ["origin/HEAD", "origin/main", "main"] {
        if let Some(base) = commit(&["merge-base", "HEAD", target])?
            && Some(&base) != head.as_ref()
            && !found.iter().any(|revision| revision.name == base)
        {
            found.push(Revision { name: base, earlier: true });
        }
    }
    Ok(found)
}
