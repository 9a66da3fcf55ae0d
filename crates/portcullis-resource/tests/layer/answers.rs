//! Every kind of answer, each refusal beside a request like it that is let through.

use http::StatusCode;
use portcullis_core::policy::Rule;
use portcullis_core::scope::Role;
use serde_json::{Value, json};
use testkit::{AUDIENCE, NOW, Signer, TestKey, claims, claims_with};

use crate::house::{
    Ask, House, METADATA, Published, ask, auth, call, good, house, issuer, post, token,
};

fn guarded() -> House {
    let bosses = Rule::allow(["tools/call admin"]).unwrap().roles([Role::parse("boss").unwrap()]);
    let auth = auth()
        .base_scopes(["files:read"])
        .tool("read_*", [])
        .tool("delete_*", ["files:write", "files:delete"])
        .rule(bosses);
    house(auth)
}

struct Case {
    name: &'static str,
    refused: Ask,
    status: u16,
    challenge: Option<String>,
    body: Value,
    twin: Ask,
}

fn read() -> Ask {
    post(&call("read_file"))
}

/// A 401 or 400 that says what is wrong, and what a client has to ask for from the start.
fn because(error: &str, description: &str) -> (Option<String>, Value) {
    let challenge = format!(
        "Bearer error=\"{error}\", error_description=\"{description}\", scope=\"files:read\", \
         resource_metadata=\"{METADATA}\""
    );
    (Some(challenge), json!({ "error": error, "error_description": description }))
}

async fn hold(house: &House, cases: impl IntoIterator<Item = Case>) {
    for Case { name, refused, status, challenge, body, twin } in cases {
        house.inner.forget();
        let answer = refused.of(&house.app).await;
        assert_eq!(answer.status.as_u16(), status, "{name}");
        assert_eq!(answer.challenge(), challenge.as_deref(), "{name}");
        assert_eq!(answer.json(), body, "{name}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
        assert_eq!(house.inner.count(), 0, "{name}");
        let answer = twin.of(&house.app).await;
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"done"[..]), "{name}");
        assert_eq!(house.inner.count(), 1, "{name}");
    }
}

// req: RS-1
// req: RS-2
// req: RS-3
#[tokio::test]
async fn what_is_wrong_with_a_token_is_told() {
    let absent = Some(format!("Bearer scope=\"files:read\", resource_metadata=\"{METADATA}\""));
    let absent = (absent, json!({ "error_description": "a token is needed" }));
    let invalid = |description| because("invalid_token", description);
    let signed = |key| Signer::new(key).sign(&claims());
    let id_token = Signer::new(TestKey::P256).typ("JWT").sign(&claims());
    let foreign = "https://other.example.com/mcp";
    let elsewhere = "https://elsewhere.example.com";
    let cases = [
        ("none", read(), absent.clone()),
        ("no bearer", read().header("authorization", "Basic Z2F0ZTprZWVwZXI="), absent),
        (
            "not a token",
            read().bearer("e30.e30"),
            invalid("the token's issuer is not accepted here"),
        ),
        (
            "no algorithm",
            read().bearer("e30.e30.e30"),
            invalid("the token's algorithm is not accepted"),
        ),
        (
            "expired",
            read().bearer(&token(&json!({ "exp": NOW - 60 }))),
            invalid("the token has expired or is not valid yet"),
        ),
        (
            "another audience",
            read().bearer(&token(&json!({ "aud": foreign }))),
            invalid("the token is not for this resource"),
        ),
        (
            "another issuer",
            read().bearer(&token(&json!({ "iss": elsewhere }))),
            invalid("the token's issuer is not accepted here"),
        ),
        (
            "another key",
            read().bearer(&signed(TestKey::P256Second)),
            invalid("the token's key is not known"),
        ),
        (
            "a forged signature",
            read().bearer(&forged()),
            invalid("the token's signature does not verify"),
        ),
        ("no access token", read().bearer(&id_token), invalid("the token is not an access token")),
    ];
    let house = guarded();
    hold(
        &house,
        cases.map(|(name, refused, (challenge, body))| Case {
            name,
            refused,
            status: 401,
            challenge,
            body,
            twin: read().bearer(&good()),
        }),
    )
    .await;
}

