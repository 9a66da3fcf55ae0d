//! Who may call what, and several issuers.

use http::StatusCode;
use portcullis_core::policy::Rule;
use portcullis_core::scope::{Role, ScopeSet};
use portcullis_core::token::ClaimPath;
use portcullis_resource::{Auth, BadAuth, IssuerBuilder, Principal};
use serde_json::{Value, json};
use testkit::{AUDIENCE, Signer, TestKey, claims_with};

use crate::house::{
    Hands, House, METADATA, Published, auth, by, call, good, house, issuer, message, post, token,
};

const OTHER: &str = "https://other.example.com";

fn scoped(scope: &str) -> String {
    token(&json!({ "scope": scope }))
}

async fn status(house: &House, message: &Value, token: &str) -> StatusCode {
    post(message).bearer(token).of(&house.app).await.status
}

#[tokio::test]
async fn without_rules_everybody_with_a_token_may_do_everything() {
    let open = house(auth());
    for message in [
        call("x"),
        message("resources/read", &json!({ "uri": "file:///x" })),
        message("x/y", &json!({})),
    ] {
        assert_eq!(status(&open, &message, &scoped("")).await, StatusCode::OK);
    }
    let based = house(auth().base_scopes(["files:read", "files:list"]));
    assert_eq!(status(&based, &call("x"), &scoped("files:list files:read")).await, StatusCode::OK);
    assert_eq!(status(&based, &call("x"), &scoped("files:read")).await, StatusCode::FORBIDDEN);
    let handshake = message("initialize", &json!({}));
    assert_eq!(status(&based, &handshake, &scoped("")).await, StatusCode::OK);
}

#[tokio::test]
async fn rules_name_tools_prompts_and_resources() {
    let house = house(
        auth()
            .tool("read_*", [])
            .tool("write_*", ["files:write"])
            .allow("resources/read file:///public/**", [])
            .allow("prompts/get greet", ["chat"])
            .allow("acme/reindex", ["admin"]),
    );
    let read = |uri: &str| message("resources/read", &json!({ "uri": uri }));
    let prompt = |name: &str| message("prompts/get", &json!({ "name": name }));
    for (message, scope, allowed) in [
        (call("read_file"), "", true),
        (call("reads"), "admin chat files:write", false),
        (call("write_file"), "files:write", true),
        (call("write_file"), "chat", false),
        (read("file:///public/a/b"), "", true),
        (read("file:///private/a"), "admin chat files:write", false),
        (read("file:///public/../private/a"), "admin chat files:write", false),
        (prompt("greet"), "chat", true),
        (prompt("greet"), "", false),
        (prompt("other"), "chat", false),
        (message("acme/reindex", &json!({})), "admin", true),
        (message("acme/reindex", &json!({})), "", false),
        (message("acme/other", &json!({})), "admin", false),
        (message("tools/list", &json!({})), "", true),
    ] {
        let expected = if allowed { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(status(&house, &message, &scoped(scope)).await, expected, "{message}");
    }
}

/// What a client is told to ask for is enough, and one round of asking is.
// req: RS-7
#[tokio::test]
async fn a_step_up_turns_the_answer() {
    let house =
        house(auth().base_scopes(["files:read"]).tool("delete_*", ["files:write", "audit"]));
    let answer = post(&call("delete_all")).bearer(&scoped("files:read")).of(&house.app).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let challenge = answer.challenge().unwrap();
    let scope = challenge.split_once("scope=\"").unwrap().1.split_once('"').unwrap().0;
    assert_eq!(scope, "audit files:read files:write");
    assert!(challenge.contains(METADATA));
    assert_eq!(status(&house, &call("delete_all"), &scoped(scope)).await, StatusCode::OK);
}

#[tokio::test]
async fn a_rule_may_look_at_arguments_and_roles() {
    let narrow = Rule::allow(["tools/call read"]).unwrap().arg("path", ["/public/**"]).unwrap();
    let bosses = Rule::allow(["tools/call stop"]).unwrap().roles([Role::parse("boss").unwrap()]);
    let keys = Published::of(&[TestKey::P256]);
    let boss = Role::parse("boss").unwrap();
    let groups = ClaimPath::new(["groups"]).unwrap();
    let issuer = issuer(&keys).expecting(move |tokens| tokens.map_role(boss, groups, ["admins"]));
    let auth = Auth::resource(AUDIENCE).issuer(issuer).rule(narrow).rule(bosses);
    let house = house(auth.surroundings(by(&Hands::new())));
    let read = |path: &str| {
        message("tools/call", &json!({ "name": "read", "arguments": { "path": path } }))
    };
    assert_eq!(status(&house, &read("/public/x"), &good()).await, StatusCode::OK);
    assert_eq!(status(&house, &read("/private/x"), &good()).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&house, &call("read"), &good()).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&house, &call("stop"), &good()).await, StatusCode::FORBIDDEN);
    let token = token(&json!({ "groups": ["staff", "admins"] }));
    assert_eq!(status(&house, &call("stop"), &token).await, StatusCode::OK);
    let reached = house.inner.reached();
    let principal = |place: usize| reached[place].extensions.get::<Principal>().unwrap();
    assert!(!principal(0).has_role("boss") && principal(1).has_role("boss"));
}

