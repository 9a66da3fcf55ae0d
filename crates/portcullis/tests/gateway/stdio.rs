//! Servers that are commands, behind the whole gateway.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};
use testkit::NOW;
use testkit::server::respond;

use crate::rig::{Rig, config, header};

/// It says which process it is, in answer to `initialize` and to whoever asks for it.
const SERVER: &str = concat!(
    r#"echo hello; while read -r line; do id=${line#*\"id\":}; id=${id%%[,\}]*}; "#,
    r#"case $line in *initialize*|*server/discover*|*tools/list*) "#,
    r#"echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"pid\":$$,\"tools\":[]}}";; esac; done"#,
);

const RESOURCE: &str = "http://localhost:8080/tool/mcp";

/// The gateway's configuration beside that of the rig: a server with these settings.
fn tool(settings: &str) -> String {
    format!(
        "[servers.tool]\npath = \"/tool/mcp\"\nissuers = [\"idp\"]\naccess = \"signed-in\"\n{settings}\n"
    )
}

fn command() -> String {
    // A brace behind a dollar begins a variable of ours.
    let script = SERVER.replace("${", "$${");
    format!("command = [\"sh\", \"-c\", '''{script}''']\n")
}

async fn rig(settings: &str) -> Rig {
    let empty = |_: &Request<Bytes>| respond(200, &[("content-type", "application/json")], "{}");
    Rig::with(&tool(settings), "", empty).await
}

/// A person with a token for the server.
struct Person<'r> {
    rig: &'r Rig,
    token: String,
    session: Option<String>,
}

