//! Who is calling, for the code that answers.

use axum::Router;
use axum::routing::post as on_post;
use http::{Extensions, StatusCode};
use portcullis_core::token::ClaimPath;
use portcullis_resource::{NoPrincipal, Principal, principal};
use serde_json::json;

use crate::house::{ask, auth, call, good, post, token};

async fn who(caller: Principal) -> String {
    let tenant = ClaimPath::new(["org", "tenant"]).unwrap();
    let tool = caller.permit().calls()[0].targets()[0].text().to_owned();
    format!(
        "{} by {} of {}, may write: {}, tenant {:?}, asks for {tool}",
        caller.subject().unwrap_or("nobody"),
        caller.client_id().unwrap_or("nothing"),
        caller.issuer(),
        caller.has_scope("files:write"),
        caller.claim(&tenant),
    )
}

#[tokio::test]
async fn a_handler_knows_its_caller() {
    let auth = auth().build().unwrap();
    let app = auth.protect("/mcp", Router::new().fallback(on_post(who)));
    let answer = post(&call("read")).bearer(&good()).of(&app).await;
    assert_eq!(
        answer.body,
        "alice by inspector of https://idp.example.com, may write: true, tenant [], asks for read"
    );
    let bob = json!({ "sub": "bob", "scope": "files:writer", "org": { "tenant": ["a", "b"] } });
    let answer = post(&call("read")).bearer(&token(&bob)).of(&app).await;
    assert_eq!(
        answer.body,
        "bob by inspector of https://idp.example.com, may write: false, tenant [\"a\", \"b\"], \
         asks for read"
    );
    // A client that speaks for itself, at an issuer that does not say so by `sub`.
    let client = token(&json!({ "sub": null, "scope": null }));
    let answer = post(&call("read")).bearer(&client).of(&app).await;
    assert!(answer.body.starts_with(b"nobody by inspector of "), "{:?}", answer.body);
    assert_eq!(post(&call("read")).of(&app).await.status, StatusCode::UNAUTHORIZED);
}

/// A handler that stands outside of the layer is a mistake of its author, and tells no caller why.
#[tokio::test]
async fn outside_of_the_layer_there_is_nobody() {
    let auth = auth().build().unwrap();
    let app = auth.protect("/mcp", Router::new().fallback(on_post(who)));
    let app = app.route("/open", on_post(who));
    let answer = ask("POST", "/open").bearer(&good()).of(&app).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::INTERNAL_SERVER_ERROR, 0));
    assert_eq!(principal(&Extensions::new()).unwrap_err(), NoPrincipal);
    assert_eq!(post(&call("x")).bearer(&good()).of(&app).await.status, StatusCode::OK);
}

/// What is noted of a caller shows who it is, and no token.
#[tokio::test]
async fn a_caller_is_shown_without_its_token() {
    let house = crate::house::house(auth());
    let good = good();
    post(&call("x")).bearer(&good).of(&house.app).await;
    let reached = house.inner.reached();
    let caller = principal(&reached[0].extensions).unwrap();
    let shown = format!("{caller:?}");
    let (_, signature) = good.rsplit_once('.').unwrap();
    assert!(shown.contains("alice") && !shown.contains(signature), "{shown}");
    let auth = auth().build().unwrap();
    let shown = format!("{auth:?}");
    assert!(shown.contains("https://mcp.example.com/mcp"), "{shown}");
}
