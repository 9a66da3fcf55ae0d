//! Where texts come from: variables, further files, overrides.

use std::path::Path;

use portcullis::config::outside::{MAX_FILE, Machine, Outside as _};
use portcullis::config::{Config, load};

use crate::accepted::{sample, small};
use crate::world::World;

const UPSTREAM: &str = "upstream = \"http://127.0.0.1:3000/mcp\"";

fn names(config: &Config) -> Vec<&str> {
    config.servers.iter().map(|server| server.name.as_str()).collect()
}

#[test]
fn variables_stand_in_any_string_and_are_not_looked_at_again() {
    let config = small("upstream = \"http://${HOST}:${PORT}/$${HOST}$x\"", "")
        .variable("HOST", "127.0.0.1")
        .variable("PORT", "3000")
        .accepted();
    let portcullis::config::server::Upstream::Http(upstream) = &config.servers[0].upstream else {
        panic!("HTTP")
    };
    assert_eq!(upstream.url, "http://127.0.0.1:3000/${HOST}$x");

    let named = |text: &str| {
        let world = small(&format!("{UPSTREAM}\nname = '{text}'"), "");
        let world = world.variable("A", "${B}").variable("B", "b").variable("EMPTY", "");
        let config = world.accepted();
        config.servers[0].metadata.resource_name().map(str::to_owned)
    };
    for (text, wanted) in [
        ("${A}", "${B}"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("x${EMPTY}y$", "xy$"),
        ("${B}${B}", "bb"),
        ("$B {B}", "$B {B}"),
    ] {
        assert_eq!(named(text).as_deref(), Some(wanted), "{text}");
    }
}

#[test]
fn a_variable_names_no_file() {
    // What a secret happens to begin with is no instruction.
    let issuer =
        "introspection = { when = \"opaque\", client_id = \"us\", client_secret = \"${S}\" }";
    let config = small(UPSTREAM, issuer).variable("S", "file:/etc/shadow").accepted();
    let auth = config.issuers[0].introspection.as_ref().map(|asked| &asked.auth);
    let Some(portcullis::config::issuer::ClientAuth::SecretBasic(secret)) = auth else {
        panic!("a secret")
    };
    assert!(secret.eq_ct(b"file:/etc/shadow"));
}

/// A server in a file of its own.
fn part(name: &str, path: &str) -> String {
    format!(
        "[servers.{name}]\npath = \"{path}\"\n{UPSTREAM}\naccess = \"signed-in\"\nissuers = [\"acme\"]\n"
    )
}

fn main_file(include: &str) -> World {
    World::of(&format!(
        "public_url = \"http://localhost:8080\"\ninclude = {include}\n\
         [issuers.acme]\nissuer = \"https://idp.example.com\"\n"
    ))
}

#[test]
fn tables_come_together_from_several_files() {
    let config = main_file("\"conf.d/*.toml\"")
        .file("etc/conf.d/b.toml", &part("files", "/files"))
        .file("etc/conf.d/a.toml", &part("git", "/git"))
        .file("etc/conf.d/.hidden.toml", "no TOML")
        .file("etc/conf.d/a.toml.bak", "no TOML")
        .file("etc/other.toml", "no TOML")
        .accepted();
    // By the names of the files.
    assert_eq!(names(&config), ["git", "files"]);
    let read: Vec<&Path> = config.files().collect();
    assert_eq!(
        read,
        ["etc/portcullis.toml", "etc/conf.d/a.toml", "etc/conf.d/b.toml"].map(Path::new)
    );
    // A pattern may match nothing, and a list may name files.
    let list = "[\"none/*.toml\", \"files.toml\"]";
    let config = main_file(list).file("etc/files.toml", &part("files", "/files"));
    assert_eq!(names(&config.accepted()), ["files"]);
    let said = main_file("\"files.toml\"").refused();
    assert!(said.contains("include: etc/files.toml cannot be read"), "{said}");
}

#[test]
fn paths_start_from_the_file_they_are_written_in() {
    let more = format!("[limits]\nbatch = 1\n{}cwd = \"work\"\n", part("git", "/git"))
        .replace(UPSTREAM, "command = [\"git-mcp\"]");
    let config = main_file("\"conf.d/*\"").file("etc/conf.d/git.toml", &more).accepted();
    let portcullis::config::server::Upstream::Stdio(started) = &config.servers[0].upstream else {
        panic!("stdio")
    };
    assert_eq!(started.cwd, Path::new("etc/conf.d/work"));
    assert_eq!(config.limits.operation.batch, 1);
}

#[test]
fn what_stands_in_two_files_is_refused_with_both() {
    let said = main_file("\"conf.d/*\"")
        .file("etc/conf.d/a.toml", &format!("{}[log]\nlevel = \"info\"\n", part("git", "/git")))
        .file("etc/conf.d/b.toml", &format!("{}[log]\nformat = \"json\"\n", part("git", "/it")))
        .file("etc/conf.d/c.toml", "include = \"d.toml\"\npublic_url = \"http://localhost\"\n")
        .refused();
    let expected = include_str!("refused/two_files.expected");
    assert_eq!(said.trim_end(), expected.trim_end(), "said:\n{said}");
}

#[test]
fn what_is_wrong_is_told_in_order_of_the_files() {
    let said = main_file("[\"conf.d/*\"]")
        .file("etc/conf.d/a.toml", &part("git", "git"))
        .file("etc/conf.d/b.toml", &part("files", "files"))
        .refused();
    let places = said.lines().filter(|line| line.contains("-->")).collect::<Vec<_>>();
    assert_eq!(places, [" --> etc/conf.d/a.toml:2:8", " --> etc/conf.d/b.toml:2:8"]);
    for pattern in ["\"*/a.toml\"", "\"conf.d/*.*\"", "\"conf.d/?*\"", "7"] {
        let said = main_file(pattern).file("etc/conf.d/a.toml", &part("git", "/git")).refused();
        assert!(said.contains("include"), "{pattern}: {said}");
    }
}

#[test]
fn variables_override_keys() {
    let config = sample()
        .variable("PORTCULLIS_LISTEN", "127.0.0.1:1")
        .variable("PORTCULLIS_SERVERS__FILES__UPSTREAM", "http://127.0.0.1:9/mcp")
        .variable("PORTCULLIS_SERVERS__FILES__BASE_SCOPES", "[\"files:read\", \"files:list\"]")
        .variable("PORTCULLIS_ISSUERS__GITHUB_ACTIONS__SKEW", "10s")
        .variable("PORTCULLIS_ISSUERS__GITHUB_ACTIONS__INTROSPECTION__CLIENT_SECRET", "12345")
        .variable("PORTCULLIS_LIMITS__BATCH", "7")
        .variable("PORTCULLIS_SERVERS__GIT__DPOP__NONCE", "false")
        .variable("PORTCULLIS_SERVERS__GIT__AUDIENCE", "api://git")
        .variable("PORTCULLIS_TRUSTED_PROXIES", "[\"private\"]")
        // Kubernetes, for a service of that name, and others.
        .variable("PORTCULLIS_PORT", "tcp://10.0.0.1:80")
        .variable("PORTCULLIS_SERVICE_HOST", "10.0.0.1")
        .variable("PORTCULLIS_CONFIG", "/etc/portcullis.toml")
        .accepted();
    assert_eq!(config.listen.port(), 1);
    assert_eq!(config.limits.operation.batch, 7);
    assert_eq!(config.trusted_proxies.len(), 4);
    let [git, files] = config.servers.as_slice() else { panic!("two servers") };
    assert_eq!(files.policy.base_scopes().to_string(), "files:list files:read");
    assert_eq!(git.tokens[0].expectation.audiences()[1], "api://git");
    assert!(format!("{files:?}").contains("http://127.0.0.1:9/mcp"));
    assert!(format!("{config:?}").contains("skew: 10s"));
    let shown = config.redacted();
    assert!(!shown.contains("12345") && !shown.contains("hunter2"), "{shown}");
    assert!(
        shown.contains("batch = 7\n") && shown.contains("audience = \"api://git\"\n"),
        "{shown}"
    );
}

#[test]
fn overrides_that_mean_nothing_are_refused() {
    let said = sample()
        .variable("PORTCULLIS_INCLUDE", "other.toml")
        .variable("PORTCULLIS_LISTN", "127.0.0.1:1")
        .variable("PORTCULLIS_SERVERS__FILES__UPSTREAM__URL", "http://127.0.0.1:9/mcp")
        .variable("PORTCULLIS_SERVERS__FILES__UPSTRAEM", "hunter2")
        .variable("PORTCULLIS_LIMITS__BATCH", "seven")
        .variable("PORTCULLIS_LIMITS__BODY", "seven")
        .refused();
    let expected = include_str!("refused/overrides.expected");
    assert_eq!(said.trim_end(), expected.trim_end(), "said:\n{said}");
}

#[test]
fn a_file_that_is_not_there_is_no_problem_of_its_text() {
    let error = World::default().load().expect_err("there is no file");
    assert_eq!(error.to_string(), "error: etc/portcullis.toml cannot be read: no such file");
    assert!(error.problems().is_empty());
}

#[test]
fn problems_have_places_and_colours_where_they_are_wanted() {
    let error = small(UPSTREAM, "skwe = \"1s\"").load().expect_err("a key is misspelled");
    let [problem] = error.problems() else { panic!("one problem") };
    assert_eq!(problem.place(), Some(("etc/portcullis.toml", 9, 1)));
    assert_eq!(
        problem.to_string(),
        "etc/portcullis.toml:9:1: issuers.acme: \"skwe\" is no key here; did you mean \"skew\"?"
    );
    assert!(!error.render(false).contains('\u{1b}') && error.render(true).contains('\u{1b}'));
}

#[test]
fn the_machine_reads_files_with_a_bound() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine");
    std::fs::create_dir_all(folder.join("conf.d")).expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    let main = "public_url = \"http://localhost:8080\"\ninclude = \"conf.d/*.toml\"\n\
                [issuers.acme]\nissuer = \"https://idp.example.com\"\n";
    write("portcullis.toml", main);
    write("conf.d/files.toml", &part("files", "/files"));
    let path = folder.join("portcullis.toml");
    let config = load(&path, &Machine).expect("a configuration");
    assert_eq!(names(&config), ["files"]);
    assert_eq!(config.files().collect::<Vec<_>>(), [&*path, &*folder.join("conf.d/files.toml")]);

    let limit = usize::try_from(MAX_FILE).expect("a small number");
    write("longest", &"x".repeat(limit));
    write("longer", &"x".repeat(limit + 1));
    assert_eq!(Machine.read(&folder.join("longest")).map(|text| text.len()).ok(), Some(limit));
    let error = Machine.read(&folder.join("longer")).expect_err("it is too long");
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
    std::fs::write(folder.join("latin"), b"\xe4").expect("a file");
    assert!(Machine.read(&folder.join("latin")).is_err());
}
