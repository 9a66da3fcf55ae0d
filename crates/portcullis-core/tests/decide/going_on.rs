//! What goes on after its request was answered, and is judged again: a stream that listens.

use super::*;

fn listen(uri: &str) -> Value {
    let params = json!({ "notifications": { "resourceSubscriptions": [uri] } });
    message("subscriptions/listen", &params)
}

fn one(entry: &str) -> Policy {
    Policy::rules(resource(), [allow(entry)]).build().unwrap()
}

/// Hours later it is still known by its names, and nothing of its body is in memory for that.
#[test]
fn nothing_of_the_body_is_kept() {
    let (public, others) =
        (one("resources/read file:///public/**"), one("resources/read file:///x"));
    let long = format!("file:///public/{}", "a".repeat(1000));
    for message in [listen(&long), json!([call_body("read"), listen(&long)])] {
        let rules = [allow("resources/read file:///public/**"), allow("tools/call read")];
        let policy = Policy::rules(resource(), rules).build().unwrap();
        let operation = read(&message);
        let body = operation.body().clone();
        let permit = permit(&policy, caller("", &[]), operation);
        let (asked, token) = (permit.asked(), permit.caller().shared_token());
        assert!(!body.is_unique(), "the permit has it");
        drop(permit);
        assert!(body.is_unique(), "what goes on has some of it");
        assert_eq!(asked.may_go_on(&policy, &token, now()), Ok(()));
        let refused = asked.may_go_on(&others, &token, now());
        assert_eq!(refused, Err(Failure::Forbidden), "by the names it has kept");
    }
    let permit = permit(&public, caller("", &[]), read(&listen(&long)));
    let token = permit.caller().shared_token();
    let late = UnixTime::from_secs(NOW + 100_000);
    let over = permit.asked().may_go_on(&public, &token, late);
    assert!(matches!(over, Err(Failure::Token(Refusal::Expired(_)))), "{over:?}");
}

fn call_body(tool: &str) -> Value {
    message("tools/call", &json!({ "name": tool, "arguments": { "path": "/public/a" } }))
}

/// Arguments are in the body: what was allowed by them is not allowed without.
#[test]
fn what_was_allowed_by_its_arguments_does_not_go_on() {
    let guarded = allow("tools/call read").arg("path", ["/public/**"]).unwrap();
    let by_arguments = Policy::rules(resource(), [guarded]).build().unwrap();
    for (policy, expected) in
        [(one("tools/call read"), Ok(())), (by_arguments, Err(Failure::Forbidden))]
    {
        let permit = permit(&policy, caller("", &[]), read(&call_body("read")));
        let token = permit.caller().shared_token();
        assert_eq!(permit.asked().may_go_on(&policy, &token, now()), expected);
    }
}
