//! A small MCP server over standard input and output.
//!
//! The tests start their own program with a variable set, and then the test at the end of this file serves
//! in place of testing. What the test harness prints before is garbage to the gateway, as servers print it.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// The variable, and what makes a server of 2026-07-28 of it.
pub const SERVE: &str = "TEST_SERVES";
pub const LEGACY: &str = "legacy";
pub const MODERN: &str = "modern";
/// Like `LEGACY`, and ends at the first question that is not `initialize`.
pub const TOUCHY: &str = "touchy";
/// It answers `initialize` with an error.
pub const REFUSING: &str = "refusing";
/// Where it says its process id, on a connection that lasts as long as it does.
pub const WATCH: &str = "TEST_WATCH";
/// It stays when its input ends.
pub const STUBBORN: &str = "TEST_STUBBORN";

/// The words that start it.
pub fn command() -> Vec<String> {
    let program = std::env::current_exe().unwrap().into_os_string().into_string().unwrap();
    [&*program, "--exact", "server::it_serves_what_it_is_asked"].map(str::to_owned).to_vec()
}

#[expect(clippy::disallowed_methods, reason = "what the tests set for their own server")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "what this very process was given")]
pub fn variables() -> BTreeMap<String, String> {
    std::env::vars().collect()
}

struct Server<W> {
    out: W,
    kind: String,
    heard: Vec<String>,
    held: Vec<Value>,
    listening: Vec<Value>,
    /// Calls that wait for the client's answer, by the id of what it was asked.
    asking: BTreeMap<String, Value>,
}

impl<W: Write> Server<W> {
    fn new(out: W, kind: &str) -> Self {
        Server {
            out,
            kind: kind.to_owned(),
            heard: Vec::new(),
            held: Vec::new(),
            listening: Vec::new(),
            asking: BTreeMap::new(),
        }
    }

    fn run(&mut self, input: impl BufRead) {
        for line in input.lines() {
            let line = line.unwrap();
            self.heard.push(line.clone());
            let message: Value = serde_json::from_str(&line).expect("one message on each line");
            self.hear(&message);
        }
    }

    fn say(&mut self, line: impl std::fmt::Display) {
        // In one piece, as the lines of several writers would have to be.
        self.out.write_all(format!("{line}\n").as_bytes()).unwrap();
        self.out.flush().unwrap();
    }

