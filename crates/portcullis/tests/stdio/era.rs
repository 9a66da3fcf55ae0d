//! Whether a server speaks 2026-07-28 is found out once, and no moment's weakness is taken for its answer.

use std::path::PathBuf;
use std::time::Duration;

use portcullis::stdio::{Settings, Unavailable};
use portcullis_core::secret::Secret;
use serde_json::json;

use crate::client::{Client, PATIENCE, Started, settings, soon, start};
use crate::server::{LEGACY, MODERN, SERVE};

/// A server whose next process does at `server/discover` what is asked of it, by files in a folder.
struct Moody {
    folder: PathBuf,
    stdio: Started,
    start: Duration,
}

const SCRIPT: &str = r#"
if [ -e "$MOODS/silent" ]; then read line; : > "$MOODS/asked"; while read line; do :; done; exit; fi
if [ -e "$MOODS/ends" ]; then read line; exit 1; fi
if [ -e "$MOODS/answers" ]; then
    read line
    echo "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":$(cat "$MOODS/answers"),\"message\":\"\"}}"
    while read line; do :; done
    exit
fi
exec "$0" "$@"
"#;

impl Moody {
    fn start(name: &str, with: impl FnOnce(&mut Settings)) -> Moody {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("moody-{name}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let mut settings = settings(MODERN);
        let moods = folder.to_str().unwrap().to_owned();
        settings.env.insert("MOODS".to_owned(), Secret::new(moods));
        settings.command.splice(0..0, ["sh", "-c", SCRIPT].map(str::to_owned));
        settings.limits.grace = Duration::from_millis(10);
        // Less than a test waits.
        settings.limits.start = PATIENCE / 2;
        with(&mut settings);
        let start_time = settings.limits.start;
        Moody { folder, stdio: start(settings), start: start_time }
    }

    fn will(&self, mood: &str, text: &str) {
        std::fs::write(self.folder.join(mood), text).unwrap();
    }

    fn is_well(&self) {
        for mood in ["silent", "asked", "ends", "answers"] {
            let _ = std::fs::remove_file(self.folder.join(mood));
        }
    }

    fn client(&self, person: &str) -> Client {
        Client::new(&self.stdio, person)
    }

    /// What a client is told after it has waited in vain.
    async fn asked_in_vain(&self, client: &Client) -> Result<u16, Unavailable> {
        let client = client.clone();
        let asking = tokio::spawn(async move { status(&client).await });
        soon(async {
            while !self.folder.join("asked").exists() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        pass(self.start).await;
        soon(asking).await.unwrap()
    }
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

async fn status(client: &Client) -> Result<u16, Unavailable> {
    let params = json!({ "name": "echo", "arguments": {} });
    Ok(client.try_modern(1, "tools/call", params).await?.status.as_u16())
}

/// Silence is a word of the older revisions, for those who heard it: their clients begin with `initialize`. It
/// is none for anybody else, and none for the next call.
#[tokio::test]
async fn one_slow_start_is_nobody_elses_affair() {
    for is_shared in [false, true] {
        let name = format!("slow-{is_shared}");
        let moody = Moody::start(&name, |settings| settings.shared = is_shared);
        let (alice, bob) = (moody.client("alice"), moody.client("bob"));
        moody.will("silent", "");
        assert_eq!(moody.asked_in_vain(&alice).await, Ok(400));
        moody.is_well();
        assert_eq!(status(&bob).await, Ok(200));
        assert_eq!(status(&alice).await, Ok(200));
    }
}

/// A server that has spoken 2026-07-28 does not speak it less for being slow, or for failing: nobody is sent to
/// `initialize`, but told when to try again.
#[tokio::test]
async fn what_was_spoken_once_is_not_forgotten() {
    for (mood, text) in [("silent", ""), ("ends", ""), ("answers", "-32603")] {
        let moody = Moody::start(&format!("known-{mood}"), |_| {});
        let (alice, bob) = (moody.client("alice"), moody.client("bob"));
        assert_eq!(status(&alice).await, Ok(200));
        moody.will(mood, text);
        let asked = match mood {
            "silent" => moody.asked_in_vain(&bob).await,
            _ => status(&bob).await,
        };
        assert!(matches!(asked, Err(Unavailable::NotStarted { .. })), "{mood}: {asked:?}");
        let Err(Unavailable::NotStarted { retry_after, .. }) = status(&bob).await else {
            panic!("{mood}: it is not started in a circle");
        };
        moody.is_well();
        assert_eq!(status(&alice).await, Ok(200), "{mood}");
        assert_eq!(status(&moody.client("carol")).await, Ok(200), "{mood}");
        pass(retry_after).await;
        assert_eq!(status(&bob).await, Ok(200), "{mood}");
    }
}

/// An end, or an error that says nothing of the question, counts for whoever it was said to, and not for long.
#[tokio::test]
async fn an_error_of_the_moment_is_its_owners() {
    for (mood, text) in [("ends", ""), ("answers", "-32603"), ("answers", "-32000")] {
        let moody = Moody::start(&format!("moment{text}-{mood}"), |_| {});
        let (alice, bob) = (moody.client("alice"), moody.client("bob"));
        moody.will(mood, text);
        assert_eq!(status(&alice).await, Ok(400), "{mood}{text}");
        moody.is_well();
        assert_eq!(status(&alice).await, Ok(400), "{mood}{text}: not started in a circle");
        let session = Client::in_session(&moody.stdio, "alice").await;
        assert_eq!(session.call(1, "echo", json!({})).await.status, 200, "which she was told of");
        assert_eq!(status(&bob).await, Ok(200), "{mood}{text}");
        pass(Duration::from_secs(1)).await;
        assert_eq!(status(&alice).await, Ok(200), "{mood}{text}");
    }
}

/// The answers by which 2026-07-28 knows older servers are the server's, and hold for all.
#[tokio::test]
async fn a_server_that_says_so_is_of_the_older_revisions_for_everybody() {
    for code in ["-32601", "-32602"] {
        let moody = Moody::start(&format!("says{code}"), |settings| {
            settings.env.insert(SERVE.to_owned(), Secret::new(LEGACY.to_owned()));
        });
        let (alice, bob) = (moody.client("alice"), moody.client("bob"));
        moody.will("answers", code);
        assert_eq!(status(&alice).await, Ok(400), "{code}");
        moody.is_well();
        // No process is asked again, not even one that would be silent.
        moody.will("silent", "");
        assert_eq!(status(&bob).await, Ok(400), "{code}");
        assert!(!moody.folder.join("asked").exists(), "{code}");
        pass(Duration::from_secs(601)).await;
        assert_eq!(moody.asked_in_vain(&bob).await, Ok(400), "{code}");
    }
}

/// What 2026-07-28 itself answers with is no sign of another revision.
#[tokio::test]
async fn a_modern_error_is_a_modern_server() {
    let moody = Moody::start("modern-error", |_| {});
    let alice = moody.client("alice");
    moody.will("answers", "-32022");
    let asking = tokio::spawn(async move { status(&alice).await });
    // It was found fit, and is asked: this process answers nothing more.
    moody.is_well();
    assert_eq!(status(&moody.client("bob")).await, Ok(200));
    asking.abort();
}
