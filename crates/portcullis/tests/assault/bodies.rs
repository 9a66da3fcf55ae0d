//! Whatever reaches an upstream is allowed to this caller, however the upstream reads it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request};
use portcullis::gateway::Gateway;
use serde_json::json;
use testkit::hostile::policies::{self, SCOPES};
use testkit::hostile::{Dice, Json, Sample, messages, mutations, rolls};
use testkit::lenient::{Reading, readings};
use testkit::reference::{RuleText, escapes};
use testkit::server::{Server, respond};
use testkit::{Signer, TestKey, claims_with, jwks};

use crate::common::rig::{self, Noon, PUBLIC};
use crate::{Client, IDLE, Run, assault, dressing, over, upstream};

/// Servers in one configuration, each with a policy of its own.
const SERVERS: u64 = 50;

/// Cases until the configuration is another one.
const ROUND: u64 = 2_000;

/// An audience that stands for all of the servers, so that eight tokens do.
const EVERYWHERE: &str = "https://all.example.com";

/// Status that the gateway passes without a look at the body, which is none of a real server.
const ANSWER: u16 = 400;

/// Policies for all servers of that round, of those that a configuration may have.
fn policies(run: Run, round: u64, issuer: &Server, upstream: &Server) -> Vec<Vec<RuleText>> {
    let mut numbers = 0..;
    let mut next = || loop {
        let number: u64 = numbers.next().unwrap();
        let dice = rolls(run.seed ^ 0x706f_6c69_6379, round << 32 | number, 60);
        let rules = policies::policy(&mut Dice(dice.iter()));
        // With an audience of its own: one that is shared takes two.
        let text = configuration(issuer, upstream, &[&rules[..]]).replace(EVERYWHERE, "");
        let text = text.replace("audience = \"\"\n", "").replace("[\"\"]", "[]");
        if rig::load(&text).is_ok() {
            return rules;
        }
    };
    (0..SERVERS).map(|_| next()).collect()
}

fn configuration<P: AsRef<[RuleText]>>(
    issuer: &Server,
    upstream: &Server,
    policies: &[P],
) -> String {
    let (issuer, idle) = (issuer.url(""), IDLE.as_secs());
    let mut text = format!(
        r#"
public_url = "{PUBLIC}"
listen = "127.0.0.1:0"
trusted_proxies = []
shared_audiences = ["{EVERYWHERE}"]
[limits]
idle_timeout = "{idle}s"
[issuers.idp]
issuer = "{issuer}"
jwks = "{issuer}/keys"
"#
    );
    for (number, rules) in policies.iter().enumerate() {
        let upstream = upstream.url(&format!("/{number}"));
        write!(
            text,
            r#"
[servers.s{number}]
path = "/s{number}/mcp"
upstream = "{upstream}"
issuers = ["idp"]
audience = "{EVERYWHERE}"
access = "rules"
"#
        )
        .unwrap();
        for rule in rules.as_ref() {
            let entry = json!([format!("{} {}", rule.method, rule.pattern)]);
            write!(
                text,
                "[[servers.s{number}.rules]]\nallow = {entry}\nscopes = {}\n",
                json!(rule.scopes)
            )
            .unwrap();
            if let Some((name, patterns)) = &rule.condition {
                writeln!(text, "args = {{ {name} = {} }}", json!(patterns)).unwrap();
            }
        }
    }
    text
}

/// The scopes of that number, one bit each.
fn held(number: usize) -> Vec<&'static str> {
    let bits = SCOPES.iter().enumerate().filter(|(bit, _)| number >> bit & 1 == 1);
    bits.map(|(_, scope)| *scope).collect()
}

/// A body, and the headers that go with it.
fn body(rules: &[RuleText], dice: &mut Dice<'_>) -> (Sample, Vec<u8>) {
    let written = |sample: &Sample, dice: &mut Dice<'_>| {
        let mut text = String::new();
        sample.body.write(dice, &mut text);
        text.into_bytes()
    };
    match dice.below(16) {
        0..=6 => {
            let sample = policies::body(rules, dice);
            let body = written(&sample, dice);
            (sample, body)
        }
        7..=9 => {
            let mut sample = policies::body(rules, dice);
            let body = mutations::mutated(&mut sample, dice);
            (sample, body)
        }
        10 | 11 => {
            let sample = messages::sample(dice);
            let body = written(&sample, dice);
            (sample, body)
        }
        12 | 13 => {
            let mut sample = messages::sample(dice);
            let body = mutations::mutated(&mut sample, dice);
            (sample, body)
        }
        14 => {
            // The head of one on the tail of another.
            let (one, two) = (policies::body(rules, dice), messages::sample(dice));
            let (mut body, tail) = (written(&one, dice), written(&two, dice));
            body.truncate(dice.below(body.len() + 1));
            body.extend(&tail[dice.below(tail.len() + 1)..]);
            (if dice.one_in(2) { one } else { two }, body)
        }
        _ => {
            let body = (0..dice.below(100)).map(|_| u8::try_from(dice.below(256)).unwrap());
            let sample = Sample { body: Json::Raw(String::new()), calls: vec![], headers: vec![] };
            (sample, body.collect())
        }
    }
}