/// The claims of one token under the signature of another.
fn forged() -> String {
    let (one, other) = (good(), token(&json!({ "sub": "mallory" })));
    let (claims, signature) = (other.rsplit_once('.').unwrap().0, one.rsplit_once('.').unwrap().1);
    format!("{claims}.{signature}")
}

// req: RS-10
#[tokio::test]
async fn a_token_stands_in_one_header_and_nowhere_else() {
    let within = format!("/mcp?access_token={}", good());
    let escaped = format!("/mcp?a=b&access%5Ftoken={}", good());
    let json = |uri: &str| ask("POST", uri).header("content-type", "application/json");
    let at = |uri: &str| json(uri).body(call("read_file").to_string());
    let in_query = || because("invalid_request", "an access token in the query string");
    let twice = because("invalid_request", "more than one Authorization header");
    let scheme = because(
        "invalid_request",
        "the Authorization header does not start with a scheme and a space",
    );
    let none =
        because("invalid_request", "the Authorization header does not hold exactly one token");
    let cases = [
        ("in the query", at(&within), in_query()),
        ("in the query, with escapes", at(&escaped), in_query()),
        ("there as well", at(&within).bearer(&good()), in_query()),
        ("two headers", read().bearer(&good()).bearer(&good()), twice.clone()),
        ("two schemes", read().header("authorization", "Basic eA==").bearer(&good()), twice),
        ("no scheme", read().header("authorization", "\"a b\""), scheme),
        ("a list", read().header("authorization", "Bearer a, Bearer b"), none),
    ];
    let house = guarded();
    hold(
        &house,
        cases.map(|(name, refused, (challenge, body))| {
            let twin = at("/mcp?token=a&b=access_token").bearer(&good());
            Case { name, refused, status: 400, challenge, body, twin }
        }),
    )
    .await;
    let modern = house_answer_to_a_modern_client(&house).await;
    assert_eq!(modern["error"]["code"], -32020, "so that it does not fall back to initialize");
}

async fn house_answer_to_a_modern_client(house: &House) -> Value {
    let revision = read().header("mcp-protocol-version", "2026-07-28");
    revision.bearer(&good()).bearer(&good()).of(&house.app).await.json()
}

// req: RS-6
// req: RS-7
#[tokio::test]
async fn who_lacks_a_permission_is_told_what_to_ask_for() {
    let wanted = "files:delete files:read files:write";
    let challenge = format!(
        "Bearer error=\"insufficient_scope\", error_description=\"the operation needs more scopes\", \
         scope=\"{wanted}\", resource_metadata=\"{METADATA}\""
    );
    let told = json!({
        "error": "insufficient_scope",
        "error_description": "the operation needs more scopes",
    });
    let denied =
        json!({ "error": "access_denied", "error_description": "the operation is not allowed" });
    let with = |scope: &str| token(&json!({ "scope": scope }));
    let list = message_of("tools/list");
    let resource = message_of("resources/read");
    let cases = [
        ("more scopes", post(&call("delete_all")), "files:read", 403, Some(&challenge), &told),
        (
            "one is not enough",
            post(&call("delete_all")),
            "files:read files:write",
            403,
            Some(&challenge),
            &told,
        ),
        ("no rule", post(&call("format_disk")), wanted, 403, None, &denied),
        ("a role", post(&call("admin")), wanted, 403, None, &denied),
        ("nothing but tools", post(&resource), wanted, 403, None, &denied),
    ];
    let house = guarded();
    hold(
        &house,
        cases.map(|(name, refused, scope, status, challenge, body)| Case {
            name,
            refused: refused.bearer(&with(scope)),
            status,
            challenge: challenge.cloned(),
            body: body.clone(),
            twin: post(&call("delete_all")).bearer(&with(wanted)),
        }),
    )
    .await;
    let base = "Bearer error=\"insufficient_scope\", error_description=\"the operation needs more \
                scopes\", scope=\"files:read\", resource_metadata=\"";
    hold(
        &house,
        [Case {
            name: "the base scopes",
            refused: post(&list).bearer(&with("files:write")),
            status: 403,
            challenge: Some(format!("{base}{METADATA}\"")),
            body: told,
            twin: post(&message_of("ping")).bearer(&with("files:write")),
        }],
    )
    .await;
}