/// Each issuer has its own keys and its own expectations, and people of one are not those of another.
// req: RS-3
#[tokio::test]
async fn several_issuers() {
    let (own, others) =
        (Published::of(&[TestKey::P256]), Published::by(OTHER, &[TestKey::P256Second]));
    let scopes: ScopeSet = "files:read".parse().unwrap();
    let other = IssuerBuilder::new(OTHER)
        .keys(others)
        .expecting(|tokens| tokens.accept_typ(["JWT"]).also_for(["api://files"]))
        .expecting(move |tokens| {
            let repository = ClaimPath::new(["repository"]).unwrap();
            tokens.default_scopes(scopes).access_token_claim(repository)
        });
    let auth = Auth::resource(AUDIENCE).issuer(issuer(&own)).issuer(other);
    let house = house(auth.base_scopes(["files:read"]).surroundings(by(&Hands::new())));
    let foreign = json!({
        "iss": OTHER, "aud": "api://files", "scope": null, "repository": "acme/app",
    });
    let workload = |key| Signer::new(key).typ("JWT").sign(&claims_with(&foreign));
    let (good_of_other, good_of_own) = (workload(TestKey::P256Second), good());
    for token in [&good_of_own, &good_of_other] {
        assert_eq!(status(&house, &call("x"), token).await, StatusCode::OK);
    }
    let reached = house.inner.reached();
    let issuers: Vec<&str> = reached
        .iter()
        .map(|reached| reached.extensions.get::<Principal>().unwrap().issuer().as_str())
        .collect();
    assert_eq!(issuers, [testkit::ISSUER, OTHER]);
    for refused in [
        // The key of one under the name of the other.
        workload(TestKey::P256),
        Signer::new(TestKey::P256Second).sign(&claims_with(&json!({}))),
        // What only the other may do.
        token(&json!({ "aud": "api://files" })),
        Signer::new(TestKey::P256).typ("JWT").sign(&claims_with(&json!({}))),
    ] {
        assert_eq!(status(&house, &call("x"), &refused).await, StatusCode::UNAUTHORIZED);
    }
    let document = crate::house::ask("GET", "/.well-known/oauth-protected-resource/mcp");
    let document = document.of(&house.app).await.json();
    assert_eq!(document["authorization_servers"], json!([testkit::ISSUER, OTHER]));
}

/// What cannot be meant is refused when it is built, and says what is wrong.
#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let said = |auth: portcullis_resource::AuthBuilder| match auth.build() {
        Ok(_) => String::new(),
        Err(bad) => bad.to_string(),
    };
    let named =
        |resource: &str| Auth::resource(resource).issuer(issuer(&Published::of(&[TestKey::P256])));
    for (auth, wanted) in [
        (named("mcp.example.com/mcp"), "resource \"mcp.example.com/mcp\": not an absolute URI"),
        (named("http://mcp.example.com/mcp"), "http is for loopback hosts only"),
        (named("https://mcp.example.com/mcp#x"), "fragment"),
        (Auth::resource(AUDIENCE), "nobody could sign in"),
        (auth().issuer("idp.example.com"), "issuer \"idp.example.com\": not an absolute URI"),
        (auth().base_scopes(["a b"]), "\"a b\" is no scope"),
        (auth().base_scopes(["offline_access"]), "offline_access is no scope of a resource"),
        (auth().tool("read", ["a\"b"]), "is no scope"),
        (auth().tool("{a,b}", []), "tools/call {a,b}"),
        (auth().tool("", []), "the pattern is empty"),
        (auth().allow("tools/cal x", []), "tools/cal x"),
        (
            auth().tool("*", []).tool("delete_*", ["files:write"]),
            "rule 2: \"tools/call delete_*\" asks in vain, since rule 1",
        ),
    ] {
        let said = said(auth);
        assert!(said.contains(wanted), "{said:?} lacks {wanted:?}");
    }
    assert_eq!(said(auth().tool("read", ["a"])), "");
}

/// Keys on the network are fetched by tasks.
#[test]
fn outside_of_a_runtime() {
    let build = || Auth::resource(AUDIENCE).issuer("https://idp.example.com").build();
    assert!(matches!(build(), Err(BadAuth::NoRuntime)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(async { build() }).is_ok());
    assert!(auth().build().is_ok(), "keys that are here need none");
}
