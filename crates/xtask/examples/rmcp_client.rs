//! A conversation by rmcp's client, for `cargo xtask interop`: a line for each check.
//!
//! Told as one JSON text: `url`, `token`, `revision`.
#![expect(clippy::print_stdout, reason = "a line for each check is what it is for")]

use std::error::Error;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientConfig, ClientRequest,
    GetPromptRequestParams, ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams,
    ResourceUpdatedNotificationParam, SubscribeRequestParams, SubscriptionFilter,
};
use rmcp::service::{NotificationContext, PeerRequestOptions, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _};
use serde_json::{Value, json};
use tokio::sync::Notify;

type Fallible<T = ()> = Result<T, Box<dyn Error>>;

/// How long a check may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server said without being asked.
#[derive(Clone, Default)]
struct Heard {
    progress: Arc<AtomicUsize>,
    /// Told of each step of progress as well.
    step: Arc<Notify>,
    updated: Arc<Notify>,
}

impl ClientHandler for Heard {
    async fn on_progress(&self, _: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.progress.fetch_add(1, Ordering::Relaxed);
        self.step.notify_one();
    }

    async fn on_resource_updated(
        &self,
        _: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.updated.notify_one();
    }

    fn get_info(&self) -> ClientConfig {
        ClientConfig::default().with_protocol_version(ProtocolVersion::V_2025_11_25)
    }
}

type Client = RunningService<RoleClient, Heard>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Fallible {
    let told: Value = serde_json::from_str(&std::env::args().nth(1).unwrap_or_default())?;
    let told = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let config = StreamableHttpClientTransportConfig::with_uri(told("url"))
        .auth_header(told("token"))
        .reinit_on_expired_session(false);
    let is_modern = told("revision") == "2026-07-28";
    let lifecycle = if is_modern {
        ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
    } else {
        ClientLifecycleMode::Initialize
    };
    let heard = Heard::default();
    let transport = StreamableHttpClientTransport::from_config(config);
    let client = heard.clone().serve_with_lifecycle(transport, lifecycle).await?;

    check("begins", ready(begins(&client, &told("revision")))).await;
    check("lists tools and calls them", tools(&client)).await;
    check("hears of progress", progress(&client, &heard)).await;
    check("gets prompts", prompts(&client)).await;
    check("reads resources", resources(&client)).await;
    if is_modern {
        check("listens", listens(&client)).await;
    } else {
        check("hears of a resource", subscribes(&client, &heard)).await;
    }
    check("takes back a call", takes_back(&client, &heard)).await;
    client.cancel().await?;
    Ok(())
}

async fn check(name: &str, work: impl Future<Output = Fallible>) {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(())) => println!("ok {name}"),
        Ok(Err(why)) => println!("not ok {name}: {}", why.to_string().replace('\n', " ")),
        Err(_) => println!("not ok {name}: no end after {} s", PATIENCE.as_secs()),
    }
}

/// A check of one thing.
fn hold(what: bool, otherwise: impl FnOnce() -> String) -> Fallible {
    if what { Ok(()) } else { Err(otherwise().into()) }
}

fn call(name: &'static str, arguments: &Value) -> CallToolRequestParams {
    let params = CallToolRequestParams::new(name);
    match arguments.as_object() {
        Some(arguments) => params.with_arguments(arguments.clone()),
        None => params,
    }
}

fn text(result: &CallToolResult) -> &str {
    result.content.iter().find_map(|content| content.as_text()).map_or("", |text| &text.text)
}

fn begins(client: &Client, revision: &str) -> Fallible {
    let info = client.peer_info().ok_or("the server says nothing of itself")?;
    hold(info.protocol_version.as_str() == revision, || format!("{info:?}"))
}

async fn tools(client: &Client) -> Fallible {
    let tools = client.list_all_tools().await?;
    hold(tools.iter().any(|tool| tool.name == "get-sum"), || format!("{tools:?}"))?;
    let echo = client.call_tool(call("echo", &json!({ "message": "by rmcp" }))).await?;
    hold(text(&echo).contains("by rmcp"), || format!("{echo:?}"))?;
    let sum = client.call_tool(call("get-sum", &json!({ "a": 1, "b": 2 }))).await?;
    hold(text(&sum).contains("is 3"), || format!("{sum:?}"))
}

const LONG: &str = "trigger-long-running-operation";

async fn progress(client: &Client, heard: &Heard) -> Fallible {
    let before = heard.progress.load(Ordering::Relaxed);
    let long = client.call_tool(call(LONG, &json!({ "duration": 0.6, "steps": 3 }))).await?;
    hold(text(&long).contains("completed"), || format!("{long:?}"))?;
    let steps = heard.progress.load(Ordering::Relaxed) - before;
    hold(steps == 3, || format!("{steps} steps of 3"))
}

async fn prompts(client: &Client) -> Fallible {
    let prompts = client.list_all_prompts().await?;
    hold(prompts.iter().any(|prompt| prompt.name == "args-prompt"), || format!("{prompts:?}"))?;
    let arguments = json!({ "city": "Paris" }).as_object().cloned().unwrap_or_default();
    let asked = GetPromptRequestParams::new("args-prompt").with_arguments(arguments);
    let prompt = format!("{:?}", client.get_prompt(asked).await?.messages);
    hold(prompt.contains("Paris"), || prompt)
}

async fn resources(client: &Client) -> Fallible {
    let resources = client.list_all_resources().await?;
    let uri = resources.first().map(|resource| resource.uri.clone()).ok_or("no resources")?;
    let read = client.read_resource(ReadResourceRequestParams::new(uri)).await?;
    hold(!read.contents.is_empty(), || "nothing was read".to_owned())
}

/// 2025-11-25: the news of a session come by its listening stream.
async fn subscribes(client: &Client, heard: &Heard) -> Fallible {
    let uri = "demo://resource/dynamic/text/1";
    #[expect(deprecated, reason = "it belongs to 2025-11-25")]
    let subscribed = client.subscribe(SubscribeRequestParams::new(uri));
    subscribed.await?;
    client.call_tool(call("toggle-subscriber-updates", &json!({}))).await?;
    heard.updated.notified().await;
    Ok(())
}

/// 2026-07-28: a request whose answer is the news.
async fn listens(client: &Client) -> Fallible {
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut subscription = client.listen(filter).await?;
    client.call_tool(call("test_trigger_tool_change", &json!({}))).await?;
    let news = subscription.next().await?;
    hold(news.is_some(), || format!("no news, but {:?}", subscription.end()))?;
    subscription.cancel().await?;
    Ok(())
}

/// The conversation goes on. (This client says so in a notification at both revisions, where the server of
/// 2026-07-28 waits for the end of the stream: that it stops is seen with the other clients.)
async fn takes_back(client: &Client, heard: &Heard) -> Fallible {
    let params = call(LONG, &json!({ "duration": 60, "steps": 600 }));
    let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
    let options = PeerRequestOptions::no_options();
    let handle = client.send_cancellable_request(request, options).await?;
    heard.step.notified().await;
    handle.cancel(Some("nobody waits".to_owned())).await?;
    let echo = client.call_tool(call("echo", &json!({ "message": "still here" }))).await?;
    hold(text(&echo).contains("still here"), || format!("{echo:?}"))
}
