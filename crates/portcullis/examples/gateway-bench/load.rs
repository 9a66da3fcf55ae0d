//! The client in front of every contender: calls a tool over kept connections, one call after another on
//! each, and stops at the first answer that is not the expected one.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::options::Options;
use crate::wire::{ANSWER, CALL, Inbox, PATH, response};
use crate::{Result, one_thread};

struct Plan {
    to: SocketAddr,
    /// Everything before the token, and everything after it.
    before: String,
    after: String,
    tokens: Vec<String>,
    /// How many calls may still begin.
    calls: usize,
    begun: AtomicUsize,
    skip: usize,
    ends: Option<Instant>,
}

pub(crate) fn main(mut options: Options) -> Result {
    let to: SocketAddr = options.required("--to")?;
    let tokens: String = options.required("--tokens")?;
    let connections: usize = options.required("--connections")?;
    let seconds: Option<f64> = options.option("--seconds")?;
    let requests: Option<usize> = options.option("--requests")?;
    let skip = options.option("--skip")?.unwrap_or(0);
    let once = options.flag("--once");
    let wait: Option<f64> = options.option("--wait")?;
    options.end()?;

    let tokens: Vec<String> = fs::read_to_string(tokens)?.lines().map(str::to_owned).collect();
    let all = if once { tokens.len().saturating_sub(skip) } else { usize::MAX };
    let calls = requests.unwrap_or(usize::MAX).min(all);
    let (before, after) = around_the_token(to);
    let (begun, ends) = (AtomicUsize::new(0), None);
    let mut plan = Plan { to, before, after, tokens, calls, begun, skip, ends };
    one_thread()?.block_on(async {
        if let Some(seconds) = wait {
            until_ready(&plan, Duration::from_secs_f64(seconds)).await?;
        }
        let start = Instant::now();
        plan.ends = seconds.map(|seconds| start + Duration::from_secs_f64(seconds));
        let times = drive(Arc::new(plan), connections).await?;
        report(times, start.elapsed())
    })
}

/// A request as the TypeScript SDK makes it for a server of 2025-11-25.
fn around_the_token(to: SocketAddr) -> (String, String) {
    let before = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {to}\r\nConnection: keep-alive\r\nAuthorization: Bearer "
    );
    let after = format!(
        "\r\nMCP-Protocol-Version: 2025-11-25\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nAccept-Language: *\r\n\
         Sec-Fetch-Mode: cors\r\nUser-Agent: node\r\nAccept-Encoding: gzip, deflate\r\n\
         Content-Length: {}\r\n\r\n{CALL}",
        CALL.len()
    );
    (before, after)
}

/// Asks until the right answer comes, since a proxy may still be fetching what it needs.
async fn until_ready(plan: &Plan, patience: Duration) -> Result {
    let start = Instant::now();
    loop {
        let asked = async { Connection::open(plan).await?.call(plan, plan.skip).await };
        match asked.await {
            Ok(_) => return Ok(()),
            Err(why) if start.elapsed() > patience => return Err(why),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn drive(plan: Arc<Plan>, connections: usize) -> Result<Vec<u32>> {
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let plan = Arc::clone(&plan);
        tasks.spawn(async move {
            let mut connection = Connection::open(&plan).await?;
            let mut times = Vec::with_capacity(16 * 1024);
            loop {
                let call = plan.begun.fetch_add(1, Ordering::Relaxed);
                if call >= plan.calls || plan.ends.is_some_and(|ends| Instant::now() >= ends) {
                    return Ok(times);
                }
                let took = connection.call(&plan, plan.skip.wrapping_add(call)).await?;
                times.push(u32::try_from(took.as_nanos()).unwrap_or(u32::MAX));
            }
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        all.extend(Result::<Vec<u32>>::from(ended?)?);
    }
    Ok(all)
}

struct Connection {
    socket: TcpStream,
    inbox: Inbox,
    message: Vec<u8>,
}

impl Connection {
    async fn open(plan: &Plan) -> Result<Self> {
        let socket = TcpStream::connect(plan.to).await?;
        socket.set_nodelay(true)?;
        Ok(Connection { socket, inbox: Inbox::new(), message: Vec::with_capacity(4096) })
    }

    /// One call with the token whose turn it is; how long its answer took.
    async fn call(&mut self, plan: &Plan, turn: usize) -> Result<Duration> {
        let token = plan.tokens.get(turn % plan.tokens.len().max(1)).ok_or("no token")?;
        self.message.clear();
        for part in [&plan.before, token, &plan.after] {
            self.message.extend_from_slice(part.as_bytes());
        }
        let start = Instant::now();
        self.socket.write_all(&self.message).await?;
        loop {
            if let Some(answer) = response(self.inbox.bytes())? {
                let body = self.inbox.bytes().get(answer.body.clone()).unwrap_or_default();
                if answer.status != 200 || body != ANSWER.as_bytes() {
                    let got = String::from_utf8_lossy(self.inbox.bytes()).into_owned();
                    return Err(format!("not the answer that was expected:\n{got}").into());
                }
                self.inbox.consume(answer.body.end);
                return Ok(start.elapsed());
            }
            if !self.inbox.more(&mut self.socket).await? {
                return Err("the connection ended before the answer".into());
            }
        }
    }
}

fn report(mut times: Vec<u32>, took: Duration) -> Result {
    times.sort_unstable();
    let at = |percent: usize| {
        let place = times.len().saturating_sub(1) * percent / 100;
        times.get(place).copied().map(|ns| f64::from(ns) / 1000.0).ok_or("no call was made")
    };
    let report = serde_json::json!({
        "requests": times.len(),
        "seconds": took.as_secs_f64(),
        "p50_us": at(50)?,
        "p99_us": at(99)?,
    });
    println!("{report}");
    Ok(())
}