fn message_of(method: &str) -> Value {
    crate::house::message(method, &json!({ "uri": "file:///x" }))
}

// req: RS-6
// req: RS-12
#[tokio::test]
async fn a_request_that_nobody_can_act_on_is_400() {
    let rpc = |code: i32, message: &str| json!({ "jsonrpc": "2.0", "id": null, "error": { "code": code, "message": message } });
    let with_body = |body: &str| read().body(body.to_owned());
    let broken = with_body("{");
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping","params":{}}"#;
    let batch = format!("[{},{}]", call("read_file"), call("delete_all"));
    let house = guarded();
    for (name, refused, status) in [
        ("no JSON", broken, 400),
        ("a member twice", with_body(twice), 400),
        ("ids twice in a batch", with_body(&batch), 400),
        ("a batch of today", with_body(&batch).header("mcp-protocol-version", "2025-11-25"), 400),
        ("a header that says another", read().header("mcp-method", "ping"), 400),
        ("an unknown revision", read().header("mcp-protocol-version", "2099-01-01"), 400),
        (
            "text",
            ask("POST", "/mcp")
                .header("content-type", "text/plain")
                .body(call("read_file").to_string()),
            415,
        ),
        ("no type", ask("POST", "/mcp").body(call("read_file").to_string()), 415),
        ("compressed", read().header("content-encoding", "gzip"), 415),
        ("another method", ask("PUT", "/mcp"), 405),
        ("HEAD", ask("HEAD", "/mcp"), 405),
        ("a body on GET", ask("GET", "/mcp").body("{}"), 400),
    ] {
        let answer = refused.bearer(&good()).of(&house.app).await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {answer:?}");
        assert_eq!(answer.challenge(), None, "{name}");
        assert_eq!(
            answer.header("allow"),
            (status == 405).then_some("POST, GET, DELETE"),
            "{name}"
        );
        assert!(answer.json()["error"]["code"].is_i64(), "{name}: {}", answer.json());
        assert_eq!(house.inner.count(), 0, "{name}");
    }
    for (name, accepted) in [
        ("a call", read()),
        ("a type with its charset", read_as("application/json; charset=utf-8")),
        ("a batch of old", read().body(format!("[{}]", call("read_file")))),
        ("a header that agrees", read().header("mcp-method", "tools/call")),
        ("a known revision", read().header("mcp-protocol-version", "2025-11-25")),
        ("as it is", read().header("content-encoding", "identity")),
        ("the stream", ask("GET", "/mcp")),
        ("the end of a session", ask("DELETE", "/mcp")),
    ] {
        let answer = accepted.bearer(&good()).of(&house.app).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {answer:?}");
    }
    let answer = read().body("{").bearer(&good()).of(&house.app).await;
    assert_eq!(answer.json(), rpc(-32700, answer.json()["error"]["message"].as_str().unwrap()));
}

fn read_as(kind: &str) -> Ask {
    ask("POST", "/mcp").header("content-type", kind).body(call("read_file").to_string())
}

// req: RS-15
#[tokio::test]
async fn an_issuer_that_cannot_be_asked_is_no_verdict() {
    let keys = Published::of(&[TestKey::P256]);
    let auth = portcullis_resource::Auth::resource(AUDIENCE);
    let clock = crate::house::Hands::new();
    let house = house(auth.issuer(issuer(&keys)).surroundings(crate::house::by(&clock)));
    keys.away();
    let answer = read().bearer(&good()).of(&house.app).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(answer.challenge(), None);
    let told = "the token cannot be checked right now";
    let body = json!({ "error": "temporarily_unavailable", "error_description": told });
    assert_eq!(answer.json(), body);
    let nobody = read().of(&house.app).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "nothing needs to be asked about that");
    keys.number(Some(1));
    keys.replace(&[TestKey::P256]);
    assert_eq!(read().bearer(&good()).of(&house.app).await.status, StatusCode::OK);
    let other = Signer::new(TestKey::P256).sign(&claims_with(&json!({ "sub": "bob" })));
    assert_eq!(read().bearer(&other).of(&house.app).await.status, StatusCode::OK);
}