    fn answer(&mut self, id: &Value, result: Value) {
        self.say(json!({ "jsonrpc": "2.0", "id": id, "result": result }));
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.say(json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn hear(&mut self, message: &Value) {
        let (id, params) = (&message["id"], &message["params"]);
        match message["method"].as_str() {
            Some("initialize") if self.kind != REFUSING => self.answer(
                id,
                json!({
                    "protocolVersion": params["protocolVersion"],
                    "capabilities": { "tools": {} },
                    "serverInfo": { "name": "test", "version": "1" },
                }),
            ),
            Some(_) if self.kind == TOUCHY && self.heard.len() == 1 => std::process::exit(1),
            Some("server/discover") if self.kind == MODERN => {
                self.answer(
                    id,
                    json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"] }),
                );
            }
            Some("subscriptions/listen") if self.kind == MODERN => {
                self.listening.push(id.clone());
                let subscription = json!({ "io.modelcontextprotocol/subscriptionId": id });
                self.notify(
                    "notifications/subscriptions/acknowledged",
                    json!({ "_meta": subscription }),
                );
            }
            Some("tools/call") => self.call(id, params),
            Some("notifications/cancelled") => {
                self.held.retain(|held| held["id"] != params["requestId"]);
                self.listening.retain(|listening| *listening != params["requestId"]);
            }
            Some(method) if method.starts_with("notifications/") => {}
            Some(_) => {
                let error = json!({ "code": -32601, "message": "unknown" });
                self.say(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
            }
            None => {
                if let Some(call) = self.asking.remove(&id.to_string()) {
                    self.answer(&call, json!({ "client said": message["result"] }));
                }
            }
        }
    }

    fn call(&mut self, id: &Value, params: &Value) {
        let (arguments, token) = (&params["arguments"], &params["_meta"]["progressToken"]);
        match params["name"].as_str().unwrap() {
            "echo" => self.answer(id, json!({ "echo": arguments, "pid": std::process::id() })),
            "heard" => self.answer(id, json!(self.heard)),
            "environment" => {
                let cwd = std::env::current_dir().unwrap();
                self.answer(id, json!({ "variables": variables(), "cwd": cwd }));
            }
            // Answered when somebody says `release`.
            "hold" => self.held.push(json!({ "id": id, "arguments": arguments })),
            "release" => {
                for held in std::mem::take(&mut self.held) {
                    self.answer(&held["id"], json!({ "released": held["arguments"] }));
                }
                self.answer(id, json!({}));
            }
            "progress" => {
                self.notify(
                    "notifications/progress",
                    json!({ "progressToken": token, "progress": 1 }),
                );
                self.answer(id, json!({}));
            }
            // Progress for a token that somebody makes up.
            "forge" => {
                self.notify(
                    "notifications/progress",
                    json!({ "progressToken": arguments["token"] }),
                );
                self.answer(id, json!({}));
            }
            "log" => {
                self.notify("notifications/message", json!({ "level": "info", "data": arguments }));
                self.answer(id, json!({}));
            }
            "change" => {
                self.notify("notifications/tools/list_changed", json!({}));
                self.answer(id, json!({}));
            }
            "ask" => {
                let question = arguments["id"].clone();
                self.asking.insert(question.to_string(), id.clone());
                self.say(json!({ "jsonrpc": "2.0", "id": question, "method": "roots/list" }));
            }
            "ping" => {
                self.asking.insert("\"p\"".to_owned(), id.clone());
                self.say(json!({ "jsonrpc": "2.0", "id": "p", "method": "ping" }));
            }
            "say" => {
                self.say(arguments["text"].as_str().unwrap());
                self.answer(id, json!({}));
            }
            "answer and say" => {
                self.answer(id, json!({}));
                self.say(arguments["text"].as_str().unwrap());
            }
            "long" => {
                let length = usize::try_from(arguments["length"].as_u64().unwrap()).unwrap();
                self.answer(id, json!("x".repeat(length)));
            }
            "both" => {
                let held = self.held.pop().unwrap();
                let answers = [&held["id"], id]
                    .map(|id| json!({ "jsonrpc": "2.0", "id": id, "result": { "in": "a batch" } }));
                self.say(json!(answers));
            }
            "have a child" => {
                let mut child = Command::new("sh");
                // It holds this server's output open, and says no word.
                child.args(["-c", "exec sleep 300"]).stdin(Stdio::null());
                self.answer(id, json!(child.spawn().unwrap().id()));
            }
            "crash" => std::process::exit(3),
            other => self.call_of_subscriptions(other, id, arguments),
        }
    }

    fn call_of_subscriptions(&mut self, tool: &str, id: &Value, arguments: &Value) {
        match tool {
            "poke" => {
                for listening in self.listening.clone() {
                    let subscription =
                        json!({ "io.modelcontextprotocol/subscriptionId": listening });
                    let news = json!({ "uri": "file:///a", "_meta": subscription });
                    self.notify("notifications/resources/updated", news);
                }
                self.answer(id, json!(self.listening.len()));
            }
            "hang up" => {
                for listening in std::mem::take(&mut self.listening) {
                    if arguments["gracefully"] == true {
                        let subscription =
                            json!({ "io.modelcontextprotocol/subscriptionId": listening });
                        self.answer(&listening, json!({ "_meta": subscription }));
                    } else {
                        self.notify("notifications/cancelled", json!({ "requestId": listening }));
                    }
                }
                self.answer(id, json!({}));
            }
            other => panic!("{other}"),
        }
    }
}

/// Serves where it was started for that; else tries the server itself, without the gateway.
#[test]
fn it_serves_what_it_is_asked() {
    if let Some(kind) = variable(SERVE) {
        let mut watch = variable(WATCH).map(|address| TcpStream::connect(address).unwrap());
        if let Some(watch) = &mut watch {
            writeln!(watch, "{}", std::process::id()).unwrap();
        }
        eprintln!("serving");
        Server::new(io::stdout(), &kind).run(io::stdin().lock());
        while variable(STUBBORN).is_some() {
            std::thread::park();
        }
        std::process::exit(0);
    }
    let mut server = Server::new(Vec::new(), LEGACY);
    let hold = r#"{"id":1,"method":"tools/call","params":{"name":"hold","arguments":7}}"#;
    let release = r#"{"id":2,"method":"tools/call","params":{"name":"release"}}"#;
    server.run(format!("{hold}\n{release}\n").as_bytes());
    let said = String::from_utf8(server.out).unwrap();
    let wanted = [
        r#"{"id":1,"jsonrpc":"2.0","result":{"released":7}}"#,
        r#"{"id":2,"jsonrpc":"2.0","result":{}}"#,
        "",
    ];
    assert_eq!(said, wanted.join("\n"));
}
