//! One line of the audit trail.

use portcullis_core::error::Failure;
use portcullis_core::operation::Call;
use portcullis_core::policy::RulePlace;

use super::super::json::Writer;
use super::super::{Noted, Outcome, Watched};

/// Appends the line of what is noted, with its end.
pub(super) fn write(out: &mut Vec<u8>, noted: &Noted<'_>) {
    Writer::object(out, |line| members(line, noted));
    out.push(b'\n');
}

fn members(line: &mut Writer<'_>, noted: &Noted<'_>) {
    let about = &noted.about;
    line.plain("time", &about.at.to_rfc3339());
    line.text("request", about.request);
    line.plain("outcome", noted.outcome.word().as_bytes());
    if let Outcome::Denied(failure) = noted.outcome {
        line.plain("class", failure.label().as_bytes());
    }
    line.number("status", noted.status.as_u16().into());
    line.text("server", about.server.name());
    calls(line, noted.calls);
    match noted.outcome {
        Outcome::Allowed { rules: places } => rules(line, about.server, places),
        Outcome::Denied(failure) => why(line, failure),
    }
    if let Some(caller) = noted.caller {
        line.text("issuer", caller.issuer().as_str());
        if let Some(subject) = caller.subject() {
            line.text("subject", subject);
        }
        if let Some(client) = caller.client_id() {
            line.text("client", client);
        }
    }
    if let Some(hash) = noted.token() {
        line.plain("token", &prefix(hash.as_bytes()));
    }
    line.address("address", about.client);
    let micros = u64::try_from(about.latency.as_micros()).unwrap_or(u64::MAX);
    line.number("latency_us", micros);
}

/// Method and target of the first; whatever else a batch or a call of several targets holds is in `more`, so
/// that both are strings on every line.
fn calls(line: &mut Writer<'_>, calls: &[Call]) {
    let mut aims = calls.iter().flat_map(|call| {
        let targets = call.targets().iter().map(|target| Some(target.text()));
        let none = call.targets().is_empty().then_some(None);
        targets.chain(none).map(|target| (call.method_name(), target))
    });
    let aim = |line: &mut Writer<'_>, (method, target): (&str, Option<&str>)| {
        line.text("method", method);
        if let Some(target) = target {
            line.text("target", target);
        }
    };
    if let Some(first) = aims.next() {
        aim(line, first);
    }
    let mut aims = aims.peekable();
    if aims.peek().is_some() {
        // The core bounds how many targets an operation has, and how long they are together.
        line.objects("more", aims, aim);
    }
}

/// The first rule; others, where an operation needed several, are in `more_rules`.
fn rules(line: &mut Writer<'_>, server: &Watched, places: &[RulePlace]) {
    let Some((first, others)) = places.split_first() else { return };
    // Without a place in a file, the number of the rule.
    let mut number = String::new();
    if server.rule(*first).is_none() {
        number = first.to_string();
    }
    line.text("rule", server.rule(*first).unwrap_or(&number));
    let mut others = others.iter().filter(|place| *place != first).peekable();
    if others.peek().is_some() {
        let numbers: Vec<_> = others.map(|place| (place.to_string(), *place)).collect();
        let written = numbers.iter().map(|(number, place)| server.rule(*place).unwrap_or(number));
        line.texts("more_rules", written);
    }
}

/// Why nothing came of it; the text of the log, which holds no token and no secret.
fn why(line: &mut Writer<'_>, failure: &Failure) {
    line.text("reason", &failure.to_string());
    if let Failure::InsufficientScope(scopes) = failure {
        line.text("needs", &scopes.to_string());
    }
}

/// As the log shows the hash of a token: its first eight hex digits.
fn prefix(hash: &[u8; 32]) -> [u8; 8] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0');
    let [a, b, c, d, ..] = *hash;
    let [a1, a2, b1, b2, c1, c2, d1, d2] = [a >> 4, a, b >> 4, b, c >> 4, c, d >> 4, d].map(digit);
    [a1, a2, b1, b2, c1, c2, d1, d2]
}