/// What is wrong with what arrived, if anything.
fn flaw(
    rules: &[RuleText],
    held: &[&str],
    sent: &[u8],
    arrived: &Request<Bytes>,
) -> Option<String> {
    let method = arrived.method().as_str();
    if method != "POST" {
        let is_empty = matches!(method, "GET" | "DELETE") && arrived.body().is_empty();
        return (!is_empty).then(|| format!("{method} with {} bytes", arrived.body().len()));
    }
    if arrived.body() != sent {
        return Some("other bytes than were sent".to_owned());
    }
    let readings = readings(arrived.body());
    if readings.is_empty() {
        return Some("nobody reads anything".to_owned());
    }
    readings.iter().find_map(|reading| {
        let escaped = escapes(rules, held, reading);
        if !escaped.is_empty() {
            return Some(format!("{} does {escaped:?} with {:?}", reading.how, reading.arguments));
        }
        // No task was ever made, so whoever names one names another's.
        let task = reading
            .calls
            .iter()
            .find(|(method, ids)| method.starts_with("tasks/") && !ids.is_empty());
        task.map(|task| format!("{} does {task:?}", reading.how))
            .or_else(|| disagreement(reading, arrived.headers()))
    })
}

/// What a server does that goes by headers, where that is not what the body says.
fn disagreement(reading: &Reading, headers: &HeaderMap) -> Option<String> {
    let only = |name: &str| {
        let mut values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?"));
        (values.next(), values.next().is_some())
    };
    let (method, is_twice) = only("mcp-method");
    let (name, is_named_twice) = only("mcp-name");
    if is_twice || is_named_twice {
        return Some("a header twice".to_owned());
    }
    let decoded = |name: &str| match name
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="))
    {
        Some(text) => STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()),
        None => Some(name.to_owned()),
    };
    let is_of_one = reading.calls.len() == 1;
    let agrees = |said: &str| is_of_one && reading.calls[0].0 == said;
    let names = |said: &str| {
        is_of_one
            && decoded(said).is_some_and(|said| {
                reading.calls[0].1.contains(&said) || reading.misses_escaped_names
            })
    };
    if let Some(method) = method.filter(|method| !agrees(method)) {
        return Some(format!("Mcp-Method: {method}, and {} does {:?}", reading.how, reading.calls));
    }
    let name = name.filter(|name| !names(name))?;
    Some(format!("Mcp-Name: {name}, and {} does {:?}", reading.how, reading.calls))
}

// req: RS-12, RS-11, RS-19
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_reaches_the_upstream_is_allowed_in_every_reading() {
    let run = Run::asked_for();
    let issuer = Server::start(|_| respond(200, &[], jwks(&[TestKey::P256]))).await;
    let (upstream, arrived) = upstream(ANSWER).await;
    let tokens: Arc<Vec<String>> = Arc::new(
        (0..1 << SCOPES.len())
            .map(|number| {
                let scope = held(number).join(" ");
                let claims = json!({ "iss": issuer.url(""), "aud": EVERYWHERE, "scope": scope });
                Signer::new(TestKey::P256).sign(&claims_with(&claims))
            })
            .collect(),
    );
    let mut serving = None;
    let passed = Arc::new(AtomicU64::new(0));
    for (round, start) in (0..run.cases).step_by(usize::try_from(ROUND).unwrap()).enumerate() {
        let policies = Arc::new(policies(run, round as u64, &issuer, &upstream));
        let config = rig::config(&configuration(&issuer, &upstream, &policies));
        let serving = match &serving {
            None => serving.insert(Gateway::start(&config, Arc::new(Noon)).await.unwrap()),
            Some(serving) => {
                serving.reload(&config).unwrap();
                serving
            }
        };
        let (tokens, arrived, passed) =
            (Arc::clone(&tokens), Arc::clone(&arrived), Arc::clone(&passed));
        let case = move |case, mut client: Client| {
            let (tokens, arrived) = (Arc::clone(&tokens), Arc::clone(&arrived));
            let (policies, passed) = (Arc::clone(&policies), Arc::clone(&passed));
            async move {
                let dice = rolls(run.seed, case, 400);
                let dice = &mut Dice(dice.iter());
                let server = dice.below(policies.len());
                // Whoever has every scope gets furthest.
                let number =
                    if dice.one_in(2) { tokens.len() - 1 } else { dice.below(tokens.len()) };
                let rules = &policies[server];
                let (sample, body) = body(rules, dice);
                let path = format!("/s{server}/mcp");
                let bytes = dressing::request(case, &path, &tokens[number], (&sample, &body), dice);
                let has_arrived = || arrived.lock().unwrap().contains_key(&case);
                let reply = client.ask(&bytes, has_arrived).await;
                let sent = arrived.lock().unwrap().remove(&case).unwrap_or_default();
                let shown = |what: &str| {
                    let bytes = String::from_utf8_lossy(&bytes).into_owned();
                    format!(
                        "case {case} of {run:?}: {what}\n{bytes}\nwas answered {reply:?}; it is allowed {rules:#?} to {:?}",
                        held(number)
                    )
                };
                let reply_status = reply.as_ref().map_or(0, |reply| reply.status);
                assert!(
                    reply_status < 500 && reply_status != 0,
                    "{}",
                    shown("no answer, or a failure")
                );
                let is_passed =
                    reply.as_ref().is_some_and(|reply| reply.header("x-upstream").is_some());
                assert_eq!(sent.len(), usize::from(is_passed), "{}", shown("not once"));
                for arrived in &sent {
                    assert_eq!(
                        arrived.uri().path(),
                        format!("/{server}"),
                        "{}",
                        shown("elsewhere")
                    );
                    if let Some(flaw) = flaw(rules, &held(number), &body, arrived) {
                        panic!("{}", shown(&flaw));
                    }
                }
                passed.fetch_add(sent.len() as u64, Ordering::Relaxed);
                client
            }
        };
        assault(serving, start..run.cases.min(start + ROUND), case).await;
    }
    over(serving.unwrap()).await;
    let passed = passed.load(Ordering::Relaxed);
    println!("{passed} of {} bodies passed, none of them an escape", run.cases);
    // Both are frequent enough to mean something.
    assert!((run.cases / 10..run.cases * 9 / 10).contains(&passed), "{passed}");
}