impl<'r> Person<'r> {
    fn new(rig: &'r Rig, name: &str) -> Person<'r> {
        Person::with(rig, json!({ "sub": name }))
    }

    fn with(rig: &'r Rig, mut claims: Value) -> Person<'r> {
        claims["aud"] = RESOURCE.into();
        Person { rig, token: rig.token(&claims), session: None }
    }

    async fn begin(rig: &'r Rig, name: &str) -> Person<'r> {
        let mut person = Person::new(rig, name);
        let answer = person.initialize().await;
        assert_eq!(answer.status(), 200);
        person.session = Some(header(answer.headers(), "mcp-session-id").to_owned());
        person
    }

    async fn initialize(&self) -> Response<Incoming> {
        self.post("initialize", json!({}), "application/json, text/event-stream").await
    }

    async fn post(&self, method: &str, params: Value, accept: &str) -> Response<Incoming> {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut request = Request::builder()
            .method(Method::POST)
            .uri("/tool/mcp")
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .header("accept", accept);
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        if params["_meta"].is_object() {
            request =
                request.header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
        }
        let request = request.body(Bytes::from(message.to_string())).unwrap();
        self.rig.client().await.send(request).await
    }

    /// The process that answers, where there is a session.
    async fn pid(&self) -> Result<u64, u16> {
        let answer = self.post("tools/list", json!({}), "application/json").await;
        if answer.status() != 200 {
            return Err(answer.status().as_u16());
        }
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        Ok(serde_json::from_slice::<Value>(&body).unwrap()["result"]["pid"].as_u64().unwrap())
    }
}

#[tokio::test]
async fn a_process_that_does_not_start_says_when_to_try_again() {
    let nowhere = rig("command = [\"/nowhere/to/be/found\"]\n").await;
    let alice = Person::new(&nowhere, "alice");
    for _ in 0..2 {
        let answer = alice.initialize().await;
        assert_eq!(answer.status(), 503);
        let seconds: u64 = header(answer.headers(), "retry-after").parse().unwrap();
        assert!((1..=31).contains(&seconds), "{seconds}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.contains("try again later") && !text.contains("nowhere"), "{text}");
    }
    let there = rig(&command()).await;
    let answer = Person::new(&there, "alice").initialize().await;
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("retry-after"));
}

/// Who has a whole share of what people share is told to come back, and others are not.
#[tokio::test]
async fn one_person_does_not_take_all_of_a_shared_process() {
    let rig = rig(&format!("{}shared = true\n", command())).await;
    let (alice, bob) = (Person::begin(&rig, "alice").await, Person::begin(&rig, "bob").await);
    let ask = async |person: &Person<'_>| {
        let params = json!({ "name": "never answered" });
        person.post("tools/call", params, "text/event-stream").await
    };
    let mut held = Vec::new();
    for _ in 0..64 {
        let answer = ask(&alice).await;
        assert_eq!(answer.status(), 200);
        held.push(answer);
    }
    let refused = ask(&alice).await;
    assert_eq!(
        (refused.status(), header(refused.headers(), "retry-after")),
        (503.try_into().unwrap(), "1")
    );
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"], "temporarily_unavailable");
    assert_eq!(ask(&bob).await.status(), 200);
    assert!(bob.pid().await.is_ok());
}

/// A stream that listens says that it is over when its token is, and is over.
// req: RS-16
#[tokio::test]
async fn who_listens_is_told_of_the_end() {
    let rig = rig(&command()).await;
    let alice = Person::with(&rig, json!({ "sub": "alice", "exp": NOW + 20 }));
    let params = json!({
        "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" },
        "notifications": {},
    });
    let answer =
        alice.post("subscriptions/listen", params, "application/json, text/event-stream").await;
    assert_eq!(answer.status(), 200);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(20)).await;
    tokio::time::resume();
    let body = tokio::time::timeout(Duration::from_secs(60), answer.into_body().collect()).await;
    let text = body.unwrap().unwrap().to_bytes();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.contains(r#""id":1,"result":{"resultType":"complete""#), "{text}");
    assert!(text.contains(r#""io.modelcontextprotocol/subscriptionId":1"#), "{text}");
}

/// A session outlives a reload as its process does, and that whatever is said of it is as before.
#[tokio::test]
async fn a_process_of_which_anything_else_is_said_is_another() {
    let base = format!("{}cwd = \"/\"\nenv = {{ KEY = \"1\" }}\n", command());
    let rig = rig(&base).await;
    let alice = Person::begin(&rig, "alice").await;
    let reload = |settings: &str| {
        let text = Rig::text(&rig.issuer, &rig.upstream, &tool(settings), "");
        rig.serving.reload(&config(&text)).unwrap();
    };
    let first = alice.pid().await.unwrap();
    reload(&format!("{base}list = \"all\"\n"));
    assert_eq!(
        alice.pid().await,
        Ok(first),
        "what is said of the server is not said of its process"
    );
    for changed in [
        format!("{base}idle_timeout = \"9m\"\n"),
        format!("{base}processes = 31\n"),
        base.replace("KEY = \"1\"", "KEY = \"2\""),
        base.replace("KEY = \"1\"", "YEK = \"1\""),
        base.replace("KEY = \"1\"", ""),
        base.replace("cwd = \"/\"", "cwd = \"/tmp\""),
        base.replace("\"-c\"", "\"-e\", \"-c\""),
        base.replace("echo hello", "echo hallo"),
        base.replace("\"sh\"", "\"/bin/sh\""),
        format!("{base}shared = true\n"),
    ] {
        reload(&base);
        let before = Person::begin(&rig, "alice").await;
        reload(&base);
        assert!(before.pid().await.is_ok(), "{changed}");
        reload(&changed);
        assert_eq!(before.pid().await, Err(404), "{changed}");
        assert!(Person::begin(&rig, "alice").await.pid().await.is_ok(), "{changed}");
    }
}

/// What processes say to nobody is counted, and goes on being counted over a reload.
#[tokio::test]
async fn what_reaches_nobody_is_counted() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let admin = format!("[admin]\nlisten = \"127.0.0.1:{port}\"\n");
    let empty = |_: &Request<Bytes>| respond(200, &[("content-type", "application/json")], "{}");
    let top = format!("{admin}{}", tool(&command()));
    let rig = Rig::with(&top, "", empty).await;
    let count = async || {
        let mut client = crate::rig::Client::connect(([127, 0, 0, 1], port).into()).await;
        let page = client.whole(Request::get("/metrics").body(Bytes::new()).unwrap()).await;
        let page = String::from_utf8(page.body().to_vec()).unwrap();
        assert!(!page.contains("dropped_total{server=\"files\""), "it has no process");
        let series = "portcullis_stdio_messages_dropped_total{server=\"tool\",reason=\"garbage\"} ";
        let line = page.lines().find_map(|line| line.strip_prefix(series)).expect(&page);
        line.parse::<u64>().unwrap()
    };
    assert_eq!(count().await, 0);
    let alice = Person::begin(&rig, "alice").await;
    assert_eq!(count().await, 1);
    let changed = format!("{admin}{}", tool(&format!("{}processes = 7\n", command())));
    rig.serving.reload(&config(&Rig::text(&rig.issuer, &rig.upstream, &changed, ""))).unwrap();
    assert_eq!(alice.pid().await, Err(404));
    Person::begin(&rig, "alice").await;
    assert_eq!(count().await, 2);
}
