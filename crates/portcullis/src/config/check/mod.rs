//! Whether what is written goes together, and what it comes to.
//!
//! Values are right by themselves when they get here. Every check goes on after it has found something, so
//! that all there is to say is said at once; what cannot be made for it is left out, and whoever asked for
//! the whole gets nothing.
//!
//! * `gateway` – what there is once
//! * `issuer` – whose tokens are accepted, and what they must be
//! * `client_auth` – how the gateway shows them who it is
//! * `server` – a server and what belongs to it alone
//! * `upstream` – where it is
//! * `headers` – which may be added, passed on, left out
//! * `policy` – who may call what, and rules that never are asked
//! * `together` – what several servers have to do with each other

mod client_auth;
mod gateway;
mod headers;
mod issuer;
mod policy;
mod server;
mod together;
mod upstream;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;

use portcullis_core::secret::Secret;

use super::gateway::Config;
use super::issuer::Identity;
use super::outside::{Outside, beside};
use super::problem::{Findings, Wrong};
use super::raw::{At, Field, FilePath, Key, Later, Named, Parsed, Root, SecretText};
use super::server::Name;
use super::source::{Place, Sources};

/// What every check needs.
pub(super) struct Context<'a> {
    pub(super) sources: &'a Sources,
    pub(super) findings: &'a Findings,
    pub(super) outside: &'a dyn Outside,
    /// Files with secrets that were read.
    pub(super) secret_files: RefCell<Vec<PathBuf>>,
    /// Whether there is a `public_url`, or it was said already that there is none.
    pub(super) has_public_url: Cell<bool>,
}

/// The table that is looked at.
#[derive(Clone, Copy)]
struct Here<'a> {
    context: &'a Context<'a>,
    /// As `servers.files`.
    path: &'a str,
    place: Place,
}

impl Here<'_> {
    fn report(&self, place: Place, wrong: Wrong) {
        self.context.findings.report(place, self.path, wrong);
    }

    fn report_with(&self, place: Place, wrong: Wrong, also: Place, why: &'static str) {
        self.context.findings.report_with(place, self.path, wrong, also, why);
    }

    /// Of this table as a whole.
    fn report_here(&self, wrong: Wrong) {
        self.report(self.place, wrong);
    }

    /// A key that has to be there.
    fn needed<'f, T>(&self, key: &'static str, field: &'f Field<T>) -> Option<&'f T> {
        if field.is_absent() {
            self.report_here(Wrong::Missing(key));
        }
        field.value()
    }

    /// A path, from the folder of the file it is written in.
    fn file(&self, path: &At<Parsed<FilePath>>) -> PathBuf {
        beside(self.context.sources.path_of(path.place), &path.value.0.0)
    }

    fn optional_file(&self, path: &Key<FilePath>) -> Option<PathBuf> {
        path.get().map(|path| self.file(path))
    }

    fn needed_file(&self, key: &'static str, path: &Key<FilePath>) -> Option<PathBuf> {
        self.needed(key, path)?;
        self.optional_file(path)
    }

    /// A certificate and its key, both or neither.
    fn identity(&self, cert: &Key<FilePath>, key: &Key<FilePath>) -> Option<Identity> {
        match (cert.is_absent(), key.is_absent()) {
            (true, true) => return None,
            (true, false) => self.report_here(Wrong::HalfIdentity("cert")),
            (false, true) => self.report_here(Wrong::HalfIdentity("key")),
            (false, false) => {}
        }
        Some(Identity { cert: self.optional_file(cert)?, key: self.optional_file(key)? })
    }

    /// The secret itself, from its file where it has one.
    fn secret(&self, written: At<SecretText>) -> Option<Secret> {
        let secret = match written.value {
            SecretText::Plain(secret) => secret,
            SecretText::File(path) => {
                let path = beside(self.context.sources.path_of(written.place), &path);
                let text = match self.context.outside.read(&path) {
                    Ok(text) => text,
                    Err(error) => {
                        let path = path.display().to_string();
                        self.report(written.place, Wrong::Unreadable { path, error });
                        return None;
                    }
                };
                self.context.secret_files.borrow_mut().push(path);
                let line = text.strip_suffix('\n').unwrap_or(&text);
                Secret::new(line.strip_suffix('\r').unwrap_or(line).to_owned())
            }
        };
        if secret.expose().is_empty() {
            self.report(written.place, Wrong::EmptySecret);
            return None;
        }
        Some(secret)
    }

    /// What a later version has.
    fn later(&self, field: &Field<Later>, what: &'static str, instead: &'static str) {
        if let Some(at) = field.get() {
            self.report(at.place, Wrong::Later { what, instead });
        }
    }

    /// A key that means nothing without another.
    fn alone<T>(&self, field: &Field<T>, key: &'static str, only: &'static str) {
        if let Some(at) = field.get() {
            self.report(at.place, Wrong::Alone { key, only });
        }
    }
}

/// All of them, or nothing; every one of them is looked at.
fn all<T>(items: impl IntoIterator<Item = Option<T>>) -> Option<Vec<T>> {
    let items: Vec<Option<T>> = items.into_iter().collect();
    items.into_iter().collect()
}

/// The names of tables, as long as they are names and differ for everybody.
fn names<T>(context: &Context<'_>, prefix: &str, tables: &Named<T>) -> Vec<Option<Name>> {
    let mut names: Vec<Option<Name>> = Vec::new();
    for (key, _) in &tables.0 {
        let path = format!("{prefix}.{}", key.value);
        let here = Here { context, path: &path, place: key.place };
        let fits =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        let is_name = key.value.starts_with(|c: char| c.is_ascii_lowercase())
            && key.value.bytes().all(fits)
            && key.value.len() <= 64;
        if !is_name {
            here.report_here(Wrong::Name);
        }
        let plain = key.value.replace('-', "_");
        let known = names.iter().flatten().find(|name| name.as_str().replace('-', "_") == plain);
        if let Some(known) = known {
            here.report_here(Wrong::SimilarNames(known.to_string()));
        }
        names.push(is_name.then(|| Name(Arc::from(&*key.value))));
    }
    names
}

/// What the whole comes to, where nothing was found wrong.
pub(super) fn check(mut root: Root, place: Place, context: &Context<'_>) -> Option<Config> {
    let here = Here { context, path: "", place };
    here.later(&root.login, "[login]", "name issuers of others in [issuers]");
    here.later(&root.clients, "[clients]", "clients are known to the issuers of [issuers]");
    context.has_public_url.set(!root.public_url.is_absent());
    let once = gateway::check(&mut root, here);
    let issuers = issuer::check(root.issuers.take(), context);
    let shared = root.shared_audiences.take();
    let Some(servers) = root.servers.take().filter(|servers| !servers.value.0.is_empty()) else {
        here.report_here(Wrong::NoServers);
        return None;
    };
    let servers = server::check(servers.value, &issuers, once.public_url.as_ref(), context);
    together::check(&servers, shared.as_ref(), &once, here);
    if !context.findings.is_empty() {
        return None;
    }
    let issuers = issuers.into_iter().filter_map(|issuer| Some(issuer.checked?.issuer)).collect();
    let servers = servers.into_iter().filter_map(|server| server.checked).collect();
    once.config(issuers, servers)
}
