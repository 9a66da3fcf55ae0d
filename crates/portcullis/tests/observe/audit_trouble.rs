//! A disk that stalls, is full, or takes half a line: nothing is lost, and nobody goes on unheard.

use std::io::{self, Write};
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use http::StatusCode;
use portcullis::observe::audit::{AuditError, Destination};
use portcullis::observe::{About, Audit, Noted, Observer};
use portcullis_core::decide::Permit;
use serde_json::{Value, json};

use super::request::{about, call, judge, metrics, token, watched};

/// A disk. What was written stands in a file for each time it was opened.
#[derive(Clone, Default)]
struct Disk(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    /// Whether writes do not return.
    is_stalled: bool,
    /// How many bytes more it takes; without it, any.
    free: Option<usize>,
    files: Vec<Vec<u8>>,
}

struct File(Disk, usize);

impl Disk {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }
}

impl Destination for Disk {
    fn open(&mut self) -> io::Result<Box<dyn Write + Send>> {
        let mut state = self.0.0.lock().unwrap();
        state.files.push(Vec::new());
        Ok(Box::new(File(self.clone(), state.files.len() - 1)))
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (state, changed) = &*self.0.0;
        let mut state = changed.wait_while(state.lock().unwrap(), |s| s.is_stalled).unwrap();
        let length = state.free.unwrap_or(bytes.len()).min(bytes.len());
        if length == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.free = state.free.map(|free| free - length);
        state.files[self.1].extend_from_slice(&bytes[..length]);
        changed.notify_all();
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Setting {
    observer: Observer,
    disk: Disk,
    permit: Permit,
}

impl Setting {
    fn new(disk: State) -> Self {
        let disk = Disk(Arc::new((Mutex::new(disk), Condvar::new())));
        let metrics = metrics();
        let audit = Audit::to(Box::new(disk.clone()), metrics.audit_errors.clone()).unwrap();
        let permit = judge(&token(&json!({})), &call(1, "read_file")).unwrap();
        Setting { observer: Observer::new(metrics, Some(audit)), disk, permit }
    }

    fn note(&self, request: &str) {
        let server = watched(&self.observer);
        let about = About { request, ..about(&server) };
        self.observer.note(&Noted::allowed(about, &self.permit, StatusCode::OK));
    }

    fn audit(&self) -> &Audit {
        self.observer.audit().unwrap()
    }

    fn has_room(&self) -> bool {
        let room = pin!(self.observer.room());
        room.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    /// The requests in that file, every line of which must be whole.
    fn requests(&self, file: usize) -> Vec<String> {
        let text = String::from_utf8(self.disk.0.0.lock().unwrap().files[file].clone()).unwrap();
        let lines = text.lines().filter(|line| !line.is_empty());
        let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["request"].as_str().unwrap().to_owned()).collect()
    }
}

fn full_after(bytes: usize) -> State {
    State { free: Some(bytes), ..State::default() }
}

#[tokio::test]
async fn a_stalled_disk_makes_requests_wait_and_loses_none_of_them() {
    let setting = Setting::new(State { is_stalled: true, ..State::default() });
    let mut noted = 0;
    // All from this thread, so into one buffer.
    while setting.has_room() {
        setting.note(&noted.to_string());
        noted += 1;
        assert!(noted < 100_000, "lines are kept without a bound");
    }
    assert!(noted > 1_000, "a few lines make everybody wait");
    // Those that are under way are written down all the same.
    setting.note("last");
    assert!(!setting.has_room());
    setting.disk.set(|disk| disk.is_stalled = false);
    setting.observer.room().await;
    setting.audit().flush().await.unwrap();
    assert!(setting.has_room());
    let expected: Vec<String> = (0..noted).map(|n| n.to_string()).chain(["last".into()]).collect();
    assert_eq!(setting.requests(0), expected);
}

#[tokio::test]
async fn a_full_disk_is_counted_and_lines_wait_until_there_is_room() {
    let setting = Setting::new(full_after(0));
    let errors = || setting.observer.metrics().audit_errors.get();
    setting.note("first");
    let refused = setting.audit().flush().await;
    let is_full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
    assert!(matches!(refused, Err(AuditError::Io(error)) if is_full(&error)));
    assert!(errors() >= 1);
    setting.note("second");
    setting.disk.set(|disk| disk.free = None);
    setting.audit().flush().await.unwrap();
    let before = errors();
    assert_eq!(setting.requests(0), ["first", "second"]);
    // What the disk takes is no error.
    setting.note("third");
    setting.audit().flush().await.unwrap();
    assert_eq!(errors(), before);
}

#[tokio::test]
async fn a_torn_line_goes_on_where_it_was_torn() {
    let setting = Setting::new(full_after(20));
    setting.note("first");
    assert!(setting.audit().flush().await.is_err());
    assert_eq!(setting.disk.0.0.lock().unwrap().files[0].len(), 20);
    setting.disk.set(|disk| disk.free = Some(7));
    assert!(setting.audit().flush().await.is_err());
    setting.disk.set(|disk| disk.free = None);
    setting.audit().flush().await.unwrap();
    assert_eq!(setting.requests(0), ["first"]);
}

#[tokio::test]
async fn a_line_torn_at_a_rotation_is_whole_in_the_new_file() {
    // The first line and a piece of the second.
    let measure = Setting::new(State::default());
    measure.note("first");
    measure.audit().flush().await.unwrap();
    let line = measure.disk.0.0.lock().unwrap().files[0].len();
    let setting = Setting::new(full_after(line + 20));
    setting.note("first");
    setting.note("second");
    assert!(setting.audit().flush().await.is_err());
    setting.audit().reopen().await.unwrap();
    setting.disk.set(|disk| disk.free = None);
    setting.audit().flush().await.unwrap();
    assert_eq!(setting.requests(1), ["second"]);
    assert_eq!(setting.disk.0.0.lock().unwrap().files[0].len(), line + 20);
}

#[tokio::test]
async fn lines_of_many_threads_are_all_there_and_none_is_torn() {
    let setting = Setting::new(State::default());
    thread::scope(|scope| {
        for thread in 0..24 {
            let setting = &setting;
            scope.spawn(move || (0..200).for_each(|n| setting.note(&format!("{thread}-{n}"))));
        }
    });
    setting.audit().flush().await.unwrap();
    let mut found = setting.requests(0);
    found.sort();
    let all = (0..24).flat_map(|thread| (0..200).map(move |n| format!("{thread}-{n}")));
    let mut expected: Vec<String> = all.collect();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_is_noted_is_written_without_being_asked_for() {
    let setting = Setting::new(State::default());
    for request in ["first", "second"] {
        let (state, changed) = &*setting.disk.0;
        let before = state.lock().unwrap().files[0].len();
        setting.note(request);
        drop(changed.wait_while(state.lock().unwrap(), |s| s.files[0].len() == before).unwrap());
    }
    assert_eq!(setting.requests(0), ["first", "second"]);
}

#[tokio::test]
async fn an_audit_trail_that_cannot_be_opened_is_an_error_at_once() {
    let missing = std::env::temp_dir().join("portcullis-no-such-folder").join("audit.log");
    let error = Audit::open(missing, Arc::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}
