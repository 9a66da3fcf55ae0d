//! Files and variables that exist in a test only.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use portcullis::config::outside::Outside;
use portcullis::config::{Config, ConfigError, load};
use zeroize::Zeroizing;

/// Where the main file of every test is.
pub(crate) const MAIN: &str = "etc/portcullis.toml";

#[derive(Default)]
pub(crate) struct World {
    files: BTreeMap<PathBuf, String>,
    variables: BTreeMap<String, String>,
}

impl World {
    /// With this main file.
    pub(crate) fn of(main: &str) -> World {
        World::default().file(MAIN, main)
    }

    pub(crate) fn file(mut self, path: &str, text: &str) -> World {
        self.files.insert(PathBuf::from(path), text.to_owned());
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> World {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        load(Path::new(MAIN), self)
    }

    /// What is loaded, where everything is right.
    #[track_caller]
    pub(crate) fn accepted(&self) -> Config {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// What is said, where something is wrong.
    #[track_caller]
    pub(crate) fn refused(&self) -> String {
        self.load().expect_err("it was accepted").to_string()
    }
}

impl Outside for World {
    fn read(&self, path: &Path) -> io::Result<Zeroizing<String>> {
        let text = self.files.get(path).cloned().map(Zeroizing::new);
        text.ok_or_else(|| io::Error::new(ErrorKind::NotFound, "no such file"))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let inside = self.files.keys().filter(|path| path.parent() == Some(folder));
        let names = inside.filter_map(|path| path.file_name()?.to_str()).map(str::to_owned);
        // The order of folders is anybody's.
        Ok(names.rev().collect())
    }

    fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        self.variables.get(name).cloned().map(Zeroizing::new)
    }

    fn variables(&self) -> Vec<String> {
        self.variables.keys().cloned().collect()
    }
}
